#include "core/passwords.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/crypto.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

// Words that people put a year behind to satisfy a rule.
constexpr std::array<std::string_view, 26> kPasswordStems{
    "spring",  "summer",  "autumn",  "fall",    "winter",   "password", "passwort",
    "welcome", "admin",   "letmein", "qwerty",  "changeme", "secret",   "login",
    "test",    "company", "monday",  "january", "june",     "july",     "december",
    "hello",   "master",  "dragon",  "celery",  "z4j"};

bool is_stem_with_year(std::string_view lower) {
  static constexpr std::string_view kMarks = "!@#$%*.,-_ ?+";
  while (!lower.empty() && kMarks.find(lower.back()) != std::string_view::npos)
    lower.remove_suffix(1);
  for (const std::string_view stem : kPasswordStems) {
    if (!lower.starts_with(stem)) continue;
    std::string_view rest = lower.substr(stem.size());
    while (!rest.empty() && kMarks.find(rest.front()) != std::string_view::npos)
      rest.remove_prefix(1);
    const bool all_digits =
        std::all_of(rest.begin(), rest.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!all_digits) continue;
    if (rest.size() == 2 ||
        (rest.size() == 4 && (rest.starts_with("19") || rest.starts_with("20"))))
      return true;
  }
  return false;
}

constexpr std::string_view kBlanks = " \n";

bool is_listed(std::string_view lower) {
  if (lower.find_first_of(kBlanks) != std::string_view::npos) return false;
  const std::string_view all = common_passwords();
  for (std::size_t at = all.find(lower); at != std::string_view::npos;
       at = all.find(lower, at + 1)) {
    if (kBlanks.find(all[at - 1]) != std::string_view::npos &&
        kBlanks.find(all[at + lower.size()]) != std::string_view::npos)
      return true;
  }
  return false;
}

bool is_common(std::string_view lower) {
  if (is_listed(lower)) return true;
  const bool one_character =
      std::all_of(lower.begin(), lower.end(), [&](char c) { return c == lower.front(); });
  return one_character || is_stem_with_year(lower);
}

int character_classes(std::string_view password) {
  bool lower = false, upper = false, digit = false, other = false;
  for (const char c : password) {
    if (c >= 'a' && c <= 'z')
      lower = true;
    else if (c >= 'A' && c <= 'Z')
      upper = true;
    else if (c >= '0' && c <= '9')
      digit = true;
    else
      other = true;
  }
  return int{lower} + int{upper} + int{digit} + int{other};
}

constexpr std::size_t kPassphraseLength = 16;  // from here on length makes up for classes

}  // namespace

base::Error PasswordProblem::error() const { return refuse::invalid(code, message); }

std::optional<PasswordProblem> check_password(std::string_view password, int min_length) {
  const auto length = count_characters(password);
  if (length < static_cast<std::size_t>(std::max(min_length, 1))) {
    return PasswordProblem{"password_too_short",
                           "password has fewer than " + std::to_string(min_length) + " characters"};
  }
  if (length > kPasswordMaxLength || password.size() > 4 * kPasswordMaxLength) {
    return PasswordProblem{"password_too_long", "password has more than 256 characters"};
  }
  if (is_common(ascii_lower(password))) {
    return PasswordProblem{"password_in_breach_list",
                           "password is one that everybody tries first; choose another"};
  }
  if (length < kPassphraseLength && character_classes(password) < 3) {
    return PasswordProblem{
        "password_too_simple",
        "password under 16 characters needs three of: lower case, upper case, digit, symbol"};
  }
  return std::nullopt;
}

// The right to run one hash.
class PasswordHasher::Turn {
 public:
  explicit Turn(PasswordHasher& hasher) : hasher_(hasher) {
    std::unique_lock lock(hasher_.mutex_);
    if (hasher_.running_ >= hasher_.options_.parallel) {
      if (hasher_.waiting_ >= hasher_.options_.max_waiting) return;
      ++hasher_.waiting_;
      const bool freed =
          hasher_.freed_.wait_for(lock, std::chrono::milliseconds(hasher_.options_.wait_ms),
                                  [this] { return hasher_.running_ < hasher_.options_.parallel; });
      --hasher_.waiting_;
      if (!freed) return;
    }
    ++hasher_.running_;
    has_ = true;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (!has_) return;
    {
      const std::lock_guard lock(hasher_.mutex_);
      --hasher_.running_;
    }
    hasher_.freed_.notify_one();
  }
  [[nodiscard]] bool has() const noexcept { return has_; }

  static base::Error busy() {
    return {base::Code::busy,
            "too many passwords are being checked",
            {},
            "try again in a moment",
            1000};
  }

 private:
  PasswordHasher& hasher_;
  bool has_ = false;
};

PasswordHasher::PasswordHasher(Options options) : options_(options) {}

base::Result<std::string> PasswordHasher::hash(std::string_view password) {
  const Turn turn(*this);
  if (!turn.has()) return Turn::busy();
  return base::hash_password(password);
}

base::Result<bool> PasswordHasher::verify(std::string_view phc, std::string_view password) {
  const Turn turn(*this);
  if (!turn.has()) return Turn::busy();
  return base::verify_password(phc, password);
}

base::Status PasswordHasher::verify_dummy(std::string_view password) {
  const Turn turn(*this);
  if (!turn.has()) return Turn::busy();
  // Of random bytes nobody kept; same parameters as real hashes.
  static const std::string dummy = base::hash_password(base::random_bytes(32));
  static_cast<void>(base::verify_password(dummy, password));
  return {};
}

}  // namespace z4j::core
