#include "core/schedule_streams.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/crypto.hpp"
#include "core/live.hpp"
#include "core/refusal.hpp"
#include "core/schedule_wishes.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;
namespace stream_col = model::schedule_streams;
namespace json = base::json;

constexpr auto kStreamsRound = std::chrono::milliseconds(500);
constexpr std::int64_t kStreamsLookMs = 1'000;
constexpr std::size_t kMostToldRows = 100'000, kRowsInCommit = 500;

base::Error unusable(std::string_view where, std::string message) {
  return refuse::invalid(where, std::move(message));
}

std::optional<base::TimeUs> time_of(const json::Object& row, std::string_view key) {
  const auto at = base::parse_time(json::text(row, key));
  return at ? std::optional(*at) : std::nullopt;
}

std::optional<std::string> member_text(const json::Object& row, std::string_view key,
                                       std::size_t most) {
  const json::Value* value = row.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return clean_text(json::text(row, key), most);
}

// Rows of the protocol (normal_row()) as schedules.
void fill_schedule(const json::Object& row, Schedule& s) {
  s.engine = clean_text(json::text(row, "engine"), 40);
  s.task_name = clean_text(json::text(row, "task_name"), 500);
  s.kind = json::text(row, "kind");
  if (s.kind == "one_shot") s.kind = "clocked";
  if (!is_schedule_kind(s.kind)) s.kind = "interval";
  s.expression = clean_text(json::text(row, "expression"), 1024);
  s.timezone = clean_text(json::text(row, "timezone", "UTC"), 64);
  s.queue = member_text(row, "queue", 200);
  s.priority = clean_text(json::text(row, "priority", "normal"), 20);
  if (const json::Array* args = json::array(row, "args")) s.args = *args;
  if (const json::Object* kwargs = json::object(row, "kwargs")) s.kwargs = *kwargs;
  s.is_enabled = json::boolean(row, "is_enabled", true);
  s.last_run_at = time_of(row, "last_run_at");
  s.next_run_at = time_of(row, "next_run_at");
  s.total_runs = json::integer(row, "total_runs");
  s.external_id = member_text(row, "external_id", 200);
  const std::string catch_up(json::text(row, "catch_up"));
  s.catch_up = is_catch_up(catch_up) ? catch_up : "skip";
  s.source = clean_text(json::text(row, "source", "agent"), 64);
  s.source_hash = member_text(row, "source_hash", 128);
}

}  // namespace

struct ScheduleStreams::Inbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Told> told;  // guarded by mutex, as are the next
  std::size_t bytes = 0;
  bool is_stopping = false;
  std::vector<Key> failed;  // activations: to be tried again
};

ScheduleStreams::ScheduleStreams(Store& store, const base::Clock& clock, base::Log& log,
                                 Options options)
    : store_(store),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>()) {}

ScheduleStreams::~ScheduleStreams() { stop(); }

void ScheduleStreams::take(ScheduleTeller from, json::Array events, Done done) {
  Told told{std::move(from), std::move(events), 0, std::move(done)};
  told.bytes = json::write(told.events).size();
  {
    const std::lock_guard lock(inbox_->mutex);
    if (!inbox_->is_stopping && inbox_->bytes + told.bytes <= options_.queue_bytes) {
      inbox_->bytes += told.bytes;
      inbox_->told.push_back(std::move(told));
      inbox_->arrived.notify_all();
      return;
    }
  }
  told.done(false);
}

std::vector<std::string> ScheduleStreams::resync(const base::Uuid& project) {
  std::vector<std::string> out;
  for (const WatchedScheduler& watched : options_.watched()) {
    if (watched.project_id != project) continue;
    out.push_back(watched.scheduler);
    wire::Action action;
    action.action = "schedule.resync";
    action.target = {{"type", "project"}, {"id", project.text()}, {"scheduler", watched.scheduler}};
    options_.order(watched, std::move(action), options_.deadline_ms,
                   [](const base::Result<std::string>&) {});
  }
  return out;
}

