// Finds plugin files, checks them before they are mapped, maps them once for ever and checks what they
// declare. The only user of Boost.DLL.
#pragma once

#include <z4j/abi.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin {

// A mapped file. Never unmapped: a plugin's code may be running or registered anywhere.
struct LoadedFile {
  std::string path;
  const z4j_plugin_entry* entry = nullptr;
  const z4j_plugin* descriptor = nullptr;  // a file holds one plugin
};

// Thread-safe.
class Loader {
 public:
  explicit Loader(std::vector<std::string> directories) : directories_(std::move(directories)) {}

  // stem -> path of what lies in the directories; nothing is mapped.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> offered() const;
  // `plugin` is a file's stem. `sha256` pins the file's hash (hex), or is empty. On failure `step` says
  // where: file, map, entry, descriptor.
  [[nodiscard]] base::Result<const LoadedFile*> load(const std::string& plugin, std::string_view sha256, std::string& step);

 private:
  const std::vector<std::string> directories_;
  std::mutex mutex_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::unique_ptr<LoadedFile>> loaded_;  // by device and inode
};

// The rules every descriptor must meet.
[[nodiscard]] base::Status check_entry(const z4j_plugin_entry& entry);
[[nodiscard]] base::Status check_descriptor(const z4j_plugin& plugin);

}  // namespace z4j::plugin
