#include "core/plugin_capabilities.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace seen_col = model::plugin_capabilities;
using plugin::CallOutcome;

constexpr std::size_t kSeenName = 300, kSeenText = 200;
constexpr std::uint32_t kMostSeenRows = 2000, kForgottenAtOnce = 2000;

constexpr std::pair<CallOutcome, std::uint16_t> kOutcomeColumns[] = {
    {CallOutcome::done, seen_col::done},       {CallOutcome::sent, seen_col::sent},
    {CallOutcome::refused, seen_col::refused}, {CallOutcome::unsupported, seen_col::unsupported},
    {CallOutcome::unknown, seen_col::unknown}, {CallOutcome::failed, seen_col::failed}};
static_assert(std::size(kOutcomeColumns) == plugin::kOutcomes);

std::int64_t& times_in(SeenCapability& seen, CallOutcome outcome) {
  return seen.times[static_cast<std::size_t>(outcome)];
}

void add(SeenCapability& to, const SeenCapability& more) {
  for (std::size_t i = 0; i < plugin::kOutcomes; ++i) to.times[i] += more.times[i];
  to.undeclared += more.undeclared;
  to.first_at = to.first_at == 0 ? more.first_at : std::min(to.first_at, more.first_at);
  if (more.last_at < to.last_at) return;
  to.last_at = more.last_at;
  to.last_outcome = more.last_outcome;
  to.last_code = more.last_code;
  to.last_text = more.last_text;
}

std::string redacted(const Redact& redact, const std::string& text) {
  if (text.empty() || !redact) return clean_text(text, kSeenText);
  const base::json::Value value = redact(base::json::Value(clean_text(text, kSeenText)));
  return value.is_string() ? clean_text(value.get_string(), kSeenText) : std::string();
}

}  // namespace

std::int64_t SeenCapability::asked() const {
  std::int64_t out = 0;
  for (const std::int64_t n : times) out += n;
  return out;
}

PluginCapabilities::PluginCapabilities(Store& store, const base::Clock& clock, base::Log& log,
                                       Options options)
    : store_(store), clock_(clock), log_(log), options_(std::move(options)) {}

PluginCapabilities::~PluginCapabilities() { stop(); }

void PluginCapabilities::start() {
  thread_ = std::thread([this] { run(); });
}

void PluginCapabilities::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  (void)flush();
}

void PluginCapabilities::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::milliseconds(options_.flush_ms),
                         [this] { return is_stopping_; })) {
    lock.unlock();
    (void)flush();
    lock.lock();
  }
}

void PluginCapabilities::seen(const plugin::Seen& seen) {
  SeenCapability more;
  for (std::size_t i = 0; i < plugin::kOutcomes; ++i)
    more.times[i] = static_cast<std::int64_t>(seen.what.times[i]);
  more.undeclared = seen.what.is_undeclared ? 1 : 0;
  more.first_at = more.last_at = clock_.now();
  more.last_outcome = plugin::to_string(seen.what.last);
  more.last_code = seen.what.code;
  more.last_text = seen.what.text;
  Key key(seen.instance, seen.plugin_id, seen.version,
          std::string(plugin::to_string(seen.what.kind)), clean_text(seen.what.name, kSeenName));
  const std::lock_guard lock(mutex_);
  const auto at = gathered_.find(key);
  if (at != gathered_.end()) return add(at->second, more);
  if (gathered_.size() < kMostGathered) gathered_.emplace(std::move(key), std::move(more));
}

