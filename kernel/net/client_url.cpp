#include "net/client_url.hpp"

#include <algorithm>
#include <charconv>

#include "base/crypto.hpp"
#include "net/http.hpp"

namespace z4j::net {
namespace {

constexpr std::size_t kMaxUrlBytes = 2048;

base::Error wrong(std::string message) {
  return base::Error{.code = base::Code::bad_config,
                     .message = std::move(message),
                     .where = {},
                     .hint = "such as wss://z4j.example.com"};
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

bool is_host_text(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  });
}

// "host", "host:port", "[v6]" or "[v6]:port". False: none of these.
bool split_authority(std::string_view text, std::string& host, std::uint16_t& port) {
  std::string_view digits;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    host = std::string(text.substr(1, end - 1));
    text.remove_prefix(end + 1);
    has_port = text.starts_with(':');
    if (!text.empty() && !has_port) return false;
    if (has_port) digits = text.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    host = std::string(text.substr(0, colon));
    if (has_port) digits = text.substr(colon + 1);
    if (digits.find(':') != std::string_view::npos) return false;
  }
  if (!is_host_text(host)) return false;
  if (!has_port) return true;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc() && end == digits.data() + digits.size() && port != 0;
}

bool is_path_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7F && c != '?' && c != '#' && c != '"' && c != '\\';
  });
}

std::string value_of(const std::map<std::string, std::string>& environment, std::string_view name,
                     std::string& found_as) {
  for (const std::string& each : {std::string(name), lower(name)}) {
    const auto at = environment.find(each);
    if (at == environment.end() || at->second.empty()) continue;
    found_as = each;
    return at->second;
  }
  return {};
}

// One word of NO_PROXY: "*", a host, or a domain with all below it.
bool excludes(std::string_view word, std::string_view host) {
  if (word == "*") return true;
  while (word.starts_with('.')) word.remove_prefix(1);
  if (word.empty() || !host.ends_with(word)) return false;
  return host.size() == word.size() || host[host.size() - word.size() - 1] == '.';
}

bool is_excluded(std::string_view list, const std::string& host) {
  const std::string words = lower(list);
  std::size_t from = 0;
  while (from < words.size()) {
    const std::size_t end = std::min(words.find_first_of(", ", from), words.size());
    if (excludes(std::string_view(words).substr(from, end - from), host)) return true;
    from = end + 1;
  }
  return false;
}

}  // namespace

bool ClientUrl::is_loopback() const {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

std::string ClientUrl::authority() const {
  return (host.find(':') != std::string::npos ? "[" + host + "]" : host) + ":" +
         std::to_string(port);
}

std::string ClientUrl::text(std::string_view plain_scheme) const {
  return std::string(plain_scheme) + (is_tls ? "s" : "") + "://" + authority() + path;
}

base::Result<ClientUrl> parse_client_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes) return wrong("the URL is longer than 2048 bytes");
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return wrong("the URL has no scheme");
  const std::string scheme = lower(text.substr(0, mark));
  ClientUrl url;
  if (scheme == "https" || scheme == "wss")
    url.is_tls = true;
  else if (scheme != "http" && scheme != "ws")
    return wrong("the URL's scheme must be wss, https, ws or http");
  url.port = url.is_tls ? 443 : 80;
  text.remove_prefix(mark + 3);
  if (text.find_first_of("?#") != std::string_view::npos)
    return wrong("the URL must have neither query nor fragment");
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view authority = text.substr(0, slash);
  if (authority.find('@') != std::string_view::npos)
    return wrong("the URL must hold no user or password");
  if (!split_authority(authority, url.host, url.port))
    return wrong("the URL's host or port is not one");
  url.host = lower(url.host);
  url.path = std::string(text.substr(slash));
  while (url.path.ends_with('/')) url.path.pop_back();
  if (!is_path_text(url.path)) return wrong("the URL's path has characters that must be escaped");
  return url;
}

base::Result<std::optional<Proxy>> proxy_for(
    const ClientUrl& url, const std::map<std::string, std::string>& environment) {
  std::string name, ignored;
  const std::string given = value_of(environment, url.is_tls ? "HTTPS_PROXY" : "HTTP_PROXY", name);
  if (given.empty() || url.is_loopback() ||
      is_excluded(value_of(environment, "NO_PROXY", ignored), url.host))
    return std::optional<Proxy>();
  const auto refused = [&](const char* why) {
    return base::Error{.code = base::Code::bad_config,
                       .message = why,
                       .where = name,
                       .hint = "such as http://proxy.example.com:3128"};
  };
  std::string_view rest = given;
  if (const std::size_t mark = rest.find("://"); mark != std::string_view::npos) {
    if (lower(rest.substr(0, mark)) != "http") return refused("only an http:// proxy can be used");
    rest.remove_prefix(mark + 3);
  }
  rest = rest.substr(0, rest.find('/'));
  Proxy proxy;
  proxy.port = 3128;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    bool is_good = false;
    const std::string user = percent_decode(rest.substr(0, at), false, is_good);
    if (!is_good) return refused("the proxy's user or password is badly escaped");
    proxy.authorization = "Basic " + base::base64(user);
    rest.remove_prefix(at + 1);
  }
  if (!split_authority(rest, proxy.host, proxy.port))
    return refused("the proxy's host or port is not one");
  return std::optional<Proxy>(std::move(proxy));
}

}  // namespace z4j::net
