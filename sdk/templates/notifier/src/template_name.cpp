// template-name: posts each message as JSON to the address that a channel names.
#include <z4j/http_client.hpp>
#include <z4j/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace {

// What an operator may set for the whole instance. The host checks it against this, fills the
// defaults in and turns durations into milliseconds.
constexpr char kSettings[] = R"({"type": "object", "additionalProperties": false, "properties": {
  "timeout": {"type": "string", "format": "duration", "default": "5s",
              "description": "how long the other side may take"}}})";
// What people write into a channel of type "template-name". It requires nothing: a channel without
// an address is kept, and refused when something is sent.
constexpr char kTarget[] = R"({"type": "object", "additionalProperties": false, "properties": {
  "url": {"type": "string", "format": "uri", "maxLength": 2000, "x-z4j-secret": true,
          "description": "where to POST messages"}}})";

class TemplateName {
 public:
  // No I/O and no threads here.
  TemplateName(z4j::Host host, std::string_view settings_json)
      : host_(host), timeout_ms_(z4j::json::Reader(settings_json).integer("/timeout", 5000)) {}

  void start() { http_.emplace(host_); }
  void stop(uint32_t) {}  // the host has answered every call by then

  // Returns at once; the answer of the other side answers the operation.
  void send(z4j::Op& op, const z4j_notification& n) {
    z4j::HttpCall call;
    call.url = z4j::json::Reader(z4j::view(n.target_json)).text("/url");
    if (call.url.empty()) throw z4j::Error(Z4J_INVALID, "the channel names no address", "/url");
    call.headers = {{"Content-Type", "application/json"}};
    call.body = z4j::json::Writer()
                    .text("id", z4j::view(n.id))  // a repetition carries the same
                    .text("title", z4j::view(n.title))
                    .text("text", z4j::view(n.body_text))
                    .integer("severity", n.severity)
                    .boolean("is_test", n.is_test != 0)
                    .object();
    call.deadline_ms = static_cast<uint32_t>(timeout_ms_);
    const auto held = std::make_shared<z4j::Op>(std::move(op));
    try {
      http_->send(call, [held](const z4j_http_answer& answer) { held->ok(outcome_of(answer)); });
    } catch (const z4j::Error& e) {
      held->fail(e.code, e.what(), e.retry_after_ms);
    }
  }

 private:
  // What became of it: docs/abi/notifier.md. "retry": z4j tries again, later and later.
  static std::string outcome_of(const z4j_http_answer& answer) {
    z4j::json::Writer out;
    if (answer.status != Z4J_OK)
      return out.text("outcome", "retry").text("error", z4j::view(answer.message)).object();
    const uint32_t code = answer.http_status;
    const bool is_sent = code >= 200 && code < 300;
    const bool may_help = code == 408 || code == 429 || code >= 500;
    out.text("outcome", is_sent ? "sent" : may_help ? "retry" : "failed").integer("code", code);
    if (!is_sent) out.text("error", "the other side answered " + std::to_string(code));
    return out.object();
  }

  z4j::Host host_;
  int64_t timeout_ms_;
  std::optional<z4j::HttpClient> http_;
};

}  // namespace

Z4J_NOTIFIER_PLUGIN(TemplateName, "org.example.template-name", "0.1.0", "template-name",
                    "Posts each message as JSON.", kSettings, kTarget)
