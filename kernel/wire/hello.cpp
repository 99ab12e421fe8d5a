#include "wire/hello.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/uuid.hpp"
#include "wire/text.hpp"
#include "wire/time.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr std::size_t kMostListed = 64;
// Not limits of the protocol: what is kept of more.
constexpr std::size_t kMostCapabilities = 128, kMostTokens = 256;
constexpr json::Limits kHandshakeLimits = {.max_bytes = std::size_t{64} << 20, .max_depth = 64};

// Reads members of a payload; remembers the first that breaks a rule.
class Members {
 public:
  explicit Members(const json::Object& object) : object_(object) {}

  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }

  void text(std::string_view name, std::size_t most, std::string& out) {
    const json::Value* value = find(name);
    if (value == nullptr || !value->is_string()) return wrong(name, "must be text");
    const std::string_view text = text_of(*value);
    if (count_characters(text) > most) return too_long(name, most);
    out = text;
  }
  void text_or_null(std::string_view name, std::size_t most, std::optional<std::string>& out) {
    const json::Value* value = find(name);
    if (value == nullptr || value->is_null()) return;
    text(name, most, out.emplace());
  }
  void integer(std::string_view name, std::int64_t least, std::int64_t most, std::int64_t& out) {
    const json::Value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_int64()) return wrong(name, "must be a whole number");
    if (value->get_int64() < least || value->get_int64() > most)
      return wrong(name, "must be " + std::to_string(least) + " to " + std::to_string(most));
    out = value->get_int64();
  }
  void integer_or_null(std::string_view name, std::int64_t least, std::int64_t most,
                       std::optional<std::int64_t>& out) {
    const json::Value* value = find(name);
    if (value == nullptr || value->is_null()) return;
    integer(name, least, most, out.emplace());
  }
  void time_or_null(std::string_view name, std::optional<base::TimeUs>& out) {
    const json::Value* value = find(name);
    if (value == nullptr || value->is_null()) return;
    const auto time = value->is_string() ? read_time(text_of(*value)) : std::nullopt;
    if (!time) return wrong(name, "must be an ISO 8601 time");
    out = time->at;
  }
  void texts(std::string_view name, std::size_t most, std::vector<std::string>& out) {
    const json::Value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_array()) return wrong(name, "must be a list of texts");
    if (value->get_array().size() > most)
      return wrong(name, "must have at most " + std::to_string(most) + " items");
    for (const json::Value& item : value->get_array()) {
      if (!item.is_string()) return wrong(name, "must be a list of texts");
      out.emplace_back(text_of(item));
    }
  }
  void object(std::string_view name, json::Object& out) {
    const json::Value* value = find(name);
    if (value == nullptr) return;
    if (!value->is_object()) return wrong(name, "must be an object");
    out = value->get_object();
  }
  void capabilities(std::map<std::string, std::vector<std::string>>& out) {
    json::Object map;
    object("capabilities", map);
    for (const auto& adapter : map) {
      if (!adapter.value().is_array())
        return wrong("capabilities", "must be a map of lists of texts");
      if (out.size() == kMostCapabilities) return;
      auto& tokens = out[std::string(adapter.key().data(), adapter.key().size())];
      for (const json::Value& token : adapter.value().get_array()) {
        if (!token.is_string()) return wrong("capabilities", "must be a map of lists of texts");
        if (tokens.size() < kMostTokens) tokens.emplace_back(text_of(token));
      }
    }
  }

 private:
  [[nodiscard]] const json::Value* find(std::string_view name) const {
    return object_.if_contains(name);
  }
  void wrong(std::string_view name, std::string_view rule) {
    if (trouble_.empty()) trouble_.append(name).append(" ").append(rule);
  }
  void too_long(std::string_view name, std::size_t most) {
    wrong(name, "must have at most " + std::to_string(most) + " characters");
  }

  const json::Object& object_;
  std::string trouble_;
};

// The payload of a handshake frame of that type.
base::Result<json::Object> open_handshake(std::string_view text, std::size_t max_bytes,
                                          FrameType type) {
  const std::string name(to_string(type));
  if (text.size() > max_bytes) {
    return refused(kTooLarge, "a " + name + " of " + std::to_string(text.size()) +
                                  " bytes; at most " + std::to_string(max_bytes));
  }
  auto parsed = json::parse(text, kHandshakeLimits);
  if (!parsed) return refused(kMalformed, parsed.error().message);
  json::Object* frame = parsed->if_object();
  if (frame == nullptr || json::text(*frame, "type") != name)
    return refused(kMalformed, "the first frame must be a " + name);
  if (const json::Value* v = frame->if_contains("v");
      v != nullptr && !(v->is_int64() && v->get_int64() == kEnvelopeVersion))
    return refused(kVersion, "the v of the " + name + " must be 2");
  const std::string_view id = json::text(*frame, "id");
  if (id.empty() || count_characters(id) > 64)
    return refused(kContent, "the id of the " + name + " must have 1 to 64 characters");
  json::Value* payload = frame->if_contains("payload");
  if (payload == nullptr || !payload->is_object())
    return refused(kMalformed, "the " + name + " has no payload");
  return std::move(payload->get_object());
}

