#include "core/occasion.hpp"

#include "core/text.hpp"
#include "core/triggers.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

constexpr std::size_t kShownException = 500, kSentException = 2'000, kSentTraceback = 8'000;
constexpr std::size_t kSubjectCharacters = 400;

// A path segment of a URL.
std::string escaped(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') ||
                          std::string_view("-._~").find(c) != std::string_view::npos;
    if (is_plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string link_of(const Occasion& o, const OccasionProject& project,
                    std::string_view public_url) {
  if (public_url.empty()) return {};
  std::string url(public_url);
  while (url.ends_with('/')) url.pop_back();
  if (!o.task_id.empty()) return url + "/t/" + escaped(o.task_id);
  return project.slug.empty() ? url : url + "/projects/" + escaped(project.slug);
}

json::Value word_or_null(const std::string& text) {
  return text.empty() ? json::Value(nullptr) : json::Value(text);
}

void add_line(std::string& text, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  text += name;
  text += ": ";
  text += value;
  text += '\n';
}

}  // namespace

std::string slow_task_name(const base::Uuid& task_row, base::TimeUs started_at) {
  return "slow " + task_row.text() + " " + std::to_string(started_at);
}

std::string occasion_title(const Occasion& o) {
  const Trigger* trigger = find_trigger(o.trigger);
  std::string out(trigger != nullptr ? trigger->words : o.trigger);
  const std::string& subject = o.subject.empty() ? o.task_name : o.subject;
  if (!subject.empty()) out += ": " + clean_text(subject, kSubjectCharacters);
  return out;
}

std::string occasion_body(const Occasion& o) {
  if (!o.detail.empty()) return clean_text(o.detail, kShownException);
  if (!o.exception.empty()) return clean_text(o.exception, kShownException);
  return o.state.empty() ? std::string() : "state: " + o.state;
}

json::Object occasion_data(const Occasion& o) {
  return {{"task_id", word_or_null(o.task_id)},
          {"task_name", word_or_null(o.task_name)},
          {"engine", word_or_null(o.engine)},
          {"queue", word_or_null(o.queue)},
          {"priority", o.priority.empty() ? "normal" : o.priority}};
}

CourierMessage occasion_message(const Occasion& o, const OccasionProject& project,
                                std::string_view public_url) {
  CourierMessage out;
  const Trigger* trigger = find_trigger(o.trigger);
  out.severity = trigger != nullptr ? trigger->severity : "warning";
  out.title = occasion_title(o);
  out.url = link_of(o, project, public_url);
  out.dedup_key = o.project_id.text() + "/" + std::string(o.trigger) + "/" +
                  (o.task_id.empty() ? o.subject : o.task_id);
  add_line(out.text, "Project", project.name.empty() ? project.slug : project.name);
  add_line(out.text, "Task", o.task_name);
  add_line(out.text, "Task id", o.task_id);
  add_line(out.text, "State", o.state);
  add_line(out.text, "Queue", o.queue);
  add_line(out.text, "Worker", o.worker);
  add_line(out.text, "Priority", o.priority);
  add_line(out.text, "When", base::format_time(o.at));
  if (!o.detail.empty()) out.text += "\n" + o.detail + "\n";
  if (!o.exception.empty()) out.text += "\n" + clean_text(o.exception, kSentException) + "\n";
  if (!out.url.empty()) out.text += "\n" + out.url + "\n";
  out.context = {{"trigger", o.trigger},
                 {"task_id", word_or_null(o.task_id)},
                 {"task_name", word_or_null(o.task_name)},
                 {"engine", word_or_null(o.engine)},
                 {"priority", o.priority.empty() ? "normal" : o.priority},
                 {"state", word_or_null(o.state)},
                 {"queue", word_or_null(o.queue)},
                 {"exception", word_or_null(clean_text(o.exception, kSentException))},
                 {"traceback", word_or_null(clean_text(o.traceback, kSentTraceback))},
                 {"project_id", o.project_id.text()},
                 {"project_slug", project.slug},
                 {"timestamp", base::format_time(o.at)}};
  return out;
}

}  // namespace z4j::core
