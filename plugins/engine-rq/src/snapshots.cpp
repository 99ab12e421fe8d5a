#include "src/snapshots.hpp"

#include "lib/rq/codec.hpp"
#include "src/lookup.hpp"
#include "src/worker_watch.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace z4j::engine_rq {
namespace {

constexpr std::int64_t kDefaultLimit = 500, kMaxLimit = 1000;
constexpr std::size_t kMaxStateIds = 500;
constexpr std::size_t kMaxListedQueues = 2000;
// 500 of them are one answer.
constexpr pickle::Budget kResultBudget{.nodes = 1000, .bytes = 8u << 10, .depth = 64};
constexpr pickle::Budget kSnapshotBudget{.nodes = 2000, .bytes = 16u << 10, .depth = 64};

double unix_time(std::int64_t us) { return static_cast<double>(us) / 1e6; }

PageAsked page_asked(const json::Object& page) {
  const std::int64_t limit = json::integer(page, "limit", kDefaultLimit);
  if (limit < 1) throw Error(Z4J_INVALID, "limit must be at least 1", "/limit");
  return {static_cast<std::size_t>(std::min(limit, kMaxLimit)),
          std::string(json::text(page, "cursor"))};
}

// The names after the cursor, at most `limit`; `next` is the last of them when there are more.
template <class Names>
std::vector<std::string> names_of_page(const Names& sorted, const PageAsked& asked,
                                       std::string& next) {
  auto at = std::upper_bound(sorted.begin(), sorted.end(), asked.cursor);
  if (asked.cursor.empty()) at = sorted.begin();
  std::vector<std::string> out;
  for (; at != sorted.end() && out.size() < asked.limit; ++at) out.push_back(*at);
  if (at != sorted.end() && !out.empty()) next = out.back();
  return out;
}

json::Object worker_item(const rq::Worker& w, std::int64_t now) {
  json::Object o{{"name", w.name}, {"state", w.liveness(now)}, {"concurrency", 1}};
  if (!w.hostname.empty()) o["hostname"] = w.hostname;
  if (w.pid > 0) o["pid"] = w.pid;
  json::Array queues;
  for (const std::string& q : w.queues) queues.emplace_back(q);
  o["queues"] = std::move(queues);
  if (w.last_heartbeat) o["last_heartbeat"] = unix_time(*w.last_heartbeat);
  o["active_tasks"] = w.current_job.empty() ? 0 : 1;
  if (!w.version.empty()) o["version"] = w.version;
  json::Object metadata;
  if (w.exists()) {
    metadata["stats"] = json::Object{{"successful_jobs", w.successful_jobs},
                                     {"failed_jobs", w.failed_jobs},
                                     {"working_seconds", w.working_seconds}};
    metadata["rq_state"] = w.state;
    json::Array active;
    if (!w.current_job.empty()) active.emplace_back(json::Object{{"id", w.current_job}});
    metadata["active"] = std::move(active);
    if (!w.ip_address.empty()) metadata["ip_address"] = w.ip_address;
    if (!w.python_version.empty()) metadata["python_version"] = w.python_version;
    if (w.birth) metadata["birth"] = unix_time(*w.birth);
  }
  o["metadata"] = std::move(metadata);
  return o;
}

json::Object workers_page(Bench& bench, const PageAsked& asked) {
  const std::vector<rq::Worker> all = read_workers(bench.redis, bench.settings.keys);
  const std::int64_t now = now_us();
  json::Array items;
  std::string next;
  for (const rq::Worker& w : all) {
    if (!asked.cursor.empty() && w.name <= asked.cursor) continue;
    if (items.size() == asked.limit) {
      next = json::text(items.back().get_object(), "name");
      break;
    }
    items.emplace_back(worker_item(w, now));
  }
  return answer_of(std::move(items), next);
}

std::set<std::string> queue_names(Bench& bench) {
  std::set<std::string> names(bench.settings.extra_queues.begin(),
                              bench.settings.extra_queues.end());
  const redis::Reply members = bench.redis.command({"SMEMBERS", bench.settings.keys.queues()});
  for (const redis::Reply& m : members.items) {
    const std::string name = bench.settings.keys.queue_in(m.text);
    if (usable_id(name) && names.size() < kMaxListedQueues) names.insert(name);
  }
  return names;
}

json::Object queues_page(Bench& bench, const PageAsked& asked) {
  const rq::Keys& keys = bench.settings.keys;
  std::string next;
  const std::vector<std::string> names = names_of_page(queue_names(bench), asked, next);
  std::vector<redis::Args> commands = {{"EXISTS", keys.suspended()}};
  for (const std::string& q : names) {
    commands.push_back({"LLEN", keys.queue(q)});
    commands.push_back({"ZCARD", keys.registry("wip", q)});
    commands.push_back({"ZCARD", keys.registry("scheduled", q)});
    commands.push_back({"ZCARD", keys.registry("deferred", q)});
    commands.push_back({"ZCARD", keys.registry("failed", q)});
    commands.push_back({"SCARD", keys.workers_of(q)});
    commands.push_back({"LINDEX", keys.queue(q), "0"});
  }
  constexpr std::size_t kPerQueue = 7;
  const std::vector<redis::Reply> replies = bench.redis.pipeline(commands);
  std::vector<redis::Args> oldest;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& first = replies[1 + i * kPerQueue + 6].text;
    oldest.push_back({"HMGET", keys.job(first), "enqueued_at", "created_at"});
  }
  const std::vector<redis::Reply> times = bench.redis.pipeline(oldest);
  const std::int64_t now = now_us();
  json::Array items;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const redis::Reply* r = &replies[1 + i * kPerQueue];
    json::Object o{{"name", names[i]},         {"pending", r[0].integer},
                   {"unacked", r[1].integer},  {"scheduled", r[2].integer},
                   {"deferred", r[3].integer}, {"failed", r[4].integer},
                   {"consumers", r[5].integer}};
    rq::Time since;
    for (const redis::Reply& t : times[i].items) {
      if (!since) since = rq::parse_time(t.text);
    }
    o["oldest_age_s"] = r[0].integer > 0 && since
                            ? json::Value(std::max(0.0, unix_time(now - *since)))
                            : json::Value(nullptr);
    o["paused"] = replies[0].integer > 0;
    o["broker_type"] = "redis";
    o["broker_url_hint"] = bench.settings.redis.hint();
    items.emplace_back(std::move(o));
  }
  return answer_of(std::move(items), next);
}

