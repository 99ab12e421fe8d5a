#include "app/brain/outgoing.hpp"

#include <algorithm>
#include <array>
#include <future>

namespace z4j::app {
namespace {

constexpr int kCheckTargetMs = 5'000;
constexpr std::size_t kMostReply = 8u << 10;

std::string target_of(const std::string& host, int port) {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
         std::to_string(port);
}

plugin::HttpAnswer to_plugin(net::OutgoingAnswer answer) {
  return {answer.status, std::move(answer.headers), std::move(answer.body), answer.is_cut};
}

int severity_of(const std::string& word) {
  if (word == "critical") return 4;
  if (word == "error") return 3;
  return word == "info" ? 0 : 2;
}

}  // namespace

base::Result<std::unique_ptr<OutgoingWays>> OutgoingWays::make(const config::Settings& settings,
                                                               const base::Clock& clock) {
  std::unique_ptr<OutgoingWays> out(new OutgoingWays);
  net::DialGuard::Options guarding;
  guarding.internal_targets = settings.notifications_internal_targets;
  // Who wrote the settings chose this relay.
  if (!settings.smtp_host.empty())
    guarding.internal_targets.push_back(target_of(settings.smtp_host, settings.smtp_port));
  auto guard = net::DialGuard::make(std::move(guarding), clock);
  if (!guard) return std::move(guard).error();
  out->guard_ = std::move(guard).value();
  net::OutgoingHttp::Options calling;
  calling.allow_http = settings.notifications_allow_http;
  calling.ca_file = settings.notifications_ca_file;
  auto http = net::OutgoingHttp::make(std::move(calling), *out->guard_);
  if (!http) return std::move(http).error();
  out->http_ = std::move(http).value();
  return out;
}

plugin::Outgoing OutgoingWays::services() {
  plugin::Outgoing out;
  out.http = [this](plugin::HttpCall call,
                    std::function<void(base::Result<plugin::HttpAnswer>)> done) {
    net::OutgoingRequest request;
    request.method = std::move(call.method);
    request.url = std::move(call.url);
    request.headers = std::move(call.headers);
    request.body = std::move(call.body);
    request.deadline_ms = call.deadline_ms;
    request.max_answer_bytes = call.max_answer_bytes;
    request.max_redirects = call.max_redirects;
    return http_->send(std::move(request),
                       [done = std::move(done)](base::Result<net::OutgoingAnswer> answer) {
                         if (answer)
                           done(to_plugin(std::move(answer).value()));
                         else
                           done(std::move(answer).error());
                       });
  };
  out.addresses = [this](const std::string& host, std::uint16_t port,
                         int deadline_ms) -> base::Result<std::vector<std::string>> {
    const auto found = guard_->addresses(host, port, deadline_ms);
    if (!found) return found.error();
    std::vector<std::string> texts;
    for (const net::Address& address : *found) texts.push_back(address.text());
    return texts;
  };
  return out;
}

config::PluginEntry own_mail_notifier(const config::Settings& settings) {
  config::PluginEntry entry;
  entry.name = "mail";
  entry.plugin = "notifier-smtp";
  entry.where = "smtp";
  if (!settings.smtp_ca_file.empty()) entry.settings["ca_file"] = settings.smtp_ca_file;
  if (!settings.smtp_host.empty())
    entry.settings["extra_ports"] = base::json::Array{settings.smtp_port};
  return entry;
}

void add_own_notifiers(const config::Settings& settings,
                       const std::vector<std::pair<std::string, std::string>>& offered,
                       std::vector<config::PluginEntry>& entries) {
  config::PluginEntry webhooks;
  webhooks.name = "webhooks";
  webhooks.plugin = "notifier-webhook";
  webhooks.where = "notifications";
  for (config::PluginEntry& own : std::array{own_mail_notifier(settings), std::move(webhooks)}) {
    const bool is_there = std::any_of(offered.begin(), offered.end(),
                                      [&](const auto& file) { return file.first == own.plugin; });
    const bool is_taken = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
      return entry.plugin == own.plugin || entry.name == own.name;
    });
    if (is_there && !is_taken) entries.push_back(std::move(own));
  }
}

base::json::Object smtp_channel(const config::Settings& settings) {
  if (settings.smtp_host.empty()) return {};
  base::json::Object out{
      {"smtp_host", settings.smtp_host},         {"smtp_port", settings.smtp_port},
      {"smtp_tls", settings.smtp_tls != "none"}, {"smtp_auth", settings.smtp_auth},
      {"smtp_user", settings.smtp_user},         {"smtp_pass", settings.smtp_password},
      {"from_addr", settings.smtp_from}};
  if (settings.smtp_tls == "starttls" || settings.smtp_tls == "implicit")
    out["smtp_tls_mode"] = settings.smtp_tls;
  return out;
}

