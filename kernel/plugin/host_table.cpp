// The functions a plugin may call: the other half of Instance. Each runs inside the outward gate,
// so what it touches is there, and lets nothing throw into the plugin.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "plugin/batch_check.hpp"
#include "plugin/crossing.hpp"
#include "plugin/instance.hpp"

namespace z4j::plugin {
namespace {

constexpr unsigned kLogLinesPerSecond = 200;
constexpr std::size_t kMaxLogText = 2000, kMaxLogFields = 24, kMaxFieldsBytes = 16u << 10;
constexpr std::size_t kMaxHealthText = 500;
constexpr std::size_t kMaxMetricName = 128, kMaxMetricLabels = 1024;
constexpr std::size_t kMaxNoticeChannel = 128, kMaxNoticePayload = 4000;  // abi.h, STEP_NOTICE
constexpr std::size_t kMaxSecretName = 256;
constexpr std::string_view kReference = "secret:";

// Whether "secret:NAME" stands anywhere in those settings.
bool refers_to(const base::json::Value& value, std::string_view name) {
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    return text.starts_with(kReference) && text.substr(kReference.size()) == name;
  }
  if (value.is_array()) {
    const auto& items = value.get_array();
    return std::any_of(items.begin(), items.end(),
                       [&](const auto& item) { return refers_to(item, name); });
  }
  if (!value.is_object()) return false;
  const auto& members = value.get_object();
  return std::any_of(members.begin(), members.end(),
                     [&](const auto& member) { return refers_to(member.value(), name); });
}

}  // namespace

void Instance::fill_table() {
  table_.struct_size = sizeof table_;
  table_.abi_major = Z4J_ABI_MAJOR;
  table_.abi_minor = Z4J_ABI_MINOR;
  table_.ctx = this;
  table_.instance_id = lend(entry.name);
  table_.host_version = lend(host_version_);
  table_.log_level = [](void* ctx) -> std::int32_t {
    return serve<std::int32_t>(ctx, Z4J_LOG_ERROR + 1, [](Instance& self) {
      return static_cast<std::int32_t>(self.around_.log.lowest());
    });
  };
  table_.log = [](void* ctx, std::int32_t level, z4j_str message, z4j_str fields) {
    serve<int>(ctx, 0, [&](Instance& self) {
      self.log_from_plugin(level, message, fields);
      return 0;
    });
  };
  table_.op_complete = [](void* ctx, z4j_op op, z4j_status status, const z4j_error* error,
                          z4j_str result) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.on_op_complete(op, status, error, result);
    });
  };
  table_.op_remaining_ms = [](void* ctx, z4j_op op) -> std::int64_t {
    return serve<std::int64_t>(
        ctx, 0, [&](Instance& self) { return self.around_.ops.remaining_ms(&self, op); });
  };
  table_.op_cancelled = [](void* ctx, z4j_op op) -> std::int32_t {
    return serve<std::int32_t>(
        ctx, 1, [&](Instance& self) { return self.around_.ops.cancelled(&self, op) ? 1 : 0; });
  };
  table_.emit = [](void* ctx, const z4j_event_batch* batch, z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE,
                             [&](Instance& self) { return self.on_emit(batch, error); });
  };
  table_.health = [](void* ctx, std::int32_t state, z4j_str why) {
    serve<int>(ctx, 0, [&](Instance& self) {
      self.on_health(state, why);
      return 0;
    });
  };
  table_.post = [](void* ctx, std::uint32_t delay_ms, void (*fn)(void*), void (*drop)(void*),
                   void* arg) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE,
                             [&](Instance& self) { return self.on_post(delay_ms, fn, drop, arg); });
  };
  table_.secret = [](void* ctx, z4j_str name, const z4j_sink* out, z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE,
                             [&](Instance& self) { return self.on_secret(name, out, error); });
  };
  table_.metric = [](void* ctx, z4j_str name, z4j_str labels, double value, std::int32_t kind) {
    serve<int>(ctx, 0, [&](Instance& self) {
      self.on_metric(name, labels, value, kind);
      return 0;
    });
  };
  table_.service = [](void* ctx, z4j_str id) -> const void* {
    return serve<const void*>(ctx, nullptr, [&](Instance& self) -> const void* {
      const std::string_view name = text_of(id);
      if (name == Z4J_SERVICE_NOTICES) return &self.notices_;
      const Outgoing& outgoing = self.around_.callbacks.outgoing;
      if (name == Z4J_SERVICE_HTTP_CLIENT && outgoing.http) return &self.http_client_;
      if (name == Z4J_SERVICE_RESOLVER && outgoing.addresses) return &self.resolver_;
      const Scheduling& scheduling = self.around_.callbacks.scheduling;
      if (name == Z4J_SERVICE_SUBMIT && scheduling.submit) return &self.submit_;
      if (name == Z4J_SERVICE_SCHEDULE_STORE && scheduling.schedules && self.scheduler != nullptr)
        return &self.schedule_store_;
      if (name == Z4J_SERVICE_HTTP_REPLY && self.http != nullptr) return &self.http_reply_;
      return nullptr;
    });
  };
  http_client_.struct_size = sizeof http_client_;
  http_client_.send = [](void* ctx, const z4j_http_call* call, HttpDone done, void* arg,
                         z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE,
                             [&](Instance& self) { return self.on_http(call, done, arg, error); });
  };
  resolver_.struct_size = sizeof resolver_;
  resolver_.addresses = [](void* ctx, z4j_str host, std::uint32_t port, std::uint32_t deadline_ms,
                           const z4j_sink* out, z4j_error* error) -> z4j_status {
    return serve<z4j_status>(ctx, Z4J_BAD_STATE, [&](Instance& self) {
      return self.on_addresses(host, port, deadline_ms, out, error);
    });
  };
  notices_.struct_size = sizeof notices_;
  notices_.notice = [](void* ctx, z4j_str channel, z4j_str payload) {
    serve<int>(ctx, 0, [&](Instance& self) {
      self.on_notice(channel, payload);
      return 0;
    });
  };
  notices_.gap = [](void* ctx) {
    serve<int>(ctx, 0, [](Instance& self) {
      if (self.around_.callbacks.notices_gap) self.around_.callbacks.notices_gap();
      return 0;
    });
  };
}

