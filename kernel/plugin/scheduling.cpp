// What an instance gets of scheduling: the host services z4j.submit/1 and z4j.schedule-store/1, and
// the other way round previews and word of edits.
#include "plugin/scheduling.hpp"

#include <algorithm>

#include "plugin/crossing.hpp"
#include "plugin/instance.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMaxSubmissions = 1000;
constexpr std::size_t kMaxNameText = 512, kMaxArguments = 256u << 10, kMaxKey = 200;
constexpr std::uint32_t kSubmitDeadlineMs = 30'000, kLongestSubmitMs = 300'000;
constexpr std::uint32_t kMostRows = 10'000, kMostAtOnce = 1000;
constexpr int kLongestLeadMs = 60'000;
constexpr std::size_t kMostEdits = 10'000;  // told one by one; beyond it: look at all
constexpr std::uint32_t kMostPreviewed = 10'000;
constexpr auto kPreviewPatience = std::chrono::seconds(2);

base::Result<Submission> copy_submission(const z4j_submission& asked) {
  for (const z4j_str& text :
       {asked.project, asked.engine, asked.task, asked.queue, asked.priority}) {
    if (text.len > kMaxNameText || (text.ptr == nullptr && text.len > 0))
      return host_error(base::Code::invalid, "a text of a submission is out of bounds");
  }
  if (asked.engine.len == 0 || asked.task.len == 0)
    return host_error(base::Code::invalid, "a submission without engine or task");
  if (asked.idempotency_key.len == 0 || asked.idempotency_key.len > kMaxKey)
    return host_error(base::Code::invalid, "a submission without a key of 1 to 200 bytes");
  if (asked.args_json.len > kMaxArguments || asked.kwargs_json.len > kMaxArguments ||
      asked.more_json.len > kMaxArguments)
    return host_error(base::Code::too_large, "the arguments of a submission are too long");
  Submission out;
  out.project = text_of(asked.project);
  out.engine = text_of(asked.engine);
  out.task = text_of(asked.task);
  out.queue = text_of(asked.queue);
  out.priority = text_of(asked.priority);
  out.args_json = text_of(asked.args_json);
  out.kwargs_json = text_of(asked.kwargs_json);
  out.more_json = text_of(asked.more_json);
  out.idempotency_key = text_of(asked.idempotency_key);
  out.deadline_ms = static_cast<int>(
      asked.deadline_ms == 0 ? kSubmitDeadlineMs : std::min(asked.deadline_ms, kLongestSubmitMs));
  out.eta_us = asked.eta_us;
  return out;
}

base::Uuid uuid_at(const std::uint8_t* sixteen) {
  return base::Uuid::from_bytes({reinterpret_cast<const char*>(sixteen), 16});
}

ScheduleStore::Place place_of(std::int64_t us, const std::uint8_t* id) {
  ScheduleStore::Place out;
  out.us = us;
  if (id != nullptr) out.id = uuid_at(id);
  return out;
}

// The rows of a call on their way to its sink; `stopped` is why the plugin wanted no more.
struct Handover {
  const z4j_schedule_rows* to;
  z4j_status stopped = Z4J_OK;
  [[nodiscard]] ScheduleStore::Put put() {
    return [this](const z4j_stored_schedule& row) {
      stopped = to->put(to->ctx, &row);
      return stopped == Z4J_OK;
    };
  }
  z4j_status end(const base::Status& done, z4j_error* error) const {
    if (stopped != Z4J_OK) return stopped;
    return done ? Z4J_OK : write_error(error, done.error());
  }
};

}  // namespace

template <class F>
z4j_status Instance::with_schedules(z4j_error* error, F&& f) {
  const auto& schedules = around_.callbacks.scheduling.schedules;
  const std::shared_ptr<ScheduleStore> store = schedules ? schedules() : nullptr;
  if (store == nullptr) {
    return write_error(error,
                       host_error(base::Code::unavailable, "the brain is not ready for schedules"));
  }
  return f(*store, std::string(text_of(scheduler->scheduler_name)));
}

