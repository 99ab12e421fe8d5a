// Where the audit log goes outside this machine's database: a signed webhook, syslog, and the
// witness that co-signs checkpoints. Over kernel/net, to addresses that the operator set.
#pragma once

#include <memory>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "core/audit_checkpoints.hpp"
#include "core/audit_forward.hpp"

namespace z4j::app {

// Those that are configured. Errors: bad_config, naming the setting.
[[nodiscard]] base::Result<std::vector<std::unique_ptr<core::AuditSink>>> make_audit_sinks(
    const config::Settings& settings, const base::Clock& clock);

// RFC 5424, facility 13 (log audit); the message is the webhook's body.
[[nodiscard]] std::string syslog_message(const core::AuditRow& row, std::string_view host_name);

// Asks the configured witness; empty: there is none. Errors: bad_config.
[[nodiscard]] base::Result<core::AuditCheckpoints::AskWitness> make_witness(
    const config::Settings& settings);

}  // namespace z4j::app
