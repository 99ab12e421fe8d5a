// One file that says what a helper elsewhere needs to know, and no secret.
#pragma once

#include <string>
#include <vector>

#include "app/brain/command_line.hpp"

namespace z4j::app {

// The settings (secrets masked), versions, the examination's findings, the plugins, row counts, and
// the last lines of `log_files` (at most 256 KiB each) as JSON text. What looks like a secret, and
// every secret that is set, is masked wherever it stands.
[[nodiscard]] std::string support_bundle(const Given& given,
                                         const std::vector<std::string>& log_files);

}  // namespace z4j::app
