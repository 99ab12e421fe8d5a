// What plugins of kind http serve: their files and routes below /ext/INSTANCE/, and at "/" the
// files of the one that is the console.
//
//   /ext/INSTANCE/PATH  a route of the instance, admitted like one of the kernel's; else its file
//   /PATH               the console's file of that name, exactly
//   /ANYTHING           its index.html, for browsers that ask for a page: the console's own address
//
// What the kernel serves itself is never the console's. Thread-safe.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/log_scope.hpp"
#include "net/http.hpp"
#include "plugin/http.hpp"

namespace z4j::api {

struct Site;

class PluginPages {
 public:
  // Once all routes of the kernel are there: what is reserved is known from them.
  explicit PluginPages(Site& site);

  // Nothing: the kernel's own routes answer, or nobody does.
  [[nodiscard]] std::optional<net::Response> answer(const net::Request& request,
                                                    base::LogScope& scope) const;
  [[nodiscard]] bool has_console() const;

 private:
  [[nodiscard]] bool is_reserved(std::string_view path) const;
  [[nodiscard]] bool shows_account_page(const net::Request& request) const;
  [[nodiscard]] net::Response below_ext(const net::Request& request, base::LogScope& scope) const;
  // The route's answer; nothing: the instance has no such route. `allowed`: methods of the path.
  [[nodiscard]] std::optional<net::Response> route(
      const net::Request& request, base::LogScope& scope, const std::string& instance,
      const plugin::HttpTable& table, std::string_view path, std::string& allowed) const;
  [[nodiscard]] net::Response console(const net::Request& request) const;

  Site& site_;
  std::set<std::string, std::less<>> reserved_;  // first words of paths
};

}  // namespace z4j::api
