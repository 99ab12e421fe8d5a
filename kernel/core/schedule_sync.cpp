#include "core/schedule_sync.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "base/crypto.hpp"
#include "core/live.hpp"
#include "core/refusal.hpp"
#include "core/schedule_wishes.hpp"
#include "core/text.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace col = model::schedules;
namespace json = base::json;
using EditState = ScheduleEdit::State;

constexpr auto kSyncRound = std::chrono::milliseconds(250);
constexpr std::size_t kWritesAtOnce = 500, kWishesAtOnce = 200, kMostCalls = 1'000;
constexpr std::int64_t kFailedCreationKeptUs = 3'600 * base::kSecondUs;
constexpr std::size_t kMostWhy = 500;
constexpr std::string_view kOtherDigest;  // of an item that must be looked at again

std::string digest_of(const json::Object& item) {
  const base::Digest digest = base::sha256(json::write_canonical(item));
  return {digest.begin(), digest.end()};
}

// What an agent says of a change that it did not make.
std::optional<base::Error> told_refusal(const json::Object& given) {
  const std::string_view outcome = json::text(given, "outcome");
  if (outcome != "refused" && outcome != "unknown") return std::nullopt;
  const base::Code code = outcome == "refused" ? base::Code::conflict : base::Code::unknown;
  return refuse::error(code, "agent", std::string(json::text(given, "reason", "no reason given")));
}

}  // namespace

struct ScheduleSync::Inbox {
  struct Item {
    std::string place;  // of a listing ...
    std::uint64_t round = 0;
    base::Uuid edit;  // ... or of a wish
    base::Result<std::string> answer;
  };
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Item> items;       // guarded by mutex, as are the next
  std::set<base::Uuid> edited;  // schedules to look at
  bool is_stopping = false, looks_at_all = false, is_poked = false;
  std::set<base::Uuid> listed;  // projects whose instances are to be listed now

  void put(Item item) {
    {
      const std::lock_guard lock(mutex);
      items.push_back(std::move(item));
    }
    arrived.notify_all();
  }
};

ScheduleSync::ScheduleSync(Store& store, Audit& audit, ScheduleBackends& backends,
                           const base::Clock& clock, base::Log& log, Options options)
    : store_(store),
      audit_(audit),
      backends_(backends),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>()) {}

ScheduleSync::~ScheduleSync() { stop(); }

std::string ScheduleSync::key_of(const ScheduleBackend& backend) {
  return backend.agent_id ? backend.owner + "\n" + backend.scheduler : backend.owner;
}

void ScheduleSync::look(const base::Uuid& schedule) {
  {
    const std::lock_guard lock(inbox_->mutex);
    if (schedule.is_nil() || inbox_->edited.size() >= kMostCalls)
      inbox_->looks_at_all = true;
    else
      inbox_->edited.insert(schedule);
    inbox_->is_poked = true;
  }
  inbox_->arrived.notify_all();
}

std::vector<std::string> ScheduleSync::list_now(const base::Uuid& project) {
  std::vector<std::string> out;
  for (const ScheduleBackend& backend : backends_.here()) {
    if (backend.project_id == project && !backend.agent_id) out.push_back(backend.scheduler);
  }
  if (!out.empty()) {
    {
      const std::lock_guard lock(inbox_->mutex);
      inbox_->listed.insert(project);
      inbox_->is_poked = true;
    }
    inbox_->arrived.notify_all();
  }
  return out;
}

bool ScheduleSync::work() {
  const std::lock_guard lock(work_mutex_);
  follow_backends();
  bool did = take_answers();
  did = look_for_wishes() || did;
  return list_due() || did;
}

void ScheduleSync::follow_backends() {
  std::set<std::string> there;
  for (ScheduleBackend& backend : backends_.here()) {
    const std::string key = key_of(backend);
    there.insert(key);
    const auto [at, is_new] = places_.try_emplace(key);
    Place& place = at->second;
    const bool is_other = !is_new && backend.fence && place.backend.fence &&
                          backend.fence->number != place.backend.fence->number;
    place.backend = std::move(backend);
    if (is_new) next_wishes_ms_ = 0;
    if (!is_other) continue;
    place.is_cold = true;  // another brain had it in between
    place.is_spoilt = place.is_listing;
  }
  std::erase_if(places_, [&](const auto& each) { return there.count(each.first) == 0; });
}

