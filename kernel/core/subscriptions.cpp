#include "core/subscriptions.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/refusal.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace sub = model::user_subscriptions;
namespace def = model::project_default_subscriptions;
namespace json = base::json;

constexpr std::uint32_t kMostDefaults = 100, kMostOfOneProject = 100;

json::Array ids_json(const std::vector<base::Uuid>& ids) {
  json::Array out;
  for (const base::Uuid& id : ids) out.emplace_back(id.text());
  return out;
}

std::vector<base::Uuid> ids_of(const json::Value& list) {
  std::vector<base::Uuid> out;
  if (!list.is_array()) return out;
  for (const json::Value& each : list.get_array()) {
    if (!each.is_string()) continue;
    if (const auto id = base::Uuid::parse(each.get_string())) out.push_back(*id);
  }
  return out;
}

json::Object filters_of(const json::Value& stored) {
  return stored.is_object() ? stored.get_object() : json::Object();
}

DefaultSubscription default_of(const Row& row) {
  DefaultSubscription d;
  d.id = row.uuid(def::id);
  d.project_id = row.uuid(def::project_id);
  d.trigger = row.text(def::trigger);
  d.filters = filters_of(row.json(def::filters));
  d.in_app = row.flag(def::in_app);
  d.project_channel_ids = ids_of(row.json(def::project_channel_ids));
  d.cooldown_seconds = row.num(def::cooldown_seconds);
  d.created_at = row.num(def::created_at);
  return d;
}

void put_subscription(Rows& rows, const Subscription& s) {
  rows.begin()
      .uuid(sub::id, s.id)
      .uuid(sub::user_id, s.user_id)
      .uuid(sub::project_id, s.project_id)
      .text(sub::trigger, s.trigger)
      .text(sub::filters, json::write(s.filters))
      .num(sub::in_app, s.in_app ? 1 : 0)
      .text(sub::project_channel_ids, json::write(ids_json(s.project_channel_ids)))
      .text(sub::user_channel_ids, json::write(ids_json(s.user_channel_ids)))
      .num(sub::cooldown_seconds, s.cooldown_seconds)
      .num(sub::is_active, 1)
      .num(sub::created_at, s.created_at)
      .num(sub::updated_at, s.updated_at);
}

void put_default(Rows& rows, const DefaultSubscription& d) {
  rows.begin()
      .uuid(def::id, d.id)
      .uuid(def::project_id, d.project_id)
      .text(def::trigger, d.trigger)
      .text(def::filters, json::write(d.filters))
      .num(def::in_app, d.in_app ? 1 : 0)
      .text(def::project_channel_ids, json::write(ids_json(d.project_channel_ids)))
      .num(def::cooldown_seconds, d.cooldown_seconds)
      .num(def::created_at, d.created_at)
      .num(def::updated_at, d.created_at);
}

Subscription copy_for(const DefaultSubscription& d, const base::Uuid& user, base::TimeUs now) {
  Subscription s;
  s.id = base::Uuid::random();
  s.user_id = user;
  s.project_id = d.project_id;
  s.trigger = d.trigger;
  s.filters = d.filters;
  s.in_app = d.in_app;
  s.project_channel_ids = d.project_channel_ids;
  s.cooldown_seconds = d.cooldown_seconds;
  s.created_at = s.updated_at = now;
  return s;
}

base::Error duplicate(std::string_view trigger) {
  return refuse::conflict("conflict_duplicate_name",
                          "there is one for " + std::string(trigger) + " already");
}

}  // namespace

