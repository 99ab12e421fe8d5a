#define BOOST_DLL_USE_STD_FS
#include "plugin/loader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "base/crypto.hpp"
#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "plugin/rules.hpp"

namespace z4j::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxPluginFileBytes = 512u << 20;
constexpr auto kLoaderPatience = std::chrono::seconds(5);

// dlerror's part of Boost.DLL's text "boost::dll::...() failed (REASON): errno text".
std::string dl_reason(std::string text) {
  if (const auto at = text.find("failed"); at != std::string::npos) text.erase(0, at + 6);
  for (const std::string_view tail : {": Bad file descriptor", ": Success"}) {
    if (const auto at = text.rfind(tail); at != std::string::npos) text.resize(at);
  }
  const auto first = text.find_first_not_of(" (:");
  text.erase(0, first == std::string::npos ? text.size() : first);
  if (const auto at = text.find(" [system:"); at != std::string::npos) text.resize(at);
  while (!text.empty() && (text.back() == ')' || text.back() == ' ')) text.pop_back();
  return text;
}

// Each mapped file, refused ones too. The files and their mappings are never freed.
struct KeptFile {
  boost::dll::shared_library* library = nullptr;
  LoadedFile file;
};

KeptFile& kept_file(const std::pair<std::uint64_t, std::uint64_t>& id) {
  static std::mutex mutex;
  static auto& files = *new std::map<std::pair<std::uint64_t, std::uint64_t>, KeptFile>();
  const std::lock_guard lock(mutex);
  return files[id];
}

// The dynamic linker knows a mapped library again by the text of its path, before it looks at the
// file. So that a file put in another's place is mapped anew, each mapping of a path spells it
// anew.
std::string fresh_spelling(const std::string& path) {
  static std::mutex mutex;
  static auto& times_mapped = *new std::map<std::string, unsigned>();
  const std::lock_guard lock(mutex);
  const fs::path file(path);
  std::string spelled = file.parent_path().string() + "/";
  for (unsigned i = times_mapped[path]++; i > 0; --i) spelled += "./";
  return spelled + file.filename().string();
}

base::Error about(const std::string& path, base::Error error) {
  error.message = path + ": " + error.message;
  return error;
}

base::Status check_directory(const fs::path& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    return host_error(base::Code::io, directory.string() + " can't be read", "check its rights");
  }
  const bool open = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0;
  if (open || (info.st_uid != 0 && info.st_uid != ::geteuid())) {
    return host_error(base::Code::denied,
                      "others can replace files in the plugin directory " + directory.string(),
                      "let it belong to root or to the user who runs z4j, and chmod go-w it");
  }
  return {};
}

