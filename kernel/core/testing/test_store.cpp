#include "core/testing/test_store.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace z4j::core::testing {

TestStore::TestStore(const Wrap& wrap) {
  static const base::SystemClock clock;
  std::string pattern = (std::filesystem::temp_directory_path() / "z4j_store_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
  folder_ = pattern;
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  options.host_version = "test";
  host_ = std::make_unique<plugin::Host>(options, plugin::Callbacks{}, base::Log::quiet(), clock);
  config::PluginEntry entry;
  entry.name = "store";
  entry.plugin = "storage-sqlite";
  entry.settings["path"] = folder_ + "/test.sqlite";
  if (auto started = host_->start(entry); !started)
    throw std::runtime_error(started.error().text());
  auto driver = host_->storage("store");
  if (!driver) throw std::runtime_error(driver.error().text());
  client_ = std::move(driver).value();
  auto store = Store::open(wrap ? wrap(client_) : client_, {});
  if (!store) throw std::runtime_error(store.error().text());
  store_ = std::move(store).value();
}

TestStore::~TestStore() {
  store_.reset();
  client_.reset();
  host_->stop_all();
  std::error_code ec;
  std::filesystem::remove_all(folder_, ec);
}

}  // namespace z4j::core::testing
