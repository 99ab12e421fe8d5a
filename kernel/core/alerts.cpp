#include "core/alerts.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace sub = model::user_subscriptions;

constexpr std::size_t kOccasionsAtOnce = 256;
constexpr base::TimeUs kOldestNews = 3'600 * base::kSecondUs, kMinute = 60 * base::kSecondUs;
constexpr std::size_t kOccasionText = 2'000, kOccasionTraceback = 8'000;
constexpr std::chrono::milliseconds kAlertsRound{1'000}, kAlertsPause{1'000};
constexpr std::int64_t kUsPerMs = 1'000, kLookAgainMs = 2'000;

std::string cut_to(std::string_view text, std::size_t most) {
  if (text.size() <= most) return std::string(text);
  return clean_text(text.substr(0, most), most);
}

std::string_view trigger_of(std::uint16_t kind) noexcept {
  switch (kind) {
    case Z4J_EV_FAILED:
      return kTaskFailed;
    case Z4J_EV_SUCCEEDED:
      return kTaskSucceeded;
    case Z4J_EV_RETRIED:
      return kTaskRetried;
    default:
      return {};
  }
}

std::string_view state_after(std::uint16_t kind) noexcept {
  return kind == Z4J_EV_FAILED ? "failure" : kind == Z4J_EV_SUCCEEDED ? "success" : "retry";
}

Occasion occasion_of(const Event& e, std::string_view trigger) {
  Occasion o;
  o.trigger = trigger;
  o.project_id = e.project_id;
  o.at = e.at;
  o.task_id = e.task_id;
  o.task_name = e.task;
  o.engine = e.engine;
  o.queue = e.queue;
  o.priority = e.facts.priority;
  o.worker = e.worker;
  o.state = state_after(e.kind);
  o.exception = cut_to(e.facts.exception, kOccasionText);
  o.traceback = cut_to(e.facts.traceback, kOccasionTraceback);
  o.task_row = model::task_row_id(e.project_id, e.engine, e.task_id);
  if (e.runtime_us >= 0) o.runtime_ms = e.runtime_us / kUsPerMs;
  return o;
}

}  // namespace

struct Alerts::People {
  std::set<base::Uuid> users, admins;                   // active ones
  std::set<std::pair<base::Uuid, base::Uuid>> members;  // user and project
  struct Way {
    base::Uuid owner;
    std::string name, type;
  };
  std::map<base::Uuid, Way> project_channels, user_channels;  // active ones

  [[nodiscard]] bool may_hear(const Subscription& s) const {
    return users.contains(s.user_id) &&
           (admins.contains(s.user_id) || members.contains({s.user_id, s.project_id}));
  }
};

Alerts::Alerts(Store& store, Outbox& outbox, const base::Clock& clock, base::Log& log,
               Options options)
    : store_(store),
      outbox_(outbox),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      cooldown_skipped_("z4j_notifications_cooldown_skipped_total",
                        "firings that a cooldown held back", {"project", "trigger"}),
      watch_(store, clock, options_.watch) {}

Alerts::~Alerts() { stop(); }

std::shared_ptr<const AlertIndex> Alerts::index() const {
  const std::lock_guard lock(mutex_);
  return index_;
}

// --- taking -------------------------------------------------------------------------------------

void Alerts::stored(std::span<const Event* const> events) {
  const std::shared_ptr<const AlertIndex> index = this->index();
  if (index == nullptr || !index->hears_tasks()) return;
  const base::TimeUs now = clock_.now();
  std::vector<Occasion> found;
  const auto take = [&](const Event& e, std::string_view trigger) {
    const AlertEntries* entries = index->find(e.project_id, trigger);
    if (entries == nullptr) return;
    const bool is_heard = std::any_of(entries->begin(), entries->end(), [now](const auto& entry) {
      return entry->silent_until.load() <= now;
    });
    if (is_heard)
      found.push_back(occasion_of(e, trigger));
    else
      cooled_down(e.project_id, trigger);
  };
  for (const Event* e : events) {
    const std::string_view trigger = trigger_of(e->kind);
    if (trigger.empty() || !e->is_task() || e->at < now - kOldestNews) continue;
    take(*e, trigger);
    if (e->kind == Z4J_EV_RETRIED || e->runtime_us < 0) continue;
    const auto slow_ms = index->slow_ms(e->project_id, options_.watch.slow_task_ms);
    if (slow_ms && e->runtime_us / kUsPerMs >= *slow_ms) take(*e, kTaskSlow);
  }
  if (found.empty()) return;
  const std::lock_guard lock(mutex_);
  for (Occasion& each : found) {
    ++stats_.occasions;
    if (waiting_.size() >= kMostOccasions)
      ++stats_.lost;
    else
      waiting_.push_back(std::move(each));
  }
  wake_.notify_one();
}