// The queue first, then what is scheduled for it, as one row of positions; the cursor is a
// position.
json::Object waiting_page(Bench& bench, const PageAsked& asked, const std::string& queue) {
  if (!usable_id(queue)) throw Error(Z4J_INVALID, "waiting needs the name of a queue", "/queue");
  std::int64_t first = 0;
  const char* end = asked.cursor.data() + asked.cursor.size();
  if (!asked.cursor.empty() &&
      (std::from_chars(asked.cursor.data(), end, first).ptr != end || first < 0)) {
    throw Error(Z4J_INVALID, "the cursor is not one of waiting", "/cursor");
  }
  const rq::Keys& keys = bench.settings.keys;
  const std::string list = keys.queue(queue), registry = keys.registry("scheduled", queue);
  const std::int64_t length = bench.redis.command({"LLEN", list}).integer;
  const auto limit = static_cast<std::int64_t>(asked.limit);
  std::vector<Wanted> wanted;
  if (first < length) {
    const redis::Reply ids = bench.redis.command(
        {"LRANGE", list, std::to_string(first), std::to_string(first + limit - 1)});
    for (const redis::Reply& id : ids.items) wanted.push_back({id.text, Place::queue, 0, 0});
  }
  const auto in_list = static_cast<std::int64_t>(wanted.size());
  if (in_list < limit) {
    const std::int64_t from = std::max<std::int64_t>(0, first - length);
    const redis::Reply pairs =
        bench.redis.command({"ZRANGE", registry, std::to_string(from),
                             std::to_string(from + limit - in_list - 1), "WITHSCORES"});
    for (std::size_t i = 0; i + 1 < pairs.items.size(); i += 2) {
      wanted.push_back({pairs.items[i].text, Place::scheduled, 0,
                        rq::parse_epoch(pairs.items[i + 1].text).value_or(0)});
    }
  }
  json::Array items;
  std::size_t bytes = 0;
  std::int64_t next = first + static_cast<std::int64_t>(wanted.size());
  bool has_more = wanted.size() == asked.limit;
  visit_jobs(bench.redis, keys, wanted, bench.shared.gate, [&](std::size_t i, Sighting&& s) {
    const std::int64_t position = first + static_cast<std::int64_t>(i);
    if (s.job.exists() && usable_id(s.job.id)) {
      json::Object item = job_item(s, queue, bench.shared);
      item["position"] = position;
      bytes += json::write(json::Value(item)).size();
      items.emplace_back(std::move(item));
    }
    if (bytes < kPageBytes || i + 1 == wanted.size()) return true;
    next = position + 1;
    has_more = true;
    return false;
  });
  return answer_of(std::move(items), has_more ? std::to_string(next) : std::string());
}

const char* kernel_state(const Sighting& s) {
  switch (s.status()) {
    case Status::created:
    case Status::queued:
    case Status::deferred:
      return "pending";
    case Status::scheduled:
      return s.job.started_at ? "retry" : "pending";
    case Status::started:
      return "started";
    case Status::finished:
      return "success";
    case Status::failed:
      return "failure";
    case Status::stopped:
    case Status::canceled:
      return "revoked";
    case Status::unknown:
      break;
  }
  return "unknown";
}

