// A value or an Error: how functions report what can go wrong in a healthy system.
//
// Codes are those of the plugin ABI (sdk/include/z4j/abi.h), so that a driver's answer keeps its
// class on the way up: 1xx the caller is wrong, 2xx the world is wrong (retry may help), 3xx a
// plugin is wrong, 4xx we are. Messages start with lower case, say what was tried, what is expected
// and what to do next, and hold no secret.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>

namespace z4j::base {

enum class Code : std::int32_t {
  ok = 0,
  invalid = 100,
  not_found = 101,
  conflict = 102,
  unsupported = 103,
  denied = 104,
  bad_config = 105,
  bad_state = 106,
  too_large = 107,
  busy = 200,
  unavailable = 201,
  timeout = 202,
  io = 203,
  cancelled = 204,
  unknown = 205,
  internal = 300,
  no_memory = 301,
  corrupt = 302,
  bug = 400
};

[[nodiscard]] const char* to_string(Code code) noexcept;

struct Error {
  Code code = Code::bug;
  std::string message;
  std::string where;                 // file:line, JSON pointer, table or ""
  std::string hint;                  // what to do, or ""
  std::uint32_t retry_after_ms = 0;  // 0: the caller's own back-off

  [[nodiscard]] bool is_world() const noexcept {
    return static_cast<int>(code) >= 200 && static_cast<int>(code) < 300;
  }
  // "where: message (hint)" for a log line or a terminal.
  [[nodiscard]] std::string text() const;
};

// Thrown by Z4J_CHECK and by Result::value() on an error: a broken invariant of ours.
class Bug : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return ok(); }

  [[nodiscard]] T& value() & {
    check();
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    check();
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    check();
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& { return *std::get_if<1>(&state_); }
  [[nodiscard]] Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  void check() const {
    if (!ok()) throw Bug("value of a failed result: " + error().text());
  }
  std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error&& error() && { return std::move(*error_); }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

[[noreturn]] void fail_check(const char* expression, const char* file, int line);

}  // namespace z4j::base

// An invariant of ours; checked in release builds too, never used on input.
#define Z4J_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::z4j::base::fail_check(#expression, __FILE__, __LINE__))
