// Imports of schedules: what they would change, and changing it.
#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <utility>

#include "core/refusal.hpp"
#include "core/schedule_wishes.hpp"
#include "core/schedules.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;
namespace json = base::json;

// An import is one read; all that it makes is one commit, which also changes and deletes some.
constexpr std::size_t kNamesAtOnce = 2'000, kWritesInCommit = 900;
constexpr std::size_t kOwnNamesAtOnce = 500;
constexpr std::int64_t kOwnImportMs = 30'000, kOwnPutMs = 10'000;
// Only what came from files may be deleted because a file has it no more.
constexpr std::array<std::string_view, 16> kReplaceable{
    "declarative",         "declarative:django",   "declarative:flask",
    "declarative:fastapi", "declarative_django",   "declarative_flask",
    "declarative_fastapi", "declarative:file",     "imported",
    "imported_celerybeat", "imported_celery",      "imported_django_celery_beat",
    "imported_rq",         "imported_rqscheduler", "imported_apscheduler",
    "imported_cron"};

using PlaceKey = std::tuple<std::string, std::string, std::string>;  // scheduler, owner, name

PlaceKey place_key(const Schedule& s) { return {s.scheduler, s.owner, s.name}; }

bool is_same_draft(const Schedule& a, const Schedule& b) {
  return json::write_canonical(draft_json(a)) == json::write_canonical(draft_json(b));
}

// What stays of a schedule that an import writes anew.
void keep_history(const Schedule& before, Schedule& after) {
  after.id = before.id;
  after.owner = before.owner;
  after.external_id = before.external_id;
  after.etag = before.etag;
  after.last_run_at = before.last_run_at;
  after.total_runs = before.total_runs;
  after.last_fire_id = before.last_fire_id;
  after.created_at = before.created_at;
  after.revision = before.revision + 1;
  after.updated_at = std::max(after.updated_at, before.updated_at + 1);
  const bool is_on_again = after.is_enabled && !before.is_enabled;
  after.failures = is_on_again ? 0 : before.failures;
  if (!is_on_again) after.stopped_why = before.stopped_why;
}

json::Object shorter(const Schedule& s) {
  json::Object out = draft_json(s);
  for (const std::string_view member :
       {"timezone", "queue", "args", "kwargs", "is_enabled", "catch_up"})
    out.erase(member);
  return out;
}

}  // namespace

struct Schedules::Step {
  enum class Kind { insert, update, unchanged, erase };
  Kind kind = Kind::insert;
  std::size_t index = 0;  // of the item
  Schedule before, after;

  // In steps of a commit, beside the one for all that is new.
  [[nodiscard]] std::size_t weight() const noexcept {
    return kind == Kind::insert ? 0 : kind == Kind::erase ? 2 : 1;
  }
  void add(Commit& commit, Rows& fresh, const Actor& actor, base::TimeUs now) const;
};

void Schedules::Step::add(Commit& commit, Rows& fresh, const Actor& actor, base::TimeUs now) const {
  if (kind == Kind::unchanged) return;
  const bool is_of_store = kind == Kind::erase ? before.is_of_store() : after.is_of_store();
  Schedule s = kind == Kind::erase ? before : after;
  if (kind == Kind::insert) {
    if (!is_of_store) s.edit = creation(s, actor, now);
    put_schedule(fresh, s);
  } else if (!is_of_store) {
    s = before;
    s.edit = edit_for(kind == Kind::erase ? "delete" : "update", actor, now);
    if (kind == Kind::update) s.edit->values = creation(after, actor, now).values;
    s.revision = before.revision + 1;
    s.updated_at = now;
    put_wish(commit, before, s);
  } else if (kind == Kind::update) {
    edit_row(commit, before, s);
  } else {
    Where there, self;
    there.eq(col::id, before.id).eq(col::revision, before.revision);
    self.eq(col::id, before.id);
    commit.check(Table::schedules, std::move(there), 1, 1);
    commit.erase(Table::schedules, std::move(self));
  }
}

