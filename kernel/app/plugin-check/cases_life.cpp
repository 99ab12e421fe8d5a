// D: the life of an instance, in order and out of it.
#include <thread>

#include "asks.hpp"
#include "config/schema.hpp"
#include "plugin/crossing.hpp"
#include "samples.hpp"
#include "subject.hpp"

namespace z4j::check {
namespace {

constexpr int kStartMs = 15'000, kStopMs = 10'000;
constexpr std::size_t kGrowthBytes = 64u << 10;

int ms_of(const std::function<void()>& act) {
  const auto begin = std::chrono::steady_clock::now();
  act();
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                              std::chrono::steady_clock::now() - begin)
                              .count());
}

void one_life(Subject& subject, CheckedHost& host) {
  Instance instance(subject, host);
  instance.start();
  host.pump(5);
  const CallError stopped = instance.stop();
  expect(stopped.ok(), "stop() failed: " + stopped.text());
  instance.destroy();
}

void made_a_thousand_times(Subject& subject) {
  const std::string config = subject.config();
  CheckedHost& host = subject.host();
  std::size_t settled = 0;
  for (int i = 1; i <= 1000; ++i) {
    Instance instance(subject, host, config);
    instance.destroy();
    if (i == 200) settled = heap_now().value_or(0);
  }
  const auto heap = heap_now();
  if (!heap) throw NotForThis("this build of z4j-plugin-check can't count memory");
  expect(*heap <= settled + kGrowthBytes, "800 instances made and destroyed leave " +
                                              std::to_string(*heap - settled) + " bytes behind");
}

void lives_fifty_times(Subject& subject) {
  std::size_t settled = 0;
  for (int i = 1; i <= 50; ++i) {
    one_life(subject, subject.host());
    if (i == 20) settled = heap_now().value_or(0);
  }
  const auto heap = heap_now();
  if (!heap) throw NotForThis("this build of z4j-plugin-check can't count memory");
  // A host of ours stays for each life.
  const std::size_t ours = 30u * (32u << 10);
  expect(*heap <= settled + ours,
         "30 lives leave " + std::to_string(*heap - settled) + " bytes behind");
}

void leaves_no_thread(Subject& subject) {
  one_life(subject, subject.host());
  const std::size_t before = threads_now();
  for (int i = 0; i < 3; ++i) one_life(subject, subject.host());
  wait_for(
      500, [&] { return threads_now() <= before; },
      "3 lives leave " + std::to_string(threads_now() - before) + " threads running");
}

void has_no_thread_after_destroy(Subject& subject) {
  (void)subject.entry();
  const std::size_t before = threads_now();
  one_life(subject, subject.host());
  wait_for(
      500, [&] { return threads_now() <= before; },
      std::to_string(threads_now() - before) + " of its threads run on after destroy()");
}

void leaves_no_descriptor(Subject& subject) {
  one_life(subject, subject.host());
  const std::size_t before = descriptors_now();
  for (int i = 0; i < 3; ++i) one_life(subject, subject.host());
  expect(descriptors_now() <= before,
         "3 lives leave " + std::to_string(descriptors_now() - before) + " descriptors open");
}

// Settings that pass the schema and differ from `first`, if there are any.
std::string other_config(Subject& subject, const std::string& first) {
  for (int i = 0; i < 50; ++i) {
    auto made = random_settings(subject.schema(), subject.dice());
    if (!made) break;
    if (subject.options().config) {
      for (const auto& [name, value] : *subject.options().config) (*made)[name] = value;
    }
    const config::Checked checked = config::check_settings(subject.schema(), *made);
    if (checked.problems.empty() && json::write(checked.value) != first)
      return json::write(checked.value);
  }
  throw NotForThis("its schema has no two different settings that could be made up");
}

void refuse_singleton(Subject& subject) {
  if ((subject.plugin().flags & Z4J_PLUGIN_SINGLETON) != 0)
    throw NotForThis("it asks for one instance at most");
}

void stays_quiet_after_stop(Subject& subject) {
  Running running(subject);
  running.host.pump(50);
  (void)running.instance.stop();
  // What it says now is noted as a fault.
  running.host.pump(300);
}

