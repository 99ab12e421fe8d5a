// z4j-seed: fills a database that a brain has set up with a month of work (seed_plan.hpp), in the
// commits that ingest would make, on all lanes of the driver. Z4J_DATABASE_URL says which database.
//
// Goes on where it was cut short: each lane keeps its place in the table meta, moved by the commit
// that stores the rows. Ends with one line of JSON that says what is in the store. Refuses to begin
// when the disk is short.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "config/config.hpp"
#include "core/ingest_batch.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"
#include "seed_plan.hpp"

namespace z4j::scale {
namespace {

namespace meta_col = model::meta;
namespace project_col = model::projects;
using SteadyClock = std::chrono::steady_clock;

constexpr std::uint64_t kTasksPerCommit = 500;
constexpr std::uint64_t kBytesPerTask = 7'000;  // four events, indexes and roll-ups, on PostgreSQL

struct Arguments {
  std::uint64_t tasks = 1'000'000;
  std::int64_t days = 30;
  std::uint64_t engines = 2;
  base::TimeUs until = 0;  // 0: now
  std::string disk;
};

template <class T>
T must(base::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return std::move(result).value();
}

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (++i >= argc) throw std::runtime_error(word + " needs a value");
      return argv[i];
    };
    if (word == "--tasks")
      out.tasks = std::stoull(value());
    else if (word == "--days")
      out.days = std::stoll(value());
    else if (word == "--engines")
      out.engines = std::stoull(value());
    else if (word == "--until")
      out.until = must(base::parse_time(value()));
    else if (word == "--disk")
      out.disk = value();
    else
      throw std::runtime_error(
          "usage: z4j-seed [--tasks N] [--days N] [--engines N] [--until TIME] [--disk FOLDER]\n"
          "TIME is when the month ends, now when it is not told; FOLDER is where the database "
          "keeps its files");
  }
  if (out.tasks < 1000 || out.tasks > 100'000'000 || out.days < 1 || out.days > 365 ||
      (out.engines != 2 && out.engines != 4))
    throw std::runtime_error("--tasks takes 1000 to 100000000, --days 1 to 365, --engines 2 or 4");
  return out;
}

void check_disk(const std::string& folder, std::uint64_t tasks_left) {
  std::error_code ec;
  const auto space = std::filesystem::space(folder, ec);
  if (ec) throw std::runtime_error(folder + ": " + ec.message() + "; --disk says where to look");
  const std::uint64_t need = tasks_left * kBytesPerTask;
  if (space.available < need) {
    throw std::runtime_error("the disk under " + folder +
                             " is short: " + std::to_string(need >> 20) + " MiB needed, " +
                             std::to_string(space.available >> 20) + " MiB free");
  }
}

config::PluginEntry storage_of(const config::DatabaseUrl& url) {
  config::PluginEntry entry;
  entry.name = "storage";
  entry.required = true;
  entry.where = "Z4J_DATABASE_URL";
  if (url.kind == config::DatabaseUrl::Kind::postgresql) {
    entry.plugin = "storage-postgresql";
    entry.settings["url"] = url.url;
  } else {
    entry.plugin = "storage-sqlite";
    entry.settings["path"] = url.path;
  }
  return entry;
}

std::string read_meta(core::Store& store, const std::string& key) {
  core::Query query(core::Table::meta);
  query.where.eq(meta_col::key, key);
  const auto row = must(store.first(query.columns({meta_col::value})));
  return row ? std::string(row->text(meta_col::value)) : std::string();
}

core::Rows meta_rows(const std::string& key, const std::string& value, base::TimeUs now) {
  core::Rows rows(core::Table::meta);
  rows.begin().text(meta_col::key, key).text(meta_col::value, value).num(meta_col::updated_at, now);
  return rows;
}

class Seeder {
 public:
  Seeder(core::Store& store, const Arguments& arguments, const std::string& disk) : store_(store) {
    core::Query query(core::Table::projects);
    query.where.eq(project_col::slug, "default");
    const auto project = must(store_.first(query.columns({project_col::id})));
    if (!project)
      throw std::runtime_error("there is no project yet: start a brain on this database once");
    source_.project_id = project->uuid(project_col::id);
    source_.agent_id = base::Uuid::named(source_.project_id, "seed");
    plan_.tasks = arguments.tasks;
    plan_.days = arguments.days;
    plan_.engines = arguments.engines;

    const std::string what = std::to_string(plan_.tasks) + " tasks, " + std::to_string(plan_.days) +
                             " days, " + std::to_string(plan_.engines) + " engines, " +
                             std::to_string(store_.lanes()) + " lanes";
    const base::TimeUs now = base::SystemClock().now();
    if (const std::string before = read_meta(store_, "seed"); before.empty()) {
      check_disk(disk, plan_.tasks);
      plan_.until =
          (arguments.until != 0 ? arguments.until : now) / base::kSecondUs * base::kSecondUs;
      core::Commit commit;
      commit.insert(meta_rows("seed", what + " until " + base::format_time(plan_.until), now));
      must(store_.commit(commit));
    } else {
      const std::size_t until = before.find(" until ");
      if (before.substr(0, until) != what)
        throw std::runtime_error("this database is being filled with " + before.substr(0, until) +
                                 ": say the same, or take an empty one");
      plan_.until = must(base::parse_time(before.substr(until + 7)));
      if (arguments.until != 0 && arguments.until != plan_.until)
        throw std::runtime_error("this database is being filled until " + before.substr(until + 7) +
                                 ": say the same, or take an empty one");
    }
    for (unsigned lane = 0; lane < store_.lanes(); ++lane) {
      const std::string place = read_meta(store_, place_key(lane));
      next_.push_back(place.empty() ? lane : std::stoull(place));
      done_ += std::min(plan_.tasks, (next_.back() - lane) / store_.lanes() * kTasksPerCommit);
    }
    check_disk(disk, plan_.tasks - std::min<std::uint64_t>(plan_.tasks, done_));
  }

