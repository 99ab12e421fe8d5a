#include "core/fold.hpp"

#include <algorithm>
#include <cstring>
#include <functional>

#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace t = model::tasks;

// A state stamp, from its highest bit: 8 attempt, 2 tier, 51 time, 2 kind within the tier.
constexpr base::TimeUs kStampEpoch = 1'420'070'400LL * base::kSecondUs;  // 2015-01-01
constexpr std::int64_t kTimeBits = 51;
constexpr std::int64_t kTimeMask = (std::int64_t{1} << kTimeBits) - 1;
constexpr std::uint32_t kMaxAttempt = 255;

std::int64_t stamp_time(base::TimeUs at) noexcept {
  return std::clamp<std::int64_t>(at - kStampEpoch, 0, kTimeMask);
}

struct StatePlace {
  std::int64_t tier, order;
};

// No place: the kind has no say.
constexpr StatePlace kNoPlace = {-1, 0};
StatePlace place_of(std::uint16_t kind) noexcept {
  switch (kind) {
    case Z4J_EV_SENT:
      return {0, 0};
    case Z4J_EV_RECEIVED:
      return {1, 0};
    case Z4J_EV_STARTED:
      return {1, 1};
    case Z4J_EV_RETRIED:
      return {1, 2};
    case Z4J_EV_REVOKED:
      return {2, 0};
    case Z4J_EV_FAILED:
      return {2, 1};
    case Z4J_EV_SUCCEEDED:
      return {2, 2};
    case Z4J_EV_REJECTED:
      return {2, 3};
    default:
      return kNoPlace;
  }
}

// Order of columns that the latest event decides: time, then kind.
std::int64_t latest_stamp(const Event& e) noexcept { return stamp_time(e.at) << 4 | (e.kind & 15); }

// The time that lists order by: the latest start, else the latest receipt, else the earliest sight.
std::int64_t sort_stamp(const Event& e) noexcept {
  if (e.kind == Z4J_EV_STARTED) return std::int64_t{2} << kTimeBits | stamp_time(e.at);
  if (e.kind == Z4J_EV_RECEIVED) return std::int64_t{1} << kTimeBits | stamp_time(e.at);
  return kTimeMask - stamp_time(e.at);
}

bool ends_run(std::uint16_t kind) noexcept { return place_of(kind).tier == 2; }

void put_num(Rows& rows, std::uint16_t column, bool known, std::int64_t value) {
  if (known) rows.num(column, value);
}

void put_text(Rows& rows, std::uint16_t column, std::string_view value) {
  if (!value.empty()) rows.text(column, value);
}

// Within a batch a column must be there as soon as one row speaks of its group: null clears.
void put_state(Rows& rows, const Event& e) {
  rows.text_or_null(t::state, state_of(e.kind));
  if (ends_run(e.kind)) {
    rows.num(t::finished_at, e.at);
  } else {
    rows.null(t::finished_at);
  }
  if (e.runtime_us >= 0 && ends_run(e.kind)) {
    rows.num(t::runtime_ms, e.runtime_us / 1000);
  } else {
    rows.null(t::runtime_ms);
  }
  const bool failed = e.kind == Z4J_EV_FAILED || e.kind == Z4J_EV_RETRIED;
  rows.text_or_null(t::result, e.kind == Z4J_EV_SUCCEEDED ? std::string_view(e.facts.result)
                                                          : std::string_view());
  rows.text_or_null(t::exception,
                    failed ? std::string_view(e.facts.exception) : std::string_view());
  rows.text_or_null(t::traceback,
                    failed ? std::string_view(e.facts.traceback) : std::string_view());
}

void put_args(Rows& rows, const Event& e) {
  rows.text_or_null(t::args, e.facts.args);
  rows.text_or_null(t::kwargs, e.facts.kwargs);
  if (e.facts.eta) {
    rows.num(t::eta, *e.facts.eta);
  } else {
    rows.null(t::eta);
  }
  rows.num(t::args_flags, e.facts.args_flags);
}

}  // namespace

std::int64_t state_stamp(const Event& e) noexcept {
  const StatePlace place = place_of(e.kind);
  if (place.tier < 0) return 0;
  const std::int64_t attempt = std::clamp<std::uint32_t>(e.attempt, 1, kMaxAttempt);
  return ((attempt << 2 | place.tier) << kTimeBits | stamp_time(e.at)) << 2 | place.order;
}

std::uint32_t attempt_of(std::int64_t stamp) noexcept {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(stamp) >> (kTimeBits + 4));
}

std::string_view state_of(std::uint16_t kind) noexcept {
  switch (kind) {
    case Z4J_EV_RECEIVED:
      return "received";
    case Z4J_EV_STARTED:
      return "started";
    case Z4J_EV_RETRIED:
      return "retry";
    case Z4J_EV_REVOKED:
      return "revoked";
    case Z4J_EV_FAILED:
      return "failure";
    case Z4J_EV_SUCCEEDED:
      return "success";
    case Z4J_EV_REJECTED:
      return "rejected";
    default:
      return {};
  }
}

std::size_t TaskFold::KeyHash::operator()(const Key& key) const noexcept {
  std::uint64_t project = 0;
  std::memcpy(&project, key.project_id.bytes.data() + 8, sizeof project);
  return std::hash<std::string_view>()(key.task_id) ^ project ^
         (std::hash<std::string_view>()(key.engine) << 1);
}

