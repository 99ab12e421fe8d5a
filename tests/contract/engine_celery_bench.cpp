#include "engine_celery_bench.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace z4j::celery_contract {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(40);
constexpr int kOpDeadlineMs = 20'000;

std::string text_at(const z4j_strcol& c, std::uint32_t row) {
  return std::string(c.data + c.offsets[row], c.offsets[row + 1] - c.offsets[row]);
}
std::string text_at(const z4j_dictcol& c, std::uint32_t row) {
  return text_at(c.dict, c.index[row]);
}

const char* word_for(std::uint16_t kind) {
  switch (kind) {
    case Z4J_EV_SENT:
      return "sent";
    case Z4J_EV_RECEIVED:
      return "received";
    case Z4J_EV_STARTED:
      return "started";
    case Z4J_EV_SUCCEEDED:
      return "succeeded";
    case Z4J_EV_FAILED:
      return "failed";
    case Z4J_EV_RETRIED:
      return "retried";
    case Z4J_EV_REVOKED:
      return "revoked";
    default:
      return "other";
  }
}

// The Python that has Celery; another one tries another version.
std::string python_with_celery() {
  const char* given = std::getenv("Z4J_CELERY_PYTHON");
  return given != nullptr && *given != '\0' ? given : "/usr/bin/python3";
}

std::string contents(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The answer of one op, as an object; an error becomes {"error": code's name, "reason": text}.
class Wait {
 public:
  plugin::Answer taker() {
    return [this](base::Result<std::string> answer) {
      const std::lock_guard lock(mutex_);
      if (answer) {
        object_ = json::parse(answer.value()).value().get_object();
      } else {
        object_["error"] = base::to_string(answer.error().code);
        object_["reason"] = answer.error().message;
      }
      done_ = true;
      answered_.notify_all();
    };
  }
  json::Object get() {
    std::unique_lock lock(mutex_);
    if (!answered_.wait_for(lock, kPatience, [this] { return done_; }))
      throw std::runtime_error("no answer");
    return object_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable answered_;
  bool done_ = false;
  json::Object object_;
};

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto end = Clock::now() + kPatience;
  while (!condition()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

void Told::add(const z4j_event_batch& b) {
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < b.rows; ++i) {
    ToldEvent e;
    e.kind = b.kind[i];
    e.time_us = b.time_us[i];
    e.runtime_us = b.runtime_us[i];
    e.attempt = b.attempt[i];
    e.task_id = text_at(b.task_id, i);
    e.task = text_at(b.task, i);
    e.queue = text_at(b.queue, i);
    e.worker = text_at(b.worker, i);
    if (const std::string attrs = text_at(b.attrs_json, i); !attrs.empty())
      e.attrs = json::parse(attrs).value().get_object();
    const json::Value* rebuilt = e.attrs.if_contains("rebuilt");
    e.rebuilt = rebuilt != nullptr && rebuilt->is_bool() && rebuilt->get_bool();
    events_.push_back(std::move(e));
  }
  changed_.notify_all();
}

void Told::refuse(bool busy) {
  const std::lock_guard lock(mutex_);
  busy_ = busy;
}

bool Told::busy() const {
  const std::lock_guard lock(mutex_);
  return busy_;
}

void Told::set_health(plugin::Health health, std::string why) {
  const std::lock_guard lock(mutex_);
  health_ = health;
  has_health_ = true;
  why_ = std::move(why);
  changed_.notify_all();
}

std::vector<ToldEvent> Told::all() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<ToldEvent> Told::of(const std::string& task_id) const {
  std::vector<ToldEvent> out;
  for (ToldEvent& e : all()) {
    if (e.task_id == task_id) out.push_back(std::move(e));
  }
  return out;
}

std::vector<ToldEvent> Told::live(const std::string& task_id) const {
  std::vector<ToldEvent> out;
  for (ToldEvent& e : of(task_id)) {
    if (!e.rebuilt) out.push_back(std::move(e));
  }
  return out;
}

std::string Told::story(const std::string& task_id) const {
  std::string out;
  for (const ToldEvent& e : live(task_id))
    out += (out.empty() ? "" : " ") + std::string(word_for(e.kind));
  return out;
}

ToldEvent Told::wait_for_kind(const std::string& task_id, std::uint16_t kind) const {
  ToldEvent found;
  const bool there = eventually([&] {
    for (ToldEvent& e : of(task_id)) {
      if (e.kind != kind) continue;
      found = std::move(e);
      return true;
    }
    return false;
  });
  if (!there)
    throw std::runtime_error("never told of " + task_id + ": " + word_for(kind) +
                             "; told: " + story(task_id));
  return found;
}

bool Told::wait_for_health(plugin::Health health, const std::string& part) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] {
    return has_health_ && health_ == health && why_.find(part) != std::string::npos;
  });
}

std::string Told::health_why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

Bench::Bench(std::vector<std::string> environment, std::vector<std::string> redis_arguments)
    : redis(std::move(redis_arguments)),
      folder_(redis::testing::make_temp_dir()),
      more_environment_(std::move(environment)) {
  log_ = std::make_unique<base::Log>(
      base::Log::Form::console, base::Level::debug,
      [this](std::string_view line) {
        const std::lock_guard lock(log_mutex_);
        log_text_ += line;
      },
      clock_);
  plugin::Callbacks callbacks;
  callbacks.emit = [this](const std::string&, const z4j_event_batch& batch) -> base::Status {
    if (told.busy()) return base::Error{base::Code::busy, "", "the queue is full", ""};
    told.add(batch);
    return {};
  };
  callbacks.health = [this](const std::string&, plugin::Health health, std::string_view why) {
    told.set_health(health, std::string(why));
  };
  callbacks.metric = [this](const std::string&, std::string_view name, std::string_view labels,
                            double value, int) {
    const std::lock_guard lock(log_mutex_);
    metrics_[std::string(name) + std::string(labels)] += value;
  };
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  if (const char* program = std::getenv("Z4J_TEST_PLUGIN_HOST")) options.process_program = program;
  options.host_version = "test";
  host_ = std::make_unique<plugin::Host>(std::move(options), std::move(callbacks), *log_, clock_);
}

