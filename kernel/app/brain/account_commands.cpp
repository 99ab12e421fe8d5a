// bootstrap-admin, changepassword, reset-mfa, reset-setup, reset, users erase|list, projects
// create|list: accounts, for whoever has the database.
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>

#include "app/brain/audit_upkeep.hpp"
#include "app/brain/brain.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/storage_commands.hpp"
#include "app/brain/storage_place.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/copy_load.hpp"
#include "core/memberships.hpp"
#include "core/mfa.hpp"
#include "core/passwords.hpp"
#include "core/projects.hpp"
#include "core/sealed.hpp"
#include "core/setup.hpp"
#include "core/text.hpp"
#include "core/users.hpp"

namespace z4j::app {
namespace {

using base::json::Array;
using base::json::Object;

constexpr int kNoPassword = 2, kAborted = 2, kAdminExists = 2;
constexpr int kAlreadyInitialised = 3, kBreaksRule = 3, kUnknownUser = 4;
constexpr std::size_t kLongestLine = 4096;

const core::Actor kOnTheMachine{std::nullopt, std::nullopt, {}, "z4j-brain"};

core::Audit::Options account_audit_options(const config::Settings& settings) {
  core::Audit::Options options;
  options.secret = settings.secret;
  options.previous_secrets = settings.previous_secrets;
  return options;
}

// What the brain has for accounts, over a store that is open.
class AccountParts {
 public:
  AccountParts(const config::Settings& settings, core::Store& store)
      : audit(store, clock, base::Log::quiet(), account_audit_options(settings)),
        auth(store, audit, hasher, clock, base::Log::quiet(), core::auth_options(settings)),
        projects(store, audit, clock),
        memberships(store, audit, clock),
        users(store, audit, auth, hasher, clock),
        setup(store, audit, auth, projects, memberships, clock, setup_options(settings)),
        sealer(settings.secret, settings.previous_secrets),
        mfa(store, audit, hasher, sealer, clock, base::Log::quiet(), core::mfa_options(settings)) {}

  base::SystemClock clock;
  core::PasswordHasher hasher;
  core::Audit audit;
  core::Auth auth;
  core::Projects projects;
  core::Memberships memberships;
  core::Users users;
  core::Setup setup;
  core::Sealer sealer;
  core::Mfa mfa;