  void run() {
    const auto begin = SteadyClock::now();
    const std::uint64_t had = done_;
    std::vector<std::thread> lanes;
    for (unsigned lane = 0; lane < store_.lanes(); ++lane)
      lanes.emplace_back([this, lane] { fill(lane); });
    std::thread teller([&] {
      std::unique_lock lock(mutex_);
      while (!over_.wait_for(lock, std::chrono::seconds(5), [this] { return is_over_; }))
        tell(begin, had);
    });
    for (std::thread& lane : lanes) lane.join();
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    over_.notify_all();
    teller.join();
    tell(begin, had);
    if (!trouble_.empty()) throw std::runtime_error(trouble_);
    std::printf("%s\n", base::json::write(told(plan_, source_)).c_str());
  }

 private:
  static std::string place_key(unsigned lane) { return "seed_lane_" + std::to_string(lane); }

  void tell(SteadyClock::time_point begin, std::uint64_t had) {
    const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
    const std::uint64_t done = std::min<std::uint64_t>(done_, plan_.tasks);
    std::fprintf(stderr, "%llu of %llu tasks, %.0f a second\n",
                 static_cast<unsigned long long>(done),
                 static_cast<unsigned long long>(plan_.tasks),
                 static_cast<double>(done - had) / std::max(seconds, 0.001));
  }

  // Commits are numbered; every lane takes those that fall to it.
  void fill(unsigned lane) try {
    for (std::uint64_t n = next_[lane]; n * kTasksPerCommit < plan_.tasks; n += store_.lanes()) {
      if (is_stopping_) return;
      const std::uint64_t from = n * kTasksPerCommit;
      const std::uint64_t to = std::min(plan_.tasks, from + kTasksPerCommit);
      std::deque<SeedTask> tasks;
      core::EventRefs events;
      for (std::uint64_t i = from; i < to; ++i) {
        for (const core::Event& e : tasks.emplace_back(plan_, i, source_).events())
          events.push_back(&e);
      }
      core::BatchCommit batch = core::make_commit(events, {}, lane, {});
      batch.commit.merge(meta_rows(place_key(lane), std::to_string(n + store_.lanes()),
                                   base::SystemClock().now()));
      must(store_.commit_on(lane, batch.commit));
      done_ += to - from;
    }
  } catch (const std::exception& e) {
    is_stopping_ = true;
    const std::lock_guard lock(mutex_);
    trouble_ = e.what();
  }

  static void must(base::Status status) {
    if (!status) throw std::runtime_error(status.error().text());
  }
  template <class T>
  static T must(base::Result<T> result) {
    return scale::must(std::move(result));
  }

  core::Store& store_;
  SeedPlan plan_;
  core::EventSource source_;
  std::vector<std::uint64_t> next_;  // by lane
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<bool> is_stopping_ = false;
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;  // guarded by mutex_, as is the next
  std::string trouble_;
};

int run(int argc, char** argv) {
  const Arguments arguments = parse(argc, argv);
  const char* said = std::getenv("Z4J_DATABASE_URL");
  if (said == nullptr) throw std::runtime_error("Z4J_DATABASE_URL must say which database");
  const auto url = must(config::parse_database_url(said));
  std::string disk = arguments.disk;
  if (disk.empty() && url.kind == config::DatabaseUrl::Kind::sqlite)
    disk = std::filesystem::absolute(url.path).parent_path().string();
  if (disk.empty())
    throw std::runtime_error(
        "--disk must say where PostgreSQL keeps its files, to see whether "
        "there is room");
  const base::SystemClock clock;
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  plugin::Host host(std::move(options), {}, base::Log::quiet(), clock);
  if (auto started = host.start(storage_of(url)); !started)
    throw std::runtime_error(started.error().text());
  const auto store = must(core::Store::open(must(host.storage("storage")), {}));
  Seeder(*store, arguments, disk).run();
  return 0;
}

}  // namespace
}  // namespace z4j::scale

int main(int argc, char** argv) {
  try {
    return z4j::scale::run(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "z4j-seed: %s\n", e.what());
    return 1;
  }
}
