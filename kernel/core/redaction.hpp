// Takes secrets out of payloads before anything else reads or stores them.
//
// Rules (wire protocol 17): below a member whose key names a secret every leaf becomes
// "[REDACTED]"; so does a text, or a key, in which the shape of a secret is found; a text over the
// limit is cut, after the search; what lies deeper than the limit becomes the marker. RE2 only:
// linear on any input. Immutable once made; any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace z4j::core {

class Redactor {
 public:
  static constexpr std::string_view kMarker = "[REDACTED]";

  struct Options {
    std::vector<std::string> extra_keys = {};    // RE2; a whole key, any case
    std::vector<std::string> extra_values = {};  // RE2; found anywhere, any case
    std::size_t max_string_bytes = 8192;
    std::size_t max_depth = 64;
    std::size_t max_payload_bytes = std::size_t{2} << 20;  // a larger payload is replaced whole
    bool defaults = true;                                  // the built-in patterns
  };

  // What was done to a value.
  struct Report {
    bool redacted = false, cut = false;
    Report& operator|=(const Report& other) noexcept {
      redacted |= other.redacted;
      cut |= other.cut;
      return *this;
    }
  };

  // Errors: bad_config, naming the pattern's place and what is wrong with it.
  [[nodiscard]] static base::Result<Redactor> make(const Options& options);
  ~Redactor();
  Redactor(Redactor&&) noexcept;
  Redactor& operator=(Redactor&&) noexcept;

  // In place. NUL is taken out of texts, since stores refuse it.
  Report scrub(base::json::Value& value) const;
  // One member of a payload, so that the caller learns which of them were touched.
  Report scrub_member(std::string_view key, base::json::Value& value) const;
  // Text that is not part of a payload, such as a dead letter's body: the marker when it holds a
  // secret.
  [[nodiscard]] std::string scrub_text(std::string_view text) const;

  [[nodiscard]] bool too_large(std::size_t payload_bytes) const noexcept;
  // What a payload that is too large becomes.
  [[nodiscard]] static base::json::Object oversize_marker(std::size_t payload_bytes);

  [[nodiscard]] bool is_secret_key(std::string_view key) const;
  [[nodiscard]] bool holds_secret(std::string_view text) const;

 private:
  explicit Redactor(const Options& options);
  void walk(base::json::Value& value, std::size_t depth, bool hit, Report& report) const;
  void walk_object(base::json::Object& object, std::size_t depth, bool hit, Report& report) const;
  void walk_text(base::json::String& text, bool hit, Report& report) const;
  [[nodiscard]] bool repr_names_secret(std::string_view text) const;

  bool defaults_;
  std::size_t max_string_bytes_, max_depth_, max_payload_bytes_;
  std::vector<std::unique_ptr<re2::RE2>> extra_keys_, values_;
};

}  // namespace z4j::core
