#include "core/courier.hpp"

namespace z4j::core {

namespace json = base::json;

json::Object CourierMessage::to_json() const {
  return {{"dedup_key", dedup_key}, {"title", title},     {"text", text},      {"url", url},
          {"severity", severity},   {"is_test", is_test}, {"context", context}};
}

CourierMessage CourierMessage::from_json(const json::Object& object) {
  CourierMessage out;
  out.dedup_key = json::text(object, "dedup_key");
  out.title = json::text(object, "title");
  out.text = json::text(object, "text");
  out.url = json::text(object, "url");
  out.severity = json::text(object, "severity", "warning");
  out.is_test = json::boolean(object, "is_test");
  if (const json::Object* context = json::object(object, "context")) out.context = *context;
  return out;
}

}  // namespace z4j::core
