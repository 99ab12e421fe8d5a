#include "plugin/process/batch.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "plugin/batch_check.hpp"
#include "plugin/crossing.hpp"

namespace z4j::plugin::process {
namespace {

constexpr std::size_t kDictionaries = 6, kTexts = 4;
constexpr std::size_t kKeptWords = (8u << 20) / 8;

struct Counts {
  std::uint32_t rows = 0;
  std::uint32_t dict_rows[kDictionaries] = {};
  std::uint32_t dict_bytes[kDictionaries] = {};
  std::uint32_t text_bytes[kTexts] = {};
};

template <class Batch>
auto dictionaries(Batch& b) {
  return std::array{&b.project, &b.source, &b.engine, &b.task, &b.queue, &b.worker};
}
template <class Batch>
auto texts(Batch& b) {
  return std::array{&b.task_id, &b.parent_id, &b.root_id, &b.attrs_json};
}

std::uint32_t bytes_of(const z4j_strcol& column, std::uint32_t rows) noexcept {
  return column.offsets[rows] - column.offsets[0];
}

Counts counts_of(const z4j_event_batch& batch) noexcept {
  Counts out;
  out.rows = batch.rows;
  for (std::size_t i = 0; i < kDictionaries; ++i) {
    const z4j_dictcol& column = *dictionaries(batch)[i];
    out.dict_rows[i] = column.dict_rows;
    out.dict_bytes[i] = bytes_of(column.dict, column.dict_rows);
  }
  for (std::size_t i = 0; i < kTexts; ++i)
    out.text_bytes[i] = bytes_of(*texts(batch)[i], batch.rows);
  return out;
}

// Calls `column(bytes)` for each column in their order. The same walk measures, writes and reads.
template <class F>
void each_column(const Counts& c, F&& column) {
  const std::size_t rows = c.rows;
  for (const std::size_t size : {16u, 8u, 2u, 4u, 8u}) column(rows * size);
  for (std::size_t i = 0; i < kDictionaries; ++i) {
    column(rows * 4);
    column((std::size_t{c.dict_rows[i]} + 1) * 4);
    column(c.dict_bytes[i]);
  }
  for (const std::uint32_t bytes : c.text_bytes) {
    column((rows + 1) * 4);
    column(bytes);
  }
}

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

std::size_t total(const Counts& counts) {
  std::size_t out = aligned(sizeof(Counts));
  each_column(counts, [&](std::size_t bytes) { out += aligned(bytes); });
  return out;
}

// Offsets from 0 on, whatever the plugin's began with.
void put_offsets(char* to, const z4j_strcol& column, std::uint32_t rows) noexcept {
  const std::uint32_t first = column.offsets[0];
  if (first == 0) {
    std::memcpy(to, column.offsets, (std::size_t{rows} + 1) * 4);
    return;
  }
  for (std::size_t i = 0; i <= rows; ++i) {
    const std::uint32_t offset = column.offsets[i] - first;
    std::memcpy(to + i * 4, &offset, 4);
  }
}

void put_bytes(char* to, const void* from, std::size_t bytes) noexcept {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

base::Error malformed(std::string what) {
  return host_error(base::Code::invalid, "malformed event batch: " + std::move(what));
}

}  // namespace

std::size_t flat_bytes(const z4j_event_batch& batch) noexcept { return total(counts_of(batch)); }

void flatten(const z4j_event_batch& batch, std::span<char> to) noexcept {
  const Counts counts = counts_of(batch);
  char* at = to.data();
  std::memcpy(at, &counts, sizeof counts);
  at += aligned(sizeof counts);
  const auto put = [&](const void* from, std::size_t bytes) {
    put_bytes(at, from, bytes);
    at += aligned(bytes);
  };
  const auto put_texts = [&](const z4j_strcol& column, std::uint32_t rows) {
    put_offsets(at, column, rows);
    at += aligned((std::size_t{rows} + 1) * 4);
    const std::uint32_t bytes = bytes_of(column, rows);
    put(bytes > 0 ? column.data + column.offsets[0] : nullptr, bytes);
  };
  const std::size_t rows = batch.rows;
  put(batch.event_id, rows * 16);
  put(batch.time_us, rows * 8);
  put(batch.kind, rows * 2);
  put(batch.attempt, rows * 4);
  put(batch.runtime_us, rows * 8);
  for (const z4j_dictcol* column : dictionaries(batch)) {
    put(column->index, rows * 4);
    put_texts(column->dict, column->dict_rows);
  }
  for (const z4j_strcol* column : texts(batch)) put_texts(*column, batch.rows);
}

base::Result<z4j_event_batch> FlatBatch::copy(std::span<const char> shared) {
  Counts counts;
  if (shared.size() < sizeof counts) return malformed("it is cut short");
  std::memcpy(&counts, shared.data(), sizeof counts);
  std::uint64_t text = 0;
  for (const std::uint32_t bytes : counts.dict_bytes) text += bytes;
  for (const std::uint32_t bytes : counts.text_bytes) text += bytes;
  const bool are_few = std::all_of(std::begin(counts.dict_rows), std::end(counts.dict_rows),
                                   [](std::uint32_t rows) { return rows <= kMaxBatchRows + 1; });
  if (counts.rows == 0 || counts.rows > kMaxBatchRows || !are_few || text > kMaxBatchTextBytes)
    return malformed("it has more rows or bytes than it may");
  if (total(counts) != shared.size()) return malformed("its columns do not fill its place");

  if (words_.size() > kKeptWords) words_ = {};
  words_.resize(std::max(words_.size(), (shared.size() + 7) / 8));
  char* const copied = reinterpret_cast<char*>(words_.data());
  std::memcpy(copied, shared.data(), shared.size());
  const char* at = copied + aligned(sizeof counts);
  const auto column = [&](std::size_t bytes) {
    const char* const here = at;
    at += aligned(bytes);
    return here;
  };
  bool fits = true;
  const auto strings = [&](z4j_strcol& out, std::uint32_t rows, std::uint32_t bytes) {
    out.offsets = reinterpret_cast<const std::uint32_t*>(column((std::size_t{rows} + 1) * 4));
    out.data = column(bytes);
    fits = fits && out.offsets[0] == 0 && out.offsets[rows] == bytes;
  };
  const std::size_t rows = counts.rows;
  z4j_event_batch out{};
  out.struct_size = sizeof out;
  out.rows = counts.rows;
  out.event_id = reinterpret_cast<const std::uint8_t*>(column(rows * 16));
  out.time_us = reinterpret_cast<const std::int64_t*>(column(rows * 8));
  out.kind = reinterpret_cast<const std::uint16_t*>(column(rows * 2));
  out.attempt = reinterpret_cast<const std::uint32_t*>(column(rows * 4));
  out.runtime_us = reinterpret_cast<const std::int64_t*>(column(rows * 8));
  for (std::size_t i = 0; i < kDictionaries; ++i) {
    z4j_dictcol& dictionary = *dictionaries(out)[i];
    dictionary.index = reinterpret_cast<const std::uint32_t*>(column(rows * 4));
    dictionary.dict_rows = counts.dict_rows[i];
    strings(dictionary.dict, counts.dict_rows[i], counts.dict_bytes[i]);
  }
  for (std::size_t i = 0; i < kTexts; ++i)
    strings(*texts(out)[i], counts.rows, counts.text_bytes[i]);
  if (!fits) return malformed("its offsets do not end where its texts do");
  return out;
}

std::optional<std::size_t> RingPlaces::room(std::size_t count) const {
  if (places_.empty()) return count <= bytes_ ? std::optional<std::size_t>(0) : std::nullopt;
  const std::size_t oldest = places_.front().offset, newest = places_.back().end;
  if (newest > oldest) {
    if (count <= bytes_ - newest) return newest;
    return count < oldest ? std::optional<std::size_t>(0) : std::nullopt;
  }
  return count < oldest - newest ? std::optional<std::size_t>(newest) : std::nullopt;
}

std::optional<std::size_t> RingPlaces::take(std::size_t count) {
  count = std::max<std::size_t>(aligned(count), 8);
  if (count > bytes_) return std::nullopt;
  std::unique_lock lock(mutex_);
  std::optional<std::size_t> at;
  freed_.wait(lock, [&] {
    at = room(count);
    return at.has_value();
  });
  places_.push_back(Place{*at, *at + count, false});
  high_ = std::max(high_, *at + count);
  return at;
}

void RingPlaces::give_back(std::size_t offset) {
  const std::lock_guard lock(mutex_);
  for (Place& place : places_) {
    if (place.offset == offset) place.is_free = true;
  }
  while (!places_.empty() && places_.front().is_free) places_.pop_front();
  freed_.notify_all();
}

void RingPlaces::when_idle_beyond(std::size_t offset, const std::function<void()>& f) {
  const std::lock_guard lock(mutex_);
  if (!places_.empty() || high_ <= offset) return;
  high_ = 0;
  f();
}

}  // namespace z4j::plugin::process
