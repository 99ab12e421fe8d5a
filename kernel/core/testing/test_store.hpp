// A store over the SQLite driver in a folder of its own, loaded through the plugin host as in
// production: for unit tests.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/store.hpp"
#include "plugin/host.hpp"

namespace z4j::core::testing {

// Owns the host and the folder too; the store dies first.
class TestStore {
 public:
  using Wrap =
      std::function<std::shared_ptr<plugin::StorageClient>(std::shared_ptr<plugin::StorageClient>)>;
  // `wrap`, if any, gives what the store talks to instead of the driver. Throws std::runtime_error
  // when the driver can't be loaded.
  explicit TestStore(const Wrap& wrap = {});
  ~TestStore();
  TestStore(const TestStore&) = delete;
  TestStore& operator=(const TestStore&) = delete;
  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }
  [[nodiscard]] plugin::StorageClient& client() { return *client_; }

 private:
  std::string folder_;
  std::unique_ptr<plugin::Host> host_;
  std::shared_ptr<plugin::StorageClient> client_;
  std::unique_ptr<Store> store_;
};

}  // namespace z4j::core::testing
