#include <arpa/inet.h>
#include <re2/re2.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "config/setting_table.hpp"
#include "config/trusted_keys.hpp"

namespace z4j::config {
namespace {

constexpr std::size_t kMinSecretBytes = 32;
constexpr std::size_t kMaxPatternBytes = 512;
constexpr std::size_t kMaxPatterns = 64;

struct WebAddress {
  bool https = false;
  std::string host;
};

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  return std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

// A name, an IPv4 address, or an IPv6 address in brackets.
bool is_host(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    in6_addr address;
    return ::inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &address) ==
           1;
  }
  return is_host_name(host);
}

enum class AddressPath { none, allowed };

// http(s)://HOST[:PORT][/PATH], no user, query or fragment (RFC 3986).
bool parse_web_address(std::string_view url, AddressPath path, WebAddress& out) {
  if (url.rfind("https://", 0) == 0)
    out.https = true;
  else if (url.rfind("http://", 0) == 0)
    out.https = false;
  else
    return false;
  std::string_view rest = url.substr(out.https ? 8 : 7);
  if (std::any_of(rest.begin(), rest.end(), [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == '@' || c == '?' || c == '#' ||
               c == '\\' || c == 0x7f;
      }))
    return false;
  if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (path == AddressPath::none) return false;
    rest = rest.substr(0, slash);
  }
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
    const std::string_view port = rest.substr(colon + 1);
    unsigned number = 0;
    const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (ec != std::errc() || end != port.data() + port.size() || number == 0 || number > 65535)
      return false;
    rest = rest.substr(0, colon);
  }
  out.host = std::string(rest);
  return is_host(rest);
}

bool is_network(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  unsigned char bytes[sizeof(in6_addr)];
  const unsigned most = ::inet_pton(AF_INET, address.c_str(), bytes) == 1    ? 32
                        : ::inet_pton(AF_INET6, address.c_str(), bytes) == 1 ? 128
                                                                             : 0;
  if (most == 0 || slash == std::string::npos) return most != 0;
  unsigned prefix = 0;
  const char* first = text.data() + slash + 1;
  const char* last = text.data() + text.size();
  const auto [end, ec] = std::from_chars(first, last, prefix);
  return ec == std::errc() && end == last && prefix <= most;
}

class TogetherCheck {
 public:
  explicit TogetherCheck(Loaded& loaded) : loaded_(loaded), s_(loaded.settings) {}

  void run() {
    if (s_.environment != "auto" && s_.environment != "dev" && s_.environment != "production") {
      warn("server.environment is " + shown(base::json::Value(s_.environment)) +
           ", which means production; known are auto, dev, production");
      s_.environment = "production";
    }
    addresses();
    files();
    identity_provider();
    secrets();
    ranges();
    patterns();
    database();
    root_plugin();
    signers();
  }

 private:
  void problem(const char* key, std::string message, std::string expected, std::string hint = {}) {
    const auto from = loaded_.sources.find(key);
    const bool variable = from != loaded_.sources.end() && from->second == "environment";
    loaded_.problems.push_back(Problem{variable ? std::string(find_setting(key)->variable) : key,
                                       std::move(message), std::move(expected), std::move(hint)});
  }
  void warn(std::string text) { loaded_.warnings.push_back(std::move(text)); }

  void addresses() {
    const std::string bare =
        s_.bind_host.find(':') != std::string::npos && s_.bind_host.front() != '['
            ? "[" + s_.bind_host + "]"
            : s_.bind_host;
    if (!is_host(bare)) {
      problem("server.host", "is " + shown(base::json::Value(s_.bind_host)),
              "must be a host name or an address without port");
    } else if (!s_.binds_loopback()) {
      if (s_.public_url.empty()) {
        problem("server.public_url", "is missing",
                "must be the https address people reach the brain at when it listens off loopback",
                "or set server.host to 127.0.0.1 to answer this machine only");
      }
      if (s_.environment == "dev") {
        warn("server.environment is \"dev\", but off loopback the rules of production hold");
      }
    }
    WebAddress address;
    if (!s_.public_url.empty()) {
      if (!parse_web_address(s_.public_url, AddressPath::allowed, address)) {
        problem("server.public_url", "is " + shown(base::json::Value(s_.public_url)),
                "must be https://HOST without user, query or blanks");
      } else if (!address.https && !s_.is_dev() && !s_.allow_http_public_url) {
        problem("server.public_url", "is plain http", "must be https outside dev",
                "server.allow_http_public_url = true permits it on a closed network");
      }
    }
    for (const std::string& host : s_.allowed_hosts) {
      if (!is_host(host))
        problem("server.allowed_hosts", "has " + shown(base::json::Value(host)),
                "must be host names without scheme and port; there are no wildcards");
    }
    for (const std::string& network : s_.trusted_proxies) {
      if (!is_network(network))
        problem("server.trusted_proxies", "has " + shown(base::json::Value(network)),
                "must be addresses or blocks such as \"10.0.0.0/8\"");
    }
    for (const std::string& origin : s_.cors_origins) {
      if (!parse_web_address(origin, AddressPath::none, address)) {
        problem("server.cors_origins", "has " + shown(base::json::Value(origin)),
                "must be origins such as \"https://tools.example.com\"; \"*\" is refused since "
                "cookies are allowed");
      }
    }
  }

