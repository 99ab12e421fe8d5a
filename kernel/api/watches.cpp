#include "api/watches.hpp"

#include <algorithm>
#include <chrono>

#include "api/cursor.hpp"
#include "api/input.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "api/task_query.hpp"
#include "base/json.hpp"
#include "core/refusal.hpp"
#include "core/task_facets.hpp"

namespace z4j::api {
namespace {

using base::json::Object;

// Ours stand above all ids of sockets.
constexpr core::Live::Subscriber kFirstSubscriber = core::Live::Subscriber{1} << 63;
constexpr std::size_t kMostQuery = 4096, kMostId = 32, kMostCursor = 64, kMostWaiting = 32;
constexpr base::json::Limits kMessageLimits{.max_bytes = 8192, .max_depth = 8};
// A socket may ask for a watch every so often, and for some at once.
constexpr std::int64_t kWatchCostMs = 250, kWatchesAtOnce = 24;
constexpr std::int64_t kTimesCost = 4;
constexpr std::uint64_t kMostCounted = 20'000;
constexpr std::uint32_t kCountTimeoutMs = 150;
constexpr int kStatsHours = 24;

core::Tasks::Options hasty() {
  core::Tasks::Options out;
  out.search_ms = 150;
  out.direct_ms = 250;
  out.quick_ms = 40;
  return out;
}

bool is_plain(const core::TaskFilter& filter) {
  return !filter.has_text() && !filter.fingerprint && filter.args.empty() && !filter.since &&
         !filter.until;
}

std::string counts_json(const std::array<std::int64_t, core::kTaskStateNames.size()>& counts) {
  Object out;
  for (std::size_t i = 0; i < counts.size(); ++i) out[core::kTaskStateNames[i]] = counts[i];
  return base::json::write(out);
}

base::Error unfit(std::string_view reason, std::string message) {
  return core::refuse::error(base::Code::invalid, reason, std::move(message));
}

}  // namespace

Watches::Watches(Site& site)
    : site_(site),
      tasks_(site.parts.store, site.parts.clock, hasty()),
      next_subscriber_(kFirstSubscriber) {}

Watches::~Watches() { stop(); }

void Watches::use(net::SocketSender& sender) {
  const std::lock_guard lock(mutex_);
  sender_ = &sender;
  is_stopping_ = false;
}

void Watches::start(net::SocketSender& sender) {
  use(sender);
  thread_ = std::thread([this] { run(); });
}

void Watches::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (const auto& [subscriber, project] : subscribers_) site_.parts.live.unsubscribe(subscriber);
  subscribers_.clear();
  projects_.clear();
  sockets_.clear();
  pages_.clear();
  const std::lock_guard lock(mutex_);
  notes_.clear();
  waiting_.clear();
  changed_.clear();
  sender_ = nullptr;
}

bool Watches::is_subscriber(core::Live::Subscriber id) noexcept { return id >= kFirstSubscriber; }

void Watches::message(net::SocketId socket, const base::Uuid& user, const base::Uuid& project,
                      std::string_view text) {
  const std::lock_guard lock(mutex_);
  // Who says more than can be looked at hears nothing of the rest.
  if (is_stopping_ || waiting_[socket] >= kMostWaiting) return;
  ++waiting_[socket];
  notes_.push_back({socket, user, project, std::string(text)});
  wake_.notify_one();
}

void Watches::drop(net::SocketId socket) {
  const std::lock_guard lock(mutex_);
  if (is_stopping_) return;
  notes_.push_back({socket, {}, {}, {}, true});
  wake_.notify_one();
}

void Watches::changed(core::Live::Subscriber id) {
  const std::lock_guard lock(mutex_);
  changed_.insert(id);
  wake_.notify_one();
}