void Instance::fill_scheduling() {
  submit_.struct_size = sizeof submit_;
  submit_.submit = [](void* ctx, const z4j_submission* asked, SubmitDone done, void* arg,
                      z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.on_submit(asked, done, arg, error);
    });
  };
  schedule_store_.struct_size = sizeof schedule_store_;
  schedule_store_.now_us = [](void* ctx) -> std::int64_t {
    return serve<std::int64_t>(ctx, 0, [](Instance& self) {
      const auto store = self.around_.callbacks.scheduling.schedules();
      return store != nullptr ? store->now_us() : self.around_.clock.now();
    });
  };
  schedule_store_.lead = [](void* ctx, std::uint32_t ttl_ms, std::uint64_t* fence,
                            z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.with_schedules(error, [&](ScheduleStore& store, const std::string& name) {
        if (fence == nullptr || ttl_ms == 0)
          return write_error(error,
                             host_error(base::Code::invalid, "lead() without time or fence"));
        const int ttl = static_cast<int>(std::min<std::uint32_t>(ttl_ms, kLongestLeadMs));
        const auto leads = store.lead(name, ttl);
        if (!leads) return write_error(error, leads.error());
        *fence = *leads;
        return static_cast<z4j_status>(Z4J_OK);
      });
    });
  };
  schedule_store_.resign = [](void* ctx, std::uint64_t fence) {
    serve<int>(ctx, 0, [&](Instance& self) {
      return self.with_schedules(nullptr, [&](ScheduleStore& store, const std::string& name) {
        store.resign(name, fence);
        return static_cast<z4j_status>(Z4J_OK);
      });
    });
  };
  schedule_store_.due = [](void* ctx, std::int64_t until_us, std::int64_t after_us,
                           const std::uint8_t* after_id, std::uint32_t limit,
                           const z4j_schedule_rows* rows, z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.with_schedules(error, [&](ScheduleStore& store, const std::string& name) {
        if (rows == nullptr || rows->put == nullptr)
          return write_error(error, host_error(base::Code::invalid, "due() without a sink"));
        Handover handover{rows};
        return handover.end(store.due(name, until_us, place_of(after_us, after_id),
                                      std::min(limit, kMostRows), handover.put()),
                            error);
      });
    });
  };
  schedule_store_.changed = [](void* ctx, std::int64_t since_us, const std::uint8_t* after_id,
                               std::uint32_t limit, const z4j_schedule_rows* rows,
                               z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.with_schedules(error, [&](ScheduleStore& store, const std::string& name) {
        if (rows == nullptr || rows->put == nullptr)
          return write_error(error, host_error(base::Code::invalid, "changed() without a sink"));
        Handover handover{rows};
        return handover.end(store.changed(name, place_of(since_us, after_id),
                                          std::min(limit, kMostRows), handover.put()),
                            error);
      });
    });
  };
  schedule_store_.read = [](void* ctx, const std::uint8_t* ids, std::uint32_t count,
                            const z4j_schedule_rows* rows, z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.with_schedules(error, [&](ScheduleStore& store, const std::string& name) {
        if (rows == nullptr || rows->put == nullptr || ids == nullptr || count > kMostAtOnce)
          return write_error(error, host_error(base::Code::invalid, "read() out of bounds"));
        std::vector<base::Uuid> wanted;
        for (std::size_t i = 0; i < count; ++i) wanted.push_back(uuid_at(ids + 16 * i));
        Handover handover{rows};
        return handover.end(store.read(name, wanted, handover.put()), error);
      });
    });
  };
  schedule_store_.watch = [](void* ctx, Watch fn, void* arg) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE,
                             [&](Instance& self) { return self.on_watch(fn, arg); });
  };
  schedule_store_.plan = [](void* ctx, std::uint64_t fence, const z4j_plan* plans,
                            std::uint32_t count, std::uint8_t* outcomes,
                            z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.with_schedules(error, [&](ScheduleStore& store, const std::string& name) {
        if (plans == nullptr || outcomes == nullptr || count > kMostAtOnce)
          return write_error(error, host_error(base::Code::invalid, "plan() out of bounds"));
        const auto done = store.plan(name, fence, {plans, count}, {outcomes, count});
        return done ? static_cast<z4j_status>(Z4J_OK) : write_error(error, done.error());
      });
    });
  };
  schedule_store_.fire = [](void* ctx, std::uint64_t fence, const z4j_fire* fires,
                            std::uint32_t count, std::uint8_t* outcomes,
                            z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.with_schedules(error, [&](ScheduleStore& store, const std::string& name) {
        if (fires == nullptr || outcomes == nullptr || count > kMostAtOnce)
          return write_error(error, host_error(base::Code::invalid, "fire() out of bounds"));
        const auto done = store.fire(name, fence, {fires, count}, {outcomes, count});
        if (done && self.is_watched())
          self.saw({sighting(CapabilityKind::scheduler, "store", CallOutcome::done)});
        return done ? static_cast<z4j_status>(Z4J_OK) : write_error(error, done.error());
      });
    });
  };
}

z4j_status Instance::on_submit(const z4j_submission* asked, SubmitDone done, void* arg,
                               z4j_error* error) {
  if (!Z4J_REACHES(asked, z4j_submission, more_json) || done == nullptr)
    return write_error(error, host_error(base::Code::invalid, "a submission without task or done"));
  auto copied = copy_submission(*asked);
  if (!copied) return write_error(error, copied.error());
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(calls_mutex_);
    if (!takes_calls_)
      return write_error(error, host_error(base::Code::bad_state, "this instance is stopping"));
    if (submissions_.size() >= kMaxSubmissions)
      return write_error(error, host_error(base::Code::busy, "too many submissions are under way"));
    id = ++last_call_;
    submissions_.emplace(id, SubmitCall{done, arg});
  }
  const base::Status taken = around_.callbacks.scheduling.submit(
      entry.name, std::move(copied).value(),
      [this, id](base::Result<std::string> answer) { deliver_submission(id, answer); });
  if (taken) return Z4J_PENDING;
  const std::lock_guard lock(calls_mutex_);
  // Gone already: it was cancelled meanwhile, and done() has heard so.
  if (submissions_.erase(id) == 0) return Z4J_PENDING;
  return write_error(error, taken.error());
}