bool ScheduleStreams::work() {
  const std::lock_guard lock(work_mutex_);
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms >= next_look_ms_) {
    next_look_ms_ = now_ms + kStreamsLookMs;
    watched_ = options_.watched();
    activate();
  }
  std::deque<Told> all;
  {
    const std::lock_guard inbox_lock(inbox_->mutex);
    all.swap(inbox_->told);
    inbox_->bytes = 0;
  }
  if (!all.empty()) watched_ = options_.watched();  // somebody new may have told
  for (Told& told : all) {
    bool is_done = true;
    for (const json::Value& event : told.events) {
      if (!event.is_object()) continue;
      const base::Status taken = take_event(told.from, event.get_object());
      if (taken) continue;
      log_.warn("schedules of an agent not taken",
                {{"agent", told.from.agent_name}, {"why", taken.error().text()}});
      // What is wrong with it stays wrong; the store may come back.
      is_done = is_done && !taken.error().is_world();
    }
    told.done(is_done);
  }
  return !all.empty();
}

// --- streams ------------------------------------------------------------------------------------

// The process keeps its epoch as long as it lives, and refuses another.
base::Result<ScheduleStreams::Stream> ScheduleStreams::begin(const WatchedScheduler& watched) {
  const base::Uuid id =
      model::derived_id(watched.agent_id, "schedules", watched.scheduler, "stream");
  Query query(Table::schedule_streams);
  query.where.eq(stream_col::id, id);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  const std::string instance =
      model::derived_id(watched.agent_id, "process", watched.scheduler, watched.process).text();
  Stream out;
  out.session = watched.session;
  out.id.owner = watched.scheduler;
  out.id.stream_id = id.text();
  out.id.adapter_instance_id = instance;
  std::int64_t sequence = 0;
  const bool is_known =
      row->has_value() && (*row)->text(stream_col::adapter_instance_id) == instance;
  if (is_known) {
    out.id.epoch_uuid = (*row)->uuid(stream_col::epoch_uuid).text();
    out.id.epoch_number = (*row)->num(stream_col::epoch_number);
    sequence = (*row)->num(stream_col::sequence);
  } else {
    const base::Uuid epoch = base::Uuid::random();
    out.id.epoch_uuid = epoch.text();
    out.id.epoch_number = (row->has_value() ? (*row)->num(stream_col::epoch_number) : 0) + 1;
    Rows rows(Table::schedule_streams);
    rows.begin()
        .uuid(stream_col::id, id)
        .uuid(stream_col::agent_id, watched.agent_id)
        .uuid(stream_col::project_id, watched.project_id)
        .text(stream_col::scheduler, watched.scheduler)
        .uuid(stream_col::epoch_uuid, epoch)
        .num(stream_col::epoch_number, out.id.epoch_number)
        .text(stream_col::adapter_instance_id, instance)
        .num(stream_col::sequence, 0)
        .null(stream_col::snapshot_digest)
        .num(stream_col::updated_at, clock_.now());
    Commit commit;
    commit.merge(std::move(rows));
    if (auto done = store_.commit(commit); !done) return std::move(done).error();
  }
  out.assembly = std::make_unique<wire::SnapshotAssembly>(out.id, sequence);
  return out;
}

