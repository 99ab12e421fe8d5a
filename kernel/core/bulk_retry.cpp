// The command that retries many tasks: a selection and a job behind it.
#include <utility>

#include "core/bulk_jobs.hpp"
#include "core/commands.hpp"
#include "core/commands_inside.hpp"
#include "core/refusal.hpp"
#include "core/selections.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr std::uint32_t kBusyForMs = 10'000;

}  // namespace

base::Result<Command> Commands::bulk_retry(const CommandRequest& request, const BulkRetry& asked) {
  if (asked.max < 1 || asked.max > kBulkMax)
    return refuse::invalid("max", "max must be 1 to 10000");
  auto filter = BulkFilter::parse(asked.filter, static_cast<std::size_t>(asked.max));
  if (!filter) return std::move(filter).error();
  Where waiting;
  waiting.eq(model::bulk_jobs::state, "waiting").not_null(model::bulk_jobs::command_id);
  auto others = store_.count(Table::bulk_jobs, waiting, options_.max_bulk_jobs);
  if (!others) return std::move(others).error();
  if (*others >= options_.max_bulk_jobs) {
    return base::Error{base::Code::busy,
                       "too many bulk retries are waiting",
                       {},
                       "try again when one has finished",
                       kBusyForMs};
  }
  Plan plan;
  plan.is_bulk = true;
  plan.action = "bulk_retry";
  plan.target_type = "bulk";
  plan.verb = Z4J_ENGINE_RETRY;
  plan.engine = filter->engine.value_or("");
  json::Object kept = asked.filter;
  for (const std::string& key : filter->rejected_keys) kept.erase(key);
  json::Object payload{{"filter", kept}, {"max", asked.max}};
  if (!filter->rejected_keys.empty()) {
    json::Array keys;
    for (const std::string& key : filter->rejected_keys) keys.emplace_back(key);
    payload["rejected_client_supplied_filter_keys"] = std::move(keys);
  }
  plan.payload = std::move(payload);
  plan.asked = json::write_canonical({{"filter", asked.filter}, {"max", asked.max}});
  plan.timeout_s = options_.timeout_s + static_cast<int>(asked.max) + 60;
  plan.more = [this, request, max = asked.max, kept = std::move(kept)](Commit& commit,
                                                                       const Command& command) {
    if (command.status == "cancelled") return;
    NewSelection selection;
    selection.project_id = command.project_id;
    selection.created_by = command.issued_by;
    selection.filter = kept;
    selection.max = max;
    selection.is_of_command = true;
    selection.created_at = command.issued_at;
    selection.expires_at = command.timeout_at;
    add_selection(commit, selection);
    NewBulkJob job;
    job.project_id = command.project_id;
    job.selection_id = selection.id;
    job.command_id = command.id;
    job.agent_id = request.agent_id;
    job.actor = request.actor;
    if (options_.bulk_rate_per_s > 0) job.rate_per_second = options_.bulk_rate_per_s;
    job.created_at = command.issued_at;
    add_bulk_job(commit, job);
    if (options_.tell_bulk) options_.tell_bulk(commit);
  };
  bool is_new = false;
  auto row = issue(request, std::move(plan), &is_new);
  if (row && is_new && options_.on_bulk) options_.on_bulk();
  return row;
}

}  // namespace z4j::core
