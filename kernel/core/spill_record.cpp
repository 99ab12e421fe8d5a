#include "core/spill_record.hpp"

#include <zlib.h>

#include <cstring>
#include <type_traits>

#include "core/leases.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

constexpr base::TimeUs kLastTime = 253'402'300'799 * base::kSecondUs;  // end of the year 9999
constexpr std::uint32_t kMark = 0x326C707A;                            // "zpl2"
constexpr std::size_t kMaxNameBytes = 4 * 512;
constexpr std::size_t kMaxNameCharacters = 512;
// The least that a row takes: two ids, six numbers and eight lengths.
constexpr std::size_t kLeastRowBytes = 16 + 16 + 8 + 8 + 4 + 2 + 2 + 8 * 4;

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// Of two bytes or more.
template <class T>
void put(std::string& out, T number) {
  using Bits = std::make_unsigned_t<T>;
  auto bits = static_cast<Bits>(number);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out += static_cast<char>(bits & 0xFF);
    bits = static_cast<Bits>(bits >> 8);
  }
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// Takes what is there and remembers when something was not.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}

  template <class T>
  T number() {
    std::make_unsigned_t<T> bits = 0;
    const std::string_view from = raw(sizeof(T));
    for (std::size_t i = from.size(); i-- > 0;)
      bits = static_cast<decltype(bits)>((bits << 8) | static_cast<unsigned char>(from[i]));
    return static_cast<T>(bits);
  }
  std::string_view raw(std::size_t size) {
    if (size > left_.size()) {
      is_good_ = false;
      left_ = {};
      return {};
    }
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }
  std::string_view text(std::size_t max_bytes) {
    const auto size = number<std::uint32_t>();
    if (size <= max_bytes) return raw(size);
    is_good_ = false;
    return {};
  }
  base::Uuid uuid() {
    base::Uuid id;
    const std::string_view bytes = raw(id.bytes.size());
    if (!bytes.empty()) std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
    return id;
  }
  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  [[nodiscard]] std::size_t left() const noexcept { return left_.size(); }

 private:
  std::string_view left_;
  bool is_good_ = true;
};

}  // namespace

std::string write_spill_record(const Parcel& parcel, const Redactor& redactor) {
  std::string body;
  body += parcel.source.project_id.view();
  body += parcel.source.agent_id.view();
  put_text(body, std::string_view(parcel.source.instance).substr(0, kMaxNameBytes));
  const Fence fence = parcel.source.fence ? *parcel.source.fence : Fence{};
  put_text(body, std::string_view(fence.name).substr(0, kMaxNameBytes));
  body += fence.owner.view();
  put(body, fence.number);
  put(body, parcel.taken_at);
  put(body, static_cast<std::uint32_t>(parcel.events.size()));
  std::string attrs;
  for (const RawEvent& raw : parcel.events) {
    const RawEvent e = scrub(raw, parcel.source, parcel.taken_at, redactor, attrs);
    body += e.given_id.view();
    body += e.id.view();
    put(body, e.scrubbed);
    put(body, e.time);
    put(body, e.runtime_us);
    put(body, e.attempt);
    put(body, e.kind);
    for (const std::string_view text :
         {e.engine, e.task, e.queue, e.worker, e.task_id, e.parent_id, e.root_id, e.attrs})
      put_text(body, text);
  }
  return seal_spill_body(body);
}

std::string seal_spill_body(std::string_view body) {
  std::string record;
  record.reserve(kSpillHeadBytes + body.size());
  put(record, kMark);
  put(record, static_cast<std::uint32_t>(body.size()));
  put(record, crc_of(body));
  put(record, crc_of(record));
  record += body;
  return record;
}

std::optional<SpillHead> read_spill_head(std::string_view bytes) {
  if (bytes.size() < kSpillHeadBytes) return std::nullopt;
  Reader in(bytes.substr(0, kSpillHeadBytes));
  const auto mark = in.number<std::uint32_t>();
  SpillHead head;
  head.body_bytes = in.number<std::uint32_t>();
  head.body_crc = in.number<std::uint32_t>();
  const auto crc = in.number<std::uint32_t>();
  if (mark != kMark || crc != crc_of(bytes.substr(0, kSpillHeadBytes - 4)) ||
      head.body_bytes > kMaxSpillBody)
    return std::nullopt;
  return head;
}

std::shared_ptr<Parcel> read_spill_body(const SpillHead& head, std::string_view body) {
  if (body.size() != head.body_bytes || crc_of(body) != head.body_crc) return nullptr;
  auto parcel = std::make_shared<Parcel>();
  parcel->text = std::make_unique_for_overwrite<char[]>(body.size() + 1);
  std::memcpy(parcel->text.get(), body.data(), body.size());
  Reader in(std::string_view(parcel->text.get(), body.size()));
  const auto name = [&]() -> std::string_view {
    const std::string_view text = in.text(kMaxNameBytes);
    if (is_utf8(text) && text.find('\0') == std::string_view::npos &&
        (text.size() <= kMaxNameCharacters || count_characters(text) <= kMaxNameCharacters))
      return text;
    return parcel->repaired.emplace_back(clean_text(text, kMaxNameCharacters));
  };
  parcel->source.project_id = in.uuid();
  parcel->source.agent_id = in.uuid();
  parcel->source.instance = name();
  parcel->source.is_stream = true;
  auto fence = std::make_shared<Fence>();
  fence->name = name();
  fence->owner = in.uuid();
  fence->number = in.number<std::int64_t>();
  if (!fence->name.empty()) parcel->source.fence = std::move(fence);
  parcel->taken_at = in.number<std::int64_t>();
  const auto rows = in.number<std::uint32_t>();
  const bool is_a_time = parcel->taken_at >= 0 && parcel->taken_at <= kLastTime;
  if (!in.is_good() || !is_a_time || rows == 0 || rows > in.left() / kLeastRowBytes) return nullptr;
  parcel->events.resize(rows);
  for (RawEvent& e : parcel->events) {
    e.given_id = in.uuid();
    e.id = in.uuid();
    e.scrubbed = in.number<std::uint16_t>();
    e.time = in.number<std::int64_t>();
    e.runtime_us = in.number<std::int64_t>();
    e.attempt = in.number<std::uint32_t>();
    e.kind = in.number<std::uint16_t>();
    for (std::string_view* text :
         {&e.engine, &e.task, &e.queue, &e.worker, &e.task_id, &e.parent_id, &e.root_id})
      *text = name();
    e.attrs = in.text(kMaxSpillBody);
  }
  if (!in.is_good() || in.left() != 0) return nullptr;
  return parcel;
}

}  // namespace z4j::core
