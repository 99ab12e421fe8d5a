// Which passwords are good enough, and hashing them without handing the machine to whoever asks.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::core {

inline constexpr std::size_t kPasswordMaxLength = 256;

// `code` is one of password_too_short, password_too_long, password_too_simple,
// password_in_breach_list.
struct PasswordProblem {
  std::string_view code;
  std::string message;
  [[nodiscard]] base::Error error() const;  // invalid, reason = code
};

// Length counts characters, not bytes. Below 16 characters three of lower, upper, digit, other are
// needed; common words with a year, one character again and again, and common_passwords() are
// refused in any case.
[[nodiscard]] std::optional<PasswordProblem> check_password(std::string_view password,
                                                            int min_length);

// Each between blanks or newlines, in lower case, printable ASCII; constant, in the program's text.
[[nodiscard]] std::string_view common_passwords() noexcept;

// argon2id, at most so many at once; callers queue for a bounded time, and not too many of them.
// Thread-safe. Errors: busy.
class PasswordHasher {
 public:
  struct Options {
    unsigned parallel = 2;
    unsigned max_waiting = 64;
    int wait_ms = 10'000;
  };
  explicit PasswordHasher(Options options);
  PasswordHasher() : PasswordHasher(Options{}) {}

  [[nodiscard]] base::Result<std::string> hash(std::string_view password);
  [[nodiscard]] base::Result<bool> verify(std::string_view phc, std::string_view password);
  // Costs as much as verify() of a real hash.
  [[nodiscard]] base::Status verify_dummy(std::string_view password);

 private:
  class Turn;
  const Options options_;
  std::mutex mutex_;
  std::condition_variable freed_;
  unsigned running_ = 0, waiting_ = 0;  // guarded by mutex_
};

}  // namespace z4j::core
