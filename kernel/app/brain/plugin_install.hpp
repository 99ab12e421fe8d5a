// plugin sign, verify, install: a plugin's file on its way from who made it into the folder that a
// brain loads from. None of its code runs in this process.
#pragma once

#include <string>

#include "config/config.hpp"

namespace z4j::app {

// Writes FILE.sig with the private key in the PEM file `key`. Answers the exit code, as do all.
[[nodiscard]] int sign_plugin(const std::string& file, const std::string& key);
// With the public key `key` (see config/trusted_keys.hpp), or "": those of the settings.
[[nodiscard]] int verify_plugin(const config::Settings& settings, const std::string& file,
                                const std::string& key);

struct InstallRequest {
  std::string file;
  bool replace = false;  // another file of that name
};
[[nodiscard]] int install_plugin(const config::Settings& settings, const InstallRequest& request);

}  // namespace z4j::app
