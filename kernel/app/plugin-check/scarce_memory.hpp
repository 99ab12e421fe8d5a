// Allocations that fail on purpose: malloc() and its like of the whole program, ours and the
// plugin's. Nothing fails unless a case asks for it, and then on its own thread only.
#pragma once

#include <cstdint>

namespace z4j::check {

// Whether this build can do it: a sanitizer has a malloc of its own.
[[nodiscard]] bool can_starve() noexcept;

// While one lives, allocations of this thread fail from the n-th on, counted from 0.
class Scarcity {
 public:
  explicit Scarcity(std::int64_t fails_from) noexcept;
  Scarcity(const Scarcity&) = delete;
  Scarcity& operator=(const Scarcity&) = delete;
  ~Scarcity();
  // Ends it early; gives whether any failed.
  bool end() noexcept;
};

// While one lives nothing fails on this thread: the host's own work for a plugin that is starved.
class Plenty {
 public:
  Plenty() noexcept;
  Plenty(const Plenty&) = delete;
  Plenty& operator=(const Plenty&) = delete;
  ~Plenty();

 private:
  bool was_starved_;
};

}  // namespace z4j::check
