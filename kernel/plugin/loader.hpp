// Finds plugin files, checks them before they are mapped, maps them once for ever and checks what
// they declare. The only user of Boost.DLL.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/one_at_a_time.hpp"
#include "base/result.hpp"

namespace z4j::plugin {

namespace process {
class Remote;
}

// A mapped file. Never unmapped and never freed: a plugin's code may be registered anywhere.
struct LoadedFile {
  std::string path;
  const z4j_plugin_entry* entry = nullptr;
  const z4j_plugin* descriptor = nullptr;  // the first one: a file holds one plugin today
  process::Remote* remote = nullptr;       // another process has mapped it; without `entry` then
};

// Why a file was refused: at which step (file, map, entry, descriptor) and the reason.
struct Refusal {
  std::string step;
  base::Error error;
};

// Thread-safe. load() runs the file's static constructors and get_interface(); it may hang with
// them, so call it from a thread that can be left behind.
class Loader {
 public:
  explicit Loader(std::vector<std::string> directories) : directories_(std::move(directories)) {}

  // stem -> path of what lies in the directories, the first directory wins; nothing is mapped.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> offered() const;

  // Where that plugin's file is; it is not looked into.
  [[nodiscard]] base::Result<std::string> find(const std::string& plugin) const;

  // `plugin` is a file's stem; `sha256` pins the file's hash (64 hex digits), or is empty. Null:
  // see `refusal`. The result lives as long as the process.
  [[nodiscard]] const LoadedFile* load(const std::string& plugin, std::string_view sha256,
                                       Refusal& refusal);

 private:
  using FileId = std::pair<std::uint64_t, std::uint64_t>;  // device and inode
  base::Result<FileId> check_file(const std::string& path, std::string_view sha256) const;

  const std::vector<std::string> directories_;
  base::OneAtATime loading_;
  std::map<FileId, const LoadedFile*> loaded_;  // guarded by loading_
};

}  // namespace z4j::plugin
