#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>

#include "plugin/crossing.hpp"
#include "plugin/rules.hpp"

namespace z4j::plugin {
namespace {

constexpr std::string_view kEntries = "z4j_plugin_entry_v";
constexpr std::size_t kNamesShown = 3;
// Of ABI 1.0: a plugin of then is taken for ever.
constexpr std::size_t kEntryBytes = offsetof(z4j_plugin_entry, build_info) + sizeof(z4j_str);

base::Error build_refusal(std::string message, std::string hint) {
  return host_error(base::Code::unsupported, std::move(message), std::move(hint));
}

const ElfSymbol* exported(const ElfFile& file, std::string_view name) {
  const auto at = std::find_if(file.exports.begin(), file.exports.end(),
                               [&](const ElfSymbol& s) { return s.name == name; });
  return at == file.exports.end() ? nullptr : &*at;
}

// "a, b, c and 4 more".
std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i)
    out += (i == 0 ? "" : ", ") + std::string(cut(names[i], 120));
  if (names.size() > kNamesShown)
    out += " and " + std::to_string(names.size() - kNamesShown) + " more";
  return out;
}

base::Status is_library(const ElfFile& file) {
  if (!file.is_program) return {};
  return build_refusal("it is a program, not a shared library",
                       "build it with z4j_add_plugin, or as a shared library");
}

base::Status has_entry_data(const ElfFile& file) {
  const ElfSymbol* entry = exported(file, Z4J_PLUGIN_SYMBOL);
  if (entry == nullptr) return check_has_entry(file);
  if (entry->is_data && entry->size >= kEntryBytes) return {};
  return build_refusal(entry->is_data
                           ? "its " Z4J_PLUGIN_SYMBOL " has " + std::to_string(entry->size) +
                                 " bytes, expected at least " + std::to_string(kEntryBytes)
                           : std::string("its " Z4J_PLUGIN_SYMBOL " is code, not data"),
                       "declare it as z4j/abi.h does: const z4j_plugin_entry " Z4J_PLUGIN_SYMBOL);
}

base::Status exports_nothing_else(const ElfFile& file) {
  std::vector<std::string> names;
  for (const ElfSymbol& symbol : file.exports) {
    if (!std::string_view(symbol.name).starts_with(kEntries)) names.push_back(symbol.name);
  }
  if (names.empty()) return {};
  return build_refusal("it exports " + list_of(names) + " beside " Z4J_PLUGIN_SYMBOL,
                       "build it with z4j_add_plugin, or link it with the SDK's z4j-plugin.map");
}

base::Status has_no_unique_symbols(const ElfFile& file) {
  std::vector<std::string> names;
  for (const auto* list : {&file.exports, &file.wants}) {
    for (const ElfSymbol& symbol : *list) {
      if (symbol.is_unique) names.push_back(symbol.name);
    }
  }
  if (names.empty()) return {};
  return build_refusal("it shares " + list_of(names) + " with every library of the process",
                       "compile it with -fno-gnu-unique, as z4j_add_plugin does");
}

base::Status has_no_executable_stack(const ElfFile& file) {
  if (!file.has_executable_stack) return {};
  return build_refusal("it makes the stack executable",
                       "link it with -z noexecstack; assembler files need .note.GNU-stack");
}

base::Status has_no_writable_code(const ElfFile& file) {
  if (!file.has_writable_code) return {};
  return build_refusal("its code can be written to, or is changed when it is loaded",
                       "compile it with -fPIC and without -z notext");
}

base::Status has_safe_run_paths(const ElfFile& file) {
  static constexpr std::string_view kOpen[] = {"/home",    "/root",    "/tmp",
                                               "/var/tmp", "/dev/shm", "/run/user"};
  for (const std::string& soname : file.needed) {
    if (soname.find('/') != std::string::npos)
      return build_refusal("it needs the library \"" + std::string(cut(soname, 200)) +
                               "\" by its path, expected a name",
                           "link it with -l, so that the library is found where the system has it");
  }
  const std::filesystem::path own = std::filesystem::path(file.path).parent_path();
  for (const std::string& given : file.run_paths) {
    std::string path = given;
    bool from_itself = false;
    for (const std::string_view origin : {"${ORIGIN}", "$ORIGIN"}) {
      if (given != origin && !given.starts_with(std::string(origin) + "/")) continue;
      path = own.string() + given.substr(origin.size());
      from_itself = true;
    }
    path = std::filesystem::path(path).lexically_normal().string();
    const auto below = [&](std::string_view folder) {
      return path == folder || path.starts_with(std::string(folder) + "/");
    };
    // Beside the file itself is as good as the file.
    if (from_itself && (below(own.string()) || below(own.parent_path().string()))) continue;
    if (path.empty() || path.front() != '/')
      return build_refusal("it looks for libraries in \"" + std::string(cut(given, 200)) +
                               "\", which is below wherever the program was started",
                           "link it without a run path, or with an absolute one");
    if (std::any_of(std::begin(kOpen), std::end(kOpen), below))
      return build_refusal("it looks for libraries in " + std::string(cut(given, 200)) +
                               ", where people may put files",
                           "install it (CMake then drops the run path of the build), or link it "
                           "without -rpath");
  }
  return {};
}

