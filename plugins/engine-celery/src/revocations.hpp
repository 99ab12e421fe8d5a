// Tasks that are to run no more: taken out of their queue, refused by workers when their turn
// comes, or stopped while they run.
#pragma once

#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/live_tasks.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/submissions.hpp"
#include "src/worker_facts.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace z4j::engine_celery {

// One thread.
class Revocations {
 public:
  Revocations(const Settings& settings, Lines& lines, Shared& shared, Emitter& emitter,
              WorkerFacts& facts)
      : settings_(settings), lines_(lines), shared_(shared), emitter_(emitter), facts_(facts) {}

  // Answers in the order of what is given. What cannot be read is refused by itself.
  [[nodiscard]] std::vector<json::Object> revoke(const std::vector<OneOfMany>& tasks,
                                                 std::int64_t remaining_ms);

 private:
  struct Wish;
  void take_from_queues(std::vector<Wish>& wishes);
  void ask_workers(std::vector<Wish>& wishes, std::int64_t remaining_ms);
  void decide(Wish& wish, const LiveTasks& live, const std::string& result);
  void tell(std::vector<Wish*>& group, const std::string& worker, const std::string& signal);
  void wait_for_ends(const std::vector<Wish*>& running, std::int64_t wait_ms);

  const Settings& settings_;
  Lines& lines_;
  Shared& shared_;
  Emitter& emitter_;
  WorkerFacts& facts_;
};

// Tells the kernel that a message was taken out of its queue, as its task's end.
void tell_removed(Emitter& emitter, const std::string& message, const std::string& queue,
                  const char* reason);

}  // namespace z4j::engine_celery
