// The commands that move whole databases: each prints how far it is on standard error and what came
// of it on standard output, and answers the program's exit code.
#pragma once

#include <string>

#include "app/brain/home.hpp"
#include "config/config.hpp"
#include "core/store.hpp"

namespace z4j::app {

struct StorageRequest {
  std::string from, to;  // places (storage_place.hpp), or the backup file
  bool force = false;    // empty a target that holds other rows
  bool verify = false;   // restore: into a store of its own, only to prove the file
};

[[nodiscard]] int storage_copy(const config::Settings& settings, const Environment& environment,
                               const StorageRequest& request);
[[nodiscard]] int backup(const config::Settings& settings, const StorageRequest& request);
[[nodiscard]] int restore(const config::Settings& settings, const StorageRequest& request);
[[nodiscard]] int migrate(const config::Settings& settings, bool dry_run);

// Tells whether the audit log of an open store is whole; 1 when it is not.
[[nodiscard]] int verify_audit(core::Store& store, const config::Settings& settings, bool json);
// Nothing can be verified without the master key: an error that says where it should be.
[[nodiscard]] base::Status need_master_key(const config::Settings& settings);
// On standard error; answers 1.
int tell(const base::Error& error);

}  // namespace z4j::app
