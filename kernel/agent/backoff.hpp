// How long an agent waits before it dials again (wire protocol 12).
//
// Each class of failures doubles its own wait from a start to a cap; a random extra of up to 30 %
// keeps a fleet from coming back at once. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

namespace z4j::agent {

enum class FailureClass : std::uint8_t { connection, protocol, auth, incompatible };
[[nodiscard]] std::string_view to_string(FailureClass kind) noexcept;

class Backoff {
 public:
  // From 0 to 1; without one, the machine's.
  using Random = std::function<double()>;

  explicit Backoff(Random random = {});

  // One more failure of that class: how long to wait now.
  [[nodiscard]] std::int64_t next_ms(FailureClass kind);
  // After a handshake that worked.
  void reset() noexcept;
  // Failures of that class in a row.
  [[nodiscard]] std::int64_t streak(FailureClass kind) const noexcept;

 private:
  Random random_;
  std::array<std::int64_t, 4> streaks_{};
};

}  // namespace z4j::agent