void Watches::run() {
  std::unique_lock lock(mutex_);
  std::optional<std::int64_t> next_ms;
  const auto has_news = [this] { return is_stopping_ || !notes_.empty() || !changed_.empty(); };
  while (!is_stopping_) {
    if (next_ms) {
      const std::int64_t left_ms =
          std::max<std::int64_t>(*next_ms - site_.parts.clock.steady_ms(), 0);
      wake_.wait_for(lock, std::chrono::milliseconds(left_ms), has_news);
    } else {
      wake_.wait(lock, has_news);
    }
    if (is_stopping_) return;
    lock.unlock();
    next_ms = work();
    lock.lock();
  }
}

std::optional<std::int64_t> Watches::work() {
  std::deque<Note> notes;
  std::set<core::Live::Subscriber> changed;
  {
    const std::lock_guard lock(mutex_);
    notes.swap(notes_);
    changed.swap(changed_);
    waiting_.clear();
  }
  for (const Note& note : notes) take(note, site_.parts.clock.steady_ms());
  std::set<base::Uuid> projects;
  for (const core::Live::Subscriber id : changed) {
    if (const auto found = subscribers_.find(id); found != subscribers_.end())
      projects.insert(found->second);
  }
  std::optional<std::int64_t> next_ms;
  const auto due = [&next_ms](std::int64_t at_ms) {
    next_ms = std::min(next_ms.value_or(at_ms), at_ms);
  };
  for (auto at = pages_.begin(); at != pages_.end();) {
    const auto here = at++;
    Page& page = *here->second;
    if (projects.contains(here->first.first)) page.is_dirty = page.is_count_dirty = true;
    const std::int64_t now_ms = site_.parts.clock.steady_ms();
    if (page.watches == 0) {
      if (now_ms - page.left_ms >= kKeptMs)
        forget(here);
      else
        due(page.left_ms + kKeptMs);
      continue;
    }
    if (page.is_dirty && now_ms >= page.read_due_ms) read(page);
    if (page.is_count_dirty && site_.parts.clock.steady_ms() >= page.count_due_ms) count(page);
    if (page.is_dirty) due(page.read_due_ms);
    if (page.is_count_dirty) due(page.count_due_ms);
  }
  send_due(site_.parts.clock.steady_ms(), next_ms);
  return next_ms;
}

void Watches::take(const Note& note, std::int64_t now_ms) {
  if (note.is_drop) {
    const auto found = sockets_.find(note.socket);
    if (found == sockets_.end()) return;
    while (!found->second.watches.empty())
      end_watch(found->second, found->second.watches.size() - 1, now_ms);
    sockets_.erase(found);
    return;
  }
  auto said = base::json::parse(note.text, kMessageLimits);
  if (!said || !said->is_object()) return;
  const Object& object = said->get_object();
  Socket& socket = sockets_[note.socket];
  socket.user = note.user;
  socket.project = note.project;
  if (base::json::text(object, "type") == "watch") return add(note.socket, socket, object, now_ms);
  const std::string id(base::json::text(object, "id"));
  for (std::size_t i = 0; i < socket.watches.size(); ++i) {
    if (socket.watches[i].id == id) return end_watch(socket, i, now_ms);
  }
}

void Watches::add(net::SocketId id, Socket& socket, const Object& said, std::int64_t now_ms) {
  Watch watch;
  watch.id = base::json::text(said, "id");
  if (watch.id.empty() || watch.id.size() > kMostId)
    return refuse(id, "", "invalid", "id must be 1 to 32 characters");
  watch.id_json = base::json::write(base::json::Value(watch.id));
  const auto old = std::find_if(socket.watches.begin(), socket.watches.end(),
                                [&](const Watch& w) { return w.id == watch.id; });
  if (old != socket.watches.end())
    end_watch(socket, static_cast<std::size_t>(old - socket.watches.begin()), now_ms);
  socket.paid_until_ms = std::max(socket.paid_until_ms, now_ms) + kWatchCostMs;
  if (socket.paid_until_ms - now_ms > kWatchCostMs * kWatchesAtOnce) {
    socket.paid_until_ms -= kWatchCostMs;
    return refuse(id, watch.id, "too_many", "too many watches were asked for in a short time");
  }
  std::size_t of_user = 0;
  for (const auto& [other, each] : sockets_) {
    if (each.user == socket.user) of_user += each.watches.size();
  }
  if (socket.watches.size() >= kMostOfSocket || of_user >= kMostOfUser)
    return refuse(id, watch.id, "too_many", "a socket has at most 8 watches, a user at most 100");
  auto page = page_for(socket, base::json::text(said, "query"));
  if (!page) return refuse(id, watch.id, page.error().where, page.error().message);
  watch.page = *page;
  watch.page->watches += 1;
  if (const std::string_view after = base::json::text(said, "after"); after.size() <= kMostCursor)
    watch.after = after;
  socket.watches.push_back(std::move(watch));
}