bool ScheduleSync::take_answers() {
  std::deque<Inbox::Item> items;
  {
    const std::lock_guard lock(inbox_->mutex);
    items.swap(inbox_->items);
  }
  for (Inbox::Item& item : items) {
    if (!item.edit.is_nil()) {
      finish(item.edit, item.answer);
      continue;
    }
    const auto place = places_.find(item.place);
    if (place != places_.end() && place->second.is_listing && place->second.round == item.round)
      take_page(place->second, item.answer);
  }
  return !items.empty();
}

// --- listings -----------------------------------------------------------------------------------

bool ScheduleSync::list_due() {
  std::set<base::Uuid> now_wanted;
  {
    const std::lock_guard lock(inbox_->mutex);
    now_wanted.swap(inbox_->listed);
  }
  const std::int64_t now_ms = clock_.steady_ms();
  bool did = false;
  for (auto& [key, place] : places_) {
    if (place.backend.agent_id || place.is_listing) continue;
    if (now_ms < place.next_list_ms && now_wanted.count(place.backend.project_id) == 0) continue;
    place.is_listing = true;
    place.is_spoilt = false;
    place.items.clear();
    ++place.round;
    did = true;
    ask_page(place, {});
  }
  return did;
}

void ScheduleSync::ask_page(Place& place, const std::string& cursor) {
  json::Object page{{"limit", kPageItems}};
  if (!cursor.empty()) page["cursor"] = cursor;
  backends_.list(place.backend.owner, json::write(page), options_.deadline_ms,
                 [inbox = inbox_, key = key_of(place.backend),
                  round = place.round](base::Result<std::string> answer) {
                   inbox->put({key, round, {}, std::move(answer)});
                 });
}

void ScheduleSync::take_page(Place& place, const Answered& answer) {
  if (!answer) return end_listing(place, answer.error());
  const auto broken = [](std::string message) {
    return base::Error{
        .code = base::Code::invalid, .message = std::move(message), .where = {}, .hint = {}};
  };
  auto page = json::parse(*answer);
  const json::Array* items =
      page && page->is_object() ? json::array(page->get_object(), "items") : nullptr;
  if (items == nullptr || items->size() > 10 * kPageItems)
    return end_listing(place, broken("its list of schedules can't be read"));
  for (const json::Value& item : *items) {
    const json::Object* one = item.if_object();
    const std::string id(one != nullptr ? json::text(*one, "id") : "");
    if (id.empty()) return end_listing(place, broken("a schedule without an id"));
    place.items[id] = *one;
  }
  if (place.items.size() > kMostItems) return end_listing(place, broken("too many schedules"));
  const std::string next(json::text(page->get_object(), "next"));
  if (!next.empty() && !items->empty()) return ask_page(place, next);
  if (!next.empty()) return end_listing(place, broken("an empty page that is not the last"));
  if (place.is_spoilt) {  // a wish was carried out meanwhile
    place.next_list_ms = 0;
    place.is_listing = false;
    place.items.clear();
    return;
  }
  end_listing(place, apply(place));
}

void ScheduleSync::end_listing(Place& place, const base::Status& status) {
  place.is_listing = false;
  place.items.clear();
  const int every_ms = place.backend.list_every_ms;
  place.next_list_ms =
      clock_.steady_ms() + (status ? every_ms : std::max(every_ms, options_.pause_ms));
  if (!status) {
    log_.warn("schedules not read",
              {{"instance", place.backend.owner}, {"why", status.error().text()}});
  }
  if (options_.on_listed) options_.on_listed(status);
}

// Rows that are there already.
base::Status ScheduleSync::learn(Place& place) {
  place.known.clear();
  Query query(Table::schedules);
  query.where.eq(col::project_id, place.backend.project_id)
      .eq(col::scheduler, place.backend.scheduler)
      .eq(col::owner, place.backend.owner);
  query.columns({col::id, col::external_id});
  auto done = store_.each(query, [&](const Row& row) {
    const std::string id(row.text(col::external_id));
    if (!id.empty()) place.known[id] = {row.uuid(col::id), std::string(kOtherDigest)};
    return true;
  });
  place.is_cold = !done;
  return done;
}

