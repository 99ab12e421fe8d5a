// z4j-bench-ingest: how fast events reach the database through the kernel and a driver, against the
// ceiling of the same run: the same rows written by its bare client library (ceiling.hpp). Both
// take turns chunk by chunk, so that a busy machine slows both. Prints figures and, as its last
// line, "ratio 0.NN".
//
// With --rate N it instead sends N events a second and prints how long they took to be committed.
// On PostgreSQL, which it starts itself unless --url names one, --sql TEXT runs once the tables are
// made: "DROP INDEX tasks_text" shows what that index costs.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <z4j/plugin.hpp>

#include "ceiling.hpp"
#include "core/ingest.hpp"
#include "cpu.hpp"
#include "model/tables.hpp"
#include "plugin/host.hpp"
#include "private_postgres.hpp"
#include "raw_postgresql.hpp"
#include "raw_sqlite.hpp"

namespace z4j::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint32_t kBatchRows = 500;
constexpr std::uint32_t kChunkRows = 60'000;

struct Arguments {
  std::string storage = "sqlite", folder, url, sql;
  int seconds = 20;
  std::uint64_t events = 0;  // 0: as many as the seconds allow
  unsigned rate = 0;
  unsigned rows = 0, lanes = 0;  // 0: what the driver likes
  std::size_t running = 64;      // tasks between their receipt and their end
  double grow_at_most_mib = 0;   // 0: not looked at
  bool ceiling = true;
};

double seconds(SteadyClock::duration d) { return std::chrono::duration<double>(d).count(); }

double resident_mib() {
  std::ifstream in("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  in >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// Lives of Celery tasks: received, started, succeeded or failed, interleaved as workers would;
// about 445 bytes an event on average.
class Load {
 public:
  Load(base::TimeUs from, std::size_t running) : now_(from), tasks_(running) {}

  void batch(BatchBuilder& builder, std::uint32_t rows) {
    builder.clear();
    for (std::uint32_t i = 0; i < rows; ++i) row(builder);
    sent_ += rows;
  }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }

 private:
  struct Task {
    std::string id;
    unsigned step = 0, name = 0, worker = 0;
  };

  void row(BatchBuilder& b) {
    now_ += 37;
    while (running_.size() < tasks_) {
      Task task;
      task.id = base::Uuid::random().text();
      task.name = static_cast<unsigned>(random_() % 20);
      task.worker = static_cast<unsigned>(random_() % 8);
      running_.push_back(std::move(task));
    }
    std::swap(running_[random_() % running_.size()], running_.back());
    Task& task = running_.back();
    const bool fails = task.name == 7;
    const std::uint16_t end = fails ? Z4J_EV_FAILED : Z4J_EV_SUCCEEDED;
    b.begin_row(now_, task.step == 0   ? std::uint16_t{Z4J_EV_RECEIVED}
                      : task.step == 1 ? std::uint16_t{Z4J_EV_STARTED}
                                       : end);
    b.engine("celery");
    b.task("shop.tasks.order_number_" + std::to_string(task.name));
    b.queue(task.name % 3 == 0 ? "priority" : "default");
    b.worker("celery@worker-" + std::to_string(task.worker));
    b.task_id(task.id);
    b.root_id(task.id);
    if (task.step == 0) {
      b.attrs_json(
          R"x({"args":"(4711, 'Order of a customer in the north', [1, 2, 3, 4, 5, 6, 7, 8])","args_is_repr":true,)x"
          R"x("kwargs":"{'warehouse': 'hall-4', 'express': True, 'note': 'leave at the door, ring twice', 'items': 17}",)x"
          R"x("kwargs_is_repr":true,"retry_count":0,"hostname":"celery@worker-3","pid":1290,"clock":9918231,"priority":"normal",)x"
          R"x("reply_to":"2f1c5f0e-6d19-3b14-8f3a-64b1a8f3c2d1","delivery":{"exchange":"","routing_key":"default","redelivered":false},)x"
          R"x("expires":null,"eta":null,"timelimit":[null,null]})x");
    } else if (task.step == 1) {
      b.attrs_json(
          R"x({"hostname":"celery@worker-3","pid":1290,"clock":9918232,"utcoffset":0,"sw_ident":"py-celery","sw_ver":"5.2.7",)x"
          R"x("sw_sys":"Linux","note":"picked up by the prefetching consumer of pool process number four"})x");
    } else if (fails) {
      b.runtime_us(static_cast<std::int64_t>(random_() % 3'000'000));
      b.attrs_json(
          R"x({"exception":"ValueError('order is not payable')","traceback":"Traceback (most recent call last):\n  File \"/srv/shop/tasks.py\", line 81, in place\n    charge(order)\n  File \"/srv/shop/pay.py\", line 17, in charge\n    raise ValueError('order is not payable')\n","hostname":"celery@worker-3","pid":1290,"clock":9918239})x");
    } else {
      b.runtime_us(static_cast<std::int64_t>(random_() % 3'000'000));
      b.attrs_json(
          R"x({"result":"{'order': 4711, 'state': 'placed', 'lines': 17, 'invoice': 'R-2026-004711', 'weight': 12.5}","result_is_repr":true,)x"
          R"x("hostname":"celery@worker-3","pid":1290,"clock":9918239,"utcoffset":0})x");
    }
    if (++task.step == 3) running_.pop_back();
  }

  base::TimeUs now_;
  std::size_t tasks_;
  std::mt19937_64 random_{20'260'601};
  std::vector<Task> running_;
  std::uint64_t sent_ = 0;
};

