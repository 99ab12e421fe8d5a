// The plugin: each message becomes one HTTP call through the host, which answers when it can.
#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/message.hpp"
#include "src/schema.hpp"

namespace z4j::webhook {

class NotifierWebhook {
 public:
  NotifierWebhook(Host host, std::string_view settings_json)
      : host_(host), settings_(read_settings(settings_json)) {}

  void start() { http_.emplace(host_); }
  void stop(std::uint32_t) {}  // the host has answered every call by then

  void send(Op& op, const z4j_notification& n) {
    if (!http_) throw Error(Z4J_BAD_STATE, "the instance is not started");
    const Message message = read_message(n);
    HttpCall call = make_call(settings_, message, static_cast<std::int64_t>(::time(nullptr)));
    const std::int64_t left = op.remaining_ms();
    if (left <= 0) throw Error(Z4J_TIMEOUT, "the message came too late");
    call.deadline_ms = static_cast<std::uint32_t>(std::min<std::int64_t>(left, 10'000));
    const auto held = std::make_shared<Op>(std::move(op));
    try {
      http_->send(call, [held, type = std::string(message.type)](const z4j_http_answer& answer) {
        held->ok(json::write(outcome_of(type, answer)));
      });
    } catch (const Error& e) {
      held->fail(e.code, e.what(), e.retry_after_ms);
    }
  }

 private:
  Host host_;
  Settings settings_;
  std::optional<HttpClient> http_;
};

}  // namespace z4j::webhook

Z4J_NOTIFIER_PLUGIN_OF_TYPES(z4j::webhook::NotifierWebhook, "org.z4j.notifier-webhook", "0.1.0",
                             "Webhooks",
                             "Tells webhooks, Slack, Discord, Telegram, PagerDuty and Teams.",
                             Z4J_WEBHOOK_SETTINGS, "", Z4J_WEBHOOK_TYPES)
