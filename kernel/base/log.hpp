// Log lines: one event each, static text and fields.
//
// Lines go to one sink, as JSON ({"timestamp","level","event",...}) or as console text; control
// characters are escaped, so a line can't be split or coloured by data. Values of fields named like
// secrets (password, token, secret, authorization, cookie, ...) are masked. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.hpp"

namespace z4j::base {

enum class Level { trace, debug, info, warn, error };

[[nodiscard]] std::string_view to_string(Level level) noexcept;
[[nodiscard]] bool parse_level(std::string_view text, Level& out) noexcept;

// One field; numbers and bools are written bare.
struct Field {
  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const char* text) : key(name), value(text) {}
  Field(std::string_view name, const std::string& text) : key(name), value(text) {}
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Field(std::string_view name, T number) : key(name), bare(true) {
    if constexpr (std::is_same_v<T, bool>)
      value = number ? "true" : "false";
    else
      value = std::to_string(number);
  }
  std::string_view key;
  std::string value;
  bool bare = false;
};
using Fields = std::initializer_list<Field>;

class Log {
 public:
  enum class Form { console, json };
  using Sink = std::function<void(std::string_view line)>;  // a whole line, with its newline

  Log(Form form, Level lowest, Sink sink, const Clock& clock);
  [[nodiscard]] static std::unique_ptr<Log> to_stderr(Form form, Level lowest, const Clock& clock);
  // Keeps nothing: for tests.
  [[nodiscard]] static Log& quiet();

  [[nodiscard]] bool keeps(Level level) const noexcept { return level >= lowest_; }
  [[nodiscard]] Level lowest() const noexcept { return lowest_; }
  void write(Level level, std::string_view event, const Field* fields, std::size_t count);
  void write(Level level, std::string_view event, Fields fields) {
    write(level, event, fields.begin(), fields.size());
  }

  void debug(std::string_view event, Fields fields = {}) { write(Level::debug, event, fields); }
  void info(std::string_view event, Fields fields = {}) { write(Level::info, event, fields); }
  void warn(std::string_view event, Fields fields = {}) { write(Level::warn, event, fields); }
  void error(std::string_view event, Fields fields = {}) { write(Level::error, event, fields); }

 private:
  const Form form_;
  const Level lowest_;
  const Clock& clock_;
  std::mutex mutex_;
  Sink sink_;  // guarded by mutex_
};

}  // namespace z4j::base
