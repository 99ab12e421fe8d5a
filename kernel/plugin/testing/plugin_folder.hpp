// A folder of plugin files for one test, private to its owner; gone when the test is.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace z4j::plugin::testing {

class PluginFolder {
 public:
  PluginFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "z4j_plugins_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = std::filesystem::canonical(pattern).string();
  }
  PluginFolder(const PluginFolder&) = delete;
  PluginFolder& operator=(const PluginFolder&) = delete;
  ~PluginFolder() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }

  // A copy of a plugin that the build made for tests. Gives its path.
  std::string add(const std::string& plugin, const std::string& as = {}) const {
    const std::string to = file(as.empty() ? plugin : as);
    std::filesystem::copy_file(std::string(Z4J_TEST_PLUGIN_DIR) + "/" + plugin + ".so", to);
    return to;
  }
  std::string write(const std::string& plugin, std::string_view content) const {
    std::ofstream(file(plugin), std::ios::binary) << content;
    return file(plugin);
  }
  [[nodiscard]] std::string file(const std::string& plugin) const {
    return path_ + "/" + plugin + ".so";
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace z4j::plugin::testing