 private:
  static core::Setup::Options setup_options(const config::Settings& settings) {
    core::Setup::Options options;
    options.secret = settings.secret;
    return options;
  }
};

struct AccountRequest {
  std::string email, display_name, password, slug, name;
  bool password_on_stdin = false, force = false, nuke_secrets = false, is_confirmed = false,
       json = false;
  std::uint32_t limit = 100, offset = 0;
};

using AccountDeed = std::function<int(AccountParts&, const AccountRequest&)>;

// One line, without its end; nothing at the end of the input.
std::optional<std::string> read_line() {
  std::string line;
  if (!std::getline(std::cin, line) || line.size() > kLongestLine) return std::nullopt;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

std::optional<std::string> given_password(const AccountRequest& request) {
  if (!request.password.empty()) {
    std::fprintf(stderr,
                 "warning: every user of this machine can read a password in the command line; "
                 "--password-stdin keeps it away\n");
    return request.password;
  }
  auto line = request.password_on_stdin ? read_line() : std::nullopt;
  if (line && !line->empty()) return line;
  std::fprintf(stderr, "z4j-brain: no password given; use --password-stdin\n");
  return std::nullopt;
}

int tell_as(const base::Error& error, int code) {
  (void)tell(error);
  return code;
}

int bootstrap_admin(AccountParts& parts, const AccountRequest& request) {
  const auto password = given_password(request);
  if (!password) return kNoPassword;
  auto made = parts.setup.bootstrap(request.email, *password, request.display_name, "command line");
  if (made) {
    std::printf("%s is the first administrator\n", shown(made->email).c_str());
    return kDone;
  }
  return tell_as(made.error(), made.error().code == base::Code::conflict  ? kAlreadyInitialised
                               : made.error().code == base::Code::invalid ? kNoPassword
                                                                          : kFailed);
}

int change_password(AccountParts& parts, const AccountRequest& request) {
  const auto password = given_password(request);
  if (!password) return kNoPassword;
  auto user = parts.users.find(request.email);
  if (!user) return tell_as(user.error(), user.error().is_world() ? kFailed : kUnknownUser);
  auto done =
      parts.users.set_password(user->id, *password, core::Users::Chosen::by_owner, kOnTheMachine);
  if (!done)
    return tell_as(done.error(), done.error().code == base::Code::invalid ? kBreaksRule : kFailed);
  std::printf("the password of %s is changed; all sessions are over\n", shown(user->email).c_str());
  return kDone;
}

// Asks for the address again, unless --confirm said that.
bool is_meant(const core::User& user, const AccountRequest& request, const char* deed) {
  if (request.is_confirmed) return true;
  std::fprintf(stderr, "this %s %s. Type the address again: ", deed, shown(user.email).c_str());
  const auto again = read_line();
  if (again && core::ascii_lower(core::trimmed(*again)) == user.email) return true;
  std::fprintf(stderr, "z4j-brain: not the same; nothing was changed\n");
  return false;
}

int erase_user(AccountParts& parts, const AccountRequest& request) {
  auto user = parts.users.find(request.email);
  if (!user) return tell_as(user.error(), user.error().is_world() ? kFailed : kUnknownUser);
  if (!is_meant(*user, request, "deletes all that tells of")) return kAborted;
  if (auto done = parts.users.remove(user->id, core::Users::Trace::erased, kOnTheMachine); !done)
    return tell(done.error());
  std::printf(
      "the account %s is deleted; a brain takes the rest out of the audit log, within minutes\n",
      user->id.text().c_str());
  return kDone;
}

int reset_mfa(AccountParts& parts, const AccountRequest& request) {
  auto user = parts.users.find(request.email);
  if (!user) return tell_as(user.error(), user.error().is_world() ? kFailed : kUnknownUser);
  if (!is_meant(*user, request, "takes the second factor from")) return kAborted;
  if (auto done = parts.mfa.reset(user->id, kOnTheMachine); !done) return tell(done.error());
  std::printf("%s has no second factor any more\n", shown(user->email).c_str());
  return kDone;
}

int reset_setup(AccountParts& parts, const AccountRequest& request) {
  auto first = parts.setup.is_first_boot();
  if (!first) return tell(first.error());
  if (!*first) {
    std::fprintf(stderr, "z4j-brain: setup is done already: a user exists\n");
    return kAdminExists;
  }
  if (!request.force) {
    std::fprintf(stderr, "z4j-brain: this makes the setup link worthless; say so with --force\n");
    return kFailed;
  }
  if (auto done = parts.setup.reset(kOnTheMachine); !done)
    return tell_as(done.error(),
                   done.error().code == base::Code::conflict ? kAdminExists : kFailed);
  std::printf("setup begins anew: start the brain to get a new link\n");
  return kDone;
}

int list_users(AccountParts& parts, const AccountRequest& request) {
  auto users = parts.users.list(request.limit, request.offset);
  if (!users) return tell(users.error());
  Array rows;
  for (const core::User& user : *users) {
    const std::string seen =
        user.last_login_at == 0 ? "never" : base::format_time(user.last_login_at);
    if (request.json) {
      rows.emplace_back(
          Object{{"id", user.id.text()},
                 {"email", user.email},
                 {"display_name", user.shown_name()},
                 {"is_admin", user.is_admin},
                 {"is_active", user.is_active},
                 {"has_second_factor", user.mfa_enrolled_at != 0},
                 {"last_login_at",
                  user.last_login_at == 0 ? base::json::Value() : base::json::Value(seen)}});
    } else {
      std::printf("%-36s  %-40s  %-13s  %-8s  %s\n", user.id.text().c_str(),
                  shown(user.email).c_str(), user.is_admin ? "administrator" : "",
                  user.is_active ? "" : "inactive", seen.c_str());
    }
  }
  if (request.json) std::printf("%s\n", shown(base::json::write(rows)).c_str());
  return kDone;
}

// Whoever has the database may do what an administrator may.
core::Principal administrator() {
  core::Principal out;
  out.user.is_admin = true;
  return out;
}

void show(const core::Project& project) {
  std::printf("%-36s  %-30s  %s\n", project.id.text().c_str(), shown(project.slug).c_str(),
              shown(project.name).c_str());
}

Object project_row(const core::Project& project) {
  return {{"id", project.id.text()}, {"slug", project.slug}, {"name", project.name}};
}

int create_project(AccountParts& parts, const AccountRequest& request) {
  core::ProjectDraft draft;
  draft.slug = request.slug;
  draft.name = request.name.empty() ? request.slug : request.name;
  auto made = parts.projects.create(administrator(), draft, kOnTheMachine);
  if (!made) return tell(made.error());
  if (request.json)
    std::printf("%s\n", shown(base::json::write(project_row(*made))).c_str());
  else
    show(*made);
  return kDone;
}

int list_projects(AccountParts& parts, const AccountRequest& request) {
  auto projects = parts.projects.list(administrator());
  if (!projects) return tell(projects.error());
  Array rows;
  for (const core::Project& project : *projects) {
    if (request.json)
      rows.emplace_back(project_row(project));
    else
      show(project);
  }
  if (request.json) std::printf("%s\n", shown(base::json::write(rows)).c_str());
  return kDone;
}

// Empties the database. What the audit log said last is kept in the first entry of the new one.
int reset_all(const config::Settings& settings, const AccountRequest& request) {
  if (!request.force) {
    std::fprintf(stderr,
                 "z4j-brain: this deletes every user, project, task and audit entry; say so with "
                 "--force\n");
    return kFailed;
  }
  if (auto key = need_master_key(settings); !key) return tell(key.error());
  const base::SystemClock clock;
  const auto place = read_place(kConfiguredDatabase, settings, {});
  if (!place) return tell(place.error());
  auto target = StoragePlace::open_target(*place, settings, clock);
  if (!target) return tell(target.error());
  core::Query newest(model::Table::audit_head);
  auto head = target->store().first(std::move(newest.all()));
  if (!head) return tell(head.error());
  core::AuditEntry entry =
      core::AuditEntry::of(kOnTheMachine, "installation.reset", "installation", {});
  if (*head) {
    entry.metadata = {{"entries_before", (*head)->num(model::audit_head::seq)},
                      {"last_row_hmac", (*head)->text(model::audit_head::row_hmac)}};
  }
  core::StoreLoader loader(target->store(), target->client(), {});
  if (auto begun = loader.begin("reset", core::StoreLoader::Present::remove); !begun)
    return tell(begun.error());
  if (auto finished = loader.finish({}); !finished) return tell(finished.error());
  core::Audit audit(target->store(), clock, base::Log::quiet(), account_audit_options(settings));
  if (auto opened = audit.open(); !opened) return tell(opened.error());
  audit.record(std::move(entry));
  auto upkeep = AuditUpkeep::open(target->store(), audit, settings, clock, base::Log::quiet(), {});
  if (!upkeep) return tell(upkeep.error());
  auto aside = (*upkeep)->checkpoints().put_aside();
  if (!aside) return tell(aside.error());
  if (!aside->empty())
    std::printf("the checkpoint of the log before is kept as %s\n", aside->c_str());
  std::printf("%s is empty; the next start makes a setup link\n", place->shown.c_str());
  if (!request.nuke_secrets) return kDone;
  std::error_code ec;
  std::filesystem::remove(std::filesystem::path(settings.home) / "secret.env", ec);
  if (ec)
    return tell({.code = base::Code::io,
                 .message = "secret.env not deleted: " + ec.message(),
                 .where = settings.home,
                 .hint = "delete it by hand"});
  std::printf("the secrets are deleted; the next start makes others\n");
  return kDone;
}

void run_account(CommandLine& line, CLI::App& command, std::shared_ptr<AccountRequest> request,
                 AccountDeed deed, int unusable = kFailed) {
  line.run_with_store(
      command,
      [request = std::move(request), deed = std::move(deed)](const Given& config,
                                                             core::Store& store) {
        AccountParts parts(config.loaded.settings, store);
        if (auto opened = parts.audit.open(); !opened) return tell(opened.error());
        return deed(parts, *request);
      },
      unusable);
}

void add_password_options(CLI::App& command, AccountRequest& request) {
  CLI::Option* on_stdin = command.add_flag("--password-stdin", request.password_on_stdin,
                                           "read the password from standard input");
  command.add_option("--password", request.password, "the password, for others to see")
      ->excludes(on_stdin);
}

}  // namespace

void add_account_commands(CommandLine& line) {
  const auto request = std::make_shared<AccountRequest>();

  for (const char* word : {"bootstrap-admin", "createsuperuser"}) {
    CLI::App& first = line.command(word, "make the first administrator",
                                   "2 no password, or one that breaks a rule; 3 there is a user");
    first.add_option("--email", request->email, "the sign-in name")->required();
    first.add_option("--display-name", request->display_name, "the name to show");
    add_password_options(first, *request);
    run_account(line, first, request, bootstrap_admin, kWrongUsage);
  }

  CLI::App& change =
      line.command("changepassword", "give a user another password; all sessions end",
                   "2 no password, 3 it breaks a rule, 4 no such user");
  change.add_option("EMAIL", request->email, "whose")->required();
  add_password_options(change, *request);
  run_account(line, change, request, change_password);

  CLI::App& factor = line.command("reset-mfa", "take the second factor from who lost it",
                                  "2 not confirmed, 4 no such user");
  factor.add_option("EMAIL", request->email, "whose")->required();
  factor.add_flag("--confirm", request->is_confirmed, "do not ask for the address again");
  run_account(line, factor, request, reset_mfa);

  CLI::App& setup = line.command("reset-setup", "make setup begin anew, before it is done",
                                 "1 without --force, 2 there is a user");
  setup.add_flag("--force", request->force, "yes");
  run_account(line, setup, request, reset_setup);

  CLI::App& all = line.command("reset", "empty the database; no brain may run");
  all.add_flag("--force", request->force, "yes");
  all.add_flag("--nuke-secrets", request->nuke_secrets, "delete secret.env as well");
  line.run_with_settings(
      all, [request](const Given& config) { return reset_all(config.loaded.settings, *request); });

  CLI::App& users = line.group("users", "people who sign in");
  CLI::App& erased = line.command(users, "erase", "delete a user and all that tells of the person",
                                  "2 not confirmed, 4 no such user");
  erased.add_option("EMAIL", request->email, "whom")->required();
  erased.add_flag("--confirm", request->is_confirmed, "do not ask for the address again");
  run_account(line, erased, request, erase_user);
  CLI::App& list = line.command(users, "list", "newest first");
  list.add_flag("--json", request->json, "for programs");
  list.add_option("--limit", request->limit, "at most so many")
      ->capture_default_str()
      ->check(CLI::Range(1u, core::Users::kMostListed));
  list.add_option("--offset", request->offset, "after so many")
      ->check(CLI::Range(0u, core::Users::kFarthestOffset));
  run_account(line, list, request, list_users);

  CLI::App& projects = line.group("projects", "what separates people and tasks");
  CLI::App& create = line.command(projects, "create", "a new project");
  create.add_option("SLUG", request->slug, "its name in links")->required();
  create.add_option("--name", request->name, "its name to show; else the slug");
  create.add_flag("--json", request->json, "for programs");
  run_account(line, create, request, create_project);
  CLI::App& projects_list = line.command(projects, "list", "the active ones");
  projects_list.add_flag("--json", request->json, "for programs");
  run_account(line, projects_list, request, list_projects);
}

}  // namespace z4j::app
