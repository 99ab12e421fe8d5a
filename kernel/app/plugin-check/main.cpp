// z4j-plugin-check: does a plugin keep the contract? Exit codes: 0 all passed, 1 something failed,
// 2 not a plugin, or wrong usage.
#include <fnmatch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "plugin/rules.hpp"
#include "report.hpp"

namespace {

using namespace z4j;
using namespace z4j::check;

constexpr int kPassed = 0, kFailed = 1, kNoPlugin = 2;
constexpr int kFactsMs = 20'000;
constexpr std::uintmax_t kMostConfigBytes = 1u << 20;

struct Wanted {
  std::vector<std::string> only, skip;
  bool is_listed = false, is_verbose = false, is_in_process = false;
  std::string file, config, json, junit;
  std::uint64_t seed = 0;
  int deadline_s = 0;
};

int unusable(const std::string& what) {
  std::fprintf(stderr, "z4j-plugin-check: %s\n", what.c_str());
  return kNoPlugin;
}

// "D.stop*", "D" for the whole group, "H.storage" for all of that kind.
bool fits(const std::string& name, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0 || name.rfind(pattern + ".", 0) == 0)
      return true;
  }
  return false;
}

// Gone with the run.
struct Folder {
  Folder() {
    path = (std::filesystem::temp_directory_path() / "z4j_check_XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) path.clear();
  }
  ~Folder() {
    std::error_code ec;
    if (!path.empty()) std::filesystem::remove_all(path, ec);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  return static_cast<bool>(out.flush());
}

// Groups build on each other: what can't be loaded, or has no whole descriptor, is not called.
std::string blocked_by(const std::vector<Result>& results, const std::string& next) {
  for (const Result& r : results) {
    if (r.outcome != Outcome::failed || r.name[0] == next[0]) continue;
    const bool can_load =
        r.name[0] != 'A' || r.name == "A.life-process" || r.name == "A.life-quiet" ||
        r.name == "A.exit" || r.name == "A.exit-after-life" || r.name == "A.run-path" ||
        r.name == "A.exports" || r.name == "A.unique-symbols" || r.name == "A.stack" ||
        r.name == "A.code" || r.name.rfind("A.load-", 0) == 0;
    if (!can_load) return r.name;
    if (r.name[0] == 'B' && r.name != "B.constant" && r.name.rfind("B.interface-", 0) != 0 &&
        r.name != "B.api-name" && r.name != "B.texts-utf8" && r.name != "B.name" &&
        r.name != "B.version")
      return r.name;
  }
  return {};
}

int check_plugin(const Wanted& wanted) {
  Options options;
  options.file = wanted.file;
  options.seed = wanted.seed != 0 ? wanted.seed : std::random_device{}();
  const Folder folder;
  if (folder.path.empty()) return unusable("no folder for temporary files");
  options.folder = folder.path;
  if (!wanted.config.empty()) {
    std::error_code ec;
    std::ifstream in(wanted.config, std::ios::binary);
    if (!in || std::filesystem::file_size(wanted.config, ec) > kMostConfigBytes || ec)
      return unusable(wanted.config + " can't be read, or is larger than 1 MiB");
    std::stringstream text;
    text << in.rdbuf();
    auto config = base::json::parse(text.str());
    if (!config || !config->is_object())
      return unusable(wanted.config + " is no JSON object: give the settings as {\"name\": value}");
    options.config = config->get_object();
  }

  const auto elf = plugin::read_elf(options.file);
  if (!elf) return unusable(options.file + ": " + elf.error().message);
  if (const auto entry = plugin::check_has_entry(*elf); !entry)
    return unusable(options.file + ": " + entry.error().message);

  const Isolation isolation = wanted.is_in_process ? Isolation::in_process : Isolation::child;
  const auto begin = std::chrono::steady_clock::now();
  Run run;
  run.file = options.file;
  run.seed = options.seed;
  run.facts =
      find_facts(options, isolation, wanted.deadline_s > 0 ? wanted.deadline_s * 1000 : kFactsMs);
  std::printf("%s: %s %s (%s), abi %u.%u\n", options.file.c_str(),
              run.facts.id.empty() ? "no id" : run.facts.id.c_str(), run.facts.version.c_str(),
              run.facts.kinds.empty() ? "no kind" : run.facts.kinds.c_str(), run.facts.abi_major,
              run.facts.abi_minor);
  std::string group;
  for (Case& each : catalogue()) {
    if ((!wanted.only.empty() && !fits(each.name, wanted.only)) || fits(each.name, wanted.skip))
      continue;
    if (wanted.deadline_s > 0) each.deadline_ms = wanted.deadline_s * 1000;
    Result result;
    if (const std::string why = blocked_by(run.results, each.name); !why.empty()) {
      result.name = each.name;
      result.what = each.what;
      result.outcome = Outcome::not_for_this;
      result.message = why + " failed";
    } else {
      result = run_case(options, each, isolation);
    }
    print_heading(result, group);
    print_result(result, wanted.is_verbose ? Shown::all : Shown::failures);
    run.results.push_back(std::move(result));
  }
  if (run.results.empty()) return unusable("no case has such a name; --list shows them");
  run.took_ms = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::steady_clock::now() - begin)
                                     .count());
  print_end(run);
  if (!wanted.json.empty() && !write_file(wanted.json, as_json(run)))
    return unusable(wanted.json + " can't be written");
  if (!wanted.junit.empty() && !write_file(wanted.junit, as_junit(run)))
    return unusable(wanted.junit + " can't be written");
  return run.count(Outcome::failed) == 0 ? kPassed : kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Tries whether a plugin of z4j keeps the contract, each trial in a process of its own."};
  Wanted wanted;
  app.add_option("file", wanted.file, "the plugin: a shared library");
  app.add_option("--config", wanted.config,
                 "its settings as a JSON object; {folder} and {word} are fresh in each trial");
  app.add_option("--only", wanted.only,
                 "these trials: names, groups such as D, or patterns such as 'D.stop*'")
      ->allow_extra_args(false);
  app.add_option("--skip", wanted.skip, "not these")->allow_extra_args(false);
  app.add_option("--json", wanted.json, "write the report there, as JSON");
  app.add_option("--junit", wanted.junit, "write the report there, as JUnit's XML");
  app.add_option("--seed", wanted.seed, "of all dice; printed at the end");
  app.add_option("--deadline", wanted.deadline_s, "seconds for each trial, instead of its own")
      ->check(CLI::Range(1, 3600));
  app.add_flag("--in-process", wanted.is_in_process, "all in this process, for a debugger");
  app.add_flag("--list", wanted.is_listed, "show the trials, run none");
  app.add_flag("-v,--verbose", wanted.is_verbose, "show what passed and what was not run, too");
  app.set_version_flag("--version", std::string("z4j-plugin-check 1.0 (") + Z4J_VERSION +
                                        "), abi " + std::to_string(Z4J_ABI_MAJOR) + "." +
                                        std::to_string(Z4J_ABI_MINOR));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kPassed : kNoPlugin;
  }
  try {
    if (wanted.is_listed) {
      for (const Case& each : catalogue())
        std::printf("%-60s %s\n", each.name.c_str(), each.what.c_str());
      return kPassed;
    }
    if (wanted.file.empty()) return unusable("which plugin? Give its file");
    return check_plugin(wanted);
  } catch (const std::exception& error) {
    return unusable(error.what());
  }
}
