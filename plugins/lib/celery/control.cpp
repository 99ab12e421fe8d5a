#include "lib/celery/control.hpp"

#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <thread>
#include <utility>

namespace z4j::celery {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxRepliesPerCall = 2000;
constexpr auto kPollEvery = std::chrono::milliseconds(15);

}  // namespace

Control::Control(Transport& transport) : transport_(transport), oid_(text::new_uuid()) {}

void Control::close() noexcept {
  if (open_) transport_.close_replies(oid_);
  open_ = false;
}

Control::Asked Control::ask(const std::vector<Call>& calls,
                            const std::vector<std::string>& destination,
                            std::set<std::string> expected, int timeout_ms,
                            const std::function<bool()>& go_on) {
  if (!open_) {
    transport_.open_replies(oid_);
    open_ = true;
  }
  Asked out;
  out.replies.resize(calls.size());
  std::map<std::string, std::size_t> tickets;
  if (!destination.empty()) expected = {destination.begin(), destination.end()};
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const std::string ticket = text::new_uuid();
    tickets.emplace(ticket, i);
    out.listeners =
        transport_.broadcast({calls[i].method, calls[i].arguments, destination, ticket, oid_});
  }
  if (out.listeners == 0) return out;

  const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
  const auto quiet = std::chrono::milliseconds(std::max(200, timeout_ms / 3));
  auto last = Clock::now();
  std::vector<std::set<std::string>> answered(calls.size());
  const auto complete = [&] {
    if (expected.empty()) return false;
    return std::all_of(answered.begin(), answered.end(), [&](const std::set<std::string>& who) {
      return std::includes(who.begin(), who.end(), expected.begin(), expected.end());
    });
  };
  while (Clock::now() < end && go_on()) {
    const std::vector<std::string> messages = transport_.take_replies(oid_);
    for (const std::string& message : messages) {
      std::vector<Reply> replies;
      try {
        replies = read_replies(message);
      } catch (const Error&) {
        continue;  // a worker that answers nonsense has not answered
      }
      for (Reply& reply : replies) {
        const auto call = tickets.find(reply.ticket);
        if (call == tickets.end() || out.replies[call->second].size() >= kMaxRepliesPerCall)
          continue;
        if (answered[call->second].insert(reply.worker).second)
          out.replies[call->second].push_back(std::move(reply));
      }
    }
    if (complete()) break;
    if (!messages.empty()) {
      last = Clock::now();
      continue;
    }
    const bool some = std::any_of(out.replies.begin(), out.replies.end(),
                                  [](const auto& r) { return !r.empty(); });
    if (expected.empty() && some && Clock::now() - last > quiet) break;
    // Polled, since a blocking pop would hold the connection that stop() has to interrupt, and
    // servers before version 6 can only block for whole seconds.
    std::this_thread::sleep_for(kPollEvery);
  }
  return out;
}

}  // namespace z4j::celery
