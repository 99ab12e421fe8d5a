#include "report.hpp"

#include <z4j/abi.h>

#include <algorithm>
#include <cstdio>

#include "base/json.hpp"

namespace z4j::check {
namespace {

struct Group {
  char letter;
  const char* title;
};
constexpr Group kGroups[] = {{'A', "the file"},      {'B', "entry and descriptor"},
                             {'C', "settings"},      {'D', "the life of an instance"},
                             {'E', "operations"},    {'F', "threads"},
                             {'G', "strange hosts"}, {'H', "its kind"},
                             {'I', "by dice"}};

// For a terminal and a file alike: no control characters.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return out;
}

const char* word(Outcome outcome) {
  return outcome == Outcome::passed ? "passed" : outcome == Outcome::failed ? "failed" : "not_run";
}

std::string xml(const std::string& text) {
  std::string out;
  for (const char c : plain(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string seconds(int ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%d.%03d", ms / 1000, ms % 1000);
  return text;
}

}  // namespace

std::size_t Run::count(Outcome outcome) const {
  return static_cast<std::size_t>(std::count_if(
      results.begin(), results.end(), [&](const Result& r) { return r.outcome == outcome; }));
}

void print_heading(const Result& result, std::string& group) {
  const std::string letter = result.name.substr(0, 1);
  if (letter == group) return;
  group = letter;
  for (const Group& each : kGroups) {
    if (each.letter == letter[0]) std::printf("%c  %s\n", each.letter, each.title);
  }
}

void print_result(const Result& result, Shown shown) {
  const std::string why = plain(result.message);
  if (result.outcome == Outcome::failed) {
    std::printf("   FAILED   %s: %s\n            %s\n", result.name.c_str(), result.what.c_str(),
                why.c_str());
  } else if (shown == Shown::all && result.outcome == Outcome::passed) {
    std::printf("   passed   %s: %s%s%s%s\n", result.name.c_str(), result.what.c_str(),
                why.empty() ? "" : " (", why.c_str(), why.empty() ? "" : ")");
  } else if (shown == Shown::all) {
    std::printf("   not run  %s: %s\n", result.name.c_str(), why.c_str());
  } else if (!why.empty() && result.outcome == Outcome::passed) {
    std::printf("   %s: %s\n", result.name.c_str(), why.c_str());
  }
  std::fflush(stdout);
}

std::string badge(const Run& run) {
  return "z4j-plugin-check 1.0: " + std::to_string(run.count(Outcome::passed)) + " passed, " +
         std::to_string(run.count(Outcome::failed)) + " failed, abi " +
         std::to_string(run.facts.abi_major) + "." + std::to_string(run.facts.abi_minor);
}

void print_end(const Run& run) {
  // Why something was not run, once for each reason.
  std::vector<std::pair<std::string, std::size_t>> reasons;
  for (const Result& result : run.results) {
    if (result.outcome != Outcome::not_for_this) continue;
    const auto at = std::find_if(reasons.begin(), reasons.end(),
                                 [&](const auto& r) { return r.first == result.message; });
    if (at == reasons.end()) {
      reasons.emplace_back(result.message, 1);
    } else {
      ++at->second;
    }
  }
  std::stable_sort(reasons.begin(), reasons.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (!reasons.empty()) {
    std::printf("\n%zu not run, which do not count as passed:\n", run.count(Outcome::not_for_this));
    constexpr std::size_t kShown = 12;
    for (std::size_t i = 0; i < std::min(reasons.size(), kShown); ++i)
      std::printf("%6zu  %s\n", reasons[i].second, plain(reasons[i].first).c_str());
    if (reasons.size() > kShown)
      std::printf("        and %zu other reasons: see --verbose\n", reasons.size() - kShown);
  }
  if (run.count(Outcome::failed) > 0) {
    std::printf("\nTo try one again: z4j-plugin-check --only %s --in-process %s\n",
                std::find_if(run.results.begin(), run.results.end(),
                             [](const Result& r) { return r.outcome == Outcome::failed; })
                    ->name.c_str(),
                run.file.c_str());
  }
  std::printf("\nseed %llu, %s s\n%s\n", static_cast<unsigned long long>(run.seed),
              seconds(run.took_ms).c_str(), badge(run).c_str());
}

std::string as_json(const Run& run) {
  namespace json = base::json;
  json::Array results;
  for (const Result& r : run.results) {
    results.push_back(json::Object{{"name", r.name},
                                   {"what", r.what},
                                   {"outcome", word(r.outcome)},
                                   {"message", r.message},
                                   {"took_ms", r.took_ms}});
  }
  return json::write(json::Object{{"checker", "1.0"},
                                  {"file", run.file},
                                  {"id", run.facts.id},
                                  {"version", run.facts.version},
                                  {"kinds", run.facts.kinds},
                                  {"abi", std::to_string(run.facts.abi_major) + "." +
                                              std::to_string(run.facts.abi_minor)},
                                  {"seed", run.seed},
                                  {"passed", run.count(Outcome::passed)},
                                  {"failed", run.count(Outcome::failed)},
                                  {"not_run", run.count(Outcome::not_for_this)},
                                  {"took_ms", run.took_ms},
                                  {"badge", badge(run)},
                                  {"results", std::move(results)}}) +
         "\n";
}

std::string as_junit(const Run& run) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"" +
                    xml(run.file) + "\" tests=\"" + std::to_string(run.results.size()) +
                    "\" failures=\"" + std::to_string(run.count(Outcome::failed)) +
                    "\" skipped=\"" + std::to_string(run.count(Outcome::not_for_this)) +
                    "\" time=\"" + seconds(run.took_ms) + "\">\n";
  for (const Result& r : run.results) {
    out += "  <testcase classname=\"" + xml(r.name.substr(0, r.name.find('.'))) + "\" name=\"" +
           xml(r.name) + "\" time=\"" + seconds(r.took_ms) + "\"";
    if (r.outcome == Outcome::passed) {
      out += "/>\n";
      continue;
    }
    out +=
        r.outcome == Outcome::failed ? ">\n    <failure message=\"" : ">\n    <skipped message=\"";
    out += xml(r.message) + "\"/>\n  </testcase>\n";
  }
  return out + "</testsuite>\n";
}

}  // namespace z4j::check
