#include "src/snapshots.hpp"

#include "src/abilities.hpp"
#include "src/command_args.hpp"
#include "src/live_tasks.hpp"
#include "src/purges.hpp"
#include "src/queue_names.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/celery/result.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxLimit = 500, kMaxPageBytes = 4u << 20;
constexpr std::int64_t kInFlightAgeUs = 5'000'000;
constexpr int kFactsAgeMs = 3000;

// Items up to the page's end, by count and by bytes.
class Items {
 public:
  explicit Items(std::size_t limit) : limit_(limit) {}
  // False: it does not fit any more.
  bool add(json::Object item) {
    const std::size_t size = json::write(item).size();
    if (items_.size() >= limit_ || (!items_.empty() && bytes_ + size > kMaxPageBytes)) return false;
    bytes_ += size;
    items_.emplace_back(std::move(item));
    return true;
  }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] json::Object page(json::Value next) && {
    return {{"items", std::move(items_)}, {"next", std::move(next)}};
  }

 private:
  std::size_t limit_, bytes_ = 0;
  json::Array items_;
};

// Names behind the cursor; the last one given is the next cursor.
template <class Names, class MakeItem>
json::Object page_by_name(const Names& names, const std::string& cursor, std::size_t limit,
                          MakeItem&& make) {
  Items items(limit);
  std::string last;
  for (const std::string& name : names) {
    if (!cursor.empty() && name <= cursor) continue;
    if (!items.add(make(name))) return std::move(items).page(json::Value(json::String(last)));
    last = name;
  }
  return std::move(items).page(nullptr);
}

std::size_t place_in(const std::string& cursor) {
  std::size_t from = 0;
  const char* end = cursor.data() + cursor.size();
  if (!cursor.empty() && std::from_chars(cursor.data(), end, from).ptr != end)
    throw Error(Z4J_INVALID, "that cursor is not from this snapshot");
  return from;
}

// Things that the broker counts from `from`; the place of the next one is the next cursor.
template <class Things, class MakeItem>
json::Object page_by_place(const Things& things, std::size_t from, std::size_t limit,
                           MakeItem&& make) {
  Items items(limit);
  for (const auto& thing : things) {
    if (!items.add(make(thing, from + items.size()))) break;
  }
  const std::size_t shown = items.size();
  const bool more = shown < things.size() || things.size() == limit;
  return std::move(items).page(more ? json::Value(json::String(std::to_string(from + shown)))
                                    : json::Value(nullptr));
}

void put_payload(json::Object& item, const char* name, const char* flag, const std::string& raw,
                 const std::string& repr) {
  if (!raw.empty()) {
    item[name] = json::parse(raw, celery::kMaxMessageBytes, 100);
  } else if (!repr.empty()) {
    item[name] = text::clean(repr, 64u << 10);
    item[flag] = true;
  }
}

json::Object waiting_item(const std::string& message, const std::string& queue,
                          std::size_t position, const RecentTasks& sent) {
  json::Object item = {{"task_id", ""}, {"name", ""}, {"queue", queue}, {"position", position}};
  try {
    const celery::Message m = celery::parse_message(message);
    const celery::Body body = celery::parse_body(m);
    item["task_id"] = m.id;
    item["name"] = m.task;
    if (const auto at = sent.time(m.id)) item["enqueued_at"] = seconds(*at);
    if (m.eta_us) item["eta"] = seconds(*m.eta_us);
    const bool pickled = body.form == celery::BodyForm::pickle;
    put_payload(item, "args", "args_is_repr", body.args, pickled ? body.args_repr : m.args_repr);
    put_payload(item, "kwargs", "kwargs_is_repr", body.kwargs,
                pickled ? body.kwargs_repr : m.kwargs_repr);
  } catch (const Error&) {
    item["name"] = "(unreadable message)";
  }
  return item;
}

}  // namespace

