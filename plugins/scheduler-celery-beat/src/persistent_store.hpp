// The file of celery's own PersistentScheduler. It is beat's cache: the truth is beat_schedule in
// the application's code, so it is shown and never written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/settings.hpp"
#include "src/store.hpp"

namespace z4j::celery_beat {

class PersistentStore : public Store {
 public:
  static constexpr const char* kReason =
      "beat_static_schedule: its entries stand in the application's code; beat's file is only a "
      "cache of them, "
      "which beat rewrites";

  explicit PersistentStore(const Settings& settings)
      : path_(settings.path), timezone_(settings.timezone) {}

  Listing list(const schedule::Page& page) override;
  Schedule read(const std::string& id) override;
  Schedule put(const Wanted& wanted, const std::string& etag) override;
  void remove(const std::string& id, const std::string& etag) override;

 private:
  std::vector<Schedule> load(bool in_own_form) const;

  std::string path_, timezone_;
};

// The entries of a pickled beat_schedule, sorted by name. Throws Z4J_CORRUPT, Z4J_TOO_LARGE.
[[nodiscard]] std::vector<Schedule> entries_of(std::string_view pickled, const std::string& zone,
                                               bool in_own_form);

}  // namespace z4j::celery_beat