Subscription subscription_of(const Row& row) {
  Subscription s;
  s.id = row.uuid(sub::id);
  s.user_id = row.uuid(sub::user_id);
  s.project_id = row.uuid(sub::project_id);
  s.trigger = row.text(sub::trigger);
  s.filters = filters_of(row.json(sub::filters));
  s.in_app = row.flag(sub::in_app);
  s.project_channel_ids = ids_of(row.json(sub::project_channel_ids));
  s.user_channel_ids = ids_of(row.json(sub::user_channel_ids));
  s.muted_until = row.num_or_none(sub::muted_until);
  s.last_fired_at = row.num_or_none(sub::last_fired_at);
  s.cooldown_seconds = row.num(sub::cooldown_seconds);
  s.is_active = row.flag(sub::is_active);
  s.created_at = row.num(sub::created_at);
  s.updated_at = row.num(sub::updated_at);
  return s;
}

base::Status Subscriptions::check(const std::string& trigger, json::Object& filters,
                                  std::int64_t cooldown_seconds, const base::Uuid& project,
                                  const std::vector<base::Uuid>& project_channels,
                                  const base::Uuid* user,
                                  const std::vector<base::Uuid>& user_channels) {
  if (find_trigger(trigger) == nullptr)
    return refuse::invalid("trigger", "there is no trigger of this name");
  if (cooldown_seconds < 0 || cooldown_seconds > kLongestCooldownS)
    return refuse::invalid("cooldown_seconds", "cooldown_seconds must be 0 to 86400");
  auto filter = SubscriptionFilter::read(filters);
  if (!filter) return std::move(filter).error();
  filters = filter->to_json();
  const auto are_owned = [&](const ChannelOwner& owner,
                             const std::vector<base::Uuid>& ids) -> base::Status {
    if (ids.size() > kMostChannels) return refuse::invalid("channel_ids", "more than 64 channels");
    auto owned = channels_.owned(owner, ids);
    if (!owned) return std::move(owned).error();
    const std::set<base::Uuid> asked(ids.begin(), ids.end());
    if (owned->size() != asked.size())
      return refuse::conflict("foreign_channel", "it names a channel that is not there");
    return {};
  };
  if (auto good = are_owned(ChannelOwner::project(project), project_channels); !good) return good;
  return user != nullptr ? are_owned(ChannelOwner::user(*user), user_channels) : base::Status();
}

// --- subscriptions ------------------------------------------------------------------------------

base::Result<SubscriptionPage> Subscriptions::list(const base::Uuid& user,
                                                   const std::optional<base::Uuid>& project,
                                                   const std::optional<SubscriptionPlace>& after,
                                                   std::uint32_t limit) {
  Query query(Table::user_subscriptions);
  query.where.eq(sub::user_id, user);
  if (project) query.where.eq(sub::project_id, *project);
  query.all().order({sub::project_id, sub::trigger, sub::id}).limit(limit + 1);
  if (after) query.after({Cell(after->project_id), Cell(after->trigger), Cell(after->id)});
  SubscriptionPage page;
  bool has_more = false;
  auto read = store_.each(query, [&](const Row& row) {
    if (page.items.size() == limit) {
      has_more = true;
      return false;
    }
    page.items.push_back(subscription_of(row));
    return true;
  });
  if (!read) return std::move(read).error();
  if (has_more) {
    const Subscription& last = page.items.back();
    page.next = SubscriptionPlace{last.project_id, last.trigger, last.id};
  }
  return page;
}

base::Result<std::optional<Subscription>> Subscriptions::find(const base::Uuid& user,
                                                              const base::Uuid& id) {
  Query query(Table::user_subscriptions);
  query.where.eq(sub::id, id).eq(sub::user_id, user);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<Subscription>{};
  return std::optional<Subscription>(subscription_of(**row));
}

