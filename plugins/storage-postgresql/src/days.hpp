// The day tables of tables that are kept by time: made ahead and on demand, dropped when their day
// is over.
//
// "events" holds its rows in events_p20261126 and so on, a UTC day each, and in events_rest
// whatever lies further than the window of days around today, or came while its day could not be
// made. Rows are found in either place, so a day that is missing costs speed, not rows.
//
// Thread-safe; one for an instance. Connections are the caller's and are used within the call.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "connection.hpp"

namespace z4j::postgresql {

// Days since 1970.
using Day = std::int64_t;

class Days {
 public:
  explicit Days(const Settings& settings) : settings_(settings) {}

  // The table that takes what has no day of its own.
  [[nodiscard]] static std::string rest_of(const z4j_table& table);
  [[nodiscard]] static std::string table_of(const z4j_table& table, Day day);

  // Learns which days are there.
  void load(Connection& connection, const z4j_table& table);
  // Makes today and the days after; those that are there already are left alone. Answers the names
  // of new tables.
  std::vector<std::string> make_ahead(Connection& connection, const z4j_table& table);
  // Makes the days of these rows, some at a time. Not within a transaction. Never fails for want of
  // a day.
  void make_for(Connection& connection, const z4j_table& table, const z4j_rows& rows);

  // Within a transaction: drops the days that end at or before the time; the rows that went with
  // them, counted for small tables and estimated by the server for large ones.
  std::uint64_t drop_before(Connection& connection, const z4j_table& table, std::int64_t time_us);
  // What drop_before() did came to nothing, or to pass.
  void load_again(const z4j_table& table);

 private:
  bool knows(const z4j_table& table, Day day);
  void make(Connection& connection, const z4j_table& table, Day day);

  const Settings& settings_;
  std::mutex mutex_;
  std::map<std::string, std::set<Day>, std::less<>> known_;
  Clock::time_point not_before_;
};

}  // namespace z4j::postgresql
