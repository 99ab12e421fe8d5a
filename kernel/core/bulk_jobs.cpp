#include "core/bulk_jobs.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/bulk_run.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace job_col = model::bulk_jobs;
namespace sel = model::selections;
namespace json = base::json;

constexpr std::uint32_t kJobsAtOnce = 64;  // looked at
constexpr std::chrono::milliseconds kJobsRound{60'000}, kJobsAgain{2'000};
constexpr std::size_t kMostWord = 200;

base::Status check_word(const json::Object& params, std::string_view key) {
  const json::Value* value = params.if_contains(key);
  if (value == nullptr) return {};
  const std::string_view text = json::text(params, key);
  if (value->is_string() && !text.empty() && is_utf8(text) && count_characters(text) <= kMostWord)
    return {};
  return refuse::invalid("params." + std::string(key),
                         std::string(key) + " must have 1 to 200 characters");
}

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

BulkJob bulk_job_of(const Row& row) {
  BulkJob j;
  j.id = row.uuid(job_col::id);
  j.project_id = row.uuid(job_col::project_id);
  j.selection_id = row.uuid(job_col::selection_id);
  j.command_id = row.uuid_or_none(job_col::command_id);
  j.created_by = row.uuid_or_none(job_col::created_by);
  j.agent_id = row.uuid_or_none(job_col::agent_id);
  j.source_ip = row.text(job_col::source_ip);
  j.action = parse_bulk_action(row.text(job_col::action)).value_or(BulkAction::retry);
  if (json::Value params = row.json(job_col::params); params.is_object())
    j.params = std::move(params.get_object());
  j.state = row.text(job_col::state);
  j.error = row.text(job_col::error);
  if (!row.is_null(job_col::rate_per_second))
    j.rate_per_second = row.real(job_col::rate_per_second);
  j.total = row.num(job_col::total);
  j.done = row.num(job_col::done);
  j.sent = row.num(job_col::sent);
  j.refused = row.num(job_col::refused);
  j.unknown = row.num(job_col::unknown);
  j.changed = row.num(job_col::changed);
  j.created_at = row.num(job_col::created_at);
  j.updated_at = row.num(job_col::updated_at);
  j.started_at = row.num_or_none(job_col::started_at);
  j.finished_at = row.num_or_none(job_col::finished_at);
  return j;
}

void add_bulk_job(Commit& commit, const NewBulkJob& made) {
  Rows rows(Table::bulk_jobs);
  rows.begin()
      .uuid(job_col::id, made.id)
      .uuid(job_col::project_id, made.project_id)
      .uuid(job_col::selection_id, made.selection_id)
      .cell(job_col::command_id, made.command_id ? Cell(*made.command_id) : Cell())
      .cell(job_col::created_by, made.actor.user_id ? Cell(*made.actor.user_id) : Cell())
      .text_or_null(job_col::source_ip, clean_text(made.actor.source_ip, 64))
      .text(job_col::action, to_string(made.action))
      .text(job_col::params, json::write(made.params))
      .cell(job_col::agent_id, made.agent_id ? Cell(*made.agent_id) : Cell())
      .text(job_col::state, "waiting")
      .cell(job_col::rate_per_second, made.rate_per_second ? Cell(*made.rate_per_second) : Cell())
      .num(job_col::next_number, 0)
      .num(job_col::total, made.total)
      .num(job_col::done, 0)
      .num(job_col::sent, 0)
      .num(job_col::refused, 0)
      .num(job_col::unknown, 0)
      .num(job_col::changed, 0)
      .num(job_col::created_at, made.created_at)
      .num(job_col::updated_at, made.created_at);
  commit.insert(std::move(rows));
}

base::Status check_bulk_params(BulkAction action, const json::Object& params) {
  for (const auto& member : params) {
    const std::string_view key(member.key().data(), member.key().size());
    const json::Value& value = member.value();
    const bool is_known =
        (action == BulkAction::retry && is_one_of(key, {"eta_seconds", "priority"})) ||
        (action == BulkAction::cancel && is_one_of(key, {"terminate", "signal"})) ||
        (action == BulkAction::requeue && is_one_of(key, {"queue", "to"}));
    if (!is_known) {
      return refuse::invalid("params." + clean_text(key, 40), "params \"" + clean_text(key, 40) +
                                                                  "\" is not known for " +
                                                                  std::string(to_string(action)));
    }
    if (key == "eta_seconds") {
      const std::int64_t seconds = json::integer(params, key, -1);
      if (!value.is_number() || seconds < 0 || seconds > kEtaMaxSeconds)
        return refuse::invalid("params.eta_seconds", "eta_seconds must be 0 to 86400");
    } else if (key == "terminate" && !value.is_bool()) {
      return refuse::invalid("params.terminate", "terminate must be true or false");
    } else if (key == "priority" &&
               !is_one_of(json::text(params, key), {"critical", "high", "normal", "low"})) {
      return refuse::invalid("params.priority", "priority must be critical, high, normal or low");
    }
  }
  for (const std::string_view word : {"signal", "queue", "to"}) {
    if (auto good = check_word(params, word); !good) return good;
  }
  return {};
}

