// The RESP2 reader: bytes in, replies out, in any cut. Bounded: a hostile peer can make it throw,
// but not make it hold more than `max_bytes` for one reply. Not thread-safe. Source: the Redis
// serialization protocol specification, version 2.
#pragma once

#include "lib/redis/redis.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::redis {

class RespReader {
 public:
  explicit RespReader(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  void feed(std::string_view bytes) { buffer_.append(bytes); }

  // The next complete reply, or nothing when more bytes are needed. Throws Z4J_BAD_CONFIG when the
  // bytes are not RESP2 and Z4J_TOO_LARGE beyond the limits; the reader is of no use afterwards.
  std::optional<Reply> next();

  // Nothing is buffered and no reply is half read.
  [[nodiscard]] bool idle() const noexcept { return at_ == buffer_.size() && open_.empty(); }

 private:
  struct Frame {
    Reply array;
    std::size_t missing;
  };
  // One value without its items; nothing when more bytes are needed.
  std::optional<Reply> value(std::size_t& items);
  std::optional<std::string_view> line();
  void charge(std::size_t bytes);
  void compact();

  std::size_t max_bytes_;
  std::size_t spent_ = 0;  // of the reply being read
  std::string buffer_;
  std::size_t at_ = 0;
  std::optional<std::size_t> bulk_;  // length of the bulk string whose bytes are awaited
  std::vector<Frame> open_;          // arrays being filled, outermost first
};

// The request form: an array of bulk strings.
void append_command(std::string& out, const Args& args);

}  // namespace z4j::redis
