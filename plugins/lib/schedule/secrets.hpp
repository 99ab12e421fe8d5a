// A setting that may be "secret:NAME".
#pragma once

#include <z4j/plugin.hpp>

#include <string>
#include <string_view>

namespace z4j::schedule {

// The value, or what the host keeps under that name; "" without a host, where such a reference is
// taken as good. Throws Z4J_BAD_CONFIG with the place.
inline std::string resolved_secret(std::string_view value, const Host* host, const char* at) {
  constexpr std::string_view kReference = "secret:";
  if (value.substr(0, kReference.size()) != kReference) return std::string(value);
  if (host == nullptr) return {};
  try {
    return host->secret(value.substr(kReference.size()));
  } catch (const Error& e) {
    throw Error(Z4J_BAD_CONFIG, e.what(), at);
  }
}

}  // namespace z4j::schedule