base::Result<Subscription> Subscriptions::create(const Principal& principal,
                                                 const SubscriptionDraft& draft,
                                                 const Actor& actor) {
  namespace project_col = model::projects;
  Where there;
  there.eq(project_col::id, draft.project_id).eq(project_col::is_active, true);
  auto found = store_.count(Table::projects, there, 1);
  if (!found) return std::move(found).error();
  if (*found == 0 || !decide(principal, Action::read_project, &draft.project_id).allowed())
    return refuse::not_found("project");
  Where own;
  own.eq(sub::user_id, principal.user.id);
  auto count = store_.count(Table::user_subscriptions, own, kMostPerUser);
  if (!count) return std::move(count).error();
  if (*count >= kMostPerUser)
    return refuse::conflict("too_many", "you have 5000 subscriptions, which is the limit");

  Subscription s;
  s.filters = draft.filters;
  const base::Uuid& user = principal.user.id;
  if (auto good = check(draft.trigger, s.filters, draft.cooldown_seconds, draft.project_id,
                        draft.project_channel_ids, &user, draft.user_channel_ids);
      !good)
    return std::move(good).error();
  s.id = base::Uuid::random();
  s.user_id = user;
  s.project_id = draft.project_id;
  s.trigger = draft.trigger;
  s.in_app = draft.in_app;
  s.project_channel_ids = draft.project_channel_ids;
  s.user_channel_ids = draft.user_channel_ids;
  s.cooldown_seconds = draft.cooldown_seconds;
  s.created_at = s.updated_at = clock_.now();
  AuditEntry entry = AuditEntry::of(actor, "user_notifications.subscription.create", "subscription",
                                    s.id.text(), s.project_id);
  entry.metadata = {{"trigger", s.trigger}};
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Rows rows(Table::user_subscriptions);
        put_subscription(rows, s);
        c.insert(std::move(rows));
        tell(c);
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return duplicate(s.trigger);
    return std::move(done).error();
  }
  changed();
  return s;
}

base::Result<Subscription> Subscriptions::patch(const Principal& principal, const base::Uuid& id,
                                                const SubscriptionPatch& patch,
                                                const Actor& actor) {
  auto found = find(principal.user.id, id);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return refuse::not_found("subscription");
  Subscription s = std::move(**found);
  std::vector<Set> sets;
  json::Array fields;
  const auto set = [&](const char* name, std::uint16_t column, Cell cell) {
    sets.push_back({column, std::move(cell)});
    fields.emplace_back(name);
  };
  s.trigger = patch.trigger.value_or(s.trigger);
  s.filters = patch.filters.value_or(s.filters);
  s.in_app = patch.in_app.value_or(s.in_app);
  s.is_active = patch.is_active.value_or(s.is_active);
  s.project_channel_ids = patch.project_channel_ids.value_or(s.project_channel_ids);
  s.user_channel_ids = patch.user_channel_ids.value_or(s.user_channel_ids);
  s.cooldown_seconds = patch.cooldown_seconds.value_or(s.cooldown_seconds);
  if (patch.muted_until) s.muted_until = *patch.muted_until;
  // Channels that it names already may have gone meanwhile: only new lists are checked.
  if (auto good = check(s.trigger, s.filters, s.cooldown_seconds, s.project_id,
                        patch.project_channel_ids.value_or(std::vector<base::Uuid>()), &s.user_id,
                        patch.user_channel_ids.value_or(std::vector<base::Uuid>()));
      !good)
    return std::move(good).error();
  if (patch.trigger) set("trigger", sub::trigger, Cell(s.trigger));
  if (patch.filters) set("filters", sub::filters, Cell(json::write(s.filters)));
  if (patch.in_app) set("in_app", sub::in_app, s.in_app);
  if (patch.is_active) set("is_active", sub::is_active, s.is_active);
  if (patch.project_channel_ids)
    set("project_channel_ids", sub::project_channel_ids,
        Cell(json::write(ids_json(s.project_channel_ids))));
  if (patch.user_channel_ids)
    set("user_channel_ids", sub::user_channel_ids, Cell(json::write(ids_json(s.user_channel_ids))));
  if (patch.cooldown_seconds) set("cooldown_seconds", sub::cooldown_seconds, s.cooldown_seconds);
  if (patch.muted_until) set("muted_until", sub::muted_until, *s.muted_until);
  if (sets.empty()) return s;
  s.updated_at = clock_.now();
  sets.push_back({sub::updated_at, s.updated_at});
  AuditEntry entry = AuditEntry::of(actor, "user_notifications.subscription.update", "subscription",
                                    id.text(), s.project_id);
  entry.metadata = {{"trigger", s.trigger}, {"fields", std::move(fields)}};
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Where still, self;
        still.eq(sub::id, id).eq(sub::user_id, principal.user.id);
        c.check(Table::user_subscriptions, std::move(still), 1, 1);
        self.eq(sub::id, id);
        c.update(Table::user_subscriptions, std::move(self), sets);
        tell(c);
      },
      commit);
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    return commit.bad_step() == 0 ? refuse::not_found("subscription") : duplicate(s.trigger);
  }
  changed();
  return s;
}

