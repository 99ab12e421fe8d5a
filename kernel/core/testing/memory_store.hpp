// A store over the in-memory driver, loaded through the plugin host as in production: for unit tests.
#pragma once

#include <memory>

#include "core/store.hpp"
#include "plugin/host.hpp"

namespace z4j::core::testing {

// Owns the host too; the store dies first.
class MemoryStore {
 public:
  MemoryStore();  // throws std::runtime_error when the driver can't be loaded
  ~MemoryStore();
  Store& operator*() { return *store_; }
  Store* operator->() { return store_.get(); }

 private:
  std::unique_ptr<plugin::Host> host_;
  std::unique_ptr<Store> store_;
};

}  // namespace z4j::core::testing