base::Result<std::vector<Schedules::Step>> Schedules::steps_of(
    const Project& project, const ScheduleImport& import,
    std::map<std::size_t, std::string>& errors) {
  if (import.items.size() > kMostImported)
    return refuse::invalid("schedules", "at most 2000 schedules at once");
  std::vector<Step> steps;
  std::map<PlaceKey, std::size_t> place_of;  // in steps
  std::vector<Cell> names;
  for (std::size_t i = 0; i < import.items.size(); ++i) {
    if (!import.items[i]) {
      errors[i] = import.items[i].error().message;
      continue;
    }
    const ScheduleDraft& draft = *import.items[i];
    auto target = target_of(project, draft.scheduler);
    auto made = target ? drafted(project, draft, *target) : base::Result<Schedule>(target.error());
    if (!made) {
      if (made.error().is_world()) return std::move(made).error();
      errors[i] = made.error().message;
      continue;
    }
    Step step;
    step.index = i;
    step.after = std::move(*made);
    if (!place_of.emplace(place_key(step.after), steps.size()).second) {
      errors[i] = "an earlier item has this scheduler and name";
      continue;
    }
    names.emplace_back(step.after.name);
    steps.push_back(std::move(step));
  }
  for (std::size_t from = 0; from < names.size(); from += kNamesAtOnce) {
    Query query(Table::schedules);
    const auto first = names.begin() + static_cast<std::ptrdiff_t>(from);
    const auto last =
        names.begin() + static_cast<std::ptrdiff_t>(std::min(from + kNamesAtOnce, names.size()));
    query.where.eq(col::project_id, project.id).in(col::name, std::vector<Cell>(first, last));
    auto done = store_.each(query.all(), [&](const Row& row) {
      Schedule before = schedule_of(row);
      const auto found = place_of.find(place_key(before));
      if (found == place_of.end()) return true;
      Step& step = steps[found->second];
      keep_history(before, step.after);
      const std::string hash = step.after.source_hash.value_or("");
      const bool is_known = !hash.empty() && before.source_hash == hash;
      step.kind = is_known || is_same_draft(before, step.after) ? Step::Kind::unchanged
                                                                : Step::Kind::update;
      step.before = std::move(before);
      return true;
    });
    if (!done) return std::move(done).error();
  }
  std::erase_if(steps, [&](const Step& step) {
    if (step.kind != Step::Kind::update) return false;
    const auto may_it = may(step.before, "update");
    if (!may_it) errors[step.index] = may_it.error().message;
    return !may_it;
  });
  return steps;
}

base::Status Schedules::add_left_out(const Project& project, const ScheduleImport& import,
                                     std::vector<Step>& steps) {
  if (import.mode != ScheduleImport::Mode::replace_for_source) return {};
  std::string source = import.source_filter.value_or("");
  for (auto item = import.items.begin(); source.empty() && item != import.items.end(); ++item) {
    if (*item) source = (*item)->source;
  }
  if (std::find(kReplaceable.begin(), kReplaceable.end(), source) == kReplaceable.end()) {
    return refuse::invalid("source_filter", "schedules of the source \"" + clean_text(source, 64) +
                                                "\" are not deleted by an import");
  }
  // What can't be read is not gone.
  std::set<PlaceKey> kept;
  std::set<std::string> kept_names;
  for (const Step& step : steps) kept.insert(place_key(step.after));
  for (const auto& item : import.items) {
    if (item) kept_names.insert(item->name);
  }
  Query query(Table::schedules);
  query.where.eq(col::project_id, project.id).eq(col::source, source);
  std::vector<Schedule> gone;
  auto done = store_.each(query.all().order({col::name, col::id}), [&](const Row& row) {
    Schedule s = schedule_of(row);
    if (kept.count(place_key(s)) == 0 && kept_names.count(s.name) == 0)
      gone.push_back(std::move(s));
    return gone.size() < 10 * kMostImported;
  });
  if (!done) return done;
  for (Schedule& s : gone) {
    if (!may(s, "delete")) continue;
    Step step;
    step.kind = Step::Kind::erase;
    step.index = ~std::size_t{0};
    step.before = std::move(s);
    steps.push_back(std::move(step));
  }
  return {};
}

