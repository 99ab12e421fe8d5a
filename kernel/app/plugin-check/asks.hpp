// Operations to ask of a plugin, whatever its kind: harmless ones, about things that do not exist.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "guarded.hpp"
#include "subject.hpp"

namespace z4j::check {

struct Ask {
  std::string name;  // "snapshot workers"
  std::function<z4j_status(z4j_instance*, z4j_op, z4j_error*)> call;
  // Asked as the kernel asks: a fault of class 3xx is the plugin's.
  bool is_proper = true;
};

// One of each that this plugin takes; of a storage driver a migration that only reports.
[[nodiscard]] std::vector<Ask> asks_of(Subject& subject);
// The same with arguments that no kernel sends.
[[nodiscard]] std::vector<Ask> hostile_asks_of(Subject& subject);

// Calls; an answer that is returned at once is noted with the host. The arguments are gone when it
// has returned.
[[nodiscard]] z4j_op ask_once(Instance& instance, const Ask& ask);
// The answer, checked. Throws Failed when none comes in time.
Answer ask_and_wait(Instance& instance, const Ask& ask, int deadline_ms = 30'000);

[[nodiscard]] std::string told(const Answer& answer);

// A notification with a target of that type that lacks its address, for any notifier.
struct Note {
  std::string id = "check-1", dedup = "check", title = "A check",
              text = "Sent by z4j-plugin-check.", url = "https://example.invalid/console",
              target = "{}", context = R"({"trigger":"task.failed","task_name":"check"})", type;
  std::int32_t severity = 2, is_test = 1, attempt = 1;
};
[[nodiscard]] Ask notify(Subject& subject, const Note& note);
[[nodiscard]] Ask request(Subject& subject, std::uint32_t route, const std::string& body,
                          const std::string& params, const std::string& query = "");

}  // namespace z4j::check
