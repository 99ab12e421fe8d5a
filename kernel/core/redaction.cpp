#include "core/redaction.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/text.hpp"

namespace z4j::core {
namespace {

// Keys as they compare: lower case, without "-", "_", "." and blanks, so that every spelling is
// one. By length, then by bytes.
constexpr std::array<std::string_view, 34> kSecretKeys = {
    "cvc",
    "cvv",
    "pwd",
    "ssn",
    "auth",
    "token",
    "apikey",
    "cookie",
    "passwd",
    "secret",
    "idtoken",
    "secrets",
    "xapikey",
    "apitoken",
    "password",
    "setcookie",
    "cardnumber",
    "creditcard",
    "hmacsecret",
    "accesstoken",
    "bearertoken",
    "credentials",
    "newpassword",
    "oldpassword",
    "clientsecret",
    "passwordhash",
    "refreshtoken",
    "sessiontoken",
    "authorization",
    "webhooksecret",
    "socialsecurity",
    "creditcardnumber",
    "passwordconfirmation",
    "socialsecuritynumber",
};
constexpr std::size_t kLongestSecretKey = 20;
constexpr std::size_t kLongestKey = 256;          // a longer one counts as secret
constexpr std::size_t kLongestKeyForExtras = 64;  // likewise, when there are extra patterns
constexpr std::size_t kShortestSecret = 6;        // a@b.co

constexpr bool shorter_or_before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

constexpr std::string_view kValuePattern =
    "eyJ[\\w-]+\\.[\\w-]+\\.[\\w-]+"
    "|Bearer\\s+[A-Za-z0-9._-]{16}"
    "|[spr]k_(?:live|test)_[A-Za-z0-9]{24}"
    "|whsec_[A-Za-z0-9]{24}"
    "|xox[bpa]-[A-Za-z0-9-]{10}"
    "|https://hooks\\.slack\\.com/services/T[A-Za-z0-9]+/B[A-Za-z0-9]+/[A-Za-z0-9]"
    "|gh[pos]_[A-Za-z0-9]{36}"
    "|github_pat_[A-Za-z0-9_]{82}"
    "|(?:AKIA|ASIA)[A-Za-z0-9]{16}"
    "|AIza[\\w-]{35}"
    "|\\bSK[0-9a-f]{32}\\b"
    "|SG\\.[\\w-]{22}\\.[\\w-]{43}"
    "|(?:postgres|postgresql|mysql|mariadb|mongodb|mongodb\\+srv|rediss?|amqps?)://"
    "[^:\\s]+:[^@\\s]+@[^\\s/]"
    "|-----BEGIN (?:RSA|EC|DSA|OPENSSH|PGP|ENCRYPTED|PRIVATE) (?:PRIVATE )?KEY-----"
    "|[A-Za-z0-9._%+-]@[A-Za-z0-9.-]+\\.[A-Za-z]{2}"
    "|\\b\\d{3}-\\d{2}-\\d{4}\\b";

re2::RE2::Options pattern_options() {
  re2::RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(std::int64_t{16} << 20);
  return options;
}

re2::StringPiece piece(std::string_view s) { return {s.data(), s.size()}; }
std::string_view view(const base::json::String& s) { return {s.data(), s.size()}; }

constexpr std::string_view kCutEnd = " more bytes truncated]";

// The first `limit` bytes, a broken last character as U+FFFD, and how much is missing.
std::string cut_text(std::string_view text, std::size_t limit) {
  std::string_view head = text.substr(0, limit);
  std::size_t lead = head.size();
  while (lead > 0 && (static_cast<unsigned char>(head[lead - 1]) & 0xC0) == 0x80) --lead;
  if (lead > 0) --lead;
  const bool broken = !head.empty() && !is_utf8(head.substr(lead));
  std::string out(broken ? head.substr(0, lead) : head);
  if (broken) out += "\xEF\xBF\xBD";
  out += "[...";
  out += std::to_string(text.size() - limit);
  out += kCutEnd;
  return out;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

}  // namespace

Redactor::Redactor(const Options& options)
    : defaults_(options.defaults),
      max_string_bytes_(options.max_string_bytes),
      max_depth_(options.max_depth),
      max_payload_bytes_(options.max_payload_bytes) {}
Redactor::~Redactor() = default;
Redactor::Redactor(Redactor&&) noexcept = default;
Redactor& Redactor::operator=(Redactor&&) noexcept = default;

base::Result<Redactor> Redactor::make(const Options& options) {
  Redactor made(options);
  if (options.defaults)
    made.values_.push_back(std::make_unique<re2::RE2>(piece(kValuePattern), pattern_options()));
  const auto add = [](const std::vector<std::string>& patterns, const char* where,
                      std::vector<std::unique_ptr<re2::RE2>>& to) -> base::Status {
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      auto pattern = std::make_unique<re2::RE2>(patterns[i], pattern_options());
      if (!pattern->ok()) {
        return base::Error{
            .code = base::Code::bad_config,
            .message = "pattern " + std::to_string(i + 1) +
                       " is not a regular expression: " + pattern->error(),
            .where = where,
            .hint = "use RE2 syntax, which has no look-around and no back-references"};
      }
      to.push_back(std::move(pattern));
    }
    return {};
  };
  if (auto added = add(options.extra_keys, "redaction.extra_keys", made.extra_keys_); !added)
    return added.error();
  if (auto added = add(options.extra_values, "redaction.extra_values", made.values_); !added)
    return added.error();
  return made;
}

bool Redactor::is_secret_key(std::string_view key) const {
  if (key.size() > kLongestKey) return true;
  if (defaults_) {
    char normal[kLongestSecretKey];
    std::size_t n = 0;
    bool fits = true;
    for (const char c : key) {
      if (c == '-' || c == '_' || c == '.' || c == ' ') continue;
      if (n == sizeof normal) {
        fits = false;
        break;
      }
      normal[n++] = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    if (fits && n >= kSecretKeys.front().size() &&
        std::binary_search(kSecretKeys.begin(), kSecretKeys.end(), std::string_view(normal, n),
                           shorter_or_before)) {
      return true;
    }
  }
  if (extra_keys_.empty()) return false;
  if (key.size() > kLongestKeyForExtras) return true;
  return std::any_of(extra_keys_.begin(), extra_keys_.end(), [&](const auto& pattern) {
    return re2::RE2::FullMatch(piece(key), *pattern);
  });
}

bool Redactor::holds_secret(std::string_view text) const {
  std::size_t i = 0;
  if (defaults_) {
    ++i;
    if (text.size() >= kShortestSecret && re2::RE2::PartialMatch(piece(text), *values_[0]))
      return true;
  }
  for (; i < values_.size(); ++i) {
    if (re2::RE2::PartialMatch(piece(text), *values_[i])) return true;
  }
  return false;
}

// A text that shows a structure (a Python literal, JSON within JSON) hides its keys from the walk:
// looks for "key": and key= . The look back is bounded, so the search stays linear.
bool Redactor::repr_names_secret(std::string_view text) const {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] != ':' && text[i] != '=') continue;
    std::size_t end = i;
    const std::size_t floor = i > kLongestKeyForExtras + 8 ? i - kLongestKeyForExtras - 8 : 0;
    while (end > floor && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
    std::size_t begin = end;
    if (end > floor && (text[end - 1] == '\'' || text[end - 1] == '"')) {
      const char quote = text[--end];
      begin = end;
      if (end > floor && text[end - 1] == '\\') --end, --begin;  // JSON within JSON
      while (begin > floor && text[begin - 1] != quote) --begin;
    } else {
      while (begin > floor && is_word(text[begin - 1])) --begin;
    }
    if (begin < end && is_secret_key(text.substr(begin, end - begin))) return true;
  }
  return false;
}

