#include "lib/celery/result.hpp"

#include "lib/celery/message.hpp"
#include "lib/celery/raw_json.hpp"
#include "lib/json/json.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>

namespace z4j::celery {
namespace {

// {"exc_type","exc_message":[..],"exc_module"} as Python shows the exception.
std::string shown_exception(std::string_view raw) {
  constexpr std::size_t kMaxShown = 4000;
  const json::Value value = json::parse(raw, kMaxMessageBytes);
  const json::Object* o = value.if_object();
  if (o == nullptr) return python_repr(raw, Outer::as_it_is, kMaxShown);
  std::string out = text::clean(json::text(*o, "exc_type"), 500);
  const auto message = raw_member(raw, "exc_message");
  if (!message) return out;
  std::string args;
  for (const std::string_view item : raw_items(*message)) {
    if (!args.empty()) args += ", ";
    args += python_repr(item, Outer::as_it_is, kMaxShown);
    if (args.size() > kMaxShown) break;
  }
  if (!is_array(*message)) args = python_repr(*message, Outer::as_it_is, kMaxShown);
  return out + "(" + args + ")";
}

}  // namespace

std::optional<ResultMeta> read_result(std::string_view bytes) {
  try {
    const json::Value value = json::parse(bytes, kMaxMessageBytes);
    const json::Object* o = value.if_object();
    if (o == nullptr) return std::nullopt;
    ResultMeta out;
    out.status = text::clean(json::text(*o, "status"), 40);
    out.task_id = name_in(*o, "task_id");
    if (out.status.empty() || out.task_id.empty()) return std::nullopt;
    out.done_us = text::parse_iso_time(json::text(*o, "date_done"));
    out.task = name_in(*o, "name");
    out.worker = name_in(*o, "worker");
    out.queue = name_in(*o, "queue");
    out.parent_id = name_in(*o, "parent_id");
    out.group = name_in(*o, "group_id");
    out.retries = static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(json::integer(*o, "retries"), 0, 1'000'000));
    const json::Array* children = json::array(*o, "children");
    out.has_children = children != nullptr && !children->empty();
    const auto args = raw_member(bytes, "args"), kwargs = raw_member(bytes, "kwargs");
    if (args && kwargs && is_array(*args) && is_object(*kwargs)) {
      out.args = *args;
      out.kwargs = *kwargs;
    }
    const auto result = raw_member(bytes, "result");
    if (out.status == "SUCCESS") {
      if (result) out.result = *result;
    } else if (out.status == "STARTED") {
      if (const json::Object* who = json::object(*o, "result");
          who != nullptr && out.worker.empty()) {
        out.worker = name_in(*who, "hostname");
      }
    } else if (result && *result != "null") {
      out.exception = shown_exception(*result);
    }
    out.traceback = json::text(*o, "traceback");
    return out;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string_view state_name(std::string_view status) {
  if (status == "SUCCESS") return "success";
  if (status == "FAILURE") return "failure";
  if (status == "REVOKED") return "revoked";
  if (status == "RETRY") return "retry";
  if (status == "STARTED") return "started";
  if (status == "RECEIVED") return "received";
  if (status == "PENDING") return "pending";
  return "unknown";
}

bool is_final(std::string_view status) {
  return status == "SUCCESS" || status == "FAILURE" || status == "REVOKED";
}

}  // namespace z4j::celery