base::Status ScheduleSync::apply(Place& place) {
  if (place.is_cold) {
    if (auto learnt = learn(place); !learnt) return learnt;
  }
  const base::TimeUs now = clock_.now();
  struct Change {
    std::string id, digest;
    const json::Object* item = nullptr;  // null: it is gone
  };
  std::vector<Change> changes;
  for (const auto& [id, item] : place.items) {
    std::string digest = digest_of(item);
    const auto known = place.known.find(id);
    if (known == place.known.end() || known->second.digest != digest)
      changes.push_back({id, std::move(digest), &item});
  }
  for (const auto& [id, known] : place.known) {
    if (place.items.count(id) == 0) changes.push_back({id, {}, nullptr});
  }
  std::set<base::Uuid> adopted;  // rows whose schedule has another id there by now
  bool is_news = false;
  for (std::size_t from = 0; from < changes.size(); from += kWritesAtOnce) {
    const std::size_t to = std::min(from + kWritesAtOnce, changes.size());
    // The rows that these are about: by their id, or by name when we asked for them to be made.
    std::vector<Cell> ids, names;
    for (std::size_t i = from; i < to; ++i) {
      if (const auto known = place.known.find(changes[i].id); known != place.known.end())
        ids.emplace_back(known->second.row);
      else
        names.emplace_back(json::text(*changes[i].item, "name"));
    }
    std::map<base::Uuid, Schedule> rows;
    std::map<std::string, Schedule> by_name;
    const auto read = [&](std::uint16_t column, std::vector<Cell> values,
                          const std::function<void(Schedule)>& take) -> base::Status {
      if (values.empty()) return {};
      Query query(Table::schedules);
      query.where.eq(col::project_id, place.backend.project_id).in(column, std::move(values));
      return store_.each(query.all(), [&](const Row& row) {
        take(schedule_of(row));
        return true;
      });
    };
    if (auto done = read(col::id, std::move(ids), [&](Schedule s) { rows[s.id] = std::move(s); });
        !done)
      return done;
    if (auto done =
            read(col::name, std::move(names),
                 [&](Schedule s) {
                   if (s.owner == place.backend.owner && s.scheduler == place.backend.scheduler)
                     by_name[s.name] = std::move(s);
                 });
        !done)
      return done;

    Commit commit;
    if (place.backend.fence) place.backend.fence->guard(commit);
    Rows fresh(Table::schedules);
    std::vector<std::pair<std::string, Known>> learnt;
    std::vector<std::string> gone;
    for (std::size_t i = from; i < to; ++i) {
      const Change& change = changes[i];
      const auto known = place.known.find(change.id);
      const auto row = known != place.known.end() ? rows.find(known->second.row) : rows.end();
      if (change.item == nullptr) {
        if (row != rows.end() && adopted.count(row->first) == 0) erase_shown(commit, row->second);
        gone.push_back(change.id);
        is_news = true;
        continue;
      }
      std::optional<Schedule> before;
      if (row != rows.end()) before = row->second;
      const std::string name(json::text(*change.item, "name"));
      if (!before) {
        if (const auto same = by_name.find(name); same != by_name.end()) {
          before = same->second;  // made anew there, or by us
          adopted.insert(before->id);
        }
      }
      if (before && before->name != name) {  // renamed there: another schedule, here
        erase_shown(commit, *before);
        before.reset();
      }
      Schedule after = before.value_or(Schedule());
      if (!before) {
        after.id = model::derived_id(place.backend.project_id, "schedule",
                                     place.backend.scheduler + "\n" + place.backend.owner,
                                     change.id + "\n" + name);
        after.project_id = place.backend.project_id;
        after.scheduler = place.backend.scheduler;
        after.owner = place.backend.owner;
        after.source = "backend";
        after.created_at = after.updated_at = now;
      }
      if (auto good = read_schedule(*change.item, after); !good) {
        log_.warn("a schedule can't be believed", {{"instance", place.backend.owner},
                                                   {"name", clean_text(name, 200)},
                                                   {"why", good.error().text()}});
        if (known != place.known.end()) learnt.emplace_back(change.id, known->second);
        continue;
      }
      scrub_schedule(options_.redact, after);
      after.seen_at = now;
      confirm_edit(after, options_.redact, now);
      if (before) {
        if (tells_other_things(*before, after)) {
          after.updated_at = std::max(now, before->updated_at + 1);
          is_news = true;
        }
        update_shown(commit, *before, after);
      } else {
        put_schedule(fresh, after);
        is_news = true;
      }
      // A wish that is not over is looked at with each listing.
      const bool is_open =
          after.edit && (after.edit->is_open() || after.edit->state == EditState::unknown);
      learnt.emplace_back(change.id,
                          Known{after.id, is_open ? std::string(kOtherDigest) : change.digest});
    }
    if (fresh.size() > 0) commit.insert_new(std::move(fresh));
    if (auto done = store_.commit(commit); !done) {
      place.is_cold = true;
      return done;
    }
    for (auto& [id, known] : learnt) place.known[id] = std::move(known);
    for (const std::string& id : gone) place.known.erase(id);
  }
  if (is_news && options_.on_changed)
    options_.on_changed(place.backend.project_id, kScheduleChanged);
  return {};
}