void stop_answers_what_is_open(Subject& subject) {
  Running running(subject);
  std::vector<z4j_op> ops;
  for (int i = 0; i < 50; ++i) {
    for (const Ask& ask : asks_of(subject)) ops.push_back(ask_once(running.instance, ask));
  }
  if (ops.empty()) throw NotForThis("it takes no operations");
  const CallError stopped = running.instance.stop();
  expect(stopped.ok(), "stop() under load failed: " + stopped.text());
  for (const z4j_op op : ops)
    expect(running.host.answer_of(op).is_there, "operations are open after stop() returned");
}

void stops_in_time_under_load(Subject& subject) {
  Running running(subject);
  for (int i = 0; i < 200; ++i) {
    for (const Ask& ask : asks_of(subject)) (void)ask_once(running.instance, ask);
  }
  const int took = ms_of([&] { (void)running.instance.stop(5000); });
  expect(took <= 5500, "stop() within 5000 ms took " + std::to_string(took) + " ms under load");
}

// destroy() of one that never stopped: the host does so after a start() that failed.
void survives_destroy_after_failed_start(Subject& subject) {
  Instance instance(subject, subject.host());
  if (instance.try_start().ok())
    throw NotForThis("it starts with the settings at hand, so no start() fails");
  instance.destroy();
}

}  // namespace