void TaskFold::add(const Event& event) {
  if (!event.is_task()) return;
  const auto [found, is_new] =
      by_key_.try_emplace(Key{event.project_id, event.engine, event.task_id}, tasks_.size());
  if (is_new) {
    Task& task = tasks_.emplace_back();
    task.id = model::task_row_id(event.project_id, event.engine, event.task_id);
    task.project_id = event.project_id;
    task.agent_id = event.agent_id;
    task.engine = event.engine;
    task.task_id = event.task_id;
    task.created_at = task.updated_at = event.at;
  }
  add_to(tasks_[found->second], event);
}

void TaskFold::add_to(Task& task, const Event& e) {
  const auto first = [](std::string_view& slot, std::string_view value) {
    if (slot.empty()) slot = value;
  };
  first(task.name, e.task);
  first(task.parent_id, e.parent_id);
  first(task.root_id, e.root_id);
  first(task.tags, e.facts.tags);
  task.created_at = std::min(task.created_at, e.at);
  task.updated_at = std::max(task.updated_at, e.at);

  if (const std::int64_t stamp = state_stamp(e); stamp > task.state_stamp) {
    task.state_stamp = stamp;
    task.state = &e;
  }
  // Stays when the task succeeds in the end.
  if (!e.facts.fingerprint.empty()) {
    if (const std::int64_t stamp = state_stamp(e); stamp > task.failure_stamp) {
      task.failure_stamp = stamp;
      task.fingerprint = e.facts.fingerprint;
    }
  }
  const std::int64_t latest = latest_stamp(e);
  if (e.kind == Z4J_EV_RECEIVED && latest > task.received_stamp) {
    task.received_stamp = latest;
    task.received_at = e.at;
  }
  if (e.kind == Z4J_EV_STARTED && latest > task.started_stamp) {
    task.started_stamp = latest;
    task.started_at = e.at;
  }
  if (e.facts.has_args() && latest > task.args_stamp) {
    task.args_stamp = latest;
    task.args = &e;
  }
  // What is sent has no worker yet: an engine may name the sender there.
  if (!e.worker.empty() && e.kind != Z4J_EV_SENT && latest > task.worker_stamp) {
    task.worker_stamp = latest;
    task.worker = e.worker;
  }
  if (!e.queue.empty() && latest > task.queue_stamp) {
    task.queue_stamp = latest;
    task.queue = e.queue;
  }
  if (!e.facts.priority.empty() && latest > task.priority_stamp) {
    task.priority_stamp = latest;
    task.priority = e.facts.priority;
  }
  if (const std::int64_t stamp = sort_stamp(e); stamp > task.sort_stamp) {
    task.sort_stamp = stamp;
    task.sort_at = e.at;
  }
  std::int64_t retries = e.facts.retry_count.value_or(-1);
  if (e.attempt > 0)
    retries = std::max<std::int64_t>(retries, e.kind == Z4J_EV_RETRIED ? e.attempt : e.attempt - 1);
  task.retry_count = std::max(task.retry_count, retries);
}

Rows TaskFold::rows() const {
  std::vector<const Task*> sorted;
  sorted.reserve(tasks_.size());
  for (const Task& task : tasks_) sorted.push_back(&task);
  std::sort(sorted.begin(), sorted.end(),
            [](const Task* a, const Task* b) { return a->id < b->id; });
  Rows rows(Table::tasks);
  for (const Task* task : sorted) {
    const Task& k = *task;
    rows.begin()
        .uuid(t::id, k.id)
        .uuid(t::project_id, k.project_id)
        .text(t::engine, k.engine)
        .text(t::task_id, k.task_id)
        .uuid(t::agent_id, k.agent_id)
        .num(t::created_at, k.created_at)
        .num(t::updated_at, k.updated_at)
        .num(t::sort_at, k.sort_at)
        .num(t::sort_stamp, k.sort_stamp);
    put_text(rows, t::name, k.name);
    put_text(rows, t::parent_task_id, k.parent_id);
    put_text(rows, t::root_task_id, k.root_id);
    put_text(rows, t::tags, k.tags);
    put_num(rows, t::retry_count, k.retry_count >= 0, k.retry_count);
    if (k.state != nullptr) {
      rows.num(t::state_stamp, k.state_stamp);
      put_state(rows, *k.state);
    }
    if (k.received_stamp != 0)
      rows.num(t::received_stamp, k.received_stamp).num(t::received_at, k.received_at);
    if (k.args != nullptr) {
      rows.num(t::args_stamp, k.args_stamp);
      put_args(rows, *k.args);
    }
    if (k.started_stamp != 0)
      rows.num(t::started_stamp, k.started_stamp).num(t::started_at, k.started_at);
    if (k.worker_stamp != 0)
      rows.num(t::worker_stamp, k.worker_stamp).text(t::worker_name, k.worker);
    if (k.queue_stamp != 0) rows.num(t::queue_stamp, k.queue_stamp).text(t::queue, k.queue);
    if (k.priority_stamp != 0)
      rows.num(t::priority_stamp, k.priority_stamp).text(t::priority, k.priority);
    if (k.failure_stamp != 0)
      rows.num(t::failure_stamp, k.failure_stamp).text(t::fingerprint, k.fingerprint);
  }
  return rows;
}

}  // namespace z4j::core
