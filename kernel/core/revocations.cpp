#include "core/revocations.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <limits>
#include <memory>
#include <tuple>
#include <vector>

#include "core/command_plan.hpp"
#include "core/live.hpp"
#include "core/refusal.hpp"
#include "core/task_states.hpp"
#include "core/worker_wishes.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace rev = model::revocations;
namespace json = base::json;

constexpr std::uint32_t kRevocationsAtOnce = 200, kMostWorkers = 5'000;
constexpr auto kShortestRound = std::chrono::milliseconds(1'000);
constexpr std::int64_t kLongestRoundMs = 60'000;
constexpr auto kStopCheck = std::chrono::milliseconds(100);
constexpr int kTimesSaid = 3, kMostFailures = 20;
constexpr std::int64_t kSaidEveryMs = 3'000, kAfterFailureMs = 5'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

base::Uuid cancel_id(const base::Uuid& project, std::string_view engine, std::string_view task_id) {
  return model::derived_id(project, "revocation", engine, task_id);
}

}  // namespace

void remember_cancel(Commit& commit, const base::Uuid& project, std::string_view engine,
                     std::string_view task_id, const base::Uuid& command, base::TimeUs now) {
  Rows rows(Table::revocations);
  rows.begin()
      .uuid(rev::id, cancel_id(project, engine, task_id))
      .uuid(rev::project_id, project)
      .text(rev::engine, engine)
      .text(rev::task_id, task_id)
      .uuid(rev::command_id, command)
      .num(rev::created_at, now)
      .num(rev::expires_at, now + Revocations::kKeptFor)
      .num(rev::asserted, 0);
  commit.merge(std::move(rows));
}

void forget_cancel(Commit& commit, const base::Uuid& project, std::string_view engine,
                   std::string_view task_id) {
  Where self;
  self.eq(rev::id, cancel_id(project, engine, task_id));
  commit.erase(Table::revocations, std::move(self));
}

void forget_cancels(Commit& commit, const base::Uuid& project,
                    const std::vector<std::pair<std::string, std::string>>& tasks) {
  std::vector<Cell> ids;
  for (const auto& [engine, task_id] : tasks) ids.emplace_back(cancel_id(project, engine, task_id));
  Where those;
  commit.erase(Table::revocations, std::move(those.in(rev::id, std::move(ids))));
}

base::Status forget_cancel(Store& store, const base::Uuid& project, std::string_view engine,
                           std::string_view task_id) {
  Where self;
  self.eq(rev::id, cancel_id(project, engine, task_id));
  const auto found = store.count(Table::revocations, self, 1);
  if (!found) return found.error();
  if (*found == 0) return {};
  Commit commit;
  commit.erase(Table::revocations, std::move(self));
  return store.commit(commit);
}

