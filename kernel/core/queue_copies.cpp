#include "core/queue_copies.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace copy_col = model::queue_copies;
namespace part_col = model::queue_copy_parts;
namespace cmd = model::commands;
namespace json = base::json;

constexpr std::string_view kCopyLabel = "z4j-queue-copy-v1";
constexpr std::int64_t kCopyPage = 200;
constexpr std::size_t kCopyPageBytes = std::size_t{64} << 20;
constexpr std::int64_t kPartBytes = std::int64_t{16} << 20;  // engines take no more back at once
constexpr std::uint32_t kCopiesAtOnce = 50;
constexpr std::chrono::milliseconds kCopiesRound{60'000}, kCopyWait{100}, kCopyLate{5'000};
constexpr std::chrono::milliseconds kRestingRound{1'000};
constexpr std::int64_t kFirstRestMs = 500, kLongestRestMs = 60'000;
constexpr std::size_t kCopyReason = 900;
constexpr base::TimeUs kRowKept = 30 * base::kDayUs;  // after its messages are gone
constexpr int kCopyMarginMs = 2'000, kCopyLeastMs = 1'000;

std::string about_part(const base::Uuid& copy, std::int64_t number) {
  return "copy=" + copy.text() + " part=" + std::to_string(number);
}

// The engine is away, or may come again: nothing was done.
bool comes_later(const base::Error& error) {
  return error.code == base::Code::unavailable || error.code == base::Code::busy ||
         error.code == base::Code::timeout || error.code == base::Code::unknown;
}

json::Object stand(std::string_view step) { return {{"step", step}}; }

}  // namespace

QueueCopy queue_copy_of(const Row& row) {
  QueueCopy c;
  c.id = row.uuid(copy_col::id);
  c.project_id = row.uuid(copy_col::project_id);
  c.agent_id = row.uuid(copy_col::agent_id);
  c.command_id = row.uuid_or_none(copy_col::command_id);
  c.created_by = row.uuid_or_none(copy_col::created_by);
  c.engine = row.text(copy_col::engine);
  c.queue = row.text(copy_col::queue);
  c.state = row.text(copy_col::state);
  c.error = row.text(copy_col::error);
  c.messages = row.num(copy_col::messages);
  c.bytes = row.num(copy_col::bytes);
  c.restored = row.num(copy_col::restored);
  c.untouched = row.json(copy_col::untouched);
  if (auto at = json::parse(row.text(copy_col::cursor)); at && at->is_object())
    c.at = std::move(at->get_object());
  c.created_at = row.num(copy_col::created_at);
  c.expires_at = row.num(copy_col::expires_at);
  c.updated_at = row.num(copy_col::updated_at);
  c.restored_at = row.num_or_none(copy_col::restored_at);
  return c;
}

void add_queue_copy(Commit& commit, const NewQueueCopy& made) {
  json::Object at = stand("take");
  at["force"] = made.force;
  at["gives_up_at"] = made.gives_up_at;
  Rows rows(Table::queue_copies);
  rows.begin()
      .uuid(copy_col::id, made.id)
      .uuid(copy_col::project_id, made.project_id)
      .text(copy_col::engine, made.engine)
      .text(copy_col::queue, made.queue)
      .uuid(copy_col::agent_id, made.agent_id)
      .cell(copy_col::command_id, made.command_id ? Cell(*made.command_id) : Cell())
      .cell(copy_col::created_by, made.created_by ? Cell(*made.created_by) : Cell())
      .text(copy_col::state, "copying")
      .num(copy_col::messages, 0)
      .num(copy_col::bytes, 0)
      .num(copy_col::restored, 0)
      .text(copy_col::cursor, json::write(at))
      .num(copy_col::created_at, made.created_at)
      .num(copy_col::expires_at, made.expires_at)
      .num(copy_col::updated_at, made.created_at);
  commit.insert(std::move(rows));
}

QueueCopies::QueueCopies(Store& store, Audit& audit, EngineRoutes& routes, const Sealer& sealer,
                         const base::Clock& clock, base::Log& log, Options options)
    : store_(store),
      audit_(audit),
      routes_(routes),
      sealer_(sealer),
      clock_(clock),
      log_(log),
      options_(std::move(options)) {}

