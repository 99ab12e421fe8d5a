#include "core/leases.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <tuple>

#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace brain_col = model::brains;
namespace lease_col = model::leases;

constexpr std::uint32_t kMostBrains = 1000, kMostLeases = 10'000;

std::vector<Cell> cells_of(const std::set<std::string>& names) {
  std::vector<Cell> out;
  for (const std::string& name : names) out.emplace_back(name);
  return out;
}

BrainRow brain_of(const Row& row) {
  BrainRow out;
  out.id = row.uuid(brain_col::id);
  out.host_name = row.text(brain_col::host_name);
  out.version = row.text(brain_col::version);
  out.pid = row.num(brain_col::pid);
  out.started_at = row.num(brain_col::started_at);
  return out;
}

}  // namespace

void Fence::guard(Commit& commit) const {
  Where held;
  held.eq(lease_col::name, name).eq(lease_col::owner, owner).eq(lease_col::fence, number);
  commit.check(Table::leases, std::move(held), 1, 1);
}

std::optional<std::size_t> refused_fence(const base::Status& done, const Commit& commit,
                                         std::size_t guards) {
  if (done || done.error().code != base::Code::conflict || commit.bad_step() >= guards)
    return std::nullopt;
  return commit.bad_step();
}

base::Result<bool> still_holds(Store& store, const Fence& fence) {
  Where held;
  held.eq(lease_col::name, fence.name)
      .eq(lease_col::owner, fence.owner)
      .eq(lease_col::fence, fence.number);
  auto found = store.count(Table::leases, held, 1);
  if (!found) return std::move(found).error();
  return *found > 0;
}

Leases::Leases(Store& store, const base::Clock& clock, base::Log& log, Options options)
    : store_(store),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      brain_(base::Uuid::random()),
      is_shared_(options_.is_shared.value_or(store.is_shared())) {}

Leases::~Leases() { stop(); }

void Leases::want(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (wanted_.insert(name).second) is_poked_ = true;
  wake_.notify_all();
}

std::optional<Fence> Leases::held(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(name);
  return found != held_.end() ? std::optional(found->second) : std::nullopt;
}

bool Leases::has_others() const {
  const std::lock_guard lock(mutex_);
  return others_ > 0;
}

void Leases::look_now() {
  const std::lock_guard lock(mutex_);
  is_poked_ = true;
  wake_.notify_all();
}

void Leases::give_back(const std::string& name) {
  const std::lock_guard round(work_mutex_);
  {
    const std::lock_guard lock(mutex_);
    wanted_.erase(name);
    if (held_.erase(name) == 0) return;
  }
  Where mine;
  mine.eq(lease_col::name, name).eq(lease_col::owner, brain_);
  Commit commit;
  commit.update(Table::leases, std::move(mine),
                {{lease_col::owner, nullptr}, {lease_col::expires_at, 0}});
  if (options_.tell_others) options_.tell_others(commit);
  if (auto done = store_.commit_apart(commit); !done)
    log_.warn("lease not given back", {{"lease", name}, {"why", done.error().text()}});
}

Leases::Belief Leases::belief(const Fence& fence) const {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(fence.name);
  if (found == held_.end() || found->second.number != fence.number) return Belief::lost;
  if (!is_shared_) return Belief::held;
  const bool is_awake = is_asking_ || clock_.steady_ms() - asked_ms_ <= options_.ttl.count();
  return is_awake && !slept_ ? Belief::held : Belief::unsure;
}

base::Status Leases::work() {
  const std::lock_guard one_at_a_time(work_mutex_);
  {
    const std::lock_guard lock(mutex_);
    slept_ = clock_.steady_ms() - asked_ms_ > options_.ttl.count();
    is_asking_ = true;
  }
  base::Status done = round();
  const std::lock_guard lock(mutex_);
  asked_ms_ = clock_.steady_ms();
  is_asking_ = slept_ = false;
  return done;
}

