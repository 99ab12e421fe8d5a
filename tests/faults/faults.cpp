// z4j-faults: plays a story per seed while things break, and judges what is stored afterwards. See
// README.md.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/event_decode.hpp"
#include "cut_proxy.hpp"
#include "ingester.hpp"
#include "private_postgres.hpp"
#include "story.hpp"

namespace z4j::faults {
namespace {

using testing::PrivatePostgres;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::seconds kStoryTime{400};  // beyond it a story counts as stuck
constexpr int kLongLeaseMs = 10'000;  // the woken one must not take it back from one that is slow

enum class Fault : std::uint8_t {
  kill_server,
  restart_server,
  kill_ingester,
  end_sessions,
  cut,
  swallow,
  lock,
  deadlock,
  step_clock,
  pause_ingester
};
constexpr unsigned kFaults = 10;

const char* name_of(Fault fault) {
  constexpr const char* kNames[] = {"server killed",    "server restarted",
                                    "ingester killed",  "sessions ended",
                                    "connections cut",  "answers swallowed",
                                    "rival holds lock", "rival deadlocks",
                                    "clock stepped",    "ingester paused and overtaken"};
  return kNames[static_cast<unsigned>(fault)];
}

struct Planned {
  std::size_t after = 0;  // so many acknowledged events
  Fault fault = Fault::cut;
};

std::vector<Planned> plan_of(std::uint32_t seed) {
  std::mt19937 random(seed * 2654435761u);
  std::vector<Planned> plan;
  // The first fault walks through all kinds, so that few seeds already meet each.
  plan.push_back({100 + random() % 1700, static_cast<Fault>(seed % kFaults)});
  for (auto n = random() % 3; n > 0; --n)
    plan.push_back({random() % 2200, static_cast<Fault>(random() % kFaults)});
  std::sort(plan.begin(), plan.end(),
            [](const Planned& a, const Planned& b) { return a.after < b.after; });
  return plan;
}

// No story: the database that the others are copies of, so that they need not make its tables.
constexpr std::uint32_t kMould = ~std::uint32_t{0};
const std::string kMouldName = "s" + std::to_string(kMould);

// An ingester in a process of its own.
class Ingester {
 public:
  explicit Ingester(const IngesterOrder& order) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    const std::vector<std::string> words{"z4j-faults",
                                         "--ingester",
                                         std::to_string(order.seed),
                                         std::to_string(order.began),
                                         std::to_string(order.first),
                                         order.home,
                                         order.project,
                                         order.agent,
                                         std::to_string(order.lease_ms)};
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    std::string url = "Z4J_FAULTS_URL=" + order.url;
    char* const environment[] = {url.data(), nullptr};
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(125);
      ::dup2(ends[1], STDOUT_FILENO);
      ::execve("/proc/self/exe", argv.data(), environment);
      ::_exit(127);
    }
    ::close(ends[1]);
    from_ = ends[0];
  }
  ~Ingester() {
    kill();
    ::close(from_);
  }
  Ingester(const Ingester&) = delete;
  Ingester& operator=(const Ingester&) = delete;

