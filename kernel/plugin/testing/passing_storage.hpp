// A storage driver that passes everything on to another: for tests that watch or spoil some of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/host.hpp"

namespace z4j::plugin::testing {

class PassingSession : public StorageClient::Session {
 public:
  explicit PassingSession(std::unique_ptr<Session> session) : session_(std::move(session)) {}

  base::Status commit(z4j_commit& c, int deadline_ms, std::shared_ptr<void> keep) override {
    return session_->commit(c, deadline_ms, std::move(keep));
  }
  base::Status read(const z4j_query& query, std::uint32_t batch_rows,
                    const std::function<bool(const z4j_rows&)>& rows) override {
    return session_->read(query, batch_rows, rows);
  }
  base::Result<std::string> stats() override { return session_->stats(); }
  base::Result<std::string> explain(const z4j_query& query) override {
    return session_->explain(query);
  }
  base::Status backup(const std::string& target, int deadline_ms) override {
    return session_->backup(target, deadline_ms);
  }

 private:
  std::unique_ptr<Session> session_;
};

class PassingStorage : public StorageClient {
 public:
  explicit PassingStorage(std::shared_ptr<StorageClient> driver) : driver_(std::move(driver)) {}

  z4j_store_info info() override { return driver_->info(); }
  base::Result<std::string> migrate(const z4j_schema& schema, bool dry_run,
                                    int deadline_ms) override {
    return driver_->migrate(schema, dry_run, deadline_ms);
  }
  base::Result<std::unique_ptr<Session>> open(std::uint32_t flags) override {
    auto session = driver_->open(flags);
    if (!session) return session;
    return wrap(std::move(session).value());
  }
  base::Status listen(const std::vector<std::string>& channels) override {
    return driver_->listen(channels);
  }

 protected:
  // The session that is used instead.
  [[nodiscard]] virtual std::unique_ptr<Session> wrap(std::unique_ptr<Session> session) = 0;

 private:
  std::shared_ptr<StorageClient> driver_;
};

}  // namespace z4j::plugin::testing
