// z4j-bench-ingest: how fast events reach SQLite through the kernel and the driver, against the
// ceiling of the same run: the same rows written by bare prepared statements (raw_sqlite.hpp). Both
// take turns chunk by chunk, so that a busy machine slows both. Prints figures and, as its last
// line, "ratio 0.NN".
//
// With --rate N it instead sends N events a second and prints how long they took to be committed.
#include <unistd.h>

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

#include "core/ingest.hpp"
#include "plugin/host.hpp"
#include "raw_sqlite.hpp"

namespace z4j::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::uint32_t kBatchRows = 500;
constexpr std::uint32_t kChunkRows = 60'000;

struct Arguments {
  std::string storage = "sqlite", folder;
  int seconds = 20;
  std::uint64_t events = 0;  // 0: as many as the seconds allow
  unsigned rate = 0;
  double grow_at_most_mib = 0;  // 0: not looked at
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
  explicit Load(base::TimeUs from) : now_(from) {}

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
    while (running_.size() < 64) {
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
  std::mt19937_64 random_{20'260'601};
  std::vector<Task> running_;
  std::uint64_t sent_ = 0;
};

// An Ingest over a store, with a way to wait for its commits.
class Side {
 public:
  Side(std::shared_ptr<plugin::StorageClient> driver, const base::Clock& clock)
      : store_(std::move(core::Store::open(std::move(driver), {})).value()) {
    core::Ingest::Options options;
    options.clock = &clock;
    options.log = &base::Log::quiet();
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

void measure_throughput(const Arguments& arguments, Side& ours, Side* raw,
                        const RawSqlite* ceiling) {
  Load load(base::SystemClock().now() - 3600 * base::kSecondUs);
  std::vector<std::unique_ptr<BatchBuilder>> chunk;
  for (std::uint32_t i = 0; i < kChunkRows / kBatchRows; ++i)
    chunk.push_back(std::make_unique<BatchBuilder>());
  const auto begin = SteadyClock::now();
  SteadyClock::duration ours_spent{}, printed{};
  std::uint64_t bytes = 0;
  double settled_mib = 0;  // after a tenth of the events
  for (;;) {
    bytes = 0;
    for (auto& builder : chunk) {
      load.batch(*builder, kBatchRows);
      bytes += builder->batch().bytes;
    }
    const auto from = SteadyClock::now();
    for (auto& builder : chunk) ours.push(*builder);
    ours.wait_for(load.sent());
    ours_spent += SteadyClock::now() - from;
    if (raw != nullptr) {
      for (auto& builder : chunk) raw->push(*builder);
      raw->wait_for(load.sent());
    }
    const auto so_far = SteadyClock::now() - begin;
    if (so_far - printed >= std::chrono::seconds(2)) {
      printed = so_far;
      std::printf("%7.1f s  %10llu events  ours %8.0f/s", seconds(so_far),
                  static_cast<unsigned long long>(load.sent()),
                  static_cast<double>(load.sent()) / seconds(ours_spent));
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
  const double rate = static_cast<double>(load.sent()) / seconds(ours_spent);
  std::printf("events %llu, %llu bytes each as emitted, RSS %.1f MiB\n",
              static_cast<unsigned long long>(load.sent()),
              static_cast<unsigned long long>(bytes / kChunkRows), resident_mib());
  std::printf("ours    %.0f events/s\n", rate);
  if (arguments.grow_at_most_mib != 0 &&
      resident_mib() - settled_mib > arguments.grow_at_most_mib) {
    throw std::runtime_error("memory grew from " + std::to_string(settled_mib) + " to " +
                             std::to_string(resident_mib()) + " MiB");
  }
  if (ceiling == nullptr) return;
  const double top = static_cast<double>(load.sent()) / seconds(ceiling->spent());
  std::printf("ceiling %.0f events/s\n", top);
  std::printf("ratio %.2f\n", rate / top);
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
  Load load(base::SystemClock().now() - 3600 * base::kSecondUs);
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

int run(const Arguments& arguments) {
  const base::SystemClock clock;
  const Folder folder(arguments.folder);
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  options.host_version = "bench";
  plugin::Host host(options, plugin::Callbacks{}, base::Log::quiet(), clock);
  config::PluginEntry entry;
  entry.name = "store";
  entry.plugin = "storage-sqlite";
  entry.settings["path"] = folder.file("ours.sqlite");
  if (auto started = host.start(entry); !started) throw std::runtime_error(started.error().text());
  {
    Side ours(std::move(host.storage("store")).value(), clock);
    if (arguments.rate != 0) {
      measure_delay(arguments, ours);
    } else if (arguments.ceiling) {
      const auto ceiling =
          std::make_shared<RawSqlite>(folder.file("raw.sqlite"), folder.file("ours.sqlite"));
      Side raw(ceiling, clock);
      measure_throughput(arguments, ours, &raw, ceiling.get());
    } else {
      measure_throughput(arguments, ours, nullptr, nullptr);
    }
  }
  host.stop_all();
  return 0;
}

int usage(const char* why) {
  std::fprintf(stderr,
               "z4j-bench-ingest: %s\n"
               "usage: z4j-bench-ingest --storage sqlite [--seconds N] [--events N] [--folder "
               "PATH] [--no-ceiling] [--rate N] [--grow-at-most MIB]\n",
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
  if (arguments.storage != "sqlite") return z4j::bench::usage("the storage must be sqlite");
  try {
    return z4j::bench::run(arguments);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "z4j-bench-ingest: %s\n", e.what());
    return 1;
  }
}
