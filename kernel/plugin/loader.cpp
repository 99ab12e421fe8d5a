#define BOOST_DLL_USE_STD_FS
#include "plugin/loader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/crypto.hpp"
#include "config/schema.hpp"

namespace z4j::plugin {
namespace {

namespace fs = std::filesystem;

std::string_view declared_text(z4j_str s) { return s.ptr != nullptr ? std::string_view(s.ptr, s.len) : std::string_view(); }

base::Error refuse(base::Code code, std::string message, std::string hint) {
  return base::Error{.code = code, .message = std::move(message), .where = {}, .hint = std::move(hint)};
}

base::Status check_file(const fs::path& path, std::string_view sha256) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return refuse(base::Code::not_found, path.string() + " is not a regular file", "install the plugin's .so there");
  }
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return refuse(base::Code::denied, path.string() + " belongs to user " + std::to_string(info.st_uid),
                  "a plugin file must belong to root or to the user who runs the brain");
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(base::Code::denied, path.string() + " can be written by others", "chmod go-w " + path.string());
  }
  if (!sha256.empty()) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const std::string found = base::hex(base::sha256(bytes));
    if (found != sha256) {
      return refuse(base::Code::denied, path.string() + " has SHA-256 " + found + ", the config pins " + std::string(sha256),
                    "check where the file comes from, then change the pin");
    }
  }
  return {};
}

// dlerror's part of Boost.DLL's text, which ends in an unrelated errno.
std::string reason_of(const std::string& what) {
  const auto open = what.find('(');
  std::string text = open == std::string::npos ? what : what.substr(open + 1);
  for (const std::string_view tail : {": Bad file descriptor", ": Success"}) {
    if (const auto at = text.rfind(tail); at != std::string::npos) text.resize(at);
  }
  while (!text.empty() && text.back() == ')') text.pop_back();
  return text;
}

// Maps outlive everything, the Loader too: a plugin's code may still run while the process ends.
const boost::dll::shared_library& keep_mapped(std::unique_ptr<boost::dll::shared_library> library) {
  static std::mutex mutex;
  static auto* const all = new std::vector<std::unique_ptr<boost::dll::shared_library>>;
  const std::lock_guard lock(mutex);
  all->push_back(std::move(library));
  return *all->back();
}

bool well_formed_id(std::string_view id) {
  if (id.size() < 3 || id.size() > 128 || id.front() == '.' || id.back() == '.' || id.find('.') == std::string_view::npos) return false;
  return std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-'; });
}

bool well_formed_version(std::string_view v) {
  int dots = 0;
  std::size_t digits = 0;
  for (const char c : v) {
    if (c >= '0' && c <= '9') {
      ++digits;
    } else if (c == '.' && digits > 0) {
      ++dots;
      digits = 0;
    } else {
      return (c == '-' || c == '+') && dots == 2 && digits > 0;
    }
  }
  return dots == 2 && digits > 0;
}

