#include "core/deploys.hpp"

#include <set>
#include <utility>

#include "core/account_rows.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace deploy_col = model::deploys;

Deploy deploy_of(const Row& row) {
  Deploy d;
  d.id = row.uuid(deploy_col::id);
  d.at = row.num(deploy_col::at);
  d.label = row.text(deploy_col::label);
  d.note = row.text(deploy_col::note);
  d.created_by = row.uuid_or_none(deploy_col::created_by);
  return d;
}

AuditEntry deploy_entry(const Actor& actor, std::string_view action, const Deploy& deploy,
                        const base::Uuid& project) {
  AuditEntry entry = AuditEntry::of(actor, action, "deploy", deploy.id.text(), project);
  entry.metadata = {{"label", deploy.label}, {"at", base::format_time(deploy.at)}};
  return entry;
}

}  // namespace

base::Result<Page<Deploy>> list_deploys(Store& store, const base::Uuid& project,
                                        std::optional<base::TimeUs> since,
                                        std::optional<base::TimeUs> until,
                                        const std::optional<Place>& after, std::uint32_t limit) {
  Query query(Table::deploys);
  query.where.eq(deploy_col::project_id, project);
  if (since) query.where.ge(deploy_col::at, *since);
  if (until) query.where.le(deploy_col::at, *until);
  query.all().order({deploy_col::at, deploy_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  auto page = read_page<Deploy>(
      store, std::move(query), limit, deploy_of,
      [](const Deploy& deploy) {
        return Place{deploy.at, deploy.id};
      },
      [](const Deploy& deploy) { return 100 + deploy.label.size() + deploy.note.size(); });
  if (!page) return page;
  std::set<base::Uuid> people;
  for (const Deploy& deploy : page->items) {
    if (deploy.created_by) people.insert(*deploy.created_by);
  }
  auto users = users_by_id(store, people);
  if (!users) return std::move(users).error();
  for (Deploy& deploy : page->items) {
    if (!deploy.created_by) continue;
    if (const auto found = users->find(*deploy.created_by); found != users->end())
      deploy.created_by_name = found->second.shown_name();
  }
  return page;
}

base::Result<Deploy> create_deploy(Audit& audit, const base::Clock& clock,
                                   const base::Uuid& project, const DeployDraft& draft,
                                   const User& by, const Actor& actor) {
  const base::TimeUs now = clock.now();
  Deploy deploy;
  deploy.id = base::Uuid::random();
  deploy.at = draft.at.value_or(now);
  deploy.label = clean_text(trimmed(draft.label), kLongestDeployLabel);
  deploy.note = clean_text(trimmed(draft.note), kLongestDeployNote);
  deploy.created_by = by.id;
  deploy.created_by_name = by.shown_name();
  if (deploy.label.empty())
    return refuse::invalid("label", "label must have 1 to 80 characters that are no blanks");
  if (deploy.at < 0 || deploy.at > now + kDeployAhead) {
    return refuse::invalid("at", "at must lie between 1970 and five minutes ahead of the brain's " +
                                     std::string("clock, which shows ") + base::format_time(now) +
                                     ": leave it out for now");
  }
  Commit commit;
  auto done = audit.commit(
      {deploy_entry(actor, "deploy.created", deploy, project)},
      [&](Commit& c) {
        Where all;
        all.eq(deploy_col::project_id, project);
        c.check(Table::deploys, std::move(all), 0, kMostDeploys - 1);
        Rows rows(Table::deploys);
        rows.begin()
            .uuid(deploy_col::id, deploy.id)
            .uuid(deploy_col::project_id, project)
            .num(deploy_col::at, deploy.at)
            .text(deploy_col::label, deploy.label)
            .text_or_null(deploy_col::note, deploy.note)
            .uuid(deploy_col::created_by, by.id)
            .num(deploy_col::created_at, now);
        c.insert(std::move(rows));
      },
      commit);
  if (done) return deploy;
  if (done.error().code != base::Code::conflict) return std::move(done).error();
  return refuse::conflict("too_many",
                          "this project has 10,000 deploys: delete some, or keep fewer days");
}

base::Status remove_deploy(Store& store, Audit& audit, const base::Uuid& project,
                           const base::Uuid& deploy, const Actor& actor) {
  Query query(Table::deploys);
  query.where.eq(deploy_col::id, deploy).eq(deploy_col::project_id, project);
  auto row = store.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("deploy");
  auto done = audit.commit({deploy_entry(actor, "deploy.deleted", deploy_of(**row), project)},
                           [&](Commit& c) {
                             Where still, self;
                             still.eq(deploy_col::id, deploy);
                             c.check(Table::deploys, std::move(still), 1, 1);
                             self.eq(deploy_col::id, deploy);
                             c.erase(Table::deploys, std::move(self));
                           });
  if (!done && done.error().code == base::Code::conflict) return refuse::not_found("deploy");
  return done;
}

}  // namespace z4j::core
