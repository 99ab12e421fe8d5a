#include "core/projects.hpp"

#include <algorithm>

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace proj = model::projects;
namespace json = base::json;

constexpr std::uint32_t kProjectListCap = 500;

bool is_project_word(std::string_view text) noexcept {  // environment and scheduler names
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  if (text.empty() || text.size() > 40 || !is_lower(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_lower(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

base::Status check_project(const Project& p) {
  if (!is_project_slug(p.slug)) {
    return refuse::conflict(
        "bad_slug", "slug \"" + clean_text(p.slug, 60) +
                        "\" is not 3 to 50 of a-z, 0-9 and hyphen, with no hyphen at either end");
  }
  const std::size_t name = count_characters(p.name);
  if (name < 1 || name > 200) return refuse::invalid("name", "name must have 1 to 200 characters");
  if (count_characters(p.description) > 2000)
    return refuse::invalid("description", "description has more than 2000 characters");
  if (!is_project_word(p.environment)) {
    return refuse::invalid(
        "environment", "environment must be up to 40 of a-z, 0-9, _ and -, starting with a letter");
  }
  if (p.timezone.empty() || p.timezone.size() > 64)
    return refuse::invalid("timezone", "timezone must have 1 to 64 characters");
  if (p.retention_days < 1 || p.retention_days > 3650)
    return refuse::invalid("retention_days", "retention_days must be 1 to 3650");
  if (!is_project_word(p.default_scheduler_owner)) {
    return refuse::invalid(
        "default_scheduler_owner",
        "default_scheduler_owner must be up to 40 of a-z, 0-9, _ and -, starting with a letter");
  }
  if (p.allowed_schedulers) {
    const auto& allowed = *p.allowed_schedulers;
    if (allowed.empty())
      return refuse::conflict("allowed_schedulers",
                              "allowed_schedulers is empty; null means no limit");
    if (allowed.size() > 32 || !std::all_of(allowed.begin(), allowed.end(), is_project_word)) {
      return refuse::invalid("allowed_schedulers",
                             "allowed_schedulers takes at most 32 scheduler names");
    }
    if (std::find(allowed.begin(), allowed.end(), p.default_scheduler_owner) == allowed.end()) {
      return refuse::conflict("default_scheduler_owner",
                              "default_scheduler_owner is not among allowed_schedulers");
    }
  }
  return {};
}

// The schedules that the kernel keeps: none fires from here on, and no edit under way switches one
// on again. `next_run_at` stays, `stopped_why` tells which were on.
void stop_schedules(Commit& commit, const base::Uuid& project, base::TimeUs now) {
  namespace sched = model::schedules;
  Where all, on;
  all.eq(sched::project_id, project).eq(sched::owner, "");
  on.eq(sched::project_id, project).eq(sched::owner, "").eq(sched::is_enabled, true);
  commit.update(Table::schedules, std::move(all),
                {{sched::revision, 1, Z4J_M_ADD}, {sched::updated_at, now}});
  commit.update(Table::schedules, std::move(on),
                {{sched::is_enabled, false}, {sched::stopped_why, "archived"}});
}

Cell allowed_cell(const Project& p) {
  if (!p.allowed_schedulers) return {};
  json::Array list;
  for (const std::string& name : *p.allowed_schedulers) list.emplace_back(name);
  return Cell(json::Value(std::move(list)));
}

}  // namespace

bool is_project_slug(std::string_view text) noexcept {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return text.size() >= 3 && text.size() <= 50 && plain(text.front()) && plain(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return plain(c) || c == '-'; });
}

Project project_of(const Row& row) {
  Project p;
  p.id = row.uuid(proj::id);
  p.slug = row.text(proj::slug);
  p.name = row.text(proj::name);
  p.description = row.text(proj::description);
  p.environment = row.text(proj::environment);
  p.timezone = row.text(proj::timezone);
  p.retention_days = row.num(proj::retention_days);
  p.is_active = row.flag(proj::is_active);
  p.default_scheduler_owner = row.text(proj::default_scheduler_owner);
  if (const json::Value allowed = row.json(proj::allowed_schedulers); allowed.is_array()) {
    p.allowed_schedulers.emplace();
    for (const auto& name : allowed.get_array()) {
      if (name.is_string()) p.allowed_schedulers->emplace_back(name.get_string().c_str());
    }
  }
  p.created_at = row.num(proj::created_at);
  p.updated_at = row.num(proj::updated_at);
  return p;
}

base::Result<std::optional<Project>> Projects::find(std::string_view slug) {
  if (slug.empty() || slug.size() > 63) return std::optional<Project>{};
  Query query(Table::projects);
  query.where.eq(proj::slug, slug);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<Project>{};
  return std::optional<Project>(project_of(**row));
}

base::Result<Project> Projects::by_slug(std::string_view slug) {
  auto found = find(slug);
  if (!found) return std::move(found).error();
  if (!found->has_value() || !(*found)->is_active) return refuse::not_found("project");
  return std::move(**found);
}

base::Result<Project> Projects::open(const Principal& principal, std::string_view slug,
                                     Action action) {
  auto project = by_slug(slug);
  if (!project) return project;
  if (auto may = decide(principal, action, &project->id).status(); !may)
    return std::move(may).error();
  return project;
}

base::Result<std::vector<Project>> Projects::list(const Principal& principal) {
  Query query(Table::projects);
  query.where.eq(proj::is_active, true);
  if (!principal.user.is_admin) {
    std::vector<Cell> ids;
    for (const auto& [id, role] : principal.roles) {
      if (role != Role::none && ids.size() < kProjectListCap) ids.emplace_back(id);
    }
    if (ids.empty()) return std::vector<Project>{};
    query.where.in(proj::id, std::move(ids));
  }
  query.all().limit(kProjectListCap);
  std::vector<Project> out;
  auto done = store_.each(query, [&out](const Row& row) {
    out.push_back(project_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  std::sort(out.begin(), out.end(),
            [](const Project& a, const Project& b) { return a.slug < b.slug; });
  return out;
}

base::Result<Project> Projects::insert(const ProjectDraft& draft, AuditEntry entry) {
  Project p;
  p.id = base::Uuid::random();
  p.slug = draft.slug;
  p.name = clean_text(draft.name, 201);
  p.description = clean_text(draft.description.value_or(""), 2001);
  p.environment = draft.environment;
  p.timezone = clean_text(draft.timezone, 65);
  p.retention_days = draft.retention_days;
  p.default_scheduler_owner = draft.default_scheduler_owner;
  p.allowed_schedulers = draft.allowed_schedulers;
  p.created_at = p.updated_at = clock_.now();
  if (auto good = check_project(p); !good) return std::move(good).error();
  entry.target_id = p.id.text();
  entry.project_id = p.id;
  entry.metadata["slug"] = p.slug;
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Rows rows(Table::projects);
        rows.begin()
            .uuid(proj::id, p.id)
            .text(proj::slug, p.slug)
            .text(proj::name, p.name)
            .text_or_null(proj::description, p.description)
            .text(proj::environment, p.environment)
            .text(proj::timezone, p.timezone)
            .num(proj::retention_days, p.retention_days)
            .num(proj::is_active, 1)
            .text(proj::default_scheduler_owner, p.default_scheduler_owner)
            .cell(proj::allowed_schedulers, allowed_cell(p))
            .num(proj::created_at, p.created_at)
            .num(proj::updated_at, p.updated_at);
        c.insert(std::move(rows));
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict)
      return refuse::conflict("slug", "slug \"" + p.slug + "\" is taken");
    return std::move(done).error();
  }
  return p;
}

base::Result<Project> Projects::create(const Principal& principal, const ProjectDraft& draft,
                                       const Actor& actor) {
  if (auto may = decide(principal, Action::manage_projects, nullptr).status(); !may)
    return std::move(may).error();
  return insert(draft, AuditEntry::of(actor, "project.created", "project", {}));
}

base::Result<Project> Projects::patch(const Principal& principal, std::string_view slug,
                                      const ProjectPatch& patch, const Actor& actor) {
  if (auto may = decide(principal, Action::manage_projects, nullptr).status(); !may)
    return std::move(may).error();
  auto found = find(slug);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return refuse::not_found("project");
  Project p = std::move(**found);
  if (patch.slug && *patch.slug != p.slug) {
    return refuse::conflict("slug",
                            "the slug of a project can't be changed: links and agents name it");
  }
  std::vector<Set> sets;
  json::Array fields;
  const auto text = [&](const std::optional<std::string>& from, std::string& to,
                        std::uint16_t column, const char* name, std::size_t cut) {
    if (!from) return;
    to = clean_text(*from, cut);
    sets.push_back({column, Cell(to)});
    fields.emplace_back(name);
  };
  text(patch.name, p.name, proj::name, "name", 201);
  text(patch.description, p.description, proj::description, "description", 2001);
  text(patch.environment, p.environment, proj::environment, "environment", 41);
  text(patch.timezone, p.timezone, proj::timezone, "timezone", 65);
  text(patch.default_scheduler_owner, p.default_scheduler_owner, proj::default_scheduler_owner,
       "default_scheduler_owner", 41);
  if (patch.retention_days) {
    p.retention_days = *patch.retention_days;
    sets.push_back({proj::retention_days, p.retention_days});
    fields.emplace_back("retention_days");
  }
  if (patch.sets_allowed_schedulers) {
    p.allowed_schedulers = patch.allowed_schedulers;
    sets.push_back({proj::allowed_schedulers, allowed_cell(p)});
    fields.emplace_back("allowed_schedulers");
  }
  if (sets.empty()) return p;
  if (auto good = check_project(p); !good) return std::move(good).error();
  p.updated_at = clock_.now();
  sets.push_back({proj::updated_at, p.updated_at});
  AuditEntry entry = AuditEntry::of(actor, "project.updated", "project", p.id.text(), p.id);
  entry.metadata["fields"] = std::move(fields);
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where where;
    where.eq(proj::id, p.id);
    c.update(Table::projects, std::move(where), sets, 1, 1);
  });
  if (!done) return std::move(done).error();
  return p;
}

base::Status Projects::archive(const Principal& principal, std::string_view slug,
                               const Actor& actor) {
  if (auto may = decide(principal, Action::manage_projects, nullptr).status(); !may) return may;
  auto found = find(slug);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return refuse::not_found("project");
  const Project& p = **found;
  if (!p.is_active) return {};
  const AuditEntry entry = AuditEntry::of(actor, "project.archived", "project", p.id.text(), p.id);
  Commit commit;
  auto done = audit_.commit(
      {entry},
      [&](Commit& c) {
        Where others;
        others.eq(proj::is_active, true).ne(proj::id, p.id);
        c.check(Table::projects, std::move(others), 1, Commit::kAny);
        Where self;
        self.eq(proj::id, p.id);
        c.update(Table::projects, std::move(self),
                 {{proj::is_active, false}, {proj::updated_at, clock_.now()}}, 1, 1);
        stop_schedules(c, p.id, clock_.now());
      },
      commit);
  if (!done && done.error().code == base::Code::conflict) {
    return audit_.refused(
        entry, refuse::conflict("last_project", "the last active project can't be archived"));
  }
  return done;
}

void check_project_is_active(Commit& commit, const base::Uuid& project) {
  Where active;
  active.eq(proj::id, project).eq(proj::is_active, true);
  commit.check(Table::projects, std::move(active), 1, 1);
}

base::Result<Project> Projects::ensure_default() {
  auto found = find("default");
  if (!found) return std::move(found).error();
  if (found->has_value()) return std::move(**found);
  ProjectDraft draft;
  draft.slug = "default";
  draft.name = "Default";
  AuditEntry entry;
  entry.action = "project.created";
  entry.target_type = "project";
  entry.metadata = {{"by", "start"}};
  auto made = insert(draft, std::move(entry));
  if (made || made.error().code != base::Code::conflict) return made;
  auto other = find("default");  // another kernel was faster
  if (!other) return std::move(other).error();
  if (!other->has_value()) return made;
  return std::move(**other);
}

}  // namespace z4j::core