z4j_status Instance::on_op_complete(z4j_op op, z4j_status status, const z4j_error* error,
                                    z4j_str result) {
  base::Result<std::string> answer = std::string();
  if (status == Z4J_OK && result.len > OpTable::kMaxResultBytes) {
    answer =
        host_error(base::Code::too_large,
                   "the plugin's answer is " + std::to_string(result.len) +
                       " bytes long, expected at most " + std::to_string(OpTable::kMaxResultBytes),
                   "ask for less at once");
  } else if (status == Z4J_OK) {
    answer = std::string(text_of(result));
  } else {
    answer = error_from(status, error);
  }
  const bool failed = !answer;
  const OpTable::Verdict verdict = around_.ops.complete(this, op, std::move(answer));
  count_answer(verdict);
  if (verdict != OpTable::Verdict::answered) return Z4J_BAD_STATE;
  if (failed) count_error();
  return Z4J_OK;
}

z4j_status Instance::on_emit(const z4j_event_batch* batch, z4j_error* error) {
  const State now = state();
  if (now == State::faulted || now == State::refused || now == State::destroyed) {
    return write_error(error, host_error(base::Code::bad_state, "this instance is disabled"));
  }
  if (batch == nullptr) return write_error(error, host_error(base::Code::invalid, "no batch"));
  const base::Result<std::uint64_t> bytes = check_batch(*batch);
  if (!bytes) {
    fault(bytes.error().message, Fault::counted);
    return write_error(error, bytes.error());
  }
  if (!around_.callbacks.emit) return Z4J_OK;
  z4j_event_batch known{};  // what both sides know of it
  const std::size_t shared = std::min<std::size_t>(batch->struct_size, sizeof known);
  std::memcpy(&known, batch, shared);
  known.struct_size = static_cast<std::uint32_t>(shared);
  known.bytes = *bytes;
  const base::Status taken = around_.callbacks.emit(entry.name, known);
  saw_events(taken);
  return taken ? Z4J_OK : write_error(error, taken.error());
}

void Instance::on_health(std::int32_t state, z4j_str why) {
  const Health health = state == Z4J_HEALTH_OK         ? Health::ok
                        : state == Z4J_HEALTH_DEGRADED ? Health::degraded
                                                       : Health::failing;
  const std::string text(cut(text_of(why), kMaxHealthText));
  {
    const std::lock_guard lock(facts_mutex_);
    if (health_ == health && health_why_ == text) return;
    health_ = health;
    health_why_ = text;
  }
  if (may_log()) {
    around_.log.write(health == Health::ok ? base::Level::info : base::Level::warn, "plugin health",
                      {{"instance", entry.name}, {"health", to_string(health)}, {"why", text}});
  }
  if (around_.callbacks.health) around_.callbacks.health(entry.name, health, text);
}