// An Ingest over a store, with a way to wait for its commits.
class Side {
 public:
  Side(std::shared_ptr<plugin::StorageClient> driver, const base::Clock& clock, unsigned rows)
      : store_(std::move(core::Store::open(std::move(driver), {})).value()) {
    core::Ingest::Options options;
    options.clock = &clock;
    options.log = &base::Log::quiet();
    options.max_rows = rows;
    options.on_changed = [this](const base::Uuid&, std::string_view) { committed(); };
    ingest_ = std::move(core::Ingest::make(*store_, std::move(options))).value();
    ingest_->start();
  }

  void push(BatchBuilder& builder) {
    const z4j_event_batch batch = builder.batch();
    for (;;) {
      const base::Status pushed = ingest_->push(source_, batch);
      if (pushed) return;
      if (pushed.error().code != base::Code::busy) throw std::runtime_error(pushed.error().text());
      ++busy_;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void wait_for(std::uint64_t persisted) {
    std::unique_lock lock(mutex_);
    while (persisted_ < persisted) {
      const std::uint64_t before = persisted_;
      if (!changed_.wait_for(lock, std::chrono::seconds(120),
                             [&] { return persisted_ != before; })) {
        throw std::runtime_error("the store made no progress for two minutes");
      }
    }
  }
  [[nodiscard]] std::uint64_t persisted() {
    const std::lock_guard lock(mutex_);
    return persisted_;
  }
  [[nodiscard]] std::uint64_t busy() const noexcept { return busy_; }
  // Called on each commit with the events stored so far.
  std::function<void(std::uint64_t)> on_commit;

 private:
  void committed() {
    const auto stats = ingest_->stats();
    std::uint64_t persisted = 0;
    for (const auto& agent : stats.agents) persisted += agent.persisted;
    if (on_commit) on_commit(persisted);
    const std::lock_guard lock(mutex_);
    persisted_ = persisted;
    changed_.notify_all();
  }

  std::unique_ptr<core::Store> store_;
  core::EventSource source_{base::Uuid::random(), base::Uuid::random(), "bench"};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t persisted_ = 0;  // guarded by mutex_
  std::uint64_t busy_ = 0;
  std::unique_ptr<core::Ingest> ingest_;
};

class Folder {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {
    if (!path_.empty()) {
      std::filesystem::create_directories(path_);
      return;
    }
    path_ = (std::filesystem::temp_directory_path() / "z4j_bench_XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("no folder could be made under the temporary folder");
  }
  ~Folder() {
    std::error_code ec;
    for (const char* name : {"ours.sqlite", "raw.sqlite"}) {
      for (const char* more : {"", "-wal", "-shm", ".lock"})
        std::filesystem::remove(path_ + "/" + name + more, ec);
    }
    std::filesystem::remove(path_, ec);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// One side's share of a run.
struct Figures {
  SteadyClock::duration spent{};
  double server_cpu = 0, client_cpu = 0;

  void print(const char* side, std::uint64_t events, bool with_cpu) const {
    const auto n = static_cast<double>(events);
    std::printf("%-7s %.0f events/s", side, n / seconds(spent));
    if (with_cpu)
      std::printf(", CPU per event: server %.1f us, client %.1f us", server_cpu / n * 1e6,
                  client_cpu / n * 1e6);
    std::printf("\n");
  }
};

// Adds to the figures what passes until its end.
class Turn {
 public:
  Turn(Figures& figures, pid_t server)
      : figures_(figures), server_(server), server_cpu_(server_cpu()), own_cpu_(own_cpu()) {}
  ~Turn() {
    figures_.spent += SteadyClock::now() - from_;
    figures_.server_cpu += server_cpu() - server_cpu_;
    figures_.client_cpu += own_cpu() - own_cpu_;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  [[nodiscard]] double server_cpu() const { return server_ > 0 ? cpu_of_children(server_) : 0; }

  Figures& figures_;
  pid_t server_;
  double server_cpu_, own_cpu_;
  SteadyClock::time_point from_ = SteadyClock::now();
};

void measure_throughput(const Arguments& arguments, Side& ours, Side* raw, Ceiling* ceiling,
                        pid_t server) {
  Load load(base::SystemClock().now() - 3600 * base::kSecondUs, arguments.running);
  std::vector<std::unique_ptr<BatchBuilder>> chunk;
  for (std::uint32_t i = 0; i < kChunkRows / kBatchRows; ++i)
    chunk.push_back(std::make_unique<BatchBuilder>());
  const auto begin = SteadyClock::now();
  Figures our_figures, raw_figures;
  SteadyClock::duration printed{};
  std::uint64_t bytes = 0;
  double settled_mib = 0;  // after a tenth of the events
  for (;;) {
    bytes = 0;
    for (auto& builder : chunk) {
      load.batch(*builder, kBatchRows);
      bytes += builder->batch().bytes;
    }
    {
      const Turn turn(our_figures, server);
      for (auto& builder : chunk) ours.push(*builder);
      ours.wait_for(load.sent());
    }
    if (raw != nullptr) {
      for (auto& builder : chunk) raw->push(*builder);
      raw->wait_for(load.sent());
      const Turn turn(raw_figures, server);
      ceiling->catch_up();
    }
    const auto so_far = SteadyClock::now() - begin;
    if (so_far - printed >= std::chrono::seconds(2)) {
      printed = so_far;
      std::printf("%7.1f s  %10llu events  ours %8.0f/s", seconds(so_far),
                  static_cast<unsigned long long>(load.sent()),
                  static_cast<double>(load.sent()) / seconds(our_figures.spent));
      if (ceiling != nullptr)
        std::printf("  ceiling %8.0f/s",
                    static_cast<double>(load.sent()) / seconds(ceiling->spent()));
      std::printf("  RSS %6.1f MiB\n", resident_mib());
      std::fflush(stdout);
    }
    if (settled_mib == 0 && load.sent() >= arguments.events / 10) settled_mib = resident_mib();
    const bool time_is_up = so_far >= std::chrono::seconds(arguments.seconds);
    if (arguments.events != 0 ? load.sent() >= arguments.events : time_is_up) break;
  }
  std::printf("events %llu, %llu bytes each as emitted, RSS %.1f MiB\n",
              static_cast<unsigned long long>(load.sent()),
              static_cast<unsigned long long>(bytes / kChunkRows), resident_mib());
  our_figures.print("ours", load.sent(), server > 0);
  if (arguments.grow_at_most_mib != 0 &&
      resident_mib() - settled_mib > arguments.grow_at_most_mib) {
    throw std::runtime_error("memory grew from " + std::to_string(settled_mib) + " to " +
                             std::to_string(resident_mib()) + " MiB");
  }
  if (ceiling == nullptr) return;
  raw_figures.spent = ceiling->spent();
  raw_figures.print("ceiling", load.sent(), server > 0);
  std::printf("ratio %.2f\n", seconds(raw_figures.spent) / seconds(our_figures.spent));
}

void measure_delay(const Arguments& arguments, Side& ours) {
  std::mutex mutex;
  std::deque<SteadyClock::time_point> pushed_at;  // guarded by mutex
  std::vector<double> delays_ms;                  // guarded by mutex
  std::uint64_t done = 0;                         // guarded by mutex
  ours.on_commit = [&](std::uint64_t persisted) {
    const auto now = SteadyClock::now();
    const std::lock_guard lock(mutex);
    for (; done < persisted && !pushed_at.empty(); ++done) {
      delays_ms.push_back(seconds(now - pushed_at.front()) * 1000);
      pushed_at.pop_front();
    }
  };
  Load load(base::SystemClock().now() - 3600 * base::kSecondUs, arguments.running);
  BatchBuilder builder;
  const std::uint32_t rows = std::max(1u, arguments.rate / 100);
  const auto begin = SteadyClock::now();
  while (SteadyClock::now() - begin < std::chrono::seconds(arguments.seconds)) {
    load.batch(builder, rows);
    {
      const std::lock_guard lock(mutex);
      pushed_at.insert(pushed_at.end(), rows, SteadyClock::now());
    }
    ours.push(builder);
    std::this_thread::sleep_until(
        begin + std::chrono::microseconds(load.sent() * 1'000'000 / arguments.rate));
  }
  ours.wait_for(load.sent());
  const std::lock_guard lock(mutex);
  std::sort(delays_ms.begin(), delays_ms.end());
  const auto at = [&](double share) {
    return delays_ms.at(
        static_cast<std::size_t>(static_cast<double>(delays_ms.size() - 1) * share));
  };
  std::printf(
      "%u events/s for %d s: event to commit p50 %.1f ms, p99 %.1f ms, max %.1f ms, RSS %.1f MiB\n",
      arguments.rate, arguments.seconds, at(0.5), at(0.99), at(1), resident_mib());
}

void measure(const Arguments& arguments, std::shared_ptr<plugin::StorageClient> driver,
             const std::shared_ptr<Ceiling>& ceiling, pid_t server) {
  const base::SystemClock clock;
  Side ours(std::move(driver), clock, arguments.rows);
  if (arguments.rate != 0) return measure_delay(arguments, ours);
  if (ceiling == nullptr) return measure_throughput(arguments, ours, nullptr, nullptr, server);
  Side raw(ceiling, clock, arguments.rows);
  measure_throughput(arguments, ours, &raw, ceiling.get(), server);
}

std::shared_ptr<plugin::StorageClient> start(plugin::Host& host, const config::PluginEntry& entry) {
  if (auto started = host.start(entry); !started) throw std::runtime_error(started.error().text());
  return std::move(host.storage(entry.name)).value();
}

void on_sqlite(const Arguments& arguments, plugin::Host& host) {
  const Folder folder(arguments.folder);
  config::PluginEntry entry;
  entry.name = "store";
  entry.plugin = "storage-sqlite";
  entry.settings["path"] = folder.file("ours.sqlite");
  auto ceiling = arguments.ceiling ? std::make_shared<RawSqlite>(folder.file("raw.sqlite"),
                                                                 folder.file("ours.sqlite"))
                                   : nullptr;
  measure(arguments, start(host, entry), ceiling, 0);
  host.stop_all();
}

// What decides the speed of the server.
std::string settings_of(const std::string& url) {
  return run_sql(url,
                 "SELECT string_agg(name||'='||current_setting(name),' ' ORDER BY name) FROM "
                 "pg_settings WHERE name IN ('synchronous_commit','fsync','full_page_writes',"
                 "'shared_buffers','max_wal_size','wal_compression','checkpoint_timeout',"
                 "'server_version','autovacuum')");
}

void on_postgresql(const Arguments& arguments, plugin::Host& host) {
  std::unique_ptr<testing::PrivatePostgres> server;
  std::string url = arguments.url;
  if (url.empty()) {
    server = std::make_unique<testing::PrivatePostgres>(std::vector<std::string>{
        "fsync=on", "full_page_writes=on", "synchronous_commit=on", "shared_buffers=1GB",
        "wal_compression=lz4", "max_wal_size=4GB", "min_wal_size=2GB"});
    url = server->url();
    // A server that has run for a while writes its log into old files, which is faster than into
    // new ones.
    (void)run_sql(url,
                  "DO $$ BEGIN FOR i IN 1..96 LOOP PERFORM pg_logical_emit_message(false,'z4j',"
                  "'x'); PERFORM pg_switch_wal(); END LOOP; END $$");
    (void)run_sql(url, "CHECKPOINT");
  }
  std::printf("%s", settings_of(url).c_str());
  const auto store = [&](const char* name) {
    config::PluginEntry entry;
    entry.name = name;
    entry.plugin = "storage-postgresql";
    entry.settings["url"] = url;
    entry.settings["schema"] = name;
    if (arguments.lanes != 0) entry.settings["writers"] = arguments.lanes;
    auto driver = start(host, entry);
    if (auto made = driver->migrate(model::schema(), false, 60'000); !made)
      throw std::runtime_error(made.error().text());
    if (!arguments.sql.empty())
      (void)run_sql(url, "SET search_path TO " + std::string(name) + ";" + arguments.sql);
    return driver;
  };
  auto ours = store("z4j_ours");
  std::shared_ptr<Ceiling> ceiling;
  if (arguments.ceiling)
    ceiling = std::make_shared<RawPostgresql>(url, "z4j_raw", store("z4j_raw")->info());
  measure(arguments, std::move(ours), ceiling, server ? server->pid() : 0);
  host.stop_all();
}

int run(const Arguments& arguments) {
  const base::SystemClock clock;
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  options.host_version = "bench";
  plugin::Host host(options, plugin::Callbacks{}, base::Log::quiet(), clock);
  arguments.storage == "sqlite" ? on_sqlite(arguments, host) : on_postgresql(arguments, host);
  return 0;
}

int usage(const char* why) {
  std::fprintf(stderr,
               "z4j-bench-ingest: %s\n"
               "usage: z4j-bench-ingest --storage sqlite|postgresql [--seconds N] [--events N] "
               "[--rate N] [--no-ceiling] [--grow-at-most MIB] [--rows N] [--running N]\n"
               "       sqlite: [--folder PATH]; postgresql: [--url URL] [--sql TEXT] [--lanes N]\n",
               why);
  return 2;
}

}  // namespace
}  // namespace z4j::bench

int main(int argc, char** argv) {
  z4j::bench::Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--no-ceiling") {
      arguments.ceiling = false;
      continue;
    }
    if (i + 1 == argc) return z4j::bench::usage((flag + " wants a value").c_str());
    const std::string value = argv[++i];
    const auto number = std::strtoull(value.c_str(), nullptr, 10);
    if (flag == "--storage") {
      arguments.storage = value;
    } else if (flag == "--folder") {
      arguments.folder = value;
    } else if (flag == "--url") {
      arguments.url = value;
    } else if (flag == "--sql") {
      arguments.sql = value;
    } else if (flag == "--rows" && number > 0 && number <= 10'000) {
      arguments.rows = static_cast<unsigned>(number);
    } else if (flag == "--lanes" && number > 0 && number <= 8) {
      arguments.lanes = static_cast<unsigned>(number);
    } else if (flag == "--running" && number > 0 && number <= 1'000'000) {
      arguments.running = static_cast<std::size_t>(number);
    } else if (flag == "--seconds" && number > 0 && number < 1'000'000) {
      arguments.seconds = static_cast<int>(number);
    } else if (flag == "--events" && number > 0) {
      arguments.events = number;
    } else if (flag == "--grow-at-most" && number > 0) {
      arguments.grow_at_most_mib = static_cast<double>(number);
    } else if (flag == "--rate" && number > 0 && number < 1'000'000) {
      arguments.rate = static_cast<unsigned>(number);
    } else {
      return z4j::bench::usage((flag + " " + value + " is not understood").c_str());
    }
  }
  if (arguments.storage != "sqlite" && arguments.storage != "postgresql")
    return z4j::bench::usage("the storage must be sqlite or postgresql");
  try {
    return z4j::bench::run(arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "z4j-bench-ingest: %s\n", e.what());
    return 1;
  }
}