base::Status Subscriptions::remove(const Principal& principal, const base::Uuid& id,
                                   const Actor& actor) {
  auto found = find(principal.user.id, id);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return {};
  AuditEntry entry = AuditEntry::of(actor, "user_notifications.subscription.delete", "subscription",
                                    id.text(), (*found)->project_id);
  entry.metadata = {{"trigger", (*found)->trigger}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where self;
    self.eq(sub::id, id);
    c.erase(Table::user_subscriptions, std::move(self));
    tell(c);
  });
  if (done) changed();
  return done;
}

// --- defaults -----------------------------------------------------------------------------------

base::Result<std::vector<DefaultSubscription>> Subscriptions::defaults(const base::Uuid& project) {
  Query query(Table::project_default_subscriptions);
  query.where.eq(def::project_id, project);
  query.all().order({def::trigger, def::id}).limit(kMostDefaults);
  std::vector<DefaultSubscription> out;
  auto read = store_.each(query, [&out](const Row& row) {
    out.push_back(default_of(row));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Result<std::optional<DefaultSubscription>> Subscriptions::find_default(
    const base::Uuid& project, const base::Uuid& id) {
  Query query(Table::project_default_subscriptions);
  query.where.eq(def::id, id).eq(def::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return std::optional<DefaultSubscription>{};
  return std::optional<DefaultSubscription>(default_of(**row));
}

base::Result<DefaultSubscription> Subscriptions::create_default(const base::Uuid& project,
                                                                const SubscriptionDraft& draft,
                                                                const Actor& actor) {
  DefaultSubscription d;
  d.filters = draft.filters;
  if (auto good = check(draft.trigger, d.filters, draft.cooldown_seconds, project,
                        draft.project_channel_ids, nullptr, {});
      !good)
    return std::move(good).error();
  d.id = base::Uuid::random();
  d.project_id = project;
  d.trigger = draft.trigger;
  d.in_app = draft.in_app;
  d.project_channel_ids = draft.project_channel_ids;
  d.cooldown_seconds = draft.cooldown_seconds;
  d.created_at = clock_.now();
  AuditEntry entry = AuditEntry::of(actor, "notifications.default.create", "default_subscription",
                                    d.id.text(), project);
  entry.metadata = {{"trigger", d.trigger}};
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Rows rows(Table::project_default_subscriptions);
        put_default(rows, d);
        c.insert(std::move(rows));
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return duplicate(d.trigger);
    return std::move(done).error();
  }
  return d;
}

base::Result<DefaultSubscription> Subscriptions::patch_default(const base::Uuid& project,
                                                               const base::Uuid& id,
                                                               const SubscriptionPatch& patch,
                                                               const Actor& actor) {
  auto found = find_default(project, id);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return refuse::not_found("default subscription");
  DefaultSubscription d = std::move(**found);
  d.trigger = patch.trigger.value_or(d.trigger);
  d.filters = patch.filters.value_or(d.filters);
  d.in_app = patch.in_app.value_or(d.in_app);
  d.project_channel_ids = patch.project_channel_ids.value_or(d.project_channel_ids);
  d.cooldown_seconds = patch.cooldown_seconds.value_or(d.cooldown_seconds);
  if (auto good = check(d.trigger, d.filters, d.cooldown_seconds, project,
                        patch.project_channel_ids.value_or(std::vector<base::Uuid>()), nullptr, {});
      !good)
    return std::move(good).error();
  AuditEntry entry = AuditEntry::of(actor, "notifications.default.update", "default_subscription",
                                    id.text(), project);
  entry.metadata = {{"trigger", d.trigger}};
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Where still, self;
        still.eq(def::id, id).eq(def::project_id, project);
        c.check(Table::project_default_subscriptions, std::move(still), 1, 1);
        self.eq(def::id, id);
        c.update(Table::project_default_subscriptions, std::move(self),
                 {{def::trigger, Cell(d.trigger)},
                  {def::filters, Cell(json::write(d.filters))},
                  {def::in_app, d.in_app},
                  {def::project_channel_ids, Cell(json::write(ids_json(d.project_channel_ids)))},
                  {def::cooldown_seconds, d.cooldown_seconds},
                  {def::updated_at, clock_.now()}});
      },
      commit);
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    return commit.bad_step() == 0 ? refuse::not_found("default subscription")
                                  : duplicate(d.trigger);
  }
  return d;
}

