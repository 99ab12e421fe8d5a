#include "src/submissions.hpp"

#include "src/command_args.hpp"
#include "src/queue_names.hpp"

#include "lib/celery/raw_json.hpp"
#include "lib/text/text.hpp"

#include <map>
#include <utility>

namespace z4j::engine_celery {
namespace {

constexpr int kKnownTasksAgeMs = 30'000, kKnownSettingsAgeMs = 60'000;
constexpr std::int64_t kLiveAgeUs = 2'000'000;
constexpr std::size_t kMostHeaders = 64, kMostHeaderBytes = 16u << 10, kMostHeaderName = 128;
constexpr std::size_t kMostPeriodicName = 800;  // 200 characters

// "" when a message can carry them.
std::string why_no_headers(const json::Object& headers) {
  if (headers.size() > kMostHeaders || json::write(headers).size() > kMostHeaderBytes)
    return "the headers are more than 64, or larger than 16 KiB as JSON";
  for (const auto& header : headers) {
    if (header.key().empty() || header.key().size() > kMostHeaderName)
      return "the name of a header must have 1 to 128 bytes";
  }
  return {};
}

Served served(const Lines& lines) {
  return lines.broker->serves_highest_first() ? Served::highest_first : Served::lowest_first;
}

// What the broker made of it, as the answer of the command.
void settle(json::Object& answer, z4j_status code, const std::string& why) {
  answer["outcome"] = code == Z4J_OK ? "done" : code == Z4J_UNKNOWN ? "unknown" : "refused";
  if (code != Z4J_OK) {
    answer["reason"] = why;
    if (code != Z4J_UNKNOWN) answer.erase("new_task_id");
  }
}

}  // namespace

Submissions::Chance Submissions::chance(const std::string& task, bool in_json) {
  std::size_t answered = 0, can = 0, told = 0, read_json = 0;
  std::string accepts;
  const auto& settings = facts_.settings(lines_, shared_, kKnownSettingsAgeMs);
  for (const auto& [name, answer] : facts_.get(lines_, shared_, kKnownTasksAgeMs)) {
    if (answer.registered.empty()) continue;
    ++answered;
    if (!answer.can_run(task)) continue;
    ++can;
    const auto s = settings.find(name);
    if (s == settings.end()) continue;
    ++told;
    read_json += s->second.accepts_json ? 1 : 0;
    if (!s->second.accepts_json) accepts = s->second.accepts;
  }
  if (answered == 0) return {{}, "no worker answered: whether one can run this task is not known"};
  if (can == 0) return {"no worker knows the task " + task, {}};
  if (!in_json || told == read_json) return {};
  if (read_json == 0)
    return {"the workers accept only " + accepts + ": they would throw away a message in JSON", {}};
  return {{}, "some workers accept only " + accepts + " and would throw a message in JSON away"};
}

const LiveTasks& Submissions::live(std::size_t of_so_many) {
  // One task deserves a fresh look; many in a row share one.
  constexpr std::size_t kFew = 10;
  const std::int64_t now = now_us();
  if (of_so_many <= kFew || live_us_ == 0 || now - live_us_ > kLiveAgeUs) {
    live_ = ask_live_tasks(lines_, shared_, Arguments::values, kAskMs);
    live_us_ = now_us();
  }
  return live_;
}

RetryWish Submissions::read_wish(const OneOfMany& task) const {
  const json::Value parsed = json::parse(task.args, celery::kMaxMessageBytes);
  const json::Object* args = parsed.if_object();
  if (args == nullptr) throw Error(Z4J_INVALID, "the arguments of a command must be an object");
  RetryWish wish;
  wish.task_id = checked_name(task.target, "the task id");
  wish.task = json::text(*args, "task_name");
  wish.queue = queue_in(*args);
  wish.override_args = arguments_in(task.args, "override_args", Shape::array);
  wish.override_kwargs = arguments_in(task.args, "override_kwargs", Shape::object);
  wish.priority = priority_in(*args, served(lines_));
  wish.eta_us = eta_in(*args);
  if (given(*args, "new_task_id"))
    wish.new_id = checked_name(json::text(*args, "new_task_id"), "new_task_id");
  if (const json::Object* recorded = json::object(*args, "recorded")) {
    wish.args_repr = json::text(*recorded, "args_repr");
    wish.kwargs_repr = json::text(*recorded, "kwargs_repr");
    wish.recorded_queue = json::text(*recorded, "queue");
    if (internal_key(wish.recorded_queue)) wish.recorded_queue.clear();
    wish.recorded_priority = priority_in(*recorded, served(lines_));
    if (wish.task.empty()) wish.task = json::text(*recorded, "task_name");
  }
  return wish;
}

std::string Submissions::write(const Source& source, const RetryWish& wish,
                               const std::string& new_id) const {
  if (source.found) {
    return celery::write_again(source.found->message, source.body,
                               {.id = new_id,
                                .queue = source.queue,
                                .priority = source.priority,
                                .eta_us = wish.eta_us,
                                .args = source.args,
                                .kwargs = source.kwargs,
                                .takes_its_place = source.takes_its_place});
  }
  return celery::write_message({.id = new_id,
                                .task = source.task,
                                .queue = source.queue,
                                .args = source.args,
                                .kwargs = source.kwargs,
                                .root_id = source.root_id,
                                .priority = source.priority.value_or(0),
                                .eta_us = wish.eta_us});
}

std::vector<json::Object> Submissions::retry(const std::vector<OneOfMany>& tasks) {
  std::vector<json::Object> answers(tasks.size());
  std::vector<RetryWish> wishes;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    try {
      wishes.push_back(read_wish(tasks[i]));
      places.push_back(i);
    } catch (const Error& e) {
      if (tasks.size() == 1) throw;
      answers[i] = refused(e.what());
    }
  }
  bool asked = false;
  const std::vector<Source> sources =
      find_arguments(lines_, settings_, shared_, wishes, [&]() -> const LiveTasks& {
        if (!std::exchange(asked, true)) static_cast<void>(live(tasks.size()));
        return live_;
      });
  std::vector<Ready> ready, instead;
  std::map<std::pair<std::string, bool>, Chance> chances;
  for (std::size_t k = 0; k < sources.size(); ++k) {
    const Source& source = sources[k];
    json::Object& answer = answers[places[k]];
    if (source.name.empty()) {
      answer = refused(source.why);
      continue;
    }
    const std::pair<std::string, bool> kind(source.task, !source.found);
    if (chances.count(kind) == 0) chances.emplace(kind, chance(kind.first, kind.second));
    const Chance& here = chances.at(kind);
    if (!here.why_not.empty()) {
      answer = refused(here.why_not);
      continue;
    }
    json::Array warnings = texts(source.warnings);
    if (!here.warning.empty()) warnings.emplace_back(here.warning);
    const std::string new_id = source.takes_its_place     ? wishes[k].task_id
                               : wishes[k].new_id.empty() ? text::new_uuid()
                                                          : wishes[k].new_id;
    try {
      (source.takes_its_place ? instead : ready)
          .push_back({places[k],
                      source.takes_its_place ? source.found->dead_in : std::string(),
                      {source.queue, source.priority.value_or(0), write(source, wishes[k], new_id)},
                      {{"outcome", "done"},
                       {"new_task_id", new_id},
                       {"source", source.name},
                       {"warnings", std::move(warnings)}}});
    } catch (const Error& e) {
      if (e.code != Z4J_UNSUPPORTED) throw;
      answer = refused(std::string("arguments not recoverable: ") + e.what());
    }
  }
  std::vector<celery::Outgoing> messages;
  for (Ready& r : ready) messages.push_back(std::move(r.message));
  const std::vector<celery::Published> published = lines_.broker->publish_many(messages);
  for (std::size_t k = 0; k < ready.size(); ++k) {
    settle(ready[k].answer, published[k].code, published[k].why);
    answers[ready[k].place] = std::move(ready[k].answer);
  }
  for (Ready& r : instead) answers[r.place] = send_instead(r);
  return answers;
}