void Alerts::fire(Occasion occasion) {
  const std::lock_guard lock(mutex_);
  ++stats_.occasions;
  if (waiting_.size() >= kMostOccasions) {
    ++stats_.lost;
    return;
  }
  waiting_.push_back(std::move(occasion));
  wake_.notify_one();
}

void Alerts::look() {
  const std::lock_guard lock(mutex_);
  is_stale_ = true;
  again_ms_ = clock_.steady_ms() + kLookAgainMs;
  wake_.notify_one();
}

void Alerts::cooled_down(const base::Uuid& project, std::string_view trigger) {
  cooldown_skipped_.add({project.text(), trigger});
  const std::lock_guard lock(mutex_);
  ++stats_.cooled_down;
}

// --- a round ------------------------------------------------------------------------------------

base::Status Alerts::refresh() {
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t now_ms = clock_.steady_ms();
    const bool is_again = again_ms_ != 0 && now_ms >= again_ms_;
    if (!is_stale_ && !is_again && now_ms < next_refresh_ms_) return {};
    is_stale_ = false;
    if (is_again) again_ms_ = 0;
  }
  auto loaded = AlertIndex::load(store_);
  const std::lock_guard lock(mutex_);
  if (!loaded) {
    is_stale_ = true;
    return std::move(loaded).error();
  }
  next_refresh_ms_ = clock_.steady_ms() + options_.refresh_every_ms;
  next_watch_ms_ = 0;  // what new subscriptions wait for is looked at as it is now
  index_ = std::move(*loaded);
  stats_.subscriptions = index_->size();
  return {};
}

base::Status Alerts::watch(const AlertIndex& index) {
  if (options_.may_watch && !options_.may_watch()) {
    if (watched_) watch_.forget();
    watched_ = false;
    return {};
  }
  if (watched_ && clock_.steady_ms() < next_watch_ms_) return {};
  watched_ = true;
  next_watch_ms_ = clock_.steady_ms() + options_.watch_every_ms;
  auto seen = watch_.look(index);
  if (!seen) return std::move(seen).error();
  for (Occasion& each : *seen) fire(std::move(each));
  return {};
}

