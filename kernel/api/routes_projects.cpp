// Projects and their members.
#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"

namespace z4j::api {
namespace {

constexpr std::size_t kMaxSchedulers = 32;

net::Response project_answer(const Call& call, int status,
                             const base::Result<core::Project>& project) {
  return project ? json_answer(status, to_json(*project)) : refuse(call, project.error());
}

net::Response list_projects(Site& site, Call& call) {
  auto projects = site.parts.projects.list(*call.principal);
  return projects ? json_answer(200, to_json_array(*projects)) : refuse(call, projects.error());
}

net::Response get_project(Site&, Call& call) { return json_answer(200, to_json(*call.project)); }

net::Response create_project(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  core::ProjectDraft draft;
  draft.slug = in.text("slug", {2, 63}, Need::required).value_or("");
  draft.name = in.text("name", {1, 200}, Need::required).value_or("");
  draft.description = in.text("description", {0, 2000});
  draft.environment = in.text("environment", {1, 40}).value_or(draft.environment);
  draft.timezone = in.text("timezone", {1, 64}).value_or(draft.timezone);
  draft.retention_days = in.integer("retention_days", 1, 3650).value_or(draft.retention_days);
  draft.default_scheduler_owner =
      in.text("default_scheduler_owner", {1, 40}).value_or(draft.default_scheduler_owner);
  draft.allowed_schedulers = in.texts("allowed_schedulers", kMaxSchedulers, {1, 40});
  if (!in.ok()) return in.refused(call.request);
  return project_answer(call, 201,
                        site.parts.projects.create(*call.principal, draft, call.actor()));
}

net::Response patch_project(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  core::ProjectPatch patch;
  patch.slug = in.text("slug", {2, 63});
  patch.name = in.text("name", {1, 200});
  patch.description = in.text("description", {0, 2000});
  patch.environment = in.text("environment", {1, 40});
  patch.timezone = in.text("timezone", {1, 64});
  patch.retention_days = in.integer("retention_days", 1, 3650);
  patch.default_scheduler_owner = in.text("default_scheduler_owner", {1, 40});
  patch.sets_allowed_schedulers = in.has("allowed_schedulers");
  patch.allowed_schedulers = in.texts("allowed_schedulers", kMaxSchedulers, {1, 40});
  if (!in.ok()) return in.refused(call.request);
  return project_answer(
      call, 200,
      site.parts.projects.patch(*call.principal, call.param("slug"), patch, call.actor()));
}

net::Response archive_project(Site& site, Call& call) {
  auto done = site.parts.projects.archive(*call.principal, call.param("slug"), call.actor());
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_project_routes(Router& router) {
  using core::Action;
  const auto administer = [](bool fresh_mfa = false) {
    return Policy{Gate::signed_in, Action::manage_projects, nullptr, "projects", fresh_mfa};
  };
  router.shape("Project",
               "{id: uuid, slug: text, name: text, description: text?, environment: text, "
               "timezone: text, retention_days: int, is_active: bool, "
               "default_scheduler_owner: text, allowed_schedulers: [text]?, created_at: time, "
               "updated_at: time}");
  router
      .add("GET", "/api/v1/projects", {Gate::signed_in, std::nullopt, nullptr, "projects"},
           list_projects)
      .does("List the projects that one may see")
      .gives(200, "[Project]");
  router.add("POST", "/api/v1/projects", administer(), create_project)
      .does("Make a project")
      .body(
          "{slug: text(2..63), name: text(1..200), description?: text(0..2000), "
          "environment?: text(1..40), timezone?: text(1..64), retention_days?: int(1..3650), "
          "default_scheduler_owner?: text(1..40), allowed_schedulers?: [text(1..40)]}")
      .gives(201, "Project")
      .refuses(409);
  router
      .add("GET", "/api/v1/projects/{slug}",
           {Gate::signed_in, Action::read_project, nullptr, "projects"}, get_project)
      .does("Show a project")
      .gives(200, "Project");
  router.add("PATCH", "/api/v1/projects/{slug}", administer(), patch_project)
      .does("Change a project, archived ones too; null leaves")
      .body(
          "{slug?: text(2..63), name?: text(1..200), description?: text(0..2000), "
          "environment?: text(1..40), timezone?: text(1..64), retention_days?: int(1..3650), "
          "default_scheduler_owner?: text(1..40), allowed_schedulers?: [text(1..40)]}")
      .gives(200, "Project")
      .refuses(409);
  router.add("DELETE", "/api/v1/projects/{slug}", administer(true), archive_project)
      .does("Archive a project")
      .gives_nothing()
      .refuses(409);
}

}  // namespace z4j::api