json::Object Submissions::send_instead(Ready& ready) {
  const std::string id(json::text(ready.answer, "new_task_id"));
  try {
    const std::optional<celery::Published> sent =
        lines_.broker->replace_dead(ready.instead_in, id, ready.message);
    if (!sent) return refused("the dead letter is not there any more");
    settle(ready.answer, sent->code, sent->why);
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;
    settle(ready.answer, e.code, e.what());
  }
  return std::move(ready.answer);
}

json::Object Submissions::enqueue(const std::string& task, std::string_view args_text) {
  const json::Value parsed = json::parse(args_text, celery::kMaxMessageBytes);
  const json::Object& args = parsed.get_object();
  celery::NewTask t;
  t.task = task;
  t.queue = queue_in(args);
  if (t.queue.empty()) t.queue = settings_.default_queue;
  if (std::string a = arguments_in(args_text, "args", Shape::array); !a.empty())
    t.args = std::move(a);
  if (std::string k = arguments_in(args_text, "kwargs", Shape::object); !k.empty())
    t.kwargs = std::move(k);
  t.priority = priority_in(args, served(lines_)).value_or(0);
  t.eta_us = eta_in(args);
  const std::string_view id = json::text(args, "task_id");
  t.id = id.empty() ? text::new_uuid() : checked_name(id, "task_id");
  if (const json::Object* headers = json::object(args, "headers")) {
    if (std::string why = why_no_headers(*headers); !why.empty()) return refused(std::move(why));
    t.headers = *headers;
  }
  t.periodic_task_name = text::clean(json::text(args, "periodic_task_name"), kMostPeriodicName);
  const Chance here = chance(task, true);
  if (!here.why_not.empty()) return refused(here.why_not);
  json::Array warnings;
  if (!here.warning.empty()) warnings.emplace_back(here.warning);
  json::Object answer = {{"new_task_id", t.id}, {"warnings", std::move(warnings)}};
  const celery::Published sent =
      lines_.broker->publish_many({{t.queue, t.priority, celery::write_message(t)}}).front();
  settle(answer, sent.code, sent.why);
  return answer;
}

}  // namespace z4j::engine_celery
