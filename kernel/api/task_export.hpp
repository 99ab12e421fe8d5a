// A list of tasks as a file.
#pragma once

#include <optional>
#include <string_view>

#include "api/site.hpp"
#include "api/table_file.hpp"
#include "core/page.hpp"
#include "core/tasks.hpp"

namespace z4j::api {

// `fields` is a comma list, "" for the usual ones. The list ends after tasks_export_max_rows.
// `query`: what was asked for, for the record.
[[nodiscard]] net::Response export_tasks(Site& site, const Call& call,
                                         const core::TaskFilter& filter,
                                         const std::optional<core::Place>& after,
                                         TableFormat format, std::string_view fields,
                                         const base::json::Object& query);

}  // namespace z4j::api
