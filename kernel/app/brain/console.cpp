#include "app/brain/console.hpp"

#include <algorithm>

namespace z4j::app {
namespace {

auto find_entry(const std::vector<config::PluginEntry>& entries, std::string_view name) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const config::PluginEntry& entry) { return entry.name == name; });
}

}  // namespace

void add_own_console(const config::Settings& settings,
                     const std::vector<std::pair<std::string, std::string>>& offered,
                     std::vector<config::PluginEntry>& entries) {
  config::PluginEntry own;
  own.name = own.plugin = config::kConsoleInstance;
  own.where = "http.root";
  const bool is_there = std::any_of(offered.begin(), offered.end(),
                                    [&](const auto& file) { return file.first == own.plugin; });
  if (settings.http_root == own.name && is_there && find_entry(entries, own.name) == entries.end())
    entries.push_back(std::move(own));
}

base::Result<std::string> console_instance(const config::Settings& settings,
                                           const std::vector<config::PluginEntry>& entries,
                                           plugin::Host& host) {
  const auto entry = find_entry(entries, settings.http_root);
  if (entry == entries.end() || !entry->enabled) return std::string();
  const auto described = host.describe(entry->plugin, entry->sha256);
  if (described && described->kinds.find("http") == std::string::npos) {
    return base::Error{.code = base::Code::bad_config,
                       .message = "http.root is \"" + entry->name + "\", an instance of " +
                                  entry->plugin + ", which serves no pages",
                       .where = "http.root",
                       .hint = "name an instance of a plugin of kind http"};
  }
  return entry->name;  // one that cannot be loaded is told like any other
}

}  // namespace z4j::app
