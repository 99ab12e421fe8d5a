#include "agent/engines.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

namespace z4j::agent {
namespace {

namespace json = base::json;

constexpr auto kLookEvery = std::chrono::milliseconds(250);
constexpr std::int64_t kFirstPauseMs = 1'000, kLongestPauseMs = 30'000;
constexpr int kAskDeadlineMs = 8'000;
constexpr std::size_t kMostItems = 10'000, kMostPages = 20;
constexpr std::size_t kQueues = 0, kWorkers = 1, kRegistry = 2;
constexpr std::array<const char*, 3> kWhat{"queues", "workers", "registry"};
constexpr std::array<std::int64_t, 3> kEveryMs{5'000, 8'000, 60'000};
constexpr double kMostDropped = 1e15;

}  // namespace

struct Engines::Inside : std::enable_shared_from_this<Engines::Inside> {
  // What an engine is asked again and again.
  struct Round {
    std::int64_t next_ms = 0;
    bool is_out = false;
    std::size_t pages = 0;
    json::Array items;
  };
  struct One {
    config::PluginEntry entry;
    std::string engine, version;
    bool was_tried = false;
    std::int64_t again_ms = 0;
    int failures = 0;
    std::array<Round, 3> rounds;
    json::Array queues, workers;
    bool tells_queues = false, tells_workers = false;
    bool is_connected = false;  // its broker answered when it was last asked
    std::set<std::string> names;
    std::string trouble;  // of the last question
  };

  const Options options;
  const base::Clock& clock;
  base::Log& log;
  std::unique_ptr<plugin::Host> host;

  mutable std::mutex mutex;
  std::condition_variable wake;
  std::map<std::string, One> all;  // by instance; guarded by mutex, as is all below
  bool is_stopping = false;
  std::uint64_t registry_version = 0;
  std::thread thread;

  Inside(Options o, const base::Clock& c, base::Log& l) : options(std::move(o)), clock(c), log(l) {}

  [[nodiscard]] std::string engine_of(const std::string& instance) const {
    const std::lock_guard lock(mutex);
    const auto at = all.find(instance);
    return at != all.end() ? at->second.engine : std::string();
  }

  [[nodiscard]] plugin::Callbacks callbacks() {
    plugin::Callbacks out;
    out.emit = [this](const std::string&, const z4j_event_batch& batch) {
      options.emit(batch);
      return base::Status();
    };
    out.health = [](const std::string&, plugin::Health, std::string_view) {};  // the host logs it
    out.metric = [this](const std::string& instance, std::string_view name, std::string_view,
                        double value, int) {
      if (name == "events_dropped" && value > 0 && value < kMostDropped)
        options.dropped(engine_of(instance), static_cast<std::uint64_t>(value));
    };
    out.notice = [](std::string_view, std::string_view) {};
    out.notices_gap = [] {};
    out.secret = options.secret;
    return out;
  }

  void run() {
    std::vector<std::string> names;
    {
      const std::lock_guard lock(mutex);
      for (const auto& [name, one] : all) names.push_back(name);
    }
    for (;;) {
      for (const std::string& name : names) {
        look(name);
        const std::lock_guard lock(mutex);
        if (is_stopping) return;
      }
      std::unique_lock lock(mutex);
      if (wake.wait_for(lock, kLookEvery, [this] { return is_stopping; })) return;
    }
  }

  void look(const std::string& name) {
    const auto report = host->report(name);
    const bool is_running = report && report->state == plugin::State::started;
    const std::int64_t now = clock.steady_ms();
    if (is_running) {
      for (const std::size_t what : due(name, now)) put(name, what, {});
      return;
    }
    config::PluginEntry entry;
    {
      const std::lock_guard lock(mutex);
      const One& one = all.at(name);
      if (now < one.again_ms) return;
      entry = one.entry;
    }
    const base::Status started = host->start(entry);
    const std::lock_guard lock(mutex);
    One& one = all.at(name);
    one.was_tried = true;
    one.failures = started ? 0 : one.failures + 1;
    if (started) {
      one.again_ms = clock.steady_ms() + kFirstPauseMs;
      return;
    }
    const std::int64_t pause =
        std::min(kLongestPauseMs, kFirstPauseMs << std::min(one.failures - 1, 10));
    one.again_ms = clock.steady_ms() + pause;
    one.trouble = started.error().text();
    log.error("engine not started", {{"engine", one.engine},
                                     {"why", started.error().text()},
                                     {"again_in_seconds", pause / 1000}});
  }