z4j_status Instance::on_post(std::uint32_t delay_ms, void (*fn)(void*), void (*drop)(void*),
                             void* arg) {
  if (fn == nullptr) return Z4J_INVALID;
  if (!takes_posts_) return Z4J_BAD_STATE;
  Strand::Task task;
  task.run = [this, fn, arg] {
    call("posted function", 0, [&] { fn(arg); });
    back_in_time();
  };
  task.drop = [this, drop, arg] {
    if (drop != nullptr) call("drop of a posted function", 0, [&] { drop(arg); });
  };
  task.allowed_ms = around_.options.op_deadline_ms;
  task.overdue = [this](std::int64_t ms, int times) { overdue("posted function", ms, times); };
  switch (serial.post(std::move(task), delay_ms)) {
    case Strand::Post::taken:
      return Z4J_OK;
    case Strand::Post::full:
      return Z4J_BUSY;
    case Strand::Post::closed:
      break;
  }
  return Z4J_BAD_STATE;
}

z4j_status Instance::on_secret(z4j_str name, const z4j_sink* out, z4j_error* error) {
  if (out == nullptr || out->put == nullptr || name.len > kMaxSecretName) {
    return write_error(error, host_error(base::Code::invalid, "secret() without name or sink"));
  }
  if (!around_.callbacks.secret) {
    return write_error(error, host_error(base::Code::not_found, "this host keeps no secrets"));
  }
  // What the operator gave to this instance; the others' are not its own.
  const bool is_given =
      std::any_of(entry.settings.begin(), entry.settings.end(),
                  [&](const auto& member) { return refers_to(member.value(), text_of(name)); });
  if (!is_given) {
    return write_error(
        error, host_error(base::Code::denied,
                          "the settings of instance \"" + entry.name + "\" name no secret \"" +
                              std::string(cut(text_of(name), kMaxSecretName)) + "\""));
  }
  const base::Result<std::string> value = around_.callbacks.secret(text_of(name));
  if (!value) return write_error(error, value.error());
  return out->put(out->ctx, lend(*value));
}

void Instance::on_metric(z4j_str name, z4j_str labels, double value, std::int32_t kind) {
  if (!around_.callbacks.metric) return;
  if (name.len == 0 || name.len > kMaxMetricName || labels.len > kMaxMetricLabels ||
      !std::isfinite(value)) {
    fault("it sent a metric with a bad name, labels or value", Fault::counted);
    return;
  }
  around_.callbacks.metric(entry.name, text_of(name), text_of(labels), value, kind);
}

void Instance::on_notice(z4j_str channel, z4j_str payload) {
  if (!around_.callbacks.notice) return;
  if (channel.len == 0 || channel.len > kMaxNoticeChannel || payload.len > kMaxNoticePayload) {
    fault("it sent a notice with a bad channel or payload", Fault::counted);
    return;
  }
  around_.callbacks.notice(text_of(channel), text_of(payload));
}

bool Instance::may_log() {
  std::uint64_t told = 0;
  bool may = false;
  {
    const std::lock_guard lock(log_mutex_);
    const std::int64_t second = around_.clock.steady_ms() / 1000;
    if (second != log_second_) {
      log_second_ = second;
      lines_this_second_ = 0;
      told = std::exchange(suppressed_this_second_, 0);
    }
    may = ++lines_this_second_ <= kLogLinesPerSecond;
    if (!may) {
      ++suppressed_this_second_;
      ++suppressed_;
    }
  }
  if (told > 0) {
    around_.log.warn("plugin log lines suppressed", {{"instance", entry.name}, {"count", told}});
  }
  return may;
}

void Instance::log_from_plugin(std::int32_t level, z4j_str message, z4j_str fields_json) {
  const auto kept = static_cast<base::Level>(std::clamp(level, 0, 4));
  if (!around_.log.keeps(kept) || !may_log()) return;
  std::vector<base::Field> fields;
  fields.emplace_back("instance", entry.name);
  fields.emplace_back("plugin", text_of(plugin().id));
  base::json::Value parsed;
  if (fields_json.len > 0) {
    // As fields of the line, so that those named like secrets are masked.
    auto value =
        base::json::parse(text_of(fields_json), {.max_bytes = kMaxFieldsBytes, .max_depth = 8});
    if (value && value->is_object()) {
      parsed = std::move(*value);
      for (const auto& [key, item] : parsed.get_object()) {
        if (fields.size() >= kMaxLogFields) break;
        if (key == "instance" || key == "plugin" || key == "event" || key == "level" ||
            key == "timestamp") {
          continue;
        }
        const std::string text =
            item.is_string() ? std::string(item.get_string()) : base::json::write(item);
        fields.emplace_back(std::string_view(key.data(), key.size()), cut(text, kMaxLogText));
      }
    } else {
      fields.emplace_back("fields", "not a JSON object");
    }
  }
  around_.log.write(kept, cut(text_of(message), kMaxLogText), fields.data(), fields.size());
}

}  // namespace z4j::plugin
