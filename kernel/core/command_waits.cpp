#include "core/command_waits.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <utility>

namespace z4j::core {
namespace {

namespace cmd = model::commands;
namespace json = base::json;

constexpr auto kWaitsRound = std::chrono::milliseconds(200);
constexpr auto kWaitsIdle = std::chrono::milliseconds(60'000);
constexpr std::size_t kWaitsAtOnce = 500;

bool has_ended(const Command& command) {
  return command.status != "pending" && command.status != "dispatched";
}

}  // namespace

CommandWaits::~CommandWaits() { stop(); }

base::Status CommandWaits::wait(const base::Uuid& command, int deadline_ms, Done done) {
  const std::lock_guard lock(mutex_);
  if (is_stopping_ || waiting_.size() >= kMost) {
    return base::Error{.code = base::Code::busy,
                       .message = "too many wait for what becomes of commands",
                       .where = {},
                       .hint = "try again in a moment",
                       .retry_after_ms = 1000};
  }
  waiting_.emplace(command, Waiting{clock_.steady_ms() + deadline_ms, std::move(done)});
  is_poked_ = true;
  wake_.notify_all();
  return {};
}

base::Result<Command> CommandWaits::wait(const base::Uuid& command, int deadline_ms) {
  const auto promise = std::make_shared<std::promise<base::Result<Command>>>();
  auto ended = promise->get_future();
  auto waiting = wait(command, deadline_ms, [promise](base::Result<Command> result) {
    promise->set_value(std::move(result));
  });
  if (!waiting) return std::move(waiting).error();
  return ended.get();
}

void CommandWaits::look() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return;
  is_poked_ = true;
  wake_.notify_all();
}

void CommandWaits::work() {
  std::vector<Cell> ids;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = waiting_.begin(); at != waiting_.end(); at = waiting_.upper_bound(at->first))
      ids.emplace_back(at->first);
  }
  std::vector<Command> ended;
  for (std::size_t from = 0; from < ids.size(); from += kWaitsAtOnce) {
    const auto to = static_cast<std::ptrdiff_t>(std::min(ids.size(), from + kWaitsAtOnce));
    Query query(Table::commands);
    query.where.in(cmd::id, {ids.begin() + static_cast<std::ptrdiff_t>(from), ids.begin() + to});
    auto read = store_.each(query.all(), [&ended](const Row& row) {
      Command command = command_of(row);
      if (has_ended(command)) ended.push_back(std::move(command));
      return true;
    });
    if (!read) log_.warn("what became of commands not read", {{"why", read.error().text()}});
  }
  std::vector<std::pair<Done, base::Result<Command>>> told;
  {
    const std::lock_guard lock(mutex_);
    for (const Command& command : ended) {
      const auto [from, to] = waiting_.equal_range(command.id);
      for (auto at = from; at != to; ++at) told.emplace_back(std::move(at->second.done), command);
      waiting_.erase(from, to);
    }
    const std::int64_t now_ms = clock_.steady_ms();
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      if (now_ms < at->second.until_ms) {
        ++at;
        continue;
      }
      told.emplace_back(std::move(at->second.done),
                        base::Error{.code = base::Code::timeout,
                                    .message = "the command has not ended in time",
                                    .where = {},
                                    .hint = "look at it again later"});
      at = waiting_.erase(at);
    }
  }
  for (auto& [done, result] : told) done(std::move(result));
}

void CommandWaits::start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { run(); });
}

void CommandWaits::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  std::multimap<base::Uuid, Waiting> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(waiting_);
  }
  for (auto& [id, waiting] : left) {
    waiting.done(base::Error{.code = base::Code::unavailable,
                             .message = "the brain is stopping",
                             .where = {},
                             .hint = "look at the command later"});
  }
}

void CommandWaits::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto pause = waiting_.empty() ? kWaitsIdle : kWaitsRound;
    wake_.wait_for(lock, pause, [this] { return is_stopping_ || is_poked_; });
    if (is_stopping_) return;
    is_poked_ = false;
    lock.unlock();
    work();
    lock.lock();
  }
}

json::Object outcome_json(const base::Result<Command>& command, const base::Uuid& id) {
  json::Object out{{"outcome", "unknown"}, {"command_id", id.text()}};
  if (!command) {
    out["reason"] = base::to_string(command.error().code);
    return out;
  }
  if (command->result.is_object()) {
    const json::Object& result = command->result.get_object();
    for (const std::string_view key : {"outcome", "reason", "new_task_id"}) {
      if (const json::Value* value = result.if_contains(key)) out[key] = *value;
    }
  } else if (command->status == "cancelled") {
    out["outcome"] = "refused";
  }
  if (!out.contains("reason") && !command->error.empty()) out["reason"] = command->error;
  return out;
}

}  // namespace z4j::core
