#include "core/worker_losses.hpp"

#include <algorithm>
#include <utility>

#include "core/refusal.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace loss_col = model::worker_losses;
namespace worker_col = model::workers;
namespace task_col = model::tasks;
namespace json = base::json;

constexpr std::uint32_t kLostAtOnce = 200, kTasksScanned = 20'000, kOpenLosses = 1'000;
constexpr std::size_t kTasksListed = 100, kNeighboursListed = 20;
// A worker that says goodbye is offline as soon as it was last heard.
constexpr base::TimeUs kGoodbye = 5 * base::kSecondUs;
constexpr base::TimeUs kFirstLook = 600 * base::kSecondUs, kOverlap = 30 * base::kSecondUs;
constexpr base::TimeUs kSameMoment = 90 * base::kSecondUs;

struct LostWorker {
  base::Uuid id, project;
  std::string engine, name, hostname;
  std::optional<std::int64_t> pid, concurrency, memory_bytes;
  json::Value load_average, queues;
  base::TimeUs last_heartbeat = 0, noticed_at = 0;
  bool said_goodbye = false;
};

struct InHand {
  json::Array tasks;
  std::int64_t count = 0;
};

struct Neighbours {
  json::Array listed;
  std::size_t alive = 0, silent = 0;
};

base::Result<std::vector<LostWorker>> workers_gone_since(Store& store, base::TimeUs since) {
  std::vector<LostWorker> out;
  Query query(Table::workers);
  query.where.eq(worker_col::state, "offline").ge(worker_col::updated_at, since);
  query
      .columns({worker_col::id, worker_col::project_id, worker_col::engine, worker_col::name,
                worker_col::hostname, worker_col::pid, worker_col::concurrency,
                worker_col::memory_bytes, worker_col::load_average, worker_col::queues,
                worker_col::last_heartbeat, worker_col::updated_at})
      .limit(kLostAtOnce);
  auto read = store.each(query, [&out](const Row& row) {
    if (row.is_null(worker_col::last_heartbeat)) return true;
    LostWorker w;
    w.id = row.uuid(worker_col::id);
    w.project = row.uuid(worker_col::project_id);
    w.engine = row.text(worker_col::engine);
    w.name = row.text(worker_col::name);
    w.hostname = row.text(worker_col::hostname);
    w.pid = row.num_or_none(worker_col::pid);
    w.concurrency = row.num_or_none(worker_col::concurrency);
    w.memory_bytes = row.num_or_none(worker_col::memory_bytes);
    w.load_average = row.json(worker_col::load_average);
    w.queues = row.json(worker_col::queues);
    w.last_heartbeat = row.num(worker_col::last_heartbeat);
    w.noticed_at = row.num(worker_col::updated_at);
    w.said_goodbye = w.noticed_at - w.last_heartbeat < kGoodbye;
    out.push_back(std::move(w));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

std::string_view advice(std::string_view state) {
  if (state == "started")
    return "it ran when the worker vanished: look whether it had an effect, then retry it unless "
           "the engine gives it to another worker by itself";
  return "it was taken and not started: most engines give it to another worker by themselves; "
         "retry it if that does not happen";
}

// What it had taken and not ended, likeliest to matter first.
base::Result<InHand> tasks_in_hand(Store& store, const LostWorker& worker) {
  InHand out;
  for (const std::string_view state : {"started", "received"}) {
    Query query(Table::tasks);
    query.where.eq(task_col::project_id, worker.project)
        .eq(task_col::state, state)
        .eq(task_col::worker_name, worker.name)
        .eq(task_col::engine, worker.engine);
    query
        .columns({task_col::task_id, task_col::name, task_col::queue, task_col::started_at,
                  task_col::received_at, task_col::sort_at})
        .order({task_col::sort_at, task_col::id}, true)
        .scan_limit(kTasksScanned);
    auto read = store.each(query, [&](const Row& row) {
      ++out.count;
      if (out.tasks.size() >= kTasksListed) return true;
      const base::TimeUs since =
          row.num(state == "started" ? task_col::started_at : task_col::received_at,
                  row.num(task_col::sort_at));
      out.tasks.push_back(json::Object{
          {"task_id", row.text(task_col::task_id)},
          {"name", json::text_or_null(row.text(task_col::name))},
          {"queue", json::text_or_null(row.text(task_col::queue))},
          {"state", state},
          {"since", base::format_time(since)},
          {"age_seconds", std::max<std::int64_t>(0, (worker.noticed_at - since) / base::kSecondUs)},
          {"advice", advice(state)}});
      return true;
    });
    if (!read) return std::move(read).error();
  }
  return out;
}

base::Result<Neighbours> neighbours(Store& store, const LostWorker& worker) {
  Neighbours out;
  if (worker.hostname.empty()) return out;
  Query query(Table::workers);
  query.where.eq(worker_col::project_id, worker.project)
      .eq(worker_col::hostname, worker.hostname)
      .ne(worker_col::id, worker.id);
  query
      .columns(
          {worker_col::engine, worker_col::name, worker_col::state, worker_col::last_heartbeat})
      .limit(kLostAtOnce);
  auto read = store.each(query, [&](const Row& row) {
    const base::TimeUs heard = row.num(worker_col::last_heartbeat);
    const bool is_alive = row.text(worker_col::state) == "online";
    if (is_alive) ++out.alive;
    if (!is_alive && heard > worker.last_heartbeat - kSameMoment &&
        heard < worker.last_heartbeat + kSameMoment)
      ++out.silent;
    if (out.listed.size() < kNeighboursListed) {
      out.listed.push_back(
          json::Object{{"engine", row.text(worker_col::engine)},
                       {"name", row.text(worker_col::name)},
                       {"state", row.text(worker_col::state)},
                       {"last_heartbeat", heard == 0 ? json::Value(nullptr)
                                                     : json::Value(base::format_time(heard))}});
    }
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

std::string verdict(const LostWorker& worker, const InHand& hand, const Neighbours& near) {
  if (worker.said_goodbye)
    return "it ended and said so, with " + std::to_string(hand.count) + " tasks in hand";
  if (near.alive > 0)
    return "its process ended without a word (killed, out of memory or crashed): " +
           std::to_string(near.alive) + " other workers on its host go on";
  if (near.silent > 0)
    return "its host, or the way to it, is gone: " + std::to_string(near.silent) +
           " other workers there fell silent at the same time";
  return "its process, its host or the way to it ended without a word";
}

base::Uuid loss_id(const LostWorker& worker) {
  return model::derived_id(worker.project, "worker loss", worker.engine,
                           worker.name + "\n" + std::to_string(worker.last_heartbeat));
}

WorkerLoss loss_of(const Row& row) {
  WorkerLoss out;
  out.id = row.uuid(loss_col::id);
  out.project_id = row.uuid(loss_col::project_id);
  out.engine = row.text(loss_col::engine);
  out.worker = row.text(loss_col::worker);
  out.hostname = row.text(loss_col::hostname);
  out.verdict = row.text(loss_col::verdict);
  out.pid = row.num_or_none(loss_col::pid);
  out.last_heartbeat = row.num(loss_col::last_heartbeat);
  out.noticed_at = row.num(loss_col::noticed_at);
  if (json::Value facts = row.json(loss_col::facts); facts.is_object())
    out.facts = std::move(facts.get_object());
  if (json::Value tasks = row.json(loss_col::tasks); tasks.is_array())
    out.tasks = std::move(tasks.get_array());
  out.task_count = row.num(loss_col::task_count);
  out.returned_at = row.num_or_none(loss_col::returned_at);
  out.closed_at = row.num_or_none(loss_col::closed_at);
  out.closed_by = row.uuid_or_none(loss_col::closed_by);
  return out;
}

// Open rows of workers that are there again.
base::Result<std::vector<std::pair<base::Uuid, base::Uuid>>> returned(Store& store) {
  struct Open {
    base::Uuid id, project, worker;
    base::TimeUs last_heartbeat = 0;
  };
  std::vector<Open> open;
  std::vector<Cell> workers;
  Query query(Table::worker_losses);
  query.where.is_null(loss_col::returned_at).is_null(loss_col::closed_at);
  query
      .columns({loss_col::id, loss_col::project_id, loss_col::engine, loss_col::worker,
                loss_col::last_heartbeat, loss_col::noticed_at})
      .order({loss_col::noticed_at, loss_col::id}, true)
      .limit(kOpenLosses);
  auto read = store.each(query, [&](const Row& row) {
    const base::Uuid project = row.uuid(loss_col::project_id);
    const base::Uuid worker =
        model::worker_row_id(project, row.text(loss_col::engine), row.text(loss_col::worker));
    open.push_back({row.uuid(loss_col::id), project, worker, row.num(loss_col::last_heartbeat)});
    workers.emplace_back(worker);
    return true;
  });
  std::vector<std::pair<base::Uuid, base::Uuid>> out;
  if (!read) return std::move(read).error();
  if (open.empty()) return out;
  std::vector<std::pair<base::Uuid, base::TimeUs>> alive;
  Query live(Table::workers);
  live.where.in(worker_col::id, std::move(workers)).eq(worker_col::state, "online");
  read = store.each(
      live.columns({worker_col::id, worker_col::last_heartbeat}), [&alive](const Row& row) {
        alive.emplace_back(row.uuid(worker_col::id), row.num(worker_col::last_heartbeat));
        return true;
      });
  if (!read) return std::move(read).error();
  for (const Open& one : open) {
    const bool is_back = std::any_of(alive.begin(), alive.end(), [&one](const auto& worker) {
      return worker.first == one.worker && worker.second > one.last_heartbeat;
    });
    if (is_back) out.emplace_back(one.id, one.project);
  }
  return out;
}

}  // namespace

base::Result<std::vector<base::Uuid>> sweep_worker_losses(Store& store, WorkerLossSweep& sweep,
                                                          base::TimeUs now,
                                                          const std::optional<Fence>& fence) {
  std::vector<base::Uuid> projects;
  const base::TimeUs since =
      (sweep.looked_until == 0 ? now - kFirstLook : sweep.looked_until) - kOverlap;
  auto gone = workers_gone_since(store, since);
  if (!gone) return std::move(gone).error();
  Commit commit;
  if (fence) fence->guard(commit);
  const std::size_t guards = commit.steps();
  Rows rows(Table::worker_losses);
  for (const LostWorker& worker : *gone) {
    Where self;
    self.eq(loss_col::id, loss_id(worker));
    const auto known = store.count(Table::worker_losses, self, 1);
    if (!known) return known.error();
    if (*known > 0) continue;
    auto hand = tasks_in_hand(store, worker);
    if (!hand) return std::move(hand).error();
    if (worker.said_goodbye && hand->count == 0) continue;
    auto near = neighbours(store, worker);
    if (!near) return std::move(near).error();
    const auto number = [](const std::optional<std::int64_t>& n) {
      return n ? json::Value(*n) : json::Value(nullptr);
    };
    const std::string what = verdict(worker, *hand, *near);
    rows.begin()
        .uuid(loss_col::id, loss_id(worker))
        .uuid(loss_col::project_id, worker.project)
        .text(loss_col::engine, worker.engine)
        .text(loss_col::worker, worker.name)
        .text_or_null(loss_col::hostname, worker.hostname)
        .cell(loss_col::pid, worker.pid ? Cell(*worker.pid) : Cell())
        .num(loss_col::last_heartbeat, worker.last_heartbeat)
        .num(loss_col::noticed_at, now)
        .text(loss_col::facts,
              json::write(json::Object{{"load_average", worker.load_average},
                                       {"memory_bytes", number(worker.memory_bytes)},
                                       {"concurrency", number(worker.concurrency)},
                                       {"queues", worker.queues},
                                       {"said_goodbye", worker.said_goodbye},
                                       {"neighbours", std::move(near->listed)}}))
        .text(loss_col::tasks, json::write(std::move(hand->tasks)))
        .num(loss_col::task_count, hand->count)
        .text(loss_col::verdict, what);
    projects.push_back(worker.project);
  }
  if (!projects.empty()) commit.insert_new(std::move(rows));
  auto back = returned(store);
  if (!back) return std::move(back).error();
  for (const auto& [id, project] : *back) {
    Where self;
    self.eq(loss_col::id, id);
    commit.update(Table::worker_losses, std::move(self), {{loss_col::returned_at, now}});
    projects.push_back(project);
  }
  if (commit.steps() > guards) {
    if (auto stored = store.commit(commit); !stored) return std::move(stored).error();
  }
  sweep.looked_until = now;
  std::sort(projects.begin(), projects.end());
  projects.erase(std::unique(projects.begin(), projects.end()), projects.end());
  return projects;
}

base::Status forget_worker_losses(Store& store, base::TimeUs before,
                                  const std::optional<Fence>& fence) {
  Where old;
  old.lt(loss_col::noticed_at, before);
  const auto found = store.count(Table::worker_losses, old, 1);
  if (!found) return found.error();
  if (*found == 0) return {};
  Commit commit;
  if (fence) fence->guard(commit);
  commit.erase(Table::worker_losses, std::move(old));
  return store.commit(commit.relaxed());
}

base::Result<Page<WorkerLoss>> list_worker_losses(Store& store, const base::Uuid& project,
                                                  bool only_open, const std::optional<Place>& after,
                                                  std::uint32_t limit) {
  Query query(Table::worker_losses);
  query.where.eq(loss_col::project_id, project);
  if (only_open) query.where.is_null(loss_col::closed_at);
  query.all().order({loss_col::noticed_at, loss_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<WorkerLoss>(
      store, std::move(query), limit, loss_of,
      [](const WorkerLoss& loss) {
        return Place{loss.noticed_at, loss.id};
      },
      [](const WorkerLoss& loss) { return 500 + 300 * loss.tasks.size(); });
}

base::Result<WorkerLoss> find_worker_loss(Store& store, const base::Uuid& project,
                                          const base::Uuid& id) {
  Query query(Table::worker_losses);
  query.where.eq(loss_col::id, id).eq(loss_col::project_id, project);
  auto row = store.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("worker loss");
  return loss_of(**row);
}

base::Result<WorkerLoss> close_worker_loss(Store& store, Audit& audit, const base::Clock& clock,
                                           const base::Uuid& project, const base::Uuid& id,
                                           const Actor& actor) {
  auto loss = find_worker_loss(store, project, id);
  if (!loss || loss->closed_at) return loss;
  AuditEntry entry = AuditEntry::of(actor, "worker.loss_closed", "worker", loss->worker, project);
  entry.metadata = {{"engine", loss->engine}, {"loss_id", id.text()}};
  const base::TimeUs now = clock.now();
  auto done = audit.commit({std::move(entry)}, [&](Commit& commit) {
    Where self;
    self.eq(loss_col::id, id).is_null(loss_col::closed_at);
    commit.update(Table::worker_losses, std::move(self),
                  {{loss_col::closed_at, now},
                   {loss_col::closed_by, actor.user_id ? Cell(*actor.user_id) : Cell()}},
                  1, 1);
  });
  if (!done && done.error().code != base::Code::conflict) return std::move(done).error();
  return find_worker_loss(store, project, id);
}

}  // namespace z4j::core
