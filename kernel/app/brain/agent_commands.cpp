// agents mint, list, rotate, revoke: the accounts of agents elsewhere, for whoever has the
// database.
#include <cstdio>
#include <memory>

#include "app/brain/brain.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/storage_commands.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/agent_accounts.hpp"
#include "core/audit.hpp"
#include "core/fleet.hpp"
#include "core/notices.hpp"
#include "core/projects.hpp"

namespace z4j::app {
namespace {

using base::json::Object;

struct AgentRequest {
  std::string project = "default", name;
  std::int64_t overlap_s = core::AgentAccounts::kUsualOverlapS;
  bool json = false;
};

// The parts that accounts of agents need, over a store that is open.
class Accounts {
 public:
  Accounts(const config::Settings& settings, core::Store& store)
      : store_(store),
        audit_(store, clock_, base::Log::quiet(), audit_options(settings)),
        notices_(store, base::Log::quiet(), base::Uuid::random(), {}, {}),
        projects_(store, audit_, clock_),
        fleet_(store, clock_),
        accounts_(store, audit_, clock_, options(settings)) {}

  [[nodiscard]] base::Result<base::Uuid> project(const std::string& slug) {
    auto found = projects_.by_slug(slug);
    if (!found) return found.error();
    return found->id;
  }
  [[nodiscard]] base::Result<std::vector<core::FleetAgent>> list(const std::string& slug) {
    auto id = project(slug);
    if (!id) return id.error();
    return fleet_.agents(*id);
  }
  [[nodiscard]] base::Result<core::FleetAgent> find(const AgentRequest& request) {
    auto id = project(request.project);
    if (!id) return id.error();
    core::Query query(model::Table::agents);
    query.columns({model::agents::id});
    query.where.eq(model::agents::project_id, *id)
        .eq(model::agents::name, request.name)
        .eq(model::agents::is_local, false);
    auto row = store_.first(std::move(query));
    if (!row) return row.error();
    if (*row) return fleet_.agent(*id, (*row)->uuid(model::agents::id));
    return base::Error{
        .code = base::Code::not_found,
        .message = "project " + request.project + " has no agent \"" + request.name + "\"",
        .where = {},
        .hint = "z4j-brain agents list shows their names"};
  }
  [[nodiscard]] core::AgentAccounts& accounts() noexcept { return accounts_; }
  [[nodiscard]] base::Status open() { return audit_.open(); }

 private:
  static core::Audit::Options audit_options(const config::Settings& settings) {
    core::Audit::Options options;
    options.secret = settings.secret;
    options.previous_secrets = settings.previous_secrets;
    return options;
  }
  core::AgentAccounts::Options options(const config::Settings& settings) {
    core::AgentAccounts::Options out;
    out.secret = settings.secret;
    out.previous_secrets = settings.previous_secrets;
    out.tell_others = [this](core::Commit& commit, const base::Uuid& agent) {
      notices_.tell(commit, core::Notices::About::agents, agent.text());
    };
    return out;
  }

