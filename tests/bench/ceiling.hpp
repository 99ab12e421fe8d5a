// What ours is measured against: the rows of the same commits, written by the bare client library
// of the database. No plugin, no boundary, no SQL made per commit.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "plugin/host.hpp"

namespace z4j::bench {

// A session that is only written to.
class CeilingSession : public plugin::StorageClient::Session {
 public:
  base::Status read(const z4j_query&, std::uint32_t,
                    const std::function<bool(const z4j_rows&)>&) override {
    return {};
  }
  base::Result<std::string> stats() override { return std::string("{}"); }
  base::Result<std::string> explain(const z4j_query&) override { return std::string("{}"); }
  base::Status backup(const std::string&, int) override { return {}; }
};

class Ceiling : public plugin::StorageClient {
 public:
  base::Status listen(const std::vector<std::string>&) override { return {}; }
  // Writes what commits put off until no kernel runs beside it.
  virtual void catch_up() {}
  // By writing alone.
  [[nodiscard]] virtual std::chrono::nanoseconds spent() const noexcept = 0;
};

}  // namespace z4j::bench