std::vector<core::Courier::Type> PluginCourier::types() {
  std::vector<Type> out;
  for (plugin::Host::ServedType& served : host_.target_types())
    out.push_back({std::move(served.type.name), std::move(served.instance),
                   std::move(served.type.schema_json)});
  return out;
}

base::Status PluginCourier::check_target(const std::string& host) {
  const auto found = guard_.addresses(host, 0, kCheckTargetMs);
  if (found) return {};
  if (found.error().code != base::Code::denied) return found.error();
  // What kind of address a name has is nothing for people of a project.
  return base::Error{.code = base::Code::denied,
                     .message = host + " is no public host",
                     .where = {},
                     .hint = "an operator can open it: notifications.internal_targets"};
}

base::Result<base::json::Object> PluginCourier::send(const std::string& type,
                                                     const base::json::Object& config,
                                                     const core::CourierMessage& message,
                                                     unsigned attempt, int deadline_ms) {
  std::string instance;
  for (const Type& served : types()) {
    if (served.name == type) instance = served.instance;
  }
  if (instance.empty())
    return base::Error{.code = base::Code::unavailable,
                       .message = "no running plugin serves channels of type " + type,
                       .where = {},
                       .hint = "see the plugins page"};
  plugin::Notification n;
  n.id = message.id;
  n.dedup_key = message.dedup_key;
  n.title = message.title;
  n.text = message.text;
  n.url = message.url;
  n.target_type = type;
  n.target_json = base::json::write(config);
  n.context_json = base::json::write(message.context);
  n.severity = severity_of(message.severity);
  n.is_test = message.is_test;
  n.attempt = static_cast<int>(attempt);
  auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
  auto answered = promise->get_future();
  host_.notify(instance, std::move(n), deadline_ms, [promise](base::Result<std::string> result) {
    promise->set_value(std::move(result));
  });
  auto result = answered.get();  // the host answers at its deadline at the latest
  if (!result) return std::move(result).error();
  if (result->empty()) return base::json::Object{{"outcome", "sent"}};
  auto parsed = base::json::parse(*result, {.max_bytes = 1u << 20, .max_depth = 16});
  if (!parsed || !parsed->is_object())
    return base::Error{.code = base::Code::internal,
                       .message = "notifier \"" + instance + "\" answered what is no JSON object",
                       .where = {},
                       .hint = {}};
  return std::move(parsed->get_object());
}

core::Carried PluginCourier::carry(const std::string& type, const base::json::Object& config,
                                   const core::CourierMessage& message, unsigned attempt,
                                   int deadline_ms) {
  core::Carried out;
  const auto answer = send(type, config, message, attempt, deadline_ms);
  if (!answer) {
    out.error = answer.error().message;
    out.may_retry = answer.error().is_world();
    out.retry_after_ms = answer.error().retry_after_ms;
    return out;
  }
  const std::string_view outcome = base::json::text(*answer, "outcome");
  out.is_sent = outcome == "sent";
  out.may_retry = outcome == "retry";
  if (const std::int64_t code = base::json::integer(*answer, "code"); code != 0) out.code = code;
  out.reply = base::json::text(*answer, "reply").substr(0, kMostReply);
  out.error = base::json::text(*answer, "error");
  if (!out.is_sent && out.error.empty()) out.error = "the notifier did not say why";
  out.retry_after_ms = std::max<std::int64_t>(base::json::integer(*answer, "retry_after_ms"), 0);
  if (const base::json::Array* refused = base::json::array(*answer, "refused");
      out.is_sent && refused != nullptr) {
    // It went to the others: said here, since no further try can help.
    for (const base::json::Value& one : *refused) {
      if (one.is_string()) out.reply += "; refused " + std::string(one.get_string());
    }
    out.reply.resize(std::min(out.reply.size(), kMostReply));
  }
  return out;
}

MailTrial try_mail(PluginCourier& courier, base::json::Object config, const std::string& to,
                   std::string_view by, int deadline_ms) {
  MailTrial out;
  config["to_addrs"] = base::json::Array{base::json::Value(to)};
  out.from = base::json::text(config, "from_addr");
  if (out.from.empty()) out.from = base::json::text(config, "smtp_user");
  out.relay = std::string(base::json::text(config, "smtp_host")) + ":" +
              std::to_string(base::json::integer(config, "smtp_port", 587));
  core::CourierMessage message;
  message.id = base::Uuid::random().text();
  message.title = "z4j: a test of mail";
  message.text = "This mail was sent by " + std::string(by) +
                 ".\nThat you read it means that the brain's mail arrives.\n";
  message.is_test = true;
  auto answer = courier.send("email", config, message, 1, deadline_ms);
  out.is_bad_config = !answer && answer.error().code == base::Code::bad_config;
  out.seen = answer ? std::move(answer).value()
                    : base::json::Object{{"outcome", "failed"}, {"error", answer.error().message}};
  out.is_taken = base::json::text(out.seen, "outcome") == "sent";
  return out;
}

}  // namespace z4j::app
