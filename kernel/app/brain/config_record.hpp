// What a brain was set to, in the audit log: an entry at each start whose settings are not those
// that this brain recorded last.
//
// Settings, allowed host names, tokens and plugin tables change in files that the brain does not
// write; they come into force at a start, so that is where they are recorded. Secrets stand there
// as an HMAC under the master key: a change shows, the value does not.
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "config/config.hpp"
#include "core/audit.hpp"
#include "core/store.hpp"

namespace z4j::app {

// Errors: the store's. A record that cannot be found in time counts as none.
[[nodiscard]] base::Status record_config(core::Store& store, core::Audit& audit,
                                         const config::Loaded& loaded, std::string_view host_name);

}  // namespace z4j::app
