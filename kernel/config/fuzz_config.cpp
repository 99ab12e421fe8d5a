// A config file's text, and the same bytes as a plugin's schema over that file's plugin settings.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/config.hpp"
#include "config/schema.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace z4j;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // "SCHEMA\0TOML", or TOML alone.
  const std::size_t cut = text.find('\0');
  const std::string_view schema =
      cut == std::string_view::npos ? std::string_view() : text.substr(0, cut);
  const config::Loaded loaded = config::load_text(
      config::LoadOptions{"f", {}}, cut == std::string_view::npos ? text : text.substr(cut + 1));
  static_cast<void>(config::list_settings(loaded));
  if (schema.empty()) return 0;
  const bool good = config::check_schema(schema).ok();
  static_cast<void>(config::describe(schema));
  for (const config::PluginEntry& entry : loaded.plugins) {
    const config::Checked checked = config::check_settings(schema, entry.settings);
    if (!good && checked.problems.empty()) std::abort();
    static_cast<void>(config::masked_settings(schema, entry.settings));
  }
  return 0;
}
