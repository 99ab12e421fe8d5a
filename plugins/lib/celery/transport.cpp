#include "lib/celery/transport.hpp"

#include <utility>

namespace z4j::celery {
namespace {

[[noreturn]] void refuse(const Transport& transport, Ability what) {
  throw Error(Z4J_UNSUPPORTED, transport.cannot(what));
}

}  // namespace

std::vector<Published> Transport::publish_many(const std::vector<Outgoing>& messages) {
  std::vector<Published> out;
  for (const Outgoing& m : messages) {
    try {
      publish(m.queue, m.priority, m.message);
      out.emplace_back();
    } catch (const Error& e) {
      if (out.empty() && e.code == Z4J_UNAVAILABLE) throw;
      out.push_back({e.code, e.what()});
    }
  }
  return out;
}

std::vector<std::string> Transport::find_many(const std::string& queue,
                                              const std::vector<std::string>& task_ids) {
  std::vector<std::string> out;
  for (const std::string& id : task_ids) {
    for (std::string& message : find(queue, id)) out.push_back(std::move(message));
  }
  return out;
}

std::vector<bool> Transport::remove_many(const std::string& queue,
                                         const std::vector<std::string>& messages) {
  std::vector<bool> out;
  for (const std::string& message : messages) out.push_back(remove(queue, message));
  return out;
}

std::uint64_t Transport::take_aside(const std::string&, const std::string&) {
  refuse(*this, Ability::set_aside);
}
std::vector<std::string> Transport::read_aside(const std::string&, const std::string&, std::size_t,
                                               std::size_t) {
  refuse(*this, Ability::set_aside);
}
void Transport::drop_aside(const std::string&, const std::string&) {
  refuse(*this, Ability::set_aside);
}
bool Transport::put_back(const std::string&, const std::string&, std::uint64_t,
                         const std::vector<std::string>&) {
  refuse(*this, Ability::set_aside);
}

void Transport::undo_aside(const std::string& queue, const std::string& copy) {
  constexpr std::size_t kPage = 500;
  constexpr std::uint64_t kFirstPart = 1'000'000'000'000;  // beyond those that anybody else counts
  std::size_t from = 0;
  for (std::uint64_t part = kFirstPart;; ++part) {
    const std::vector<std::string> page = read_aside(queue, copy, from, kPage);
    if (!page.empty()) put_back(queue, copy, part, page);
    from += page.size();
    if (page.size() < kPage) break;
  }
  drop_aside(queue, copy);
}

std::vector<DeadLetter> Transport::dead_letters(const std::string&, std::size_t, std::size_t) {
  refuse(*this, Ability::dead_letters);
}
std::optional<std::string> Transport::requeue_dead(const std::string&, const std::string&,
                                                   const std::string&) {
  refuse(*this, Ability::dead_letters);
}
std::vector<DeadLetter> Transport::find_dead(const std::vector<std::string>&) { return {}; }
std::optional<Published> Transport::replace_dead(const std::string&, const std::string&,
                                                 const Outgoing&) {
  refuse(*this, Ability::dead_letters);
}

}  // namespace z4j::celery
