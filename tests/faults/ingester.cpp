#include "ingester.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <random>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <z4j/plugin.hpp>

#include "core/event_decode.hpp"
#include "core/ingest.hpp"
#include "core/leases.hpp"
#include "core/testing/agent_row.hpp"
#include "plugin/host.hpp"
#include "plugin/testing/passing_storage.hpp"
#include "story.hpp"

namespace z4j::faults {
namespace {

using plugin::StorageClient;

constexpr std::chrono::seconds kPatience{120};  // with the world, before the story has failed

// Lines to the judge; whole ones, since it may be killed at any time.
class Tell {
 public:
  void line(const std::string& text) {
    const std::lock_guard lock(mutex_);
    std::string_view left = text;
    while (!left.empty()) {
      const ssize_t n = ::write(STDOUT_FILENO, left.data(), left.size());
      if (n <= 0) return;
      left.remove_prefix(static_cast<std::size_t>(n));
    }
  }

 private:
  std::mutex mutex_;
};

std::string_view text_at(const z4j_rows& rows, std::uint16_t column, std::uint32_t row) {
  for (std::uint32_t i = 0; i < rows.col_count; ++i) {
    const z4j_col& col = rows.cols[i];
    if (col.column != column) continue;
    if (col.form == Z4J_FORM_DICT) row = static_cast<const std::uint32_t*>(col.data)[row];
    return {col.text.data + col.text.offsets[row],
            col.text.offsets[row + 1] - col.text.offsets[row]};
  }
  return {};
}

// The driver, and a line for each event that a commit has made durable.
class Watched final : public plugin::testing::PassingStorage {
 public:
  Watched(std::shared_ptr<StorageClient> driver, Tell& tell)
      : PassingStorage(std::move(driver)), tell_(tell) {}

 private:
  std::unique_ptr<Session> wrap(std::unique_ptr<Session> session) override {
    return std::make_unique<WatchedSession>(std::move(session), tell_);
  }

  class WatchedSession final : public plugin::testing::PassingSession {
   public:
    WatchedSession(std::unique_ptr<Session> session, Tell& tell)
        : PassingSession(std::move(session)), tell_(tell) {}
    base::Status commit(z4j_commit& c, int deadline_ms, std::shared_ptr<void> keep) override {
      auto done = PassingSession::commit(c, deadline_ms, std::move(keep));
      if (!done) {
        if (done.error().code == base::Code::unknown) tell_.line("u\n");
        return done;
      }
      std::string lines;
      for (std::uint32_t i = 0; i < c.step_count; ++i) {
        const z4j_step& step = *c.steps[i];
        if (step.verb != Z4J_STEP_INSERT_NEW ||
            step.table != static_cast<std::uint16_t>(model::Table::events))
          continue;
        for (std::uint32_t r = 0; r < step.rows->rows; ++r) {
          lines += "a ";
          lines += text_at(*step.rows, model::events::task_id, r);
          lines += ' ';
          lines += text_at(*step.rows, model::events::kind, r);
          lines += '\n';
        }
      }
      if (!lines.empty()) tell_.line(lines);
      return done;
    }

   private:
    Tell& tell_;
  };

  Tell& tell_;
};

base::Status add_agent(core::Store& store, const core::EventSource& source, base::TimeUs now) {
  core::Commit commit;
  commit.insert_new(core::testing::agent_row(source, now, "local:" + source.agent_id.text()));
  return store.commit(commit);
}

// The world may be away at any step; so long as it is, everything is tried again.
template <class F>
auto until_it_works(F&& f) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    auto done = f();
    if (done.ok() || !done.error().is_world() || std::chrono::steady_clock::now() > deadline)
      return done;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

std::atomic<unsigned> g_steps{0};

// Wrong from the start, and wrong in another way after each step. Never so far behind that an event
// of the story would lie in its future: such times are not kept.
class SkewedClock final : public base::Clock {
 public:
  explicit SkewedClock(std::uint32_t seed) : seed_(seed) {}
  [[nodiscard]] base::TimeUs now() const override {
    std::minstd_rand random(seed_ + 7919 * g_steps.load());
    random.discard(3);
    const auto minutes = static_cast<base::TimeUs>(random() % 101) - 40;
    return clock_.now() + minutes * 60 * base::kSecondUs;
  }
  [[nodiscard]] std::int64_t steady_ms() const override { return clock_.steady_ms(); }

