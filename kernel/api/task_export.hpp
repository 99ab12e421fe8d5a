// A list of tasks as a file: streamed page by page, so memory does not grow with it.
#pragma once

#include <optional>
#include <string_view>

#include "api/site.hpp"
#include "core/page.hpp"
#include "core/tasks.hpp"

namespace z4j::api {

// `format` is csv or json; `fields` a comma list, "" for the usual ones. At most 50,000 rows.
[[nodiscard]] net::Response export_tasks(Site& site, const core::Project& project,
                                         const core::TaskFilter& filter,
                                         const std::optional<core::Place>& after,
                                         std::string_view format, std::string_view fields);

}  // namespace z4j::api