  // The questions to put now.
  std::vector<std::size_t> due(const std::string& name, std::int64_t now) {
    const std::lock_guard lock(mutex);
    std::vector<std::size_t> out;
    for (std::size_t what = 0; what < kWhat.size(); ++what) {
      Round& round = all.at(name).rounds[what];
      if (round.is_out || now < round.next_ms) continue;
      round.is_out = true;
      round.pages = 0;
      out.push_back(what);
    }
    return out;
  }

  void put(const std::string& name, std::size_t what, std::string_view cursor) {
    json::Object page{{"limit", 500}};
    if (!cursor.empty()) page["cursor"] = cursor;
    host->snapshot(name, kWhat[what], json::write(page), kAskDeadlineMs,
                   [self = shared_from_this(), name, what](base::Result<std::string> answer) {
                     self->answered(name, what, answer);
                   });
  }

  void answered(const std::string& name, std::size_t what,
                const base::Result<std::string>& answer) {
    std::string cursor;
    {
      const std::lock_guard lock(mutex);
      One& one = all.at(name);
      Round& round = one.rounds[what];
      base::Result<json::Value> parsed =
          answer ? json::parse(*answer) : base::Result<json::Value>(answer.error());
      if (!parsed || !parsed->is_object()) {
        const bool is_news = !parsed && parsed.error().code != base::Code::unsupported;
        if (is_news) {
          one.trouble = parsed.error().message;
          one.is_connected = false;
        }
        return over(round, what);
      }
      if (json::Array* items = array_of(parsed->get_object())) {
        for (json::Value& item : *items) {
          if (round.items.size() < kMostItems) round.items.push_back(std::move(item));
        }
      }
      cursor = std::string(json::text(parsed->get_object(), "next"));
      if (cursor.empty() || ++round.pages >= kMostPages || is_stopping) {
        one.trouble.clear();
        one.is_connected = true;
        keep(one, what, std::move(round.items));
        return over(round, what);
      }
    }
    put(name, what, cursor);
  }

  static json::Array* array_of(json::Object& answer) {
    json::Value* items = answer.if_contains("items");
    return items != nullptr ? items->if_array() : nullptr;
  }

  void over(Round& round, std::size_t what) {
    round.is_out = false;
    round.items = {};
    round.next_ms = clock.steady_ms() + kEveryMs[what];
  }

  void keep(One& one, std::size_t what, json::Array items) {
    if (what == kQueues) {
      one.queues = std::move(items);
      one.tells_queues = true;
    } else if (what == kWorkers) {
      json::Value scrubbed(std::move(items));
      if (options.scrub) options.scrub(scrubbed);
      one.workers = std::move(scrubbed.get_array());
      one.tells_workers = true;
    } else if (what == kRegistry) {
      std::set<std::string> names;
      for (const json::Value& item : items) {
        if (!item.is_object()) continue;
        const std::string_view task = json::text(item.get_object(), "name");
        if (!task.empty() && task.size() <= 500) names.emplace(task);
      }
      if (names == one.names) return;
      one.names = std::move(names);
      ++registry_version;
    }
  }

