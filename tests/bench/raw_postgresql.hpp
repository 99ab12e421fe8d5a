// The ceiling on PostgreSQL: the events, tasks and roll-ups of the same commits through bare libpq
// on the same tables in a schema of their own: one prepared statement a table over arrays that were
// encoded beforehand, a transaction a batch, a connection a lane. What the kernel writes beside
// them (workers, queues, agents, notices) is left out.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "ceiling.hpp"
#include "lib/sql/pg_text.hpp"

namespace z4j::bench {

class RawPostgresql final : public Ceiling {
 public:
  // `schema`: its tables were made by our driver. `rows`, `lanes`: as there.
  RawPostgresql(std::string url, std::string schema, z4j_store_info like);
  ~RawPostgresql() override;

  z4j_store_info info() override { return info_; }
  base::Result<std::string> migrate(const z4j_schema& schema, bool dry_run,
                                    int deadline_ms) override;
  base::Result<std::unique_ptr<Session>> open(std::uint32_t flags) override;
  void catch_up() override;
  [[nodiscard]] std::chrono::nanoseconds spent() const noexcept override { return spent_; }

 private:
  class Recorder;
  class Writer;
  using Batch = std::vector<sql::pg::Statement>;

  std::string url_, schema_;
  z4j_store_info info_;
  std::mutex mutex_;
  std::deque<std::vector<Batch>> lanes_;  // grows as writing sessions open
  std::vector<std::unique_ptr<Writer>> writers_;
  std::chrono::nanoseconds spent_{};
};

// Runs SQL, several statements if need be; answers the cells of the last one, a line a row.
[[nodiscard]] std::string run_sql(const std::string& url, const std::string& text);

}  // namespace z4j::bench
