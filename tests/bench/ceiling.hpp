// What ours is measured against: the rows of the same commits, written by the bare client library
// of the database. No plugin, no boundary, no SQL made per commit.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "plugin/host.hpp"

namespace z4j::bench {

class Ceiling : public plugin::StorageClient {
 public:
  base::Status listen(const std::vector<std::string>&) override { return {}; }
  // Writes what commits put off until no kernel runs beside it.
  virtual void catch_up() {}
  // By writing alone.
  [[nodiscard]] virtual std::chrono::nanoseconds spent() const noexcept = 0;
};

}  // namespace z4j::bench
