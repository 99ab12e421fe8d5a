// What all lines say that this thread writes while it works on one thing: a request and who asks,
// an agent's frame.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j::base {

// Scopes of a thread nest; a line has the fields of all of them, the outermost first, and after its
// own. A name that the line has itself is left out. Use it on one thread, as a local variable.
class LogScope {
 public:
  LogScope() noexcept;
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

  // At most 16; more are left out. Empty values too.
  void add(std::string_view name, std::string_view value);

  using Named = std::pair<std::string, std::string>;
  // Calls tell(name, value) for what this thread's lines say besides.
  template <class Tell>
  static void each(const Tell& tell) {
    for (const LogScope* at = outermost(); at != nullptr; at = at->inner_)
      for (const Named& field : at->fields_) tell(field.first, field.second);
  }

 private:
  [[nodiscard]] static const LogScope* outermost() noexcept;
  LogScope* outer_;
  LogScope* inner_ = nullptr;
  std::vector<Named> fields_;
};

}  // namespace z4j::base
