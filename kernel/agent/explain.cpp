// Causes in words: what a status or a close code tells, and where to look.
#include "agent/link.hpp"

namespace z4j::agent {
namespace {

struct Meaning {
  int code;
  const char* text;
};

constexpr Meaning kStatuses[] = {
    {401, "the brain does not know this token: was it rotated or the agent deleted?"},
    {403, "the brain or a proxy refuses this address or project"},
    {404, "nothing for agents at that address: check Z4J_BRAIN_URL, and the proxy's paths"},
    {407, "the proxy wants a password"},
    {426, "a proxy on the way does not pass the headers Upgrade and Connection on"},
    {429, "too many connections from this address"},
    {500, "the brain had a failure of its own: see its log"},
    {502, "the proxy reaches no brain"},
    {503, "the brain is not ready"},
    {504, "the proxy got no answer from the brain"},
};

constexpr Meaning kCodes[] = {
    {1001, "the brain shuts down"},
    {1006, "the connection broke"},
    {1009, "a message was too large"},
    {1011, "the brain had a failure of its own: see its log"},
    {4002, "another process came with the worker id of this one"},
    {4003, "the agent was revoked"},
    {4400, "the brain did not understand this agent"},
    {4401, "the brain does not know this token: was it rotated or the agent deleted?"},
    {4403,
     "the brain can't verify our frames: is Z4J_HMAC_SECRET the one shown with the token, "
     "and do both clocks agree within 60 s?"},
    {4408, "the brain heard nothing for too long"},
    {4426, "the brain does not talk to agents of this version"},
    {4427, "the brain does not talk to agents of this version"},
    {4429, "too many processes use this token, or too many connections from this address"},
};

template <std::size_t N>
const char* meaning_of(const Meaning (&table)[N], int code) {
  for (const Meaning& each : table) {
    if (each.code == code) return each.text;
  }
  return nullptr;
}

FailureClass class_of(const net::ClientFailure& failure, bool was_open) {
  if (failure.http_status == 401) return FailureClass::auth;
  switch (failure.close_code) {
    case 4401:
    case 4003:
      return FailureClass::auth;
    case 4403:
      return was_open ? FailureClass::connection : FailureClass::auth;
    case 4400:
      return FailureClass::protocol;
    case 4426:
    case 4427:
      return FailureClass::incompatible;
    default:
      return FailureClass::connection;
  }
}

std::string cause_of(const net::ClientFailure& failure) {
  if (failure.http_status != 0) {
    const char* text = meaning_of(kStatuses, failure.http_status);
    if (failure.http_status >= 200 && failure.http_status < 300)
      text = "what answers there is no brain, or a proxy does not pass Upgrade on";
    return text != nullptr ? text : failure.why;
  }
  if (failure.close_code != 0) {
    const char* text = meaning_of(kCodes, failure.close_code);
    std::string cause = text != nullptr ? text : failure.why;
    if (!failure.close_reason.empty()) cause += " (it says: " + failure.close_reason + ")";
    return cause;
  }
  switch (failure.step) {
    case net::DialStep::resolve:
    case net::DialStep::proxy:
      return failure.why;
    case net::DialStep::connect:
      return "no connection: " + failure.why;
    case net::DialStep::tls:
      return "no TLS: " + failure.why;
    case net::DialStep::upgrade:
      return "no WebSocket: " + failure.why;
    case net::DialStep::open:
      break;
  }
  return "the connection broke: " + failure.why;
}

}  // namespace

LinkEnd explain(const net::ClientFailure& failure, bool was_open) {
  LinkEnd end;
  end.kind = class_of(failure, was_open);
  end.cause = cause_of(failure);
  end.close_code = failure.close_code;
  end.http_status = failure.http_status;
  end.step = failure.step;
  return end;
}

FailureClass class_of_error_code(std::string_view code) noexcept {
  for (const std::string_view final_one :
       {"scheduler_upgrade_required", "agent_incompatible", "protocol_incompatible"}) {
    if (code == final_one) return FailureClass::incompatible;
  }
  return FailureClass::protocol;
}

}  // namespace z4j::agent
