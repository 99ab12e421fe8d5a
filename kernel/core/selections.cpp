#include "core/selections.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "core/refusal.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace sel = model::selections;
namespace item_col = model::selection_items;
namespace job_col = model::bulk_jobs;
namespace task_col = model::tasks;
namespace json = base::json;

constexpr std::uint32_t kItemRows = 5000;  // in one commit
constexpr std::size_t kNamedAtOnce = 250, kMostSplit = 100, kMostSamples = 20;
constexpr std::size_t kMostNamesCounted = 10'000;
constexpr std::uint32_t kBuildTimeoutMs = 120'000;
constexpr std::uint64_t kMostCounted = 1'000'000;
constexpr std::uint32_t kSelectionsSwept = 50;
constexpr std::chrono::milliseconds kSelectionRound{60'000}, kSelectionAgain{2'000};
constexpr std::int64_t kArgumentsUnsure = 4 | 8;  // args_flags: redacted, cut
constexpr std::string_view kNotFound = "no such task, or it does not match the filter";
constexpr std::string_view kExcluded = "excluded", kWaiting = "waiting";

constexpr std::initializer_list<std::uint16_t> kFoundColumns = {
    task_col::id,         task_col::engine,     task_col::task_id,      task_col::name,
    task_col::queue,      task_col::state,      task_col::sort_at,      task_col::args_flags,
    task_col::args_stamp, task_col::retried_as, task_col::reconciled_as};

// How many there are of each, the names bounded.
class Split {
 public:
  void add(const std::string& name) {
    const auto found = counts_.find(name);
    if (found != counts_.end()) {
      ++found->second;
    } else if (counts_.size() < kMostNamesCounted) {
      counts_.emplace(name, 1);
    } else {
      ++others_;
    }
  }
  // [{`key`, "count"}], the most frequent first; the rest under null.
  [[nodiscard]] json::Array list(std::string_view key) const {
    std::vector<std::pair<std::int64_t, std::string>> sorted;
    for (const auto& [name, count] : counts_) sorted.emplace_back(-count, name);
    std::sort(sorted.begin(), sorted.end());
    json::Array out;
    std::int64_t others = others_;
    for (const auto& [count, name] : sorted) {
      if (out.size() == kMostSplit) {
        others -= count;
        continue;
      }
      out.push_back(json::Object{{key, json::text_or_null(name)}, {"count", -count}});
    }
    if (others > 0) out.push_back(json::Object{{key, nullptr}, {"count", others}});
    return out;
  }

 private:
  std::map<std::string, std::int64_t> counts_;
  std::int64_t others_ = 0;
};

json::Object sample_of(const SelectionItem& item) {
  return {{"engine", item.engine},
          {"task_id", item.task_id},
          {"name", json::text_or_null(item.name)},
          {"queue", json::text_or_null(item.queue)},
          {"state", item.state}};
}

}  // namespace

Selection selection_of(const Row& row) {
  Selection s;
  s.id = row.uuid(sel::id);
  s.project_id = row.uuid(sel::project_id);
  s.created_by = row.uuid_or_none(sel::created_by);
  s.action = parse_bulk_action(row.text(sel::action)).value_or(BulkAction::retry);
  s.state = row.text(sel::state);
  s.error = row.text(sel::error);
  if (json::Value asked = row.json(sel::filter); asked.is_object())
    s.asked = std::move(asked.get_object());
  s.summary = row.json(sel::summary);
  s.total = row.num(sel::total);
  s.created_at = row.num(sel::created_at);
  s.expires_at = row.num(sel::expires_at);
  s.built_at = row.num_or_none(sel::built_at);
  return s;
}

SelectionItem selection_item_of(const Row& row) {
  SelectionItem i;
  i.number = row.num(item_col::number);
  i.engine = row.text(item_col::engine);
  i.task_id = row.text(item_col::task_id);
  i.name = row.text(item_col::task_name);
  i.queue = row.text(item_col::queue);
  i.state = row.is_null(item_col::state) ? std::string("pending")
                                         : std::string(row.text(item_col::state));
  i.exclusion = row.text(item_col::exclusion);
  i.outcome = row.text(item_col::outcome);
  i.reason = row.text(item_col::reason);
  i.new_task_id = row.text(item_col::new_task_id);
  i.finished_at = row.num_or_none(item_col::finished_at);
  return i;
}

