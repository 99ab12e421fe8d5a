// One job of rq-scheduler: an ordinary job of RQ whose `meta` says how it repeats. From its fields
// to a schedule, and back. Pure; nothing of a pickle is ever run.
#pragma once

#include "lib/json/json.hpp"
#include "lib/pickle/pickle.hpp"
#include "lib/redis/redis.hpp"
#include "lib/rq/call.hpp"
#include "lib/schedule/schedule.hpp"
#include "src/settings.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::rq_scheduler {

// Pickle or JSON, a mapping; only what is plain data can be written again.
class Meta {
 public:
  Meta() = default;
  // Never throws; why() says what was wrong with the bytes.
  static Meta read(std::string_view bytes);

  [[nodiscard]] bool is_plain() const noexcept { return why_.empty(); }
  [[nodiscard]] const std::string& why() const noexcept { return why_; }
  [[nodiscard]] const json::Object& shown() const noexcept { return shown_; }  // what JSON can hold

  // Sets or, with null, takes away one member; null, booleans, integers and texts.
  void set(std::string_view key, const json::Value& value);
  [[nodiscard]] std::string write(rq::Form form_of_new) const;

 private:
  rq::Form form_ = rq::Form::unknown;  // unknown: there was none
  pickle::Document document_;          // pickle
  json::Object shown_;
  std::string why_;
};

// A job as it is stored, and where it is listed.
struct Entry {
  std::string id, status, origin, data, meta, description, timeout, result_ttl, enqueued_at;
  bool too_large = false;  // a field was not read
  double due = 0;
  bool disabled = false;
};
// Names of the fields that make an Entry, in the order of `values`.
[[nodiscard]] const redis::Args& entry_fields();
[[nodiscard]] Entry entry_of(std::string id, const redis::Reply& values);

// How often it still runs is not shown: that counts down by itself, and would look like an edit.
[[nodiscard]] schedule::Schedule schedule_of(const Entry& entry, const Settings& settings);
// As a call of rq-scheduler's own methods would have it, and back to what a put asks for.
[[nodiscard]] json::Value own_form(const Entry& entry, const Settings& settings);
[[nodiscard]] schedule::Wanted from_own_form(const json::Value& own);

// What to write for a put. `due` is set when the time it runs next changes.
struct Change {
  Entry entry;
  std::optional<double> due;
};
// Throws Z4J_INVALID with the place. `now` in Unix seconds.
[[nodiscard]] Change made(const schedule::Wanted& wanted, const Settings& settings, double now);
[[nodiscard]] Change edited(const Entry& entry, const schedule::Wanted& wanted,
                            const Settings& settings, double now);

}  // namespace z4j::rq_scheduler