base::Status Subscriptions::remove_default(const base::Uuid& project, const base::Uuid& id,
                                           const Actor& actor) {
  auto found = find_default(project, id);
  if (!found) return std::move(found).error();
  if (!found->has_value()) return {};
  AuditEntry entry = AuditEntry::of(actor, "notifications.default.delete", "default_subscription",
                                    id.text(), project);
  entry.metadata = {{"trigger", (*found)->trigger}};
  return audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where self;
    self.eq(def::id, id);
    c.erase(Table::project_default_subscriptions, std::move(self));
  });
}

// --- members ------------------------------------------------------------------------------------

base::Result<Audit::Act> Subscriptions::joining(const base::Uuid& user, const base::Uuid& project) {
  auto all = defaults(project);
  if (!all) return std::move(all).error();
  std::set<std::string, std::less<>> has;
  Query query(Table::user_subscriptions);
  query.where.eq(sub::user_id, user).eq(sub::project_id, project);
  auto read =
      store_.each(query.columns({sub::trigger}).limit(kMostOfOneProject), [&has](const Row& row) {
        has.emplace(row.text(sub::trigger));
        return true;
      });
  if (!read) return std::move(read).error();
  std::vector<Subscription> copies;
  for (const DefaultSubscription& each : *all) {
    if (!has.contains(each.trigger)) copies.push_back(copy_for(each, user, clock_.now()));
  }
  return Audit::Act([this, copies = std::move(copies)](Commit& commit) {
    if (copies.empty()) return;
    Rows rows(Table::user_subscriptions);
    for (const Subscription& each : copies) put_subscription(rows, each);
    commit.insert(std::move(rows));
    tell(commit);
  });
}

void Subscriptions::leave(Commit& commit, const base::Uuid& user, const base::Uuid& project) const {
  Where theirs;
  theirs.eq(sub::user_id, user).eq(sub::project_id, project);
  commit.erase(Table::user_subscriptions, std::move(theirs));
  tell(commit);
}

// Ids are derived, so that it happens once however often the steps are made.
void Subscriptions::found(Commit& commit, const base::Uuid& user, const base::Uuid& project) const {
  const base::TimeUs now = clock_.now();
  DefaultSubscription d;
  d.id = model::derived_id(project, "default-subscription", kTaskFailed, "");
  d.project_id = project;
  d.trigger = kTaskFailed;
  d.created_at = now;
  Subscription s = copy_for(d, user, now);
  s.id = model::derived_id(project, "subscription", kTaskFailed, user.text());
  Rows defaults(Table::project_default_subscriptions), own(Table::user_subscriptions);
  put_default(defaults, d);
  put_subscription(own, s);
  commit.insert_new(std::move(defaults)).insert_new(std::move(own));
  tell(commit);
}

}  // namespace z4j::core
