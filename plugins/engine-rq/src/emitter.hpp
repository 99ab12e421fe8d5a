// Collects events and hands them to the kernel in batches. When the kernel is busy it waits and
// tries the same batch again: the caller stops reading meanwhile, and RQ keeps its state. One
// thread.
#pragma once

#include "src/shared.hpp"

#include <z4j/plugin.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::engine_rq {

struct Event {
  std::uint16_t kind = Z4J_EV_UNKNOWN;
  std::int64_t time_us = 0;
  std::uint32_t attempt = 0;
  std::int64_t runtime_us = -1;
  std::string task_id, task, queue, worker, attrs_json;
};

// Where events go; the tests have their own.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void add(const Event& event) = 0;
};

class Emitter : public EventSink {
 public:
  Emitter(Host host, Gate& gate) : host_(host), gate_(gate) {}

  void add(const Event& event) override;
  // False when the instance stops before the kernel took the batch.
  bool flush();
  // What the kernel did not take is forgotten.
  void clear() { builder_.clear(); }
  [[nodiscard]] std::uint64_t added() const { return added_; }

 private:
  Host host_;
  Gate& gate_;
  BatchBuilder builder_;
  std::uint64_t added_ = 0;
};

}  // namespace z4j::engine_rq