base::Result<Watches::Page*> Watches::page_for(const Socket& socket, std::string_view query) {
  if (query.size() > kMostQuery) return unfit("invalid", "query must have at most 4096 characters");
  PageKey key(socket.project, std::string(query));
  if (const auto found = pages_.find(key); found != pages_.end()) return found->second.get();
  net::Request request;
  request.query = query;
  Input in = Input::of_query(request);
  WatchedQuery asked{socket.project, key.second, read_task_filter(in), {}, WatchedPage::kUsualRows};
  asked.limit = static_cast<std::uint32_t>(
      in.integer("limit", 1, WatchedPage::kMostRows).value_or(WatchedPage::kUsualRows));
  if (const auto cursor = in.text("cursor", {1, 4096})) {
    asked.after = read_cursor(List::tasks, *cursor);
    if (!asked.after) in.problem("cursor", "value_error", "is not a next_cursor of this list");
  }
  for (const std::string_view name : {"format", "fields"}) {
    if (in.has(name)) in.problem(name, "value_error", "can't be watched");
  }
  if (!in.ok()) return unfit("invalid", in.first_problem());
  if (!has_room()) return unfit("too_many", "too many pages are watched; ask again later");
  const auto made = pages_.emplace(std::move(key), std::make_unique<Page>(std::move(asked))).first;
  Project& project =
      projects_.try_emplace(socket.project, Project{next_subscriber_, 0}).first->second;
  if (project.pages++ == 0) {
    ++next_subscriber_;
    subscribers_.emplace(project.subscriber, socket.project);
    site_.parts.live.subscribe(project.subscriber, socket.project,
                               core::live_topic(core::kTaskChanged));
  }
  return made->second.get();
}

// Pages that nobody watches make room, the ones left longest ago first.
bool Watches::has_room() {
  std::size_t bytes = 0;
  for (const auto& [key, page] : pages_) bytes += page->rows.bytes();
  while (pages_.size() >= kMostPages || bytes >= kMostBytes) {
    auto oldest = pages_.end();
    for (auto at = pages_.begin(); at != pages_.end(); ++at) {
      if (at->second->watches == 0 &&
          (oldest == pages_.end() || at->second->left_ms < oldest->second->left_ms))
        oldest = at;
    }
    if (oldest == pages_.end()) return false;
    bytes -= oldest->second->rows.bytes();
    forget(oldest);
  }
  return true;
}

void Watches::forget(std::map<PageKey, std::unique_ptr<Page>>::iterator page) {
  const auto project = projects_.find(page->first.first);
  if (--project->second.pages == 0) {
    site_.parts.live.unsubscribe(project->second.subscriber);
    subscribers_.erase(project->second.subscriber);
    projects_.erase(project);
  }
  pages_.erase(page);
}

void Watches::end_watch(Socket& socket, std::size_t place, std::int64_t now_ms) {
  Page& page = *socket.watches[place].page;
  page.watches -= 1;
  page.left_ms = now_ms;
  socket.watches.erase(socket.watches.begin() + static_cast<std::ptrdiff_t>(place));
}

