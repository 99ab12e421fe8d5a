#include "plugin/notifier.hpp"

#include <algorithm>
#include <string_view>

#include "base/json.hpp"
#include "config/schema.hpp"
#include "plugin/crossing.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMaxTypes = 64, kMaxTypeName = 40, kMaxTypesBytes = 256u << 10;

bool is_type_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxTypeName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

base::Status check_type(const TargetType& type) {
  if (!is_type_name(type.name))
    return host_error(base::Code::unsupported, "a type of its targets has a bad name");
  if (type.schema_json.empty()) return {};
  if (auto good = config::check_schema(type.schema_json); !good)
    return host_error(
        base::Code::unsupported,
        "the schema of its \"" + type.name + "\" targets is not usable: " + good.error().message);
  return {};
}

}  // namespace

base::Result<std::vector<TargetType>> target_types(const z4j_plugin& plugin,
                                                   const z4j_notifier& notifier) {
  std::vector<TargetType> out;
  const std::string_view types = text_of(notifier.types_json);
  if (types.empty()) {
    std::string_view name = text_of(plugin.id);
    name.remove_prefix(name.rfind('.') + 1);
    if (name.starts_with("notifier-")) name.remove_prefix(9);
    out.push_back({std::string(name), std::string(text_of(notifier.target_schema_json))});
  } else {
    const auto parsed = base::json::parse(types, {.max_bytes = kMaxTypesBytes, .max_depth = 16});
    if (!parsed || !parsed->is_object() || parsed->get_object().empty() ||
        parsed->get_object().size() > kMaxTypes)
      return host_error(base::Code::unsupported, "its types are not a JSON object of schemas");
    for (const auto& [name, schema] : parsed->get_object())
      out.push_back({std::string(name), base::json::write(schema)});
  }
  for (const TargetType& type : out) {
    if (auto good = check_type(type); !good) return std::move(good).error();
  }
  return out;
}

}  // namespace z4j::plugin