// --- wishes -------------------------------------------------------------------------------------

bool ScheduleSync::look_for_wishes() {
  std::set<base::Uuid> edited;
  bool looks_at_all = false;
  {
    const std::lock_guard lock(inbox_->mutex);
    edited.swap(inbox_->edited);
    looks_at_all = std::exchange(inbox_->looks_at_all, false);
  }
  const std::int64_t now_ms = clock_.steady_ms();
  looks_at_all = looks_at_all || now_ms >= next_wishes_ms_;
  if (looks_at_all) next_wishes_ms_ = now_ms + options_.wishes_every_ms;
  std::vector<Schedule> found;
  const auto read = [&](Query query) {
    auto done = store_.each(query.all().limit(kWishesAtOnce), [&](const Row& row) {
      found.push_back(schedule_of(row));
      return true;
    });
    if (!done) log_.warn("wishes for schedules not read", {{"why", done.error().text()}});
  };
  if (!edited.empty() && !places_.empty()) {
    Query query(Table::schedules);
    query.where.in(col::id, std::vector<Cell>(edited.begin(), edited.end()));
    read(std::move(query));
  }
  if (looks_at_all) {
    for (const auto& [key, place] : places_) {
      Query query(Table::schedules);
      query.where.eq(col::project_id, place.backend.project_id)
          .eq(col::scheduler, place.backend.scheduler)
          .eq(col::owner, place.backend.owner)
          .not_null(col::pending);
      read(std::move(query));
    }
  }
  bool did = false;
  const base::TimeUs now = clock_.now();
  for (Schedule& s : found) {
    if (!s.edit || s.is_of_store()) continue;
    if (s.edit->change == "create" && s.edit->state == EditState::failed &&
        now - s.edit->since > kFailedCreationKeptUs)
      forget_creation(store_, s);
    if (s.edit->state != EditState::waiting || calls_.count(s.edit->id) != 0) continue;
    if (calls_.size() >= kMostCalls) break;
    did = true;
    if (auto done = carry_out(std::move(s)); !done && done.error().code != base::Code::conflict)
      log_.warn("a wish for a schedule not carried out", {{"why", done.error().text()}});
  }
  return did;
}

base::Status ScheduleSync::carry_out(Schedule schedule) {
  const auto at = std::find_if(places_.begin(), places_.end(), [&](const auto& each) {
    const ScheduleBackend& backend = each.second.backend;
    return backend.owner == schedule.owner && backend.scheduler == schedule.scheduler &&
           backend.project_id == schedule.project_id;
  });
  if (at == places_.end()) return {};  // another brain's
  Place& place = at->second;
  const Schedule before = schedule;
  schedule.edit->state = EditState::sent;
  schedule.revision = before.revision + 1;
  Commit commit;
  if (place.backend.fence) place.backend.fence->guard(commit);
  put_wish(commit, before, schedule);
  if (auto done = store_.commit(commit); !done) return done;
  place.is_spoilt = place.is_listing;
  const base::Uuid edit = schedule.edit->id;
  const Call& call = calls_[edit] = Call{std::move(schedule), at->first};
  send(place, call.schedule);
  return {};
}

void ScheduleSync::send(const Place& place, const Schedule& s) {
  const ScheduleEdit& edit = *s.edit;
  const std::string& owner = place.backend.owner;
  const plugin::Answer answer = [inbox = inbox_, id = edit.id](base::Result<std::string> given) {
    inbox->put({{}, 0, id, std::move(given)});
  };
  const std::string id = s.external_id.value_or("");
  if (place.backend.agent_id)
    return backends_.order(place.backend, s, edit.change, options_.deadline_ms, answer);
  if (edit.change == "trigger") return backends_.trigger(owner, id, options_.deadline_ms, answer);
  if (edit.change == "delete")
    return backends_.remove(owner, id, s.etag, options_.deadline_ms, answer);
  json::Object values = edit.values;
  if (edit.change != "create") values["id"] = id;
  backends_.put(owner, json::write(values), edit.change == "create" ? "" : s.etag,
                options_.deadline_ms, answer);
}