base::Result<Page<RememberedCancel>> list_remembered_cancels(Store& store,
                                                             const base::Uuid& project,
                                                             const std::string& engine,
                                                             const std::optional<Place>& after,
                                                             std::uint32_t limit) {
  Query query(Table::revocations);
  query.where.eq(rev::project_id, project);
  if (!engine.empty()) query.where.eq(rev::engine, engine);
  query.all().order({rev::created_at, rev::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<RememberedCancel>(
      store, std::move(query), limit,
      [](const Row& row) {
        return RememberedCancel{row.uuid(rev::id),
                                std::string(row.text(rev::engine)),
                                std::string(row.text(rev::task_id)),
                                row.uuid_or_none(rev::command_id),
                                row.num(rev::created_at),
                                row.num(rev::expires_at),
                                row.num_or_none(rev::asserted_at),
                                row.num(rev::asserted)};
      },
      [](const RememberedCancel& cancel) {
        return Place{cancel.created_at, cancel.id};
      },
      [](const RememberedCancel&) { return std::size_t{300}; });
}

base::Status forget_remembered_cancel(Store& store, Audit& audit, const base::Uuid& project,
                                      const base::Uuid& id, const Actor& actor) {
  Query query(Table::revocations);
  query.where.eq(rev::id, id).eq(rev::project_id, project);
  auto row = store.first(query.columns({rev::engine, rev::task_id}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("remembered cancel");
  const std::string target =
      std::string((*row)->text(rev::engine)) + ":" + std::string((*row)->text(rev::task_id));
  return audit.commit({AuditEntry::of(actor, "command.cancel_forgotten", "task", target, project)},
                      [&id](Commit& commit) {
                        Where self;
                        self.eq(rev::id, id);
                        commit.erase(Table::revocations, std::move(self));
                      });
}

struct Revocations::Seen {
  // Worker -> its process; those that were online.
  std::map<base::Uuid, std::int64_t> workers;
  std::set<std::pair<base::Uuid, std::string>> routes;  // agent and engine; those online here
  // Engines with newcomers: when to say it, and how often still.
  struct Due {
    std::int64_t at_ms = 0;
    int times = 0, failures = 0;
  };
  std::map<std::string, Due> due;
};

struct Revocations::Item {
  base::Uuid id;
  std::string task_id;
  base::TimeUs created_at = 0;
};

Revocations::Revocations(Store& store, EngineRoutes& routes, const base::Clock& clock,
                         base::Log& log, Options options)
    : store_(store),
      routes_(routes),
      clock_(clock),
      log_(log),
      options_(options),
      is_shared_(store.is_shared()) {}

Revocations::~Revocations() { stop(); }

void Revocations::changed(const base::Uuid& project, std::string_view topic) {
  if (topic == kTaskChanged) return;
  const std::lock_guard lock(mutex_);
  if (topic == kCommandChanged)
    is_dirty_ = true;
  else if (topic == kWorkerCame)
    came_.insert(project);
  else
    changed_.insert(project);
  wake_.notify_one();
}

void Revocations::look() {
  const std::lock_guard lock(mutex_);
  looks_at_all_ = true;
  wake_.notify_one();
}

// --- one round ----------------------------------------------------------------------------------

// Which projects have something remembered. Who is there when the first cancel is remembered has
// just heard it; only a start, or what another brain remembered, leaves open who did.
base::Status Revocations::refresh(Hears who_is_there) {
  std::set<base::Uuid> having;
  Query query(Table::revocations);
  query.where.gt(rev::expires_at, clock_.now());
  query.group(rev::project_id).count();
  auto read = store_.each(query, [&having](const Row& row) {
    having.insert(row.uuid(0));
    return true;
  });
  if (!read) return read;
  Query wishing(Table::worker_wishes);
  wishing.group(model::worker_wishes::project_id).count();
  read = store_.each(wishing, [&having](const Row& row) {
    having.insert(row.uuid(0));
    return true;
  });
  if (!read) return read;
  std::erase_if(projects_, [&having](const auto& one) { return !having.contains(one.first); });
  for (const base::Uuid& project : having) {
    const auto [at, is_new] = projects_.try_emplace(project);
    if (!is_new || who_is_there == Hears::again) continue;
    if (auto known = newcomers(project, at->second); !known) return std::move(known).error();
  }
  return {};
}

base::Result<Revocations::Engines> Revocations::newcomers(const base::Uuid& project, Seen& seen) {
  namespace w = model::workers;
  Engines out;
  std::map<base::Uuid, std::int64_t> workers;
  Query query(Table::workers);
  query.where.eq(w::project_id, project).ne(w::state, "offline");
  auto read = store_.each(
      query.columns({w::id, w::engine, w::pid}).limit(kMostWorkers), [&](const Row& row) {
        const base::Uuid id = row.uuid(w::id);
        const std::int64_t pid = row.num(w::pid);
        const auto before = seen.workers.find(id);
        // A process that is told later is not another one.
        const bool is_new = before == seen.workers.end() ||
                            (before->second != 0 && pid != 0 && before->second != pid);
        if (is_new) out.emplace(row.text(w::engine));
        workers[id] = pid != 0 || before == seen.workers.end() ? pid : before->second;
        return true;
      });
  if (!read) return std::move(read).error();
  std::set<std::pair<base::Uuid, std::string>> routes;
  for (const EngineRoute& route : routes_.routes(project)) {
    if (!route.is_here || !route.is_online) continue;
    auto key = std::pair(route.agent_id, route.engine);
    if (!seen.routes.contains(key)) out.insert(route.engine);
    routes.insert(std::move(key));
  }
  seen.workers.swap(workers);
  seen.routes.swap(routes);
  return out;
}

Revocations::Told Revocations::tell(const EngineRoute& route, std::uint64_t verb,
                                    std::string target, std::string args_json) {
  const auto answered = std::make_shared<std::promise<Told>>();
  auto answer = answered->get_future();
  routes_.command(
      route.agent_id, route.engine, verb, std::move(target), std::move(args_json),
      options_.deadline_ms, [answered](const base::Result<std::string>& text) {
        if (!text) return answered->set_value(text.error().is_world() ? Told::failed : Told::yes);
        const CommandOutcome outcome = outcome_of(text);
        const bool is_heard = !json::boolean(outcome.result, "nobody_listens");
        answered->set_value(is_heard ? Told::yes : Told::nobody);
      });
  while (answer.wait_for(kStopCheck) != std::future_status::ready) {
    if (is_stopping_) return Told::failed;
  }
  return answer.get();
}

std::vector<EngineRoute> Revocations::routes_here(const base::Uuid& project,
                                                  const std::string& engine, std::uint64_t verb) {
  std::vector<EngineRoute> here = routes_.routes(project);
  std::erase_if(here, [&](const EngineRoute& route) {
    return !route.is_here || !route.is_online || route.engine != engine ||
           (route.capabilities & verb) == 0;
  });
  return here;
}

// Takes those out of `items` whose task is over.
base::Status Revocations::set_over_apart(const base::Uuid& project, const std::string& engine,
                                         std::vector<Item>& items, std::vector<Cell>& over) {
  namespace t = model::tasks;
  std::vector<Cell> rows;
  for (const Item& item : items)
    rows.emplace_back(model::task_row_id(project, engine, item.task_id));
  Query tasks(Table::tasks);
  tasks.where.in(t::id, std::move(rows)).not_null(t::state);
  std::set<std::string, std::less<>> ended;
  auto read = store_.each(tasks.columns({t::task_id, t::state}), [&ended](const Row& row) {
    if (is_over(row.text(t::state))) ended.emplace(row.text(t::task_id));
    return true;
  });
  if (!read) return read;
  std::erase_if(items, [&](const Item& item) {
    if (!ended.contains(item.task_id)) return false;
    over.emplace_back(item.id);
    return true;
  });
  return {};
}

Revocations::Told Revocations::say_again(const base::Uuid& project, const std::string& engine) {
  const Told cancels = say_cancels(project, engine);
  if (cancels == Told::failed) return cancels;
  const Told wishes = say_wishes(project, engine);
  return wishes == Told::nobody ? cancels : wishes;
}

Revocations::Told Revocations::say_wishes(const base::Uuid& project, const std::string& engine) {
  auto wishes = wishes_of(store_, project, engine);
  if (!wishes) {
    log_.warn("wishes of workers not read", {{"why", wishes.error().text()}});
    return Told::failed;
  }
  std::vector<base::Uuid> said;
  Told last = Told::nobody;
  for (WorkerWish& wish : *wishes) {
    wish.args.erase("workers");  // who was reached then
    for (const EngineRoute& route : routes_here(project, engine, wish.verb())) {
      last = tell(route, wish.verb(), wish.verb_target(), json::write(wish.args));
      if (last == Told::failed) break;
    }
    if (last == Told::failed) break;
    if (last == Told::yes) said.push_back(wish.id);
  }
  asserted_ += said.size();
  if (auto noted = note_asserted(store_, said, clock_.now()); !noted)
    log_.warn("repeated wishes not noted", {{"why", noted.error().text()}});
  if (last == Told::failed) return last;
  return said.empty() ? Told::nobody : Told::yes;
}

// Says all cancels that are remembered for the engine, or as many as somebody is there to hear.
Revocations::Told Revocations::say_cancels(const base::Uuid& project, const std::string& engine) {
  const std::vector<EngineRoute> here = routes_here(project, engine, Z4J_ENGINE_REVOKE);
  if (here.empty()) return Told::nobody;
  std::optional<std::pair<base::TimeUs, base::Uuid>> after;
  std::size_t said = 0;
  for (std::size_t read_rows = 0; read_rows < kMostPerProject;) {
    std::vector<Item> items;
    Query query(Table::revocations);
    query.where.eq(rev::project_id, project)
        .eq(rev::engine, engine)
        .gt(rev::expires_at, clock_.now());
    query.columns({rev::id, rev::task_id, rev::created_at})
        .order({rev::created_at, rev::id}, true)
        .limit(kRevocationsAtOnce);
    if (after) query.after({Cell(after->first), Cell(after->second)});
    auto read = store_.each(query, [&items](const Row& row) {
      items.push_back(
          {row.uuid(rev::id), std::string(row.text(rev::task_id)), row.num(rev::created_at)});
      return true;
    });
    if (!read) {
      log_.warn("remembered cancels not read", {{"why", read.error().text()}});
      return Told::failed;
    }
    if (items.empty()) break;
    read_rows += items.size();
    after.emplace(items.back().created_at, items.back().id);

    std::vector<Cell> over, told;
    if (auto looked = set_over_apart(project, engine, items, over); !looked) return Told::failed;
    Told last = Told::yes;
    for (const Item& item : items) {
      bool is_heard = false;
      for (const EngineRoute& route : here) {
        last = tell(route, Z4J_ENGINE_REVOKE, item.task_id,
                    json::write(json::Object{
                        {"terminate", (route.capabilities & Z4J_ENGINE_TERMINATE) != 0}}));
        if (last == Told::failed) break;
        is_heard = is_heard || last == Told::yes;
      }
      if (last != Told::failed) last = is_heard ? Told::yes : Told::nobody;
      if (last != Told::yes) break;
      told.emplace_back(item.id);
    }
    said += told.size();
    asserted_ += told.size();
    Commit commit;
    if (!over.empty()) {
      Where done;
      done.in(rev::id, std::move(over));
      commit.erase(Table::revocations, std::move(done));
    }
    if (!told.empty()) {
      Where again;
      again.in(rev::id, std::move(told));
      commit.update(Table::revocations, std::move(again),
                    {{rev::asserted_at, clock_.now(), Z4J_M_MAX}, {rev::asserted, 1, Z4J_M_ADD}});
    }
    commit.relaxed();
    if (commit.steps() > 0) {
      if (auto stored = store_.commit(commit); !stored)
        log_.warn("repeated cancels not noted", {{"why", stored.error().text()}});
    }
    if (last != Told::yes) return last;
  }
  return said > 0 ? Told::yes : Told::nobody;
}

bool Revocations::work() {
  const std::lock_guard round(work_mutex_);
  std::set<base::Uuid> changed, came;
  bool is_dirty = false, looks_at_all = false;
  {
    const std::lock_guard lock(mutex_);
    is_dirty = std::exchange(is_dirty_, false);
    looks_at_all = std::exchange(looks_at_all_, false);
    changed.swap(changed_);
    came.swap(came_);
  }
  const std::int64_t now_ms = clock_.steady_ms();
  if (is_dirty || (is_shared_ && now_ms >= next_refresh_ms_)) {
    const bool is_own = is_dirty && next_refresh_ms_ != 0;
    next_refresh_ms_ = now_ms + options_.refresh_ms;
    if (auto read = refresh(is_own ? Hears::already : Hears::again); !read) {
      log_.warn("remembered cancels not read", {{"why", read.error().text()}});
      const std::lock_guard lock(mutex_);
      is_dirty_ = true;
    }
  }
  bool any = false;
  std::int64_t next_due_ms = kNever;
  for (auto& [project, seen] : projects_) {
    const bool is_first = seen.workers.empty() && seen.routes.empty();
    if (!is_first && !looks_at_all && !changed.contains(project) && !came.contains(project) &&
        seen.due.empty())
      continue;
    auto fresh = newcomers(project, seen);
    if (!fresh) {
      log_.warn("workers not read", {{"why", fresh.error().text()}});
      continue;
    }
    if (came.contains(project)) {
      for (const auto& [agent, engine] : seen.routes) fresh->insert(engine);
    }
    for (const std::string& engine : *fresh) seen.due[engine] = {now_ms, kTimesSaid, 0};
    for (auto at = seen.due.begin(); at != seen.due.end();) {
      auto& [engine, due] = *at;
      if (is_stopping_) return any;
      if (due.at_ms <= now_ms) {
        const Told told = say_again(project, engine);
        any = any || told == Told::yes;
        const bool failed = told == Told::failed;
        if (failed)
          ++due.failures;
        else
          --due.times;
        due.at_ms = now_ms + (failed ? kAfterFailureMs : kSaidEveryMs);
      }
      if (due.times == 0 || due.failures == kMostFailures) {
        at = seen.due.erase(at);
        continue;
      }
      next_due_ms = std::min(next_due_ms, due.at_ms);
      ++at;
    }
  }
  const std::lock_guard lock(mutex_);
  next_due_ms_ = next_due_ms;
  return any;
}

base::Status Revocations::sweep(const std::optional<Fence>& fence) {
  Where old;
  old.le(rev::expires_at, clock_.now());
  auto found = store_.count(Table::revocations, old, 1);
  if (!found) return std::move(found).error();
  Commit commit;
  if (fence) fence->guard(commit);
  const std::size_t guards = commit.steps();
  if (*found > 0) commit.erase(Table::revocations, std::move(old));
  Query crowded(Table::revocations);
  crowded.group(rev::project_id).count();
  std::vector<base::Uuid> over;
  auto read = store_.each(crowded, [&over](const Row& row) {
    if (row.num(1) > static_cast<std::int64_t>(kMostPerProject)) over.push_back(row.uuid(0));
    return true;
  });
  if (!read) return read;
  for (const base::Uuid& project : over) {
    std::vector<std::pair<base::TimeUs, base::Uuid>> all;
    Query query(Table::revocations);
    query.where.eq(rev::project_id, project);
    read = store_.each(query.columns({rev::id, rev::created_at}), [&all](const Row& row) {
      all.emplace_back(row.num(rev::created_at), row.uuid(rev::id));
      return true;
    });
    if (!read) return read;
    if (all.size() <= kMostPerProject) continue;
    std::sort(all.rbegin(), all.rend());
    Where oldest;
    oldest.eq(rev::project_id, project).lt(rev::created_at, all[kMostPerProject - 1].first);
    commit.erase(Table::revocations, std::move(oldest));
  }
  if (commit.steps() == guards) return {};
  commit.relaxed();
  return store_.commit(commit);
}

// --- thread -------------------------------------------------------------------------------------

void Revocations::start() {
  if (thread_.joinable()) return;
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Revocations::run() {
  for (;;) {
    work();
    std::unique_lock lock(mutex_);
    // No oftener than that: many changes come together.
    wake_.wait_for(lock, kShortestRound, [this] { return is_stopping_.load(); });
    const auto until_due = std::chrono::milliseconds(
        std::clamp<std::int64_t>(next_due_ms_ - clock_.steady_ms(), 0, kLongestRoundMs));
    wake_.wait_for(lock, until_due, [this] {
      return is_stopping_ || is_dirty_ || looks_at_all_ || !changed_.empty() || !came_.empty();
    });
    if (is_stopping_) return;
  }
}

void Revocations::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::core