Bench::~Bench() {
  host_.reset();
  workers_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Bench::start_plugin(const json::Object& settings, const std::string& url) {
  config::PluginEntry entry;
  entry.name = "celery";
  entry.plugin = "engine-celery";
  entry.settings = settings;
  entry.settings["broker_url"] = url.empty() ? redis.url() : url;
  if (const base::Status started = host_->start(entry); !started)
    throw std::runtime_error(started.error().text());
}

void Bench::stop_plugin() {
  if (const base::Status stopped = host_->stop("celery"); !stopped)
    throw std::runtime_error(stopped.error().text());
}

std::vector<std::string> Bench::environment() const {
  std::vector<std::string> out = {"Z4J_RUN_LOG=" + folder_ + "/runs",
                                  "Z4J_TEST_REDIS=" + redis.url(),
                                  "PYTHONPATH=" Z4J_SOURCE_DIR "/tests/contract",
                                  "PYTHONDONTWRITEBYTECODE=1", "C_FORCE_ROOT=1"};
  out.insert(out.end(), more_environment_.begin(), more_environment_.end());
  return out;
}

void Bench::start_worker(const std::string& name, const std::string& queues,
                         const std::string& concurrency) {
  start_worker_with(name, {"-Q", queues, "-c", concurrency});
}

void Bench::start_worker_with(const std::string& name, const std::vector<std::string>& options) {
  const std::string log = folder_ + "/" + name + ".log";
  std::FILE* out = std::fopen(log.c_str(), "w");
  if (out == nullptr) throw std::runtime_error("cannot write " + log);
  auto child = std::make_unique<redis::testing::Child>();
  std::vector<std::string> words = {python_with_celery(),  "-m",     "celery", "-A",
                                    "engine_celery_tasks", "worker", "-n",     name + "@test",
                                    "--loglevel",          "INFO"};
  words.insert(words.end(), options.begin(), options.end());
  child->start(words, ::fileno(out), folder_, environment());
  std::fclose(out);
  workers_[name] = std::move(child);
  if (!eventually([&] { return contents(log).find(" ready.") != std::string::npos; })) {
    throw std::runtime_error("the worker does not start: " + contents(log));
  }
}

void Bench::stop_worker(const std::string& name, int signal) {
  workers_.at(name)->stop(signal);
  workers_.erase(name);
}

void Bench::signal_worker(const std::string& name, int signal) const {
  ::kill(workers_.at(name)->pid(), signal);
}

bool Bench::has_ended(const std::string& name) const {
  siginfo_t info{};
  const auto pid = static_cast<id_t>(workers_.at(name)->pid());
  return ::waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

bool Bench::wait_for_live_events() {
  for (int i = 0; i < 20; ++i) {
    const std::string id = send(R"([{"task": "add", "args": [0, 0]}])").front();
    if (told.wait_for_kind(id, Z4J_EV_SUCCEEDED).rebuilt == false &&
        told.story(id).ends_with("received started succeeded"))
      return true;
  }
  return false;
}

std::vector<std::string> Bench::send(const std::string& jobs_json) {
  int pipe_fds[2];
  if (::pipe(pipe_fds) != 0) throw std::runtime_error("cannot make a pipe");
  redis::testing::Child child;
  child.start({python_with_celery(), Z4J_SOURCE_DIR "/tests/contract/engine_celery_tasks.py",
               "send", jobs_json},
              pipe_fds[1], folder_, environment());
  ::close(pipe_fds[1]);
  std::string out;
  char chunk[4096];
  for (ssize_t n = 0; (n = ::read(pipe_fds[0], chunk, sizeof chunk)) > 0;)
    out.append(chunk, static_cast<std::size_t>(n));
  ::close(pipe_fds[0]);
  std::vector<std::string> ids;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(' ') != std::string::npos) throw std::runtime_error("send failed: " + out);
    ids.push_back(line);
  }
  if (ids.empty()) throw std::runtime_error("nothing was sent");
  return ids;
}

json::Object Bench::command(std::uint64_t verb, const std::string& target,
                            const std::string& args_json) {
  Wait wait;
  host_->command("celery", verb, target, args_json, kOpDeadlineMs, wait.taker());
  return wait.get();
}

json::Object Bench::snapshot(const std::string& what, const std::string& page_json) {
  Wait wait;
  host_->snapshot("celery", what, page_json, kOpDeadlineMs, wait.taker());
  return wait.get();
}

int Bench::runs(const std::string& wanted) const {
  std::ifstream in(folder_ + "/runs");
  int n = 0;
  for (std::string line; std::getline(in, line);) n += line == wanted ? 1 : 0;
  return n;
}

bool Bench::wait_for_runs(const std::string& line, int times) const {
  return eventually([&] { return runs(line) >= times; });
}

std::string Bench::log_of_plugin() const {
  const std::lock_guard lock(log_mutex_);
  return log_text_;
}

std::string Bench::log_of_worker(const std::string& name) const {
  return contents(folder_ + "/" + name + ".log");
}

}  // namespace z4j::celery_contract