BulkJobs::BulkJobs(Store& store, Audit& audit, EngineRoutes& routes, const base::Clock& clock,
                   base::Log& log, Options options)
    : store_(store),
      audit_(audit),
      routes_(routes),
      clock_(clock),
      log_(log),
      options_(std::move(options)) {}

BulkJobs::~BulkJobs() { stop(); }

// --- asking -------------------------------------------------------------------------------------

base::Result<BulkJob> BulkJobs::create(const Asked& asked) {
  NewBulkJob made;
  if (asked.idempotency_key) {
    if (asked.idempotency_key->empty() || count_characters(*asked.idempotency_key) > kMostWord)
      return refuse::invalid("idempotency_key", "idempotency_key must have 1 to 200 characters");
    made.id = model::derived_id(asked.project_id, "bulk_job", {}, *asked.idempotency_key);
  }
  if (asked.rate_per_second && !(*asked.rate_per_second > 0 && *asked.rate_per_second <= kMostRate))
    return refuse::invalid("rate_per_second", "rate_per_second must be above 0, at most 100000");
  const auto earlier = [&]() -> base::Result<std::optional<BulkJob>> {
    if (!asked.idempotency_key) return std::optional<BulkJob>();
    auto job = find(asked.project_id, made.id);
    if (!job && job.error().code == base::Code::not_found) return std::optional<BulkJob>();
    if (!job) return std::move(job).error();
    if (job->selection_id != asked.selection_id || job->rate_per_second != asked.rate_per_second ||
        job->params != asked.params || job->agent_id != asked.agent_id) {
      return refuse::conflict("idempotency_key",
                              "this idempotency_key was used for another job; take a new one");
    }
    return std::optional<BulkJob>(std::move(*job));
  };
  auto first = earlier();
  if (!first) return std::move(first).error();
  if (*first) return std::move(**first);

  Query query(Table::selections);
  query.where.eq(sel::id, asked.selection_id).eq(sel::project_id, asked.project_id);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("selection");
  const Selection selection = selection_of(**row);
  if (auto good = check_bulk_params(selection.action, asked.params); !good)
    return std::move(good).error();
  if (selection.state == "used")
    return refuse::conflict("selection_used", "another job works with this selection");
  if (selection.state == "building")
    return refuse::conflict("selection_not_ready", "the selection is still being built");
  if (selection.state == "failed")
    return refuse::conflict("selection_not_ready", "the selection: " + selection.error);
  const base::TimeUs now = clock_.now();
  if (selection.expires_at <= now)
    return refuse::conflict("selection_expired", "the selection is too old; make a new one");

  made.project_id = asked.project_id;
  made.selection_id = asked.selection_id;
  made.agent_id = asked.agent_id;
  made.actor = asked.actor;
  made.action = selection.action;
  made.params = asked.params;
  made.rate_per_second = asked.rate_per_second;
  made.total = selection.total;
  made.created_at = now;
  AuditEntry entry =
      AuditEntry::of(asked.actor, "command.issue." + std::string(command_name(selection.action)),
                     "bulk", made.id.text(), asked.project_id);
  entry.metadata = {{"selection_id", asked.selection_id.text()},
                    {"asked", selection.asked},
                    {"total", selection.total},
                    {"params", asked.params}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    Where ready;
    ready.eq(sel::id, asked.selection_id).eq(sel::state, "ready").gt(sel::expires_at, now);
    commit.update(
        Table::selections, std::move(ready),
        {{sel::state, "used"}, {sel::expires_at, now + options_.keep_days * base::kDayUs}}, 1, 1);
    add_bulk_job(commit, made);
    if (options_.tell_others) options_.tell_others(commit);
  });
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    auto other = earlier();  // the same key at the same time
    if (!other) return std::move(other).error();
    if (*other) return std::move(**other);
    return refuse::conflict("selection_used", "another job works with this selection");
  }
  if (options_.on_changed) options_.on_changed(asked.project_id);
  look();
  return find(asked.project_id, made.id);
}