void add_life_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run,
                       int deadline_ms = 60'000) {
    cases.push_back({std::string("D.") + name, what, std::move(run), deadline_ms});
  };
  add("create-destroy", "can be created and destroyed", [](Subject& subject) {
    Instance instance(subject, subject.host());
    instance.destroy();
  });
  add("create-thousand", "can be created a thousand times without growth", made_a_thousand_times,
      120'000);
  add("create-quick", "creates an instance within a second", [](Subject& subject) {
    const std::string config = subject.config();
    CheckedHost& host = subject.host();
    const int took = ms_of([&] { Instance instance(subject, host, config); });
    expect(took < 1000,
           "create() and destroy() took " + std::to_string(took) + " ms: create() does no I/O");
  });
  add("create-no-thread", "starts no thread in create()", [](Subject& subject) {
    { Instance first(subject, subject.host()); }
    const std::size_t before = threads_now();
    Instance instance(subject, subject.host());
    expect(threads_now() == before,
           "create() started " + std::to_string(threads_now() - before) + " threads");
  });
  add("create-no-file", "opens no file and no connection in create()", [](Subject& subject) {
    { Instance first(subject, subject.host()); }
    const std::size_t before = files_now();
    Instance instance(subject, subject.host());
    expect(files_now() == before,
           "create() opened " + std::to_string(files_now() - before) + " files or connections");
  });
  add("start-stop", "can be started and stopped",
      [](Subject& subject) { one_life(subject, subject.host()); });
  add("start-in-time", "starts, or says why not, within 15 seconds", [](Subject& subject) {
    Instance instance(subject, subject.host());
    CallError started;
    const int took = ms_of([&] { started = instance.try_start(); });
    expect(took <= kStartMs,
           "start() took " + std::to_string(took) + " ms, expected at most 15000");
    expect(started.ok() || !started.message.empty(), "start() failed without a word");
    subject.tell(started.ok() ? std::to_string(took) + " ms" : "it says: " + started.message);
  });
  add("start-failed", "can be destroyed after a start that failed",
      survives_destroy_after_failed_start);
  add("start-again-after-failure", "survives a second start after one that failed",
      [](Subject& subject) {
        Instance instance(subject, subject.host());
        if (instance.try_start().ok()) throw NotForThis("it starts with the settings at hand");
        (void)instance.try_start();
      });
  add("start-twice", "survives a second start", [](Subject& subject) {
    Running running(subject);
    (void)running.instance.try_start();
    (void)running.instance.stop();
  });
  add("stop-in-time", "stops within its deadline", [](Subject& subject) {
    Running running(subject);
    running.host.pump(100);
    const int took = ms_of([&] { (void)running.instance.stop(kStopMs); });
    expect(took <= kStopMs, "stop() took " + std::to_string(took) + " ms of 10000");
    subject.tell(std::to_string(took) + " ms");
  });
  add("stop-at-once", "stops with no time left for it", [](Subject& subject) {
    Running running(subject);
    const int took = ms_of([&] { (void)running.instance.stop(0); });
    expect(took <= kStopMs, "stop() with a deadline of 0 took " + std::to_string(took) + " ms");
  });
  add("stop-twice", "survives a second stop", [](Subject& subject) {
    Running running(subject);
    (void)running.instance.stop();
    (void)running.instance.stop();
  });
  add("stop-without-start", "survives a stop without a start", [](Subject& subject) {
    Instance instance(subject, subject.host());
    (void)instance.stop();
  });
  add("stop-right-after-start", "can be stopped the moment it has started", [](Subject& subject) {
    for (int i = 0; i < 5; ++i) {
      Running running(subject);
      const CallError stopped = running.instance.stop();
      expect(stopped.ok(), "stop() failed: " + stopped.text());
    }
  });
  add("stop-answers", "has answered every operation when stop() returns",
      stop_answers_what_is_open);
  add("stop-under-load", "stops within its deadline under load", stops_in_time_under_load);
  add("stop-quiet", "calls nothing of the host after stop() returned", stays_quiet_after_stop);
  add("restart", "starts again, or says that it won't, after a stop", [](Subject& subject) {
    Running running(subject);
    (void)running.instance.stop();
    (void)running.instance.try_start();
  });
  add("lives", "lives fifty times without growth", lives_fifty_times, 180'000);
  add("threads-left", "leaves no thread behind", leaves_no_thread);
  add("threads-gone", "has ended its threads when destroy() returns", has_no_thread_after_destroy);
  add("descriptors-left", "leaves no descriptor open", leaves_no_descriptor);
  add("destroy-quiet", "calls nothing of the host after destroy() returned", [](Subject& subject) {
    CheckedHost& host = subject.host();
    one_life(subject, host);
    host.pump(300);
  });
  add("two", "lives twice at once", [](Subject& subject) {
    refuse_singleton(subject);
    Running first(subject), second(subject);
    first.host.pump(20);
    (void)first.instance.stop();
    first.instance.destroy();
    second.host.pump(20);
    (void)second.instance.stop();
  });
  add("two-configs", "lives twice at once with different settings", [](Subject& subject) {
    refuse_singleton(subject);
    const std::string one = subject.config(), other = other_config(subject, one);
    Instance first(subject, subject.host(), one);
    CheckedHost& host = subject.host();
    z4j_instance* made = nullptr;
    const CallError created = subject.status_of("create", [&](z4j_error* e) {
      return subject.plugin().create(host.table(), plugin::lend(other), &made, e);
    });
    if (created.ok()) subject.call("destroy", [&] { subject.plugin().destroy(made); });
    first.start();
    (void)first.stop();
  });
  add("many", "lives twenty times at once", [](Subject& subject) {
    refuse_singleton(subject);
    std::vector<std::unique_ptr<Running>> all;
    for (int i = 0; i < 20; ++i) all.push_back(std::make_unique<Running>(subject));
    for (auto& each : all) (void)each->instance.stop();
  });
  add("many-destroyed-out-of-order", "can be destroyed in another order than created",
      [](Subject& subject) {
        refuse_singleton(subject);
        std::vector<std::unique_ptr<Instance>> all;
        for (int i = 0; i < 10; ++i)
          all.push_back(std::make_unique<Instance>(subject, subject.host()));
        while (!all.empty()) {
          const std::size_t i = subject.below(all.size());
          all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
        }
      });
  add("threads-of-the-host", "is called on another thread each time", [](Subject& subject) {
    CheckedHost& host = subject.host();
    std::unique_ptr<Instance> instance;
    std::exception_ptr thrown;
    const auto elsewhere = [&](const std::function<void()>& act) {
      std::thread([&] {
        try {
          act();
        } catch (...) {
          thrown = std::current_exception();
        }
      }).join();
      if (thrown) std::rethrow_exception(thrown);
    };
    elsewhere([&] { instance = std::make_unique<Instance>(subject, host); });
    elsewhere([&] { instance->start(); });
    elsewhere([&] { host.pump(20); });
    elsewhere([&] { (void)instance->stop(); });
    elsewhere([&] { instance->destroy(); });
  });
}

}  // namespace z4j::check
