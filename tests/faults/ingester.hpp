// What is judged: a process that takes the story of a seed through the kernel's ingest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace z4j::faults {

struct IngesterOrder {
  std::uint32_t seed = 0;
  std::int64_t began = 0;      // of the run, microseconds
  std::size_t first = 0;       // index into the story
  std::string url, home;       // the database; where the spill lies
  std::string project, agent;  // ids
  int lease_ms = 800;          // how long the lease lasts without being renewed
};

// The lease under which the story is told.
inline constexpr const char* kLease = "engine/story";

// Runs in its own process and tells on standard output, a line each: "l" when it holds the lease,
// "a TASK KIND" when an event is stored and "d TASK KIND" when it is durable on the ingester's own
// disk, "u" when the outcome of a commit is not known, "p N" when so many events of the story were
// taken, "done LEFT" at the end. SIGUSR1 makes its wall clock step. The exit code.
int ingest(const IngesterOrder& order);

}  // namespace z4j::faults
