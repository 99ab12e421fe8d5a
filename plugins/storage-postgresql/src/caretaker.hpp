// What must be done now and then, on a thread and a connection of its own: the tables of the days
// ahead, once an hour; and the lists of entries that text and path indexes put off, soon after they
// grew, so that neither a commit has to sort them in nor a search has to read long ones.
//
// Nothing depends on it: days are made on demand too, and a list that grows to its limit is sorted
// in by whoever comes then. It asks nothing, and soon holds no connection, while nothing is
// written.
#pragma once

#include <z4j/plugin.hpp>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "connection.hpp"

namespace z4j::postgresql {

class Caretaker {
 public:
  using MakeDays = std::function<void(Connection&)>;

  // Settings and back-off outlive it.
  Caretaker(Host host, const Settings& settings, BackOff& back_off, MakeDays make_days);
  ~Caretaker();
  Caretaker(const Caretaker&) = delete;
  Caretaker& operator=(const Caretaker&) = delete;

  // Rows went into tables whose indexes put work off. Any thread.
  void wrote(std::uint64_t rows);

 private:
  enum class Duty : std::uint8_t { none, days, lists, part };

  void run();
  Duty wait(bool is_connected);
  [[nodiscard]] Clock::time_point lists_due() const;  // holds mutex_
  void sort_in(Connection& connection);

  Host host_;
  const Settings& settings_;
  BackOff& back_off_;
  MakeDays make_days_;
  bool complained_ = false, may_sort_in_ = true;
  Clock::time_point next_days_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;             // guarded by mutex_
  std::uint64_t rows_ = 0;        // written since the lists were sorted in; guarded by mutex_
  Clock::time_point first_;       // of them; guarded by mutex_
  Clock::time_point not_before_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace z4j::postgresql