base::Result<BulkJob> BulkJobs::find(const base::Uuid& project, const base::Uuid& id) {
  Query query(Table::bulk_jobs);
  query.where.eq(job_col::id, id).eq(job_col::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("job");
  return bulk_job_of(**row);
}

base::Result<Page<BulkJob>> BulkJobs::list(const base::Uuid& project,
                                           const std::optional<std::string>& state,
                                           const std::optional<Place>& after, std::uint32_t limit) {
  Query query(Table::bulk_jobs);
  query.where.eq(job_col::project_id, project);
  if (state) query.where.eq(job_col::state, *state);
  query.all().order({job_col::created_at, job_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<BulkJob>(
      store_, std::move(query), limit, bulk_job_of,
      [](const BulkJob& j) {
        return Place{j.created_at, j.id};
      },
      [](const BulkJob&) { return std::size_t{1024}; });
}

base::Result<BulkJob> BulkJobs::turn(const base::Uuid& project, const base::Uuid& id, Turn to,
                                     const Actor& actor) {
  auto job = find(project, id);
  if (!job) return job;
  std::vector<Cell> from;
  std::string_view state, said, reason;
  switch (to) {
    case Turn::pause:
      from = {Cell("waiting"), Cell("running")};
      state = "paused", said = "bulk_job.paused", reason = "not_running";
      break;
    case Turn::resume:
      from = {Cell("paused")};
      state = "waiting", said = "bulk_job.resumed", reason = "not_paused";
      break;
    case Turn::cancel:
      from = {Cell("waiting"), Cell("running"), Cell("paused")};
      state = "cancelled", said = "bulk_job.cancelled", reason = "over";
      break;
  }
  AuditEntry entry = AuditEntry::of(actor, said, "bulk", id.text(), project);
  entry.metadata = {{"action", to_string(job->action)},
                    {"was", job->state},
                    {"worked_off", job->worked_off()},
                    {"total", job->total}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    Where self;
    self.eq(job_col::id, id).in(job_col::state, from);
    commit.update(Table::bulk_jobs, std::move(self),
                  {{job_col::state, Cell(state)},
                   {job_col::error, Cell()},
                   {job_col::updated_at, clock_.now(), Z4J_M_MAX}},
                  1, 1);
    if (options_.tell_others) options_.tell_others(commit);
  });
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    return refuse::conflict(reason, "the job is " + job->state);
  }
  if (options_.on_changed) options_.on_changed(project);
  look();
  return find(project, id);
}

// --- working ------------------------------------------------------------------------------------

bool BulkJobs::work() {
  if (options_.may_work && !options_.may_work()) return false;
  Query query(Table::bulk_jobs);
  query.where.in(job_col::state, {Cell("waiting"), Cell("running"), Cell("cancelled")})
      .is_null(job_col::finished_at);
  auto rows = store_.read(query.all().order({job_col::created_at, job_col::id}).limit(kJobsAtOnce));
  if (!rows) {
    log_.warn("bulk jobs not read", {{"why", rows.error().text()}});
    return false;
  }
  waits_ = !rows->empty();
  for (const Row& row : *rows) {
    BulkJob job = bulk_job_of(row);
    const base::Uuid id = job.id;
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return false;
      if (!at_work_.insert(id).second) continue;
    }
    const bool any = Run(*this, std::move(job)).go();
    {
      const std::lock_guard lock(mutex_);
      at_work_.erase(id);
    }
    if (any) return true;
  }
  return false;
}

bool BulkJobs::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return is_stopping_;
}

void BulkJobs::write_metrics(MetricText& out) const { items_.write(out); }

void BulkJobs::look() {
  const std::lock_guard lock(mutex_);
  ++looks_;
  wake_.notify_all();
}

void BulkJobs::start() {
  if (!threads_.empty()) return;
  is_stopping_ = false;
  for (unsigned i = 0; i < options_.threads; ++i) {
    // One of them looks by itself now and then.
    threads_.emplace_back([this, looks = i == 0] { loop(looks); });
  }
}

void BulkJobs::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void BulkJobs::loop(bool looks) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const auto has_news = [&] { return is_stopping_ || looks_ != seen; };
      if (looks)
        wake_.wait_for(lock, waits_ ? kJobsAgain : kJobsRound, has_news);
      else
        wake_.wait(lock, has_news);
      if (is_stopping_) return;
      seen = looks_;
    }
    while (work()) {
    }
  }
}

}  // namespace z4j::core