base::Status PluginCapabilities::flush() {
  const std::lock_guard storing(storing_);
  Gathered taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(gathered_);
  }
  if (taken.empty()) return {};
  Rows rows(Table::plugin_capabilities);
  for (auto& [key, seen] : taken) {
    const auto& [instance, plugin_id, version, kind, name] = key;
    rows.begin()
        .text(seen_col::instance, instance)
        .text(seen_col::plugin_id, plugin_id)
        .text(seen_col::version, version)
        .text(seen_col::kind, kind)
        .text(seen_col::name, name);
    for (const auto& [outcome, column] : kOutcomeColumns) rows.num(column, seen.times_of(outcome));
    rows.num(seen_col::undeclared, seen.undeclared)
        .num(seen_col::first_at, seen.first_at)
        .num(seen_col::last_at, seen.last_at)
        .text(seen_col::last_outcome, seen.last_outcome)
        .text_or_null(seen_col::last_code, seen.last_code)
        .text_or_null(seen_col::last_text, redacted(options_.redact, seen.last_text));
  }
  Commit commit;
  commit.merge(std::move(rows)).relaxed();
  const base::Status stored = store_.commit(commit);
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    is_news = !stored && !is_failing_;
    is_failing_ = !stored;
    // Counting too little is the lesser mistake.
    if (!stored && stored.error().code != base::Code::unknown) {
      for (auto& [key, seen] : gathered_) add(taken[key], seen);
      gathered_.swap(taken);
    }
  }
  if (is_news)
    log_.warn("what was seen of plugins is not stored", {{"why", stored.error().text()}});
  if (options_.on_flushed) options_.on_flushed(stored);
  return stored;
}

base::Result<std::vector<SeenCapability>> PluginCapabilities::of(std::string_view instance,
                                                                 std::string_view plugin_id,
                                                                 std::string_view version) {
  const std::lock_guard storing(storing_);
  Query query(Table::plugin_capabilities);
  query.where.eq(seen_col::instance, instance)
      .eq(seen_col::plugin_id, plugin_id)
      .eq(seen_col::version, version);
  query.all().order({seen_col::kind, seen_col::name}).limit(kMostSeenRows);
  std::map<std::pair<std::string, std::string>, SeenCapability> found;
  auto read = store_.each(query, [&](const Row& row) {
    SeenCapability seen;
    seen.kind = row.text(seen_col::kind);
    seen.name = row.text(seen_col::name);
    for (const auto& [outcome, column] : kOutcomeColumns) times_in(seen, outcome) = row.num(column);
    seen.undeclared = row.num(seen_col::undeclared);
    seen.first_at = row.num(seen_col::first_at);
    seen.last_at = row.num(seen_col::last_at);
    seen.last_outcome = row.text(seen_col::last_outcome);
    seen.last_code = row.text(seen_col::last_code);
    seen.last_text = row.text(seen_col::last_text);
    found.emplace(std::pair(seen.kind, seen.name), std::move(seen));
    return true;
  });
  if (!read) return std::move(read).error();
  Gathered more;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, seen] : gathered_) {
      if (std::get<0>(key) == instance && std::get<1>(key) == plugin_id &&
          std::get<2>(key) == version)
        more.emplace(key, seen);
    }
  }
  for (auto& [key, seen] : more) {
    seen.last_text = redacted(options_.redact, seen.last_text);
    SeenCapability& to = found[{std::get<3>(key), std::get<4>(key)}];
    to.kind = std::get<3>(key);
    to.name = std::get<4>(key);
    add(to, seen);
  }
  std::vector<SeenCapability> out;
  out.reserve(found.size());
  for (auto& [name, seen] : found) out.push_back(std::move(seen));
  return out;
}

base::Result<std::uint64_t> forget_plugin_capabilities(Store& store, base::TimeUs before,
                                                       const std::optional<Fence>& fence) {
  Commit commit;
  if (fence) fence->guard(commit);
  Where old;
  old.lt(seen_col::last_at, before);
  const std::size_t erasing = commit.steps();
  commit.erase(Table::plugin_capabilities, std::move(old), kForgottenAtOnce);
  commit.relaxed();
  if (auto done = store.commit(commit); !done) return std::move(done).error();
  return commit.affected(erasing);
}

}  // namespace z4j::core
