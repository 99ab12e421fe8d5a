// z4j-bench-isolation: what a process of its own costs a plugin. The same engine runs inline and in
// a process, in turns, and emits the same events: once to a kernel that only copies them, once
// through ingest into SQLite; then it answers calls. Beside them, in the same run, what the machine
// can do at best: copying the bytes of those batches, and a byte there and back over a socket pair
// between two processes. Prints figures and, as its last line, "ratio 0.NN": ingest in a process
// against ingest inline. Fails below --at-least.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/ingest.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"
#include "plugin/process/batch.hpp"

namespace z4j::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using base::json::Object;

constexpr int kRows = 1000;
constexpr int kBatchesPerTurn = 30, kSameBatchesPerTurn = 300, kCallsPerTurn = 500;
const char* const kModes[] = {"inline", "process"};

double seconds(SteadyClock::duration d) { return std::chrono::duration<double>(d).count(); }

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "z4j_bench_XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr)
      throw std::runtime_error("no folder could be made under the temporary folder");
  }
  ~Folder() {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What the kernel does with a batch at this moment: counts the copies, or takes it in.
class Kernel {
 public:
  explicit Kernel(const base::Clock& clock) {
    plugin::Host::Options options;
    options.directories = {Z4J_PLUGIN_DIR, Z4J_TEST_PLUGIN_DIR};
    options.host_version = "bench";
    options.process_program = Z4J_TEST_PLUGIN_HOST;
    plugin::Callbacks callbacks;
    callbacks.emit = [this](const std::string& instance,
                            const z4j_event_batch& batch) -> base::Status {
      if (ingest_ != nullptr) return ingest_->push(sources_[instance == kModes[0] ? 0 : 1], batch);
      buffer_.resize(plugin::process::flat_bytes(batch));
      plugin::process::flatten(batch, buffer_);
      batch_bytes_ = buffer_.size();
      return {};
    };
    host_ = std::make_unique<plugin::Host>(std::move(options), std::move(callbacks),
                                           base::Log::quiet(), clock);
    config::PluginEntry store;
    store.name = "store";
    store.plugin = "storage-sqlite";
    store.isolation = "inline";
    store.settings["path"] = folder_.path() + "/bench.sqlite";
    start(store);
    for (const char* mode : kModes) {
      config::PluginEntry entry;
      entry.name = entry.isolation = mode;
      entry.plugin = "test-engine";
      start(entry);
    }
    store_ = std::move(core::Store::open(host_->storage("store").value(), {})).value();
    core::Ingest::Options ingest;
    ingest.clock = &clock;
    ingest.log = &base::Log::quiet();
    ingest.on_changed = [this](const base::Uuid&, std::string_view) { committed(); };
    made_ = std::move(core::Ingest::make(*store_, std::move(ingest))).value();
    made_->start();
  }
  ~Kernel() {
    made_.reset();
    store_.reset();
    host_.reset();
  }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  void copy_only() { ingest_ = nullptr; }
  void take_in() { ingest_ = made_.get(); }

  std::string command(const char* mode, const char* target, const Object& arguments) {
    std::promise<base::Result<std::string>> promise;
    auto answer = promise.get_future();
    host_->command(mode, Z4J_ENGINE_ENQUEUE, target, base::json::write(arguments), 120'000,
                   [&promise](base::Result<std::string> r) { promise.set_value(std::move(r)); });
    auto got = answer.get();
    if (!got) throw std::runtime_error(got.error().text());
    return std::move(*got);
  }
  void wait_for(std::uint64_t persisted) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(120),
                           [&] { return persisted_ >= persisted; }))
      throw std::runtime_error("of " + std::to_string(persisted) + " events " +
                               std::to_string(persisted_) + " were stored within two minutes");
  }
  [[nodiscard]] std::size_t batch_bytes() const { return batch_bytes_; }

 private:
  void start(const config::PluginEntry& entry) {
    if (auto started = host_->start(entry); !started)
      throw std::runtime_error(started.error().text());
  }
  void committed() {
    std::uint64_t persisted = 0;
    for (const auto& agent : made_->stats().agents) persisted += agent.persisted;
    const std::lock_guard lock(mutex_);
    persisted_ = persisted;
    changed_.notify_all();
  }

  const Folder folder_;
  // Both instances tell of the same tasks: in one project they would be stored once.
  const core::EventSource sources_[2] = {{base::Uuid::random(), base::Uuid::random(), kModes[0]},
                                         {base::Uuid::random(), base::Uuid::random(), kModes[1]}};
  core::Ingest* ingest_ = nullptr;  // changes between turns only
  std::vector<char> buffer_;
  std::size_t batch_bytes_ = 0;
  std::unique_ptr<plugin::Host> host_;
  std::unique_ptr<core::Store> store_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t persisted_ = 0;  // guarded by mutex_
  std::unique_ptr<core::Ingest> made_;
};

// The copies that a batch needs at least: into shared memory and out of it.
double copied_events_a_second(std::size_t batch_bytes) {
  const std::vector<char> from(batch_bytes, 'x');
  std::vector<char> shared(batch_bytes), to(batch_bytes);
  std::size_t batches = 0;
  const auto begin = SteadyClock::now();
  while (SteadyClock::now() - begin < std::chrono::milliseconds(500)) {
    std::memcpy(shared.data(), from.data(), batch_bytes);
    std::memcpy(to.data(), shared.data(), batch_bytes);
    if (to[batches % batch_bytes] != 'x') throw std::runtime_error("memory forgets");
    ++batches;
  }
  return static_cast<double>(batches) * kRows / seconds(SteadyClock::now() - begin);
}

