#include "api/task_query.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "core/fingerprint.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

constexpr std::string_view kPriorities[] = {"critical", "high", "normal", "low"};

std::vector<std::string> split_terms(std::string_view list) {
  std::vector<std::string> out(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size() && (list[i + 1] == ',' || list[i + 1] == '\\'))
      out.back() += list[++i];
    else if (list[i] == ',')
      out.emplace_back();
    else
      out.back() += list[i];
  }
  return out;
}

}  // namespace

core::TaskFilter read_task_filter(Input& query) {
  core::TaskFilter filter;
  if (const auto state = query.text("state", {0, 40})) {
    if (std::find(core::kTaskStateNames.begin(), core::kTaskStateNames.end(), *state) !=
        core::kTaskStateNames.end())
      filter.state = *state;
  }
  if (const auto list = query.text("priority", {0, 200})) {
    std::string_view rest = *list;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string word = core::ascii_lower(core::trimmed(rest.substr(0, comma)));
      if (std::find(std::begin(kPriorities), std::end(kPriorities), word) != std::end(kPriorities))
        filter.priorities.push_back(std::move(word));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  filter.name = query.text("name", {0, 200});
  filter.search = query.text("search", {0, 200});
  filter.queue = query.text("queue", {0, 200});
  filter.worker = query.text("worker", {0, 200});
  filter.engine = query.text("engine", {0, 40});
  if (auto fingerprint = query.text("fingerprint", {0, 16}); fingerprint && !fingerprint->empty()) {
    if (core::is_fingerprint(*fingerprint))
      filter.fingerprint = std::move(*fingerprint);
    else
      query.problem("fingerprint", "value_error", "must be 16 hex digits, as errors show it");
  }
  if (const auto terms = query.text("arg", {0, 1000})) {
    // Several are joined by AND; a comma within a value has a backslash before it.
    for (const std::string& word : split_terms(*terms)) {
      auto term = core::ArgFilter::parse(word);
      if (!term || filter.args.size() == core::ArgFilter::kMaxTerms) {
        query.problem("arg", "value_error",
                      "must be at most 4 of " + std::string(core::ArgFilter::kExpected) +
                          ", with commas between");
        break;
      }
      filter.args.push_back(std::move(*term));
    }
  }
  filter.since = query.time("since");
  filter.until = query.time("until");
  return filter;
}

}  // namespace z4j::api