std::string Snapshots::take(std::string_view what, std::string_view page_json) {
  const json::Value asked = json::parse(page_json.empty() ? "{}" : page_json, 1u << 20);
  const json::Object* o = asked.if_object();
  if (o == nullptr) throw Error(Z4J_INVALID, "the page must be an object");
  Page page;
  const std::int64_t limit = json::integer(*o, "limit", static_cast<std::int64_t>(kMaxLimit));
  page.limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(limit, 1, static_cast<std::int64_t>(kMaxLimit)));
  page.cursor = json::text(*o, "cursor");
  page.queue = json::text(*o, "queue");
  page.copy = json::text(*o, "copy");
  if (const json::Array* ids = json::array(*o, "task_ids")) {
    if (ids->size() > kMaxLimit) throw Error(Z4J_INVALID, "at most 500 task_ids");
    for (const json::Value& id : *ids) {
      if (!id.is_string()) throw Error(Z4J_INVALID, "task_ids must hold texts");
      page.task_ids.emplace_back(id.get_string().data(), id.get_string().size());
    }
  }
  if (what == "workers") return json::write(workers(page));
  if (what == "queues") return json::write(queues(page));
  if (what == "waiting") return json::write(waiting(page));
  if (what == "state") return json::write(state(page));
  if (what == "registry") return json::write(registry(page));
  if (what == "dead_letters") return json::write(dead_letters(page));
  if (what == "copy") return json::write(copy(page));
  if (what == "abilities") {
    return json::write(
        json::Object{{"items", abilities(lines_, shared_, facts_)}, {"next", nullptr}});
  }
  throw Error(Z4J_UNSUPPORTED, "this engine has no such snapshot");
}

json::Object Snapshots::workers(const Page& page) {
  const std::map<std::string, WorkerAnswer>& answers = facts_.get(lines_, shared_, kFactsAgeMs);
  const std::map<std::string, Fleet::Worker> heard = shared_.fleet.all();
  std::set<std::string> names;
  for (const auto& [name, w] : heard) names.insert(name);
  for (const auto& [name, a] : answers) names.insert(name);
  return page_by_name(names, page.cursor, page.limit, [&](const std::string& name) {
    const auto h = heard.find(name);
    const auto a = answers.find(name);
    return worker(name, h == heard.end() ? nullptr : &h->second,
                  a == answers.end() ? nullptr : &a->second);
  });
}

json::Object Snapshots::worker(const std::string& name, const Fleet::Worker* heard,
                               const WorkerAnswer* answer) const {
  json::Object item = {{"name", name}, {"queues", json::Array()}, {"active_tasks", 0}};
  if (const std::size_t at = name.find('@'); at != std::string::npos)
    item["hostname"] = name.substr(at + 1);
  bool alive = answer != nullptr;
  if (heard != nullptr) {
    alive = Fleet::alive(*heard, now_us()) || (alive && !heard->offline);
    if (heard->heard_us > 0) item["last_heartbeat"] = seconds(heard->heard_us);
    if (heard->beat.pid > 0) item["pid"] = heard->beat.pid;
    if (!heard->beat.version.empty()) item["version"] = heard->beat.version;
    if (!heard->beat.load.empty())
      item["load_average"] = json::Array(heard->beat.load.begin(), heard->beat.load.end());
    item["active_tasks"] = alive ? heard->beat.active : 0;
  }
  item["state"] = alive ? "online" : "offline";
  json::Object metadata;
  if (answer != nullptr) {
    item["queues"] = texts(answer->queues());
    item["active_tasks"] = answer->active.size();
    if (const std::int64_t pid = json::integer(answer->stats, "pid"); pid > 0) item["pid"] = pid;
    if (const json::Object* pool = json::object(answer->stats, "pool")) {
      if (const std::int64_t n = json::integer(*pool, "max-concurrency"); n > 0)
        item["concurrency"] = n;
    }
    if (const json::Object* usage = json::object(answer->stats, "rusage")) {
      if (const std::int64_t kib = json::integer(*usage, "maxrss"); kib > 0)
        item["memory_bytes"] = kib * 1024;
    }
    metadata["stats"] = answer->stats;
    metadata["active"] = answer->active;
    metadata["active_queues"] = answer->active_queues;
    metadata["registered"] = answer->registered;
  }
  item["metadata"] = std::move(metadata);
  return item;
}

// By queue, from the unacknowledged messages; they are whole messages, so not at every glance.
void Snapshots::count_in_flight() {
  const std::int64_t now = now_us();
  if (in_flight_us_ != 0 && now - in_flight_us_ < kInFlightAgeUs) return;
  bool truncated = false;
  std::map<std::string, InFlight> counts;
  for (const celery::Unacked& u : lines_.broker->unacked(kMaxUnacked, truncated)) {
    InFlight& f = counts[u.routing_key];
    ++f.unacked;
    try {
      const celery::Message m = celery::parse_message(u.message);
      if (m.eta_us && *m.eta_us > now) ++f.scheduled;
    } catch (const Error&) {
      continue;  // counted as unacknowledged all the same
    }
  }
  in_flight_ = std::move(counts);
  in_flight_known_ = !truncated;
  in_flight_us_ = now;
}

