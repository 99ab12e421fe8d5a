#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "plugin/http.hpp"
#include "plugin/notifier.hpp"
#include "plugin/rules.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMaxDescriptorText = 4096;
constexpr std::size_t kMaxSchemaBytes = 256u << 10;

struct Kind {
  std::string_view name, interface;
};
constexpr Kind kKinds[] = {{"engine", Z4J_IFACE_ENGINE},
                           {"scheduler", Z4J_IFACE_SCHEDULER},
                           {"notifier", Z4J_IFACE_NOTIFIER},
                           {"storage", Z4J_IFACE_STORAGE},
                           {"http", Z4J_IFACE_HTTP}};
constexpr std::string_view kServices[] = {Z4J_SERVICE_NOTICES,        Z4J_SERVICE_HTTP_CLIENT,
                                          Z4J_SERVICE_RESOLVER,       Z4J_SERVICE_SUBMIT,
                                          Z4J_SERVICE_SCHEDULE_STORE, Z4J_SERVICE_HTTP_REPLY};

base::Error descriptor_refusal(std::string message, std::string hint) {
  return host_error(base::Code::unsupported, std::move(message), std::move(hint));
}

base::Error author_refusal(std::string message) {
  return descriptor_refusal(std::move(message),
                            "this is a defect of the plugin; report it to its author");
}

bool well_formed_id(std::string_view id) {
  if (id.size() < 3 || id.size() > 128) return false;
  bool dotted = false;
  char before = '.';
  for (const char c : id) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!word && ((c != '.' && c != '-') || before == '.' || before == '-')) return false;
    dotted = dotted || c == '.';
    before = c;
  }
  return dotted && before != '.' && before != '-';
}

// MAJOR.MINOR.PATCH, then nothing or a pre-release or build part (semver.org, clauses 2, 9, 10).
bool well_formed_version(std::string_view version) {
  if (version.size() > 64) return false;
  int dots = 0;
  std::size_t digits = 0, at = 0;
  for (; at < version.size(); ++at) {
    const char c = version[at];
    if (c >= '0' && c <= '9') {
      ++digits;
    } else if (c == '.' && digits > 0 && dots < 2) {
      ++dots;
      digits = 0;
    } else {
      break;
    }
  }
  if (dots != 2 || digits == 0) return false;
  if (at == version.size()) return true;
  if (version[at] != '-' && version[at] != '+') return false;
  const std::string_view rest = version.substr(at + 1);
  return !rest.empty() && std::all_of(rest.begin(), rest.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '+';
  });
}

bool is_complete(std::string_view kind, const void* table) {
  if (kind == "engine") {
    const auto* t = static_cast<const z4j_engine*>(table);
    return Z4J_HAS(t, z4j_engine, capabilities) && Z4J_HAS(t, z4j_engine, command) &&
           Z4J_HAS(t, z4j_engine, snapshot) && !text_of(t->engine_name).empty();
  }
  if (kind == "scheduler") {
    const auto* t = static_cast<const z4j_scheduler*>(table);
    const bool has_name = Z4J_HAS(t, z4j_scheduler, capabilities) &&
                          Z4J_REACHES(t, z4j_scheduler, preview) &&
                          !text_of(t->scheduler_name).empty();
    // One of the kernel's store has nothing to list.
    return has_name && (t->list != nullptr || t->preview != nullptr);
  }
  if (kind == "notifier") {
    return Z4J_HAS(static_cast<const z4j_notifier*>(table), z4j_notifier, send);
  }
  if (kind == "http") {
    return Z4J_HAS(static_cast<const z4j_http*>(table), z4j_http, handle);
  }
  const auto* t = static_cast<const z4j_storage*>(table);
  return Z4J_HAS(t, z4j_storage, info) && Z4J_HAS(t, z4j_storage, migrate) &&
         Z4J_HAS(t, z4j_storage, session_open) && Z4J_HAS(t, z4j_storage, session_close) &&
         Z4J_HAS(t, z4j_storage, commit) && Z4J_HAS(t, z4j_storage, read_open) &&
         Z4J_HAS(t, z4j_storage, read_next) && Z4J_HAS(t, z4j_storage, read_close);
}

// Well-formed UTF-8 without control characters: these texts are shown to people.
bool is_clean_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x20 || lead == 0x7f) return false;
    const std::size_t more = lead < 0x80   ? 0
                             : lead < 0xc2 ? 9
                             : lead < 0xe0 ? 1
                             : lead < 0xf0 ? 2
                             : lead < 0xf5 ? 3
                                           : 9;
    if (more > text.size() - i - 1) return false;
    for (std::size_t k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0u) != 0x80u) return false;
      const bool is_too_long =
          k == 1 && ((lead == 0xe0 && next < 0xa0) || (lead == 0xf0 && next < 0x90));
      const bool is_no_character =
          k == 1 && ((lead == 0xed && next > 0x9f) || (lead == 0xf4 && next > 0x8f));
      if (is_too_long || is_no_character) return false;
    }
    i += more + 1;
  }
  return true;
}

