#include "src/settings.hpp"

#include <algorithm>
#include <array>

#include "lib/json/json.hpp"
#include "src/mail.hpp"

namespace z4j::smtp {
namespace {

constexpr std::array<std::uint16_t, 4> kPorts = {25, 465, 587, 2525};
constexpr std::uint16_t kImplicitPort = 465;
constexpr std::size_t kMostRecipients = 50;

[[noreturn]] void bad_relay(const std::string& message, const char* at) {
  throw Error(Z4J_BAD_CONFIG, message, at);
}

json::Object object_of(std::string_view text) {
  json::Value value = json::parse(text.empty() ? "{}" : text, 1u << 20, 8);
  if (!value.is_object()) bad_relay("the config must be an object", "");
  return std::move(value.get_object());
}

bool is_clean(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

}  // namespace

Settings read_settings(std::string_view settings_json) {
  const json::Object o = object_of(settings_json);
  Settings out;
  out.ca_file = json::text(o, "ca_file");
  out.helo_name = json::text(o, "helo_name");
  if (const json::Array* ports = json::array(o, "extra_ports")) {
    for (const json::Value& port : *ports) {
      if (port.is_int64()) out.extra_ports.push_back(static_cast<std::uint16_t>(port.get_int64()));
    }
  }
  return out;
}

Relay read_relay(const Settings& settings, std::string_view target_json) {
  const json::Object o = object_of(target_json);
  Relay out;
  out.host = json::text(o, "smtp_host");
  if (out.host.empty()) bad_relay("the channel has no smtp_host", "/smtp_host");
  const std::int64_t port = json::integer(o, "smtp_port", 587);
  const auto is_port = [port](std::uint16_t known) { return known == port; };
  if (std::none_of(kPorts.begin(), kPorts.end(), is_port) &&
      std::none_of(settings.extra_ports.begin(), settings.extra_ports.end(), is_port))
    bad_relay("smtp_port must be 25, 465, 587 or 2525", "/smtp_port");
  out.port = static_cast<std::uint16_t>(port);
  if (json::boolean(o, "smtp_tls", true)) {
    const std::string_view mode = json::text(o, "smtp_tls_mode", "auto");
    out.tls = mode == "implicit" || (mode == "auto" && out.port == kImplicitPort) ? Tls::implicit
                                                                                  : Tls::starttls;
  } else {
    out.tls = Tls::none;
  }
  const std::string_view auth = json::text(o, "smtp_auth", "auto");
  out.auth = auth == "plain"      ? Auth::plain
             : auth == "login"    ? Auth::login
             : auth == "cram-md5" ? Auth::cram_md5
             : auth == "xoauth2"  ? Auth::xoauth2
                                  : Auth::automatic;
  out.user = json::text(o, "smtp_user");
  out.password = json::text(o, "smtp_pass");
  if (!is_clean(out.user)) bad_relay("smtp_user holds a control character", "/smtp_user");
  if (!is_clean(out.password)) bad_relay("smtp_pass holds a control character", "/smtp_pass");
  out.from = json::text(o, "from_addr");
  if (out.from.empty()) out.from = out.user;
  if (!is_address(out.from)) bad_relay("from_addr is no mail address", "/from_addr");
  const json::Array* to = json::array(o, "to_addrs");
  if (to == nullptr || to->empty()) bad_relay("the channel has no to_addrs", "/to_addrs");
  if (to->size() > kMostRecipients) bad_relay("more than 50 to_addrs", "/to_addrs");
  for (const json::Value& one : *to) {
    if (!one.is_string() || !is_address(std::string_view(one.get_string())))
      bad_relay("to_addrs holds what is no mail address", "/to_addrs");
    out.to.emplace_back(std::string_view(one.get_string()));
  }
  return out;
}

}  // namespace z4j::smtp
