#include "lib/schedule/schedule.hpp"

#include <z4j/plugin.hpp>

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace z4j::schedule {
namespace {

constexpr std::size_t kMaxPage = 500, kMaxIds = 500, kMaxDescription = 10'000;
constexpr double kLatestTime = 253'402'300'799;  // the year 9999

json::Value time_or_null(const std::optional<double>& t) {
  return t ? json::Value(*t) : json::Value(nullptr);
}

json::Object content_of(const Schedule& s) {
  json::Object o{{"id", s.id},
                 {"name", s.name},
                 {"engine", s.engine},
                 {"task", s.task},
                 {"args", s.args},
                 {"kwargs", s.kwargs},
                 {"kind", s.kind},
                 {"expression", s.expression},
                 {"timezone", s.timezone},
                 {"is_enabled", s.is_enabled},
                 {"starts_at", time_or_null(s.starts_at)},
                 {"ends_at", time_or_null(s.ends_at)},
                 {"description", s.description},
                 {"options", s.options}};
  o["queue"] = s.queue.empty() ? json::Value(nullptr) : json::Value(s.queue);
  o["priority"] = s.priority ? json::Value(*s.priority) : json::Value(nullptr);
  return o;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
  }));
}

std::optional<std::string> given_text(const json::Object& o, const char* key, const char* at,
                                      std::size_t most, bool may_be_null) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr) return std::nullopt;
  if (v->is_null() && may_be_null) return std::string();
  if (!v->is_string()) invalid(std::string(key) + " must be a text", at);
  std::string text(v->get_string().data(), v->get_string().size());
  if (code_points(text) > most)
    invalid(std::string(key) + " may have at most " + std::to_string(most) + " characters", at);
  if (text.find('\0') != std::string::npos)
    invalid(std::string(key) + " must not hold a zero character", at);
  return text;
}

std::optional<std::optional<double>> given_time(const json::Object& o, const char* key,
                                                const char* at) {
  const json::Value* v = o.if_contains(key);
  if (v == nullptr) return std::nullopt;
  if (v->is_null()) return std::optional<double>();
  const double t = json::number(o, key, -1);
  if (!v->is_number() || !std::isfinite(t) || t < 0 || t > kLatestTime)
    invalid(std::string(key) + " must be a time in Unix seconds", at);
  return std::optional<double>(t);
}

void check_size(const json::Value& v, std::size_t most, const char* at) {
  if (json::write(v).size() > most)
    throw Error(Z4J_TOO_LARGE, "more than " + std::to_string(most) + " bytes of JSON", at);
}

}  // namespace

void invalid(const std::string& message, const char* at) { throw Error(Z4J_INVALID, message, at); }

std::string digest_of(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (::EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    throw Error(Z4J_INTERNAL, "no SHA-256 in this OpenSSL");
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < 16; ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

std::string etag_of(const Schedule& s) { return digest_of(json::write(content_of(s))); }

json::Object to_json(const Schedule& s) {
  json::Object o = content_of(s);
  o["etag"] = etag_of(s);
  o["last_run_at"] = time_or_null(s.last_run_at);
  o["next_run_at"] = time_or_null(s.next_run_at);
  if (s.total_runs) o["total_runs"] = *s.total_runs;
  o["read_only"] = !s.read_only_reason.empty();
  if (!s.read_only_reason.empty()) o["read_only_reason"] = s.read_only_reason;
  json::Array can;
  for (const std::string& c : s.capabilities) can.emplace_back(c);
  o["capabilities"] = std::move(can);
  if (s.own) o["own"] = *s.own;
  return o;
}

Page read_page(std::string_view page_json) {
  const json::Value root = json::parse(page_json.empty() ? "{}" : page_json, 1u << 20);
  const json::Object* o = root.if_object();
  if (o == nullptr) invalid("the page must be an object", "");
  Page p;
  const std::int64_t limit = json::integer(*o, "limit", static_cast<std::int64_t>(kMaxPage));
  if (limit < 1) invalid("limit must be at least 1", "/limit");
  p.limit = std::min(static_cast<std::size_t>(limit), kMaxPage);
  p.cursor = json::text(*o, "cursor");
  p.in_own_form = json::text(*o, "form") == "own";
  if (const json::Array* ids = json::array(*o, "ids")) {
    if (ids->size() > kMaxIds) invalid("at most 500 ids", "/ids");
    for (const json::Value& id : *ids) {
      if (!id.is_string()) invalid("ids must be texts", "/ids");
      p.ids.emplace_back(id.get_string().data(), id.get_string().size());
    }
  }
  return p;
}

json::Object page_answer(const std::vector<Schedule>& items,
                         const std::optional<std::string>& next) {
  json::Array rows;
  for (const Schedule& s : items) rows.emplace_back(to_json(s));
  return {{"items", std::move(rows)}, {"next", next ? json::Value(*next) : json::Value(nullptr)}};
}

Wanted read_wanted(std::string_view schedule_json) {
  const json::Value root = json::parse(schedule_json, 1u << 20);
  const json::Object* o = root.if_object();
  if (o == nullptr) invalid("the schedule must be an object", "");
  Wanted w;
  if (auto id = given_text(*o, "id", "/id", kMaxId, true)) w.id = std::move(*id);
  w.name = given_text(*o, "name", "/name", kMaxName, false);
  if (w.name && w.name->empty()) invalid("name must not be empty", "/name");
  w.task = given_text(*o, "task", "/task", kMaxTask, false);
  if (w.task && w.task->empty()) invalid("task must not be empty", "/task");
  w.queue = given_text(*o, "queue", "/queue", 200, true);
  w.kind = given_text(*o, "kind", "/kind", 20, false);
  w.expression = given_text(*o, "expression", "/expression", kMaxExpression, false);
  w.timezone = given_text(*o, "timezone", "/timezone", 100, false);
  w.description = given_text(*o, "description", "/description", kMaxDescription, true);
  if (auto priority = given_text(*o, "priority", "/priority", 40, true))
    w.priority = priority->empty() ? std::optional<std::string>() : std::move(priority);
  if (const json::Value* v = o->if_contains("args")) {
    if (!v->is_array()) invalid("args must be a list", "/args");
    check_size(*v, kMaxArguments, "/args");
    w.args = v->get_array();
  }
  if (const json::Value* v = o->if_contains("kwargs")) {
    if (!v->is_object()) invalid("kwargs must be an object", "/kwargs");
    check_size(*v, kMaxArguments, "/kwargs");
    w.kwargs = v->get_object();
  }
  if (const json::Value* v = o->if_contains("options")) {
    if (!v->is_object()) invalid("options must be an object", "/options");
    check_size(*v, kMaxOptions, "/options");
    w.options = v->get_object();
  }
  if (const json::Value* v = o->if_contains("is_enabled")) {
    if (!v->is_bool()) invalid("is_enabled must be true or false", "/is_enabled");
    w.is_enabled = v->get_bool();
  }
  w.starts_at = given_time(*o, "starts_at", "/starts_at");
  w.ends_at = given_time(*o, "ends_at", "/ends_at");
  if (const json::Value* v = o->if_contains("own"); v != nullptr && !v->is_null()) w.own = *v;
  return w;
}

}  // namespace z4j::schedule