base::Result<ScheduleDiff> Schedules::diff(const Project& project, const ScheduleImport& import) {
  ScheduleDiff out;
  auto steps = steps_of(project, import, out.errors);
  if (!steps) return std::move(steps).error();
  if (auto added = add_left_out(project, import, *steps); !added) return std::move(added).error();
  for (const Step& step : *steps) {
    const bool is_gone = step.kind == Step::Kind::erase;
    const Schedule& s = is_gone ? step.before : step.after;
    ScheduleChange change{s.name, s.scheduler, {}, {}};
    if (!is_gone) change.proposed = draft_json(step.after);
    if (is_gone)
      change.current = shorter(step.before);
    else if (step.kind != Step::Kind::insert)
      change.current = draft_json(step.before);
    auto& list = step.kind == Step::Kind::insert   ? out.inserted
                 : step.kind == Step::Kind::update ? out.updated
                 : is_gone                         ? out.deleted
                                                   : out.unchanged;
    list.push_back(std::move(change));
  }
  return out;
}

base::Status Schedules::take(const std::vector<const Step*>& steps, AuditEntry entry,
                             const Actor& actor) {
  const base::TimeUs now = clock_.now();
  return audit_.commit({std::move(entry)}, [&](Commit& c) {
    Rows fresh(Table::schedules);
    for (const Step* step : steps) step->add(c, fresh, actor, now);
    if (fresh.size() > 0) {
      c.insert_new(std::move(fresh), true);
      check_project_is_active(c, steps.front()->after.project_id);
    }
    if (options_.tell_others) options_.tell_others(c, base::Uuid());
  });
}

base::Result<ImportReport> Schedules::import_all(const Project& project,
                                                 const ScheduleImport& import, const Actor& actor) {
  ImportReport report;
  auto steps = steps_of(project, import, report.errors);
  if (!steps) return std::move(steps).error();
  if (auto added = add_left_out(project, import, *steps); !added) return std::move(added).error();
  std::vector<const Step*> writing;
  for (const Step& step : *steps) {
    if (step.kind == Step::Kind::unchanged)
      ++report.unchanged;
    else
      writing.push_back(&step);
  }
  const auto entry_for = [&](const std::vector<const Step*>& some) {
    std::map<Step::Kind, std::int64_t> counts;
    json::Array names;
    for (const Step* step : some) {
      ++counts[step->kind];
      const Schedule& s = step->kind == Step::Kind::erase ? step->before : step->after;
      if (names.size() < 20) names.emplace_back(s.name);
    }
    AuditEntry entry =
        AuditEntry::of(actor, "schedules.import", "project", project.slug, project.id);
    const bool replaces = import.mode == ScheduleImport::Mode::replace_for_source;
    entry.metadata = {{"mode", replaces ? "replace_for_source" : "upsert"},
                      {"inserted", counts[Step::Kind::insert]},
                      {"updated", counts[Step::Kind::update]},
                      {"deleted", counts[Step::Kind::erase]},
                      {"names", std::move(names)}};
    if (!some.empty() && some.front()->kind != Step::Kind::erase)
      entry.metadata["source"] = some.front()->after.source;
    return entry;
  };
  const auto count = [&](const Step& step) {
    ++(step.kind == Step::Kind::insert   ? report.inserted
       : step.kind == Step::Kind::update ? report.updated
                                         : report.deleted);
  };
  for (auto next = writing.begin(); next != writing.end();) {
    std::vector<const Step*> some;
    for (std::size_t weight = 0; next != writing.end() && weight < kWritesInCommit; ++next) {
      weight += (*next)->weight();
      some.push_back(*next);
    }
    auto done = take(some, entry_for(some), actor);
    if (done) {
      for (const Step* step : some) count(*step);
      continue;
    }
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    // Somebody edits at the same moment: each by itself.
    for (const Step* step : some) {
      auto one = take({step}, entry_for({step}), actor);
      if (one) {
        count(*step);
      } else if (one.error().code != base::Code::conflict) {
        return std::move(one).error();
      } else if (step->kind != Step::Kind::erase) {
        report.errors[step->index] = "somebody else changed it at the same moment";
      }
    }
  }
  report.failed = report.errors.size();
  if (!writing.empty()) told(project.id, base::Uuid());
  return report;
}

