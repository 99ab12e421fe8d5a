// How commands answer: the four outcomes, and what a broken line means for them.
#pragma once

#include "lib/json/json.hpp"
#include "lib/redis/redis.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace z4j::engine_rq {

[[nodiscard]] inline json::Object outcome(const char* word, std::string reason = {}) {
  json::Object o{{"outcome", word}};
  if (!reason.empty()) o["reason"] = std::move(reason);
  return o;
}
[[nodiscard]] inline json::Object refused(std::string reason) {
  return outcome("refused", std::move(reason));
}
[[nodiscard]] inline bool is_refused(const json::Object& answer) {
  return json::text(answer, "outcome") == "refused";
}

[[nodiscard]] inline bool may_have_run(const Error& e) {
  return e.code == Z4J_UNKNOWN || e.code == Z4J_CANCELLED;
}

// A read that broke off may be called anything but "may have happened".
template <class F>
auto reading(F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    if (e.code == Z4J_UNKNOWN) throw Error(Z4J_UNAVAILABLE, e.what());
    throw;
  }
}

// The script's answer, or the outcome "unknown" when the line broke after it was sent.
template <class F>
json::Object changing(F&& f) {
  try {
    return f();
  } catch (const Error& e) {
    if (!may_have_run(e)) throw;
    return outcome("unknown", e.what());
  }
}

// The first part of a script's answer.
[[nodiscard]] inline std::string_view word_of(const redis::Reply& reply) {
  return reply.items.empty() ? std::string_view() : std::string_view(reply.items[0].text);
}
[[nodiscard]] inline std::string part_of(const redis::Reply& reply, std::size_t at) {
  return reply.items.size() > at ? text::clean(reply.items[at].text, 200) : std::string();
}
// For the answer {"changed", status}.
[[nodiscard]] inline json::Object changed_meanwhile(const redis::Reply& reply) {
  const std::string now = part_of(reply, 1);
  return refused(now.empty() ? "the job is gone"
                             : "the job changed meanwhile and is " + now + " now");
}

}  // namespace z4j::engine_rq
