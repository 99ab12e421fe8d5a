#include "settings.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "lib/json/json.hpp"

namespace z4j::postgresql {
namespace {

using Options = std::map<std::string, std::string>;

[[noreturn]] void refuse_url(const std::string& why) { throw Error(Z4J_BAD_CONFIG, why, "/url"); }

// libpq's own words about a bad address would repeat it, so they stay here.
Options options_of(const std::string& url) {
  if (url.find('\0') != std::string::npos) refuse_url("url must not hold a NUL byte");
  char* said = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(url.c_str(), &said), &PQconninfoFree);
  PQfreemem(said);
  if (!parsed) {
    refuse_url(
        "url is not a PostgreSQL address: it must look like "
        "postgresql://user:password@host:5432/database, "
        "with %40 for @, %3A for : and %2F for / inside the password");
  }
  Options out;
  for (const PQconninfoOption* o = parsed.get(); o->keyword != nullptr; ++o) {
    if (o->val != nullptr) out[o->keyword] = o->val;
  }
  return out;
}

std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == ',') {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

bool is_local(const std::string& host) {
  return host.empty() || host[0] == '/' || host[0] == '@' || host == "localhost" || host == "::1" ||
         host.rfind("127.", 0) == 0;
}

// What libpq would take from the environment must not decide where data goes.
std::string default_of(const char* keyword) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> defaults(PQconndefaults(),
                                                                              &PQconninfoFree);
  for (const PQconninfoOption* o = defaults.get(); o != nullptr && o->keyword != nullptr; ++o) {
    if (std::string_view(o->keyword) == keyword && o->val != nullptr) return o->val;
  }
  return {};
}

// Every byte that is not a letter or a digit as %XX.
std::string encoded(const std::string& value) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out += plain ? std::string(1, c) : std::string{'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

void check_hosts(Options& o, Settings& s) {
  if (o.count("service") != 0)
    refuse_url("url must not name a service: give host, port and database themselves");
  if (o["host"].empty() && o["hostaddr"].empty()) o["host"] = default_of("host");
  if (o["host"].empty() && o["hostaddr"].empty()) o.erase("host");
  for (const char* which : {"host", "hostaddr"}) {
    if (o[which].empty()) {
      o.erase(which);
      continue;
    }
    for (const std::string& host : list_of(o[which])) {
      if (host.find('@', 1) != std::string::npos) {
        refuse_url("the host in url holds an @: write %40 for an @ inside the password");
      }
      if (!is_local(host)) s.needs_tls = true;
    }
  }
  for (const std::string& port : list_of(o["port"])) {
    if (port.find_first_not_of("0123456789") != std::string::npos) {
      refuse_url(
          "the port in url is not a number: write %3A for a : and %2F for a / inside the password");
    }
  }
  if (o["port"].empty()) o.erase("port");
}

void check_tls(Options& o, const Settings& s, bool plaintext) {
  if (!s.needs_tls) return;
  const std::string mode = o["sslmode"];
  const bool weak = mode == "disable" || mode == "allow" || mode == "prefer";
  if (mode.empty()) o["sslmode"] = plaintext ? "prefer" : "require";
  if (weak && !plaintext) {
    throw Error(
        Z4J_BAD_CONFIG,
        "sslmode=" + mode +
            " would send the password and all data in clear text over the network: use require, "
            "verify-ca or verify-full, or set plaintext to true if the network is trusted",
        "/url");
  }
}

std::string resolved(std::string_view value, const Host* host) {
  constexpr std::string_view kReference = "secret:";
  if (value.substr(0, kReference.size()) != kReference) return std::string(value);
  if (host == nullptr) return {};
  try {
    return host->secret(value.substr(kReference.size()));
  } catch (const Error& e) {
    throw Error(Z4J_BAD_CONFIG, e.what(), "/url");
  }
}

bool is_name(const std::string& s) {
  return !s.empty() && s.size() <= 63 &&
         s.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos &&
         s.find_first_of("0123456789") != 0 && s.rfind("pg_", 0) != 0;
}

void read_address(Settings& s, const std::string& url, bool plaintext) {
  Options o = options_of(url);
  check_hosts(o, s);
  check_tls(o, s, plaintext);
  s.needs_tls = s.needs_tls && !plaintext;
  s.password = o["password"];
  if (s.password.empty()) o.erase("password");
  s.user = o["user"];
  s.database = o.count("dbname") != 0 ? o["dbname"] : s.user;
  const std::string place = o.count("host") != 0       ? o["host"]
                            : o.count("hostaddr") != 0 ? o["hostaddr"]
                                                       : "the local socket";
  s.shown = (s.database.empty() ? std::string("PostgreSQL") : "database " + s.database) + " at " +
            place + (o["port"].empty() ? "" : ":" + o["port"]);
  const auto preset = [&](const char* key, const std::string& value) {
    if (o[key].empty()) o[key] = value;
  };
  preset("application_name", "z4j");
  preset("connect_timeout", std::to_string(s.connect_timeout_s));
  preset("keepalives_idle", "30");
  preset("keepalives_interval", "10");
  preset("keepalives_count", "3");
  preset("tcp_user_timeout", "30000");
  o["client_encoding"] = "UTF8";
  s.address = "postgresql://";
  char before = '?';
  for (const auto& [key, value] : o) {
    if (value.empty()) continue;
    s.address += before + key + "=" + encoded(value);
    before = '&';
  }
}

}  // namespace

Settings read_settings(std::string_view config_json, const Host* host) {
  const json::Value parsed = json::parse(config_json);
  const json::Object* o = parsed.if_object();
  if (o == nullptr) throw Error(Z4J_BAD_CONFIG, "the config must be a JSON object");
  Settings s;
  s.schema = json::text(*o, "schema", s.schema);
  s.grant_to = json::text(*o, "grant_to");
  if (!is_name(s.schema))
    throw Error(Z4J_BAD_CONFIG,
                "schema must be lower-case letters, digits and _, and not begin with pg_",
                "/schema");
  s.writers = json::integer(*o, "writers", s.writers);
  s.readers = json::integer(*o, "readers", s.readers);
  s.max_connections = json::integer(*o, "max_connections", s.max_connections);
  s.statement_timeout_ms = json::integer(*o, "statement_timeout_ms", s.statement_timeout_ms);
  s.lock_timeout_ms = json::integer(*o, "lock_timeout_ms", s.lock_timeout_ms);
  s.idle_timeout_ms = json::integer(*o, "idle_timeout_ms", s.idle_timeout_ms);
  s.connect_timeout_s = json::integer(*o, "connect_timeout_s", s.connect_timeout_s);
  const std::string_view given = json::text(*o, "url");
  if (given.empty())
    throw Error(Z4J_BAD_CONFIG,
                "url is missing: give postgresql://user:password@host:5432/database", "/url");
  const std::string url = resolved(given, host);
  if (!url.empty()) read_address(s, url, json::boolean(*o, "plaintext"));
  return s;
}

}  // namespace z4j::postgresql