void Instance::deliver_submission(std::uint64_t id, const base::Result<std::string>& answer) {
  if (const auto pass = answers_.enter()) end_submission(id, answer);
}

void Instance::end_submission(std::uint64_t id, const base::Result<std::string>& answer) {
  const auto pass = inward.enter();
  if (!pass) return;
  SubmitCall call;
  {
    const std::lock_guard lock(calls_mutex_);
    const auto at = submissions_.find(id);
    if (at == submissions_.end()) return;
    call = at->second;
    submissions_.erase(at);
  }
  const z4j_status status = answer ? Z4J_OK : write_error(nullptr, answer.error());
  this->call("answer to a submission", 0,
             [&] { call.done(call.arg, status, answer ? lend(*answer) : z4j_str{}); });
}

void Instance::cancel_submissions() {
  std::vector<std::uint64_t> ids;
  {
    const std::lock_guard lock(calls_mutex_);
    for (const auto& [id, call] : submissions_) ids.push_back(id);
  }
  for (const std::uint64_t id : ids)
    end_submission(id, host_error(base::Code::cancelled, "the instance is stopping"));
}

bool Instance::cancel_calls(int deadline_ms) {
  {
    const std::lock_guard lock(calls_mutex_);
    takes_calls_ = false;
  }
  const bool returned = answers_.close(deadline_ms);
  cancel_http();
  cancel_submissions();
  return returned;
}

z4j_status Instance::on_watch(Watch fn, void* arg) {
  const std::lock_guard lock(watch_mutex_);
  watch_ = fn;
  watch_arg_ = arg;
  const std::lock_guard edits(edits_mutex_);
  has_watch_ = fn != nullptr;
  edits_.clear();
  is_edit_missed_ = false;
  return Z4J_OK;
}

void Instance::tell_edit(const std::optional<base::Uuid>& id) {
  {
    const std::lock_guard lock(edits_mutex_);
    if (!has_watch_) return;
    if (id && edits_.size() < kMostEdits)
      edits_.insert(*id);
    else
      is_edit_missed_ = true;
    if (std::exchange(is_watch_posted_, true)) return;
  }
  if (post_aside("watch", [this] { run_watch(); }) == Strand::Post::taken) return;
  const std::lock_guard lock(edits_mutex_);
  is_watch_posted_ = false;
}

void Instance::run_watch() {
  const auto pass = inward.enter();
  if (!pass) return;
  const std::lock_guard lock(watch_mutex_);
  std::set<base::Uuid> edits;
  bool is_missed = false;
  {
    const std::lock_guard taking(edits_mutex_);
    is_watch_posted_ = false;
    edits.swap(edits_);
    is_missed = std::exchange(is_edit_missed_, false);
  }
  if (watch_ == nullptr) return;
  call("watch", 0, [&] {
    if (is_missed) return watch_(watch_arg_, nullptr);
    for (const base::Uuid& id : edits) watch_(watch_arg_, id.bytes.data());
  });
}

base::Result<std::vector<std::int64_t>> Instance::preview(const std::string& schedule_json,
                                                          std::int64_t from_us,
                                                          std::uint32_t most) {
  using Times = base::Result<std::vector<std::int64_t>>;
  most = std::min(most, kMostPreviewed);
  auto promise = std::make_shared<std::promise<Times>>();
  std::future<Times> asked = promise->get_future();
  Strand::Task task;
  task.allowed_ms = std::chrono::milliseconds(kPreviewPatience).count();
  task.run = [this, promise, schedule_json, from_us, most] {
    const auto pass = inward.enter();
    if (!pass || raw == nullptr) {
      return promise->set_value(
          host_error(base::Code::unavailable, "the scheduler is not running"));
    }
    std::vector<std::int64_t> times(most);
    std::uint32_t count = most;
    z4j_error error = blank_error();
    z4j_status status = Z4J_INTERNAL;
    std::string threw;
    call(
        "preview", 0,
        [&] {
          status =
              scheduler->preview(raw, lend(schedule_json), from_us, times.data(), &count, &error);
        },
        &threw);
    if (!threw.empty()) return promise->set_value(host_error(base::Code::internal, threw));
    if (status != Z4J_OK) return promise->set_value(error_from(status, &error));
    times.resize(std::min(count, most));
    promise->set_value(std::move(times));
  };
  task.drop = [promise] {
    promise->set_value(host_error(base::Code::unavailable, "the scheduler is stopping"));
  };
  switch (previews_.post(std::move(task))) {
    case Strand::Post::taken:
      break;
    case Strand::Post::full:
      return host_error(base::Code::busy, "too many previews are waiting", "try again");
    case Strand::Post::closed:
      return host_error(base::Code::unavailable, "the scheduler is not running");
  }
  if (asked.wait_for(kPreviewPatience) == std::future_status::ready) return asked.get();
  return host_error(base::Code::timeout, "the scheduler did not tell its next times in time",
                    "try again");
}

}  // namespace z4j::plugin
