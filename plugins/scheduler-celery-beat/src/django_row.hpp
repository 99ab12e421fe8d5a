// One row of django-celery-beat's tables, and what it says as a schedule.
#pragma once

#include "lib/database/database.hpp"
#include "lib/schedule/schedule.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/calendar/zone.hpp"
#include "src/crontab.hpp"

namespace z4j::celery_beat {

// How this database writes times: instants in PostgreSQL, UTC in SQLite. With USE_TZ off Django
// means the wall clock of its TIME_ZONE, in the columns that it fills by itself; beat means UTC in
// all that it reads and writes, whatever the column's owner thinks.
class DjangoTimes {
 public:
  DjangoTimes(database::Kind kind, const std::string& naive_times_in);

  // A column of instants as a text for read(), by PostgreSQL in microseconds.
  [[nodiscard]] std::string column(const std::string& name) const;
  // Throws Z4J_CORRUPT.
  [[nodiscard]] std::optional<std::int64_t> read(const database::Text& text) const;
  // As Django does: without a fraction when there is none.
  [[nodiscard]] std::string write(std::int64_t us) const;
  // The same for what Django fills by itself: date_changed, last_update.
  [[nodiscard]] std::optional<std::int64_t> read_stamp(const database::Text& text) const;
  [[nodiscard]] std::string write_stamp(std::int64_t us) const;

 private:
  [[nodiscard]] bool is_sqlite() const { return kind_ == database::Kind::sqlite; }

  database::Kind kind_;
  std::shared_ptr<const calendar::Zone> zone_;  // of naive times; UTC when there are none
};

inline constexpr std::size_t kDjangoColumns = 31;
// "SELECT ... FROM ... " with all that a schedule needs; WHERE comes behind it. The periodic task
// is p.
[[nodiscard]] std::string django_select(const DjangoTimes& times);

struct DjangoRow {
  schedule::Schedule schedule;  // without next run, reason and abilities
  std::string timing_id;        // of its row in the table of that kind; "" without one
};
// What beat could not read is told by options.problem. Throws Z4J_CORRUPT.
[[nodiscard]] DjangoRow django_row(const database::Row& row, const DjangoTimes& times);

}  // namespace z4j::celery_beat
