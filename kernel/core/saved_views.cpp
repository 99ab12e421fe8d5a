#include "core/saved_views.hpp"

#include <set>
#include <utility>

#include "core/account_rows.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace view_col = model::saved_views;

SavedView saved_view_of(const Row& row) {
  SavedView v;
  v.id = row.uuid(view_col::id);
  v.user_id = row.uuid(view_col::user_id);
  v.screen = row.text(view_col::screen);
  v.name = row.text(view_col::name);
  v.query = row.text(view_col::query);
  v.is_shared = row.flag(view_col::is_shared);
  v.created_at = row.num(view_col::created_at);
  return v;
}

AuditEntry view_entry(const Actor& actor, std::string_view action, const SavedView& view,
                      const base::Uuid& project) {
  AuditEntry entry = AuditEntry::of(actor, action, "view", view.id.text(), project);
  entry.metadata = {{"screen", view.screen}, {"name", view.name}, {"is_shared", view.is_shared}};
  return entry;
}

}  // namespace

base::Result<std::vector<SavedView>> list_saved_views(Store& store, const base::Uuid& project,
                                                      const base::Uuid& user,
                                                      const std::optional<std::string>& screen) {
  std::vector<SavedView> out;
  const auto read = [&](Query query, std::uint32_t most) {
    if (screen) query.where.eq(view_col::screen, *screen);
    query.all().limit(most);
    return store.each(query, [&out](const Row& row) {
      out.push_back(saved_view_of(row));
      return true;
    });
  };
  Query own(Table::saved_views), shared(Table::saved_views);
  own.where.eq(view_col::user_id, user).eq(view_col::project_id, project);
  own.order({view_col::screen, view_col::name});  // unique by them
  shared.where.eq(view_col::project_id, project)
      .eq(view_col::is_shared, true)
      .ne(view_col::user_id, user);
  shared.order({view_col::screen, view_col::name, view_col::id});
  if (auto done = read(std::move(own), kMostOwnViews); !done) return std::move(done).error();
  if (auto done = read(std::move(shared), kMostSharedViews); !done) return std::move(done).error();
  std::set<base::Uuid> owners;
  for (const SavedView& view : out) owners.insert(view.user_id);
  auto users = users_by_id(store, owners);
  if (!users) return std::move(users).error();
  for (SavedView& view : out) {
    if (const auto found = users->find(view.user_id); found != users->end())
      view.created_by_name = found->second.shown_name();
  }
  return out;
}

base::Result<SavedView> create_saved_view(Audit& audit, const base::Clock& clock,
                                          const Principal& principal, const base::Uuid& project,
                                          const SavedViewDraft& draft, const Actor& actor) {
  SavedView view;
  view.id = base::Uuid::random();
  view.user_id = principal.user.id;
  view.screen = clean_text(draft.screen, kLongestScreen);
  view.name = clean_text(trimmed(draft.name), kLongestViewName);
  view.query = clean_text(draft.query, kLongestViewQuery);
  view.is_shared = draft.is_shared;
  view.created_at = clock.now();
  view.created_by_name = principal.user.shown_name();
  if (view.name.empty())
    return refuse::invalid("name", "name must have 1 to 80 characters that are no blanks");
  AuditEntry entry = view_entry(actor, "view.created", view, project);
  if (view.is_shared) {
    if (auto may = decide(principal, Action::share_views, &project).status(); !may)
      return audit.refused(std::move(entry), std::move(may).error());
  }
  Commit commit;
  auto done = audit.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Where own, shared;
        own.eq(view_col::user_id, view.user_id).eq(view_col::project_id, project);
        c.check(Table::saved_views, std::move(own), 0, kMostOwnViews - 1);
        if (view.is_shared) {
          shared.eq(view_col::project_id, project).eq(view_col::is_shared, true);
          c.check(Table::saved_views, std::move(shared), 0, kMostSharedViews - 1);
        }
        Rows rows(Table::saved_views);
        rows.begin()
            .uuid(view_col::id, view.id)
            .uuid(view_col::project_id, project)
            .uuid(view_col::user_id, view.user_id)
            .text(view_col::screen, view.screen)
            .text(view_col::name, view.name)
            .text(view_col::query, view.query)
            .num(view_col::is_shared, view.is_shared ? 1 : 0)
            .num(view_col::created_at, view.created_at);
        c.insert(std::move(rows));
      },
      commit);
  if (done) return view;
  if (done.error().code != base::Code::conflict) return std::move(done).error();
  if (commit.bad_step() == 0)
    return refuse::conflict("too_many", "you have 200 views in this project: delete one first");
  if (view.is_shared && commit.bad_step() == 1)
    return refuse::conflict("too_many", "200 views are shared in this project: delete one first");
  return refuse::conflict("name", "you have a view called \"" + view.name +
                                      "\" on this list: choose another name, or delete it");
}

base::Status remove_saved_view(Store& store, Audit& audit, const Principal& principal,
                               const base::Uuid& project, const base::Uuid& view,
                               const Actor& actor) {
  Query query(Table::saved_views);
  query.where.eq(view_col::id, view).eq(view_col::project_id, project);
  auto row = store.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("view");
  const SavedView found = saved_view_of(**row);
  const bool is_own = found.user_id == principal.user.id;
  if (!is_own && !found.is_shared) return refuse::not_found("view");
  AuditEntry entry = view_entry(actor, "view.deleted", found, project);
  if (!is_own) {
    if (auto may = decide(principal, Action::manage_views, &project).status(); !may)
      return audit.refused(std::move(entry), std::move(may).error());
  }
  auto done = audit.commit({std::move(entry)}, [&](Commit& c) {
    Where still, self;
    still.eq(view_col::id, view);
    c.check(Table::saved_views, std::move(still), 1, 1);
    self.eq(view_col::id, view);
    c.erase(Table::saved_views, std::move(self));
  });
  if (!done && done.error().code == base::Code::conflict) return refuse::not_found("view");
  return done;
}

void forget_saved_views(Commit& commit, const base::Uuid& user, const base::Uuid& project) {
  Where own;
  own.eq(view_col::user_id, user).eq(view_col::project_id, project).eq(view_col::is_shared, false);
  commit.erase(Table::saved_views, std::move(own));
}

}  // namespace z4j::core
