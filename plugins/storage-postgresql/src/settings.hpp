// The config of one instance, checked, with the address of the server taken apart.
//
// The address is a URI with every value encoded, since SOCI splits what it is given at blanks, even
// inside quotes. It holds the password and goes to libpq only. Everything that is shown comes from
// `shown` and `user`.
#pragma once

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::postgresql {

struct Settings {
  std::string address;
  std::string password;        // to keep it out of what libpq says
  std::string shown;           // "database z4j at db.example:5432"
  std::string user, database;  // "" = libpq's choice
  bool needs_tls = false;      // some host is neither this machine nor a socket
  std::string schema = "z4j";
  std::string grant_to;  // a role, or ""
  std::int64_t writers = 2;
  std::int64_t readers = 4;
  std::int64_t max_connections = 24;
  std::int64_t statement_timeout_ms = 30000;
  std::int64_t lock_timeout_ms = 5000;
  std::int64_t idle_timeout_ms = 5000;  // of commits; a paused one must not keep a lease
  std::int64_t connect_timeout_s = 5;
};

// Throws z4j::Error, Z4J_BAD_CONFIG with the place. `host` resolves "secret:NAME"; null in a check
// without one, where such a reference is taken as good.
[[nodiscard]] Settings read_settings(std::string_view config_json, const Host* host);

}  // namespace z4j::postgresql
