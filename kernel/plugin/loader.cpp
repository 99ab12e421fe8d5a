#define BOOST_DLL_USE_STD_FS
#include "plugin/loader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <filesystem>
#include <mutex>

#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "plugin/rules.hpp"

namespace z4j::plugin {
namespace {

namespace fs = std::filesystem;

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
  LoadedFile file;  // written once: others read it
};

KeptFile& kept_file(const std::string& id) {
  static std::mutex mutex;
  static auto& files = *new std::map<std::string, KeptFile>();
  const std::lock_guard lock(mutex);
  return files[id];
}

// A sealed copy is what it holds; any other file is mapped once as long as it is the same one.
std::string id_of(const CheckedFile& file) {
  if (!file.is_sealed) return std::to_string(file.device) + ":" + std::to_string(file.inode);
  return file.sha256 + " " + (file.signer ? file.signer->key_id : "") + " " + file.path;
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

}  // namespace

base::Status check_plugin_name(std::string_view name) {
  if (!name.empty() && name.size() <= 128 && name.front() != '.' &&
      name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos)
    return {};
  return host_error(base::Code::bad_config,
                    "\"" + std::string(cut(name, 128)) + "\" is not a plugin's name",
                    "give the file's name without folder and without .so");
}

base::Status check_directory(const std::string& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) {
    return host_error(base::Code::io, directory + " can't be read", "check its rights");
  }
  const bool open = (info.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (info.st_mode & S_ISVTX) == 0;
  if (open || (info.st_uid != 0 && info.st_uid != ::geteuid())) {
    return host_error(base::Code::denied,
                      "others can replace files in the plugin directory " + directory,
                      "let it belong to root or to the user who runs z4j, and chmod go-w it");
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> Loader::offered() const {
  std::map<std::string, std::string> found;
  for (const std::string& directory : options_.directories) {
    std::error_code ec;
    for (fs::directory_iterator at(directory, ec), end; !ec && at != end; at.increment(ec)) {
      if (at->path().extension() != ".so") continue;
      found.emplace(at->path().stem().string(), at->path().string());
    }
  }
  return {found.begin(), found.end()};
}

base::Result<std::string> Loader::find(const std::string& plugin) const {
  if (auto good = check_plugin_name(plugin); !good) return good.error();
  std::string searched;
  for (const std::string& directory : options_.directories) {
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
    if (auto good = check_directory(root.string()); !good) return good.error();
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

bool Loader::is_foreign(const std::string& plugin, const std::string& path) const {
  std::error_code ec;
  const fs::path own = fs::canonical(options_.own_directory, ec);
  const auto& stems = options_.own_plugins;
  return ec || fs::path(path).parent_path() != own ||
         std::find(stems.begin(), stems.end(), plugin) == stems.end();
}

base::Result<OpenedFile> Loader::open(const std::string& plugin) const {
  const auto path = find(plugin);
  if (!path) return path.error();
  const std::string signature =
      (fs::path(*path).parent_path() / (plugin + ".so" + std::string(kSignatureSuffix))).string();
  return open_file(*path, signature);
}

std::string_view Loader::required_by(const std::string& plugin, const std::string& path) const {
  switch (options_.signatures.required) {
    case SignaturePolicy::Required::none:
      break;
    case SignaturePolicy::Required::foreign:
      return is_foreign(plugin, path) ? "foreign" : "";
    case SignaturePolicy::Required::all:
      return "all";
  }
  return "";
}

base::Result<CheckedFile> Loader::check(OpenedFile opened, const std::string& plugin,
                                        std::string_view sha256) const {
  const std::string_view required = required_by(plugin, opened.path);
  return check_file(std::move(opened), {plugin, sha256, required, &options_.signatures.keys});
}

base::Result<CheckedFile> Loader::check(const std::string& plugin, std::string_view sha256) const {
  auto opened = open(plugin);
  if (!opened) return std::move(opened).error();
  return check(std::move(*opened), plugin, sha256);
}

base::Result<std::string> Loader::state(const std::string& plugin) const {
  auto opened = open(plugin);
  if (!opened) return std::move(opened).error();
  return opened->path + " " + opened->state;
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
  auto opened = open(plugin);
  if (!opened) return refuse("file", std::move(opened).error());
  // What was checked in this state was copied then, so it is still what was checked.
  const bool is_sealed = opened->signature || !sha256.empty();
  const std::string state = plugin + (is_sealed ? " sealed " + opened->state
                                                : " " + std::to_string(opened->device) + ":" +
                                                      std::to_string(opened->inode));
  if (const auto known = loaded_.find(state); known != loaded_.end()) {
    if (auto good = check_pin(opened->path, known->second->sha256, sha256); !good)
      return refuse("file", good.error());
    return known->second;
  }
  auto checked = check(std::move(*opened), plugin, sha256);
  if (!checked) return refuse("file", std::move(checked).error());
  const LoadedFile* const file = map_file(std::move(*checked), refusal);
  if (file != nullptr) loaded_[state] = file;
  return file;
}

const LoadedFile* map_file(CheckedFile file, Refusal& refusal) {
  const auto refuse = [&](const char* step, base::Error error) -> const LoadedFile* {
    error.message = file.path + ": " + error.message;
    refusal = Refusal{step, std::move(error)};
    return nullptr;
  };
  KeptFile& kept = kept_file(id_of(file));
  if (kept.file.entry != nullptr) return &kept.file;
  if (kept.library == nullptr) {
    const auto elf = read_elf(file.file.get(), file.path);
    if (!elf) return refuse("file", elf.error());
    if (auto good = check_has_entry(*elf); !good) return refuse("entry", good.error());
    // Libraries that it looks for beside itself are mapped here: the linker, which sees a copy
    // elsewhere, knows them by their names then.
    if (auto good = check_file_rules(*elf); !good) return refuse("file", good.error());
    const std::string name =
        file.is_sealed ? "/proc/self/fd/" + std::to_string(file.file.get()) : file.path;
    auto library = std::make_unique<boost::dll::shared_library>();
    try {
      library->load(fresh_spelling(name),
                    boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    } catch (const std::exception& e) {
      return refuse(
          "map", host_error(base::Code::unsupported, "it can't be loaded: " + dl_reason(e.what()),
                            "install the libraries it needs, or a build for this system"));
    }
    kept.library = library.release();
  }
  const auto& entry = kept.library->get<const z4j_plugin_entry>(Z4J_PLUGIN_SYMBOL);
  base::Status good = check_entry(entry);
  const char* step = "entry";
  if (good) {
    step = "descriptor";
    good = check_descriptor(descriptor_of(*entry.plugins[0]));
  }
  if (!good) return refuse(step, good.error());
  kept.file = LoadedFile{file.path, &entry, entry.plugins[0], nullptr, file.sha256, file.signer};
  return &kept.file;
}

}  // namespace z4j::plugin
