#include "lib/rq/records.hpp"

#include "lib/rq/codec.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <charconv>

namespace z4j::rq {
namespace {

constexpr std::size_t kMaxShort = 512;
constexpr std::size_t kMaxTrace = 256u << 10;
constexpr std::size_t kMaxQueuesOfWorker = 200;

std::string after_prefix(std::string_view member, const std::string& prefix) {
  if (member.size() <= prefix.size() || member.substr(0, prefix.size()) != prefix) return {};
  return std::string(member.substr(prefix.size()));
}

std::int64_t rq_integer(std::string_view text, std::int64_t fallback) {
  std::int64_t n = fallback;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc() && end == text.data() + text.size() ? n : fallback;
}

double rq_real(std::string_view text) {
  double d = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), d);
  return ec == std::errc() && end == text.data() + text.size() ? d : 0;
}

// Error texts are compressed in newer versions and plain in old ones.
std::string trace_text(const std::string& raw) {
  const std::optional<std::string> inflated = inflate(raw);
  return text::clean(inflated ? *inflated : raw, kMaxTrace);
}

void set_job_field(Job& job, std::string_view name, const std::string& value) {
  if (name == "status")
    job.status = text::clean(value, kMaxShort);
  else if (name == "origin")
    job.origin = text::clean(value, kMaxShort);
  else if (name == "description")
    job.description = text::clean(value, 4096);
  else if (name == "worker_name")
    job.worker_name = text::clean(value, kMaxShort);
  else if (name == "created_at")
    job.created_at = parse_time(value);
  else if (name == "enqueued_at")
    job.enqueued_at = parse_time(value);
  else if (name == "started_at")
    job.started_at = parse_time(value);
  else if (name == "ended_at")
    job.ended_at = parse_time(value);
  else if (name == "last_heartbeat")
    job.last_heartbeat = parse_time(value);
  else if (name == "retries_left")
    job.retries_left = rq_integer(value, -1);
  else if (name == "dependency_id")
    job.has_dependencies = !value.empty();
  else if (name == "data")
    job.data = value;
  else if (name == "result")
    job.result = value;
  else if (name == "exc_info" && !value.empty())
    job.exc_info = trace_text(value);
}

}  // namespace

std::string Keys::queue_in(std::string_view member) const {
  return after_prefix(member, prefix + "queue:");
}
std::string Keys::worker_in(std::string_view member) const {
  return after_prefix(member, prefix + "worker:");
}

const std::vector<std::string>& job_light_fields() {
  static const std::vector<std::string> fields = {
      "status",     "origin",   "description",    "worker_name",  "created_at",   "enqueued_at",
      "started_at", "ended_at", "last_heartbeat", "retries_left", "dependency_id"};
  return fields;
}

const std::vector<std::string>& job_fields() {
  static const std::vector<std::string> fields = [] {
    std::vector<std::string> all = job_light_fields();
    all.insert(all.end(), {"data", "result", "exc_info"});
    return all;
  }();
  return fields;
}

Job job_from_fields(std::string id, const redis::Reply& values) {
  Job job;
  job.id = std::move(id);
  const std::vector<std::string>& names =
      values.items.size() > job_light_fields().size() ? job_fields() : job_light_fields();
  for (std::size_t i = 0; i < names.size() && i < values.items.size(); ++i) {
    if (!values.items[i].is_nil()) set_job_field(job, names[i], values.items[i].text);
  }
  return job;
}

Worker worker_from_hash(std::string name, const redis::Reply& pairs) {
  Worker w;
  w.name = std::move(name);
  for (std::size_t i = 0; i + 1 < pairs.items.size(); i += 2) {
    const std::string& key = pairs.items[i].text;
    const std::string& value = pairs.items[i + 1].text;
    if (key == "state")
      w.state = text::clean(value, kMaxShort);
    else if (key == "hostname")
      w.hostname = text::clean(value, kMaxShort);
    else if (key == "ip_address")
      w.ip_address = text::clean(value, kMaxShort);
    else if (key == "version")
      w.version = text::clean(value, kMaxShort);
    else if (key == "python_version")
      w.python_version = text::clean(value, kMaxShort);
    else if (key == "current_job")
      w.current_job = text::clean(value, kMaxShort);
    else if (key == "pid")
      w.pid = rq_integer(value, 0);
    else if (key == "successful_job_count")
      w.successful_jobs = rq_integer(value, 0);
    else if (key == "failed_job_count")
      w.failed_jobs = rq_integer(value, 0);
    else if (key == "total_working_time")
      w.working_seconds = rq_real(value);
    else if (key == "birth")
      w.birth = parse_time(value);
    else if (key == "death")
      w.death = parse_time(value);
    else if (key == "last_heartbeat")
      w.last_heartbeat = parse_time(value);
    else if (key == "shutdown_requested_date")
      w.shutdown_requested = parse_time(value);
    else if (key == "queues") {
      std::string_view rest = value;
      while (!rest.empty() && w.queues.size() < kMaxQueuesOfWorker) {
        const std::size_t comma = rest.find(',');
        w.queues.push_back(text::clean(rest.substr(0, comma), kMaxShort));
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      }
    }
  }
  return w;
}

// The hash lives 480 s when idle and 90 s while working, renewed with each heartbeat: as long as it
// exists without a death the worker is there. Idle workers move their heartbeat every 405 s only.
std::string_view Worker::liveness(std::int64_t now_us) const {
  if (death || !exists()) return "offline";
  if (shutdown_requested) return "draining";
  constexpr std::int64_t kIdleLimit = 480, kBusyLimit = 150;
  const std::int64_t limit_s = state == "busy" ? kBusyLimit : kIdleLimit;
  if (last_heartbeat && now_us - *last_heartbeat > limit_s * 1'000'000) return "unknown";
  return "online";
}

Result result_from_entry(const redis::Reply& entry) {
  Result r;
  if (entry.items.size() != 2) return r;
  const std::string& id = entry.items[0].text;
  const std::int64_t ms = rq_integer(std::string_view(id).substr(0, id.find('-')), -1);
  if (ms > 0 && ms < std::int64_t{100'000'000'000'000}) r.written_at = ms * 1000;
  const std::vector<redis::Reply>& fields = entry.items[1].items;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string& key = fields[i].text;
    const std::string& value = fields[i + 1].text;
    if (key == "type") {
      const std::int64_t type = rq_integer(value, 0);
      if (type >= 1 && type <= 5) r.type = static_cast<ResultType>(type);
    } else if (key == "return_value") {
      r.return_value = text::base64_decode(value).value_or(std::string());
    } else if (key == "exc_string") {
      const std::optional<std::string> raw = text::base64_decode(value);
      r.exc_string = trace_text(raw ? *raw : value);
    } else if (key == "worker_name") {
      r.worker_name = text::clean(value, kMaxShort);
    } else if (key == "execution_started_at") {
      r.started_at = parse_epoch(value);
    } else if (key == "execution_ended_at") {
      r.ended_at = parse_epoch(value);
    }
  }
  return r;
}

std::string job_id_before_execution(std::string_view member) {
  const std::size_t colon = member.rfind(':');
  return colon == std::string_view::npos ? std::string() : std::string(member.substr(0, colon));
}

}  // namespace z4j::rq