  void signal(int number) {
    if (pid_ > 0) ::kill(pid_, number);
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  // 0 when it ended well.
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  // Whole lines that came within a moment. Not is_open: it has ended, and no more will come.
  std::vector<std::string> lines() {
    pollfd p{from_, POLLIN, 0};
    char block[16384];
    if (::poll(&p, 1, 20) > 0) {
      const ssize_t n = ::read(from_, block, sizeof block);
      if (n <= 0)
        is_open_ = false;
      else
        text_.append(block, static_cast<std::size_t>(n));
    }
    std::vector<std::string> found;
    for (std::size_t at = 0; (at = text_.find('\n')) != std::string::npos;) {
      found.push_back(text_.substr(0, at));
      text_.erase(0, at + 1);
    }
    return found;
  }
  [[nodiscard]] bool is_open() const noexcept { return is_open_; }

 private:
  pid_t pid_ = 0;
  int from_ = -1;
  std::string text_;
  bool is_open_ = true;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Threads of psql that stand in the way; joined at the end.
class Rivals {
 public:
  Rivals(const PrivatePostgres& server, std::string database)
      : server_(server), database_(std::move(database)) {}
  ~Rivals() {
    for (std::thread& t : threads_) t.join();
  }
  void run(std::string text) {
    threads_.emplace_back([this, text = std::move(text)] {
      try {
        (void)server_.sql(text, database_);
      } catch (const std::exception&) {
        return;  // it may be the one that the server gives up, or the server is gone
      }
    });
  }

 private:
  const PrivatePostgres& server_;
  const std::string database_;
  std::vector<std::thread> threads_;
};

class Story {
 public:
  Story(PrivatePostgres& server, std::string folder, std::uint32_t seed)
      : server_(server),
        folder_(std::move(folder)),
        database_("s" + std::to_string(seed)),
        events_(story(seed, began_)) {
    order_.seed = seed;
    order_.began = began_;
    order_.home = folder_ + "/" + database_;
    order_.project = base::Uuid::random().text();
    order_.agent = base::Uuid::random().text();
    std::filesystem::create_directory(order_.home);
    server_.sql("CREATE DATABASE " + database_ + (seed != kMould ? " TEMPLATE " + kMouldName : ""));
    order_.url = server_.url(database_);
    order_.url.replace(order_.url.find("host="), std::string::npos, "host=" + folder_);
  }
  ~Story() {
    try {
      server_.sql("DROP DATABASE IF EXISTS " + database_ + " WITH (FORCE)");
    } catch (const std::exception&) {
      return;  // the server ends with the program
    }
  }
  Story(const Story&) = delete;
  Story& operator=(const Story&) = delete;

  // Only the tables.
  void make_mould() {
    order_.first = events_.size();
    Ingester ingester(order_);
    while (ingester.is_open()) (void)ingester.lines();
    if (ingester.wait() != 0) throw std::runtime_error("the tables can't be made");
    server_.sql("DELETE FROM z4j.agents", database_);
  }

  void play(CutProxy& proxy) {
    const auto deadline = SteadyClock::now() + kStoryTime;
    std::vector<Planned> plan = plan_of(order_.seed);
    Rivals rivals(server_, database_);
    auto ingester = std::make_unique<Ingester>(order_);
    std::string last;
    const auto beat = [&] {
      if (SteadyClock::now() > deadline) throw std::runtime_error("stuck; " + told());
      for (const std::string& line : ingester->lines()) {
        hear(line);
        if (line.starts_with("done ")) last = line;  // leases are given back after that
      }
    };
    while (ingester->is_open()) {
      beat();
      while (!plan.empty() && acknowledged_.size() >= plan.front().after) {
        const Fault fault = plan.front().fault;
        const bool needs_lease = fault == Fault::pause_ingester || fault == Fault::step_clock;
        if (needs_lease && !holds_lease_) break;  // it will soon
        plan.erase(plan.begin());
        faults_.push_back(name_of(fault));
        if (fault == Fault::kill_ingester) {
          ingester->kill();
          while (ingester->is_open())
            for (const std::string& line : ingester->lines()) hear(line);
          begin_again();
          ingester = std::make_unique<Ingester>(order_);
        } else if (fault == Fault::step_clock) {
          ingester->signal(SIGUSR1);
        } else if (fault == Fault::pause_ingester) {
          ingester->signal(SIGSTOP);
          Paused& paused = paused_.emplace_back();
          paused.agent = order_.agent;
          paused.on_disk = on_disk_;
          paused.ingester = std::move(ingester);
          // It has what another machine would have: another disk, and an agent of its own, which
          // tells the events of one from those of the other.
          order_.home += "x";
          order_.agent = base::Uuid::random().text();
          std::filesystem::create_directory(order_.home);
          order_.lease_ms = kLongLeaseMs;
          begin_again();
          ingester = std::make_unique<Ingester>(order_);
          while (!holds_lease_ && ingester->is_open()) beat();
          if (!holds_lease_) throw std::runtime_error("nobody took over");
          paused.stored = stored_by(paused.agent);
          paused.ingester->signal(SIGCONT);
        } else {
          strike(fault, proxy, rivals);
        }
      }
    }
    if (const int code = ingester->wait(); code != 0)
      throw std::runtime_error("the ingester ended with code " + std::to_string(code));
    if (last != "done 0") throw std::runtime_error("its last word was \"" + last + "\"");
    for (Paused& paused : paused_) {
      while (paused.ingester->is_open()) {
        if (SteadyClock::now() > deadline) throw std::runtime_error("stuck when woken; " + told());
        for (const std::string& line : paused.ingester->lines()) {
          if (line.starts_with("a ")) acknowledged_.insert(line.substr(2));
          if (line.starts_with("d ")) paused.on_disk.insert(line.substr(2));
        }
      }
      on_disk_.insert(paused.on_disk.begin(), paused.on_disk.end());
      if (const int code = paused.ingester->wait(); code != 0)
        throw std::runtime_error("the woken one ended with code " + std::to_string(code));
    }
  }

  void judge() {
    const std::string db = database_;
    std::map<std::string, std::vector<std::string>> of_task;
    std::set<std::string> stored;
    for (const std::string& line :
         lines_of(server_.sql("SELECT task_id||' '||kind FROM z4j.events", db))) {
      if (!stored.insert(line).second) throw std::runtime_error(line + " is stored twice");
      of_task[line.substr(0, line.find(' '))].push_back(line.substr(line.find(' ') + 1));
    }
    acknowledged_.merge(on_disk_);
    for (const std::string& fact : acknowledged_) {
      if (!stored.contains(fact)) throw std::runtime_error(fact + " was acknowledged and is lost");
    }
    std::set<std::string> all;
    for (const EventRow& e : events_)
      all.insert(e.task_id + " " + std::string(core::kind_name(e.kind)));
    if (!std::includes(all.begin(), all.end(), stored.begin(), stored.end()))
      throw std::runtime_error("something is stored that was never sent");
    if (!was_killed_ && stored != all) {
      throw std::runtime_error(std::to_string(all.size() - stored.size()) +
                               " events are lost although nobody killed the ingester");
    }
    const std::string events = std::to_string(stored.size());
    expect(events, "SELECT coalesce(sum(count),0) FROM z4j.task_minutes", "roll-ups count");
    expect(events, "SELECT sum(events_persisted) FROM z4j.agents", "the agent counts");
    expect("0", "SELECT count(*) FROM z4j.dead_letters", "dead letters hold");
    expect("0", "SELECT count(*) FROM z4j.tasks WHERE finished_at<started_at OR runtime_ms<0",
           "tasks that took less than no time number");
    for (const Paused& paused : paused_) {
      for (const std::string& fact : stored_by(paused.agent)) {
        if (!paused.stored.contains(fact) && !paused.on_disk.contains(fact))
          throw std::runtime_error(fact + " was stored by one that had been overtaken");
      }
    }
    expect(std::to_string(of_task.size()), "SELECT count(*) FROM z4j.tasks", "tasks number");
    for (const std::string& line :
         lines_of(server_.sql("SELECT task_id||' '||state FROM z4j.tasks", db))) {
      const std::string id = line.substr(0, line.find(' '));
      if (const std::string want = state_of(of_task[id]); line != id + " " + want)
        throw std::runtime_error("task " + line + ", but its events say " + want);
    }
  }

  [[nodiscard]] std::string told() const {
    std::string text = std::to_string(events_.size()) + " events told, " +
                       std::to_string(acknowledged_.size()) + " acknowledged, " +
                       std::to_string(unknown_) + " commits of unknown outcome";
    for (const std::string& fault : faults_) text += ", " + fault;
    return text;
  }

 private:
  // Stopped in its tracks, and woken when another had its lease.
  struct Paused {
    std::unique_ptr<Ingester> ingester;
    std::string agent;
    std::set<std::string> stored;   // when it was overtaken
    std::set<std::string> on_disk;  // that it may still store: they were acknowledged as durable
  };

  // What the next ingester is told: some of the story again, since the last one may have lost it.
  void begin_again() {
    was_killed_ = true;
    holds_lease_ = false;
    order_.first -= std::min<std::size_t>(order_.first, order_.seed % 300);
  }
  std::set<std::string> stored_by(const std::string& agent) {
    const std::vector<std::string> facts = lines_of(server_.sql(
        "SELECT task_id||' '||kind FROM z4j.events WHERE agent_id='" + agent + "'", database_));
    return {facts.begin(), facts.end()};
  }

  // The line, for the caller to remember.
  void hear(const std::string& line) {
    if (line.starts_with("a ")) acknowledged_.insert(line.substr(2));
    if (line.starts_with("d ")) on_disk_.insert(line.substr(2));
    if (line == "l") holds_lease_ = true;
    if (line == "u") ++unknown_;
    if (line.starts_with("p ")) order_.first = std::stoul(line.substr(2));
  }

  void strike(Fault fault, CutProxy& proxy, Rivals& rivals) {
    switch (fault) {
      case Fault::kill_server:
      case Fault::restart_server:
        server_.stop(fault == Fault::kill_server ? SIGKILL : SIGINT);
        server_.start();
        break;
      case Fault::end_sessions:
        server_.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='" +
                    database_ + "'");
        break;
      case Fault::cut:
        proxy.break_all(CutProxy::Fault::cut);
        break;
      case Fault::swallow:
        proxy.break_all(CutProxy::Fault::swallow);
        break;
      case Fault::lock:
        rivals.run("BEGIN;LOCK TABLE z4j.tasks IN EXCLUSIVE MODE;SELECT pg_sleep(0.6);COMMIT");
        break;
      case Fault::deadlock:
        // Takes the last thing that a commit wants, then waits for the first.
        for (int n = 0; n < 2; ++n) {
          rivals.run(
              "BEGIN;UPDATE z4j.agents SET name=name;SELECT pg_sleep(0.05);LOCK TABLE z4j.tasks IN "
              "EXCLUSIVE MODE;COMMIT");
        }
        break;
      case Fault::kill_ingester:
      case Fault::step_clock:
      case Fault::pause_ingester:
        break;
    }
  }

  void expect(const std::string& want, const std::string& query, const std::string& what) {
    const std::string got = server_.sql(query, database_);
    if (got != want) throw std::runtime_error(what + " " + got + ", expected " + want);
  }

  static std::string state_of(const std::vector<std::string>& kinds) {
    const auto has = [&](const char* kind) {
      return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
    };
    return has("task.succeeded") ? "success"
           : has("task.failed")  ? "failure"
           : has("task.revoked") ? "revoked"
           : has("task.started") ? "started"
                                 : "received";
  }

  PrivatePostgres& server_;
  const std::string folder_, database_;
  const base::TimeUs began_ = base::SystemClock().now();
  const std::vector<EventRow> events_;
  IngesterOrder order_;
  std::set<std::string> acknowledged_, on_disk_;
  std::vector<Paused> paused_;
  bool holds_lease_ = false;
  std::vector<std::string> faults_;
  unsigned unknown_ = 0;
  bool was_killed_ = false;
};

// Every `step`-th of so many seeds, on a server of its own. 0 when all went well.
int run(std::uint32_t from, std::uint32_t count, std::uint32_t step) {
  std::string folder = (std::filesystem::temp_directory_path() / "z4j_faults_XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
  unsigned played = 0, failed = 0;
  {
    PrivatePostgres server({"deadlock_timeout=50ms"});
    CutProxy proxy(folder, server.folder());
    Story mould(server, folder, kMould);
    mould.make_mould();
    for (std::uint32_t seed = from; seed < from + count; seed += step) {
      ++played;
      const auto began = SteadyClock::now();
      Story one(server, folder, seed);
      std::string verdict = "ok";
      try {
        one.play(proxy);
        one.judge();
      } catch (const std::exception& e) {
        ++failed;
        verdict = std::string("FAILED: ") + e.what() + " (again: z4j-faults --seeds 1 --from " +
                  std::to_string(seed) + ")";
      }
      const double took = std::chrono::duration<double>(SteadyClock::now() - began).count();
      std::printf("seed %u, %.1f s: %s: %s\n", seed, took, one.told().c_str(), verdict.c_str());
      std::fflush(stdout);
    }
  }
  std::error_code ec;
  std::filesystem::remove_all(folder, ec);
  std::printf("%u seeds, %u failed\n", played, failed);
  return failed == 0 ? 0 : 1;
}

// The seeds dealt out to so many processes.
int run_side_by_side(std::uint32_t from, std::uint32_t count, std::uint32_t jobs) {
  const pid_t parent = ::getpid();
  std::vector<pid_t> children;
  for (std::uint32_t job = 0; job < jobs; ++job) {
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork");
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(125);
      return run(from + job, count - job, jobs);
    }
    children.push_back(child);
  }
  int result = 0;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) result = 1;
  }
  return result;
}

}  // namespace
}  // namespace z4j::faults

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 8 && words[0] == "--ingester") {
      const char* url = std::getenv("Z4J_FAULTS_URL");
      return z4j::faults::ingest({.seed = static_cast<std::uint32_t>(std::stoul(words[1])),
                                  .began = std::stoll(words[2]),
                                  .first = std::stoul(words[3]),
                                  .url = url != nullptr ? url : "",
                                  .home = words[4],
                                  .project = words[5],
                                  .agent = words[6],
                                  .lease_ms = std::stoi(words[7])});
    }
    std::uint32_t from = 1, count = 0, jobs = 1;
    for (std::size_t i = 0; i + 1 < words.size(); i += 2) {
      if (words[i] == "--seeds") count = static_cast<std::uint32_t>(std::stoul(words[i + 1]));
      if (words[i] == "--jobs") jobs = static_cast<std::uint32_t>(std::stoul(words[i + 1]));
      if (words[i] == "--from") from = static_cast<std::uint32_t>(std::stoul(words[i + 1]));
    }
    if (count == 0 || jobs == 0 || jobs > count) {
      std::fprintf(stderr, "usage: z4j-faults --seeds N [--from SEED] [--jobs N]\n");
      return 2;
    }
    return jobs == 1 ? z4j::faults::run(from, count, 1)
                     : z4j::faults::run_side_by_side(from, count, jobs);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "z4j-faults: %s\n", e.what());
    return 1;
  }
}
