// A storage driver behind the StorageClient of host.hpp.
#pragma once

#include <memory>

#include "plugin/instance.hpp"

namespace z4j::plugin {

// `instance` has a storage table. The client may outlive the instance's run, and the host: its
// calls then fail with unavailable.
[[nodiscard]] std::shared_ptr<StorageClient> make_storage_client(Instance& instance);

// Closes the sessions that are still open but for poisoned ones. Inside the plugin, before stop();
// the sessions gate is closed.
void close_sessions(Instance& instance);

}  // namespace z4j::plugin