QueueCopies::~QueueCopies() { stop(); }

// --- asking -------------------------------------------------------------------------------------

base::Result<QueueCopy> QueueCopies::find(const base::Uuid& project, const base::Uuid& id) {
  Query query(Table::queue_copies);
  query.where.eq(copy_col::id, id).eq(copy_col::project_id, project);
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("queue copy");
  return queue_copy_of(**row);
}

base::Result<Page<QueueCopy>> QueueCopies::list(const base::Uuid& project,
                                                const std::optional<Place>& after,
                                                std::uint32_t limit) {
  Query query(Table::queue_copies);
  query.where.eq(copy_col::project_id, project);
  query.all().order({copy_col::created_at, copy_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<QueueCopy>(
      store_, std::move(query), limit, queue_copy_of,
      [](const QueueCopy& c) {
        return Place{c.created_at, c.id};
      },
      [](const QueueCopy&) { return std::size_t{1024}; });
}

base::Result<QueueCopy> QueueCopies::restore(const base::Uuid& project, const base::Uuid& id,
                                             const Actor& actor) {
  auto copy = find(project, id);
  if (!copy) return copy;
  AuditEntry entry = AuditEntry::of(actor, "queue_copy.restored", "queue", copy->queue, project);
  entry.metadata = {{"copy_id", id.text()}, {"engine", copy->engine}, {"messages", copy->messages}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    Where kept;
    kept.eq(copy_col::id, id).eq(copy_col::state, "kept").gt(copy_col::expires_at, clock_.now());
    commit.update(Table::queue_copies, std::move(kept),
                  {{copy_col::state, "restoring"},
                   {copy_col::cursor, Cell(json::write(stand("restore")))},
                   {copy_col::error, Cell()},
                   {copy_col::updated_at, clock_.now(), Z4J_M_MAX}},
                  1, 1);
    if (options_.tell_others) options_.tell_others(commit);
  });
  if (!done) {
    if (done.error().code != base::Code::conflict) return std::move(done).error();
    return refuse::conflict("not_kept", "the copy is " + copy->state + ", not kept");
  }
  if (options_.on_changed) options_.on_changed(project);
  look();
  return find(project, id);
}

base::Status QueueCopies::remove(const base::Uuid& project, const base::Uuid& id,
                                 const Actor& actor) {
  auto copy = find(project, id);
  if (!copy) return std::move(copy).error();
  AuditEntry entry = AuditEntry::of(actor, "queue_copy.deleted", "queue", copy->queue, project);
  entry.metadata = {{"copy_id", id.text()},
                    {"engine", copy->engine},
                    {"messages", copy->messages},
                    {"was", copy->state}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    Where at_work, parts, self;
    at_work.eq(copy_col::id, id).in(copy_col::state, {Cell("copying"), Cell("restoring")});
    commit.check(Table::queue_copies, std::move(at_work), 0, 0);
    commit.erase(Table::queue_copy_parts, std::move(parts.eq(part_col::copy_id, id)));
    commit.erase(Table::queue_copies, std::move(self.eq(copy_col::id, id)));
  });
  if (!done && done.error().code == base::Code::conflict)
    return refuse::conflict("at_work", "the copy is being copied or restored");
  if (done && options_.on_changed) options_.on_changed(project);
  return done;
}

// --- working ------------------------------------------------------------------------------------

bool QueueCopies::guard(Commit& commit) const {
  if (!options_.may_work) return true;
  const auto fence = options_.may_work();
  if (!fence) return false;
  fence->guard(commit);
  return true;
}

bool QueueCopies::work() {
  const std::lock_guard round(work_mutex_);
  if (options_.may_work && !options_.may_work()) return false;
  Query query(Table::queue_copies);
  query.where.in(copy_col::state, {Cell("copying"), Cell("restoring")});
  auto rows =
      store_.read(query.all().order({copy_col::created_at, copy_col::id}).limit(kCopiesAtOnce));
  if (!rows) {
    log_.warn("queue copies not read", {{"why", rows.error().text()}});
    return false;
  }
  bool any = false;
  for (const Row& row : *rows) {
    QueueCopy copy = queue_copy_of(row);
    Rest& rest = resting_[copy.id];
    if (clock_.steady_ms() < rest.until_ms) continue;
    Next next = Next::again;
    while (next == Next::again) {
      {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return false;
      }
      next = step(copy);
      if (next == Next::again) any = true;
    }
    if (next == Next::later) {
      rest.pause_ms = std::clamp(rest.pause_ms * 2, kFirstRestMs, kLongestRestMs);
      rest.until_ms = clock_.steady_ms() + rest.pause_ms;
      continue;
    }
    any = true;
    resting_.erase(copy.id);
    if (options_.on_changed) options_.on_changed(copy.project_id);
  }
  return any;
}

