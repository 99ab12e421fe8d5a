// apikeys create: a key for a script, made by whoever has the database.
#include <cstdio>
#include <memory>

#include "api/key_networks.hpp"
#include "app/brain/command_line.hpp"
#include "app/brain/storage_commands.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "core/api_keys.hpp"
#include "core/audit.hpp"
#include "core/auth.hpp"
#include "core/passwords.hpp"
#include "core/principals.hpp"
#include "core/projects.hpp"
#include "core/users.hpp"

namespace z4j::app {
namespace {

constexpr int kUnknownOwner = 4;

struct ApiKeyRequest {
  std::string email, project;
  core::ApiKeyDraft draft;
  std::int64_t days = 0;
  bool json = false;
};

int create_api_key(const Given& given, core::Store& store, const ApiKeyRequest& request) {
  const config::Settings& settings = given.loaded.settings;
  const base::SystemClock clock;
  base::Log& log = base::Log::quiet();
  core::PasswordHasher hasher;
  core::Audit::Options auditing;
  auditing.secret = settings.secret;
  auditing.previous_secrets = settings.previous_secrets;
  core::Audit audit(store, clock, log, std::move(auditing));
  if (auto opened = audit.open(); !opened) return tell(opened.error());
  core::Auth auth(store, audit, hasher, clock, log, core::auth_options(settings));
  core::Users users(store, audit, auth, hasher, clock);
  auto user = users.find(request.email);
  if (!user) {
    const int code = user.error().is_world() ? kFailed : kUnknownOwner;
    return (void)tell(user.error()), code;
  }
  auto owner = core::find_principal(store, user->id);
  if (!owner) return tell(owner.error());
  if (!owner->has_value()) {
    std::fprintf(stderr, "z4j-brain: %s may not sign in\n", shown(user->email).c_str());
    return kUnknownOwner;
  }
  core::ApiKeyDraft draft = request.draft;
  if (request.days > 0) draft.expires_in_days = request.days;
  if (!request.project.empty()) {
    auto project = core::Projects(store, audit, clock).by_slug(request.project);
    if (!project) return tell(project.error());
    draft.project_id = project->id;
  }
  core::ApiKeys::Options keying;
  keying.secret = settings.secret;
  keying.previous_secrets = settings.previous_secrets;
  keying.is_within = api::is_within;
  core::ApiKeys keys(store, audit, clock, log, std::move(keying));
  auto made = keys.create(**owner, draft, {std::nullopt, std::nullopt, {}, "z4j-brain"});
  if (!made) return tell(made.error());
  if (!made->rejected_scopes.empty()) {
    std::string all;
    for (const std::string& scope : made->rejected_scopes) all += " " + shown(scope);
    std::fprintf(stderr, "z4j-brain: nothing was made: not for this owner, or no scope:%s\n",
                 all.c_str());
    return kWrongUsage;
  }
  if (request.json) {
    std::printf("%s\n", shown(base::json::write(base::json::Object{{"id", made->key.id.text()},
                                                                   {"name", made->key.name},
                                                                   {"token", made->token}}))
                            .c_str());
  } else {
    std::fprintf(stderr, "shown once:\n");
    std::printf("%s\n", made->token.c_str());
  }
  return kDone;
}

}  // namespace

void add_api_key_commands(CommandLine& line) {
  const auto request = std::make_shared<ApiKeyRequest>();
  CLI::App& create =
      line.command(line.group("apikeys", "keys for scripts"), "create", "a new key, shown once",
                   "2 scopes that the owner cannot give, 4 no such user");
  create.add_option("--email", request->email, "whose")->required();
  create.add_option("--name", request->draft.name, "what it is for")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.empty() || text.size() > 200 ? std::string("1 to 200 characters") : "";
          },
          "TEXT"));
  create.add_option("--scope", request->draft.scopes, "tasks:read, ...; may be repeated");
  create.add_option("--project", request->project, "the one project that it opens");
  create.add_option("--allowed-ip", request->draft.allowed_ips,
                    "an address or network it may come from; may be repeated");
  create.add_option("--days", request->days, "good for so many days; else for ever")
      ->check(CLI::Range(1, 3650));
  create.add_flag("--json", request->json, "for programs");
  line.run_with_store(create, [request](const Given& given, core::Store& store) {
    return create_api_key(given, store, *request);
  });
}

}  // namespace z4j::app