  // The instance of that engine, or "".
  [[nodiscard]] std::string instance_of(const std::string& engine) const {
    const std::lock_guard lock(mutex);
    if (engine.empty() && all.size() == 1) return all.begin()->first;
    for (const auto& [name, one] : all) {
      if (one.engine == engine) return name;
    }
    return {};
  }
};

Engines::Engines(Options options, const base::Clock& clock, base::Log& log)
    : inside_(std::make_shared<Inside>(std::move(options), clock, log)) {
  Inside& in = *inside_;
  plugin::Host::Options hosting = in.options.host;
  hosting.pool_threads = 4;
  in.host = std::make_unique<plugin::Host>(std::move(hosting), in.callbacks(), log, clock);
}

Engines::~Engines() { stop(); }

base::Status Engines::find() {
  Inside& in = *inside_;
  std::map<std::string, std::string> by_engine;
  for (const config::PluginEntry& entry : in.options.plugins) {
    if (!entry.enabled) continue;
    auto described = in.host->describe(entry.plugin, entry.sha256);
    if (!described) {
      base::Error e = std::move(described).error();
      if (e.where.empty()) e.where = entry.where;
      return e;
    }
    const auto wrong = [&](std::string message, std::string hint) {
      return base::Error{.code = base::Code::bad_config,
                         .message = std::move(message),
                         .where = entry.where,
                         .hint = std::move(hint)};
    };
    if (described->engine_name.empty())
      return wrong("plugin \"" + entry.plugin + "\" is no engine", "an agent runs engines only");
    const auto [other, is_new] = by_engine.emplace(described->engine_name, entry.name);
    if (!is_new) {
      return wrong("engine " + described->engine_name + " is there twice: " + other->second +
                       " and " + entry.name,
                   "run a second z4j-agent for it, with a token and a state directory of its own");
    }
    const std::lock_guard lock(in.mutex);
    Inside::One& one = in.all[entry.name];
    one.entry = entry;
    one.engine = described->engine_name;
    one.version = described->version;
  }
  return {};
}

void Engines::start() {
  inside_->thread = std::thread([in = inside_.get()] { in->run(); });
}

void Engines::stop() {
  Inside& in = *inside_;
  {
    const std::lock_guard lock(in.mutex);
    in.is_stopping = true;
  }
  in.wake.notify_all();
  if (in.thread.joinable()) in.thread.join();
  in.host->stop_all();
}

bool Engines::were_tried() const {
  const std::lock_guard lock(inside_->mutex);
  return std::all_of(inside_->all.begin(), inside_->all.end(),
                     [](const auto& each) { return each.second.was_tried; });
}

std::vector<Engines::Fact> Engines::facts() const {
  const Inside& in = *inside_;
  std::vector<Fact> out;
  std::vector<std::string> names;
  {
    const std::lock_guard lock(in.mutex);
    for (const auto& [name, one] : in.all) {
      names.push_back(name);
      Fact fact;
      fact.engine = one.engine;
      fact.version = one.version;
      fact.why = one.trouble;
      fact.tasks = one.names.size();
      out.push_back(std::move(fact));
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto report = in.host->report(names[i]);
    Fact& fact = out[i];
    fact.is_started = report && report->state == plugin::State::started;
    fact.health = fact.is_started ? report->health : plugin::Health::failing;
    if (!fact.is_started) continue;
    fact.capabilities = report->capabilities;
    if (report->health != plugin::Health::ok) fact.why = report->why;
  }
  return out;
}

std::vector<wire::EngineHealth> Engines::health() const {
  const std::vector<Fact> facts = this->facts();
  std::vector<wire::EngineHealth> out;
  const std::lock_guard lock(inside_->mutex);
  for (const auto& each : inside_->all) {
    const Inside::One& one = each.second;
    wire::EngineHealth health;
    health.engine = one.engine;
    health.is_connected = one.is_connected;
    const auto fact = std::find_if(facts.begin(), facts.end(),
                                   [&](const Fact& f) { return f.engine == one.engine; });
    if (!one.is_connected && fact != facts.end()) health.trouble = fact->why;
    if (!one.queues.empty() && one.queues.front().is_object())
      health.broker_type = std::string(json::text(one.queues.front().get_object(), "broker_type"));
    if (health.broker_type.empty()) health.broker_type = "redis";
    health.queues = one.queues;
    health.workers = one.workers;
    health.tells_queues = one.tells_queues;
    health.tells_workers = one.tells_workers;
    out.push_back(std::move(health));
  }
  return out;
}

std::vector<Engines::Registry> Engines::registries() const {
  const std::lock_guard lock(inside_->mutex);
  std::vector<Registry> out;
  for (const auto& [name, one] : inside_->all)
    out.push_back({one.engine, {one.names.begin(), one.names.end()}});
  return out;
}

std::uint64_t Engines::registry_version() const {
  const std::lock_guard lock(inside_->mutex);
  return inside_->registry_version;
}

namespace {

base::Error no_engine(const std::string& engine) {
  return base::Error{.code = base::Code::invalid,
                     .message = engine.empty()
                                    ? "the command names no engine, and there are several"
                                    : "no engine " + engine.substr(0, 40) + " here",
                     .where = {},
                     .hint = {}};
}

}  // namespace

void Engines::command(const std::string& engine, std::uint64_t verb, std::string target,
                      std::string args_json, int deadline_ms, plugin::Answer answer) {
  const std::string instance = inside_->instance_of(engine);
  if (instance.empty()) return answer(no_engine(engine));
  inside_->host->command(instance, verb, std::move(target), std::move(args_json), deadline_ms,
                         std::move(answer));
}

void Engines::snapshot(const std::string& engine, std::string what, std::string page_json,
                       int deadline_ms, plugin::Answer answer) {
  const std::string instance = inside_->instance_of(engine);
  if (instance.empty()) return answer(no_engine(engine));
  inside_->host->snapshot(instance, std::move(what), std::move(page_json), deadline_ms,
                          std::move(answer));
}

}  // namespace z4j::agent