QueueCopies::Next QueueCopies::step(QueueCopy& copy) {
  const std::string_view at = json::text(copy.at, "step");
  if (at == "take") return take(copy);
  if (at == "read") return read(copy);
  if (at == "drop") return drop(copy);
  if (at == "undo") return undo(copy);
  if (at == "restore") return put_back(copy);
  return end(copy, "failed", unknown_outcome("where it stands can't be read"));
}

template <class Ask>
base::Result<std::string> QueueCopies::wait_for(Ask ask) {
  const int deadline_ms = std::max(kCopyLeastMs, options_.timeout_s * 1000 - kCopyMarginMs);
  auto answered = std::make_shared<std::promise<base::Result<std::string>>>();
  auto answer = answered->get_future();
  ask(deadline_ms,
      [answered](base::Result<std::string> text) { answered->set_value(std::move(text)); });
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(deadline_ms) + kCopyLate;
  while (answer.wait_for(kCopyWait) != std::future_status::ready) {
    const std::lock_guard lock(mutex_);
    if (is_stopping_ || std::chrono::steady_clock::now() > until)
      return base::Error{base::Code::unknown, "no answer in time", {}, {}, 0};
  }
  return answer.get();
}

CommandOutcome QueueCopies::tell(const QueueCopy& copy, json::Object args) {
  args["copy"] = copy.id.text();
  const auto answer = wait_for([&](int deadline_ms, plugin::Answer give) {
    routes_.command(copy.agent_id, copy.engine, Z4J_ENGINE_COPY, copy.queue, json::write(args),
                    deadline_ms, std::move(give));
  });
  if (!answer && comes_later(answer.error())) return unknown_outcome(answer.error().message);
  return outcome_of(answer);
}

base::Result<QueueCopies::Aside> QueueCopies::page(const QueueCopy& copy, std::int64_t limit,
                                                   std::string_view cursor) {
  json::Object asked{{"queue", copy.queue}, {"copy", copy.id.text()}, {"limit", limit}};
  if (!cursor.empty()) asked["cursor"] = cursor;
  const auto answer = wait_for([&](int deadline_ms, plugin::Answer give) {
    if (!options_.read)
      return give(base::Error{base::Code::unsupported, "copies can't be read here", {}, {}, 0});
    options_.read(copy.agent_id, "copy", json::write(asked), deadline_ms, std::move(give));
  });
  if (!answer) return answer.error();
  const auto parsed = json::parse(*answer, {.max_bytes = kCopyPageBytes, .max_depth = 8});
  const json::Array* items =
      parsed && parsed->is_object() ? json::array(parsed->get_object(), "items") : nullptr;
  if (items == nullptr) return refuse::invalid({}, "the engine's answer is not what it should be");
  Aside out;
  out.next = json::text(parsed->get_object(), "next");
  for (const json::Value& item : *items) {
    const json::Object* one = item.if_object();
    const std::string_view body = one != nullptr ? json::text(*one, "body") : std::string_view();
    if (body.empty()) return refuse::invalid({}, "a message without a body");
    out.bytes += static_cast<std::int64_t>(body.size());
    out.bodies.emplace_back(body);
  }
  return out;
}

QueueCopies::Next QueueCopies::stored(const QueueCopy& copy, const base::Status& done) {
  if (done) return Next::again;
  if (done.error().code == base::Code::conflict) return Next::over;  // another brain's, or gone
  return not_now(copy, done.error().message);
}