base::Result<ImportReport> Schedules::import_own(
    const Project& project, const std::string& instance,
    const std::vector<base::Result<OwnSchedule>>& items, const Actor& actor) {
  if (items.size() > kMostImported)
    return refuse::invalid("schedules", "at most 2000 schedules at once");
  auto target = target_of(project, instance);
  if (!target) return std::move(target).error();
  if (target->is_of_store() || !options_.reach || !options_.put_there)
    return refuse::invalid("instance", "its schedules have no form but that of z4j");
  if (auto here = options_.reach(target->owner); !here) return std::move(here).error();
  ImportReport report;
  std::vector<Cell> names;
  json::Array some_names;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i]) report.errors[i] = items[i].error().message;
    if (!items[i] || items[i]->name.empty()) continue;
    names.emplace_back(items[i]->name);
    if (some_names.size() < 20) some_names.emplace_back(items[i]->name);
  }
  struct Held {
    std::string id, etag;
  };
  std::map<std::string, Held> held;  // by name
  for (std::size_t from = 0; from < names.size(); from += kOwnNamesAtOnce) {
    const auto begin = names.begin() + static_cast<std::ptrdiff_t>(from);
    const auto count = std::min(kOwnNamesAtOnce, names.size() - from);
    Query query(Table::schedules);
    query.where.eq(col::project_id, project.id)
        .eq(col::owner, target->owner)
        .in(col::name, std::vector<Cell>(begin, begin + static_cast<std::ptrdiff_t>(count)));
    query.columns({col::name, col::external_id, col::etag});
    auto read = store_.each(query, [&held](const Row& row) {
      if (!row.is_null(col::external_id))
        held[std::string(row.text(col::name))] = {std::string(row.text(col::external_id)),
                                                  std::string(row.text(col::etag))};
      return true;
    });
    if (!read) return std::move(read).error();
  }
  AuditEntry entry = AuditEntry::of(actor, "schedules.import", "project", project.slug, project.id);
  entry.metadata = {{"mode", "own"},
                    {"instance", target->owner},
                    {"schedules", items.size() - report.errors.size()},
                    {"names", std::move(some_names)}};
  if (auto noted = audit_.commit({std::move(entry)}, [](Commit&) {}); !noted)
    return std::move(noted).error();
  const std::int64_t until_ms = clock_.steady_ms() + kOwnImportMs;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i]) continue;
    const std::int64_t left_ms = until_ms - clock_.steady_ms();
    if (left_ms <= 0) {
      report.errors[i] = "not tried: those before it took too long";
      continue;
    }
    const auto known = held.find(items[i]->name);
    json::Object schedule{{"own", items[i]->own}};
    if (known != held.end()) schedule["id"] = known->second.id;
    const std::string etag = known != held.end() ? known->second.etag : std::string();
    const auto done = options_.put_there(target->owner, schedule, etag,
                                         static_cast<int>(std::min(left_ms, kOwnPutMs)));
    if (done)
      ++(known != held.end() ? report.updated : report.inserted);
    else
      report.errors[i] = done.error().code == base::Code::unknown
                             ? "it may have been written: " + done.error().message
                             : done.error().message;
  }
  report.failed = report.errors.size();
  return report;
}

}  // namespace z4j::core
