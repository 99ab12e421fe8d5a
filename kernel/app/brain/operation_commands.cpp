// check, doctor, status, support-bundle, metrics-token, allowed-hosts, init: what whoever runs a
// brain needs.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

#include "app/brain/command_line.hpp"
#include "app/brain/examination.hpp"
#include "app/brain/storage_commands.hpp"
#include "app/brain/support_bundle.hpp"
#include "base/crypto.hpp"

namespace z4j::app {
namespace {

using base::json::Object;

// check: the answer in the exit code; doctor: everything that was seen, warnings besides.
void add_check(CommandLine& line) {
  CLI::App& check = line.command("check", "the settings, the database, an administrator",
                                 "0 good, 1 settings, 2 database, 3 nobody can sign in yet");
  line.run_with_config(check, [](Given& given) {
    const Examination found = examine(given);
    for (const Finding& finding : found.findings)
      if (finding.verdict == Finding::Verdict::failed)
        std::fprintf(stderr, "%s: %s\n", finding.name.c_str(), finding.detail.c_str());
    if (found.code == 0) std::printf("good\n");
    return found.code;
  });
  auto json = std::make_shared<bool>(false);
  CLI::App& doctor =
      line.command("doctor", "look at everything that a brain needs, one step after another",
                   "those of check; warnings alone are 0");
  doctor.add_flag("--json", *json, "for programs");
  line.run_with_config(doctor, [json](Given& given) {
    const Examination found = examine(given);
    const std::string text =
        *json ? base::json::write(Object{{"code", found.code}, {"findings", json_of(found)}}) + "\n"
              : text_of(found);
    std::fputs(text.c_str(), stdout);
    return found.code;
  });
}

void add_status(CommandLine& line) {
  auto json = std::make_shared<bool>(false);
  CLI::App& status = line.command("status", "how many users, projects, agents, tasks");
  status.add_flag("--json", *json, "for programs");
  line.run_with_store(status, [json](const Given&, core::Store& store) {
    constexpr std::uint64_t kEnough = 1'000'000;
    Object counts;
    for (const auto& [name, table] : {std::pair{"users", model::Table::users},
                                      {"projects", model::Table::projects},
                                      {"agents", model::Table::agents},
                                      {"workers", model::Table::workers},
                                      {"queues", model::Table::queues},
                                      {"tasks", model::Table::tasks}}) {
      const auto count = store.count(table, {}, kEnough);
      if (!count) return tell(count.error());
      counts[name] = *count;
      if (!*json)
        std::printf("%-10s %llu%s\n", name, static_cast<unsigned long long>(*count),
                    *count >= kEnough ? " or more" : "");
    }
    if (*json) std::printf("%s\n", shown(base::json::write(counts)).c_str());
    return kDone;
  });
}

void add_support_bundle(CommandLine& line) {
  auto target = std::make_shared<std::string>();
  auto logs = std::make_shared<std::vector<std::string>>();
  CLI::App& bundle = line.command(
      "support-bundle",
      "one file for whoever helps: settings, versions, findings, logs; secrets masked");
  bundle.add_option("--to,-o", *target, "the file to make; else standard output");
  bundle.add_option("--log", *logs, "log files whose last lines go in");
  line.run_with_config(bundle, [target, logs](Given& given) {
    const std::string text = support_bundle(given, *logs);
    if (target->empty()) return std::fputs(text.c_str(), stdout) >= 0 ? kDone : kFailed;
    if (auto written = write_private_file(*target, text); !written) return tell(written.error());
    std::printf("%s: %zu bytes; read it before you send it\n", target->c_str(), text.size());
    return kDone;
  });
}

void add_metrics_token(CommandLine& line) {
  CLI::App& token = line.group("metrics-token", "what /metrics asks for");
  line.run_with_settings(line.command(token, "show", "print it", "0 done, 2 there is none"),
                         [](const Given& given) {
                           const std::string& value = given.loaded.settings.metrics_auth_token;
                           if (value.empty()) {
                             std::fprintf(stderr, "there is none yet: serve makes it\n");
                             return kWrongUsage;
                           }
                           std::printf("%s\n", value.c_str());
                           return kDone;
                         });
  line.run_with_settings(line.command(token, "rotate", "make another one; restart the brain",
                                      "0 done, 2 it is not kept in secret.env"),
                         [](const Given& given) {
                           const std::string path = given.loaded.settings.home + "/secret.env";
                           auto kept = config::read_env_file(path, config::EnvFileKind::secret);
                           if (!kept) return (void)tell(kept.error()), kWrongUsage;
                           const std::string made = base::random_token();
                           (*kept)["Z4J_METRICS_AUTH_TOKEN"] = made;
                           if (auto written = write_env_file(path, *kept); !written)
                             return tell(written.error());
                           std::printf("%s\n", made.c_str());
                           return kDone;
                         });
}

int change_hosts(const config::Settings& settings, const std::string& deed,
                 const std::vector<std::string>& hosts) {
  std::vector<std::string> kept = read_allowed_hosts(settings.home);
  const std::string path = allowed_hosts_file(settings.home);
  if (deed == "list") {
    for (const std::string& host : kept) std::printf("%s\n", host.c_str());
    return kDone;
  }
  if (deed == "path") return std::printf("%s\n", path.c_str()) > 0 ? kDone : kFailed;
  if (deed != "add" && deed != "remove") {
    std::fprintf(stderr, "allowed-hosts: list, add HOST..., remove HOST..., path; not %s\n",
                 deed.c_str());
    return kWrongUsage;
  }
  for (const std::string& host : hosts) {
    if (!is_host_name(host)) {
      std::fprintf(stderr, "\"%s\" is no host name\n", host.c_str());
      return kWrongUsage;
    }
    std::erase(kept, host);
    if (deed == "add") kept.push_back(host);
  }
  std::string text;
  for (const std::string& host : kept) text += host + "\n";
  if (auto written = write_private_file(path, text); !written) return tell(written.error());
  std::printf("%zu host(s); restart the brain\n", kept.size());
  return kDone;
}

void add_allowed_hosts(CommandLine& line) {
  auto deed = std::make_shared<std::string>();
  auto hosts = std::make_shared<std::vector<std::string>>();
  CLI::App& command =
      line.command("allowed-hosts", "host names that are answered besides those of the config",
                   "0 done, 2 no such deed or no host name");
  command.add_option("DEED", *deed, "list, add, remove, path")->required();
  command.add_option("HOST", *hosts, "names to add or remove");
  line.run_with_settings(command, [deed, hosts](const Given& given) {
    return change_hosts(given.loaded.settings, *deed, *hosts);
  });
}

constexpr const char* kTemplate =
    R"(# What the brain is told; docs/operate/settings.md has every key. Check it: z4j-brain check-config

[server]
# host = "0.0.0.0"                       # else this machine only
# port = 7700
# public_url = "https://z4j.example.com" # base of the links that are given out

[database]
# url = "postgresql://z4j@db.example.com/z4j"   # else SQLite in the home folder

# One table per plugin: z4j-brain plugin list, z4j-brain plugin describe NAME
# [plugin.celery]
# plugin = "engine-celery"
# url = "redis://localhost:6379/0"
)";

void add_init(CommandLine& line) {
  auto force = std::make_shared<bool>(false);
  CLI::App& command = line.command("init", "write a z4j.toml to begin with into the home folder");
  command.add_flag("--force", *force, "also over one that is there");
  line.run_with_config(command, [force](Given& given) {
    const std::string path = given.loaded.settings.home + "/z4j.toml";
    if (!*force && std::ifstream(path)) {
      std::fprintf(stderr, "%s is there already; --force writes over it\n", path.c_str());
      return kFailed;
    }
    if (auto made = make_home(given.loaded.settings.home); !made) return tell(made.error());
    if (auto written = write_private_file(path, kTemplate); !written) return tell(written.error());
    std::printf("%s\n", path.c_str());
    return kDone;
  });
}

}  // namespace

void add_operation_commands(CommandLine& line) {
  add_check(line);
  add_status(line);
  add_support_bundle(line);
  add_metrics_token(line);
  add_allowed_hosts(line);
  add_init(line);
}

}  // namespace z4j::app