  void files() {
    if (s_.tls_certificate_file.empty() != s_.tls_key_file.empty()) {
      problem(s_.tls_key_file.empty() ? "server.tls_key_file" : "server.tls_certificate_file",
              "is missing", "must be set together with the other TLS file");
    }
    const auto readable = [&](const char* key, const std::string& path) {
      if (!path.empty() && ::access(path.c_str(), R_OK) != 0)
        problem(key, "is " + shown(base::json::Value(path)) + ", which can't be read",
                "must be a readable PEM file");
    };
    readable("server.tls_certificate_file", s_.tls_certificate_file);
    readable("server.tls_key_file", s_.tls_key_file);
    readable("oidc.ca_file", s_.oidc_ca_file);
  }

  void identity_provider() {
    if (s_.oidc_issuer.empty()) {
      if (!s_.oidc_client_id.empty())
        problem("oidc.issuer", "is missing", "must be the address of the provider");
      return;
    }
    WebAddress address;
    const bool is_address = parse_web_address(s_.oidc_issuer, AddressPath::allowed, address);
    const bool is_here = address.host == "localhost" || address.host == "127.0.0.1";
    if (!is_address || (!address.https && !is_here)) {
      problem("oidc.issuer", "is " + shown(base::json::Value(s_.oidc_issuer)),
              "must be https://HOST or https://HOST/PATH, just as the provider names itself");
    }
    if (s_.oidc_client_id.empty())
      problem("oidc.client_id", "is missing", "must be the name of this brain at the provider");
    if (std::find(s_.oidc_scopes.begin(), s_.oidc_scopes.end(), "openid") == s_.oidc_scopes.end())
      problem("oidc.scopes", "lack \"openid\"", "must have it, or there is no identity token");
  }

  void secrets() {
    const auto long_enough = [&](const char* key, const std::string& secret) {
      if (!secret.empty() && secret.size() < kMinSecretBytes) {
        problem(key, "is too short", "must have at least 32 bytes",
                "make one with: openssl rand -base64 48");
      }
    };
    long_enough("security.secret", s_.secret);
    long_enough("security.session_secret", s_.session_secret);
    for (const std::string& old : s_.previous_secrets)
      long_enough("security.previous_secrets", old);
    for (const std::string& old : s_.previous_session_secrets)
      long_enough("security.previous_session_secrets", old);
    long_enough("audit.webhook_hmac_secret", s_.audit_webhook_secret);
    if (!s_.audit_webhook_url.empty() && s_.audit_webhook_secret.empty()) {
      problem("audit.webhook_hmac_secret", "is missing", "must be set together with the URL",
              "make one with: openssl rand -base64 48");
    }
    if (s_.audit_witness_url.empty() != s_.audit_witness_key.empty()) {
      problem(s_.audit_witness_key.empty() ? "audit.witness_key" : "audit.witness_url",
              "is missing", "must be set together with the other one");
    }
    if (!s_.secret.empty() && s_.secret == s_.session_secret) {
      problem("security.session_secret", "is the same as security.secret",
              "must be a secret of its own");
    }
    const bool email = !s_.bootstrap_admin_email.empty(),
               password = !s_.bootstrap_admin_password.empty();
    if (email != password) {
      problem(email ? "security.bootstrap_admin_password" : "security.bootstrap_admin_email",
              "is missing", "must be set together with the other one");
    } else if (email) {
      const std::size_t at = s_.bootstrap_admin_email.find('@');
      if (at == 0 || at == std::string::npos || at + 1 == s_.bootstrap_admin_email.size() ||
          s_.bootstrap_admin_email.find(' ') != std::string::npos) {
        problem("security.bootstrap_admin_email", "is not an e-mail address", "must be NAME@HOST");
      }
      if (s_.bootstrap_admin_password.size() < static_cast<std::size_t>(s_.password_min_length)) {
        problem("security.bootstrap_admin_password", "is too short",
                "must have at least " + std::to_string(s_.password_min_length) + " characters");
      }
    }
    if (s_.metrics_public && !s_.metrics_auth_token.empty())
      warn("metrics.public is true, so metrics.auth_token is not asked for");
    if (s_.metrics_public && !s_.binds_loopback())
      warn("metrics.public is true: everybody who reaches the brain can read /metrics");
  }

