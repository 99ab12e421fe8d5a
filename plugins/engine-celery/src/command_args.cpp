#include "src/command_args.hpp"

#include "src/queue_names.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/text/text.hpp"

#include <utility>

namespace z4j::engine_celery {

json::Object refused(std::string reason) {
  return {{"outcome", "refused"}, {"reason", std::move(reason)}};
}

std::string checked_name(std::string_view name, const char* what) {
  if (name.empty() || name.size() > celery::kMaxNameBytes ||
      text::clean(name, name.size() * 3) != name) {
    throw Error(Z4J_INVALID, std::string(what) + " must be a text of 1 to 500 bytes");
  }
  return std::string(name);
}

std::string worker_in(const json::Object& args) {
  const std::string_view name = json::text(args, "worker");
  return name.empty() ? std::string() : checked_name(name, "worker");
}

std::string checked_queue(std::string_view name) {
  if (internal_key(name)) throw Error(Z4J_INVALID, "that is not the name of a queue of tasks");
  return checked_name(name, "queue");
}

std::string queue_in(const json::Object& args, std::string_view member) {
  const std::string_view queue = json::text(args, member);
  return queue.empty() ? std::string() : checked_queue(queue);
}

std::optional<int> priority_in(const json::Object& args, Served served) {
  const json::Value* v = args.if_contains("priority");
  if (v == nullptr || v->is_null()) return std::nullopt;
  if (v->is_int64() && v->get_int64() >= 0 && v->get_int64() <= 255)
    return static_cast<int>(v->get_int64());
  const std::string_view name = json::text(args, "priority");
  constexpr std::pair<const char*, int> kNames[] = {
      {"critical", 0}, {"high", 3}, {"normal", 6}, {"low", 9}};
  for (const auto& [known, n] : kNames) {
    if (name == known) return served == Served::highest_first ? 9 - n : n;
  }
  throw Error(Z4J_INVALID,
              "priority must be critical, high, normal, low or a number from 0 to 255");
}

std::optional<std::int64_t> eta_in(const json::Object& args) {
  if (!given(args, "eta_seconds")) return std::nullopt;
  const double wait = json::number(args, "eta_seconds", -1);
  constexpr double kTenYears = 315'360'000;
  if (!(wait >= 0 && wait <= kTenYears))
    throw Error(Z4J_INVALID, "eta_seconds must be from 0 to 315360000");
  return now_us() + static_cast<std::int64_t>(wait * 1e6);
}

std::string signal_in(const json::Object& args) {
  const std::string_view name = json::text(args, "signal", "SIGTERM");
  for (const char* known :
       {"SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGABRT"}) {
    if (name == known || "SIG" + std::string(name) == known) return known;
  }
  throw Error(Z4J_INVALID,
              "signal must be the name of a signal that ends a process, like SIGTERM or SIGKILL");
}

std::string arguments_in(std::string_view args, const char* name, Shape shape) {
  const auto raw = celery::raw_member(args, name);
  if (!raw || *raw == "null") return {};
  if (shape == Shape::array ? !celery::is_array(*raw) : !celery::is_object(*raw)) {
    throw Error(Z4J_INVALID, std::string(name) + (shape == Shape::array ? " must be an array"
                                                                        : " must be an object"));
  }
  return std::string(*raw);
}

std::int64_t number_in(const json::Object& args, std::string_view member, std::int64_t least,
                       std::int64_t most) {
  const json::Value* v = args.if_contains(member);
  if (v == nullptr || !v->is_int64() || v->get_int64() < least || v->get_int64() > most) {
    throw Error(Z4J_INVALID, std::string(member) + " must be a whole number from " +
                                 std::to_string(least) + " to " + std::to_string(most));
  }
  return v->get_int64();
}

bool given(const json::Object& args, std::string_view member) {
  const json::Value* v = args.if_contains(member);
  return v != nullptr && !v->is_null();
}

}  // namespace z4j::engine_celery
