#include "core/remote_reconcile.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <set>

namespace z4j::core {
namespace {

namespace agent_col = model::agents;
namespace task_col = model::tasks;
namespace json = base::json;

constexpr std::uint32_t kMostRemoteAgents = 20'000, kMostScanned = 5'000;
constexpr std::size_t kAgentsAtOnce = 20;
constexpr auto kRemoteStopCheck = std::chrono::milliseconds(100);
// An agent takes one task at a time. Of a task that waits in a queue agents know nothing.
constexpr Reconcile::Pace kRemotePace{.states = 1, .at_once = 50, .per_pass = 100};

}  // namespace

RemoteReconcile::RemoteReconcile(Store& store, Relay& relay, const base::Clock& clock,
                                 base::Log& log, Options options)
    : store_(store), relay_(relay), clock_(clock), log_(log), options_(std::move(options)) {}

RemoteReconcile::~RemoteReconcile() { stop(); }

base::Result<std::vector<RemoteReconcile::Agent>> RemoteReconcile::agents_with_silent_tasks() {
  std::map<base::Uuid, std::map<base::Uuid, std::string>> names;  // by project, by agent
  Query online(Table::agents);
  online.where.eq(agent_col::is_local, false).eq(agent_col::state, "online");
  auto read = store_.each(online.columns({agent_col::id, agent_col::project_id, agent_col::name})
                              .limit(kMostRemoteAgents),
                          [&names](const Row& row) {
                            names[row.uuid(agent_col::project_id)].emplace(
                                row.uuid(agent_col::id), row.text(agent_col::name));
                            return true;
                          });
  if (!read) return std::move(read).error();
  std::vector<Agent> out;
  const base::TimeUs silent_since = clock_.now() - options_.silence;
  for (const auto& [project, agents] : names) {
    std::set<Key> having;
    Query silent(Table::tasks);
    silent.where.eq(task_col::project_id, project)
        .eq(task_col::state, "started")
        .lt(task_col::sort_at, silent_since)
        .lt(task_col::updated_at, silent_since)
        .not_null(task_col::agent_id);
    silent.columns({task_col::agent_id, task_col::engine})
        .order({task_col::sort_at, task_col::id}, true)
        .limit(kMostScanned);
    read = store_.each(silent, [&having](const Row& row) {
      having.emplace(row.uuid(task_col::agent_id), row.text(task_col::engine));
      return true;
    });
    if (!read) return std::move(read).error();
    for (const auto& [agent, engine] : having) {
      if (const auto known = agents.find(agent); known != agents.end())
        out.push_back({project, agent, known->second, engine});
    }
  }
  return out;
}

std::size_t RemoteReconcile::ask(const Agent& agent, Reconcile& reconcile,
                                 const std::optional<Fence>& fence) {
  std::size_t asked = 0;
  while (auto question = reconcile.ask()) {
    auto page = json::parse(question->page_json);
    Z4J_CHECK(page && page->is_object());
    page->get_object()["engine"] = agent.engine;
    if (const json::Array* ids = json::array(page->get_object(), "task_ids")) asked += ids->size();
    const auto answered = std::make_shared<std::promise<base::Result<std::string>>>();
    auto answer = answered->get_future();
    relay_.read(
        agent.agent_id, "state", json::write(*page), question->deadline_ms,
        [answered](base::Result<std::string> text) { answered->set_value(std::move(text)); });
    while (answer.wait_for(kRemoteStopCheck) != std::future_status::ready) {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return asked;
    }
    reconcile.take(answer.get());
    if (const z4j_event_batch* batch = reconcile.events()) {
      EventSource source;
      source.project_id = agent.project_id;
      source.agent_id = agent.agent_id;
      source.instance = agent.name;
      source.is_remote = true;
      if (auto pushed = options_.push(source, *batch); !pushed) {
        log_.warn("reconciled events not taken", {{"agent", agent.name},
                                                  {"agent_id", agent.agent_id.text()},
                                                  {"why", pushed.error().text()}});
      }
      reconcile.events_gone();
    }
    if (const auto lost = reconcile.newly_lost(); !lost.empty()) {
      if (auto noted = options_.on_lost(agent.project_id, agent.engine, lost, fence); !noted) {
        log_.warn("lost tasks not noted", {{"agent", agent.name},
                                           {"agent_id", agent.agent_id.text()},
                                           {"why", noted.error().text()}});
        reconcile.again(lost);
      }
    }
  }
  return asked;
}

base::Result<std::size_t> RemoteReconcile::work() {
  const std::lock_guard pass(work_mutex_);
  std::optional<Fence> fence;
  if (options_.may_ask && !(fence = options_.may_ask())) {
    asked_.clear();
    return std::size_t{0};
  }
  auto agents = agents_with_silent_tasks();
  if (!agents) return std::move(agents).error();
  std::set<Key> open;
  for (const Agent& agent : *agents) open.emplace(agent.agent_id, agent.engine);
  std::erase_if(asked_, [&open](const auto& one) { return !open.contains(one.first); });
  std::size_t asked = 0;
  for (std::size_t i = 0; i < std::min(agents->size(), kAgentsAtOnce); ++i) {
    const Agent& agent = (*agents)[(next_ + i) % agents->size()];
    std::unique_ptr<Reconcile>& reconcile = asked_[{agent.agent_id, agent.engine}];
    if (!reconcile) {
      Reconcile::Pace pace = kRemotePace;
      pace.silence = options_.silence;
      reconcile = std::make_unique<Reconcile>(
          store_, clock_, log_, agent.name,
          SnapshotRows::Owner{agent.project_id, agent.agent_id, agent.engine}, pace);
    }
    asked += ask(agent, *reconcile, fence);
  }
  next_ = agents->empty() ? 0 : (next_ + kAgentsAtOnce) % agents->size();
  return asked;
}

void RemoteReconcile::start() {
  if (thread_.joinable()) return;
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void RemoteReconcile::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::milliseconds(options_.every_ms),
                         [this] { return is_stopping_; })) {
    lock.unlock();
    const auto asked = work();
    if (options_.on_pass) options_.on_pass(asked ? base::Status() : base::Status(asked.error()));
    if (!asked) log_.warn("silent tasks not asked about", {{"why", asked.error().text()}});
    lock.lock();
  }
}

void RemoteReconcile::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::core