  core::Store& store_;
  base::SystemClock clock_;
  core::Audit audit_;
  core::Notices notices_;
  core::Projects projects_;
  core::Fleet fleet_;
  core::AgentAccounts accounts_;
};

const core::Actor kCommandLine{std::nullopt, std::nullopt, {}, "z4j-brain"};

int show(const core::AgentCredentials& made, const config::Settings& settings,
         const AgentRequest& request) {
  const std::string url = settings.public_url.empty()
                              ? "http://localhost:" + std::to_string(settings.bind_port)
                              : settings.public_url;
  const std::string env = core::environment_of(made, url, request.project);
  if (request.json) {
    std::printf("%s\n", shown(base::json::write(Object{{"id", made.agent_id.text()},
                                                       {"name", made.name},
                                                       {"token", made.token},
                                                       {"hmac_secret", made.hmac_secret},
                                                       {"env", env}}))
                            .c_str());
    return kDone;
  }
  std::fprintf(stderr, "shown once; put these into the agent's environment:\n");
  std::fputs(env.c_str(), stdout);
  return kDone;
}

int mint(Accounts& parts, const config::Settings& settings, const AgentRequest& request) {
  auto project = parts.project(request.project);
  if (!project) return tell(project.error());
  auto made = parts.accounts().mint(*project, request.name, kCommandLine);
  return made ? show(*made, settings, request) : tell(made.error());
}

int list(Accounts& parts, const config::Settings&, const AgentRequest& request) {
  auto agents = parts.list(request.project);
  if (!agents) return tell(agents.error());
  base::json::Array rows;
  for (const core::FleetAgent& agent : *agents) {
    const std::string seen = agent.last_seen_at ? base::format_time(*agent.last_seen_at) : "never";
    if (request.json)
      rows.emplace_back(Object{
          {"id", agent.id.text()},
          {"name", agent.name},
          {"state", agent.state},
          {"last_seen_at", agent.last_seen_at ? base::json::Value(seen) : base::json::Value()},
          {"is_local", agent.is_local},
          {"is_revoked", !agent.is_local && !agent.has_token}});
    else
      std::printf("%-36s  %-30s  %-8s  %-27s  %s\n", agent.id.text().c_str(),
                  shown(agent.name).c_str(), agent.state.c_str(), seen.c_str(),
                  agent.is_local    ? "of the brain"
                  : agent.has_token ? ""
                                    : "revoked");
  }
  if (request.json) std::printf("%s\n", shown(base::json::write(rows)).c_str());
  return kDone;
}

int rotate(Accounts& parts, const config::Settings& settings, const AgentRequest& request) {
  auto agent = parts.find(request);
  if (!agent) return tell(agent.error());
  auto made =
      parts.accounts().rotate(agent->project_id, agent->id, request.overlap_s, kCommandLine);
  return made ? show(*made, settings, request) : tell(made.error());
}

int revoke(Accounts& parts, const config::Settings&, const AgentRequest& request) {
  auto agent = parts.find(request);
  if (!agent) return tell(agent.error());
  if (auto done = parts.accounts().revoke(agent->project_id, agent->id, kCommandLine); !done)
    return tell(done.error());
  std::printf("the token of %s is no good any more\n", shown(agent->name).c_str());
  return kDone;
}

using Deed = int (*)(Accounts&, const config::Settings&, const AgentRequest&);

void add(CommandLine& line, const char* word, const char* help, bool has_name, bool has_overlap,
         Deed deed) {
  auto request = std::make_shared<AgentRequest>();
  CLI::App& command =
      line.command(line.group("agents", "agents elsewhere, as accounts"), word, help);
  command.add_option("--project", request->project, "slug of its project")->capture_default_str();
  command.add_flag("--json", request->json, "for programs");
  if (has_name) command.add_option("NAME", request->name, "the agent's name")->required();
  if (has_overlap)
    command.add_option("--overlap", request->overlap_s, "seconds that the token before stays good")
        ->capture_default_str()
        ->check(CLI::Range(std::int64_t{0}, core::AgentAccounts::kLongestOverlapS));
  line.run_with_store(command, [request, deed](const Given& config, core::Store& store) {
    Accounts parts(config.loaded.settings, store);
    if (auto opened = parts.open(); !opened) return tell(opened.error());
    return deed(parts, config.loaded.settings, *request);
  });
}

}  // namespace

void add_agent_commands(CommandLine& line) {
  add(line, "mint", "a new agent: its token and secret, shown once", true, false, mint);
  add(line, "list", "the agents of a project", false, false, list);
  add(line, "rotate", "a new token for an agent", true, true, rotate);
  add(line, "revoke", "no token of an agent is good any more; its connections end", true, false,
      revoke);
}

}  // namespace z4j::app
