// Celery's remote control: what a request looks like and what a worker answers. No I/O.
#pragma once

#include "lib/json/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace z4j::celery {

// The exchanges of Celery's control_exchange of that name.
struct Mailbox {
  std::string name = "celery";
  [[nodiscard]] std::string requests() const { return name + ".pidbox"; }
  [[nodiscard]] std::string replies() const { return "reply." + name + ".pidbox"; }
  // Where the replies to `oid` wait.
  [[nodiscard]] std::string queue(const std::string& oid) const { return oid + "." + replies(); }
};

// The envelope of a request. `destination` empty: all workers. Without a ticket nobody answers.
// Throws Z4J_DENIED for "election", which ends workers of some versions.
struct Request {
  std::string method;
  json::Object arguments;
  std::vector<std::string> destination;
  std::string ticket, reply_oid;
};
[[nodiscard]] std::string write_request(const Request& request, const Mailbox& mailbox);

struct Reply {
  std::string ticket, worker;
  std::string value;  // JSON text, as it came
};
// One message may hold the answer of more than one worker. Throws Z4J_INVALID or Z4J_TOO_LARGE.
[[nodiscard]] std::vector<Reply> read_replies(std::string_view message);

// The reply is an object with the member "ok" (never judged by its words), or "error".
[[nodiscard]] bool is_ok(const Reply& reply);
[[nodiscard]] std::string error_in(const Reply& reply);

}  // namespace z4j::celery