void ScheduleStreams::activate() {
  {
    const std::lock_guard lock(inbox_->mutex);
    for (const Key& key : inbox_->failed) streams_.erase(key);
    inbox_->failed.clear();
  }
  for (const WatchedScheduler& watched : watched_) {
    if (!watched.tells_on_demand || watched.scheduler == kOwnScheduler) continue;
    const Key key{watched.agent_id, watched.scheduler};
    const auto known = streams_.find(key);
    if (known != streams_.end() && (known->second.session == watched.session ||
                                    options_.is_connected(watched.agent_id, known->second.session)))
      continue;  // the process that has it is there
    auto stream = begin(watched);
    if (!stream) {
      log_.warn("a stream of schedules not begun",
                {{"agent", watched.agent_name}, {"why", stream.error().text()}});
      continue;
    }
    wire::Action action;
    action.action = "schedule.external.activate";
    action.target = {
        {"type", "scheduler"}, {"id", watched.scheduler}, {"scheduler", watched.scheduler}};
    action.parameters = wire::activation(stream->id, options_.brain, stream->id.epoch_number);
    streams_[key] = std::move(*stream);
    options_.order(watched, std::move(action), options_.deadline_ms,
                   [inbox = inbox_, key, &log = log_,
                    agent = watched.agent_name](const base::Result<std::string>& answer) {
                     std::string why = answer ? "" : answer.error().message;
                     if (answer) {
                       const auto told = json::parse(*answer);
                       const bool is_done = told && told->is_object() &&
                                            json::text(told->get_object(), "outcome") == "done";
                       if (is_done) return;
                       if (told && told->is_object())
                         why = json::text(told->get_object(), "reason");
                     }
                     const std::lock_guard lock(inbox->mutex);
                     if (inbox->is_stopping) return;
                     log.warn("an agent did not activate its schedules",
                              {{"agent", agent}, {"why", clean_text(why, 300)}});
                     if (!answer) inbox->failed.push_back(key);
                   });
  }
}

base::Result<ScheduleStreams::Stream*> ScheduleStreams::stream_of(const ScheduleTeller& from,
                                                                  const std::string& scheduler) {
  const Key key{from.agent_id, scheduler};
  if (const auto known = streams_.find(key); known != streams_.end()) return &known->second;
  // Activated before this brain was there.
  const auto watched = std::find_if(watched_.begin(), watched_.end(), [&](const auto& each) {
    return each.agent_id == from.agent_id && each.scheduler == scheduler;
  });
  if (watched == watched_.end())
    return unusable("owner", "the agent says nothing of this scheduler in its hello");
  auto stream = begin(*watched);
  if (!stream) return std::move(stream).error();
  return &(streams_[key] = std::move(*stream));
}

// --- events -------------------------------------------------------------------------------------

base::Status ScheduleStreams::take_event(const ScheduleTeller& from, const json::Object& event) {
  const std::string_view kind = json::text(event, "kind");
  const json::Object* data = json::object(event, "data");
  if (data == nullptr) return {};
  if (data->contains("external_snapshot_frame")) return take_frame(from, *data);
  if (data->contains("external_projection")) return take_projection(from, *data);
  if (kind == "schedule.snapshot") return take_old_snapshot(from, event, *data);
  if (kind != "schedule.created" && kind != "schedule.updated") return {};  // only lists delete
  const json::Object* one = json::object(*data, "schedule");
  if (one == nullptr) return {};
  std::string scheduler(trimmed(json::text(*one, "scheduler")));
  if (scheduler.empty()) scheduler = trimmed(json::text(event, "engine"));
  auto row = wire::normal_row(*one, scheduler);
  if (!row) return std::move(row).error();
  return store_rows(from, scheduler, json::Array{std::move(*row)}, Whole::no);
}

base::Status ScheduleStreams::take_old_snapshot(const ScheduleTeller& from,
                                                const json::Object& event,
                                                const json::Object& data) {
  std::string scheduler(trimmed(json::text(data, "scheduler")));
  if (scheduler.empty()) scheduler = trimmed(json::text(event, "engine"));
  const json::Array* told = json::array(data, "schedules");
  if (told == nullptr || scheduler.empty() || scheduler == kOwnScheduler)
    return unusable("schedules", "the list of schedules can't be read");
  if (told->size() > kMostToldRows) return unusable("schedules", "too many schedules");
  const Key key{from.agent_id, scheduler};
  if (told->empty() && !json::boolean(data, "complete") && empty_once_.insert(key).second)
    return {};  // a source that could not be read looks the same
  if (!told->empty()) empty_once_.erase(key);
  json::Array rows;
  std::size_t bad = 0;
  for (const json::Value& each : *told) {
    auto row = each.is_object() ? wire::normal_row(each.get_object(), scheduler)
                                : base::Result<json::Object>(unusable("schedules", ""));
    if (row)
      rows.emplace_back(std::move(*row));
    else
      ++bad;
  }
  if (bad > 0) {
    log_.warn("schedules of an agent can't be read",
              {{"agent", from.agent_name}, {"scheduler", scheduler}, {"schedules", bad}});
  }
  // What can't be read is not gone.
  return store_rows(from, scheduler, rows, bad == 0 ? Whole::yes : Whole::no);
}

