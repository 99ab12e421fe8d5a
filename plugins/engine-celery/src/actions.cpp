#include "src/actions.hpp"

#include "src/command_args.hpp"

#include "lib/celery/raw_json.hpp"

#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxMany = 500, kMaxManyBytes = 64u << 20;

// The single commands inside one about many; cut out as text, so that arguments stay as they are.
std::vector<OneOfMany> many_in(std::string_view args) {
  const auto items = celery::raw_member(args, "items");
  if (!items || !celery::is_array(*items))
    throw Error(Z4J_INVALID, "without a target, items must hold the targets");
  std::vector<OneOfMany> out;
  for (const std::string_view raw : celery::raw_items(*items)) {
    if (out.size() >= kMaxMany) throw Error(Z4J_INVALID, "at most 500 items");
    const json::Value item = json::parse(raw, celery::kMaxMessageBytes);
    const json::Object* o = item.if_object();
    if (o == nullptr) throw Error(Z4J_INVALID, "items must hold objects");
    out.push_back({std::string(json::text(*o, "target")), std::string(raw)});
  }
  return out;
}

}  // namespace

std::string Actions::run(std::uint64_t verb, std::string_view target, std::string_view args_text,
                         std::int64_t remaining_ms) {
  if (args_text.empty()) args_text = "{}";
  const bool many = target.empty() && (verb == Z4J_ENGINE_RETRY || verb == Z4J_ENGINE_REVOKE);
  const json::Value args = json::parse(args_text, many ? kMaxManyBytes : celery::kMaxMessageBytes);
  const json::Object* o = args.if_object();
  if (o == nullptr) throw Error(Z4J_INVALID, "the arguments of a command must be an object");
  if (many) {
    json::Array items;
    for (json::Object& answer : run_all(verb, many_in(args_text), remaining_ms))
      items.emplace_back(std::move(answer));
    return json::write(json::Object{{"outcome", "done"}, {"items", std::move(items)}});
  }
  if (WorkerControl::has(verb)) return json::write(workers_.run(verb, target, *o, remaining_ms));
  switch (verb) {
    case Z4J_ENGINE_RETRY:
    case Z4J_ENGINE_REVOKE:
      return json::write(
          run_all(verb, {{std::string(target), std::string(args_text)}}, remaining_ms).front());
    case Z4J_ENGINE_ENQUEUE:
      return json::write(submissions_.enqueue(checked_name(target, "the task name"), args_text));
    case Z4J_ENGINE_PURGE:
      return json::write(purges_.purge(checked_queue(target), *o));
    case Z4J_ENGINE_COPY:
      return json::write(purges_.copy(checked_queue(target), *o));
    case Z4J_ENGINE_DEAD_LETTERS:
      return json::write(requeue_dead(checked_name(target, "the task id"), *o));
    case Z4J_ENGINE_DELETE:
      throw Error(Z4J_UNSUPPORTED,
                  "Celery keeps no task that could be deleted; cancel one that waits");
    default:
      throw Error(Z4J_UNSUPPORTED, "this engine has no such command");
  }
}

std::vector<json::Object> Actions::run_all(std::uint64_t verb, const std::vector<OneOfMany>& tasks,
                                           std::int64_t remaining_ms) {
  return verb == Z4J_ENGINE_RETRY ? submissions_.retry(tasks)
                                  : revocations_.revoke(tasks, remaining_ms);
}

json::Object Actions::requeue_dead(const std::string& task_id, const json::Object& args) {
  try {
    const std::optional<std::string> to =
        lines_.broker->requeue_dead(queue_in(args), task_id, queue_in(args, "to"));
    if (!to) return refused("the task is not among the dead letters");
    return {{"outcome", "done"}, {"new_task_id", task_id}, {"queue", *to}};
  } catch (const Error& e) {
    if (e.code == Z4J_INVALID || e.code == Z4J_NOT_FOUND) return refused(e.what());
    if (e.code != Z4J_UNKNOWN) throw;
    return {{"outcome", "unknown"}, {"reason", e.what()}};
  }
}

}  // namespace z4j::engine_celery
