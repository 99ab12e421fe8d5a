#include "core/error_fold.hpp"

#include <algorithm>

#include "core/fingerprint.hpp"
#include "core/rollups.hpp"

namespace z4j::core {
namespace {

namespace error_group_col = model::error_groups;
namespace error_hour_col = model::error_hours;

// From the beginning of a line, so that no character is cut.
std::string_view traceback_end(std::string_view traceback) {
  if (traceback.size() <= kSampleTracebackBytes) return traceback;
  traceback.remove_prefix(traceback.size() - kSampleTracebackBytes);
  const std::size_t line = traceback.find('\n');
  if (line != std::string_view::npos) return traceback.substr(line + 1);
  while (!traceback.empty() && (static_cast<unsigned char>(traceback.front()) & 0xc0) == 0x80)
    traceback.remove_prefix(1);
  return traceback;
}

}  // namespace

void ErrorFold::add(const Event& e) {
  if (e.facts.fingerprint.empty() || !e.is_task()) return;
  Group& group = groups_[GroupKey{e.project_id, e.facts.fingerprint}];
  if (group.latest == nullptr || e.at < group.first_seen_at) group.first_seen_at = e.at;
  if (group.latest == nullptr || e.at >= group.latest->at) group.latest = &e;
  ++hours_[HourKey{e.project_id, start_of_span(e.at, kHourSpanS), e.facts.fingerprint,
                   e.counted_task(), e.counted_queue()}];
}

Rows ErrorFold::groups(unsigned lane) const {
  Rows rows(Table::error_groups);
  for (const auto& [key, group] : groups_) {
    const Event& e = *group.latest;
    const Failure failure = failure_of(e.facts.exception, e.facts.traceback);
    rows.begin()
        .uuid(error_group_col::project_id, key.project_id)
        .text(error_group_col::fingerprint, key.fingerprint)
        .num(error_group_col::lane, lane)
        .num(error_group_col::first_seen_at, group.first_seen_at)
        .num(error_group_col::last_seen_at, e.at)
        .text_or_null(error_group_col::exception, failure.type)
        .text_or_null(error_group_col::message, failure.message)
        .text_or_null(error_group_col::traceback, traceback_end(e.facts.traceback))
        .text(error_group_col::engine, e.engine)
        .text(error_group_col::task_id, e.task_id);
  }
  return rows;
}

Rows ErrorFold::hours(unsigned lane) const {
  Rows rows(Table::error_hours);
  for (const auto& [key, count] : hours_) {
    rows.begin()
        .uuid(error_hour_col::project_id, key.project_id)
        .num(error_hour_col::hour, key.hour)
        .text(error_hour_col::fingerprint, key.fingerprint)
        .text(error_hour_col::task_name, key.task)
        .text(error_hour_col::queue, key.queue)
        .num(error_hour_col::lane, lane)
        .num(error_hour_col::count, count);
  }
  return rows;
}

}  // namespace z4j::core
