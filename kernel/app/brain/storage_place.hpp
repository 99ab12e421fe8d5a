// A database that a storage command reads or fills.
#pragma once

#include <memory>
#include <string>

#include "app/brain/home.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"

namespace z4j::app {

// What stands for the configured database in --from and --to.
inline constexpr const char* kConfiguredDatabase = "config";

struct DatabasePlace {
  std::string url;                             // "": SQLite in the home folder
  std::string shown;                           // without user, password and options
  [[nodiscard]] std::string identity() const;  // the same for the same place; holds no password
};

// What --from and --to say: "config", a URL without a password, or secret:NAME (a Z4J_ variable, or
// a file under secrets/ of the home folder, that holds the URL). A password in the command line is
// refused: every user of the machine could read it.
[[nodiscard]] base::Result<DatabasePlace> read_place(const std::string& said,
                                                     const config::Settings& settings,
                                                     const Environment& environment);

// A storage plugin with its store. Made on its own host, so a source and a target do not share
// anything. Members go in reverse order.
class StoragePlace {
 public:
  // For reading only: takes no lock, so a brain may be running. Refuses a database that holds
  // nothing of ours, or of an older or newer program.
  [[nodiscard]] static base::Result<StoragePlace> open_source(const DatabasePlace& place,
                                                              const config::Settings& settings,
                                                              const base::Clock& clock);
  // Made and migrated when it is not there yet.
  [[nodiscard]] static base::Result<StoragePlace> open_target(const DatabasePlace& place,
                                                              const config::Settings& settings,
                                                              const base::Clock& clock);
  // The report of a migration (JSON): what it did, or with `dry_run` would do.
  [[nodiscard]] static base::Result<std::string> migrate(const DatabasePlace& place,
                                                         const config::Settings& settings,
                                                         const base::Clock& clock, bool dry_run);

  [[nodiscard]] plugin::StorageClient& client() { return *client_; }
  [[nodiscard]] core::Store& store() { return *store_; }  // of a target

 private:
  [[nodiscard]] static base::Result<StoragePlace> start(const DatabasePlace& place,
                                                        const config::Settings& settings,
                                                        const base::Clock& clock, bool read_only);

  std::unique_ptr<plugin::Host> host_;
  std::shared_ptr<plugin::StorageClient> client_;
  std::unique_ptr<core::Store> store_;
};

}  // namespace z4j::app