std::string handshake_text(FrameType type, std::string_view id, json::Value ts,
                           json::Object payload) {
  return json::write(json::Object{{"v", kEnvelopeVersion},
                                  {"id", id},
                                  {"ts", std::move(ts)},
                                  {"type", to_string(type)},
                                  {"payload", std::move(payload)}});
}

}  // namespace

bool Hello::has_feature(std::string_view feature) const {
  return std::find(runtime_features.begin(), runtime_features.end(), feature) !=
         runtime_features.end();
}

base::Result<Hello> parse_hello(std::string_view text, std::size_t max_bytes) {
  auto payload = open_handshake(text, max_bytes, FrameType::hello);
  if (!payload) return std::move(payload).error();
  Hello hello;
  Members members(*payload);
  members.text("protocol_version", 40, hello.protocol_version);
  members.text("agent_version", 40, hello.agent_version);
  members.text("framework", 40, hello.framework);
  members.texts("engines", kMostListed, hello.engines);
  members.texts("schedulers", kMostListed, hello.schedulers);
  members.capabilities(hello.capabilities);
  members.object("host", hello.host);
  members.text_or_null("worker_id", 128, hello.worker_id);
  members.text_or_null("worker_role", 32, hello.worker_role);
  members.integer_or_null("worker_pid", 0, std::numeric_limits<std::int32_t>::max(),
                          hello.worker_pid);
  members.time_or_null("worker_started_at", hello.worker_started_at);
  members.texts("runtime_features", kMostListed, hello.runtime_features);
  if (!members.trouble().empty()) return refused(kContent, "hello: " + members.trouble());
  return hello;
}

std::string write_hello(const Hello& hello, std::string_view frame_id) {
  json::Object capabilities;
  for (const auto& [adapter, tokens] : hello.capabilities) {
    std::vector<std::string> sorted = tokens;
    std::sort(sorted.begin(), sorted.end());
    capabilities[adapter] = array_of(sorted);
  }
  json::Object payload{
      {"protocol_version", hello.protocol_version},
      {"agent_version", hello.agent_version},
      {"framework", hello.framework},
      {"engines", array_of(hello.engines)},
      {"schedulers", array_of(hello.schedulers)},
      {"capabilities", std::move(capabilities)},
      {"host", hello.host},
      {"worker_id", value_or_null(hello.worker_id)},
      {"worker_role", value_or_null(hello.worker_role)},
      {"worker_pid", value_or_null(hello.worker_pid)},
      {"worker_started_at", hello.worker_started_at
                                ? json::Value(base::format_time(*hello.worker_started_at))
                                : json::Value(nullptr)}};
  // Members that older brains don't know are left out where they say nothing.
  if (!hello.runtime_features.empty())
    payload["runtime_features"] = array_of(hello.runtime_features);
  return handshake_text(FrameType::hello, frame_id, nullptr, std::move(payload));
}

base::Result<HelloAck> parse_hello_ack(std::string_view text, std::size_t max_bytes) {
  auto payload = open_handshake(text, max_bytes, FrameType::hello_ack);
  if (!payload) return std::move(payload).error();
  HelloAck ack;
  Members members(*payload);
  members.text("protocol_version", 40, ack.protocol_version);
  members.text("brain_version", 40, ack.brain_version);
  members.text("agent_id", 64, ack.ids.agent_id);
  members.text("project_id", 64, ack.ids.project_id);
  members.text("session_id", 64, ack.ids.session_id);
  std::int64_t interval = ack.heartbeat_interval_seconds;
  members.integer("heartbeat_interval_seconds", 1, 3600, interval);
  ack.heartbeat_interval_seconds = static_cast<int>(interval);
  members.integer("max_frame_size_bytes", 1024, 67'108'864, ack.max_frame_size_bytes);
  if (!members.trouble().empty()) return refused(kContent, "hello_ack: " + members.trouble());
  return ack;
}

std::string write_hello_ack(const HelloAck& ack, base::TimeUs now) {
  const auto session = base::Uuid::parse(ack.ids.session_id);
  Z4J_CHECK(session.has_value());
  std::string id = "hack_" + session->text();
  id.erase(std::remove(id.begin(), id.end(), '-'), id.end());
  id.resize(std::string_view("hack_").size() + 12);
  return handshake_text(FrameType::hello_ack, id, json::Value(base::format_time(now)),
                        {{"protocol_version", ack.protocol_version},
                         {"brain_version", ack.brain_version},
                         {"agent_id", ack.ids.agent_id},
                         {"project_id", ack.ids.project_id},
                         {"session_id", ack.ids.session_id},
                         {"heartbeat_interval_seconds", ack.heartbeat_interval_seconds},
                         {"max_frame_size_bytes", ack.max_frame_size_bytes}});
}

}  // namespace z4j::wire
