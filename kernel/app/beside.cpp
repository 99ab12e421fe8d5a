#include "app/beside.hpp"

#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace z4j::app {
namespace {

std::filesystem::path own_directory() {
  std::error_code ec;
  return std::filesystem::read_symlink("/proc/self/exe", ec).parent_path();
}

std::vector<std::string> own_plugins() {
  std::vector<std::string> out(1);
  for (const char c : std::string_view(Z4J_OWN_PLUGINS)) {
    if (c == ' ')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

}  // namespace

std::string default_plugin_directory() {
  std::error_code ec;
  const std::filesystem::path tree = own_directory().parent_path();
  const std::filesystem::path installed = tree / Z4J_INSTALLED_PLUGINS;
  return std::filesystem::exists(installed, ec) ? installed.string() : (tree / "plugins").string();
}

void isolate_foreign_plugins(plugin::Host::Options& options, std::vector<std::string> hidden) {
  options.process_program = (own_directory() / "z4j-plugin-host").string();
  options.own_directory = default_plugin_directory();
  options.own_plugins = own_plugins();
  options.hidden_folders = std::move(hidden);
}

}  // namespace z4j::app