// --- the entry
// ------------------------------------------------------------------------------------

base::Status has_magic(const z4j_plugin_entry& entry) {
  if (entry.magic == Z4J_PLUGIN_MAGIC) return {};
  return descriptor_refusal("its entry has a wrong magic number",
                            "the file is damaged, or not a z4j plugin: install it again");
}

base::Status has_our_major(const z4j_plugin_entry& entry) {
  if (entry.abi_major == Z4J_ABI_MAJOR) return {};
  return descriptor_refusal(
      "it was built for ABI " + std::to_string(entry.abi_major) + ".x, this host has ABI " +
          std::to_string(Z4J_ABI_MAJOR) + "." + std::to_string(Z4J_ABI_MINOR),
      "install the plugin's release for ABI " + std::to_string(Z4J_ABI_MAJOR));
}

base::Status has_entry_size(const z4j_plugin_entry& entry) {
  constexpr std::size_t kLeast = offsetof(z4j_plugin_entry, build_info) + sizeof(z4j_str);
  if (entry.struct_size >= kLeast) return {};
  return author_refusal("its entry is " + std::to_string(entry.struct_size) +
                        " bytes long, expected at least " + std::to_string(kLeast));
}

base::Status needs_no_newer_host(const z4j_plugin_entry& entry) {
  if (entry.min_host_minor <= Z4J_ABI_MINOR) return {};
  return descriptor_refusal("it needs ABI 1." + std::to_string(entry.min_host_minor) +
                                ", this host has ABI 1." + std::to_string(Z4J_ABI_MINOR),
                            "upgrade z4j, or install an older release of the plugin");
}

base::Status needs_no_more_than_it_knows(const z4j_plugin_entry& entry) {
  if (entry.min_host_minor <= entry.abi_minor) return {};
  return author_refusal("it needs ABI 1." + std::to_string(entry.min_host_minor) +
                        ", but was built for ABI 1." + std::to_string(entry.abi_minor));
}

base::Status has_zero_reserve(const z4j_plugin_entry& entry) {
  if (entry.reserved0 == 0) return {};
  return author_refusal("the reserved member of its entry is " + std::to_string(entry.reserved0) +
                        ", expected 0");
}

base::Status has_one_plugin(const z4j_plugin_entry& entry) {
  if (entry.plugin_count == 1 && entry.plugins != nullptr && entry.plugins[0] != nullptr) return {};
  return author_refusal("its entry lists " + std::to_string(entry.plugin_count) +
                        " plugins, expected 1");
}

base::Status has_build_info(const z4j_plugin_entry& entry) {
  const z4j_str text = entry.build_info;
  if (text.len <= kMaxDescriptorText && (text.ptr != nullptr || text.len == 0)) return {};
  return author_refusal("its build info is " + std::to_string(text.len) +
                        " bytes long, expected at most " + std::to_string(kMaxDescriptorText));
}

constexpr Rule<z4j_plugin_entry> kEntryRules[] = {
    {"magic", "has the magic number", has_magic},
    {"abi-major", "was built for this ABI", has_our_major},
    {"size", "has an entry of the size of ABI 1.0 or more", has_entry_size},
    {"min-host", "can live with this host", needs_no_newer_host},
    {"min-host-own", "needs no newer host than the ABI it was built for",
     needs_no_more_than_it_knows},
    {"reserved", "leaves reserved members zero", has_zero_reserve},
    {"one-plugin", "holds one plugin", has_one_plugin},
    {"build-info", "has build info of at most 4096 bytes", has_build_info}};

// --- the descriptor
// -------------------------------------------------------------------------------

base::Status has_descriptor_size(const Descriptor& declared) {
  if (Z4J_REACHES(&declared.plugin, z4j_plugin, get_interface)) return {};
  return author_refusal("its descriptor is " + std::to_string(declared.plugin.struct_size) +
                        " bytes long, expected at least " +
                        std::to_string(offsetof(z4j_plugin, get_interface) + sizeof(void*)));
}

base::Status has_bounded_texts(const Descriptor& declared) {
  for (const z4j_str text :
       {declared.plugin.id, declared.plugin.version, declared.plugin.name, declared.plugin.summary,
        declared.plugin.vendor, declared.plugin.license, declared.plugin.url, declared.plugin.kinds,
        declared.plugin.needs}) {
    if (text.len > kMaxDescriptorText || (text.ptr == nullptr && text.len > 0)) {
      return author_refusal("a text of its descriptor is " + std::to_string(text.len) +
                            " bytes long, expected at most " + std::to_string(kMaxDescriptorText));
    }
  }
  return {};
}