base::Status Leases::round() {
  std::set<std::string> wanted, held, missing;
  {
    const std::lock_guard lock(mutex_);
    is_poked_ = false;
    wanted = wanted_;
    for (const std::string& name : wanted_) (held_.count(name) > 0 ? held : missing).insert(name);
  }
  const std::int64_t now_ms = clock_.steady_ms();
  const Cell until = Cell::now(std::chrono::microseconds(options_.ttl).count());
  const bool looks_around = now_ms >= next_look_ms_ || !is_listed_;
  Commit commit;
  if (!is_listed_) {
    Rows row(Table::brains);
    row.begin()
        .uuid(brain_col::id, brain_)
        .text_or_null(brain_col::host_name, clean_text(options_.host_name, 255))
        .num(brain_col::pid, ::getpid())
        .text_or_null(brain_col::version, clean_text(options_.version, 64))
        .num(brain_col::started_at, clock_.now())
        .num(brain_col::expires_at, 0);
    commit.insert_new(std::move(row));
    if (options_.tell_others) options_.tell_others(commit);
  }
  Rows fresh(Table::leases);
  for (const std::string& name : missing) {
    if (has_row_.count(name) > 0) continue;
    fresh.begin()
        .text(lease_col::name, name)
        .num(lease_col::fence, 0)
        .num(lease_col::expires_at, 0);
  }
  if (fresh.size() > 0) commit.insert_new(std::move(fresh));
  const std::size_t listed = commit.steps();
  if (looks_around) {
    const auto lasts = options_.ttl + 2 * options_.look_around_every;
    Where self;
    self.eq(brain_col::id, brain_);
    commit.update(Table::brains, std::move(self),
                  {{brain_col::expires_at, Cell::now(std::chrono::microseconds(lasts).count())}});
  }
  const std::size_t renewed = commit.steps();
  if (!held.empty()) {
    Where mine;
    mine.in(lease_col::name, cells_of(held)).eq(lease_col::owner, brain_);
    commit.update(Table::leases, std::move(mine), {{lease_col::expires_at, until}});
  }
  const std::size_t first_taking = commit.steps();
  for (const bool was_left : {true, false}) {
    if (missing.empty()) break;
    Where free;
    free.in(lease_col::name, cells_of(missing));
    if (was_left)
      free.not_null(lease_col::owner);
    else
      free.is_null(lease_col::owner);
    if (is_shared_) free.lt(lease_col::expires_at, Cell::now());
    commit.update(Table::leases, std::move(free),
                  {{lease_col::owner, brain_},
                   {lease_col::fence, 1, Z4J_M_ADD},
                   {lease_col::expires_at, until},
                   {lease_col::taken_at, Cell::now()},
                   {lease_col::was_left, was_left}});
  }
  if (commit.steps() == 0) return {};
  if (auto done = store_.commit_apart(commit); !done) return done;
  // Else those who thought us dead removed the row.
  if (looks_around) is_listed_ = commit.affected(listed) == 1;
  has_row_.insert(missing.begin(), missing.end());
  bool is_news = !held.empty() && commit.affected(renewed) != held.size();
  for (std::size_t step = first_taking; step < commit.steps(); ++step)
    is_news = is_news || commit.affected(step) > 0;
  if (is_news) {
    if (auto read = read_mine(wanted); !read) return read;
  }
  if (is_shared_ && looks_around) {
    next_look_ms_ = now_ms + options_.look_around_every.count();
    return look_around();
  }
  return {};
}

base::Status Leases::read_mine(const std::set<std::string>& wanted) {
  Query query(Table::leases);
  query.where.eq(lease_col::owner, brain_);
  query.columns({lease_col::name, lease_col::fence, lease_col::was_left}).limit(kMostLeases);
  auto rows = store_.read(query);
  if (!rows) return std::move(rows).error();
  std::map<std::string, Fence, std::less<>> now;
  for (const Row& row : *rows) {
    std::string name(row.text(lease_col::name));
    if (wanted.count(name) == 0) continue;
    now[name] = Fence{name, brain_, row.num(lease_col::fence), row.flag(lease_col::was_left)};
  }
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, fence] : held_) {
      if (now.count(name) > 0) continue;
      is_news = true;
      log_.warn("lease lost: another brain has it", {{"lease", name}, {"fence", fence.number}});
    }
    for (const auto& [name, fence] : now) {
      const auto before = held_.find(name);
      if (before != held_.end() && before->second.number == fence.number) continue;
      is_news = true;
      log_.info("lease taken", {{"lease", name}, {"fence", fence.number}});
    }
    held_ = std::move(now);
  }
  if (is_news && options_.on_change) options_.on_change();
  return {};
}