// Where the dynamic linker finds that library: mapped, as it will be with the plugin.
std::string mapped_library(const ElfFile& file, const std::string& soname) {
  std::vector<std::string> places;
  const std::string own = std::filesystem::path(file.path).parent_path().string();
  for (std::string folder : file.run_paths) {
    for (const std::string_view origin : {"${ORIGIN}", "$ORIGIN"}) {
      if (folder.starts_with(origin)) folder = own + folder.substr(origin.size());
    }
    places.push_back(folder + "/" + soname);
  }
  places.push_back(soname);
  for (const std::string& place : places) {
    void* const library = ::dlopen(place.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (library == nullptr) continue;  // never closed: the plugin maps it anyway
    link_map* at = nullptr;
    if (::dlinfo(library, RTLD_DI_LINKMAP, static_cast<void*>(&at)) == 0 && at != nullptr)
      return at->l_name;
  }
  return {};
}

base::Status needs_libraries_that_exist(const ElfFile& file) {
  for (const std::string& soname : file.needed) {
    if (mapped_library(file, soname).empty())
      return build_refusal("it needs the library " + soname + ", which can't be loaded",
                           "install the libraries it needs, or a build for this system");
  }
  return {};
}

// What a compiler with -fsanitize leaves to the program.
bool is_of_a_sanitizer(std::string_view name) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr bool kSanitized = true;
#elif defined(__has_feature)
  constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
  constexpr bool kSanitized = false;
#endif
  for (const std::string_view word :
       {"__asan_", "__ubsan_", "__tsan_", "__sanitizer_", "__lsan_", "__sancov_"}) {
    if (kSanitized && name.starts_with(word)) return true;
  }
  return false;
}

base::Status wants_only_what_it_names(const ElfFile& file) {
  std::set<std::string, std::less<>> there;
  for (const std::string& soname : file.needed) {
    const std::string path = mapped_library(file, soname);
    if (path.empty()) return needs_libraries_that_exist(file);
    const auto library = read_elf(path);
    if (!library) return build_refusal(path + ": " + library.error().message, "install it again");
    for (const ElfSymbol& symbol : library->exports) there.insert(symbol.name);
  }
  std::vector<std::string> missing;
  for (const ElfSymbol& symbol : file.wants) {
    if (!symbol.is_weak && !there.contains(symbol.name) && !is_of_a_sanitizer(symbol.name))
      missing.push_back(symbol.name);
  }
  if (missing.empty()) return {};
  return build_refusal("it uses " + list_of(missing) +
                           ", which none of the libraries has that it "
                           "names as needed",
                       "link it with --no-undefined, as z4j_add_plugin does; a plugin uses nothing "
                       "of the program but its host table");
}

constexpr Rule<ElfFile> kRules[] = {
    {"library", "is a shared library, not a program", is_library},
    {"entry-data", "exports z4j_plugin_entry_v1, as data", has_entry_data},
    {"exports", "exports nothing else", exports_nothing_else},
    {"unique-symbols", "shares no unique symbols", has_no_unique_symbols},
    {"stack", "leaves the stack not executable", has_no_executable_stack},
    {"code", "has code that nobody can write to", has_no_writable_code},
    {"run-path", "looks for libraries in no folder of people's own", has_safe_run_paths},
    {"libraries", "needs libraries that are installed", needs_libraries_that_exist},
    {"symbols", "uses what those libraries have, and nothing of the program",
     wants_only_what_it_names}};

}  // namespace

std::span<const Rule<ElfFile>> file_rules() { return kRules; }

base::Status check_has_entry(const ElfFile& file) {
  if (exported(file, Z4J_PLUGIN_SYMBOL) != nullptr) return {};
  if (exported(file, "z4j_plugin_entry_v2") != nullptr)
    return build_refusal("it needs z4j 2.x", "install the plugin's release for ABI 1");
  return build_refusal("it is not a z4j plugin: it exports no " Z4J_PLUGIN_SYMBOL,
                       "remove it from the config, or build it with z4j_add_plugin");
}

base::Status check_file_rules(const ElfFile& file) {
  for (const Rule<ElfFile>& rule : kRules) {
    if (auto good = rule.check(file); !good) return good;
  }
  return {};
}

}  // namespace z4j::plugin
