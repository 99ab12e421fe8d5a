// The loop of the scheduler that leads: it plans what was edited and fires what is due.
//
// Only the next seconds are in memory; the rest lies in the store, which is asked in pages. Each
// round renews the lease in time, reads edits, fires, plans, and says how long nothing will be due.
// The store checks the fence of each write, so a leader that slept through its lease changes
// nothing, and a fire that was written without an answer is found TAKEN when it is asked for again.
// Time is the store's clock: what is due is so by that clock only. One thread but for edited().
#pragma once

#include <z4j/scheduler.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "src/edits.hpp"
#include "src/schedule.hpp"
#include "src/window.hpp"

namespace z4j::native {

class Leader {
 public:
  struct Options {
    TurnRules rules;
    std::function<std::int64_t()> steady_us;  // a clock that never steps
    std::uint32_t lease_ms = 5000;
    std::int64_t window_us = 60'000'000;  // how far ahead it reads
    std::size_t most_in_window = 20'000;  // at most so many, and a page
  };
  Leader(Host host, ScheduleStore store, Options options);

  // Any thread, quick. null: look at all.
  void edited(const std::uint8_t* id) { edits_.put(id); }

  // One round; milliseconds until the next one is wanted, unless edited() comes before. Never
  // throws what the store throws: it counts as a round without success.
  int round();
  // Gives the lease back.
  void resign();

  [[nodiscard]] bool leads() const { return fence_.has_value(); }
  [[nodiscard]] std::size_t in_window() const { return window_.size(); }

 private:
  static constexpr std::size_t kMostFires = 1000;

  bool keep_lease(std::int64_t steady);
  void lose();
  bool read_edits();
  bool fire_due();
  bool fill(std::int64_t steady);
  bool scan(std::int64_t steady);

  // Plans that wait to be written, each with its entry.
  struct Plans {
    std::vector<z4j_plan> rows;
    std::vector<Entry> entries;
  };
  void see(const z4j_stored_schedule& row, Plans& plans);
  void plan(Entry entry, std::optional<std::int64_t> next_us, Plans& plans) const;
  void write(Plans& plans);
  [[nodiscard]] std::shared_ptr<const Schedule> schedule_in(const z4j_stored_schedule& row) const;
  [[nodiscard]] bool is_soon(std::int64_t due_us, const Id& id) const;
  void keep_if_soon(Entry entry);
  [[nodiscard]] int wait_ms() const;

  Host host_;
  ScheduleStore store_;
  Options options_;
  Edits edits_;

  std::optional<std::uint64_t> fence_;
  std::int64_t renew_at_ = 0, fill_anew_at_ = 0, scan_at_ = 0;  // steady
  std::int64_t now_ = 0;                                        // the store's clock, this round

  Window window_;
  // What is planned up to here, in the order of due(), is in the window.
  std::int64_t filled_us_ = 0;
  std::optional<Id> filled_id_;

  // The walk through what was edited: where it is, and whether it goes on.
  bool scanning_ = false;
  std::int64_t scan_us_ = 0, scan_began_us_ = 0;
  std::int64_t seen_until_us_ = 0;  // what was edited before is planned
  std::optional<Id> scan_id_;

  std::vector<Id> read_again_;
  std::size_t batch_ = kMostFires;  // in one commit; few after one was refused as a whole
  int failures_ = 0;
};

}  // namespace z4j::native