  void ranges() {
    const auto ordered = [&](const char* low_key, double low, const char* high_key, double high) {
      if (low > high) problem(low_key, "is above " + std::string(high_key), "must not be above it");
    };
    ordered("server.default_page_size", s_.rest_default_page_size, "server.max_page_size",
            s_.rest_max_page_size);
    ordered("sessions.idle_timeout_seconds", s_.session_idle_timeout_s,
            "sessions.absolute_lifetime_seconds", s_.session_absolute_lifetime_s);
    ordered("login.backoff_base_seconds", s_.login_backoff_base_s, "login.backoff_max_seconds",
            s_.login_backoff_max_s);
  }

  void patterns() {
    const auto all = [&](const char* key, const std::vector<std::string>& list) {
      if (list.size() > kMaxPatterns)
        problem(key, "has " + std::to_string(list.size()) + " patterns", "must have at most 64");
      RE2::Options options;
      options.set_log_errors(false);
      options.set_max_mem(1 << 20);
      for (std::size_t i = 0; i < list.size() && i < kMaxPatterns; ++i) {
        const std::string nth = "has a pattern (number " + std::to_string(i + 1) + ") that ";
        if (list[i].size() > kMaxPatternBytes) {
          problem(key, nth + "is too long", "must have at most 512 bytes");
          continue;
        }
        const RE2 pattern(list[i], options);
        if (!pattern.ok())
          problem(key, nth + "is not usable: " + pattern.error(), "must be an RE2 pattern",
                  "RE2 has no look-ahead and no back-references");
        else if (RE2::FullMatch("", pattern))
          problem(key, nth + "matches the empty text", "must match something",
                  "it would blank everything");
      }
    };
    all("redaction.extra_keys", s_.redaction_extra_keys);
    all("redaction.extra_values", s_.redaction_extra_values);
  }

  void database() {
    if (s_.database_url.empty()) return;
    if (auto url = parse_database_url(s_.database_url); !url) {
      problem("database.url", url.error().message, {}, url.error().hint);
    } else if (url->kind == DatabaseUrl::Kind::plugin) {
      storage_plugin(url->instance);
    } else if (url->kind == DatabaseUrl::Kind::postgresql && !s_.is_dev() &&
               (url->url.find("sslmode=") == std::string::npos ||
                url->url.find("sslmode=disable") != std::string::npos)) {
      warn(
          "database.url does not ask for TLS; add ?sslmode=verify-full unless the server is on "
          "this machine");
    }
  }

  // The instance that keeps the brain's own state is started before all others: it is none of them.
  void storage_plugin(const std::string& name) {
    auto& plugins = loaded_.plugins;
    const auto at = std::find_if(plugins.begin(), plugins.end(),
                                 [&](const PluginEntry& e) { return e.name == name; });
    if (at == plugins.end())
      return problem("database.url", "is \"plugin:" + name + "\", and there is no such instance",
                     "must name a [plugin.NAME] table");
    if (!at->enabled || at->isolation == "process")
      return problem("database.url",
                     "is \"plugin:" + name + "\", which is " +
                         (at->enabled ? "to run in a process" : "not enabled"),
                     "must name an instance that is enabled and runs inline");
    s_.storage_plugin = std::move(*at);
    plugins.erase(at);
  }

  void root_plugin() {
    if (s_.http_root.empty()) return;
    const auto& plugins = loaded_.plugins;
    const auto at = std::find_if(plugins.begin(), plugins.end(),
                                 [&](const PluginEntry& e) { return e.name == s_.http_root; });
    // The console needs no table, and may be turned off by one.
    if (s_.http_root == kConsoleInstance && (at == plugins.end() || !at->enabled)) return;
    if (at == plugins.end())
      problem("http.root", "is " + shown(base::json::Value(s_.http_root)),
              "must be the name of a plugin instance, a [plugin.NAME] table");
    else if (!at->enabled)
      problem("http.root", "is \"" + s_.http_root + "\", which is not enabled",
              "must be an enabled plugin instance");
  }

  void signers() {
    const auto keys = read_trusted_keys(s_.plugin_trusted_keys);
    if (!keys)
      problem("plugins.trusted_keys", "has a wrong value: " + keys.error().message, {},
              keys.error().hint);
    if (s_.plugin_require_signature != "none" && s_.plugin_trusted_keys.empty())
      warn("plugins.require_signature is \"" + s_.plugin_require_signature +
           "\", but plugins.trusted_keys is empty: no such file is loaded");
  }

  Loaded& loaded_;
  Settings& s_;
};

}  // namespace

void check_together(Loaded& loaded) { TogetherCheck(loaded).run(); }

}  // namespace z4j::config