// A message carries no time. What is known: when a producer said it sent the task, and since when
// this very message has been at the head; the age is then at least that.
std::optional<double> Snapshots::oldest_age(const std::string& queue,
                                            const std::vector<std::string>& heads) {
  const std::int64_t now = now_us();
  std::map<std::string, std::int64_t> seen;
  std::optional<std::int64_t> oldest;
  for (const std::string& head : heads) {
    try {
      const celery::Message m = celery::parse_message(head);
      const std::string tag(json::text(m.envelope.properties(), "delivery_tag"));
      const std::map<std::string, std::int64_t>& before = heads_[queue];
      const auto known = before.find(tag);
      const std::int64_t first = known == before.end() ? now : known->second;
      seen[tag] = first;
      const std::int64_t since = std::min(first, shared_.sent.time(m.id).value_or(first));
      oldest = std::min(oldest.value_or(since), since);
    } catch (const Error&) {
      continue;  // of unknown age
    }
  }
  heads_[queue] = std::move(seen);
  if (!oldest) return std::nullopt;
  return std::max(0.0, seconds(now - *oldest));
}

json::Object Snapshots::queues(const Page& page) {
  const std::map<std::string, WorkerAnswer>& answers = facts_.get(lines_, shared_, kFactsAgeMs);
  std::map<std::string, std::int64_t> consumers;
  for (const auto& [name, answer] : answers) {
    for (const std::string& queue : answer.queues()) ++consumers[queue];
  }
  count_in_flight();
  std::vector<std::string> names;
  std::map<std::string, celery::Depth> depths;
  for (celery::Depth& d :
       lines_.broker->depths(queue_names(settings_, shared_, Named::by_anybody))) {
    if (!d.exists) continue;
    names.push_back(d.queue);
    depths[names.back()] = std::move(d);
  }
  for (auto it = heads_.begin(); it != heads_.end();)
    it = depths.count(it->first) == 0 ? heads_.erase(it) : std::next(it);
  const std::map<std::string, std::set<std::string>> paused = shared_.paused.all();
  return page_by_name(names, page.cursor, page.limit, [&](const std::string& name) {
    const celery::Depth& d = depths[name];
    json::Object item = {{"name", name},
                         {"pending", d.waiting},
                         {"oldest_age_s", nullptr},
                         {"unacked", nullptr},
                         {"scheduled", nullptr},
                         {"consumers", consumers[name]},
                         {"paused", paused.count(name) != 0 && consumers[name] == 0},
                         {"broker_type", lines_.broker->kind()},
                         {"broker_url_hint", lines_.broker->hint()}};
    if (const std::optional<double> age = oldest_age(name, d.heads)) item["oldest_age_s"] = *age;
    if (in_flight_known_) {
      item["unacked"] = in_flight_[name].unacked;
      item["scheduled"] = in_flight_[name].scheduled;
    }
    if (d.unacked) item["unacked"] = *d.unacked;
    if (d.consumers) item["consumers"] = *d.consumers;
    return item;
  });
}

json::Object Snapshots::waiting(const Page& page) {
  const std::string queue =
      page.queue.empty() ? settings_.default_queue : checked_queue(page.queue);
  if (const std::string why = lines_.broker->cannot(celery::Ability::look_at_waiting); !why.empty())
    throw Error(Z4J_UNSUPPORTED, why);
  const std::size_t from = place_in(page.cursor);
  return page_by_place(lines_.broker->peek(queue, from, page.limit), from, page.limit,
                       [&](const std::string& message, std::size_t place) {
                         return waiting_item(message, queue, place, shared_.sent);
                       });
}

json::Object Snapshots::dead_letters(const Page& page) {
  const std::string queue = page.queue.empty() ? std::string() : checked_queue(page.queue);
  const std::size_t from = place_in(page.cursor);
  return page_by_place(lines_.broker->dead_letters(queue, from, page.limit), from, page.limit,
                       [&](const celery::DeadLetter& d, std::size_t place) {
                         json::Object item = waiting_item(d.message, d.queue, place, shared_.sent);
                         item["origin"] = d.origin;
                         if (d.dead_at > 0) item["dead_at"] = d.dead_at;
                         if (!d.why.empty()) item["why"] = d.why;
                         return item;
                       });
}