QueueCopies::Next QueueCopies::go_to(QueueCopy& copy, json::Object at, std::vector<Set> more) {
  Commit commit;
  if (!guard(commit)) return Next::over;
  Where self;
  self.eq(copy_col::id, copy.id).eq(copy_col::state, copy.state);
  more.push_back({copy_col::cursor, Cell(json::write(at))});
  more.push_back({copy_col::error, Cell()});
  more.push_back({copy_col::updated_at, clock_.now(), Z4J_M_MAX});
  commit.update(Table::queue_copies, std::move(self), std::move(more), 1, 1);
  const auto done = store_.commit(commit);
  if (done) copy.at = std::move(at);
  return stored(copy, done);
}

QueueCopies::Next QueueCopies::not_now(const QueueCopy& copy, const std::string& why) {
  log_.debug("queue copy waits", {{"copy", copy.id.text()}, {"why", why}});
  if (copy.error == why) return Next::later;
  Commit commit;
  if (!guard(commit)) return Next::over;
  Where self;
  commit.update(Table::queue_copies, std::move(self.eq(copy_col::id, copy.id)),
                {{copy_col::error, Cell::text_or_null(clean_text(why, kCopyReason))}});
  (void)store_.commit(commit);
  return Next::later;
}

// --- the steps of a purge -----------------------------------------------------------------------

QueueCopies::Next QueueCopies::take(QueueCopy& copy) {
  const bool is_late = clock_.now() >= json::integer(copy.at, "gives_up_at");
  if (is_late) {
    // It may have been taken when nobody heard the answer; a queue must not be purged long after
    // somebody asked for it.
    const auto found = page(copy, 1, {});
    if (!found && comes_later(found.error())) return not_now(copy, found.error().message);
    if (!found || found->bodies.empty())
      return end(copy, "failed", refused_outcome("the engine did not take it in time"));
  }
  CommandOutcome outcome =
      tell(copy, {{"step", "take"}, {"force", json::boolean(copy.at, "force")}});
  if (outcome.kind == CommandOutcome::Kind::unknown) return not_now(copy, outcome.reason);
  if (!outcome.worked()) return end(copy, "failed", std::move(outcome));
  const std::int64_t taken = json::integer(outcome.result, "taken");
  json::Value untouched(nullptr);
  if (const json::Object* left = json::object(outcome.result, "not_removed")) untouched = *left;
  copy.untouched = untouched;
  json::Object at = stand(taken > options_.limits.max_messages ? "undo" : "read");
  at["taken"] = taken;
  at["part"] = 0;
  if (taken > options_.limits.max_messages) {
    at["why"] = std::to_string(taken) + " messages wait; a copy holds at most " +
                std::to_string(options_.limits.max_messages);
  }
  return go_to(copy, std::move(at), {{copy_col::untouched, Cell(untouched)}});
}

QueueCopies::Next QueueCopies::read(QueueCopy& copy) {
  const auto give_up = [&](std::string why) {
    json::Object at = copy.at;
    at["step"] = "undo";
    at["why"] = std::move(why);
    return go_to(copy, std::move(at));
  };
  const std::int64_t limit =
      std::clamp<std::int64_t>(json::integer(copy.at, "limit", kCopyPage), 1, kCopyPage);
  const auto answer = page(copy, limit, json::text(copy.at, "cursor"));
  if (!answer) {
    if (answer.error().code == base::Code::too_large && limit > 1) {
      json::Object at = copy.at;
      at["limit"] = limit / 2;
      return go_to(copy, std::move(at));
    }
    if (comes_later(answer.error())) return not_now(copy, answer.error().message);
    return give_up("what was put aside can't be read: " + answer.error().message);
  }
  const std::int64_t bytes = answer->bytes;
  const auto count = static_cast<std::int64_t>(answer->bodies.size());
  if (bytes > kPartBytes && limit > 1) {
    json::Object at = copy.at;
    at["limit"] = limit / 2;
    return go_to(copy, std::move(at));
  }
  if (copy.bytes + bytes > options_.limits.max_bytes) {
    return give_up("the messages are larger than the " +
                   std::to_string(options_.limits.max_bytes >> 20) + " MiB that a copy holds");
  }
  const std::string& next = answer->next;
  json::Object at = copy.at;
  const std::int64_t part = json::integer(at, "part");
  if (next.empty()) {
    const std::int64_t taken = json::integer(at, "taken");
    if (copy.messages + count < taken) {
      return give_up("only " + std::to_string(copy.messages + count) + " of " +
                     std::to_string(taken) + " messages could be read");
    }
    at["step"] = "drop";
    at.erase("cursor");
  } else {
    at["cursor"] = next;
  }
  at["part"] = part + 1;
  Commit commit;
  if (!guard(commit)) return Next::over;
  if (count > 0) {
    Rows rows(Table::queue_copy_parts);
    rows.begin()
        .uuid(part_col::copy_id, copy.id)
        .num(part_col::number, part)
        .num(part_col::messages, count)
        .text(part_col::body,
              sealer_.seal(kCopyLabel, about_part(copy.id, part), json::write(answer->bodies)));
    commit.insert(std::move(rows));
  }
  Where self;
  self.eq(copy_col::id, copy.id).eq(copy_col::state, "copying");
  commit.update(Table::queue_copies, std::move(self),
                {{copy_col::cursor, Cell(json::write(at))},
                 {copy_col::messages, count, Z4J_M_ADD},
                 {copy_col::bytes, bytes, Z4J_M_ADD},
                 {copy_col::error, Cell()},
                 {copy_col::updated_at, clock_.now(), Z4J_M_MAX}},
                1, 1);
  const auto done = store_.commit(commit);
  if (done) {
    copy.at = std::move(at);
    copy.messages += count;
    copy.bytes += bytes;
  }
  return stored(copy, done);
}

