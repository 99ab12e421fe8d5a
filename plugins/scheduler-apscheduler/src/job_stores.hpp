// Where an APScheduler keeps its jobs.
//
// All calls come from one thread and block for a bounded time; interrupt() comes from another one
// and ends what blocks.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/settings.hpp"

namespace z4j::apscheduler {

struct StoredJob {
  std::string id, state;
  std::optional<double> next_run_at;  // none: paused
};

class JobStore {
 public:
  virtual ~JobStore() = default;

  // At most `most` behind that id, sorted by id; `next` is set when there are more.
  virtual std::vector<StoredJob> after(const std::string& id, std::size_t most,
                                       std::optional<std::string>& next) = 0;
  // Those that are there.
  virtual std::vector<StoredJob> of(const std::vector<std::string>& ids) = 0;
  // False: it is not as it was read.
  virtual bool remove(const StoredJob& job) = 0;
  virtual void interrupt() noexcept {}
};

[[nodiscard]] std::unique_ptr<JobStore> make_job_store(const Settings& settings);

}  // namespace z4j::apscheduler
