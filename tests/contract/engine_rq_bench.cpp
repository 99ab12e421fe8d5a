#include "engine_rq_bench.hpp"

#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

namespace z4j::rq_contract {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(30);
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

// The Python that has RQ; another one tries another version.
std::string python_with_rq() {
  const char* given = std::getenv("Z4J_RQ_PYTHON");
  return given != nullptr && *given != '\0' ? given : "/usr/bin/python3";
}

std::string jobs_program() { return Z4J_SOURCE_DIR "/tests/contract/engine_rq_jobs.py"; }

}  // namespace

std::string text(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string().c_str()) : std::string();
}
std::int64_t number(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_number() ? v->to_number<std::int64_t>() : -1;
}
bool flag(const json::Object& o, std::string_view key) {
  const json::Value* v = o.if_contains(key);
  return v != nullptr && v->is_bool() && v->get_bool();
}
std::string shown(const json::Object& o) { return json::write(json::Value(o)); }

bool eventually(const std::function<bool()>& condition) {
  const auto end = Clock::now() + kPatience;
  while (!condition()) {
    if (Clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

void Told::add(const z4j_event_batch& b) {
  const std::int64_t now = base::SystemClock().now();
  const std::lock_guard lock(mutex_);
  for (std::uint32_t i = 0; i < b.rows; ++i) {
    ToldEvent e;
    e.kind = b.kind[i];
    e.time_us = b.time_us[i];
    e.heard_us = now;
    e.runtime_us = b.runtime_us[i];
    e.attempt = b.attempt[i];
    e.task_id = text_at(b.task_id, i);
    e.task = text_at(b.task, i);
    e.queue = text_at(b.queue, i);
    e.worker = text_at(b.worker, i);
    if (const std::string attrs = text_at(b.attrs_json, i); !attrs.empty())
      e.attrs = json::parse(attrs).value().get_object();
    events_.push_back(std::move(e));
  }
  changed_.notify_all();
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

std::string Told::story(const std::string& task_id) const {
  std::string out;
  for (const ToldEvent& e : of(task_id))
    out += (out.empty() ? "" : " ") + std::string(word_for(e.kind));
  return out;
}

bool Told::wait_for(const std::function<bool(const std::vector<ToldEvent>&)>& condition) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return condition(events_); });
}

bool Told::wait_for_story(const std::string& task_id, const std::string& story_wanted) const {
  return eventually([&] { return story(task_id) == story_wanted; });
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

Bench::Bench(std::vector<std::string> redis_arguments)
    : redis(std::move(redis_arguments)), folder_(redis::testing::make_temp_dir()) {
  log_ = std::make_unique<base::Log>(
      base::Log::Form::console, base::Level::debug,
      [this](std::string_view line) {
        const std::lock_guard lock(log_mutex_);
        log_text_ += line;
      },
      clock_);
  plugin::Callbacks callbacks;
  callbacks.emit = [this](const std::string&, const z4j_event_batch& batch) {
    told.add(batch);
    return base::Status();
  };
  callbacks.health = [this](const std::string&, plugin::Health health, std::string_view why) {
    told.set_health(health, std::string(why));
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

void Bench::start_plugin(const std::string& url) {
  config::PluginEntry entry;
  entry.name = "rq";
  entry.plugin = "engine-rq";
  entry.settings["redis_url"] = url.empty() ? redis.url() : url;
  if (const base::Status started = host_->start(entry); !started)
    throw std::runtime_error(started.error().text());
}

void Bench::stop_plugin() {
  if (const base::Status stopped = host_->stop("rq"); !stopped)
    throw std::runtime_error(stopped.error().text());
}

std::vector<std::string> Bench::environment() const {
  return {"Z4J_RUN_LOG=" + folder_ + "/runs", "PYTHONPATH=" Z4J_SOURCE_DIR "/tests/contract",
          "PYTHONDONTWRITEBYTECODE=1"};
}

void Bench::start_worker(const std::string& name, const std::vector<std::string>& queues) {
  std::vector<std::string> words = {python_with_rq(), jobs_program(), "worker", redis.url(), name};
  words.insert(words.end(), queues.begin(), queues.end());
  const std::string log = folder_ + "/" + name + ".log";
  std::FILE* out = std::fopen(log.c_str(), "w");
  if (out == nullptr) throw std::runtime_error("cannot write " + log);
  auto child = std::make_unique<redis::testing::Child>();
  child->start(words, ::fileno(out), folder_, environment());
  std::fclose(out);
  workers_[name] = std::move(child);
}

void Bench::stop_worker(const std::string& name, int signal) {
  workers_.at(name)->stop(signal);
  workers_.erase(name);
}

std::string Bench::enqueue(const std::string& queue, const std::string& function,
                           const std::string& args_json, const std::string& options_json) {
  return ask({"enqueue", redis.url(), queue, function, args_json, options_json});
}

const std::string& Bench::version() {
  if (version_.empty()) version_ = ask({"version"});
  return version_;
}

std::string Bench::ask(std::vector<std::string> words) {
  words.insert(words.begin(), {python_with_rq(), jobs_program()});
  int pipe_fds[2];
  if (::pipe(pipe_fds) != 0) throw std::runtime_error("cannot make a pipe");
  redis::testing::Child child;
  child.start(words, pipe_fds[1], folder_, environment());
  ::close(pipe_fds[1]);
  std::string out;
  char chunk[4096];
  for (ssize_t n = 0; (n = ::read(pipe_fds[0], chunk, sizeof chunk)) > 0;)
    out.append(chunk, static_cast<std::size_t>(n));
  ::close(pipe_fds[0]);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  if (out.empty() || out.find_first_of(" \n") != std::string::npos)
    throw std::runtime_error(words[2] + " failed: " + out);
  return out;
}

namespace {

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

json::Object Bench::command(std::uint64_t verb, const std::string& target,
                            const std::string& args_json) {
  Wait wait;
  host_->command("rq", verb, target, args_json, kOpDeadlineMs, wait.taker());
  return wait.get();
}

json::Object Bench::snapshot(const std::string& what, const std::string& page_json) {
  Wait wait;
  host_->snapshot("rq", what, page_json, kOpDeadlineMs, wait.taker());
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

}  // namespace z4j::rq_contract
