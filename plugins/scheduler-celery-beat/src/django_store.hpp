// django-celery-beat: the tables of a Django application, on SQLite or PostgreSQL.
//
// Every write is one transaction that also moves django_celery_beat_periodictasks on, strictly
// later, which is how a running beat learns of it. Rows of interval, crontab, solar and clocked
// schedules may be shared by several tasks: they are found or made, never changed.
//
// A beat that has just started does not compare: what changes in its first seconds, or before that
// row was there at all, it would miss. And beat saves what it ran by reading a whole row and
// writing it back: an edit in between is undone, a removed row made again. So some seconds later it
// is told once more, and an edit whose row stands exactly as before it is made again.
#pragma once

#include "lib/database/database.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/django_row.hpp"
#include "src/settings.hpp"
#include "src/store.hpp"

namespace z4j::celery_beat {

class DjangoStore : public Store {
 public:
  explicit DjangoStore(const Settings& settings);

  Listing list(const schedule::Page& page) override;
  Schedule read(const std::string& id) override;
  Schedule put(const Wanted& wanted, const std::string& etag) override;
  void remove(const std::string& id, const std::string& etag) override;
  std::string worry() override { return foreign_; }

 private:
  // An edit that beat may yet undo.
  struct Edit {
    std::optional<Wanted> wanted;  // none: removed
    std::string etag_before;
  };
  // Columns and their values, in the order they were given.
  struct Change {
    std::vector<std::pair<std::string, database::Text>> columns;
    void set(const char* column, database::Text value) {
      columns.emplace_back(column, std::move(value));
    }
  };

  void learn();
  void must_be_writable();
  Schedule finished(DjangoRow row) const;
  std::optional<Schedule> find(const std::string& id, bool for_change);
  Schedule must_find(const std::string& id, const std::string& etag);
  bool is_name_taken(const std::string& name, const std::string& but_id);

  std::string create(const Wanted& wanted);
  void change(const Schedule& now, const Wanted& wanted);
  void fill(Change& change, const Wanted& wanted, const Schedule& now, bool is_new);
  void fill_options(Change& change, const json::Object& options, bool is_once);
  void fill_timing(Change& change, const Schedule& timing);
  std::string schedule_row(const Schedule& timing);
  std::string find_or_make(const std::string& table,
                           const std::vector<std::pair<std::string, std::string>>& values);
  void tell_beat();
  void tell_beat_again();
  void make_again(const std::string& id, const Edit& edit);
  void remember(const std::string& id, Edit edit);

  database::Session db_;
  DjangoTimes times_;
  std::string select_;
  std::uint64_t known_generation_ = 0;
  std::optional<std::int64_t> tell_again_us_;
  std::map<std::string, Edit> fresh_;  // by id, bounded
  std::string foreign_;                // why these tables can't be written
};

}  // namespace z4j::celery_beat