QueueCopies::Next QueueCopies::drop(QueueCopy& copy) {
  CommandOutcome outcome = tell(copy, {{"step", "drop"}});
  if (outcome.kind == CommandOutcome::Kind::unknown) return not_now(copy, outcome.reason);
  if (!outcome.worked()) return not_now(copy, "not dropped: " + outcome.reason);
  CommandOutcome whole;
  whole.kind = CommandOutcome::Kind::done;
  whole.result = {{"outcome", "done"},
                  {"removed", json::integer(copy.at, "taken")},
                  {"waiting", json::integer(copy.at, "taken")},
                  {"not_removed", copy.untouched},
                  {"copy_id", copy.id.text()},
                  {"copy_expires_at", base::format_time(copy.expires_at)}};
  return end(copy, "kept", std::move(whole));
}

QueueCopies::Next QueueCopies::undo(QueueCopy& copy) {
  if (json::boolean(copy.at, "by_page")) return undo_page(copy);
  const CommandOutcome outcome = tell(copy, {{"step", "restore"}});
  const std::string why(json::text(copy.at, "why"));
  if (outcome.worked())
    return end(copy, "failed", refused_outcome(why + "; everything was put back"));
  if (outcome.kind == CommandOutcome::Kind::unknown)
    return not_now(copy, why + "; not put back yet: " + outcome.reason);
  json::Object at = copy.at;  // this engine takes back what it is given only
  at["by_page"] = true;
  at["part"] = 0;
  at["limit"] = kCopyPage;
  at.erase("cursor");
  return go_to(copy, std::move(at));
}

QueueCopies::Next QueueCopies::undo_page(QueueCopy& copy) {
  const std::string why(json::text(copy.at, "why"));
  json::Object at = copy.at;
  if (!json::boolean(at, "is_back")) {
    auto found = page(copy, json::integer(at, "limit", kCopyPage), json::text(at, "cursor"));
    if (!found) return not_now(copy, why + "; not put back yet: " + found.error().message);
    const std::int64_t part = json::integer(at, "part");
    if (!found->bodies.empty()) {
      const CommandOutcome outcome =
          tell(copy, {{"step", "restore"}, {"part", part}, {"messages", std::move(found->bodies)}});
      if (!outcome.worked()) return not_now(copy, why + "; not put back yet: " + outcome.reason);
    }
    at["part"] = part + 1;
    at["cursor"] = found->next;
    at["is_back"] = found->next.empty();
    return go_to(copy, std::move(at));
  }
  const CommandOutcome outcome = tell(copy, {{"step", "drop"}});
  if (!outcome.worked()) return not_now(copy, why + "; put back, not cleared: " + outcome.reason);
  return end(copy, "failed", refused_outcome(why + "; everything was put back"));
}

