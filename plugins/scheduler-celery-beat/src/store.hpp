// Where a celery beat keeps its schedules, as this plugin uses it.
//
// All calls come from one thread and block for a bounded time; failures are z4j::Error, as
// docs/abi/scheduler.md names them. interrupt() comes from another thread and ends what blocks.
#pragma once

#include "lib/schedule/schedule.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::celery_beat {

using schedule::Schedule;
using schedule::Wanted;

// Made by Celery itself; beat writes it anew at each start.
inline constexpr std::string_view kCleanup = "celery.backend_cleanup";

struct Listing {
  std::vector<Schedule> items;
  std::optional<std::string> next;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual Listing list(const schedule::Page& page) = 0;
  // Throws Z4J_NOT_FOUND.
  virtual Schedule read(const std::string& id) = 0;
  // As read back after the write.
  virtual Schedule put(const Wanted& wanted, const std::string& etag) = 0;
  virtual void remove(const std::string& id, const std::string& etag) = 0;
  // What is wrong although the store answers, for people; "" when nothing is.
  virtual std::string worry() { return {}; }
  virtual void interrupt() noexcept {}
};

}  // namespace z4j::celery_beat
