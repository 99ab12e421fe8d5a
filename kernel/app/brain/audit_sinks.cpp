#include "app/brain/audit_sinks.hpp"

#include <unistd.h>

#include <variant>

#include "base/crypto.hpp"
#include "net/http_client.hpp"
#include "net/stream_sender.hpp"

namespace z4j::app {
namespace {

constexpr std::size_t kMaxAnswerBytes = 64u << 10, kMaxDatagram = 60'000;
constexpr int kConnectMs = 10'000, kSyslogMs = 15'000, kWitnessMs = 10'000;
constexpr int kFacilityAudit = 13, kSeverityWarning = 4, kSeverityInfo = 6;

base::Error sink_error(const char* key, const base::Error& error) {
  return base::Error{base::Code::bad_config, error.message, key, error.hint, 0};
}

base::Error unreachable(const net::ClientFailure& failure) {
  return base::Error{base::Code::unavailable,
                     std::string(net::to_string(failure.step)) + ": " + failure.why,
                     {},
                     {},
                     0};
}

base::Result<net::ClientTarget> sink_target(const char* key, std::string_view url,
                                            const std::string& ca_file) {
  net::ClientTarget out;
  auto parsed = net::parse_client_url(url);
  if (!parsed) return sink_error(key, parsed.error());
  out.url = std::move(parsed).value();
  out.connect_timeout_ms = kConnectMs;
  if (out.url.is_tls) {
    auto tls = net::load_client_tls_context(ca_file);
    if (!tls) return std::move(tls).error();
    out.tls = std::move(tls).value();
  } else if (!out.url.is_loopback()) {
    return base::Error{base::Code::bad_config, "is plain text and not on loopback", key,
                       "use TLS: entries name people and what they did", 0};
  }
  return out;
}

// One POST for each entry.
class WebhookSink final : public core::AuditSink {
 public:
  WebhookSink(net::ClientTarget target, const config::Settings& settings, const base::Clock& clock)
      : path_(target.url.path.empty() ? "/" : ""),
        client_(std::move(target), kMaxAnswerBytes),
        secret_(settings.audit_webhook_secret),
        timeout_ms_(static_cast<int>(settings.audit_webhook_timeout_s * 1000)),
        clock_(clock) {}

  [[nodiscard]] std::string name() const override { return "webhook"; }
  void cancel() override { client_.cancel(); }

  [[nodiscard]] Outcome send(std::span<const core::AuditRow> entries) override {
    Outcome out;
    for (const core::AuditRow& row : entries) {
      out.rest = post(row);
      if (!out.rest) break;
      ++out.taken;
    }
    return out;
  }

 private:
  base::Status post(const core::AuditRow& row) {
    net::HttpQuestion question;
    question.method = "POST";
    question.path = path_;
    question.timeout_ms = timeout_ms_;
    question.body = core::forwarded_text(row);
    const std::string at = std::to_string(clock_.now() / base::kSecondUs);
    question.headers = {
        {"Content-Type", "application/json"},
        {"User-Agent", "z4j-brain/audit-webhook"},
        {"X-Z4J-Audit-Schema", "1"},
        {"X-Z4J-Audit-Timestamp", at},
        {"X-Z4J-Audit-Signature",
         "sha256=" + base::hex(base::hmac_sha256(secret_, at + "." + question.body))}};
    const auto answer = client_.ask(question);
    if (const auto* failed = std::get_if<net::ClientFailure>(&answer)) return unreachable(*failed);
    const int status = std::get<net::HttpAnswer>(answer).status;
    if (status >= 200 && status < 300) return {};
    return base::Error{base::Code::unavailable,
                       "the receiver answers with status " + std::to_string(status),
                       {},
                       {},
                       0};
  }

  const std::string path_;
  net::HttpClient client_;
  const std::string secret_;
  const int timeout_ms_;
  const base::Clock& clock_;
};

std::string own_host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "-";
}

// A frame for each (RFC 5425), as many in one write as there are.
class StreamSyslogSink final : public core::AuditSink {
 public:
  explicit StreamSyslogSink(net::ClientTarget target) : sender_(std::move(target), kSyslogMs) {}
  [[nodiscard]] std::string name() const override { return "syslog"; }
  void cancel() override { sender_.cancel(); }
  [[nodiscard]] Outcome send(std::span<const core::AuditRow> entries) override {
    std::string bytes;
    for (const core::AuditRow& row : entries) {
      const std::string message = syslog_message(row, host_);
      bytes += std::to_string(message.size()) + " " + message;
    }
    if (const auto failed = sender_.send(bytes)) return {0, unreachable(*failed)};
    return {entries.size(), {}};
  }

