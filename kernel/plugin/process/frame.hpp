// The frames between the kernel and the process of a plugin: a header of 16 bytes, then as many
// bytes as it says. Values are little-endian, texts are a length and bytes.
//
// A frame with an id asks for a reply with that id; id 0 asks for none. What arrives is hostile:
// the header is checked against who sent it before its payload is read, and unpack() refuses what
// is cut short, too long or followed by more.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.hpp"

namespace z4j::plugin::process {

enum class Kind : std::uint16_t {
  reply = 1,
  // To the plugin's process: functions of its tables, and what it waits for.
  load = 16,
  validate,
  create,
  start,
  stop,
  destroy,
  cancel,
  posted,
  dropped,
  engine_capabilities,
  command,
  snapshot,
  scheduler_capabilities,
  list,
  put,
  remove,
  trigger,
  preview,
  edited,
  send,
  handle,
  http_answer,
  submit_answer,
  // From it: functions of the host's tables.
  log = 64,
  fault,
  complete,
  emit,
  health,
  post,
  secret,
  metric,
  notice,
  notices_gap,
  http_call,
  addresses,
  reply_begin,
  reply_write,
  submit,
  store_now,
  store_lead,
  store_resign,
  store_due,
  store_changed,
  store_read,
  store_watch,
  store_plan,
  store_fire
};
// As the plugin's author knows it: "command", "emit".
[[nodiscard]] const char* to_string(Kind kind) noexcept;

enum class Way { to_plugin, from_plugin };

struct Header {
  std::uint32_t bytes = 0;  // of the payload
  Kind kind = Kind::reply;
  std::uint64_t id = 0;
};
inline constexpr std::size_t kHeaderBytes = 16;
inline constexpr std::uint32_t kMostReplyBytes = 16u << 20;

// The longest payload of that kind.
[[nodiscard]] std::uint32_t most_bytes(Kind kind) noexcept;
[[nodiscard]] std::string header_bytes(const Header& header);
// `bytes` has kHeaderBytes. The error tells what is wrong with a frame that goes that way.
[[nodiscard]] base::Result<Header> read_header(std::string_view bytes, Way way);

class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : left_(bytes) {}

  template <class T>
  void take(T& to) noexcept {
    if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>) {
      std::uint32_t size = 0;
      take(size);
      to = T(bytes(size));
    } else {
      static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
      const std::string_view raw = bytes(sizeof(T));
      if (is_good_) std::memcpy(&to, raw.data(), sizeof(T));
    }
  }
  // Exactly that many; "" when they are not there.
  std::string_view bytes(std::size_t count) noexcept {
    if (!is_good_ || count > left_.size()) {
      is_good_ = false;
      return {};
    }
    const std::string_view out = left_.substr(0, count);
    left_.remove_prefix(count);
    return out;
  }
  [[nodiscard]] bool is_good() const noexcept { return is_good_; }
  // Good, and nothing is left.
  [[nodiscard]] bool is_done() const noexcept { return is_good_ && left_.empty(); }

 private:
  std::string_view left_;
  bool is_good_ = true;
};

class Writer {
 public:
  template <class T>
  void put(const T& value) {
    if constexpr (std::is_convertible_v<const T&, std::string_view>) {
      const std::string_view text(value);
      put(static_cast<std::uint32_t>(text.size()));
      bytes_ += text;
    } else {
      static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
      char raw[sizeof(T)];
      std::memcpy(raw, &value, sizeof(T));
      bytes_.append(raw, sizeof raw);
    }
  }
  void raw(std::string_view bytes) { bytes_ += bytes; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

template <class... Values>
[[nodiscard]] std::string pack(const Values&... values) {
  Writer out;
  (out.put(values), ...);
  return out.take();
}

// False when `bytes` is anything but these values. Views point into `bytes`.
template <class... Values>
[[nodiscard]] bool unpack(std::string_view bytes, Values&... values) {
  Reader in(bytes);
  (in.take(values), ...);
  return in.is_done();
}

}  // namespace z4j::plugin::process