// What the events did not say of their tasks.
base::Status Alerts::complete(std::vector<Occasion>& occasions, const AlertIndex& index) {
  namespace t = model::tasks;
  std::multimap<base::Uuid, Occasion*> lacking;
  std::set<base::Uuid> ids;
  for (Occasion& o : occasions) {
    if (!o.task_row || index.find(o.project_id, o.trigger) == nullptr) continue;
    const bool is_complete =
        !o.task_name.empty() && !o.queue.empty() && !o.priority.empty() && o.trigger != kTaskSlow;
    if (is_complete) continue;
    lacking.emplace(*o.task_row, &o);
    ids.insert(*o.task_row);
  }
  if (lacking.empty()) return {};
  Query query(Table::tasks);
  query.where.in(t::id, {ids.begin(), ids.end()});
  query.columns({t::id, t::name, t::queue, t::priority, t::worker_name, t::started_at});
  return store_.each(query, [&](const Row& row) {
    const auto fill = [](std::string& to, std::string_view from) {
      if (to.empty()) to = from;
    };
    const auto [first, last] = lacking.equal_range(row.uuid(t::id));
    for (auto at = first; at != last; ++at) {
      Occasion& o = *at->second;
      fill(o.task_name, row.text(t::name));
      fill(o.queue, row.text(t::queue));
      fill(o.priority, row.text(t::priority));
      fill(o.worker, row.text(t::worker_name));
      if (o.trigger != kTaskSlow || !o.runtime_ms) continue;
      o.detail = "it ran for " + std::to_string(*o.runtime_ms / 1'000) + " s";
      if (!row.is_null(t::started_at))
        o.once = slow_task_name(row.uuid(t::id), row.num(t::started_at));
    }
    return true;
  });
}

std::vector<Alerts::Firing> Alerts::match(const std::vector<Occasion>& occasions,
                                          const AlertIndex& index) {
  std::vector<Firing> out;
  const base::TimeUs now = clock_.now();
  std::set<std::pair<std::string_view, base::Uuid>> told_everywhere;  // trigger and user
  const auto take = [&](const Occasion& o, const AlertEntries& entries) {
    const SubscriptionFilter::Facts facts{
        o.priority.empty() ? "normal" : std::string_view(o.priority), o.task_name, o.queue};
    for (const auto& entry : entries) {
      const Subscription& s = entry->subscription;
      if (o.subscription_id && *o.subscription_id != s.id) continue;
      if (!entry->filter.fits(facts)) continue;
      if (o.trigger == kTaskSlow && o.runtime_ms) {
        const auto& own = entry->filter.slower_than_seconds;
        if (*o.runtime_ms < (own ? *own * 1'000 : options_.watch.slow_task_ms)) continue;
      }
      if (o.project_id.is_nil() && !told_everywhere.emplace(o.trigger, s.user_id).second) continue;
      if (entry->silent_until.load() > now) {
        if (s.cooldown_seconds > 0) cooled_down(s.project_id, o.trigger);
        continue;
      }
      Flood& flood = floods_[s.id];
      if (now - flood.since >= kMinute && flood.more == 0)
        flood = {now, 0, 0, s.project_id, o.trigger};
      if (o.once.empty() && ++flood.count > kMostPerMinute) {
        ++flood.more;
        const std::lock_guard lock(mutex_);
        ++stats_.flooded;
        continue;
      }
      out.push_back(
          {entry, &o, o.once.empty() ? base::Uuid::random() : base::Uuid::named(s.id, o.once)});
      // The rest of the batch waits as the store will say.
      if (s.cooldown_seconds > 0) entry->silent_until = now + entry->cooldown();
    }
  };
  for (const Occasion& o : occasions) {
    if (!o.project_id.is_nil()) {
      if (const AlertEntries* entries = index.find(o.project_id, o.trigger)) take(o, *entries);
      continue;
    }
    for (const base::Uuid& project : index.projects(o.trigger)) {
      if (const AlertEntries* entries = index.find(project, o.trigger)) take(o, *entries);
    }
  }
  return out;
}

// What a subscription was not told one by one.
void Alerts::sum_up_floods(std::vector<Occasion>& occasions) {
  const base::TimeUs now = clock_.now();
  for (auto at = floods_.begin(); at != floods_.end();) {
    const Flood& flood = at->second;
    if (now - flood.since < kMinute) {
      ++at;
      continue;
    }
    if (flood.more > 0) {
      Occasion o;
      o.trigger = flood.trigger;
      o.project_id = flood.project_id;
      o.at = now;
      o.subject = std::to_string(flood.more) + " more";
      o.detail = "More came than are told one by one (" + std::to_string(kMostPerMinute) +
                 " a minute): " + std::to_string(flood.more) +
                 " others are not listed. A filter or a cooldown makes them fewer.";
      o.subscription_id = at->first;
      o.once = "flood " + std::to_string(flood.since);
      occasions.push_back(std::move(o));
    }
    at = floods_.erase(at);
  }
}

base::Result<Alerts::People> Alerts::people_of(const std::vector<Firing>& firings) {
  People out;
  std::set<base::Uuid> users, projects, project_channels, user_channels;
  for (const Firing& f : firings) {
    const Subscription& s = f.entry->subscription;
    users.insert(s.user_id);
    projects.insert(s.project_id);
    project_channels.insert(s.project_channel_ids.begin(), s.project_channel_ids.end());
    user_channels.insert(s.user_channel_ids.begin(), s.user_channel_ids.end());
  }
  namespace u = model::users;
  Query people(Table::users);
  people.where.in(u::id, {users.begin(), users.end()}).eq(u::is_active, true);
  auto read = store_.each(people.columns({u::id, u::is_admin}), [&out](const Row& row) {
    out.users.insert(row.uuid(u::id));
    if (row.flag(u::is_admin)) out.admins.insert(row.uuid(u::id));
    return true;
  });
  if (!read) return std::move(read).error();
  namespace m = model::memberships;
  Query members(Table::memberships);
  members.where.in(m::user_id, {users.begin(), users.end()})
      .in(m::project_id, {projects.begin(), projects.end()});
  read = store_.each(members.columns({m::user_id, m::project_id}), [&out](const Row& row) {
    out.members.emplace(row.uuid(m::user_id), row.uuid(m::project_id));
    return true;
  });
  if (!read) return std::move(read).error();
  namespace pc = model::notification_channels;
  if (!project_channels.empty()) {
    Query query(Table::notification_channels);
    query.where.in(pc::id, {project_channels.begin(), project_channels.end()})
        .eq(pc::is_active, true);
    query.columns({pc::id, pc::project_id, pc::name, pc::type});
    read = store_.each(query, [&out](const Row& row) {
      out.project_channels[row.uuid(pc::id)] = {row.uuid(pc::project_id),
                                                std::string(row.text(pc::name)),
                                                std::string(row.text(pc::type))};
      return true;
    });
    if (!read) return std::move(read).error();
  }
  namespace uc = model::user_channels;
  if (!user_channels.empty()) {
    Query query(Table::user_channels);
    query.where.in(uc::id, {user_channels.begin(), user_channels.end()}).eq(uc::is_active, true);
    query.columns({uc::id, uc::user_id, uc::name, uc::type});
    read = store_.each(query, [&out](const Row& row) {
      out.user_channels[row.uuid(uc::id)] = {row.uuid(uc::user_id), std::string(row.text(uc::name)),
                                             std::string(row.text(uc::type))};
      return true;
    });
    if (!read) return std::move(read).error();
  }
  return out;
}

// --- telling ------------------------------------------------------------------------------------

void Alerts::add_steps(Commit& commit, const Firing& firing, const People& people,
                       const AlertIndex& index) const {
  const Subscription& s = firing.entry->subscription;
  Occasion o = *firing.occasion;
  if (o.project_id.is_nil()) o.project_id = s.project_id;
  if (s.in_app) {
    Notification n;
    n.id = firing.id;
    n.user_id = s.user_id;
    n.project_id = s.project_id;
    n.subscription_id = s.id;
    n.trigger = o.trigger;
    n.title = occasion_title(o);
    n.body = occasion_body(o);
    n.data = occasion_data(o);
    n.created_at = clock_.now();
    insert_notification(commit, n);
  }
  if (outbox_.is_full()) return;
  const auto queue = [&](const base::Uuid& channel, const People::Way& way, bool is_users) {
    ChannelMessage m;
    m.id = base::Uuid::named(firing.id, channel.view());
    m.project_id = s.project_id;
    m.subscription_id = s.id;
    (is_users ? m.user_channel_id : m.channel_id) = channel;
    m.user_id = s.user_id;
    m.trigger = o.trigger;
    m.task_id = o.task_id;
    m.task_name = o.task_name.empty() ? o.subject : o.task_name;
    m.channel_name = way.name;
    m.channel_type = way.type;
    m.message = occasion_message(o, index.project(s.project_id), options_.public_url);
    outbox_.queue(commit, m);
  };
  for (const base::Uuid& id : s.project_channel_ids) {
    const auto way = people.project_channels.find(id);
    if (way != people.project_channels.end() && way->second.owner == s.project_id)
      queue(id, way->second, false);
  }
  for (const base::Uuid& id : s.user_channel_ids) {
    const auto way = people.user_channels.find(id);
    if (way != people.user_channels.end() && way->second.owner == s.user_id)
      queue(id, way->second, true);
  }
}

void Alerts::told(const Firing& firing) {
  {
    const std::lock_guard lock(mutex_);
    ++stats_.fired;
  }
  if (options_.on_rang) options_.on_rang(firing.entry->subscription.project_id);
}

// Without a cooldown nothing is claimed: all of a round in one commit.
base::Status Alerts::tell_together(const std::vector<const Firing*>& firings, const People& people,
                                   const AlertIndex& index) {
  if (firings.empty()) return {};
  Commit commit;
  std::set<base::Uuid> subscriptions;
  for (const Firing* each : firings) {
    add_steps(commit, *each, people, index);
    subscriptions.insert(each->entry->subscription.id);
  }
  Where fired;
  fired.in(sub::id, {subscriptions.begin(), subscriptions.end()});
  commit.update(Table::user_subscriptions, std::move(fired),
                {{sub::last_fired_at, clock_.now(), Z4J_M_MAX}});
  if (auto done = store_.commit(commit); !done) return done;
  for (const Firing* each : firings) told(*each);
  return {};
}

// One brain of several wins, and one of two tellers of the same thing.
base::Status Alerts::claim_and_tell(const Firing& firing, const People& people,
                                    const AlertIndex& index) {
  const Subscription& s = firing.entry->subscription;
  const base::TimeUs now = clock_.now();
  const bool is_once = !firing.occasion->once.empty();
  Commit commit;
  if (is_once) {
    namespace d = model::notification_deliveries;
    std::vector<Cell> messages;
    for (const auto* ids : {&s.project_channel_ids, &s.user_channel_ids}) {
      for (const base::Uuid& id : *ids)
        messages.emplace_back(base::Uuid::named(firing.id, id.view()));
    }
    Where known, delivered;
    known.eq(model::user_notifications::id, firing.id);
    commit.check(Table::user_notifications, std::move(known), 0, 0);
    if (!messages.empty()) {
      Where waiting;
      waiting.in(model::outbox::id, messages);
      commit.check(Table::outbox, std::move(waiting), 0, 0);
      delivered.in(d::id, std::move(messages));
      commit.check(Table::notification_deliveries, std::move(delivered), 0, 0);
    }
  }
  const std::size_t claim = commit.steps();
  Where free;
  free.eq(sub::id, s.id).eq(sub::is_active, true);
  if (s.cooldown_seconds > 0) {
    free.any([&](Where& w) {
      w.is_null(sub::last_fired_at).le(sub::last_fired_at, now - firing.entry->cooldown());
    });
  }
  commit.update(Table::user_subscriptions, std::move(free), {{sub::last_fired_at, now, Z4J_M_MAX}},
                1, 1);
  add_steps(commit, firing, people, index);
  const base::Status done = store_.commit(commit);
  if (done) return told(firing), base::Status();
  if (done.error().code != base::Code::conflict) return done;
  if (commit.bad_step() == claim) {
    cooled_down(s.project_id, firing.occasion->trigger);
    look();
  }
  return {};
}

base::Status Alerts::tell(const std::vector<Firing>& firings, const AlertIndex& index) {
  if (firings.empty()) return {};
  auto people = people_of(firings);
  if (!people) return std::move(people).error();
  std::vector<const Firing*> together;
  for (const Firing& each : firings) {
    if (!people->may_hear(each.entry->subscription)) continue;
    const bool is_claimed =
        each.entry->subscription.cooldown_seconds > 0 || !each.occasion->once.empty();
    if (!is_claimed) {
      together.push_back(&each);
      continue;
    }
    if (auto done = claim_and_tell(each, *people, index); !done) {
      // Others are not held up; this one is silent in vain until the index is read again.
      log_.warn("a notification was not written",
                {{"why", done.error().text()}, {"trigger", each.occasion->trigger}});
      look();
    }
  }
  auto done = tell_together(together, *people, index);
  if (done || done.error().is_world()) {
    if (!done) return done;
  } else {
    log_.error("notifications were not written", {{"why", done.error().text()}});
  }
  outbox_.look();
  return {};
}

base::Status Alerts::work() {
  const std::lock_guard round(work_mutex_);
  if (auto read = refresh(); !read) return read;
  const std::shared_ptr<const AlertIndex> index = this->index();
  const base::Status watched = watch(*index);
  for (;;) {
    std::vector<Occasion> occasions;
    occasions.swap(unfinished_);
    if (occasions.empty()) {
      sum_up_floods(occasions);
      const std::lock_guard lock(mutex_);
      while (!waiting_.empty() && occasions.size() < kOccasionsAtOnce) {
        occasions.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
    }
    if (occasions.empty()) return watched;
    if (auto read = complete(occasions, *index); !read) {
      unfinished_.swap(occasions);
      return read;
    }
    const std::vector<Firing> firings = match(occasions, *index);
    if (auto done = tell(firings, *index); !done) {
      unfinished_.swap(occasions);
      look();  // who is silent is for the store to say
      return done;
    }
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return watched;
  }
}

// --- thread -------------------------------------------------------------------------------------

void Alerts::start() {
  if (thread_.joinable()) return;
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Alerts::run() {
  for (;;) {
    const base::Status done = work();
    if (!done) log_.warn("notifications wait", {{"why", done.error().text()}});
    std::unique_lock lock(mutex_);
    const auto pause = done ? kAlertsRound : kAlertsPause;
    wake_.wait_for(lock, pause,
                   [&] { return is_stopping_ || (done && (is_stale_ || !waiting_.empty())); });
    if (is_stopping_) return;
  }
}

void Alerts::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// --- figures ------------------------------------------------------------------------------------

Alerts::Stats Alerts::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Alerts::write(MetricText& out) const {
  const Stats s = stats();
  const auto number = [&out](std::string_view name, std::string_view type, std::string_view help,
                             std::uint64_t value) {
    out.family(name, type, help).sample({}, static_cast<std::int64_t>(value));
  };
  number("z4j_notifications_fired_total", "counter", "firings of subscriptions", s.fired);
  number("z4j_notifications_lost_total", "counter",
         "occasions that came faster than they were told", s.lost);
  number("z4j_notifications_flooded_total", "counter",
         "firings beyond what one subscription is told a minute", s.flooded);
  number("z4j_notifications_subscriptions", "gauge", "active subscriptions", s.subscriptions);
  cooldown_skipped_.write(out);
}

}  // namespace z4j::core