base::Status has_clean_texts(const Descriptor& declared) {
  for (const z4j_str text :
       {declared.plugin.id, declared.plugin.version, declared.plugin.name, declared.plugin.summary,
        declared.plugin.vendor, declared.plugin.license, declared.plugin.url, declared.plugin.kinds,
        declared.plugin.needs}) {
    if (!is_clean_text(text_of(text)))
      return author_refusal("a text of its descriptor is not UTF-8 or holds control characters");
  }
  return {};
}

base::Status has_id(const Descriptor& declared) {
  if (well_formed_id(text_of(declared.plugin.id))) return {};
  return author_refusal("its id \"" + std::string(cut(text_of(declared.plugin.id), 128)) +
                        "\" is not of the form org.example.name");
}

base::Status has_version(const Descriptor& declared) {
  if (well_formed_version(text_of(declared.plugin.version))) return {};
  return author_refusal("its version \"" + std::string(cut(text_of(declared.plugin.version), 64)) +
                        "\" is not of the form 1.2.3");
}

base::Status has_name(const Descriptor& declared) {
  if (!text_of(declared.plugin.name).empty()) return {};
  return author_refusal("it has no name for people");
}

base::Status has_functions(const Descriptor& declared) {
  if (declared.plugin.create != nullptr && declared.plugin.start != nullptr &&
      declared.plugin.stop != nullptr && declared.plugin.destroy != nullptr &&
      declared.plugin.get_interface != nullptr) {
    return {};
  }
  return author_refusal("a required function of its descriptor is missing");
}

base::Status has_bounded_schema(const Descriptor& declared) {
  const z4j_str schema = declared.plugin.config_schema_json;
  if (schema.len <= kMaxSchemaBytes && (schema.ptr != nullptr || schema.len == 0)) return {};
  return author_refusal("its settings schema is " + std::to_string(schema.len) +
                        " bytes long, expected at most " + std::to_string(kMaxSchemaBytes));
}

base::Status has_usable_schema(const Descriptor& declared) {
  const auto good = config::check_schema(text_of(declared.plugin.config_schema_json));
  if (good) return {};
  return author_refusal("its settings schema is not usable: " + good.error().message);
}

base::Status needs_services_of_this_host(const Descriptor& declared) {
  std::string_view needs = text_of(declared.plugin.needs);
  while (!needs.empty()) {
    const std::size_t end = std::min(needs.find(' '), needs.size());
    const std::string_view need = needs.substr(0, end);
    if (!need.empty() &&
        std::find(std::begin(kServices), std::end(kServices), need) == std::end(kServices)) {
      return descriptor_refusal(
          "it needs service \"" + std::string(cut(need, 100)) + "\", which this host has not",
          "upgrade z4j, or install an older release of the plugin");
    }
    needs.remove_prefix(std::min(end + 1, needs.size()));
  }
  return {};
}

base::Status has_a_kind(const Descriptor& declared) {
  const std::string_view kinds = text_of(declared.plugin.kinds);
  if (std::any_of(std::begin(kKinds), std::end(kKinds),
                  [&](const Kind& kind) { return has_word(kinds, kind.name); })) {
    return {};
  }
  return author_refusal("it declares no kind this host knows: \"" + std::string(cut(kinds, 100)) +
                        "\", expected engine, scheduler, notifier, storage or http");
}

// `check(kind, table)` for each kind that is declared; the first error.
template <class Check>
base::Status each_kind(const Descriptor& declared, Check check) {
  for (const Kind& kind : kKinds) {
    if (!has_word(text_of(declared.plugin.kinds), kind.name)) continue;
    const void* const table = declared.interface_of(kind.interface);
    if (auto good = check(kind, table); !good) return good;
  }
  return {};
}

base::Status has_declared_interfaces(const Descriptor& declared) {
  return each_kind(declared, [](const Kind& kind, const void* table) -> base::Status {
    if (table != nullptr) return {};
    return author_refusal("it declares kind \"" + std::string(kind.name) + "\" but has no " +
                          std::string(kind.interface));
  });
}

base::Status has_no_other_interfaces(const Descriptor& declared) {
  for (const Kind& kind : kKinds) {
    if (!has_word(text_of(declared.plugin.kinds), kind.name) &&
        declared.interface_of(kind.interface) != nullptr) {
      return author_refusal("it has " + std::string(kind.interface) +
                            " but does not declare kind \"" + std::string(kind.name) + "\"");
    }
  }
  return {};
}

base::Status has_complete_interfaces(const Descriptor& declared) {
  return each_kind(declared, [](const Kind& kind, const void* table) -> base::Status {
    if (is_complete(kind.name, table)) return {};
    return author_refusal("a required function of its " + std::string(kind.interface) +
                          " is missing");
  });
}

