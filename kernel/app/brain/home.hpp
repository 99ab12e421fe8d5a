// The home folder: what is read from it before anything starts, and the secrets kept in it.
//
//   $Z4J_HOME (0700)   z4j.toml, config.env, secret.env (0600), secrets/NAME, allowed-hosts,
//   brain.sqlite, run/, brain.lock
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"

namespace z4j::app {

using Environment = std::map<std::string, std::string>;

// The process's HOME and Z4J_* variables, and under them those of config.env and secret.env in the
// home folder. Problems with those files go to `problems`.
[[nodiscard]] Environment read_environment(std::vector<config::Problem>& problems);

// The config from `file` (else Z4J_CONFIG, else the home folder's z4j.toml) and the environment.
[[nodiscard]] config::Loaded load_config(const std::string& file, const Environment& environment,
                                         std::vector<config::Problem> problems);

// Host names that are answered besides those of the config: a line each in home/allowed-hosts, at
// most 256.
[[nodiscard]] std::string allowed_hosts_file(const std::string& home);
[[nodiscard]] std::vector<std::string> read_allowed_hosts(const std::string& home);
// Letters, digits, '-', '.', and the brackets and colons of an IPv6 address.
[[nodiscard]] bool is_host_name(std::string_view text) noexcept;

// Replaces the file whole or not at all; for its owner alone, and on the disk when this returns.
[[nodiscard]] base::Status write_private_file(const std::string& path, std::string_view text);
// secret.env from its variables.
[[nodiscard]] base::Status write_env_file(const std::string& path, const Environment& variables);

// Makes the folder, for its owner alone. The error says what to do.
[[nodiscard]] base::Status make_home(const std::string& home);

// The one brain of a home folder, as long as this lives.
class HomeLock {
 public:
  // busy: another brain has it; the error names its pid.
  [[nodiscard]] static base::Result<HomeLock> take(const std::string& home);
  HomeLock(HomeLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  HomeLock& operator=(HomeLock&&) = delete;
  ~HomeLock();

 private:
  explicit HomeLock(int fd) : fd_(fd) {}
  int fd_;
};

// Makes the secrets that are not set and keeps them in secret.env; the file is replaced whole or
// not at all.
[[nodiscard]] base::Status mint_secrets(config::Settings& settings);

// What "secret:NAME" in a plugin's settings stands for: a variable, else the file secrets/NAME of
// the home folder (at most 64 KiB, its last line break dropped).
[[nodiscard]] base::Result<std::string> read_secret(const std::string& home,
                                                    const Environment& environment,
                                                    std::string_view name);

}  // namespace z4j::app