void add_selection(Commit& commit, const NewSelection& made) {
  json::Object asked{{"filter", made.filter}, {"max", made.max}};
  if (made.is_of_command) asked["is_of_command"] = true;
  Rows rows(Table::selections);
  rows.begin()
      .uuid(sel::id, made.id)
      .uuid(sel::project_id, made.project_id)
      .cell(sel::created_by, made.created_by ? Cell(*made.created_by) : Cell())
      .text(sel::action, to_string(made.action))
      .text(sel::filter, json::write(asked))
      .text(sel::state, "building")
      .num(sel::total, 0)
      .num(sel::created_at, made.created_at)
      .num(sel::expires_at, made.expires_at);
  commit.insert(std::move(rows));
}

// A set on its way into the store.
struct Selections::Building {
  explicit Building(const Selection& s) : selection(s) {}

  const Selection& selection;
  BulkFilter filter;
  std::int64_t max = 0;
  bool is_of_command = false;
  std::vector<EngineRoute> routes;
  std::map<std::string, std::string> cannot;  // engine -> why nothing can be done to its tasks
  Rows rows{Table::selection_items};
  std::int64_t next = 0, total = 0, excluded = 0, unsure = 0;
  std::set<base::Uuid> seen;
  Split tasks, queues, states, engines;
  std::map<std::string, std::int64_t> exclusions;
  std::optional<base::TimeUs> oldest, newest;
  json::Array samples;
  bool is_over_max = false;

  [[nodiscard]] bool is_full() const { return next >= max; }
  [[nodiscard]] const std::string& why_not(const std::string& engine) {
    const auto found = cannot.find(engine);
    if (found != cannot.end()) return found->second;
    std::string why;
    (void)best_route(routes, engine, verb_of(selection.action), {}, {}, &why);
    return cannot.emplace(engine, std::move(why)).first->second;
  }
  [[nodiscard]] json::Object summary() const {
    std::vector<std::pair<std::int64_t, std::string>> sorted;
    for (const auto& [reason, count] : exclusions) sorted.emplace_back(-count, reason);
    std::sort(sorted.begin(), sorted.end());
    json::Array left_out;
    for (const auto& [count, reason] : sorted)
      left_out.push_back(json::Object{{"reason", reason}, {"count", -count}});
    const auto at = [](const std::optional<base::TimeUs>& time) {
      return time ? json::Value(base::format_time(*time)) : json::Value(nullptr);
    };
    return {{"by_task", tasks.list("name")},
            {"by_queue", queues.list("queue")},
            {"by_state", states.list("state")},
            {"by_engine", engines.list("engine")},
            {"oldest", at(oldest)},
            {"newest", at(newest)},
            {"samples", samples},
            {"excluded", excluded},
            {"exclusions", std::move(left_out)},
            {"arguments_unsure", unsure}};
  }
};

Selections::Selections(Store& store, Audit& audit, EngineRoutes& routes, const base::Clock& clock,
                       base::Log& log, Options options)
    : store_(store),
      audit_(audit),
      routes_(routes),
      clock_(clock),
      log_(log),
      options_(std::move(options)) {}

Selections::~Selections() { stop(); }

// --- asking -------------------------------------------------------------------------------------