base::Status check_pin(const std::string& path, std::string_view sha256) {
  std::string pin(sha256);
  std::transform(pin.begin(), pin.end(), pin.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file && !file.eof()) {
    return host_error(base::Code::io, path + " can't be read", "check its rights");
  }
  const std::string found = base::hex(base::sha256(bytes));
  if (found == pin) return {};
  return host_error(base::Code::denied, path + " has SHA-256 " + found + ", the config pins " + pin,
                    "make sure where the file comes from, then change the pin");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> Loader::offered() const {
  std::map<std::string, std::string> found;
  for (const std::string& directory : directories_) {
    std::error_code ec;
    for (fs::directory_iterator at(directory, ec), end; !ec && at != end; at.increment(ec)) {
      if (at->path().extension() != ".so") continue;
      found.emplace(at->path().stem().string(), at->path().string());
    }
  }
  return {found.begin(), found.end()};
}

base::Result<std::string> Loader::find(const std::string& plugin) const {
  if (plugin.empty() || plugin.size() > 128 || plugin.front() == '.' ||
      plugin.find_first_of(std::string_view("/\\\0", 3)) != std::string::npos) {
    return host_error(base::Code::bad_config,
                      "\"" + std::string(cut(plugin, 128)) + "\" is not a plugin's name",
                      "give the file's name without folder and without .so");
  }
  std::string searched;
  for (const std::string& directory : directories_) {
    searched += (searched.empty() ? "" : ", ") + directory;
    const fs::path candidate = fs::path(directory) / (plugin + ".so");
    std::error_code ec;
    if (!fs::exists(fs::symlink_status(candidate, ec))) continue;
    const fs::path path = fs::canonical(candidate, ec);
    if (ec) {
      return host_error(base::Code::not_found, candidate.string() + " leads nowhere",
                        "install the plugin again");
    }
    const fs::path root = fs::canonical(directory, ec);
    if (ec || path.parent_path() != root) {
      return host_error(base::Code::denied, candidate.string() + " leads outside " + directory,
                        "put the file itself into the plugin directory");
    }
    if (auto good = check_directory(root); !good) return good.error();
    return path.string();
  }
  std::vector<std::string> known;
  for (const auto& [stem, file] : offered()) known.push_back(stem);
  const std::string near = config::nearest(plugin, known);
  return host_error(base::Code::not_found,
                    "no plugin \"" + plugin + "\" in " +
                        (searched.empty() ? std::string("any plugin directory") : searched),
                    near.empty() ? "z4j-brain plugin list shows what is there"
                                 : "did you mean \"" + near + "\"?");
}

base::Result<Loader::FileId> Loader::check_file(const std::string& path,
                                                std::string_view sha256) const {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return host_error(base::Code::not_found, path + " is not a regular file",
                      "put the plugin's .so there");
  }
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return host_error(base::Code::denied,
                      path + " belongs to user " + std::to_string(info.st_uid) +
                          ", expected root or the user who runs z4j",
                      "chown root " + path);
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return host_error(base::Code::denied, path + " can be written by others", "chmod go-w " + path);
  }
  if (static_cast<std::uintmax_t>(info.st_size) > kMaxPluginFileBytes) {
    return host_error(base::Code::too_large, path + " is larger than 512 MiB",
                      "this is hardly a plugin");
  }
  if (!sha256.empty()) {
    if (auto good = check_pin(path, sha256); !good) return good.error();
  }
  return FileId{info.st_dev, info.st_ino};
}

const LoadedFile* Loader::load(const std::string& plugin, std::string_view sha256,
                               Refusal& refusal) {
  const auto refuse = [&refusal](const char* step, base::Error error) -> const LoadedFile* {
    refusal = Refusal{step, std::move(error)};
    return nullptr;
  };
  const base::OneAtATime::Turn turn(loading_, kLoaderPatience);
  if (!turn) {
    return refuse("map",
                  host_error(base::Code::busy, "another plugin file hangs while it is mapped",
                             "see the log for its name; restart z4j without it"));
  }
  auto path = find(plugin);
  if (!path) return refuse("file", std::move(path).error());
  auto id = check_file(*path, sha256);
  if (!id) return refuse("file", std::move(id).error());
  if (const auto known = loaded_.find(*id); known != loaded_.end()) return known->second;

  KeptFile& kept = kept_file(*id);
  if (kept.library == nullptr) {
    const auto file = read_elf(*path);
    if (!file) return refuse("file", about(*path, file.error()));
    if (auto good = check_has_entry(*file); !good)
      return refuse("entry", about(*path, good.error()));
    if (auto good = check_file_rules(*file); !good)
      return refuse("file", about(*path, good.error()));
    auto library = std::make_unique<boost::dll::shared_library>();
    try {
      library->load(fresh_spelling(*path),
                    boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    } catch (const std::exception& e) {
      return refuse(
          "map",
          host_error(base::Code::unsupported, *path + " can't be loaded: " + dl_reason(e.what()),
                     "install the libraries it needs, or a build for this system"));
    }
    kept.library = library.release();
  }
  boost::dll::shared_library* const library = kept.library;
  const auto& entry = library->get<const z4j_plugin_entry>(Z4J_PLUGIN_SYMBOL);
  base::Status good = check_entry(entry);
  const char* step = "entry";
  if (good) {
    step = "descriptor";
    good = check_descriptor(descriptor_of(*entry.plugins[0]));
  }
  if (!good) return refuse(step, about(*path, good.error()));
  kept.file = LoadedFile{*path, &entry, entry.plugins[0]};
  return loaded_[*id] = &kept.file;
}

}  // namespace z4j::plugin
