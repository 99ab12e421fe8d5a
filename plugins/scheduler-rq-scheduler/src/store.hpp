// The schedules of rq-scheduler where it keeps them. What is switched off waits in a set of ours,
// which rq-scheduler never looks into. One thread, except interrupt(). Throws what Connection
// throws, Z4J_NOT_FOUND, Z4J_CONFLICT, Z4J_INVALID and Z4J_DENIED.
#pragma once

#include "lib/redis/redis.hpp"
#include "lib/schedule/schedule.hpp"
#include "src/entry.hpp"
#include "src/settings.hpp"

#include <optional>
#include <string>
#include <vector>

namespace z4j::rq_scheduler {

class Store {
 public:
  explicit Store(Settings settings) : settings_(std::move(settings)), redis_(settings_.redis) {}

  struct Listing {
    std::vector<schedule::Schedule> items;
    std::optional<std::string> next;
  };
  [[nodiscard]] Listing list(const schedule::Page& page);
  [[nodiscard]] schedule::Schedule put(const schedule::Wanted& wanted, const std::string& etag);
  void remove(const std::string& id, const std::string& etag);
  // The answer of the contract.
  [[nodiscard]] json::Object trigger(const std::string& id);
  void interrupt() noexcept { redis_.interrupt(); }

 private:
  struct Keys {
    std::string scheduled, disabled;
  };
  [[nodiscard]] Keys keys() const;
  [[nodiscard]] std::vector<Entry> read(const std::vector<std::string>& ids);
  [[nodiscard]] Entry read_one(const std::string& id);
  [[nodiscard]] schedule::Schedule make(const schedule::Wanted& wanted);
  [[nodiscard]] bool write(const Entry& before, const Change& change);

  Settings settings_;
  redis::Connection redis_;
};

}  // namespace z4j::rq_scheduler
