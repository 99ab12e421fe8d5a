// A month of a shop's work, told by the number of a task alone: 40 task names on 12 queues and 20
// workers of two engines (29 of four), with arguments, results, failures, retries and small
// workflows; four events a task on average. The last 200 tasks are under way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "core/event_decode.hpp"

namespace z4j::scale {

struct SeedPlan {
  std::uint64_t tasks = 0;
  std::int64_t days = 30;
  std::uint64_t engines = 2;  // celery and rq; or 4: arq and dramatiq too
  base::TimeUs until = 0;     // the month ends here

  [[nodiscard]] base::TimeUs starts(std::uint64_t task) const;
};

// One task's life. Views of the events point into it and into constants.
class SeedTask {
 public:
  SeedTask(const SeedPlan& plan, std::uint64_t number, const core::EventSource& source);
  SeedTask(const SeedTask&) = delete;
  SeedTask& operator=(const SeedTask&) = delete;

  [[nodiscard]] const std::vector<core::Event>& events() const noexcept { return events_; }
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view queue() const noexcept { return queue_; }
  [[nodiscard]] std::string_view worker() const noexcept { return worker_; }
  [[nodiscard]] std::string_view engine() const noexcept { return engine_; }
  [[nodiscard]] std::string_view tier() const noexcept { return tier_; }
  [[nodiscard]] std::string_view state() const noexcept { return state_; }
  [[nodiscard]] const std::string& id() const noexcept { return id_; }

 private:
  enum class End : std::uint8_t;
  void event(std::uint16_t kind, base::TimeUs at, std::uint32_t attempt, std::string payload);
  void live(base::TimeUs at, End end);
  void choose_among_four(std::size_t name);
  [[nodiscard]] std::string kwargs() const;

  const std::uint64_t number_, dice_;
  const base::TimeUs taken_at_;
  std::string_view name_, queue_, worker_, engine_, tier_, state_ = "pending";
  std::string id_, parent_, root_;
  core::EventSource source_;
  std::vector<core::Event> events_;
};

// What a store with this plan has to answer.
[[nodiscard]] base::json::Object told(const SeedPlan& plan, const core::EventSource& source);

}  // namespace z4j::scale
