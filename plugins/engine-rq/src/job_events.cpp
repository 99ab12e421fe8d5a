#include "src/job_events.hpp"

#include "lib/json/json.hpp"
#include "lib/rq/codec.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace z4j::engine_rq {
namespace {

constexpr pickle::Budget kShownBudget{.nodes = 5000, .bytes = 64u << 10, .depth = 64};
constexpr std::uint16_t kMaxAttempt = 60'000;
constexpr std::int64_t kSameStart = 500'000;

double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

void put_payload(json::Object& attrs, const char* name, const char* repr_name,
                 rq::Payload payload) {
  attrs[name] = std::move(payload.value);
  if (!payload.exact) attrs[repr_name] = true;
}

class JobReport {
 public:
  JobReport(const Sighting& sighting, const Seen* before, std::int64_t now, Observed& observed,
            EventSink& sink)
      : s_(sighting),
        job_(sighting.job),
        before_(before),
        now_(now),
        sink_(sink),
        status_(sighting.status()) {
    call_ = rq::decode_call(job_.data, kShownBudget);
    name_ = call_.form == rq::Form::unknown ? rq::name_in_description(job_.description)
                                            : call_.display_name;
    observed.add(name_, job_.origin, call_.form);
  }

  Seen run() {
    next_.place = s_.place;
    next_.mark = s_.mark;
    next_.status = status_;
    const std::int64_t sent = job_.enqueued_at.value_or(job_.created_at.value_or(fallback_time()));
    const std::int64_t started = job_.started_at.value_or(0);
    // RQ leaves the old start in a job that waits for its next try.
    const bool waits_again =
        started != 0 &&
        (status_ == Status::queued || status_ == Status::scheduled || status_ == Status::deferred);
    next_.attempt = attempt(sent, waits_again);
    next_.sent_us = sent;
    next_.started_us = started;

    if (waits_again) {
      report_retry(sent, started);
    } else {
      if (!same_sending(sent)) report_sent(sent, next_.attempt);
      if (start_is_told(sent, started)) {
        next_.started_us = before_->started_us;
      } else if (started != 0) {
        report_started(started, next_.attempt);
      }
    }
    if (is_final(status_)) report_end(sent, started);
    return next_;
  }

 private:
  std::int64_t fallback_time() const {
    for (const rq::Time& t :
         {job_.started_at, job_.ended_at, job_.last_heartbeat, s_.last_result.written_at}) {
      if (t) return *t;
    }
    return now_;
  }

  // Each time a job is put into its queue it runs once.
  bool same_sending(std::int64_t sent) const {
    return before_ != nullptr && before_->sent_us == sent;
  }
  // Worker and its child write the start of one run more than once, each by its own look at the
  // clock.
  bool same_start(std::int64_t started) const {
    return before_ != nullptr && before_->started_us != 0 &&
           std::abs(before_->started_us - started) < kSameStart;
  }
  bool start_is_told(std::int64_t sent, std::int64_t started) const {
    return same_sending(sent) && before_->started_us != 0 &&
           (before_->started_us >= sent || same_start(started));
  }

  // Runs that left a result count; runs that were retried without one (RQ 1.x) only when this
  // object saw them go by.
  std::uint16_t attempt(std::int64_t sent, bool waits_again) const {
    const bool has_own_result =
        status_ == Status::finished || status_ == Status::failed || status_ == Status::stopped;
    std::int64_t n = std::max<std::int64_t>(1, s_.results + (has_own_result ? 0 : 1));
    if (waits_again && status_ != Status::scheduled) n = std::max<std::int64_t>(n, 2);
    if (before_ != nullptr) {
      const bool requeued = before_->started_us != 0 && before_->sent_us != sent;
      // A final state without a start, put back into the queue.
      const bool revived =
          is_final(before_->status) && !is_final(status_) && before_->sent_us != sent;
      n = std::max<std::int64_t>(n, before_->attempt + (requeued || revived ? 1 : 0));
    }
    return static_cast<std::uint16_t>(std::min<std::int64_t>(n, kMaxAttempt));
  }

  Event event(std::uint16_t kind, std::int64_t time, std::uint32_t attempt) const {
    Event e;
    e.kind = kind;
    e.time_us = time;
    e.attempt = attempt;
    e.task_id = job_.id;
    e.task = name_;
    e.queue = job_.origin;
    return e;
  }
  void send(Event e, json::Object attrs = {}) {
    if (e.time_us < s_.watched_since_us) attrs["rebuilt"] = true;
    if (!attrs.empty()) e.attrs_json = json::write(json::Value(std::move(attrs)));
    sink_.add(e);
  }

  void report_sent(std::int64_t time, std::uint32_t attempt) {
    json::Object attrs;
    if (call_.form == rq::Form::pickle && call_.has_instance) {
      // Without their object these arguments are no whole call: as text nobody takes them for one.
      put_payload(
          attrs, "args", "args_is_repr",
          {json::String(pickle::to_repr(call_.document, call_.args_node, kShownBudget)), false});
      put_payload(attrs, "kwargs", "kwargs_is_repr", call_.kwargs);
    } else if (call_.form != rq::Form::unknown) {
      put_payload(attrs, "args", "args_is_repr", call_.args);
      put_payload(attrs, "kwargs", "kwargs_is_repr", call_.kwargs);
    }
    if (status_ == Status::scheduled && s_.score_us > 0) attrs["eta"] = seconds(s_.score_us);
    if (status_ == Status::deferred) attrs["reason"] = "waits for other jobs";
    send(event(Z4J_EV_SENT, time, attempt), std::move(attrs));
  }
  void report_started(std::int64_t time, std::uint32_t attempt) {
    Event e = event(Z4J_EV_STARTED, time, attempt);
    e.worker = job_.worker_name;
    send(std::move(e));
  }

