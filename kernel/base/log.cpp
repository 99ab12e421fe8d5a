#include "base/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/log_scope.hpp"

namespace z4j::base {
namespace {

constexpr std::size_t kLongestValue = 4096;

bool names_a_secret(std::string_view key) {
  static constexpr std::string_view kParts[] = {"password", "token",  "secret", "authorization",
                                                "cookie",   "passwd", "api_key"};
  for (const auto part : kParts) {
    if (key.find(part) != std::string_view::npos) return true;
  }
  return false;
}

// JSON string escapes; bytes of broken UTF-8 and C1 controls become '?', so a terminal is safe too.
void append_escaped(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  if (text.size() > kLongestValue) text = text.substr(0, kLongestValue);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
}

void write_to_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n <= 0) return;
    line.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string_view to_string(Level level) noexcept {
  switch (level) {
    case Level::trace:
      return "trace";
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "error";
}

bool parse_level(std::string_view text, Level& out) noexcept {
  for (const Level level : {Level::trace, Level::debug, Level::info, Level::warn, Level::error}) {
    if (text == to_string(level)) {
      out = level;
      return true;
    }
  }
  return false;
}

Log::Log(Form form, Level lowest, Sink sink, const Clock& clock)
    : form_(form), lowest_(lowest), clock_(clock), sink_(std::move(sink)) {}

std::unique_ptr<Log> Log::to_stderr(Form form, Level lowest, const Clock& clock) {
  return std::make_unique<Log>(form, lowest, write_to_stderr, clock);
}

Log& Log::quiet() {
  static const SystemClock clock;
  static Log log(
      Form::json, Level::error, [](std::string_view) {}, clock);
  return log;
}

void Log::write(Level level, std::string_view event, const Field* fields, std::size_t count) {
  if (!keeps(level)) return;
  std::string line;
  const std::string time = format_time(clock_.now());
  if (form_ == Form::json) {
    line += "{\"timestamp\":\"" + time + "\",\"level\":\"" + std::string(to_string(level)) +
            "\",\"event\":\"";
    append_escaped(line, event);
    line += '"';
  } else {
    line += time + ' ' + std::string(to_string(level)) + ' ';
    append_escaped(line, event);
  }
  const auto append = [&](std::string_view key, std::string_view value, bool bare) {
    if (form_ == Form::json) {
      line += ",\"";
      append_escaped(line, key);
      line += "\":";
    } else {
      line += ' ';
      append_escaped(line, key);
      line += '=';
    }
    if (names_a_secret(key)) {
      line += "\"***\"";
    } else if (bare) {
      line += value;
    } else {
      line += '"';
      append_escaped(line, value);
      line += '"';
    }
  };
  for (std::size_t i = 0; i < count; ++i) append(fields[i].key, fields[i].value, fields[i].bare);
  LogScope::each([&](std::string_view key, std::string_view value) {
    if (std::none_of(fields, fields + count, [&](const Field& own) { return own.key == key; }))
      append(key, value, false);
  });
  line += form_ == Form::json ? "}\n" : "\n";
  const std::lock_guard lock(mutex_);
  sink_(line);
}

}  // namespace z4j::base