json::Object state_item(const Sighting& s) {
  const rq::Job& job = s.job;
  json::Object o{{"task_id", job.id}, {"state", kernel_state(s)}};
  if (!job.exists()) {
    o["evidence"] = "RQ has no such job: it expired, was deleted, or never was";
    return o;
  }
  std::string evidence =
      "the job's status in RQ is " + (job.status.empty() ? std::string("not set") : job.status);
  const Status status = s.status();
  if (s.has_succeeded)
    evidence += ", as its maintenance took it for abandoned, but its run left a result";
  if (status == Status::started && job.last_heartbeat)
    evidence += ", last heartbeat " + rq::format_time(*job.last_heartbeat);
  if (is_final(status)) {
    const rq::Time end = job.ended_at ? job.ended_at : s.last_result.written_at;
    if (end) o["finished_at"] = unix_time(*end);
  }
  if (status == Status::finished) {
    const std::string& raw =
        s.last_result.return_value.empty() ? job.result : s.last_result.return_value;
    if (!raw.empty()) {
      rq::Payload result = rq::decode_value(raw, kResultBudget);
      o["result"] = std::move(result.value);
      if (!result.exact) o["result_is_repr"] = true;
    }
  } else if (status == Status::failed) {
    const std::string& trace =
        s.last_result.exc_string.empty() ? job.exc_info : s.last_result.exc_string;
    if (!trace.empty()) o["exception"] = last_line(trace);
  }
  o["evidence"] = std::move(evidence);
  return o;
}

json::Object state_page(Bench& bench, const json::Object& page) {
  const json::Array* ids = json::array(page, "task_ids");
  if (ids == nullptr || ids->size() > kMaxStateIds)
    throw Error(Z4J_INVALID, "state needs task_ids, at most 500", "/task_ids");
  std::vector<Wanted> wanted;
  json::Array items;
  for (const json::Value& v : *ids) {
    if (!v.is_string()) throw Error(Z4J_INVALID, "task_ids must hold texts", "/task_ids");
    std::string id(v.get_string().data(), v.get_string().size());
    if (usable_id(id)) wanted.push_back({std::move(id), Place::none, 0, 0});
  }
  visit_jobs(bench.redis, bench.settings.keys, wanted, bench.shared.gate,
             [&](std::size_t, Sighting&& s) {
               items.emplace_back(state_item(s));
               return true;
             });
  return answer_of(std::move(items), {});
}

json::Object registry_page(Bench& bench, const PageAsked& asked) {
  std::string next;
  json::Array items;
  for (const std::string& name : names_of_page(bench.shared.observed.names(), asked, next)) {
    items.emplace_back(json::Object{{"name", name}, {"workers", json::Array()}});
  }
  return answer_of(std::move(items), next);
}

// One queue, or all of them in the order of their names.
json::Object dead_letters(Bench& bench, const PageAsked& asked, const std::string& queue) {
  if (queue.empty()) {
    const std::set<std::string> names = queue_names(bench);
    return dead_letters_page(bench, asked, {names.begin(), names.end()});
  }
  if (!usable_id(queue)) throw Error(Z4J_INVALID, "the name of the queue is not usable", "/queue");
  return dead_letters_page(bench, asked, {queue});
}

}  // namespace

json::Object answer_of(json::Array items, const std::string& next) {
  json::Object o;
  o["items"] = std::move(items);
  o["next"] = next.empty() ? json::Value(nullptr) : json::Value(next);
  return o;
}

json::Object job_item(const Sighting& s, const std::string& queue, Shared& shared) {
  json::Object o{{"task_id", s.job.id}, {"queue", queue}};
  const rq::Call call = rq::decode_call(s.job.data, kSnapshotBudget);
  const std::string name = call.form == rq::Form::unknown
                               ? rq::name_in_description(s.job.description)
                               : call.display_name;
  shared.observed.add(name, queue, call.form);
  o["name"] = name;
  if (const rq::Time at = s.job.enqueued_at ? s.job.enqueued_at : s.job.created_at)
    o["enqueued_at"] = unix_time(*at);
  if (s.place == Place::scheduled && s.score_us > 0) o["eta"] = unix_time(s.score_us);
  if (call.form != rq::Form::unknown) {
    o["args"] = call.args.value;
    o["kwargs"] = call.kwargs.value;
    if (!call.args.exact) o["args_is_repr"] = true;
    if (!call.kwargs.exact) o["kwargs_is_repr"] = true;
  }
  return o;
}

json::Object take_snapshot(Bench& bench, std::string_view what, const json::Object& page) {
  const PageAsked asked = page_asked(page);
  if (what == "workers") return workers_page(bench, asked);
  if (what == "queues") return queues_page(bench, asked);
  if (what == "waiting") return waiting_page(bench, asked, std::string(json::text(page, "queue")));
  if (what == "state") return state_page(bench, page);
  if (what == "registry") return registry_page(bench, asked);
  if (what == "dead_letters")
    return dead_letters(bench, asked, std::string(json::text(page, "queue")));
  if (what == "copy") return copy_page(bench, page, asked);
  if (what == "abilities") return abilities(bench);
  throw Error(Z4J_UNSUPPORTED, "engine-rq has no snapshot \"" + std::string(what) + "\"");
}

}  // namespace z4j::engine_rq
