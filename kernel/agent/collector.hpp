// What engines emit, redacted and packed into frames for the buffer.
//
// take() is called where the engine emits: it neither waits for the brain nor answers busy, so a
// brain that is down never slows down who watches the broker. Any thread.
#pragma once

#include <z4j/abi.h>

#include <atomic>
#include <cstdint>
#include <functional>

#include "agent/buffer.hpp"
#include "core/redaction.hpp"

namespace z4j::agent {

class Collector {
 public:
  // `arrived` is called after frames came into the buffer; quick.
  Collector(Buffer& buffer, const core::Redactor& redactor, std::function<void()> arrived)
      : buffer_(buffer), redactor_(redactor), arrived_(std::move(arrived)) {}

  // Requires a batch whose shape was checked.
  void take(const z4j_event_batch& batch);

  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }

 private:
  [[nodiscard]] std::string event_text(const z4j_event_batch& batch, std::uint32_t row) const;

  Buffer& buffer_;
  const core::Redactor& redactor_;
  const std::function<void()> arrived_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace z4j::agent
