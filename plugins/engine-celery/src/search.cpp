#include "src/search.hpp"

#include "src/queue_names.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace z4j::engine_celery {
namespace {

std::optional<celery::Message> read_if(const std::string& text, const std::string& task_id) {
  if (text.find(task_id) == std::string::npos) return std::nullopt;
  try {
    celery::Message m = celery::parse_message(text);
    if (m.id == task_id) return m;
  } catch (const Error&) {
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<FoundMessage> find_in(Lines& lines, const std::vector<std::string>& queues,
                                    const std::string& task_id) {
  for (const std::string& queue : queues) {
    for (std::string& text : lines.broker->find(queue, task_id)) {
      if (std::optional<celery::Message> m = read_if(text, task_id)) {
        return FoundMessage{std::move(text), queue, true, std::move(*m)};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<FoundMessage> find_message(Lines& lines, const Settings& settings,
                                         const Shared& shared, const std::string& task_id,
                                         const std::string& hint, LookIn where) {
  std::vector<std::string> queues = queue_names(settings, shared);
  if (!hint.empty() && !internal_key(hint)) {
    queues.erase(std::remove(queues.begin(), queues.end(), hint), queues.end());
    queues.insert(queues.begin(), hint);
  }
  if (std::optional<FoundMessage> found = find_in(lines, queues, task_id)) return found;
  // A queue that nobody has spoken of yet.
  std::vector<std::string> more;
  for (std::string& name : lines.broker->bound_queues()) {
    if (!internal_key(name) && std::find(queues.begin(), queues.end(), name) == queues.end())
      more.push_back(std::move(name));
  }
  if (std::optional<FoundMessage> found = find_in(lines, more, task_id)) return found;
  if (where == LookIn::queues) return std::nullopt;
  bool truncated = false;
  for (celery::Unacked& u : lines.broker->unacked(kMaxUnacked, truncated)) {
    if (std::optional<celery::Message> m = read_if(u.message, task_id)) {
      std::string queue = u.routing_key.empty() ? m->routing_key : u.routing_key;
      return FoundMessage{std::move(u.message), std::move(queue), false, std::move(*m)};
    }
  }
  return std::nullopt;
}

}  // namespace z4j::engine_celery
