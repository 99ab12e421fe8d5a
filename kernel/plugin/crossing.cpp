#include "plugin/crossing.hpp"

#include <algorithm>
#include <cstring>

namespace z4j::plugin {
namespace {

base::Code code_of(z4j_status status) {
  switch (status) {
    case Z4J_INVALID:
    case Z4J_NOT_FOUND:
    case Z4J_CONFLICT:
    case Z4J_UNSUPPORTED:
    case Z4J_DENIED:
    case Z4J_BAD_CONFIG:
    case Z4J_BAD_STATE:
    case Z4J_TOO_LARGE:
    case Z4J_BUSY:
    case Z4J_UNAVAILABLE:
    case Z4J_TIMEOUT:
    case Z4J_IO:
    case Z4J_CANCELLED:
    case Z4J_UNKNOWN:
    case Z4J_INTERNAL:
    case Z4J_NO_MEMORY:
    case Z4J_CORRUPT:
      return static_cast<base::Code>(status);
    default:
      break;
  }
  if (status >= 100 && status < 200) return base::Code::invalid;
  if (status >= 200 && status < 300) return base::Code::unavailable;
  return base::Code::internal;
}

void copy_text(char* to, std::size_t room, std::string_view from) noexcept {
  const std::string_view part = cut(from, room - 1);
  if (!part.empty()) std::memcpy(to, part.data(), part.size());
  to[part.size()] = '\0';
}

}  // namespace

bool has_word(std::string_view words, std::string_view word) noexcept {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    if (words.substr(0, end) == word) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

std::string_view cut(std::string_view text, std::size_t max) noexcept {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0u) == 0x80u) --max;
  return text.substr(0, max);
}

z4j_error blank_error() noexcept {
  z4j_error error{};
  error.struct_size = sizeof error;
  return error;
}

base::Error error_from(z4j_status status, const z4j_error* error) {
  base::Error out;
  out.code = code_of(status);
  if (Z4J_REACHES(error, z4j_error, message)) {
    out.message.assign(error->message, ::strnlen(error->message, sizeof error->message));
    out.where.assign(error->where, ::strnlen(error->where, sizeof error->where));
    out.retry_after_ms = error->retry_after_ms;
  }
  if (out.message.empty()) {
    out.message =
        std::string("the plugin answered ") + base::to_string(out.code) + " without a reason";
  }
  return out;
}

z4j_status write_error(z4j_error* to, const base::Error& from) noexcept {
  const auto number = static_cast<z4j_status>(from.code);
  const z4j_status status = number >= 100 && number < 400 ? number : Z4J_INTERNAL;
  if (Z4J_REACHES(to, z4j_error, message)) {
    to->code = status;
    to->retry_after_ms = from.retry_after_ms;
    copy_text(to->where, sizeof to->where, from.where);
    copy_text(to->message, sizeof to->message, from.message);
  }
  return status;
}

base::Error host_error(base::Code code, std::string message, std::string hint) {
  return base::Error{
      .code = code, .message = std::move(message), .where = {}, .hint = std::move(hint)};
}

}  // namespace z4j::plugin
