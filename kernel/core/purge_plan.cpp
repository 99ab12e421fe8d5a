// The part of Commands that plans purges which keep a copy of what they take.
#include <utility>

#include "core/commands.hpp"
#include "core/commands_inside.hpp"
#include "core/queue_copies.hpp"
#include "core/refusal.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace queue_col = model::queues;

constexpr int kCopySeconds = 600;  // reading a long queue takes its time

}  // namespace

base::Result<bool> Commands::plan_copy(const CommandRequest& request, const PurgeQueue& asked,
                                       Plan& plan) {
  if (asked.copy == false) return false;
  const auto route = choose(request, plan.engine, plan.verb, plan.prefers);
  if (!route) return false;  // issue() says why
  if ((route->capabilities & Z4J_ENGINE_COPY) == 0) {
    if (!asked.copy) return false;
    const base::Error why = refuse::error(
        base::Code::unsupported, "capability_missing",
        "engine \"" + route->engine + "\" can't keep a copy of what it purges; ask without copy");
    refuse_and_record(request, plan, why);
    return why;
  }
  Query query(Table::queues);
  query.where.eq(queue_col::id,
                 model::queue_row_id(request.project_id, route->engine, asked.queue));
  auto known = store_.first(query.columns({queue_col::pending_count}));
  if (!known) return std::move(known).error();
  const std::int64_t pending = *known ? (*known)->num(queue_col::pending_count) : 0;
  if (pending > options_.max_copied_messages) {
    const base::Error why = refuse::conflict(
        "too_long_to_copy", std::to_string(pending) + " messages wait; a copy holds at most " +
                                std::to_string(options_.max_copied_messages) +
                                ": purge without copy, or raise bulk.copy_max_messages");
    refuse_and_record(request, plan, why);
    return why;
  }
  plan.is_bulk = true;
  plan.verb = Z4J_ENGINE_COPY;
  plan.engine = route->engine;
  plan.agent = route->agent_id;
  plan.timeout_s = options_.timeout_s + kCopySeconds;
  NewQueueCopy made;
  made.id = base::Uuid::random();
  made.project_id = request.project_id;
  made.agent_id = route->agent_id;
  made.created_by = request.actor.user_id;
  made.engine = route->engine;
  made.queue = asked.queue;
  made.force = asked.force;
  plan.payload.get_object()["copy_id"] = made.id.text();
  plan.more = [this, made](Commit& commit, const Command& command) mutable {
    if (command.status == "cancelled") return;
    made.command_id = command.id;
    made.created_at = command.issued_at;
    made.expires_at = command.issued_at + options_.copies_kept_s * base::kSecondUs;
    made.gives_up_at = command.issued_at + options_.timeout_s * base::kSecondUs;
    add_queue_copy(commit, made);
    if (options_.tell_bulk) options_.tell_bulk(commit);
  };
  return true;
}

}  // namespace z4j::core
