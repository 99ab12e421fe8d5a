#include "wire/frame.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "wire/health.hpp"
#include "wire/text.hpp"

namespace z4j::wire {
namespace {

namespace json = base::json;

constexpr std::array<std::string_view, 11> kFrameTypes = {
    "hello",   "hello_ack",   "event_batch",    "event_batch_ack", "heartbeat", "agent_status",
    "command", "command_ack", "command_result", "registry_delta",  "error"};
// Agents cut what they send at 64 levels below an event's data.
constexpr std::size_t kMaxDepth = 512;
constexpr std::size_t kIdCharacters = 64;
constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kErrorCodeBytes = 80, kErrorMessageBytes = 8192;

std::string quoted(std::string_view text) { return json::write(json::Value(text)); }

// As json::write(), without a copy of the object.
std::string write_object(const json::Object& object) {
  std::string out = "{";
  for (const auto& member : object) {
    if (out.size() > 1) out += ',';
    out += quoted({member.key().data(), member.key().size()});
    out += ':';
    out += json::write(member.value());
  }
  return out += '}';
}

std::string write_object_canonical(const json::Object& object) {
  std::vector<const boost::json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  std::sort(members.begin(), members.end(),
            [](const auto* a, const auto* b) { return a->key() < b->key(); });
  std::string out = "{";
  for (const auto* member : members) {
    if (out.size() > 1) out += ',';
    out += quoted({member->key().data(), member->key().size()});
    out += ':';
    out += json::write_canonical(member->value());
  }
  return out += '}';
}

// The end of the string that begins at `at`, behind its closing quote.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// The end of a member's value in canonical text of an object: its comma or closing brace.
std::size_t value_end(std::string_view text, std::size_t at) {
  for (int depth = 0;; ++at) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at) - 1;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (depth == 0 && (c == ',' || c == '}')) {
      return at;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
}

void drop_member(std::string& canonical, std::string_view quoted_key) {
  for (std::size_t at = 1; canonical[at] == '"';) {
    const std::size_t colon = string_end(canonical, at);
    const std::size_t end = value_end(canonical, colon + 1);
    if (std::string_view(canonical).substr(at, colon - at) == quoted_key) {
      // With the comma behind it, or the one before it.
      const bool is_last = canonical[end] == '}';
      const std::size_t from = is_last && at > 1 ? at - 1 : at;
      canonical.erase(from, (is_last ? end : end + 1) - from);
      return;
    }
    if (canonical[end] == '}') return;
    at = end + 1;
  }
}

base::Error not_a_frame(const base::Error& why) {
  return refused(
      why.code == base::Code::too_large && why.message.find("nested") == std::string::npos
          ? kTooLarge
          : kMalformed,
      why.message);
}

// The members that a session adds, and the end of the object.
std::string session_members(const SessionIds& ids) {
  return "\"agent_id\":" + quoted(ids.agent_id) + ",\"project_id\":" + quoted(ids.project_id) +
         ",\"session_id\":" + quoted(ids.session_id) + "}";
}

// Requires valid JSON.
base::Result<std::string> signed_text_of(std::string_view text, std::string_view session) {
  const std::size_t close = text.find_last_not_of(" \t\r\n");
  if (close == std::string_view::npos || text[close] != '}')
    return refused(kMalformed, "a frame must be a JSON object");
  const std::size_t before = text.substr(0, close).find_last_not_of(" \t\r\n");
  // Appended members win over those of the same name.
  std::string bound;
  bound.reserve(close + 1 + session.size());
  bound += text.substr(0, close);
  if (text[before] != '{') bound += ',';
  bound += session;
  auto canonical = json::canonical(bound, {.max_bytes = bound.size(), .max_depth = kMaxDepth});
  if (!canonical) return refused(kMalformed, canonical.error().message);
  drop_member(*canonical, "\"hmac\"");
  return canonical;
}

bool fits_id(std::string_view id) { return !id.empty() && count_characters(id) <= kIdCharacters; }

// Before the replay guard, so that a refused frame does not use up a number.
base::Status check_content(FrameType type, const json::Object& payload) {
  if (type == FrameType::command_result) {
    const std::string_view status = json::text(payload, "status");
    if (status != "success" && status != "failed")
      return refused(kContent, "the status of a command_result must be success or failed");
  }
  if ((type == FrameType::heartbeat || type == FrameType::agent_status) &&
      !is_good_telemetry_loss(payload))
    return refused(kContent, "telemetry_loss is malformed");
  return {};
}

}  // namespace

std::string_view to_string(FrameType type) noexcept {
  return kFrameTypes[static_cast<std::size_t>(type)];
}

std::optional<FrameType> frame_type(std::string_view name) noexcept {
  const auto found = std::find(kFrameTypes.begin(), kFrameTypes.end(), name);
  if (found == kFrameTypes.end()) return std::nullopt;
  return static_cast<FrameType>(found - kFrameTypes.begin());
}

base::Result<std::string> signed_text(std::string_view frame, const SessionIds& ids) {
  if (auto parsed = json::parse(frame, {.max_bytes = frame.size(), .max_depth = kMaxDepth});
      !parsed)
    return not_a_frame(parsed.error());
  return signed_text_of(frame, session_members(ids));
}

Signer::Signer(std::string_view key, SessionIds ids, Nonce nonce)
    : key_(key), ids_(std::move(ids)), nonce_(std::move(nonce)) {
  Z4J_CHECK(key.size() >= 32);
}

std::string Signer::sign(FrameType type, std::string_view id, const json::Object& payload,
                         base::TimeUs now) {
  const std::string ts = base::format_time(now);
  const std::string nonce = nonce_ ? nonce_() : base::base64url(base::random_bytes(kNonceBytes));
  const std::string seq = std::to_string(++seq_);
  const std::string quoted_id = quoted(id), quoted_nonce = quoted(nonce);
  std::string text = "{\"agent_id\":" + quoted(ids_.agent_id) + ",\"id\":" + quoted_id +
                     ",\"nonce\":" + quoted_nonce + ",\"payload\":";
  text += write_object_canonical(payload);
  text += ",\"project_id\":" + quoted(ids_.project_id) + ",\"seq\":" + seq +
          ",\"session_id\":" + quoted(ids_.session_id) + ",\"ts\":\"" + ts + "\",\"type\":\"";
  text += to_string(type);
  text += "\",\"v\":2}";
  const std::string mac = base::hex(key_.sign(text));
  std::string frame = "{\"v\":2,\"id\":" + quoted_id + ",\"ts\":\"" + ts +
                      "\",\"nonce\":" + quoted_nonce + ",\"seq\":" + seq + ",\"hmac\":\"" + mac +
                      "\",\"type\":\"";
  frame += to_string(type);
  frame += "\",\"payload\":";
  frame += write_object(payload);
  return frame += '}';
}

Verifier::Verifier(std::string_view key, const SessionIds& ids, std::size_t max_bytes)
    : key_(key), session_(session_members(ids)), max_bytes_(max_bytes) {
  Z4J_CHECK(key.size() >= 32);
}

base::Result<Frame> Verifier::open(std::string_view text, base::TimeUs now, std::int64_t mono_ms) {
  if (text.size() > max_bytes_) {
    return refused(kTooLarge, "a frame of " + std::to_string(text.size()) + " bytes; at most " +
                                  std::to_string(max_bytes_));
  }
  const auto memory = boost::json::make_shared_resource<boost::json::monotonic_resource>();
  auto parsed = json::parse(text, {.max_bytes = max_bytes_, .max_depth = kMaxDepth}, memory);
  if (!parsed) return not_a_frame(parsed.error());
  json::Object* object = parsed->if_object();
  if (object == nullptr) return refused(kMalformed, "a frame must be a JSON object");
  const json::Value* named = object->if_contains("type");
  if (named == nullptr || !named->is_string()) return refused(kMalformed, "the frame has no type");
  const auto type = frame_type(json::text(*object, "type"));
  if (!type) {
    return refused(kType, "a frame of unknown type " +
                              quoted(cut_utf8(json::text(*object, "type"), kErrorCodeBytes)));
  }
  if (*type == FrameType::hello || *type == FrameType::hello_ack)
    return refused(kType, "a handshake frame after the handshake");
  if (const json::Value* v = object->if_contains("v"); v != nullptr) {
    if (!v->is_int64()) return refused(kMalformed, "the frame's v is not an integer");
    if (v->get_int64() != kEnvelopeVersion) {
      return refused(kVersion,
                     "a frame of version " + std::to_string(v->get_int64()) + "; expected 2");
    }
  }
  json::Value* payload = object->if_contains("payload");
  if (payload != nullptr && !payload->is_object() && !payload->is_null())
    return refused(kMalformed, "the frame's payload is not an object");
  auto to_sign = signed_text_of(text, session_);
  if (!to_sign) return std::move(to_sign).error();
  if (!base::equal_constant_time(base::hex(key_.sign(*to_sign)), json::text(*object, "hmac")))
    return refused(kSignature, "the frame's signature does not fit its content and the secret");
  std::string id(json::text(*object, "id"));
  if (!fits_id(id)) return refused(kMalformed, "the frame's id must have 1 to 64 characters");
  if (payload == nullptr || payload->is_null())
    payload = &((*object)["payload"] = json::Object(memory));
  if (auto good = check_content(*type, payload->get_object()); !good) return good.error();
  if (auto admitted = guard_.admit(*object, now, mono_ms); !admitted) return admitted.error();
  return Frame{.type = *type, .id = std::move(id), .payload = std::move(payload->get_object())};
}

json::Object ack_payload(std::string_view acked, std::int64_t received, std::int64_t accepted) {
  return {{"acked_id", acked},
          {"received", received},
          {"accepted", accepted},
          {"rejected", received - accepted}};
}

std::string ack_frame_id(std::string_view acked) {
  const std::string id = "eba_" + std::string(acked);
  return std::string(cut_utf8(id, kIdCharacters));
}

json::Object error_payload(std::string_view code, std::string_view message, bool fatal) {
  return {{"code", cut_utf8(code, kErrorCodeBytes)},
          {"message", cut_utf8(message, kErrorMessageBytes)},
          {"fatal", fatal}};
}

std::string frame_id(std::string_view prefix, std::size_t hex_digits) {
  return std::string(prefix) +
         base::hex(base::random_bytes((hex_digits + 1) / 2)).substr(0, hex_digits);
}

}  // namespace z4j::wire
