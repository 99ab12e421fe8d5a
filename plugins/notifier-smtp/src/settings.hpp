// What the plugin and its channels are told.
#pragma once

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::smtp {

struct Settings {
  std::string ca_file, helo_name;
  std::vector<std::uint16_t> extra_ports;
};
[[nodiscard]] Settings read_settings(std::string_view settings_json);

enum class Tls { none, starttls, implicit };
enum class Auth { automatic, plain, login, cram_md5, xoauth2 };

// One channel: the relay, who signs in there, and who writes to whom.
struct Relay {
  std::string host, user, password, from;
  std::uint16_t port = 587;
  Tls tls = Tls::starttls;
  Auth auth = Auth::automatic;
  std::vector<std::string> to;
};
// Throws Error (Z4J_BAD_CONFIG) with the member when it cannot do; holds no secret.
[[nodiscard]] Relay read_relay(const Settings& settings, std::string_view target_json);

}  // namespace z4j::smtp
