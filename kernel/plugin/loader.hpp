// Finds plugin files, checks them before they are mapped, maps them once for ever and checks what
// they declare. The only user of Boost.DLL.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/one_at_a_time.hpp"
#include "base/result.hpp"
#include "plugin/checked_file.hpp"
#include "plugin/signature.hpp"

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
  std::string sha256 = {};                 // of the bytes that were mapped
  std::optional<Signer> signer = {};
};

// Why a file was refused: at which step (file, map, entry, descriptor) and the reason.
struct Refusal {
  std::string step;
  base::Error error;
};

// What a plugin may be called: the name of its file without folder and without .so.
[[nodiscard]] base::Status check_plugin_name(std::string_view name);
// Nobody but root and this user can put files in the place of those that lie there.
[[nodiscard]] base::Status check_directory(const std::string& directory);

// Looks at the rules of a checked file, maps it and checks what it declares. Null: see `refusal`.
// The result lives as long as the process; so does the mapping, whatever becomes of the file. Not
// twice at a time.
[[nodiscard]] const LoadedFile* map_file(CheckedFile file, Refusal& refusal);

// Thread-safe. load() runs the file's static constructors and get_interface(); it may hang with
// them, so call it from a thread that can be left behind.
class Loader {
 public:
  struct Options {
    std::vector<std::string> directories;
    // Files with one of these stems in this folder come with z4j, all others are foreign.
    std::string own_directory = {};
    std::vector<std::string> own_plugins = {};
    SignaturePolicy signatures = {};
  };
  explicit Loader(Options options) : options_(std::move(options)) {}

  // stem -> path of what lies in the directories, the first directory wins; nothing is mapped.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> offered() const;

  // Where that plugin's file is; it is not looked into.
  [[nodiscard]] base::Result<std::string> find(const std::string& plugin) const;

  // Whether that file, as find() gives it, does not come with z4j.
  [[nodiscard]] bool is_foreign(const std::string& plugin, const std::string& path) const;

  // Finds the file and checks its rights, hash and signature, for another process to map it.
  [[nodiscard]] base::Result<CheckedFile> check(const std::string& plugin,
                                                std::string_view sha256) const;
  // What changes when the file or its signature does.
  [[nodiscard]] base::Result<std::string> state(const std::string& plugin) const;

  // `plugin` is a file's stem; `sha256` pins the file's hash (64 hex digits), or is empty. Null:
  // see `refusal`. The result lives as long as the process.
  [[nodiscard]] const LoadedFile* load(const std::string& plugin, std::string_view sha256,
                                       Refusal& refusal);

 private:
  [[nodiscard]] base::Result<OpenedFile> open(const std::string& plugin) const;
  // What asks for a signature of that file: "foreign", "all" or "".
  [[nodiscard]] std::string_view required_by(const std::string& plugin,
                                             const std::string& path) const;
  [[nodiscard]] base::Result<CheckedFile> check(OpenedFile opened, const std::string& plugin,
                                                std::string_view sha256) const;

  const Options options_;
  base::OneAtATime loading_;
  std::map<std::string, const LoadedFile*> loaded_;  // by state; guarded by loading_
};

}  // namespace z4j::plugin
