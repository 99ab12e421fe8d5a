#include "src/rebuild.hpp"

#include "src/live_tasks.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/celery/result.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxWaiting = 10'000;
constexpr std::size_t kMaxResults = 20'000, kMaxKeysLookedAt = 1'000'000;
constexpr std::size_t kResultsAtOnce = 200;

// A JSON text as a value, or as a text for people when it is a repr.
void put_payload(json::Object& attrs, const char* name, const char* flag, const std::string& raw) {
  if (raw.empty()) return;
  json::Value value = json::parse(raw, celery::kMaxMessageBytes, 100);
  if (value.is_string()) attrs[flag] = true;
  attrs[name] = std::move(value);
}

void put_body(json::Object& attrs, const celery::Message& m) {
  const celery::Body body = celery::parse_body(m);
  if (!body.args.empty() && !body.kwargs.empty()) {
    put_payload(attrs, "args", "args_is_repr", body.args);
    put_payload(attrs, "kwargs", "kwargs_is_repr", body.kwargs);
    return;
  }
  const std::string& args = body.form == celery::BodyForm::pickle ? body.args_repr : m.args_repr;
  const std::string& kwargs =
      body.form == celery::BodyForm::pickle ? body.kwargs_repr : m.kwargs_repr;
  if (!args.empty())
    put_payload(attrs, "args", "args_is_repr", celery::quoted(text::clean(args, 64u << 10)));
  if (!kwargs.empty())
    put_payload(attrs, "kwargs", "kwargs_is_repr", celery::quoted(text::clean(kwargs, 64u << 10)));
}

class Rebuild {
 public:
  Rebuild(Lines& lines, Shared& shared, Emitter& emitter, std::int64_t since_us)
      : lines_(lines),
        shared_(shared),
        emitter_(emitter),
        since_us_(since_us),
        start_us_(now_us()) {}

  Rebuilt run(const std::vector<std::string>& queues) {
    look_at_queues(queues);
    look_at_unacked();
    look_at_workers();
    flush();
    if (lines_.results) look_at_results();
    flush();
    out_.tasks = ids_.size();
    return out_;
  }

 private:
  void add(celery::Event e) {
    ids_.insert(e.task_id);
    events_.push_back(std::move(e));
    if (events_.size() >= 500) flush();
  }
  void flush() {
    if (!events_.empty() && !emitter_.emit(events_))
      throw Error(Z4J_CANCELLED, "the instance stops");
    events_.clear();
  }
  void incomplete(const std::string& why) {
    out_.complete = false;
    if (out_.why_incomplete.empty()) out_.why_incomplete = why;
  }

  void look_at_queues(const std::vector<std::string>& queues) {
    if (!lines_.broker->looks_for_free()) {
      incomplete("the broker does not show what waits in its queues, nor what is unacknowledged");
      return;
    }
    std::size_t seen = 0;
    for (const std::string& queue : queues) {
      constexpr std::size_t kPage = 500;
      for (std::size_t from = 0;;) {
        if (seen >= kMaxWaiting) {
          incomplete("more than 10000 tasks wait");
          return;
        }
        const std::vector<std::string> page = lines_.broker->peek(queue, from, kPage);
        for (const std::string& message : page) add_message(message, queue);
        seen += page.size();
        from += page.size();
        if (page.size() < kPage) break;
      }
    }
  }
  void add_message(const std::string& message, const std::string& queue) {
    try {
      celery::Event e = event_of_message(message, Z4J_EV_SENT, start_us_, {{"rebuilt", true}});
      if (const auto sent = shared_.sent.time(e.task_id)) e.time_us = *sent;
      e.queue = queue;
      add(std::move(e));
    } catch (const Error&) {
      incomplete("a message in a queue cannot be read");
    }
  }

  void look_at_unacked() {
    bool truncated = false;
    for (const celery::Unacked& u : lines_.broker->unacked(kMaxUnacked, truncated)) {
      try {
        celery::Event e =
            event_of_message(u.message, Z4J_EV_RECEIVED, start_us_, {{"rebuilt", true}});
        if (u.taken_at > 0) e.time_us = static_cast<std::int64_t>(std::llround(u.taken_at * 1e6));
        taken_us_[e.task_id] = e.time_us;
        add(std::move(e));
      } catch (const Error&) {
        incomplete("an unacknowledged message cannot be read");
      }
    }
    if (truncated) incomplete("more than 10000 messages are unacknowledged");
  }