void Watches::refuse(net::SocketId socket, std::string_view id, std::string_view reason,
                     std::string_view message) {
  net::SocketSender* sender = nullptr;
  {
    const std::lock_guard lock(mutex_);
    sender = sender_;
  }
  if (sender == nullptr) return;
  sender->send(socket,
               base::json::write(Object{
                   {"type", "refused"}, {"id", id}, {"reason", reason}, {"message", message}}));
}

void Watches::refuse_all(const Page& page, const base::Error& why, std::int64_t now_ms) {
  const bool is_slow = why.code == base::Code::timeout;
  for (auto& [id, socket] : sockets_) {
    for (std::size_t i = socket.watches.size(); i-- > 0;) {
      if (socket.watches[i].page != &page) continue;
      refuse(
          id, socket.watches[i].id, is_slow ? "too_slow" : "unavailable",
          is_slow ? "this search takes too long to be kept current" : "the store does not answer");
      end_watch(socket, i, now_ms);
    }
  }
}

void Watches::read(Page& page) {
  const std::int64_t begun_ms = site_.parts.clock.steady_ms();
  const base::Status done = page.rows.read(tasks_, site_.parts.clock.now());
  const std::int64_t now_ms = site_.parts.clock.steady_ms();
  page.read_due_ms = now_ms + std::max(kFrameEveryMs, (now_ms - begun_ms) * kTimesCost);
  if (!done) return refuse_all(page, done.error(), now_ms);
  page.is_dirty = false;
}

void Watches::count(Page& page) {
  const std::int64_t begun_ms = site_.parts.clock.steady_ms();
  core::TaskFilter filter = page.rows.query().filter;
  filter.state.reset();
  if (is_plain(filter)) {
    if (auto stats = site_.stats.project(page.rows.query().project, kStatsHours))
      page.rows.set_counts(counts_json(stats->tasks_by_state), stats->tasks_approximate);
    else
      page.rows.set_counts("null", false);
  } else if (auto states = core::count_states(site_.parts.store, page.rows.query().project, filter,
                                              kMostCounted, kCountTimeoutMs)) {
    page.rows.set_counts(counts_json(states->by_state), states->is_approximate);
  } else {
    page.rows.set_counts("null", false);
  }
  const std::int64_t now_ms = site_.parts.clock.steady_ms();
  page.count_due_ms = now_ms + std::max(kCountEveryMs, (now_ms - begun_ms) * kTimesCost);
  page.is_count_dirty = false;
}

void Watches::send_due(std::int64_t now_ms, std::optional<std::int64_t>& next_ms) {
  net::SocketSender* sender = nullptr;
  {
    const std::lock_guard lock(mutex_);
    sender = sender_;
  }
  if (sender == nullptr) return;
  std::vector<net::SocketId> gone;
  for (auto& [id, socket] : sockets_) {
    const std::size_t count = socket.watches.size();
    for (std::size_t i = 0; i < count; ++i) {
      Watch& watch = socket.watches[(socket.turn + i) % count];
      // A page whose first reading is still to come has nothing to tell.
      if (watch.page->is_dirty && watch.place.is_beginning) continue;
      if (!watch.after.empty()) {
        if (const auto known = watch.page->rows.place_of(watch.after)) watch.place = *known;
        watch.after.clear();
      }
      if (!watch.page->rows.has_news(watch.place)) continue;
      if (now_ms < socket.frame_due_ms) {
        next_ms = std::min(next_ms.value_or(socket.frame_due_ms), socket.frame_due_ms);
        break;
      }
      if (!sender->send(id, watch.page->rows.next_frame(watch.place, watch.id_json)))
        gone.push_back(id);
      socket.frame_due_ms = now_ms + kFrameEveryMs;
      next_ms = std::min(next_ms.value_or(socket.frame_due_ms), socket.frame_due_ms);
      socket.turn = (socket.turn + i + 1) % count;
      break;
    }
  }
  for (const net::SocketId id : gone) take({id, {}, {}, {}, true}, now_ms);
}

}  // namespace z4j::api
