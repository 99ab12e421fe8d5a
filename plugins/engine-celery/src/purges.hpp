// What waits in a queue, thrown away or put aside and back.
#pragma once

#include "src/emitter.hpp"
#include "src/lines.hpp"
#include "src/settings.hpp"
#include "src/shared.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::engine_celery {

// One thread.
class Purges {
 public:
  Purges(const Settings& settings, Lines& lines, Shared& shared, Emitter& emitter)
      : settings_(settings), lines_(lines), shared_(shared), emitter_(emitter) {}

  [[nodiscard]] json::Object purge(const std::string& queue, const json::Object& args);
  // Steps take, drop and restore of a copy.
  [[nodiscard]] json::Object copy(const std::string& queue, const json::Object& args);

 private:
  json::Object take(const std::string& queue, const std::string& copy, const json::Object& args);
  json::Object restore(const std::string& queue, const std::string& copy, const json::Object& args);
  // Why this queue is not touched; "" when it may be.
  [[nodiscard]] std::string not_known(const std::string& queue, const json::Object& args) const;
  // What was there and stays: with workers, which nobody can take back.
  void add_what_stays(const std::string& queue, json::Object& answer);

  const Settings& settings_;
  Lines& lines_;
  Shared& shared_;
  Emitter& emitter_;
};

// A copy's name: a UUID as text.
[[nodiscard]] std::string checked_copy(std::string_view name);

}  // namespace z4j::engine_celery