Redactor::Report Redactor::scrub(base::json::Value& value) const {
  Report report;
  walk(value, 0, false, report);
  return report;
}

Redactor::Report Redactor::scrub_member(std::string_view key, base::json::Value& value) const {
  Report report;
  walk(value, 1, is_secret_key(key), report);
  return report;
}

std::string Redactor::scrub_text(std::string_view text) const {
  base::json::String copy(text);
  Report report;
  walk_text(copy, false, report);
  return std::string(view(copy));
}

bool Redactor::too_large(std::size_t payload_bytes) const noexcept {
  return payload_bytes > max_payload_bytes_;
}

base::json::Object Redactor::oversize_marker(std::size_t payload_bytes) {
  base::json::Object marker;
  marker["_z4j_truncated"] = true;
  marker["bytes"] = payload_bytes;
  return marker;
}

void Redactor::walk(base::json::Value& value, std::size_t depth, bool hit, Report& report) const {
  if (depth >= max_depth_) {
    value = kMarker;
    report.redacted = true;
    return;
  }
  if (auto* object = value.if_object()) {
    walk_object(*object, depth, hit, report);
  } else if (auto* array = value.if_array()) {
    for (base::json::Value& item : *array) walk(item, depth + 1, hit, report);
  } else if (auto* text = value.if_string()) {
    walk_text(*text, hit, report);
  } else if (hit) {
    value = kMarker;
    report.redacted = true;
  }
}

void Redactor::walk_object(base::json::Object& object, std::size_t depth, bool hit,
                           Report& report) const {
  bool rename = false;
  for (auto& member : object) {
    const std::string_view key(member.key().data(), member.key().size());
    walk(member.value(), depth + 1, hit || is_secret_key(key), report);
    rename = rename || holds_secret(key) || key.size() > max_string_bytes_ ||
             std::memchr(key.data(), '\0', key.size()) != nullptr;
  }
  if (!rename) return;
  base::json::Object renamed(object.storage());
  for (auto& member : object) {
    base::json::String key(member.key().data(), member.key().size(), object.storage());
    walk_text(key, false, report);
    renamed.insert_or_assign(view(key), std::move(member.value()));
  }
  object = std::move(renamed);
}

void Redactor::walk_text(base::json::String& text, bool hit, Report& report) const {
  const auto shows_structure = [](std::string_view s) {
    return s.size() > 4 && (s.front() == '{' || s.front() == '[' || s.front() == '(');
  };
  if (hit || holds_secret(view(text)) ||
      (defaults_ && shows_structure(view(text)) && repr_names_secret(view(text)))) {
    text = kMarker;
    report.redacted = true;
    return;
  }
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) {
    text.erase(std::remove(text.begin(), text.end(), '\0'), text.end());
  }
  // An agent elsewhere has redacted and cut already: what it tells is no more whole than ours.
  if (view(text).find(kMarker) != std::string_view::npos) report.redacted = true;
  if (view(text).ends_with(kCutEnd)) report.cut = true;
  if (text.size() <= max_string_bytes_) return;
  text = cut_text(view(text), max_string_bytes_);
  report.cut = true;
}

}  // namespace z4j::core
