#include "core/notices.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/live.hpp"

namespace z4j::core {
namespace {

constexpr std::array<std::string_view, 10> kChannels{
    "live",   "leases",   "requests",      "answers",   "plugins",
    "agents", "messages", "subscriptions", "schedules", "bulk"};
constexpr std::size_t kIdText = 36;
constexpr std::size_t kMostTold = 64;  // entries in one notice, which may have 4000 bytes
// An entry is a project and one character: '0' plus the bits of the first three topics, or plus
// eight times the place of one of the others. Brains of before know the three only, and see none
// of them in the latter.
constexpr std::size_t kFirstTopics = 3;

}  // namespace

Notices::Notices(Store& store, base::Log& log, const base::Uuid& brain, Handlers handlers,
                 Options options)
    : store_(store),
      log_(log),
      sender_(brain.text()),
      handlers_(std::move(handlers)),
      options_(std::move(options)),
      is_shared_(store.is_shared()) {}

Notices::~Notices() { stop(); }

void Notices::tell(Commit& commit, About about, std::string_view body) const {
  if (!is_shared_) return;
  commit.notice(kChannels[static_cast<std::size_t>(about)], sender_ + " " + std::string(body));
}

void Notices::live(const base::Uuid& project, std::string_view topic) {
  const LiveTopics known = live_topic(topic);
  if (!is_shared_ || known == 0) return;
  const std::lock_guard lock(mutex_);
  const bool was_quiet = changes_.empty();
  changes_[project] |= known;
  if (was_quiet) wake_.notify_one();
}

base::Status Notices::tell_live() {
  Changes changes;
  {
    const std::lock_guard lock(mutex_);
    changes.swap(changes_);
  }
  if (changes.empty() || (options_.has_others && !options_.has_others())) return {};
  Commit commit;
  std::string body;
  std::size_t told = 0;
  const auto add = [&](const base::Uuid& project, std::size_t code) {
    if (told++ % kMostTold == 0 && !body.empty()) {
      tell(commit, About::live, body);
      body.clear();
    }
    body += project.text();
    body += static_cast<char>('0' + code);
  };
  for (const auto& [project, topics] : changes) {
    if (const LiveTopics first = topics & ((1u << kFirstTopics) - 1); first != 0)
      add(project, first);
    for (std::size_t i = kFirstTopics; i < kLiveTopics.size(); ++i) {
      if ((topics & (1u << i)) != 0) add(project, 8 * (i - kFirstTopics + 1));
    }
  }
  tell(commit, About::live, body);
  commit.relaxed();
  return store_.commit_apart(commit);
}

void Notices::heard(std::string_view channel, std::string_view payload) {
  if (payload.size() <= kIdText || payload.substr(0, kIdText) == sender_) return;
  const std::string_view body = payload.substr(kIdText + 1);
  const auto found = std::find(kChannels.begin(), kChannels.end(), channel);
  if (found == kChannels.end()) return;
  switch (static_cast<About>(found - kChannels.begin())) {
    case About::live:
      return hear_live(body);
    case About::leases:
      if (handlers_.leases) handlers_.leases();
      return;
    case About::requests:
      if (handlers_.requests) handlers_.requests();
      return;
    case About::answers:
      if (body == sender_ && handlers_.answers) handlers_.answers();
      return;
    case About::plugins:
      if (handlers_.plugins) handlers_.plugins();
      return;
    case About::agents:
      if (const auto agent = base::Uuid::parse(body); agent && handlers_.closed)
        handlers_.closed(*agent);
      return;
    case About::messages:
      if (handlers_.messages) handlers_.messages();
      return;
    case About::subscriptions:
      if (handlers_.subscriptions) handlers_.subscriptions();
      return;
    case About::schedules:
      if (handlers_.schedules) handlers_.schedules(base::Uuid::parse(body).value_or(base::Uuid()));
      return;
    case About::bulk:
      if (handlers_.bulk) handlers_.bulk();
      return;
  }
}

void Notices::hear_live(std::string_view body) {
  if (!handlers_.live) return;
  for (; body.size() > kIdText; body.remove_prefix(kIdText + 1)) {
    const auto project = base::Uuid::parse(body.substr(0, kIdText));
    if (!project) return;
    const auto code = static_cast<unsigned>(body[kIdText] - '0');
    for (std::size_t i = 0; code < 8 && i < kFirstTopics; ++i) {
      if ((code & (1u << i)) != 0) handlers_.live(*project, kLiveTopics[i]);
    }
    const std::size_t later = kFirstTopics + code / 8 - 1;
    if (code >= 8 && later < kLiveTopics.size()) handlers_.live(*project, kLiveTopics[later]);
  }
}

void Notices::gap() {
  if (handlers_.missed) handlers_.missed();
}

base::Status Notices::start() {
  if (!is_shared_ || thread_.joinable()) return {};
  if (auto heard = store_.listen({kChannels.begin(), kChannels.end()}); !heard) return heard;
  thread_ = std::thread([this] { run(); });
  return {};
}

void Notices::run() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    wake_.wait(lock, [this] { return is_stopping_ || !changes_.empty(); });
    if (is_stopping_) return;
    lock.unlock();
    // Lost, it would be told with the next change: not worth a second try.
    if (auto told = tell_live(); !told)
      log_.debug("changes not told to other brains", {{"why", told.error().text()}});
    lock.lock();
    wake_.wait_for(lock, options_.live_every, [this] { return is_stopping_; });
  }
}

void Notices::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace z4j::core
