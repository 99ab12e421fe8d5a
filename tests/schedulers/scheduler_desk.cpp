// A scheduler plugin behind the plugin host, spoken to in lines: each line of the input is a JSON
// list of words, each line of the output the answer.
//
//   scheduler_desk PLUGIN '{"its":"settings"}'
//   ["list", page] ["put", schedule, etag] ["remove", id, etag] ["trigger", id]
//   ["preview", schedule, from_us, n] ["health"]
//
// An error is {"error": code, "message", "where"}. What a trigger sends through z4j.submit/1 is
// answered as sent and told in "submitted".
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "plugin/host.hpp"

namespace {

using namespace z4j;
namespace json = base::json;

constexpr int kDeadlineMs = 20'000;
constexpr const char* kInstance = "desk";

class Desk {
 public:
  Desk(const std::string& plugin, const json::Object& settings)
      : log_(
            base::Log::Form::console, base::Level::debug,
            [](std::string_view line) { std::fwrite(line.data(), 1, line.size(), stderr); },
            clock_) {
    plugin::Callbacks callbacks;
    callbacks.health = [this](const std::string&, plugin::Health health, std::string_view why) {
      const std::lock_guard lock(mutex_);
      health_ = json::Object{{"state", std::string(plugin::to_string(health))},
                             {"why", std::string(why)}};
    };
    callbacks.scheduling.submit = [this](const std::string&, plugin::Submission s,
                                         std::function<void(base::Result<std::string>)> done) {
      {
        const std::lock_guard lock(mutex_);
        submitted_ =
            json::Object{{"engine", s.engine},  {"task", s.task},          {"queue", s.queue},
                         {"args", s.args_json}, {"kwargs", s.kwargs_json}, {"more", s.more_json}};
      }
      done(std::string(R"({"outcome":"sent"})"));
      return base::Status();
    };
    plugin::Host::Options options;
    options.directories = {Z4J_PLUGIN_DIR};
    options.host_version = "test";
    host_ = std::make_unique<plugin::Host>(std::move(options), std::move(callbacks), log_, clock_);
    config::PluginEntry entry;
    entry.name = kInstance;
    entry.plugin = plugin;
    entry.settings = settings;
    if (const base::Status started = host_->start(entry); !started)
      throw std::runtime_error(started.error().text());
  }

  json::Object answer(const json::Array& words) {
    const std::string verb(words.at(0).as_string().c_str());
    const auto text = [&](std::size_t i) { return std::string(words.at(i).as_string().c_str()); };
    const auto value = [&](std::size_t i) { return json::write(words.at(i)); };
    if (verb == "health") {
      const std::lock_guard lock(mutex_);
      return health_;
    }
    if (verb == "list")
      return wait(
          [&](plugin::Answer a) { host_->schedules_list(kInstance, value(1), kDeadlineMs, a); });
    if (verb == "put")
      return wait([&](plugin::Answer a) {
        host_->schedules_put(kInstance, value(1), text(2), kDeadlineMs, a);
      });
    if (verb == "remove")
      return wait([&](plugin::Answer a) {
        host_->schedules_remove(kInstance, text(1), text(2), kDeadlineMs, a);
      });
    if (verb == "trigger") {
      json::Object out = wait(
          [&](plugin::Answer a) { host_->schedules_trigger(kInstance, text(1), kDeadlineMs, a); });
      const std::lock_guard lock(mutex_);
      if (!submitted_.empty()) out["submitted"] = std::exchange(submitted_, {});
      return out;
    }
    if (verb == "preview") {
      const auto times =
          host_->schedules_preview(kInstance, value(1), words.at(2).to_number<std::int64_t>(),
                                   words.at(3).to_number<std::uint32_t>());
      if (!times) return told(times.error());
      json::Array out;
      for (const std::int64_t t : times.value()) out.emplace_back(t);
      return {{"times", std::move(out)}};
    }
    return {{"error", "usage"}};
  }

 private:
  static json::Object told(const base::Error& e) {
    return {{"error", std::string(base::to_string(e.code))},
            {"message", e.message},
            {"where", e.where}};
  }

  template <class F>
  static json::Object wait(F&& call) {
    struct Box {
      std::mutex mutex;
      std::condition_variable changed;
      bool is_there = false;
      json::Object object;
    };
    const auto box = std::make_shared<Box>();
    call([box](base::Result<std::string> answer) {
      const std::lock_guard lock(box->mutex);
      if (!answer) {
        box->object = told(answer.error());
      } else if (!answer.value().empty()) {
        box->object = json::parse(answer.value()).value().get_object();
      }
      box->is_there = true;
      box->changed.notify_all();
    });
    std::unique_lock lock(box->mutex);
    if (!box->changed.wait_for(lock, std::chrono::seconds(30), [&] { return box->is_there; }))
      return {{"error", "no answer"}};
    return box->object;
  }

  base::SystemClock clock_;
  base::Log log_;
  std::mutex mutex_;
  json::Object health_, submitted_;  // guarded by mutex_
  std::unique_ptr<plugin::Host> host_;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fputs("usage: scheduler_desk PLUGIN SETTINGS\n", stderr);
    return 2;
  }
  Desk desk(argv[1], json::parse(argv[2]).value().get_object());
  for (std::string line; std::getline(std::cin, line);) {
    const auto words = json::parse(line);
    if (!words || !words.value().is_array()) return 2;
    std::cout << json::write(desk.answer(words.value().get_array())) << std::endl;
  }
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
