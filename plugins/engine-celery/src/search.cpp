#include "src/search.hpp"

#include "src/queue_names.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

namespace z4j::engine_celery {
namespace {

class Search {
 public:
  Search(Lines& lines, const std::vector<Wanted>& wanted) : lines_(lines) {
    for (const Wanted& w : wanted) open_.insert(w.task_id);
  }

  void look_in(const std::string& queue) {
    if (open_.empty() || !looked_in_.insert(queue).second) return;
    const std::vector<std::string> ids(open_.begin(), open_.end());
    for (std::string& text : lines_.broker->find_many(queue, ids)) {
      if (std::optional<celery::Message> m = read(text)) {
        std::string id = m->id;
        open_.erase(id);
        found_.emplace(std::move(id),
                       FoundMessage{std::move(text), queue, true, {}, std::move(*m)});
      }
    }
  }
  void look_in_unacked() {
    if (open_.empty()) return;
    bool truncated = false;
    for (celery::Unacked& u : lines_.broker->unacked(kMaxUnacked, truncated)) {
      if (std::optional<celery::Message> m = read(u.message)) {
        std::string id = m->id;
        std::string queue = u.routing_key.empty() ? m->routing_key : u.routing_key;
        open_.erase(id);
        found_.emplace(
            std::move(id),
            FoundMessage{std::move(u.message), std::move(queue), false, {}, std::move(*m)});
      }
    }
  }
  void look_among_the_dead() {
    if (open_.empty()) return;
    for (celery::DeadLetter& d : lines_.broker->find_dead({open_.begin(), open_.end()})) {
      if (std::optional<celery::Message> m = read(d.message)) {
        std::string id = m->id;
        open_.erase(id);
        if (internal_key(d.origin)) d.origin.clear();  // it is told by the message itself
        found_.emplace(std::move(id), FoundMessage{std::move(d.message), std::move(d.origin), false,
                                                   std::move(d.queue), std::move(*m)});
      }
    }
  }
  [[nodiscard]] bool done() const { return open_.empty(); }
  [[nodiscard]] std::map<std::string, FoundMessage> result() && { return std::move(found_); }

 private:
  // The message when it is one of those that are still wanted.
  std::optional<celery::Message> read(const std::string& text) const {
    constexpr std::size_t kFew = 4;  // then a look at the bytes spares most of the reading
    if (open_.size() <= kFew && std::none_of(open_.begin(), open_.end(), [&](const auto& id) {
          return text.find(id) != std::string::npos;
        })) {
      return std::nullopt;
    }
    try {
      celery::Message m = celery::parse_message(text);
      if (open_.count(m.id) != 0) return m;
    } catch (const Error&) {
      return std::nullopt;
    }
    return std::nullopt;
  }

  Lines& lines_;
  std::set<std::string> open_, looked_in_;
  std::map<std::string, FoundMessage> found_;
};

}  // namespace

std::map<std::string, FoundMessage> find_messages(Lines& lines, const Settings& settings,
                                                  const Shared& shared,
                                                  const std::vector<Wanted>& wanted, LookIn where) {
  Search search(lines, wanted);
  for (const Wanted& w : wanted) {
    if (!internal_key(w.hint)) search.look_in(w.hint);
  }
  for (const std::string& queue : queue_names(settings, shared)) search.look_in(queue);
  // A queue that nobody has spoken of yet.
  if (!search.done()) {
    for (const std::string& queue : lines.broker->bound_queues()) {
      if (!internal_key(queue)) search.look_in(queue);
    }
  }
  if (where == LookIn::everywhere) {
    search.look_in_unacked();
    search.look_among_the_dead();
  }
  return std::move(search).result();
}

}  // namespace z4j::engine_celery
