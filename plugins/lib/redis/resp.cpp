#include "lib/redis/resp.hpp"

#include <z4j/plugin.hpp>

#include <charconv>
#include <utility>

namespace z4j::redis {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxLine = 64u << 10;

[[noreturn]] void not_resp(std::string_view why) {
  throw Error(Z4J_BAD_CONFIG, "the peer does not speak the Redis protocol (" + std::string(why) +
                                  "); check host, port and whether the scheme must be rediss://");
}

std::int64_t resp_number(std::string_view text) {
  std::int64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size()) not_resp("a number was expected");
  return n;
}

}  // namespace

void RespReader::charge(std::size_t bytes) {
  spent_ += bytes;
  if (spent_ > max_bytes_) {
    throw Error(Z4J_TOO_LARGE,
                "a reply of Redis is larger than " + std::to_string(max_bytes_) + " bytes");
  }
}

void RespReader::compact() {
  if (at_ == buffer_.size()) {
    buffer_.clear();
    at_ = 0;
  } else if (at_ > 65536 && at_ > buffer_.size() / 2) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
}

std::optional<std::string_view> RespReader::line() {
  const std::size_t end = buffer_.find("\r\n", at_);
  if (end == std::string::npos) {
    if (buffer_.size() - at_ > kMaxLine) not_resp("a line without end");
    return std::nullopt;
  }
  if (end - at_ > kMaxLine) not_resp("a line too long");
  const std::string_view text = std::string_view(buffer_).substr(at_, end - at_);
  at_ = end + 2;
  return text;
}

std::optional<Reply> RespReader::value(std::size_t& items) {
  items = 0;
  Reply reply;
  if (!bulk_) {
    if (at_ == buffer_.size()) return std::nullopt;
    const char kind = buffer_[at_];
    if (std::string_view("+-:$*").find(kind) == std::string_view::npos)
      not_resp("unknown type byte");
    const auto text = line();
    if (!text) return std::nullopt;
    const std::string_view rest = text->substr(1);
    charge(sizeof(Reply));
    switch (kind) {
      case '+':
      case '-':
        charge(rest.size());
        reply.type = kind == '+' ? Reply::Type::status : Reply::Type::error;
        reply.text = rest;
        return reply;
      case ':':
        reply.type = Reply::Type::integer;
        reply.integer = resp_number(rest);
        return reply;
      default:
        break;
    }
    const std::int64_t length = resp_number(rest);
    if (length == -1) return reply;
    if (length < 0) not_resp("a negative length");
    if (kind == '*') {
      if (static_cast<std::uint64_t>(length) > max_bytes_ / sizeof(Reply)) charge(max_bytes_);
      reply.type = Reply::Type::array;
      items = static_cast<std::size_t>(length);
      return reply;
    }
    if (static_cast<std::uint64_t>(length) > max_bytes_) charge(max_bytes_);
    charge(static_cast<std::size_t>(length));
    bulk_ = static_cast<std::size_t>(length);
  }
  if (buffer_.size() - at_ < *bulk_ + 2) return std::nullopt;
  if (buffer_[at_ + *bulk_] != '\r' || buffer_[at_ + *bulk_ + 1] != '\n')
    not_resp("a string without end");
  reply.type = Reply::Type::bulk;
  reply.text.assign(buffer_, at_, *bulk_);
  at_ += *bulk_ + 2;
  bulk_.reset();
  return reply;
}

std::optional<Reply> RespReader::next() {
  for (;;) {
    std::size_t items = 0;
    std::optional<Reply> reply = value(items);
    if (!reply) {
      compact();
      return std::nullopt;
    }
    if (items > 0) {
      if (open_.size() >= kMaxDepth) not_resp("arrays nested too deep");
      open_.push_back(Frame{std::move(*reply), items});
      continue;
    }
    while (!open_.empty()) {
      Frame& top = open_.back();
      top.array.items.push_back(std::move(*reply));
      if (--top.missing > 0) break;
      reply = std::move(top.array);
      open_.pop_back();
      if (open_.empty()) {
        spent_ = 0;
        compact();
        return reply;
      }
    }
    if (open_.empty()) {
      spent_ = 0;
      compact();
      return reply;
    }
  }
}

void append_command(std::string& out, const Args& args) {
  out += '*';
  out += std::to_string(args.size());
  out += "\r\n";
  for (const std::string& arg : args) {
    out += '$';
    out += std::to_string(arg.size());
    out += "\r\n";
    out += arg;
    out += "\r\n";
  }
}

}  // namespace z4j::redis
