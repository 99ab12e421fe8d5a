#include "lib/celery/amqp_envelope.hpp"

#include "lib/celery/message.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace z4j::celery {
namespace {

using amqp::Properties;

// The texts among the properties, by the names that kombu gives them.
struct TextProperty {
  const char* name;
  std::optional<std::string> Properties::*member;
};
constexpr TextProperty kTextProperties[] = {{"correlation_id", &Properties::correlation_id},
                                            {"reply_to", &Properties::reply_to},
                                            {"expiration", &Properties::expiration},
                                            {"message_id", &Properties::message_id},
                                            {"type", &Properties::type},
                                            {"app_id", &Properties::app_id},
                                            {"cluster_id", &Properties::cluster_id}};

constexpr std::size_t kMaxShort = 255;

json::String short_text(const std::string& text) {
  return json::String(text::clean(text, kMaxShort));
}

std::optional<std::string> text_in(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr || !v->is_string()) return std::nullopt;
  return std::string(v->get_string().data(), v->get_string().size());
}

std::optional<std::uint8_t> small_in(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr || !v->is_int64()) return std::nullopt;
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(v->get_int64(), 0, 255));
}

}  // namespace

std::string envelope_of(const amqp::Delivery& d) {
  if (!d.why_unread.empty()) return {};
  const Properties& p = d.properties;
  json::Object properties;
  for (const TextProperty& t : kTextProperties) {
    if (p.*t.member) properties[t.name] = short_text(*(p.*t.member));
  }
  if (p.delivery_mode) properties["delivery_mode"] = *p.delivery_mode;
  if (p.priority) properties["priority"] = *p.priority;
  if (p.timestamp) properties["timestamp"] = *p.timestamp;
  properties["delivery_info"] = json::Object{{"exchange", short_text(d.exchange)},
                                             {"routing_key", short_text(d.routing_key)}};
  properties["body_encoding"] = "base64";
  json::Object root = {{"body", text::base64_encode(d.body)},
                       {"content-encoding", short_text(p.content_encoding.value_or(""))},
                       {"content-type", short_text(p.content_type.value_or(""))},
                       {"headers", p.headers},
                       {"properties", std::move(properties)}};
  return json::write(root);
}

amqp::Outgoing outgoing_of(std::string_view envelope, const std::string& queue) {
  Envelope e = parse_envelope(envelope, std::numeric_limits<std::size_t>::max());
  amqp::Outgoing out;
  out.routing_key = queue;
  out.body = std::move(e.body);
  Properties& p = out.properties;
  p.headers = e.headers();
  p.content_type = text_in(e.root, "content-type");
  p.content_encoding = text_in(e.root, "content-encoding");
  const json::Object& properties = e.properties();
  for (const TextProperty& t : kTextProperties) p.*t.member = text_in(properties, t.name);
  p.delivery_mode = small_in(properties, "delivery_mode");
  p.priority = small_in(properties, "priority");
  if (const json::Value* at = properties.if_contains("timestamp")) {
    if (at->is_int64() && at->get_int64() >= 0)
      p.timestamp = static_cast<std::uint64_t>(at->get_int64());
    if (at->is_uint64()) p.timestamp = at->get_uint64();
  }
  return out;
}

}  // namespace z4j::celery