base::Result<Selection> Selections::create(const base::Uuid& project, BulkAction action,
                                           const json::Object& filter,
                                           std::optional<std::int64_t> max, const Actor& actor) {
  const std::int64_t most = max.value_or(options_.max_items);
  if (most < 1 || most > options_.max_items)
    return refuse::invalid("max", "max must be 1 to " + std::to_string(options_.max_items));
  auto parsed = BulkFilter::parse(filter, static_cast<std::size_t>(most));
  if (!parsed) return std::move(parsed).error();
  if (!parsed->rejected_keys.empty()) {
    return refuse::invalid("filter." + parsed->rejected_keys.front(),
                           "filter \"" + parsed->rejected_keys.front() + "\" is not known");
  }
  Where open;
  open.eq(sel::project_id, project).in(sel::state, {Cell("building"), Cell("ready")});
  auto others = store_.count(Table::selections, open, kMostOpen);
  if (!others) return std::move(others).error();
  if (*others >= kMostOpen) {
    return refuse::conflict("too_many_selections",
                            "this project has " + std::to_string(kMostOpen) +
                                " selections that are not used; delete some");
  }
  NewSelection made;
  made.project_id = project;
  made.created_by = actor.user_id;
  made.action = action;
  made.filter = filter;
  made.max = most;
  made.created_at = clock_.now();
  made.expires_at = made.created_at + options_.ttl_s * base::kSecondUs;
  AuditEntry entry =
      AuditEntry::of(actor, "selection.created", "selection", made.id.text(), project);
  entry.metadata = {{"action", to_string(action)}, {"filter", filter}, {"max", most}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    add_selection(commit, made);
    if (options_.tell_others) options_.tell_others(commit);
  });
  if (!done) return std::move(done).error();
  look();
  return find(project, made.id);
}

