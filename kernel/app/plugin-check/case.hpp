// One thing that z4j-plugin-check tries, and how it ends.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace z4j::check {

class Subject;

// Throw it: the plugin does not do what it should. The sentence says what it did instead.
struct Failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Throw it: this plugin has nothing to try here, or lacks what the trial needs. Says why. Never
// counted as passed.
struct NotForThis : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Case {
  std::string name;  // "D.start-twice": the group's letter, then words that stay the same for ever
  std::string what;  // what holds of a good plugin: "survives a second start"
  std::function<void(Subject&)> run;
  int deadline_ms = 20'000;
};
using Cases = std::vector<Case>;

enum class Outcome { passed, failed, not_for_this };

struct Result {
  std::string name, what;
  Outcome outcome = Outcome::passed;
  std::string message;  // why it failed or does not apply; of a passed one what was measured, or ""
  int took_ms = 0;
};

inline void expect(bool good, const std::string& otherwise) {
  if (!good) throw Failed(otherwise);
}

// Each adds its cases; `catalogue` has all of them in order. `kinds`: what the plugin declares.
void add_file_cases(Cases& cases);
void add_entry_cases(Cases& cases);
void add_config_cases(Cases& cases);
void add_life_cases(Cases& cases);
void add_operation_cases(Cases& cases);
void add_thread_cases(Cases& cases);
void add_host_cases(Cases& cases);
void add_storage_cases(Cases& cases);
void add_durability_cases(Cases& cases);
void add_engine_cases(Cases& cases);
void add_scheduler_cases(Cases& cases);
void add_notifier_cases(Cases& cases);
void add_http_cases(Cases& cases);
void add_fuzz_cases(Cases& cases);
[[nodiscard]] Cases catalogue();

}  // namespace z4j::check