json::Object Snapshots::copy(const Page& page) {
  const std::string queue = checked_queue(page.queue), copy = checked_copy(page.copy);
  const std::size_t from = place_in(page.cursor);
  return page_by_place(lines_.broker->read_aside(queue, copy, from, page.limit), from, page.limit,
                       [](const std::string& message, std::size_t) {
                         json::Object item = {{"body", text::base64_encode(message)}};
                         try {
                           const celery::Message m = celery::parse_message(message);
                           item["task_id"] = m.id;
                           item["task_name"] = m.task;
                         } catch (const Error&) {
                           // Nobody can read it, and it goes back as it is.
                         }
                         return item;
                       });
}

json::Object Snapshots::registry(const Page& page) {
  std::map<std::string, std::vector<std::string>> workers_of;
  for (const auto& [name, answer] : facts_.get(lines_, shared_, kFactsAgeMs)) {
    for (const std::string& task : answer.tasks()) workers_of[task].push_back(name);
  }
  std::vector<std::string> names;
  for (const auto& [task, workers] : workers_of) names.push_back(task);
  return page_by_name(names, page.cursor, page.limit, [&](const std::string& task) {
    return json::Object{{"name", task}, {"workers", texts(workers_of[task])}};
  });
}

// Asked in the order of how much each source proves: a stored result, a worker that holds the task,
// an unacknowledged message, a message in a queue.
json::Object Snapshots::state(const Page& page) {
  std::map<std::string, json::Object> known;
  const auto tell = [&](const std::string& id, std::string_view state,
                        std::string evidence) -> json::Object& {
    json::Object& item = known[id];
    item = {{"task_id", id}, {"state", state}, {"evidence", std::move(evidence)}};
    return item;
  };
  std::set<std::string> open(page.task_ids.begin(), page.task_ids.end());
  std::map<std::string, std::string> stored;  // states that are not final
  if (lines_.results) {
    for (const std::string& bytes : lines_.results->get(page.task_ids)) {
      const std::optional<celery::ResultMeta> meta =
          bytes.empty() ? std::nullopt : celery::read_result(bytes);
      if (!meta || open.count(meta->task_id) == 0) continue;
      if (!celery::is_final(meta->status)) {
        stored[meta->task_id] = celery::state_name(meta->status);
        continue;
      }
      json::Object& item = tell(meta->task_id, celery::state_name(meta->status), "result store");
      if (meta->done_us) item["finished_at"] = seconds(*meta->done_us);
      if (!meta->result.empty())
        item["result"] = json::parse(meta->result, celery::kMaxMessageBytes, 100);
      if (!meta->exception.empty()) item["exception"] = meta->exception;
      open.erase(meta->task_id);
    }
  }
  if (!open.empty()) {
    const LiveTasks live = ask_live_tasks(lines_, shared_, Arguments::reprs, kAskMs);
    for (const LiveTask& t : live.tasks) {
      if (open.erase(t.id) == 0) continue;
      tell(t.id, t.where == LiveTask::Where::active ? "started" : "received",
           "held by worker " + t.worker);
    }
  }
  if (!open.empty()) {
    bool truncated = false;
    for (const celery::Unacked& u : lines_.broker->unacked(kMaxUnacked, truncated)) {
      try {
        const std::string id = celery::parse_message(u.message).id;
        if (open.erase(id) != 0)
          tell(id, stored.count(id) != 0 ? stored[id] : "received", "delivered, not acknowledged");
      } catch (const Error&) {
        continue;
      }
    }
  }
  for (const std::string& queue : queue_names(settings_, shared_)) {
    if (open.empty() || !lines_.broker->looks_for_free()) break;
    constexpr std::size_t kLookAt = 2000;
    for (const std::string& message : lines_.broker->peek(queue, 0, kLookAt)) {
      try {
        const std::string id = celery::parse_message(message).id;
        if (open.erase(id) != 0)
          tell(id, stored.count(id) != 0 ? stored[id] : "pending", "waits in queue " + queue);
      } catch (const Error&) {
        continue;
      }
    }
  }
  json::Array items;
  for (const std::string& id : page.task_ids) {
    if (known.count(id) == 0) {
      const bool said = stored.count(id) != 0;
      tell(id, said ? stored[id] : "unknown",
           said ? "result store; no worker holds it" : "no trace");
    }
    items.emplace_back(known[id]);
  }
  return {{"items", std::move(items)}, {"next", nullptr}};
}

}  // namespace z4j::engine_celery
