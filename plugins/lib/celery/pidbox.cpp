#include "lib/celery/pidbox.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <utility>

namespace z4j::celery {
namespace {

// Python writes numbers that JSON does not have, as in the settings that a worker tells; here they
// become null.
std::string without_odd_numbers(std::string text) {
  bool in_string = false;
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    in_string = c == '"';
    if (c != 'I' && c != 'N' && c != '-') continue;
    for (const std::string_view odd : {"-Infinity", "Infinity", "NaN"}) {
      if (text.compare(i, odd.size(), odd) != 0) continue;
      out.append(text, copied, i - copied).append("null");
      i += odd.size() - 1;
      copied = i + 1;
      break;
    }
  }
  if (copied == 0) return text;
  return out.append(text, copied, std::string::npos);
}

}  // namespace

std::string write_request(const Request& request, const Mailbox& mailbox) {
  if (request.method == "election")
    throw Error(Z4J_DENIED, "the control command election is never sent");
  json::Object body = {{"method", request.method},
                       {"arguments", request.arguments},
                       {"destination", nullptr},
                       {"pattern", nullptr},
                       {"matcher", nullptr}};
  if (!request.destination.empty()) {
    json::Array names;
    for (const std::string& name : request.destination) names.emplace_back(name);
    body["destination"] = std::move(names);
  }
  if (!request.ticket.empty()) {
    body["ticket"] = request.ticket;
    body["reply_to"] = {{"exchange", mailbox.replies()}, {"routing_key", request.reply_oid}};
  }
  const json::Object root = {
      {"body", text::base64_encode(json::write(body))},
      {"content-encoding", "utf-8"},
      {"content-type", "application/json"},
      // A larger clock would push the logical clocks of all workers ahead.
      {"headers", {{"clock", 1}}},
      {"properties",
       {{"delivery_mode", 1},
        {"delivery_info", {{"exchange", mailbox.requests()}, {"routing_key", ""}}},
        {"priority", 0},
        {"body_encoding", "base64"},
        {"delivery_tag", text::new_uuid()}}}};
  return json::write(root);
}

std::vector<Reply> read_replies(std::string_view message) {
  const Envelope envelope = parse_envelope(message);
  const std::string body = without_odd_numbers(envelope.body);
  const json::Value checked = json::parse(body, kMaxMessageBytes);
  if (!checked.is_object()) throw Error(Z4J_INVALID, "the reply is not an object");
  const std::string ticket = text::clean(json::text(envelope.headers(), "ticket"), kMaxNameBytes);
  std::vector<Reply> out;
  for (const auto& [key, value] : raw_members(body)) {
    const json::Value name = json::parse("\"" + std::string(key) + "\"");
    const std::string_view worker(name.get_string().data(), name.get_string().size());
    out.push_back({ticket, text::clean(worker, kMaxNameBytes), std::string(value)});
  }
  return out;
}

bool is_ok(const Reply& reply) { return raw_member(reply.value, "ok").has_value(); }

std::string error_in(const Reply& reply) {
  const auto raw = raw_member(reply.value, "error");
  if (!raw) return {};
  const json::Value value = json::parse(*raw);
  return value.is_string()
             ? text::clean({value.get_string().data(), value.get_string().size()}, 500)
             : std::string("error");
}

}  // namespace z4j::celery