 private:
  net::StreamSender sender_;
  const std::string host_ = own_host_name();
};

class DatagramSyslogSink final : public core::AuditSink {
 public:
  explicit DatagramSyslogSink(net::ClientUrl url) : url_(std::move(url)) {}
  [[nodiscard]] std::string name() const override { return "syslog"; }
  void cancel() override {}
  [[nodiscard]] Outcome send(std::span<const core::AuditRow> entries) override {
    Outcome out;
    for (const core::AuditRow& row : entries) {
      if (const auto failed =
              net::send_datagram(url_, syslog_message(row, host_).substr(0, kMaxDatagram))) {
        out.rest = unreachable(*failed);
        break;
      }
      ++out.taken;
    }
    return out;
  }

 private:
  const net::ClientUrl url_;
  const std::string host_ = own_host_name();
};

base::Result<std::unique_ptr<core::AuditSink>> syslog_sink(const config::Settings& settings) {
  constexpr const char* kKey = "audit.syslog_url";
  const std::string_view url = settings.audit_syslog_url;
  const std::size_t scheme = url.find("://");
  const std::string_view kind = url.substr(0, scheme);
  if (scheme == std::string_view::npos || (kind != "tls" && kind != "tcp" && kind != "udp")) {
    return base::Error{
        base::Code::bad_config, "must be tls://HOST:PORT, tcp:// or udp://", kKey, {}, 0};
  }
  const std::string as_web = (kind == "tls" ? "https" : "http") + std::string(url.substr(scheme));
  auto target = sink_target(kKey, as_web, settings.audit_syslog_ca_file);
  if (!target) return std::move(target).error();
  if (kind == "udp")
    return std::unique_ptr<core::AuditSink>(std::make_unique<DatagramSyslogSink>(target->url));
  return std::unique_ptr<core::AuditSink>(
      std::make_unique<StreamSyslogSink>(std::move(target).value()));
}

// Printable ASCII, at most `most` of it.
std::string syslog_word(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most)) out += c > ' ' && c < 0x7f ? c : '_';
  return out.empty() ? "-" : out;
}

std::string syslog_value(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == ']') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

std::string syslog_message(const core::AuditRow& row, std::string_view host_name) {
  const std::string_view result = row.entry.result;
  const int severity = result == "success" ? kSeverityInfo : kSeverityWarning;
  std::string time = base::format_time(row.link.occurred_at, base::TimeForm::audit);
  time.replace(time.size() - 6, 6, "Z");  // for "+00:00"
  return "<" + std::to_string(kFacilityAudit * 8 + severity) + ">1 " + time + " " +
         syslog_word(host_name, 255) + " z4j - " + syslog_word(row.entry.action, 32) +
         " [z4j@32473 seq=\"" + std::to_string(row.seq) +
         "\" id=" + syslog_value(row.link.id.text()) + " action=" + syslog_value(row.entry.action) +
         " outcome=" +
         syslog_value(row.entry.outcome.value_or(std::string(core::audit_outcome(result)))) +
         " row_hmac=" + syslog_value(row.row_hmac) + "] " + core::forwarded_text(row);
}

base::Result<std::vector<std::unique_ptr<core::AuditSink>>> make_audit_sinks(
    const config::Settings& settings, const base::Clock& clock) {
  std::vector<std::unique_ptr<core::AuditSink>> out;
  if (!settings.audit_webhook_url.empty()) {
    auto target = sink_target("audit.webhook_url", settings.audit_webhook_url, {});
    if (!target) return std::move(target).error();
    out.push_back(std::make_unique<WebhookSink>(std::move(target).value(), settings, clock));
  }
  if (!settings.audit_syslog_url.empty()) {
    auto sink = syslog_sink(settings);
    if (!sink) return std::move(sink).error();
    out.push_back(std::move(sink).value());
  }
  return out;
}

base::Result<core::AuditCheckpoints::AskWitness> make_witness(const config::Settings& settings) {
  if (settings.audit_witness_url.empty()) return core::AuditCheckpoints::AskWitness();
  auto target = sink_target("audit.witness_url", settings.audit_witness_url, {});
  if (!target) return std::move(target).error();
  auto client = std::make_shared<net::HttpClient>(std::move(target).value(), kMaxAnswerBytes);
  return core::AuditCheckpoints::AskWitness(
      [client](const std::string& body) -> base::Result<core::AuditCheckpoints::WitnessAnswer> {
        net::HttpQuestion question;
        question.method = "POST";
        question.path = "/add-checkpoint";
        question.timeout_ms = kWitnessMs;
        question.body = body;
        const auto answer = client->ask(question);
        if (const auto* failed = std::get_if<net::ClientFailure>(&answer)) {
          return unreachable(*failed);
        }
        const auto& good = std::get<net::HttpAnswer>(answer);
        return core::AuditCheckpoints::WitnessAnswer{good.status, good.body};
      });
}

}  // namespace z4j::app
