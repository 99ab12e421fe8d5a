#include "core/testing/memory_store.hpp"

#include <stdexcept>

namespace z4j::core::testing {

MemoryStore::MemoryStore() {
  static const base::SystemClock clock;
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  options.host_version = "test";
  host_ = std::make_unique<plugin::Host>(options, plugin::Callbacks{}, base::Log::quiet(), clock);
  config::PluginEntry entry;
  entry.name = "memory";
  entry.plugin = "storage-memory";
  if (auto started = host_->start(entry); !started) throw std::runtime_error(started.error().text());
  auto driver = host_->storage("memory");
  if (!driver) throw std::runtime_error(driver.error().text());
  auto store = Store::open(std::move(driver).value(), {});
  if (!store) throw std::runtime_error(store.error().text());
  store_ = std::move(store).value();
}

MemoryStore::~MemoryStore() {
  store_.reset();
  host_->stop_all();
}

}  // namespace z4j::core::testing
