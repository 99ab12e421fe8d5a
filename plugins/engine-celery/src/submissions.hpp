// Tasks that are sent: new ones, and those that are to run again.
#pragma once

#include "src/arguments.hpp"
#include "src/lines.hpp"
#include "src/live_tasks.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"
#include "src/worker_facts.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::engine_celery {

// A command about one task, out of one or of many.
struct OneOfMany {
  std::string target;
  std::string args;  // a JSON object
};

// One thread.
class Submissions {
 public:
  Submissions(const Settings& settings, Lines& lines, Shared& shared, WorkerFacts& facts)
      : settings_(settings), lines_(lines), shared_(shared), facts_(facts) {}

  [[nodiscard]] json::Object enqueue(const std::string& task, std::string_view args);
  // Answers in the order of what is given. What cannot be read is refused by itself.
  [[nodiscard]] std::vector<json::Object> retry(const std::vector<OneOfMany>& tasks);

 private:
  struct Ready {
    std::size_t place;       // whose answer it is
    std::string instead_in;  // the queue of dead letters that it replaces the original in, or ""
    celery::Outgoing message;
    json::Object answer;  // when it is sent
  };
  [[nodiscard]] RetryWish read_wish(const OneOfMany& task) const;
  [[nodiscard]] std::string write(const Source& source, const RetryWish& wish,
                                  const std::string& new_id) const;
  [[nodiscard]] json::Object send_instead(Ready& ready);
  struct Chance {
    std::string why_not;  // "" when it may be sent
    std::string warning;  // what is not known for certain
  };
  // Of a message for this task to be run by some worker.
  Chance chance(const std::string& task, bool in_json);
  const LiveTasks& live(std::size_t of_so_many);

  const Settings& settings_;
  Lines& lines_;
  Shared& shared_;
  WorkerFacts& facts_;
  LiveTasks live_;
  std::int64_t live_us_ = 0;  // when that was asked
};

}  // namespace z4j::engine_celery