 private:
  const base::SystemClock clock_;
  const std::uint32_t seed_;
};

core::Leases::Options lease_options(const IngesterOrder& order) {
  core::Leases::Options options;
  options.host_name = "test";
  options.ttl = std::chrono::milliseconds(order.lease_ms);
  options.renew_every = std::chrono::milliseconds(200);
  return options;
}

int failed(const char* what, const base::Error& why) {
  std::fprintf(stderr, "ingester: %s: %s\n", what, why.text().c_str());
  return 1;
}

}  // namespace

int ingest(const IngesterOrder& order) {
  std::mt19937 random(order.seed);
  const auto max_rows = static_cast<unsigned>(10 + random() % 60);
  const bool is_stream = random() % 2 == 0;
  std::signal(SIGUSR1, [](int) { ++g_steps; });
  const SkewedClock clock(order.seed * 31 +
                          static_cast<std::uint32_t>(order.first + order.home.size()));
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  options.host_version = "test";
  plugin::Host host(options, plugin::Callbacks{}, base::Log::quiet(), clock);
  config::PluginEntry entry;
  entry.name = "store";
  entry.plugin = "storage-postgresql";
  entry.settings["url"] = order.url;
  entry.settings["lock_timeout_ms"] = 200;
  entry.settings["idle_timeout_ms"] = 1000;  // a paused one must not hold the lease's row
  if (auto started = until_it_works([&] { return host.start(entry); }); !started)
    return failed("start", started.error());
  Tell tell;
  auto driver = std::make_shared<Watched>(std::move(host.storage("store")).value(), tell);
  auto opened = until_it_works([&] { return core::Store::open(driver, {}); });
  if (!opened) return failed("open", opened.error());
  core::Store& store = **opened;
  core::EventSource source{*base::Uuid::parse(order.project), *base::Uuid::parse(order.agent),
                           "celery"};
  source.is_stream = is_stream;
  if (auto added = until_it_works([&] { return add_agent(store, source, order.began); }); !added)
    return failed("agent", added.error());
  core::Leases leases(store, clock, base::Log::quiet(), lease_options(order));
  leases.want(kLease);
  auto held = until_it_works([&]() -> base::Result<core::Fence> {
    if (auto worked = leases.work(); !worked) return worked.error();
    if (auto mine = leases.held(kLease)) return *mine;
    return base::Error{
        .code = base::Code::busy, .message = "another has the lease", .where = {}, .hint = {}};
  });
  if (!held) return failed("lease", held.error());
  source.fence = std::make_shared<const core::Fence>(std::move(held).value());
  leases.start();
  tell.line("l\n");

  core::Ingest::Options take;
  take.clock = &clock;
  take.log = &base::Log::quiet();
  take.linger_ms = 1;
  take.max_rows = max_rows;
  take.queue_bytes = is_stream ? 30'000 : 300'000;
  take.spill_folder = order.home + "/spill";
  take.spill_bytes = std::size_t{8} << 20;
  auto made = core::Ingest::make(store, std::move(take));
  if (!made) return failed("ingest", made.error());
  core::Ingest& ingest = **made;
  ingest.start();

  const std::vector<EventRow> events = story(order.seed, order.began);
  BatchBuilder builder;
  bool wants_lease = true;
  for (std::size_t at = order.first; at < events.size();) {
    const std::size_t to = std::min(events.size(), at + 1 + random() % 40);
    const std::vector<EventRow> some(events.begin() + static_cast<std::ptrdiff_t>(at),
                                     events.begin() + static_cast<std::ptrdiff_t>(to));
    core::testing::fill(builder, some);
    // Woken too late, a brain would ask before it takes anything. This one goes on telling, so that
    // the store has something to refuse; but not to its disk, where things count as durable.
    const core::Leases::Belief belief = leases.belief(*source.fence);
    source.is_stream = is_stream && belief == core::Leases::Belief::held;
    if (wants_lease && belief == core::Leases::Belief::lost) {
      leases.give_back(kLease);
      wants_lease = false;
    }
    const z4j_event_batch batch = builder.batch();
    const std::uint64_t on_disk = ingest.stats().spill.written_events;
    if (auto pushed = until_it_works([&] { return ingest.push(source, batch); }); !pushed)
      return failed("push", pushed.error());
    std::string lines;
    if (ingest.stats().spill.written_events > on_disk) {
      for (const EventRow& e : some)
        lines += "d " + e.task_id + " " + std::string(core::kind_name(e.kind)) + "\n";
    }
    // Slow enough that the judge's faults come while there is something to break.
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
    tell.line(lines + "p " + std::to_string(to) + "\n");
    at = to;
  }
  // A stop that ran would keep the rest on disk; here it must reach the store.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (ingest.stats().spill.bytes > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ingest.stop(120'000);
  std::uint64_t dropped = 0;
  for (const auto& agent : ingest.stats().agents) {
    for (const auto& [why, count] : agent.dropped) dropped += count;
  }
  tell.line("done " + std::to_string(dropped + ingest.stats().spill.bytes) + "\n");
  leases.stop();
  made.value().reset();
  opened.value().reset();
  driver.reset();
  host.stop_all();
  return 0;
}

}  // namespace z4j::faults
