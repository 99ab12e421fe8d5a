// The events of a seed: lives of tasks, some told twice, in an order that only roughly follows
// time. Judge and ingester make the same list.
#pragma once

#include <z4j/abi.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "core/testing/event_rows.hpp"

namespace z4j::faults {

using core::testing::EventRow;

inline constexpr int kTasks = 800;

// `began`: of the run, so that times are recent and stay the same when the ingester starts again.
inline std::vector<EventRow> story(std::uint32_t seed, base::TimeUs began) {
  std::mt19937 random(seed);
  std::vector<EventRow> events;
  for (int task = 0; task < kTasks; ++task) {
    const base::TimeUs at = began - 3600 * base::kSecondUs + task * base::kSecondUs;
    const std::string id = "t" + std::to_string(task);
    const std::uint16_t ends[] = {Z4J_EV_SUCCEEDED, Z4J_EV_FAILED, Z4J_EV_REVOKED};
    const std::uint16_t kinds[] = {Z4J_EV_RECEIVED, Z4J_EV_STARTED, ends[random() % 3]};
    for (int step = 0; step < 3; ++step) {
      events.push_back({.kind = kinds[step],
                        .at = at + step * 1000,
                        .task_id = id,
                        .task = "shop.task" + std::to_string(task % 7),
                        .queue = "q" + std::to_string(task % 3),
                        .worker = "w" + std::to_string(task % 4),
                        .attrs = step == 0 ? R"({"args":[1,"two"],"kwargs":{}})" : "",
                        .runtime_us = step == 2 ? 900 : -1,
                        .attempt = 1});
    }
  }
  for (std::size_t from = 0; from < events.size(); from += 60) {
    const auto to = std::min(events.size(), from + 60);
    std::shuffle(events.begin() + static_cast<std::ptrdiff_t>(from),
                 events.begin() + static_cast<std::ptrdiff_t>(to), random);
  }
  std::vector<EventRow> told;
  for (std::size_t i = 0; i < events.size(); ++i) {
    told.push_back(events[i]);
    if (random() % 30 == 0) told.push_back(events[random() % (i + 1)]);
  }
  return told;
}

}  // namespace z4j::faults
