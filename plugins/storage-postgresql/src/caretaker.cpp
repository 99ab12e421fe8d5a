#include "caretaker.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace z4j::postgresql {
namespace {

constexpr std::chrono::hours kBetweenDays{1};
// So many rows are worth a round at once, fewer wait for others: much of the work is per distinct
// entry, not per row.
constexpr std::uint64_t kManyRows = 2000;
constexpr std::chrono::seconds kLongestWait{10}, kBetweenRounds{1}, kKeepConnection{2};
constexpr const char* kSortIn =
    "SELECT gin_clean_pending_list(c.oid) FROM pg_class c JOIN pg_am a ON a.oid=c.relam "
    "WHERE c.relnamespace=current_schema()::regnamespace AND c.relkind='i' AND a.amname='gin'";

}  // namespace

Caretaker::Caretaker(Host host, const Settings& settings, BackOff& back_off, MakeDays make_days)
    : host_(host),
      settings_(settings),
      back_off_(back_off),
      make_days_(std::move(make_days)),
      next_days_(Clock::now() + kBetweenDays) {
  thread_ = std::thread([this] { run(); });
}

Caretaker::~Caretaker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Caretaker::wrote(std::uint64_t rows) {
  const std::lock_guard lock(mutex_);
  if (rows_ == 0) first_ = Clock::now();
  const bool was_few = rows_ < kManyRows;
  const bool wakes = rows_ == 0 || (was_few && rows_ + rows >= kManyRows);
  rows_ += rows;
  if (wakes) changed_.notify_one();
}

Clock::time_point Caretaker::lists_due() const {
  if (rows_ == 0) return Clock::time_point::max();
  return std::max(not_before_, rows_ >= kManyRows ? first_ : first_ + kLongestWait);
}

Caretaker::Duty Caretaker::wait(bool is_connected) {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const Clock::time_point now = Clock::now();
    const Clock::time_point parts =
        is_connected ? not_before_ + kKeepConnection : Clock::time_point::max();
    if (now >= next_days_) return Duty::days;
    if (now >= lists_due()) {
      rows_ = 0;
      return Duty::lists;
    }
    if (now >= parts) return Duty::part;
    changed_.wait_until(lock, std::min({next_days_, lists_due(), parts}));
  }
  return Duty::none;
}

void Caretaker::run() {
  std::optional<Connection> connection;
  for (Duty duty = wait(false); duty != Duty::none; duty = wait(connection.has_value())) {
    if (duty == Duty::part) {
      connection.reset();
      continue;
    }
    if (duty == Duty::days) next_days_ = Clock::now() + kBetweenDays;
    try {
      if (!connection) connection.emplace(settings_, back_off_, Connection::Use::write);
      connection->open();
      duty == Duty::days ? make_days_(*connection) : sort_in(*connection);
      complained_ = false;
    } catch (const Error& e) {
      if (duty == Duty::days && !complained_) {
        host_.warn(std::string("could not make the tables of the days ahead, which will be tried "
                               "again in an hour: ") +
                   e.what());
        complained_ = true;
      }
    }
    const std::lock_guard lock(mutex_);
    not_before_ = Clock::now() + kBetweenRounds;
  }
}

void Caretaker::sort_in(Connection& connection) {
  if (!may_sort_in_) return;
  try {
    connection.run(kSortIn);
  } catch (const Error& e) {
    if (e.code == Z4J_DENIED) may_sort_in_ = false;  // only the owner may
  }
}

}  // namespace z4j::postgresql
