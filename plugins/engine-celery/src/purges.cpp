#include "src/purges.hpp"

#include "src/command_args.hpp"
#include "src/live_tasks.hpp"
#include "src/queue_names.hpp"
#include "src/revocations.hpp"

#include "lib/celery/message.hpp"
#include "lib/text/text.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace z4j::engine_celery {
namespace {

constexpr std::size_t kMaxToldOfPurge = 50'000;
constexpr std::size_t kMaxPutBack = 500, kMaxPutBackBytes = 32u << 20;

// A step of the broker as an answer, also when it says no or may have happened.
template <class F>
json::Object attempted(F&& step) {
  try {
    return step();
  } catch (const Error& e) {
    if (e.code == Z4J_INVALID || e.code == Z4J_UNSUPPORTED || e.code == Z4J_NOT_FOUND)
      return refused(e.what());
    if (e.code != Z4J_UNKNOWN) throw;
    return {{"outcome", "unknown"}, {"reason", e.what()}};
  }
}

bool is_done(const json::Object& answer) { return json::text(answer, "outcome") == "done"; }

}  // namespace

std::string checked_copy(std::string_view name) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  bool good = name.size() == kForm.size();
  for (std::size_t i = 0; good && i < name.size(); ++i) {
    good = kForm[i] == '-'
               ? name[i] == '-'
               : std::string_view("0123456789abcdef").find(name[i]) != std::string_view::npos;
  }
  if (!good) throw Error(Z4J_INVALID, "copy must be a UUID in small letters");
  return std::string(name);
}

std::string Purges::not_known(const std::string& queue, const json::Object& args) const {
  const std::vector<std::string> known = queue_names(settings_, shared_);
  if (json::boolean(args, "force") || std::find(known.begin(), known.end(), queue) != known.end())
    return {};
  return "no worker, binding or setting names the queue " + queue +
         "; force purges it all the same";
}

void Purges::add_what_stays(const std::string& queue, json::Object& answer) {
  json::Object left = {{"unacked", nullptr}, {"reserved", nullptr}};
  try {
    bool truncated = false;
    if (lines_.broker->cannot(celery::Ability::see_unacked).empty()) {
      std::uint64_t unacked = 0;
      for (const celery::Unacked& u : lines_.broker->unacked(kMaxUnacked, truncated))
        unacked += u.routing_key == queue ? 1 : 0;
      left["unacked"] = unacked;
    } else if (const auto depths = lines_.broker->depths({queue});
               !depths.empty() && depths.front().unacked) {
      left["unacked"] = *depths.front().unacked;
    }
    std::uint64_t reserved = 0;
    const LiveTasks live = ask_live_tasks(lines_, shared_, Arguments::reprs, kAskMs);
    for (const LiveTask& t : live.tasks)
      reserved += t.queue == queue && t.where != LiveTask::Where::active ? 1 : 0;
    left["reserved"] = reserved;
  } catch (const Error& e) {
    answer["reason"] = std::string("what workers hold could not be counted: ") + e.what();
  }
  answer["not_removed"] = std::move(left);
}

json::Object Purges::purge(const std::string& queue, const json::Object& args) {
  if (const std::string why = not_known(queue, args); !why.empty()) return refused(why);
  json::Object answer = attempted([&]() -> json::Object {
    const std::uint64_t removed =
        lines_.broker->purge(queue, kMaxToldOfPurge, [&](const std::string& message) {
          tell_removed(emitter_, message, queue, "purged from the queue");
        });
    return {{"outcome", "done"}, {"removed", removed}};
  });
  // The purge is done; what is left over is told as far as it can be.
  if (is_done(answer)) add_what_stays(queue, answer);
  return answer;
}

json::Object Purges::copy(const std::string& queue, const json::Object& args) {
  const std::string copy = checked_copy(json::text(args, "copy"));
  const std::string_view step = json::text(args, "step");
  if (step == "take") return take(queue, copy, args);
  if (step == "restore") return restore(queue, copy, args);
  if (step != "drop") throw Error(Z4J_INVALID, "step must be take, drop or restore");
  return attempted([&]() -> json::Object {
    lines_.broker->drop_aside(queue, copy);
    return {{"outcome", "done"}};
  });
}

json::Object Purges::take(const std::string& queue, const std::string& copy,
                          const json::Object& args) {
  if (const std::string why = not_known(queue, args); !why.empty()) return refused(why);
  json::Object answer = attempted([&]() -> json::Object {
    return {{"outcome", "done"}, {"taken", lines_.broker->take_aside(queue, copy)}};
  });
  if (!is_done(answer)) return answer;
  try {
    constexpr std::size_t kPage = 500;
    for (std::size_t at = 0; at < kMaxToldOfPurge;) {
      const std::vector<std::string> page = lines_.broker->read_aside(queue, copy, at, kPage);
      for (const std::string& message : page)
        tell_removed(emitter_, message, queue, "purged from the queue, with a copy");
      at += page.size();
      if (page.size() < kPage) break;
    }
    add_what_stays(queue, answer);
  } catch (const Error& e) {
    if (e.code == Z4J_CANCELLED) throw;
    answer["reason"] = std::string("it is put aside; what is left could not be told: ") + e.what();
  }
  return answer;
}

json::Object Purges::restore(const std::string& queue, const std::string& copy,
                             const json::Object& args) {
  if (!given(args, "messages")) {
    return attempted([&]() -> json::Object {
      lines_.broker->undo_aside(queue, copy);
      return {{"outcome", "done"}};
    });
  }
  const json::Array* listed = json::array(args, "messages");
  if (listed == nullptr || listed->empty() || listed->size() > kMaxPutBack)
    throw Error(Z4J_INVALID, "messages must hold 1 to 500 texts");
  const std::int64_t part = number_in(args, "part", 0, 1'000'000'000);
  std::vector<std::string> messages;
  std::size_t bytes = 0;
  for (const json::Value& v : *listed) {
    const json::String* s = v.if_string();
    std::optional<std::string> message =
        s == nullptr ? std::nullopt : text::base64_decode({s->data(), s->size()});
    if (!message || message->empty()) throw Error(Z4J_INVALID, "messages must hold base64");
    bytes += message->size();
    if (bytes > kMaxPutBackBytes) throw Error(Z4J_TOO_LARGE, "messages of more than 32 MiB");
    messages.push_back(std::move(*message));
  }
  return attempted([&]() -> json::Object {
    const bool is_new =
        lines_.broker->put_back(queue, copy, static_cast<std::uint64_t>(part), messages);
    json::Object answer = {{"outcome", "done"}};
    if (!is_new) answer["reason"] = "that part was put back before";
    return answer;
  });
}

}  // namespace z4j::engine_celery
