// The plugin's settings, checked against schema.hpp by the host before they come here.
#pragma once

#include <cstdint>
#include <string_view>

namespace z4j::native {

struct Settings {
  std::int64_t grace_us = 15'000'000;
  std::uint32_t catch_up_limit = 1000;
};

[[nodiscard]] Settings read_settings(std::string_view json);

}  // namespace z4j::native