  // The run of before failed and the job waits for the next: queued at once, or scheduled.
  void report_retry(std::int64_t sent, std::int64_t started) {
    const bool scheduled = status_ == Status::scheduled;
    const std::uint32_t run = scheduled ? next_.attempt : next_.attempt - 1u;
    const bool run_known = same_start(started);
    const bool retry_known = run_known && before_->status == status_ && before_->sent_us == sent;
    if (retry_known) return;
    if (before_ == nullptr) report_sent(std::min(job_.created_at.value_or(started), started), run);
    if (!run_known) report_started(started, run);
    std::int64_t time = job_.ended_at.value_or(0);
    if (time < started)
      time = scheduled ? std::max(job_.last_heartbeat.value_or(0), started + 1)
                       : std::max(sent, started + 1);
    json::Object attrs;
    if (scheduled && s_.score_us > 0) attrs["eta"] = seconds(s_.score_us);
    if (s_.last_result.type == rq::ResultType::retried ||
        s_.last_result.type == rq::ResultType::failed) {
      attrs["exception"] = last_line(s_.last_result.exc_string);
    } else if (!job_.exc_info.empty()) {
      attrs["exception"] = last_line(job_.exc_info);
    }
    attrs["retry_count"] = run;
    const bool told_before =
        run_known && (before_->status == Status::scheduled || before_->status == Status::queued);
    if (!told_before) send(event(Z4J_EV_RETRIED, time, run), std::move(attrs));
    if (!scheduled && sent >= started) report_sent(sent, next_.attempt);
  }

  std::int64_t end_time(std::int64_t sent, std::int64_t started) const {
    if (status_ == Status::canceled) {
      const std::int64_t at = s_.place == Place::canceled && s_.score_us > 0 ? s_.score_us : now_;
      // The registry keeps whole seconds; an end is not before its beginning.
      return std::max(at, std::max(sent, started) + 1);
    }
    const std::int64_t after = std::max(sent, started);
    for (const rq::Time& t : {job_.ended_at, s_.last_result.written_at, job_.last_heartbeat}) {
      if (t && *t >= after) return *t;
    }
    return after + 1;
  }

  void report_end(std::int64_t sent, std::int64_t started) {
    const std::int64_t time = end_time(sent, started);
    if (same_sending(sent) && before_->status == status_) {
      next_.ended_us = before_->ended_us;
      return;
    }
    next_.ended_us = time;
    const std::uint16_t kind = status_ == Status::finished ? Z4J_EV_SUCCEEDED
                               : status_ == Status::failed ? Z4J_EV_FAILED
                                                           : Z4J_EV_REVOKED;
    Event e = event(kind, time, next_.attempt);
    e.worker = job_.worker_name;
    if (kind != Z4J_EV_REVOKED && job_.ended_at && started != 0 && *job_.ended_at >= started)
      e.runtime_us = *job_.ended_at - started;
    json::Object attrs;
    const std::string& trace =
        s_.last_result.exc_string.empty() ? job_.exc_info : s_.last_result.exc_string;
    if (kind == Z4J_EV_SUCCEEDED) {
      if (s_.last_result.type == rq::ResultType::success && !s_.last_result.return_value.empty()) {
        put_payload(attrs, "result", "result_is_repr",
                    rq::decode_value(s_.last_result.return_value, kShownBudget));
      } else if (!job_.result.empty()) {
        put_payload(attrs, "result", "result_is_repr", rq::decode_value(job_.result, kShownBudget));
      }
    } else if (kind == Z4J_EV_FAILED) {
      if (!trace.empty()) {
        attrs["exception"] = last_line(trace);
        attrs["traceback"] = trace;
      }
    } else if (status_ == Status::stopped) {
      attrs["terminated"] = true;
      attrs["reason"] = trace.empty() ? std::string("stopped") : last_line(trace);
    } else {
      attrs["reason"] = "canceled";
    }
    send(std::move(e), std::move(attrs));
  }

  const Sighting& s_;
  const rq::Job& job_;
  const Seen* before_;
  std::int64_t now_;
  EventSink& sink_;
  Status status_;
  rq::Call call_;
  std::string name_;
  Seen next_;
};

}  // namespace

std::string last_line(std::string_view trace) {
  while (!trace.empty()) {
    const std::size_t end = trace.find_last_of('\n');
    const std::string_view line = end == std::string_view::npos ? trace : trace.substr(end + 1);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) return text::clean(line, 2000);
    trace = end == std::string_view::npos ? std::string_view() : trace.substr(0, end);
  }
  return {};
}

Seen report_job(const Sighting& sighting, const Seen* before, std::int64_t now, Observed& observed,
                EventSink& sink) {
  return JobReport(sighting, before, now, observed, sink).run();
}

}  // namespace z4j::engine_rq