base::Status has_lasting_interfaces(const Descriptor& declared) {
  return each_kind(declared, [&](const Kind& kind, const void* table) -> base::Status {
    if (declared.interface_of(kind.interface) == table) return {};
    return author_refusal("it gives another " + std::string(kind.interface) +
                          " each time it is asked");
  });
}

base::Status has_no_unknown_interface(const Descriptor& declared) {
  for (const std::string_view id : {"", "z4j.", "z4j.nothing/1", "z4j.engine"}) {
    if (declared.interface_of(id) != nullptr) {
      return author_refusal("it gives an interface for \"" + std::string(id) +
                            "\", which is none; expected NULL");
    }
  }
  return {};
}

base::Status has_target_types(const Descriptor& declared) {
  return each_kind(declared, [&](const Kind& kind, const void* table) -> base::Status {
    if (kind.name != "notifier") return {};
    const auto types = target_types(declared.plugin, *static_cast<const z4j_notifier*>(table));
    return types ? base::Status() : author_refusal(types.error().message);
  });
}

bool is_api_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos;
}

// It stands in URLs, in commands and beside each event.
base::Status has_api_name(const Descriptor& declared) {
  return each_kind(declared, [](const Kind& kind, const void* table) -> base::Status {
    std::string_view name;
    if (kind.name == "engine")
      name = text_of(static_cast<const z4j_engine*>(table)->engine_name);
    else if (kind.name == "scheduler")
      name = text_of(static_cast<const z4j_scheduler*>(table)->scheduler_name);
    else
      return {};
    if (is_api_name(name)) return {};
    return author_refusal("its name in the API is \"" + std::string(cut(name, 60)) +
                          "\", expected 1 to 40 of a-z, 0-9 and -");
  });
}

base::Status has_http_table(const Descriptor& declared) {
  return each_kind(declared, [](const Kind& kind, const void* table) -> base::Status {
    if (kind.name != "http") return {};
    const auto served = http_table(*static_cast<const z4j_http*>(table));
    return served ? base::Status() : author_refusal(served.error().message);
  });
}

constexpr Rule<Descriptor> kDescriptorRules[] = {
    {"descriptor-size", "has a descriptor of the size of ABI 1.0 or more", has_descriptor_size},
    {"texts", "has texts of at most 4096 bytes", has_bounded_texts},
    {"texts-utf8", "has texts in UTF-8 without control characters", has_clean_texts},
    {"id", "has an id like org.example.name", has_id},
    {"version", "has a version like 1.2.3", has_version},
    {"name", "has a name for people", has_name},
    {"functions", "has the functions that every plugin has", has_functions},
    {"schema-size", "has a settings schema of at most 256 KiB", has_bounded_schema},
    {"schema", "has a settings schema within the subset, whose defaults and examples pass",
     has_usable_schema},
    {"needs", "needs services that this host has", needs_services_of_this_host},
    {"kinds", "declares a kind that this host knows", has_a_kind},
    {"interfaces", "has the interface of each kind it declares", has_declared_interfaces},
    {"interfaces-declared", "declares the kind of each interface it has", has_no_other_interfaces},
    {"interfaces-complete", "has the required functions of its interfaces",
     has_complete_interfaces},
    {"interfaces-lasting", "gives the same table each time", has_lasting_interfaces},
    {"interfaces-unknown", "gives nothing for an interface that it does not know",
     has_no_unknown_interface},
    {"target-types", "as a notifier, declares its types of targets well", has_target_types},
    {"routes", "as an http plugin, declares routes and files that can be served", has_http_table},
    {"api-name", "as an engine or a scheduler, has a name in the API like celery-beat",
     has_api_name}};

template <class T>
base::Status first_broken(std::span<const Rule<T>> rules, const T& of) {
  for (const Rule<T>& rule : rules) {
    if (auto good = rule.check(of); !good) return good;
  }
  return {};
}

}  // namespace

std::span<const Rule<z4j_plugin_entry>> entry_rules() { return kEntryRules; }
std::span<const Rule<Descriptor>> descriptor_rules() { return kDescriptorRules; }

base::Status check_entry(const z4j_plugin_entry& entry) {
  return first_broken(entry_rules(), entry);
}

base::Status check_descriptor(const Descriptor& declared) {
  try {
    return first_broken(descriptor_rules(), declared);
  } catch (...) {
    return author_refusal("its get_interface() threw an exception");
  }
}

Descriptor descriptor_of(const z4j_plugin& plugin) {
  return {plugin, [&plugin](std::string_view id) { return plugin.get_interface(lend(id)); }};
}

}  // namespace z4j::plugin
