// The suites of the plugin host run twice: with plugins inside the program, and with each in a
// process of its own. What must not differ has no word of it.
#pragma once

#include "plugin/host.hpp"

namespace z4j::plugin::testing {

#ifdef Z4J_TEST_PLUGIN_HOST
inline constexpr bool kIsApart = true;
inline void choose_isolation(Host::Options& options) {
  options.process_program = Z4J_TEST_PLUGIN_HOST;
}
#else
inline constexpr bool kIsApart = false;
inline void choose_isolation(Host::Options&) {}
#endif

}  // namespace z4j::plugin::testing
