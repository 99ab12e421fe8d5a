// What there is now, a page at a time. Only looks; nothing in the broker changes.
#pragma once

#include "src/lines.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/worker_facts.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_celery {

// One thread.
class Snapshots {
 public:
  Snapshots(const Settings& settings, Lines& lines, Shared& shared, WorkerFacts& facts)
      : settings_(settings), lines_(lines), shared_(shared), facts_(facts) {}

  [[nodiscard]] std::string take(std::string_view what, std::string_view page_json);

 private:
  struct Page {
    std::size_t limit = 500;
    std::string cursor, queue, copy;
    std::vector<std::string> task_ids;
  };
  struct InFlight {
    std::uint64_t unacked = 0, scheduled = 0;
  };
  json::Object workers(const Page& page);
  json::Object queues(const Page& page);
  json::Object waiting(const Page& page);
  json::Object state(const Page& page);
  json::Object registry(const Page& page);
  json::Object dead_letters(const Page& page);
  json::Object copy(const Page& page);

  json::Object worker(const std::string& name, const Fleet::Worker* heard,
                      const WorkerAnswer* answer) const;
  void count_in_flight();
  std::optional<double> oldest_age(const std::string& queue, const std::vector<std::string>& heads);

  const Settings& settings_;
  Lines& lines_;
  Shared& shared_;
  WorkerFacts& facts_;
  std::map<std::string, InFlight> in_flight_;  // by queue
  bool in_flight_known_ = false;
  std::int64_t in_flight_us_ = 0;
  // When the head of each queue was first seen there, by delivery.
  std::map<std::string, std::map<std::string, std::int64_t>> heads_;
};

}  // namespace z4j::engine_celery
