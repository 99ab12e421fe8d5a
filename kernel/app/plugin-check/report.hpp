// What came of a run: for people while it goes on, as JSON and as JUnit's XML when it is over.
#pragma once

#include <string>
#include <vector>

#include "case.hpp"
#include "runner.hpp"

namespace z4j::check {

struct Run {
  std::string file;
  Facts facts;
  std::uint64_t seed = 0;
  std::vector<Result> results;
  int took_ms = 0;
  [[nodiscard]] std::size_t count(Outcome outcome) const;
};

enum class Shown { failures, all };

// "A  the file" when the group of `result` is another than the one before.
void print_heading(const Result& result, std::string& group);
void print_result(const Result& result, Shown shown);
void print_end(const Run& run);
// The line for a plugin's README.
[[nodiscard]] std::string badge(const Run& run);

[[nodiscard]] std::string as_json(const Run& run);
[[nodiscard]] std::string as_junit(const Run& run);

}  // namespace z4j::check
