// RedBeat: one Redis hash for each schedule, and a sorted set of when each is due.
//
// Edits compare the stored definition in the same script that replaces it. A beat loads what is due
// at each tick, so it sees a change without being told. What stands in the application's
// beat_schedule is written anew at each start of beat, so here it is read only.
#pragma once

#include "lib/redis/redis.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/settings.hpp"
#include "src/store.hpp"

namespace z4j::celery_beat {

class RedbeatStore : public Store {
 public:
  explicit RedbeatStore(const Settings& settings);

  Listing list(const schedule::Page& page) override;
  Schedule read(const std::string& id) override;
  Schedule put(const Wanted& wanted, const std::string& etag) override;
  void remove(const std::string& id, const std::string& etag) override;
  std::string worry() override { return worry_; }
  void interrupt() noexcept override { redis_.interrupt(); }

 private:
  // One hash as it is stored.
  struct Stored {
    std::string definition, meta;
    std::optional<double> due;
    Schedule schedule;
  };

  [[nodiscard]] std::string key_of(const std::string& name) const { return prefix_ + name; }
  [[nodiscard]] std::string due_key() const { return prefix_ + ":schedule"; }
  [[nodiscard]] std::string statics_key() const { return prefix_ + ":statics"; }
  void look_at_lock_and_statics();
  std::vector<std::string> names();
  std::vector<std::optional<Stored>> load(const std::vector<std::string>& names);
  std::optional<Stored> load_one(const std::string& name);
  void describe(const std::string& name, Stored& stored) const;
  json::Object changed(const json::Object& definition, const Schedule& now,
                       const Wanted& wanted) const;
  std::string create(const Wanted& wanted);
  void change(const Wanted& wanted, const std::string& etag);

  redis::Connection redis_;
  std::string prefix_, timezone_;
  bool expects_lock_;
  std::set<std::string> statics_;
  std::vector<std::string> names_;  // of the listing under way, sorted
  std::string worry_;
};

}  // namespace z4j::celery_beat