base::Result<Selection> Selections::find(const base::Uuid& project, const base::Uuid& id) {
  Query query(Table::selections);
  query.where.eq(sel::id, id).eq(sel::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("selection");
  return selection_of(**row);
}

base::Result<Page<Selection>> Selections::list(const base::Uuid& project,
                                               const std::optional<Place>& after,
                                               std::uint32_t limit) {
  Query query(Table::selections);
  query.where.eq(sel::project_id, project);
  query.all().order({sel::created_at, sel::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<Selection>(
      store_, std::move(query), limit, selection_of,
      [](const Selection& s) {
        return Place{s.created_at, s.id};
      },
      [](const Selection&) { return std::size_t{4096}; });
}

base::Result<std::vector<SelectionItem>> Selections::items(
    const base::Uuid& selection, const std::optional<std::string>& outcome, std::int64_t from,
    std::uint32_t limit) {
  Query query(Table::selection_items);
  query.where.eq(item_col::selection_id, selection).ge(item_col::number, from);
  if (outcome == kExcluded) {
    query.where.not_null(item_col::exclusion);
  } else if (outcome == kWaiting) {
    query.where.is_null(item_col::outcome).is_null(item_col::exclusion);
  } else if (outcome) {
    query.where.eq(item_col::outcome, *outcome);
  }
  query.all().order({item_col::selection_id, item_col::number}).limit(limit);
  std::vector<SelectionItem> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(selection_item_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Status Selections::remove(const base::Uuid& project, const base::Uuid& id,
                                const Actor& actor) {
  auto found = find(project, id);
  if (!found) return std::move(found).error();
  if (found->state == "used")
    return refuse::conflict("selection_used", "a job works with this selection");
  AuditEntry entry = AuditEntry::of(actor, "selection.deleted", "selection", id.text(), project);
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    // The sweep takes it, items and all.
    Where self;
    self.eq(sel::id, id).ne(sel::state, "used");
    commit.update(Table::selections, std::move(self),
                  {{sel::state, "failed"}, {sel::error, Cell("deleted")}, {sel::expires_at, 0}}, 1,
                  1);
  });
  if (!done && done.error().code == base::Code::conflict)
    return refuse::conflict("selection_used", "a job works with this selection");
  return done;
}

// --- building -----------------------------------------------------------------------------------

bool Selections::guard(Commit& commit) const {
  if (!options_.may_work) return true;
  const auto fence = options_.may_work();
  if (!fence) return false;
  fence->guard(commit);
  return true;
}

bool Selections::work() {
  const std::lock_guard round(work_mutex_);
  waits_ = false;
  if (options_.may_work && !options_.may_work()) return false;
  Query query(Table::selections);
  query.where.eq(sel::state, "building").gt(sel::expires_at, clock_.now());
  auto row = store_.first(query.all().order({sel::expires_at, sel::id}));
  if (!row) {
    log_.warn("selections not read", {{"why", row.error().text()}});
    return false;
  }
  if (!row->has_value()) return false;
  const Selection selection = selection_of(**row);
  if (auto done = build(selection); !done) {
    waits_ = true;
    if (done.error().code != base::Code::conflict)
      log_.warn("selection not built",
                {{"selection", selection.id.text()}, {"why", done.error().text()}});
    return false;
  }
  if (options_.on_changed) options_.on_changed(selection.project_id);
  if (options_.on_built) options_.on_built();
  return true;
}

base::Status Selections::erase_items(const base::Uuid& selection) {
  for (;;) {
    Commit commit;
    if (!guard(commit)) return refuse::conflict({}, "another brain does this");
    const std::size_t erasing = commit.steps();
    Where of;
    commit.erase(Table::selection_items, std::move(of.eq(item_col::selection_id, selection)),
                 kItemRows);
    commit.relaxed();
    if (auto done = store_.commit(commit); !done) return done;
    if (commit.affected(erasing) < kItemRows) return {};
  }
}

base::Status Selections::fail(const Selection& selection, const std::string& why,
                              json::Value summary) {
  if (auto done = erase_items(selection.id); !done) return done;
  Commit commit;
  if (!guard(commit)) return refuse::conflict({}, "another brain does this");
  Where building;
  building.eq(sel::id, selection.id).eq(sel::state, "building");
  commit.update(Table::selections, std::move(building),
                {{sel::state, "failed"},
                 {sel::error, Cell(clean_text(why, 1000))},
                 {sel::total, 0},
                 {sel::summary, Cell(summary)},
                 {sel::built_at, clock_.now()}},
                1, 1);
  return store_.commit(commit);
}

base::Status Selections::build(const Selection& selection) {
  if (auto erased = erase_items(selection.id); !erased) return erased;  // of an earlier try
  Building b(selection);
  b.max = json::integer(selection.asked, "max");
  b.is_of_command = json::boolean(selection.asked, "is_of_command");
  const json::Object* filter = json::object(selection.asked, "filter");
  auto parsed =
      BulkFilter::parse(filter ? *filter : json::Object(), static_cast<std::size_t>(b.max));
  if (!parsed) return fail(selection, parsed.error().message, nullptr);
  b.filter = std::move(*parsed);
  b.routes = routes_.routes(selection.project_id);

  const base::Status found = b.filter.task_ids ? find_named(b) : find_all(b);
  if (!found) {
    const bool is_lost = found.error().code == base::Code::conflict;
    if (is_lost || found.error().code == base::Code::cancelled) return found;
    return fail(selection, "the tasks could not be read: " + found.error().message, nullptr);
  }
  if (b.is_over_max) {
    auto matching = store_.count(Table::tasks, b.filter.where(selection.project_id), kMostCounted);
    const auto n = static_cast<std::int64_t>(matching ? *matching : std::uint64_t{0});
    return fail(
        selection,
        (n == 0 ? std::string("the filter finds more") : "the filter finds " + std::to_string(n)) +
            " tasks; at most " + std::to_string(b.max) + " can be selected here",
        json::Object{{"matching", n == 0 ? json::Value(nullptr) : json::Value(n)}, {"max", b.max}});
  }
  if (auto pushed = push(b); !pushed) return pushed;
  Commit commit;
  if (!guard(commit)) return refuse::conflict({}, "another brain does this");
  Where building;
  building.eq(sel::id, selection.id).eq(sel::state, "building");
  commit.update(Table::selections, std::move(building),
                {{sel::state, "ready"},
                 {sel::total, b.total},
                 {sel::summary, Cell(json::Value(b.summary()))},
                 {sel::built_at, clock_.now()}},
                1, 1);
  return store_.commit(commit);
}

// One statement reads them all, so what changes meanwhile changes nothing here.
base::Status Selections::find_all(Building& b) {
  const base::Uuid& project = b.selection.project_id;
  Query query(Table::tasks);
  query.where = b.filter.where(project);
  query.columns(kFoundColumns)
      .order({task_col::sort_at, task_col::id}, true)
      .limit(static_cast<std::uint32_t>(b.max) + 1)
      .timeout_ms(kBuildTimeoutMs);
  base::Status pushed;
  auto done = store_.each(query, [&](const Row& row) {
    if (b.is_full()) {
      b.is_over_max = !b.is_of_command;
      return false;
    }
    take(b, {}, &row);
    if (b.rows.size() >= kItemRows) pushed = push(b);
    return pushed.ok();
  });
  return pushed ? done : pushed;
}

base::Status Selections::find_named(Building& b) {
  const base::Uuid& project = b.selection.project_id;
  std::set<std::string> engines;
  if (b.filter.engine) {
    engines.insert(*b.filter.engine);
  } else {
    for (const EngineRoute& route : b.routes) engines.insert(route.engine);
  }
  const std::vector<std::string>& ids = *b.filter.task_ids;
  for (std::size_t from = 0; from < ids.size(); from += kNamedAtOnce) {
    const std::size_t to = std::min(ids.size(), from + kNamedAtOnce);
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = ids.begin() + static_cast<std::ptrdiff_t>(to);
    std::set<std::string> missing(begin, end);
    std::vector<Cell> rows;
    for (const std::string& engine : engines) {
      for (const std::string& id : missing)
        rows.emplace_back(model::task_row_id(project, engine, id));
    }
    if (!rows.empty()) {
      Query query(Table::tasks);
      query.where = b.filter.where(project);
      query.where.in(task_col::id, std::move(rows));
      query.columns(kFoundColumns).order({task_col::id});
      auto done = store_.each(query, [&](const Row& row) {
        missing.erase(std::string(row.text(task_col::task_id)));
        if (!b.is_full()) take(b, {}, &row);
        return true;
      });
      if (!done) return done;
    }
    for (const std::string& id : missing) {
      if (b.is_full()) break;
      SelectionItem item;
      item.engine = b.filter.engine.value_or("");
      item.task_id = id;
      item.state = "unknown";
      take(b, std::move(item), nullptr);
    }
    if (b.rows.size() >= kItemRows) {
      if (auto pushed = push(b); !pushed) return pushed;
    }
  }
  return {};
}

// `task` is the stored row, none where there is none.
void Selections::take(Building& b, SelectionItem item, const Row* task) {
  const BulkAction action = b.selection.action;
  if (task != nullptr) {
    if (!b.seen.insert(task->uuid(task_col::id)).second) return;
    item.engine = task->text(task_col::engine);
    item.task_id = task->text(task_col::task_id);
    item.name = task->text(task_col::name);
    item.queue = task->text(task_col::queue);
    item.state = task->is_null(task_col::state) ? std::string("pending")
                                                : std::string(task->text(task_col::state));
    const bool is_named = b.filter.task_ids.has_value();
    const std::string_view again = task->text(task_col::retried_as);
    const bool is_lost = task->text(task_col::reconciled_as) == "lost";
    if (const auto why = unfit_state(action, item.state, is_lost); !why.empty()) {
      item.exclusion = why;
    } else if (action == BulkAction::retry && !again.empty() && !is_named && !b.is_of_command) {
      item.exclusion = "it was retried already";
    }
  } else if (action != BulkAction::requeue || item.engine.empty()) {
    item.exclusion = kNotFound;
  }
  if (item.exclusion.empty()) item.exclusion = b.why_not(item.engine);
  item.number = b.next++;
  b.rows.begin()
      .uuid(item_col::selection_id, b.selection.id)
      .num(item_col::number, item.number)
      .text(item_col::engine, item.engine)
      .text(item_col::task_id, item.task_id)
      .text_or_null(item_col::task_name, item.name)
      .text_or_null(item_col::queue, item.queue)
      .text_or_null(item_col::state, item.state == "pending" ? std::string_view() : item.state)
      .text_or_null(item_col::exclusion, item.exclusion);
  if (!item.exclusion.empty()) {
    ++b.excluded;
    ++b.exclusions[item.exclusion];
    return;
  }
  ++b.total;
  b.tasks.add(item.name);
  b.queues.add(item.queue);
  b.states.add(item.state);
  b.engines.add(item.engine);
  if (b.samples.size() < kMostSamples) b.samples.push_back(sample_of(item));
  if (task == nullptr) return;
  const bool has_arguments = !task->is_null(task_col::args_stamp);
  if (action == BulkAction::retry &&
      (!has_arguments || (task->num(task_col::args_flags) & kArgumentsUnsure) != 0))
    ++b.unsure;
  const base::TimeUs at = task->num(task_col::sort_at);
  b.oldest = std::min(b.oldest.value_or(at), at);
  b.newest = std::max(b.newest.value_or(at), at);
}

base::Status Selections::push(Building& b) {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return base::Error{base::Code::cancelled, "the brain stops", {}, {}, 0};
  }
  if (b.rows.size() == 0) return {};
  Commit commit;
  if (!guard(commit)) return refuse::conflict({}, "another brain does this");
  commit.insert(std::exchange(b.rows, Rows(Table::selection_items)));
  Where building;
  building.eq(sel::id, b.selection.id).eq(sel::state, "building");
  commit.update(Table::selections, std::move(building), {{sel::total, b.total}}, 1, 1);
  if (auto done = store_.commit(commit); !done) return done;
  if (options_.on_changed) options_.on_changed(b.selection.project_id);
  return {};
}

// --- upkeep -------------------------------------------------------------------------------------

base::Result<std::uint64_t> Selections::sweep(const std::optional<Fence>& fence) {
  Query query(Table::selections);
  query.where.lt(sel::expires_at, clock_.now());
  query.columns({sel::id}).order({sel::expires_at, sel::id}).limit(kSelectionsSwept);
  auto expired = store_.read(query);
  if (!expired) return std::move(expired).error();
  std::uint64_t gone = 0;
  for (const Row& row : *expired) {
    const base::Uuid id = row.uuid(sel::id);
    Where at_work;
    at_work.eq(job_col::selection_id, id)
        .in(job_col::state, {Cell("waiting"), Cell("running"), Cell("paused")});
    for (std::uint64_t n = kItemRows; n == kItemRows;) {
      Commit commit;
      if (fence) fence->guard(commit);
      commit.check(Table::bulk_jobs, at_work, 0, 0);
      const std::size_t erasing = commit.steps();
      Where items, self, job;
      commit.erase(Table::selection_items, std::move(items.eq(item_col::selection_id, id)),
                   kItemRows);
      commit.relaxed();
      if (auto done = store_.commit(commit); !done) {
        if (done.error().code == base::Code::conflict) break;  // its job goes on
        return std::move(done).error();
      }
      n = commit.affected(erasing);
      gone += n;
      if (n == kItemRows) continue;
      Commit last;
      if (fence) fence->guard(last);
      last.check(Table::bulk_jobs, at_work, 0, 0);
      last.erase(Table::bulk_jobs, std::move(job.eq(job_col::selection_id, id)));
      last.erase(Table::selections, std::move(self.eq(sel::id, id)));
      if (auto done = store_.commit(last); !done) return std::move(done).error();
      ++gone;
    }
  }
  return gone;
}

// --- thread -------------------------------------------------------------------------------------

void Selections::look() {
  const std::lock_guard lock(mutex_);
  is_poked_ = true;
  wake_.notify_one();
}

void Selections::start() {
  if (thread_.joinable()) return;
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Selections::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Selections::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, waits_ ? kSelectionAgain : kSelectionRound,
                     [this] { return is_stopping_ || is_poked_; });
      if (is_stopping_) return;
      is_poked_ = false;
    }
    while (work()) {
    }
  }
}

}  // namespace z4j::core