// Microseconds of each round trip.
std::vector<double> socket_round_trips() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) throw std::runtime_error("no socket pair");
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    ::close(pair[0]);  // else it never sees the end of it
    char byte = 0;
    while (::read(pair[1], &byte, 1) == 1 && ::write(pair[1], &byte, 1) == 1) {
    }
    ::_exit(0);
  }
  ::close(pair[1]);
  std::vector<double> out;
  for (int i = 0; i < 5000; ++i) {
    char byte = 'x';
    const auto begin = SteadyClock::now();
    if (::write(pair[0], &byte, 1) != 1 || ::read(pair[0], &byte, 1) != 1)
      throw std::runtime_error("the socket pair broke");
    out.push_back(seconds(SteadyClock::now() - begin) * 1e6);
  }
  ::close(pair[0]);
  ::waitpid(child, nullptr, 0);
  return out;
}

double at(std::vector<double>& values, double share) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(static_cast<double>(values.size() - 1) * share));
}

struct Side {
  std::uint64_t copied = 0, taken = 0;
  SteadyClock::duration copying{}, taking{};
  std::vector<double> calls_us;
};

void print_rate(const char* what, double inline_rate, double process_rate) {
  std::printf("%-28s inline %9.0f events/s   process %9.0f events/s   ratio %.2f\n", what,
              inline_rate, process_rate, process_rate / inline_rate);
}

int run(int for_seconds, double at_least) {
  // Before there are threads.
  std::vector<double> socket_us = socket_round_trips();
  const base::SystemClock clock;
  Kernel kernel(clock);
  Side sides[2];
  std::uint64_t persisted = 0;
  const auto begin = SteadyClock::now();
  for (int turn = 0; SteadyClock::now() - begin < std::chrono::seconds(for_seconds) || turn < 4;
       ++turn) {
    Side& side = sides[turn % 2];
    const char* const mode = kModes[turn % 2];
    const auto timed = [&](SteadyClock::duration& spent, const std::function<void()>& what) {
      const auto from = SteadyClock::now();
      what();
      if (turn >= 2) spent += SteadyClock::now() - from;  // the first of each warms up
    };
    kernel.copy_only();
    timed(side.copying, [&] {
      kernel.command(mode, "test:emit-many",
                     {{"batches", kSameBatchesPerTurn}, {"rows", kRows}, {"same", true}});
    });
    kernel.take_in();
    timed(side.taking, [&] {
      kernel.command(mode, "test:emit-many", {{"batches", kBatchesPerTurn}, {"rows", kRows}});
      persisted += std::uint64_t{kBatchesPerTurn} * kRows;
      kernel.wait_for(persisted);
    });
    for (int i = 0; i < kCallsPerTurn; ++i) {
      const auto from = SteadyClock::now();
      kernel.command(mode, "t", {});
      if (turn >= 2) side.calls_us.push_back(seconds(SteadyClock::now() - from) * 1e6);
    }
    if (turn < 2) continue;
    side.copied += std::uint64_t{kSameBatchesPerTurn} * kRows;
    side.taken += std::uint64_t{kBatchesPerTurn} * kRows;
  }
  const auto rate = [](std::uint64_t events, SteadyClock::duration spent) {
    return static_cast<double>(events) / seconds(spent);
  };
  std::printf("batches of %d events, %zu bytes each event\n", kRows, kernel.batch_bytes() / kRows);
  print_rate("emit, copied by the kernel", rate(sides[0].copied, sides[0].copying),
             rate(sides[1].copied, sides[1].copying));
  std::printf("%-28s        %9.0f events/s\n", "  ceiling: two memory copies",
              copied_events_a_second(kernel.batch_bytes()));
  const double ours = rate(sides[0].taken, sides[0].taking);
  const double apart = rate(sides[1].taken, sides[1].taking);
  print_rate("ingest into SQLite", ours, apart);
  for (int i = 0; i < 2; ++i) {
    std::printf("a command and its answer, %-7s p50 %6.1f us  p99 %6.1f us\n", kModes[i],
                at(sides[i].calls_us, 0.5), at(sides[i].calls_us, 0.99));
  }
  std::printf("  ceiling: socket round trip      p50 %6.1f us  p99 %6.1f us\n", at(socket_us, 0.5),
              at(socket_us, 0.99));
  std::printf("ratio %.2f\n", apart / ours);
  return apart / ours >= at_least ? 0 : 1;
}

}  // namespace
}  // namespace z4j::bench

int main(int argc, char** argv) {
  int seconds = 20;
  double at_least = 0.6;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--seconds") {
      seconds = std::atoi(argv[i + 1]);
    } else if (std::string_view(argv[i]) == "--at-least") {
      at_least = std::atof(argv[i + 1]);
    } else {
      argc = 2;
      break;
    }
  }
  if (argc % 2 == 0 || seconds < 1) {
    std::fputs("z4j-bench-isolation [--seconds N] [--at-least RATIO]\n", stderr);
    return 2;
  }
  try {
    return z4j::bench::run(seconds, at_least);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "z4j-bench-isolation: %s\n", e.what());
    return 1;
  }
}