base::Status ScheduleStreams::take_frame(const ScheduleTeller& from, const json::Object& data) {
  const json::Object* frame = json::object(data, "external_snapshot_frame");
  const std::string scheduler(frame != nullptr ? json::text(*frame, "owner") : "");
  auto stream = stream_of(from, scheduler);
  if (!stream) return std::move(stream).error();
  auto snapshot = (*stream)->assembly->add(data);
  if (!snapshot) return std::move(snapshot).error();
  if (!*snapshot) return {};
  auto stored =
      store_rows(from, scheduler, (*snapshot)->rows, Whole::yes, *stream, (*snapshot)->sequence);
  // Its frames come again, all of them.
  if (!stored) streams_.erase({from.agent_id, scheduler});
  return stored;
}

// One row that was changed through us.
base::Status ScheduleStreams::take_projection(const ScheduleTeller& from,
                                              const json::Object& data) {
  const json::Object* body = json::object(data, "external_projection");
  if (body == nullptr) return unusable("external_projection", "the projection can't be read");
  if (wire::schedule_digest(*body) != json::text(data, "payload_digest"))
    return unusable("payload_digest", "the projection's digest does not fit its content");
  const std::string scheduler(json::text(*body, "owner"));
  auto stream = stream_of(from, scheduler);
  if (!stream) return std::move(stream).error();
  if (json::text(*body, "epoch_uuid") != (*stream)->id.epoch_uuid)
    return unusable("epoch_uuid", "the projection is of another process");
  const json::Array* told = json::array(*body, "schedules");
  if (told == nullptr) return unusable("schedules", "the projection has no schedules");
  auto rows = wire::normal_rows(*told, scheduler);
  if (!rows) return std::move(rows).error();
  return store_rows(from, scheduler, *rows, Whole::no);
}

// --- rows ---------------------------------------------------------------------------------------

json::Array ScheduleStreams::capabilities_of(const base::Uuid& agent,
                                             const std::string& scheduler) const {
  const auto watched = std::find_if(watched_.begin(), watched_.end(), [&](const auto& each) {
    return each.agent_id == agent && each.scheduler == scheduler;
  });
  json::Array out;
  if (watched == watched_.end()) return out;
  const auto has = [&](std::string_view word) {
    return std::find(watched->capabilities.begin(), watched->capabilities.end(), word) !=
           watched->capabilities.end();
  };
  // Creating and changing never reach the adapter, whatever the agent says.
  if (has("delete")) out.emplace_back("delete");
  if (has("enable") && has("disable")) out.emplace_back("enable");
  if (has("trigger_now")) out.emplace_back("trigger");
  return out;
}