QueueCopies::Next QueueCopies::end(const QueueCopy& copy, std::string_view state,
                                   CommandOutcome outcome) {
  const bool worked = outcome.worked();
  Actor actor;
  actor.user_id = copy.created_by;
  AuditEntry entry = AuditEntry::of(actor, worked ? "command.completed" : "command.failed", "queue",
                                    copy.queue, copy.project_id);
  if (!worked) entry.result = "failed";
  entry.metadata = {{"action", "purge_queue"},
                    {"copy_id", copy.id.text()},
                    {"messages", copy.messages},
                    {"outcome", to_string(outcome.kind)}};
  if (copy.command_id) entry.metadata["command_id"] = copy.command_id->text();
  if (!outcome.reason.empty()) entry.metadata["reason"] = outcome.reason;
  const base::TimeUs now = clock_.now();
  std::optional<Fence> fence;
  if (options_.may_work && !(fence = options_.may_work())) return Next::over;
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    if (fence) fence->guard(commit);
    Where self;
    self.eq(copy_col::id, copy.id).eq(copy_col::state, "copying");
    commit.update(Table::queue_copies, std::move(self),
                  {{copy_col::state, Cell(state)},
                   {copy_col::cursor, Cell()},
                   {copy_col::error, Cell::text_or_null(outcome.reason)},
                   {copy_col::updated_at, now, Z4J_M_MAX}},
                  1, 1);
    if (state != "kept") {
      Where parts;
      commit.erase(Table::queue_copy_parts, std::move(parts.eq(part_col::copy_id, copy.id)));
    }
    if (!copy.command_id) return;
    Where open;
    open.eq(cmd::id, *copy.command_id).in(cmd::status, {Cell("pending"), Cell("dispatched")});
    commit.update(Table::commands, std::move(open),
                  {{cmd::status, worked ? "completed" : "failed"},
                   {cmd::result, Cell(json::write(outcome.result))},
                   {cmd::error, Cell::text_or_null(outcome.error())},
                   {cmd::completed_at, now}});
  });
  if (!done) {
    if (done.error().code == base::Code::conflict) return Next::over;
    return not_now(copy, done.error().message);
  }
  if (options_.on_command_ended)
    options_.on_command_ended("purge_queue", worked ? "completed" : "failed");
  return Next::over;
}

// --- putting back -------------------------------------------------------------------------------

QueueCopies::Next QueueCopies::put_back(QueueCopy& copy) {
  Query query(Table::queue_copy_parts);
  query.where.eq(part_col::copy_id, copy.id).is_null(part_col::restored_at);
  auto row = store_.first(query.all().order({part_col::copy_id, part_col::number}));
  if (!row) return not_now(copy, row.error().message);
  if (!row->has_value()) return end_restore(copy, "restored", {});
  const std::int64_t number = (*row)->num(part_col::number);
  const std::int64_t messages = (*row)->num(part_col::messages);
  const auto text =
      sealer_.open(kCopyLabel, about_part(copy.id, number), (*row)->text(part_col::body));
  auto bodies = text ? json::parse(*text, {.max_bytes = kCopyPageBytes, .max_depth = 2})
                     : base::Result<json::Value>(text.error());
  if (!bodies || !bodies->is_array())
    return end_restore(copy, "kept", "part " + std::to_string(number) + " can't be opened");
  CommandOutcome outcome = tell(
      copy, {{"step", "restore"}, {"part", number}, {"messages", std::move(bodies->get_array())}});
  if (outcome.kind == CommandOutcome::Kind::unknown) return not_now(copy, outcome.reason);
  if (!outcome.worked()) return end_restore(copy, "kept", outcome.reason);
  const std::int64_t restored = json::integer(outcome.result, "restored", messages);
  Commit commit;
  if (!guard(commit)) return Next::over;
  Where part, self;
  part.eq(part_col::copy_id, copy.id).eq(part_col::number, number).is_null(part_col::restored_at);
  commit.update(Table::queue_copy_parts, std::move(part), {{part_col::restored_at, clock_.now()}},
                1, 1);
  self.eq(copy_col::id, copy.id).eq(copy_col::state, "restoring");
  commit.update(Table::queue_copies, std::move(self),
                {{copy_col::restored, restored, Z4J_M_ADD},
                 {copy_col::error, Cell()},
                 {copy_col::updated_at, clock_.now(), Z4J_M_MAX}},
                1, 1);
  const auto done = store_.commit(commit);
  if (done) copy.restored += restored;
  return stored(copy, done);
}

