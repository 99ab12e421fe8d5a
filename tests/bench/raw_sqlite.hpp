// The ceiling on SQLite: the rows of a commit written by bare sqlite3 prepared statements, one
// transaction each.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "ceiling.hpp"

namespace z4j::bench {

// `like`: a database that our driver made; its tables and indexes are made here too.
class RawSqlite final : public Ceiling {
 public:
  RawSqlite(std::string path, std::string like);
  ~RawSqlite() override;

  z4j_store_info info() override;
  base::Result<std::string> migrate(const z4j_schema& schema, bool dry_run,
                                    int deadline_ms) override;
  base::Result<std::unique_ptr<Session>> open(std::uint32_t flags) override;

  // Spent between BEGIN and the end of COMMIT.
  [[nodiscard]] std::chrono::nanoseconds spent() const noexcept override {
    return std::chrono::nanoseconds(spent_ns_.load());
  }

 private:
  class Writer;
  std::string path_, like_;
  std::atomic<std::int64_t> spent_ns_{0};
};

}  // namespace z4j::bench