void ScheduleSync::finish(const base::Uuid& edit_id, const Answered& answer) {
  const auto call = calls_.find(edit_id);
  if (call == calls_.end()) return;
  const Schedule before = std::move(call->second.schedule);
  const auto at = places_.find(call->second.place);
  Place* const place = at != places_.end() ? &at->second : nullptr;
  calls_.erase(call);
  if (place != nullptr) {
    place->is_spoilt = place->is_listing;
    place->next_list_ms = 0;  // it is to be confirmed
    if (before.external_id) {
      if (const auto known = place->known.find(*before.external_id); known != place->known.end())
        known->second.digest = kOtherDigest;
    }
  }
  Schedule after = before;
  ScheduleEdit& edit = *after.edit;
  json::Object given;
  if (answer) {
    auto parsed = json::parse(answer->empty() ? "{}" : *answer);
    if (parsed && parsed->is_object()) given = std::move(parsed->get_object());
  }
  std::optional<base::Error> error;
  if (!answer)
    error = answer.error();
  else if (before.agent_id && edit.change != "trigger")
    error = told_refusal(given);
  bool is_gone = false;
  if (error) {
    const bool is_unknown = error->code == base::Code::unknown ||
                            (error->code == base::Code::timeout && before.agent_id);
    edit.state = is_unknown ? EditState::unknown : EditState::failed;
    edit.why = clean_text(error->message, kMostWhy);
    edit.code = base::to_string(error->code);
  } else if (edit.change == "trigger") {
    edit.state = EditState::applied;
    edit.applied_at = clock_.now();
    if (!given.contains("outcome")) given["outcome"] = "unknown";
    edit.answer = std::move(given);
  } else if (edit.change == "delete") {
    is_gone = true;
  } else {
    edit.state = EditState::written;
    if (const json::Object* shown = json::object(given, "schedule")) {
      Schedule read_back = after;
      if (read_schedule(*shown, read_back)) {
        scrub_schedule(options_.redact, read_back);
        const json::Object has = schedule_json(read_back);
        for (auto& member : read_back.edit->values) {
          if (const json::Value* value = has.if_contains(member.key())) member.value() = *value;
        }
        after = std::move(read_back);
      }
    } else if (before.agent_id && (edit.change == "enable" || edit.change == "disable")) {
      after.is_enabled = edit.change == "enable";
      edit.values = {{"is_enabled", after.is_enabled}};
    }
  }
  if (edit.state == EditState::failed || edit.state == EditState::unknown) {
    AuditEntry entry = AuditEntry::of({edit.by, std::nullopt, {}, {}}, "schedule.edit_failed",
                                      "schedule", before.id.text(), before.project_id);
    entry.result = "failed";
    entry.metadata = {{"name", before.name},
                      {"change", edit.change},
                      {"outcome", to_string(edit.state)},
                      {"why", edit.why}};
    audit_.record(std::move(entry));
  }
  after.revision = before.revision + 1;
  after.updated_at = std::max(clock_.now(), before.updated_at + 1);
  Commit commit;
  if (is_gone)
    erase_shown(commit, before);
  else
    update_shown(commit, before, after);
  if (auto done = store_.commit(commit); !done) {
    log_.warn("what became of a wish is not written",
              {{"schedule", before.id.text()}, {"why", done.error().text()}});
  }
  if (place != nullptr && is_gone && before.external_id) place->known.erase(*before.external_id);
  if (place != nullptr && !is_gone && after.external_id)
    place->known[*after.external_id] = {after.id, std::string(kOtherDigest)};
  if (options_.on_changed) options_.on_changed(before.project_id, kScheduleChanged);
}

// --- thread -------------------------------------------------------------------------------------

void ScheduleSync::start() {
  if (thread_.joinable()) return;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = false;
  }
  thread_ = std::thread([this] { run(); });
}

void ScheduleSync::stop() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->is_stopping = true;
  }
  inbox_->arrived.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ScheduleSync::run() {
  for (;;) {
    {
      std::unique_lock lock(inbox_->mutex);
      inbox_->arrived.wait_for(lock, kSyncRound, [this] {
        return inbox_->is_stopping || inbox_->is_poked || !inbox_->items.empty();
      });
      if (inbox_->is_stopping) return;
      inbox_->is_poked = false;
    }
    work();
  }
}

}  // namespace z4j::core
