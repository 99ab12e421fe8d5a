#include "src/settings.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>

#include "lib/json/json.hpp"

namespace z4j::native {

Settings read_settings(std::string_view json) {
  const json::Value root = json::parse(json);
  const json::Object* o = root.if_object();
  if (o == nullptr) throw Error(Z4J_BAD_CONFIG, "the settings are no object");
  Settings out;
  // The schema has narrower bounds.
  const auto number = [o](const char* name, std::int64_t fallback) {
    return std::clamp<std::int64_t>(json::integer(*o, name, fallback), 0, 1'000'000'000);
  };
  out.grace_us = number("grace_seconds", out.grace_us / 1'000'000) * 1'000'000;
  out.catch_up_limit = static_cast<std::uint32_t>(number("catch_up_limit", out.catch_up_limit));
  return out;
}

}  // namespace z4j::native