  void look_at_workers() {
    const LiveTasks live = ask_live_tasks(lines_, shared_, Arguments::reprs, kAskMs);
    for (const LiveTask& t : live.tasks) {
      const bool runs = t.where == LiveTask::Where::active;
      const bool in_unacked = taken_us_.count(t.id) != 0;
      if (!runs && in_unacked) continue;  // told already, with more
      celery::Event e;
      e.kind = runs ? Z4J_EV_STARTED : Z4J_EV_RECEIVED;
      e.time_us = runs ? t.started_us.value_or(start_us_) : start_us_;
      e.task_id = t.id;
      e.task = t.task;
      e.queue = t.queue;
      e.worker = t.worker;
      json::Object attrs = {{"rebuilt", true}};
      put_payload(attrs, "args", "args_is_repr", t.args);
      put_payload(attrs, "kwargs", "kwargs_is_repr", t.kwargs);
      if (t.eta_us) attrs["eta"] = seconds(*t.eta_us);
      e.attrs_json = json::write(attrs);
      add(std::move(e));
    }
  }

  void look_at_results() {
    try {
      bool truncated = false;
      const std::vector<std::string> ids =
          lines_.results->newest(kMaxResults, kMaxKeysLookedAt, truncated);
      if (truncated) incomplete("more than 20000 results");
      for (std::size_t from = 0; from < ids.size() && !shared_.gate.stopping();
           from += kResultsAtOnce) {
        const auto first = ids.begin() + static_cast<std::ptrdiff_t>(from);
        const auto last =
            ids.begin() + static_cast<std::ptrdiff_t>(std::min(ids.size(), from + kResultsAtOnce));
        bool any_new = false;
        for (const std::string& bytes : lines_.results->get({first, last}))
          any_new = add_result(bytes) || any_new;
        if (!any_new) break;  // they come newest first
      }
      shared_.health.fine("results");
    } catch (const Error& e) {
      if (e.code == Z4J_CANCELLED) throw;
      shared_.health.complain("results", std::string("the result store: ") + e.what());
      incomplete("the result store cannot be read");
    }
  }

  // False when it is older than what was asked for.
  bool add_result(const std::string& bytes) {
    const std::optional<celery::ResultMeta> meta =
        bytes.empty() ? std::nullopt : celery::read_result(bytes);
    if (!meta) return true;
    if (meta->done_us && *meta->done_us < since_us_) return false;
    celery::Event e;
    if (meta->status == "SUCCESS") {
      e.kind = Z4J_EV_SUCCEEDED;
    } else if (meta->status == "FAILURE") {
      e.kind = Z4J_EV_FAILED;
    } else if (meta->status == "REVOKED") {
      e.kind = Z4J_EV_REVOKED;
    } else if (meta->status == "RETRY") {
      e.kind = Z4J_EV_RETRIED;
    } else {
      return true;  // what still runs is told by its worker
    }
    e.time_us = meta->done_us.value_or(start_us_);
    e.task_id = meta->task_id;
    e.parent_id = meta->parent_id;
    e.task = meta->task;
    e.queue = meta->queue;
    e.worker = meta->worker;
    json::Object attrs = {{"rebuilt", true}};
    put_payload(attrs, "args", "args_is_repr", meta->args);
    put_payload(attrs, "kwargs", "kwargs_is_repr", meta->kwargs);
    if (!meta->result.empty())
      attrs["result"] = json::parse(meta->result, celery::kMaxMessageBytes, 100);
    if (!meta->exception.empty())
      attrs[e.kind == Z4J_EV_REVOKED ? "reason" : "exception"] = meta->exception;
    if (!meta->traceback.empty()) attrs["traceback"] = meta->traceback;
    if (meta->retries > 0) attrs["retry_count"] = meta->retries;
    e.attrs_json = json::write(attrs);
    add(std::move(e));
    return true;
  }

  Lines& lines_;
  Shared& shared_;
  Emitter& emitter_;
  const std::int64_t since_us_, start_us_;
  std::vector<celery::Event> events_;
  std::map<std::string, std::int64_t> taken_us_;
  std::set<std::string> ids_;
  Rebuilt out_;
};

}  // namespace

Rebuilt rebuild(Lines& lines, Shared& shared, Emitter& emitter,
                const std::vector<std::string>& queues, std::int64_t since_us) {
  return Rebuild(lines, shared, emitter, since_us).run(queues);
}

celery::Event event_of_message(const std::string& message, std::uint16_t kind, std::int64_t time_us,
                               json::Object attrs) {
  const celery::Message m = celery::parse_message(message);
  celery::Event e;
  e.kind = kind;
  e.time_us = time_us;
  e.task_id = m.id;
  e.parent_id = m.parent_id;
  e.root_id = m.root_id;
  e.task = m.task;
  e.queue = m.routing_key;
  put_body(attrs, m);
  if (m.eta_us) attrs["eta"] = seconds(*m.eta_us);
  if (m.expires_us) attrs["expires"] = seconds(*m.expires_us);
  attrs["retry_count"] = m.retries;
  attrs["priority"] = m.priority;
  e.attrs_json = json::write(attrs);
  return e;
}

}  // namespace z4j::engine_celery