QueueCopies::Next QueueCopies::end_restore(const QueueCopy& copy, std::string_view state,
                                           const std::string& error) {
  const bool worked = error.empty();
  Actor actor;
  actor.user_id = copy.created_by;
  AuditEntry entry =
      AuditEntry::of(actor, worked ? "queue_copy.restore_completed" : "queue_copy.restore_failed",
                     "queue", copy.queue, copy.project_id);
  if (!worked) entry.result = "failed";
  entry.metadata = {
      {"copy_id", copy.id.text()}, {"messages", copy.messages}, {"restored", copy.restored}};
  if (!worked) entry.metadata["reason"] = clean_text(error, kCopyReason);
  const base::TimeUs now = clock_.now();
  std::optional<Fence> fence;
  if (options_.may_work && !(fence = options_.may_work())) return Next::over;
  auto done = audit_.commit({std::move(entry)}, [&](Commit& commit) {
    if (fence) fence->guard(commit);
    Where self;
    self.eq(copy_col::id, copy.id).eq(copy_col::state, "restoring");
    commit.update(Table::queue_copies, std::move(self),
                  {{copy_col::state, Cell(state)},
                   {copy_col::cursor, Cell()},
                   {copy_col::error, Cell::text_or_null(clean_text(error, kCopyReason))},
                   {copy_col::restored_at, worked ? Cell(now) : Cell()},
                   {copy_col::updated_at, now, Z4J_M_MAX}},
                  1, 1);
    if (!worked) return;
    Where parts;
    commit.erase(Table::queue_copy_parts, std::move(parts.eq(part_col::copy_id, copy.id)));
  });
  if (!done && done.error().code != base::Code::conflict)
    return not_now(copy, done.error().message);
  return Next::over;
}

// --- upkeep -------------------------------------------------------------------------------------

base::Status QueueCopies::sweep(const std::optional<Fence>& fence) {
  Query query(Table::queue_copies);
  query.where.lt(copy_col::expires_at, clock_.now())
      .in(copy_col::state, {Cell("kept"), Cell("restored"), Cell("failed"), Cell("expired")});
  query.columns({copy_col::id, copy_col::state, copy_col::expires_at})
      .order({copy_col::expires_at, copy_col::id})
      .limit(kCopiesAtOnce);
  auto expired = store_.read(query);
  if (!expired) return std::move(expired).error();
  for (const Row& row : *expired) {
    const base::Uuid id = row.uuid(copy_col::id);
    const bool goes = row.num(copy_col::expires_at) < clock_.now() - kRowKept;
    const bool is_empty = row.text(copy_col::state) == "expired";
    if (is_empty && !goes) continue;
    Commit commit;
    if (fence) fence->guard(commit);
    Where self, parts;
    self.eq(copy_col::id, id).eq(copy_col::state, row.text(copy_col::state));
    if (goes)
      commit.erase(Table::queue_copies, std::move(self));
    else
      commit.update(Table::queue_copies, std::move(self), {{copy_col::state, "expired"}}, 1, 1);
    commit.erase(Table::queue_copy_parts, std::move(parts.eq(part_col::copy_id, id)));
    if (auto done = store_.commit(commit); !done && done.error().code != base::Code::conflict)
      return done;
  }
  return {};
}

// --- thread -------------------------------------------------------------------------------------

void QueueCopies::look() {
  const std::lock_guard lock(mutex_);
  is_poked_ = true;
  wake_.notify_one();
}

void QueueCopies::start() {
  if (thread_.joinable()) return;
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void QueueCopies::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void QueueCopies::run() {
  bool has_resting = false;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, has_resting ? kRestingRound : kCopiesRound,
                     [this] { return is_stopping_ || is_poked_; });
      if (is_stopping_) return;
      is_poked_ = false;
    }
    while (work()) {
    }
    const std::lock_guard round(work_mutex_);
    has_resting = !resting_.empty();
  }
}

}  // namespace z4j::core
