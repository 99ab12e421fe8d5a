#include "plugin/descriptor.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "plugin/http.hpp"
#include "plugin/notifier.hpp"

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
                          t->struct_size >= sizeof(z4j_scheduler) &&
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

using InterfaceOf = std::function<const void*(std::string_view)>;

base::Status check_kinds(const z4j_plugin& plugin, const InterfaceOf& interface_of) {
  const std::string_view kinds = text_of(plugin.kinds);
  bool any = false;
  for (const Kind& kind : kKinds) {
    const std::string name(kind.name), interface(kind.interface);
    const bool declared = has_word(kinds, kind.name);
    const void* table = interface_of(kind.interface);
    if (declared && table == nullptr) {
      return author_refusal("it declares kind \"" + name + "\" but has no " + interface);
    }
    if (!declared && table != nullptr) {
      return author_refusal("it has " + interface + " but does not declare kind \"" + name + "\"");
    }
    if (declared && !is_complete(kind.name, table)) {
      return author_refusal("a required function of its " + interface + " is missing");
    }
    if (declared && name == "notifier") {
      const auto types = target_types(plugin, *static_cast<const z4j_notifier*>(table));
      if (!types) return author_refusal(types.error().message);
    }
    if (declared && name == "http") {
      const auto served = http_table(*static_cast<const z4j_http*>(table));
      if (!served) return author_refusal(served.error().message);
    }
    any = any || declared;
  }
  if (!any) {
    return author_refusal("it declares no kind this host knows: \"" + std::string(cut(kinds, 100)) +
                          "\", expected engine, scheduler, notifier, storage or http");
  }
  return {};
}

}  // namespace

base::Status check_entry(const z4j_plugin_entry& entry) {
  if (entry.magic != Z4J_PLUGIN_MAGIC) {
    return descriptor_refusal("its entry has a wrong magic number",
                              "the file is damaged, or not a z4j plugin: install it again");
  }
  if (entry.abi_major != Z4J_ABI_MAJOR) {
    return descriptor_refusal(
        "it was built for ABI " + std::to_string(entry.abi_major) + ".x, this host has ABI " +
            std::to_string(Z4J_ABI_MAJOR) + "." + std::to_string(Z4J_ABI_MINOR),
        "install the plugin's release for ABI " + std::to_string(Z4J_ABI_MAJOR));
  }
  if (entry.struct_size < sizeof(z4j_plugin_entry)) {
    return author_refusal("its entry is " + std::to_string(entry.struct_size) +
                          " bytes long, expected at least " +
                          std::to_string(sizeof(z4j_plugin_entry)));
  }
  if (entry.min_host_minor > Z4J_ABI_MINOR) {
    return descriptor_refusal("it needs ABI 1." + std::to_string(entry.min_host_minor) +
                                  ", this host has ABI 1." + std::to_string(Z4J_ABI_MINOR),
                              "upgrade z4j, or install an older release of the plugin");
  }
  if (entry.plugin_count != 1 || entry.plugins == nullptr || entry.plugins[0] == nullptr) {
    return author_refusal("its entry lists " + std::to_string(entry.plugin_count) +
                          " plugins, expected 1");
  }
  return {};
}

base::Status check_descriptor(const z4j_plugin& plugin) {
  return check_descriptor(
      plugin, [&plugin](std::string_view id) { return plugin.get_interface(lend(id)); });
}

base::Status check_descriptor(const z4j_plugin& plugin, const InterfaceOf& interface_of) {
  if (plugin.struct_size < sizeof(z4j_plugin)) {
    return author_refusal("its descriptor is " + std::to_string(plugin.struct_size) +
                          " bytes long, expected at least " + std::to_string(sizeof(z4j_plugin)));
  }
  for (const z4j_str text : {plugin.id, plugin.version, plugin.name, plugin.summary, plugin.vendor,
                             plugin.license, plugin.url, plugin.kinds, plugin.needs}) {
    if (text.len > kMaxDescriptorText || (text.ptr == nullptr && text.len > 0)) {
      return author_refusal("a text of its descriptor is " + std::to_string(text.len) +
                            " bytes long, expected at most " + std::to_string(kMaxDescriptorText));
    }
  }
  if (!well_formed_id(text_of(plugin.id))) {
    return author_refusal("its id \"" + std::string(cut(text_of(plugin.id), 128)) +
                          "\" is not of the form org.example.name");
  }
  if (!well_formed_version(text_of(plugin.version))) {
    return author_refusal("its version \"" + std::string(cut(text_of(plugin.version), 64)) +
                          "\" is not of the form 1.2.3");
  }
  if (plugin.create == nullptr || plugin.start == nullptr || plugin.stop == nullptr ||
      plugin.destroy == nullptr || plugin.get_interface == nullptr) {
    return author_refusal("a required function of its descriptor is missing");
  }
  const std::string_view schema = text_of(plugin.config_schema_json);
  if (schema.size() > kMaxSchemaBytes) {
    return author_refusal("its settings schema is " + std::to_string(schema.size()) +
                          " bytes long, expected at most " + std::to_string(kMaxSchemaBytes));
  }
  if (auto good = config::check_schema(schema); !good) {
    return author_refusal("its settings schema is not usable: " + good.error().message);
  }
  std::string_view needs = text_of(plugin.needs);
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
  try {
    return check_kinds(plugin, interface_of);
  } catch (...) {
    return author_refusal("its get_interface() threw an exception");
  }
}

}  // namespace z4j::plugin
