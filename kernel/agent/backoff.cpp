#include "agent/backoff.hpp"

#include <algorithm>
#include <cstring>

#include "base/crypto.hpp"

namespace z4j::agent {
namespace {

struct Course {
  std::int64_t start_ms, cap_ms;
};
constexpr std::array<Course, 4> kCourses{
    {{1'000, 30'000}, {1'000, 60'000}, {10'000, 600'000}, {120'000, 3'600'000}}};
constexpr double kMostExtra = 0.3;

double machine_random() {
  std::uint32_t bits = 0;
  const std::string bytes = base::random_bytes(sizeof bits);
  std::memcpy(&bits, bytes.data(), sizeof bits);
  return static_cast<double>(bits) / 4294967296.0;
}

}  // namespace

std::string_view to_string(FailureClass kind) noexcept {
  switch (kind) {
    case FailureClass::connection:
      return "connection";
    case FailureClass::protocol:
      return "protocol";
    case FailureClass::auth:
      return "auth";
    case FailureClass::incompatible:
      break;
  }
  return "incompatible";
}

Backoff::Backoff(Random random) : random_(random ? std::move(random) : machine_random) {}

std::int64_t Backoff::next_ms(FailureClass kind) {
  const Course& course = kCourses[static_cast<std::size_t>(kind)];
  std::int64_t& streak = streaks_[static_cast<std::size_t>(kind)];
  const std::int64_t doublings = std::min<std::int64_t>(streak, 12);
  ++streak;
  const std::int64_t wait = std::min(course.cap_ms, course.start_ms << doublings);
  return wait + static_cast<std::int64_t>(static_cast<double>(wait) * kMostExtra * random_());
}

void Backoff::reset() noexcept { streaks_.fill(0); }

std::int64_t Backoff::streak(FailureClass kind) const noexcept {
  return streaks_[static_cast<std::size_t>(kind)];
}

}  // namespace z4j::agent