// Counts the others, and takes those who are gone off the list, with their routes.
base::Status Leases::look_around() {
  std::set<base::Uuid> all, gone;
  for (const bool is_dead : {false, true}) {
    Query query(Table::brains);
    query.where.ne(brain_col::id, brain_);
    if (is_dead) query.where.lt(brain_col::expires_at, Cell::now());
    auto rows = store_.read(query.columns({brain_col::id}).limit(kMostBrains));
    if (!rows) return std::move(rows).error();
    for (const Row& row : *rows) (is_dead ? gone : all).insert(row.uuid(brain_col::id));
    if (all.empty()) break;
  }
  if (!gone.empty()) {
    namespace route_col = model::routes;
    std::vector<Cell> ids;
    for (const base::Uuid& id : gone) ids.emplace_back(id);
    Where routes, dead;
    routes.in(route_col::brain_id, ids);
    dead.in(brain_col::id, std::move(ids)).lt(brain_col::expires_at, Cell::now());
    Commit commit;
    commit.erase(Table::brains, std::move(dead));
    commit.erase(Table::routes, std::move(routes));
    if (auto done = store_.commit_apart(commit); !done) return done;
    log_.info("brains are gone", {{"brains", static_cast<std::int64_t>(gone.size())}});
  }
  const std::lock_guard lock(mutex_);
  others_ = all.size() - gone.size();
  return {};
}

base::Result<std::vector<BrainRow>> Leases::brains() {
  Query query(Table::brains);
  if (is_shared_) {
    query.where.ge(brain_col::expires_at, Cell::now());
  } else {
    query.where.eq(brain_col::id, brain_);
  }
  auto rows = store_.read(query.all().limit(kMostBrains));
  if (!rows) return std::move(rows).error();
  std::vector<BrainRow> out;
  for (const Row& row : *rows) {
    out.push_back(brain_of(row));
    out.back().is_this = out.back().id == brain_;
  }
  std::sort(out.begin(), out.end(), [](const BrainRow& a, const BrainRow& b) {
    return std::tuple(!a.is_this, a.started_at, a.id) < std::tuple(!b.is_this, b.started_at, b.id);
  });
  Query leases(Table::leases);
  leases.where.not_null(lease_col::owner);
  leases.columns({lease_col::name, lease_col::owner}).limit(kMostLeases);
  auto held = store_.read(leases);
  if (!held) return std::move(held).error();
  for (BrainRow& brain : out) {
    for (const Row& row : *held) {
      if (row.uuid(lease_col::owner) == brain.id)
        brain.leases.emplace_back(row.text(lease_col::name));
    }
    std::sort(brain.leases.begin(), brain.leases.end());
  }
  return out;
}

void Leases::start() {
  if (thread_.joinable()) return;
  thread_ = std::thread([this] { run(); });
}

void Leases::run() {
  bool is_failing = false;
  for (;;) {
    auto done = work();
    if (!done && !is_failing)
      log_.warn("leases not renewed", {{"why", done.error().text()}});
    else if (done && is_failing)
      log_.info("leases are renewed again");
    is_failing = !done;
    std::unique_lock lock(mutex_);
    const auto is_due = [this] { return is_stopping_ || is_poked_; };
    // What is not shared needs no renewal, only what is newly wanted.
    if (is_shared_ || is_failing)
      wake_.wait_for(lock, options_.renew_every, is_due);
    else
      wake_.wait(lock, is_due);
    if (is_stopping_) return;
  }
}

void Leases::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return;
    is_stopping_ = true;
    held_.clear();
    wanted_.clear();
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (!is_listed_) return;
  Where mine, self, routes;
  mine.eq(lease_col::owner, brain_);
  self.eq(brain_col::id, brain_);
  routes.eq(model::routes::brain_id, brain_);
  Commit commit;
  commit.update(Table::leases, std::move(mine),
                {{lease_col::owner, nullptr}, {lease_col::expires_at, 0}});
  commit.erase(Table::brains, std::move(self));
  commit.erase(Table::routes, std::move(routes));
  if (options_.tell_others) options_.tell_others(commit);
  if (auto done = store_.commit_apart(commit); !done)
    log_.warn("leases not given back", {{"why", done.error().text()}});
}

}  // namespace z4j::core