base::Status ScheduleStreams::store_rows(const ScheduleTeller& from, const std::string& scheduler,
                                         const json::Array& rows, Whole whole, const Stream* stream,
                                         std::int64_t sequence) {
  const std::string owner = from.agent_id.text();
  const base::TimeUs now = clock_.now();
  std::map<std::string, Schedule> stored;  // by name
  Query query(Table::schedules);
  query.where.eq(col::project_id, from.project_id)
      .eq(col::scheduler, scheduler)
      .eq(col::owner, owner);
  if (whole == Whole::no) {
    std::vector<Cell> names;
    for (const json::Value& row : rows) names.emplace_back(json::text(row.get_object(), "name"));
    if (names.empty()) return {};
    query.where.in(col::name, std::move(names));
  }
  auto read = store_.each(query.all(), [&](const Row& row) {
    Schedule s = schedule_of(row);
    stored[s.name] = std::move(s);
    return true;
  });
  if (!read) return read;

  const json::Array capabilities = capabilities_of(from.agent_id, scheduler);
  std::vector<std::pair<std::optional<Schedule>, std::optional<Schedule>>> changes;
  std::set<std::string> named;
  for (const json::Value& each : rows) {
    const json::Object& row = each.get_object();
    const std::string name = clean_text(json::text(row, "name"), 200);
    if (!named.insert(name).second) continue;
    const auto known = stored.find(name);
    Schedule after = known != stored.end() ? known->second : Schedule();
    if (known == stored.end()) {
      after.id = model::derived_id(from.project_id, "schedule", scheduler + "\n" + owner, name);
      after.project_id = from.project_id;
      after.scheduler = scheduler;
      after.owner = owner;
      after.name = name;
      after.created_at = after.updated_at = now;
      after.agent_id = from.agent_id;
    }
    fill_schedule(row, after);
    if (!capabilities.empty() || known == stored.end()) after.capabilities = capabilities;
    after.read_only = !after.can("update");
    after.read_only_reason =
        after.capabilities.empty()
            ? "declared_in_code: the agent offers no changes of these schedules"
            : "not_permitted: the agent takes switching, triggering and deleting, not other "
              "changes";
    scrub_schedule(options_.redact, after);
    confirm_edit(after, options_.redact, now);
    if (known == stored.end()) {
      changes.emplace_back(std::nullopt, std::move(after));
      continue;
    }
    const Schedule& before = known->second;
    const bool is_other = tells_other_things(before, after);
    const bool has_run = before.last_run_at != after.last_run_at ||
                         before.next_run_at != after.next_run_at ||
                         before.total_runs != after.total_runs;
    const bool is_confirmed = before.edit && after.edit && before.edit->state != after.edit->state;
    if (!is_other && !has_run && !is_confirmed && before.drift == after.drift) continue;
    if (is_other) after.updated_at = std::max(now, before.updated_at + 1);
    after.seen_at = now;
    changes.emplace_back(before, std::move(after));
  }
  if (whole == Whole::yes) {
    for (const auto& [name, s] : stored) {
      if (named.count(name) == 0) changes.emplace_back(s, std::nullopt);
    }
  }
  for (std::size_t at = 0; at < changes.size() || (at == 0 && stream != nullptr);
       at += kRowsInCommit) {
    Commit commit;
    Rows fresh(Table::schedules);
    for (std::size_t i = at; i < std::min(at + kRowsInCommit, changes.size()); ++i) {
      const auto& [before, after] = changes[i];
      if (!after)
        erase_shown(commit, *before);
      else if (before)
        update_shown(commit, *before, *after);
      else
        put_schedule(fresh, *after);
    }
    if (fresh.size() > 0) commit.insert_new(std::move(fresh));
    if (stream != nullptr && at + kRowsInCommit >= changes.size()) {
      const auto id = base::Uuid::parse(stream->id.stream_id);
      const auto epoch = base::Uuid::parse(stream->id.epoch_uuid);
      Where self;
      self.eq(stream_col::id, *id).eq(stream_col::epoch_uuid, *epoch);
      commit.update(Table::schedule_streams, std::move(self),
                    {{stream_col::sequence, sequence, Z4J_M_MAX}, {stream_col::updated_at, now}});
    }
    if (auto done = store_.commit(commit); !done) return done;
  }
  if (!changes.empty() && options_.on_changed)
    options_.on_changed(from.project_id, kScheduleChanged);
  return {};
}

// --- thread -------------------------------------------------------------------------------------

void ScheduleStreams::start() {
  if (thread_.joinable()) return;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = false;
  }
  thread_ = std::thread([this] { run(); });
}

void ScheduleStreams::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = true;
  }
  inbox_->arrived.notify_all();
  if (thread_.joinable()) thread_.join();
  std::deque<Told> left;
  {
    const std::lock_guard lock(inbox_->mutex);
    left.swap(inbox_->told);
    inbox_->bytes = 0;
  }
  for (Told& told : left) told.done(false);
}

void ScheduleStreams::run() {
  for (;;) {
    {
      std::unique_lock lock(inbox_->mutex);
      inbox_->arrived.wait_for(lock, kStreamsRound,
                               [this] { return inbox_->is_stopping || !inbox_->told.empty(); });
      if (inbox_->is_stopping) return;
    }
    work();
  }
}

}  // namespace z4j::core