bool has_word(std::string_view list, std::string_view word) {
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    if (list.substr(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

struct Kind {
  std::string_view name, interface;
};
constexpr Kind kKinds[] = {{"engine", Z4J_IFACE_ENGINE}, {"scheduler", Z4J_IFACE_SCHEDULER},
                           {"notifier", Z4J_IFACE_NOTIFIER}, {"storage", Z4J_IFACE_STORAGE}, {"http", Z4J_IFACE_HTTP}};

bool complete_table(std::string_view kind, const void* table) {
  if (kind == "engine") {
    const auto* t = static_cast<const z4j_engine*>(table);
    return Z4J_HAS(t, z4j_engine, capabilities) && Z4J_HAS(t, z4j_engine, command) && Z4J_HAS(t, z4j_engine, snapshot) && t->engine_name.len > 0;
  }
  if (kind == "storage") {
    const auto* t = static_cast<const z4j_storage*>(table);
    return Z4J_HAS(t, z4j_storage, info) && Z4J_HAS(t, z4j_storage, migrate) && Z4J_HAS(t, z4j_storage, session_open) &&
           Z4J_HAS(t, z4j_storage, session_close) && Z4J_HAS(t, z4j_storage, commit) && Z4J_HAS(t, z4j_storage, read_open) &&
           Z4J_HAS(t, z4j_storage, read_next) && Z4J_HAS(t, z4j_storage, read_close);
  }
  return true;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> Loader::offered() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& directory : directories_) {
    std::error_code ec;
    for (const auto& file : fs::directory_iterator(directory, ec)) {
      if (file.path().extension() != ".so") continue;
      const std::string stem = file.path().stem().string();
      const bool shadowed = std::any_of(out.begin(), out.end(), [&](const auto& o) { return o.first == stem; });
      if (!shadowed) out.emplace_back(stem, file.path().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

base::Result<const LoadedFile*> Loader::load(const std::string& plugin, std::string_view sha256, std::string& step) {
  const std::lock_guard lock(mutex_);
  step = "file";
  if (plugin.empty() || plugin.find('/') != std::string::npos || plugin.find("..") != std::string::npos) {
    return refuse(base::Code::bad_config, "\"" + plugin + "\" is not a plugin's name", "give the file's name without folder and .so");
  }
  fs::path path;
  std::string searched;
  for (const std::string& directory : directories_) {
    searched += (searched.empty() ? "" : ", ") + directory;
    const fs::path candidate = fs::path(directory) / (plugin + ".so");
    std::error_code ec;
    if (!fs::exists(candidate, ec)) continue;
    path = fs::canonical(candidate, ec);
    const fs::path root = fs::canonical(directory, ec);
    if (path.string().rfind(root.string() + "/", 0) != 0) {
      return refuse(base::Code::denied, candidate.string() + " leads outside " + root.string(), "put the file itself into the plugin directory");
    }
    break;
  }
  if (path.empty()) {
    std::vector<std::string> known;
    for (const auto& [stem, file] : offered()) known.push_back(stem);
    const std::string near = config::nearest(plugin, known);
    return refuse(base::Code::not_found, "no plugin \"" + plugin + "\" in " + searched,
                  near.empty() ? "z4j-brain plugin list shows what is there" : "did you mean \"" + near + "\"?");
  }
  if (auto good = check_file(path, sha256); !good) return good.error();

  struct stat info {};
  ::stat(path.c_str(), &info);
  const auto key = std::make_pair(static_cast<std::uint64_t>(info.st_dev), static_cast<std::uint64_t>(info.st_ino));
  if (const auto known = loaded_.find(key); known != loaded_.end()) return known->second.get();

  step = "map";
  auto library = std::make_unique<boost::dll::shared_library>();
  try {
    library->load(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& e) {
    return refuse(base::Code::unsupported, path.string() + " can't be loaded: " + reason_of(e.what()), "rebuild the plugin against this system's libraries");
  }
  const boost::dll::shared_library& mapped = keep_mapped(std::move(library));
  step = "entry";
  if (!mapped.has(Z4J_PLUGIN_SYMBOL)) {
    if (mapped.has("z4j_plugin_entry_v2")) return refuse(base::Code::unsupported, path.string() + " needs z4j 2.x", "use the plugin's release for ABI 1");
    return refuse(base::Code::unsupported, path.string() + " is not a z4j plugin: it exports no " Z4J_PLUGIN_SYMBOL, "build it with z4j_add_plugin");
  }
  auto file = std::make_unique<LoadedFile>();
  file->path = path.string();
  file->entry = &mapped.get<const z4j_plugin_entry>(Z4J_PLUGIN_SYMBOL);
  const auto named = [&](base::Error error) {
    error.message = path.string() + ": " + error.message;
    return error;
  };
  if (auto good = check_entry(*file->entry); !good) return named(good.error());
  step = "descriptor";
  file->descriptor = file->entry->plugins[0];
  if (auto good = check_descriptor(*file->descriptor); !good) return named(good.error());
  return loaded_.emplace(key, std::move(file)).first->second.get();
}

base::Status check_entry(const z4j_plugin_entry& entry) {
  if (entry.magic != Z4J_PLUGIN_MAGIC) return refuse(base::Code::unsupported, "wrong magic number in its entry", "the file is damaged, or something else uses our symbol's name");
  if (entry.struct_size < sizeof(z4j_plugin_entry)) {
    return refuse(base::Code::unsupported, "its entry has " + std::to_string(entry.struct_size) + " bytes, expected at least " + std::to_string(sizeof(z4j_plugin_entry)), "rebuild the plugin");
  }
  if (entry.abi_major != Z4J_ABI_MAJOR) {
    return refuse(base::Code::unsupported, "built for ABI " + std::to_string(entry.abi_major) + ".x, this is ABI " + std::to_string(Z4J_ABI_MAJOR) + "." + std::to_string(Z4J_ABI_MINOR),
                  "use the plugin's release for ABI " + std::to_string(Z4J_ABI_MAJOR));
  }
  if (entry.min_host_minor > Z4J_ABI_MINOR) {
    return refuse(base::Code::unsupported, "needs ABI 1." + std::to_string(entry.min_host_minor) + ", this is 1." + std::to_string(Z4J_ABI_MINOR), "upgrade z4j");
  }
  if (entry.plugin_count != 1 || entry.plugins == nullptr || entry.plugins[0] == nullptr) {
    return refuse(base::Code::unsupported, "its entry lists " + std::to_string(entry.plugin_count) + " plugins, expected 1", "put one plugin into one file");
  }
  return {};
}

base::Status check_descriptor(const z4j_plugin& plugin) {
  const auto bad = [](std::string message) { return refuse(base::Code::unsupported, std::move(message), "this is for the plugin's author to mend"); };
  if (plugin.struct_size < sizeof(z4j_plugin)) return bad("its descriptor is too short");
  if (!well_formed_id(declared_text(plugin.id))) return bad("its id \"" + std::string(declared_text(plugin.id)) + "\" is not of the form org.example.name");
  if (!well_formed_version(declared_text(plugin.version))) return bad("its version \"" + std::string(declared_text(plugin.version)) + "\" is not of the form 1.2.3");
  if (plugin.create == nullptr || plugin.start == nullptr || plugin.stop == nullptr || plugin.destroy == nullptr || plugin.get_interface == nullptr) {
    return bad("a required function of its descriptor is missing");
  }
  if (auto good = config::check_schema(declared_text(plugin.config_schema_json)); !good) return bad("its config schema is not usable: " + good.error().message);
  bool any = false;
  for (const Kind& kind : kKinds) {
    const bool declared = has_word(declared_text(plugin.kinds), kind.name);
    const void* table = plugin.get_interface(z4j_str{kind.interface.data(), kind.interface.size()});
    if (declared != (table != nullptr)) {
      return bad(std::string(declared ? "it declares" : "it does not declare") + " kind \"" + std::string(kind.name) + "\" but has " + (declared ? "no " : "") + std::string(kind.interface));
    }
    if (declared && !complete_table(kind.name, table)) return bad("a required function of " + std::string(kind.interface) + " is missing");
    any = any || declared;
  }
  if (!any) return bad("it declares no kind this host knows (\"" + std::string(declared_text(plugin.kinds)) + "\")");
  return {};
}

}  // namespace z4j::plugin
