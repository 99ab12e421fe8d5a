// The host of a story: it only takes batches.
#pragma once

#include <z4j/plugin.hpp>

#include <cstdint>
#include <random>

#include "engine_story.hpp"

namespace z4j::story {

// Microseconds; all stories begin here: 2026-11-23T21:00:00Z, the hour of the captures.
inline constexpr std::int64_t kBegin = 1'795'467'600'000'000;

class StoryHost {
 public:
  StoryHost(TakeBatch take, void* to) : take_(take), to_(to) {
    table_.ctx = this;
    table_.log_level = [](void*) -> std::int32_t { return Z4J_LOG_ERROR + 1; };
    table_.metric = [](void*, z4j_str, z4j_str, double, std::int32_t) {};
    table_.emit = [](void* ctx, const z4j_event_batch* batch, z4j_error*) -> z4j_status {
      const auto& self = *static_cast<const StoryHost*>(ctx);
      self.take_(self.to_, batch);
      return Z4J_OK;
    };
  }
  StoryHost(const StoryHost&) = delete;
  StoryHost& operator=(const StoryHost&) = delete;
  [[nodiscard]] Host host() const { return Host(&table_); }

 private:
  z4j_host table_{};
  TakeBatch take_;
  void* to_;
};

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  [[nodiscard]] int below(int n) {
    return static_cast<int>(random_() % static_cast<std::uint32_t>(n));
  }
  [[nodiscard]] bool one_in(int n) { return below(n) == 0; }

 private:
  std::mt19937 random_;
};

}  // namespace z4j::story
