// F: threads. What may overlap does; the rest comes from ever other threads, one call at a time.
#include <algorithm>
#include <atomic>
#include <thread>

#include "asks.hpp"
#include "plugin/crossing.hpp"

namespace z4j::check {
namespace {

using plugin::lend;

constexpr int kQuickMs = 50;

// What is marked [any-thread] of this plugin, for a running instance.
std::vector<std::pair<std::string, std::function<void()>>> overlapping(Subject& subject,
                                                                       Running& running) {
  std::vector<std::pair<std::string, std::function<void()>>> out;
  z4j_instance* const i = running.instance.get();
  const z4j_plugin& p = subject.plugin();
  out.emplace_back("get_interface", [&p] { (void)p.get_interface(lend(Z4J_IFACE_ENGINE)); });
  if (subject.is_a("engine")) {
    const z4j_engine& engine = subject.engine();
    out.emplace_back("capabilities", [&engine, i] { (void)engine.capabilities(i); });
  }
  if (subject.is_a("scheduler")) {
    const z4j_scheduler& scheduler = subject.scheduler();
    out.emplace_back("capabilities", [&scheduler, i] { (void)scheduler.capabilities(i); });
    if (scheduler.preview != nullptr) {
      out.emplace_back("preview", [&scheduler, i] {
        std::int64_t due[4];
        std::uint32_t n = 4;
        z4j_error error = plugin::blank_error();
        (void)scheduler.preview(
            i,
            lend(
                R"({"kind":"cron","expression":"*/5 * * * *","timezone":"UTC","engine":"celery","task":"t","name":"n"})"),
            1'700'000'000'000'000, due, &n, &error);
      });
    }
  }
  if (subject.is_a("storage")) {
    const z4j_storage& storage = subject.storage();
    out.emplace_back("info", [&storage, i] {
      z4j_store_info info{};
      info.struct_size = sizeof info;
      storage.info(i, &info);
    });
  }
  if (p.cancel != nullptr)
    out.emplace_back("cancel", [&p, i] { p.cancel(i, (z4j_op{9} << 32) | 3); });
  if (p.validate != nullptr) {
    out.emplace_back("validate", [&p] {
      z4j_error error = plugin::blank_error();
      const z4j_sink sink{sizeof(z4j_sink), 0, nullptr,
                          [](void*, z4j_str) -> z4j_status { return Z4J_OK; }};
      (void)p.validate(lend("{}"), &sink, &error);
    });
  }
  return out;
}

void overlap_with_operations(Subject& subject) {
  Running running(subject);
  const auto calls = overlapping(subject, running);
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!over) {
        for (const auto& [name, call] : calls) call();
      }
    });
  }
  std::exception_ptr thrown;
  try {
    for (int round = 0; round < 5; ++round) {
      for (const Ask& ask : asks_of(subject)) (void)ask_and_wait(running.instance, ask);
    }
  } catch (...) {
    thrown = std::current_exception();
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

void each_call_from_another_thread(Subject& subject) {
  Running running(subject);
  const std::vector<Ask> asks = asks_of(subject);
  if (asks.empty()) throw NotForThis("it takes no operations");
  std::exception_ptr thrown;
  for (int round = 0; round < 3; ++round) {
    for (const Ask& ask : asks) {
      std::thread([&] {
        try {
          (void)ask_and_wait(running.instance, ask);
        } catch (...) {
          thrown = std::current_exception();
        }
      }).join();
      if (thrown) std::rethrow_exception(thrown);
    }
  }
}

void concurrent_operations(Subject& subject) {
  if ((subject.plugin().flags & Z4J_PLUGIN_CONCURRENT) == 0)
    throw NotForThis("it asks for one call at a time");
  Running running(subject);
  const std::vector<Ask> asks = asks_of(subject);
  if (asks.empty()) throw NotForThis("it takes no operations");
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::exception_ptr thrown;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      try {
        for (int round = 0; round < 10; ++round) {
          for (const Ask& ask : asks) (void)ask_and_wait(running.instance, ask);
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        thrown = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

void quick_calls(Subject& subject) {
  Running running(subject);
  for (const auto& [name, call] : overlapping(subject, running)) {
    // The best of some: this machine has other work too.
    int best = INT32_MAX;
    for (int i = 0; i < 5; ++i) {
      const auto begin = std::chrono::steady_clock::now();
      call();
      best = std::min(best, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                 std::chrono::steady_clock::now() - begin)
                                                 .count()));
    }
    expect(best <= kQuickMs, name + "() took " + std::to_string(best) +
                                 " ms, expected at most 50: it must not block");
  }
}

void instances_on_threads(Subject& subject) {
  if ((subject.plugin().flags & Z4J_PLUGIN_SINGLETON) != 0)
    throw NotForThis("it asks for one instance at most");
  { Running first(subject); }  // it starts here at all
  std::vector<CheckedHost*> hosts;
  std::vector<std::string> configs;
  for (int t = 0; t < 4; ++t) {
    hosts.push_back(&subject.host());
    configs.push_back(subject.config());
  }
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::exception_ptr thrown;
  for (std::size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      try {
        for (int i = 0; i < 3; ++i) {
          hosts[t]->enter(CheckedHost::Life::created);
          Instance instance(subject, *hosts[t], configs[t]);
          instance.start();
          (void)instance.stop();
          instance.destroy();
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        thrown = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

void stop_while_asked(Subject& subject) {
  for (int i = 0; i < 5; ++i) {
    Running running(subject);
    const auto calls = overlapping(subject, running);
    std::atomic<bool> over{false};
    std::thread other([&] {
      while (!over) {
        for (const auto& [name, call] : calls) call();
      }
    });
    const CallError stopped = running.instance.stop();
    over = true;
    other.join();
    expect(stopped.ok(), "stop() failed: " + stopped.text());
  }
}

void sanitized(Subject& subject) {
  const bool has =
      std::any_of(subject.elf().wants.begin(), subject.elf().wants.end(),
                  [](const plugin::ElfSymbol& s) { return s.name.rfind("__tsan_", 0) == 0; });
  if (!has) throw NotForThis("it was not built with -fsanitize=thread");
  overlap_with_operations(subject);
}

}  // namespace

void add_thread_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("F.") + name, what, std::move(run), 120'000});
  };
  add("overlap", "takes [any-thread] calls while it works", overlap_with_operations);
  add("any-thread", "takes each operation on another thread", each_call_from_another_thread);
  add("concurrent", "takes operations at once if it asks for them", concurrent_operations);
  add("quick", "returns from [no-block] calls within 50 ms", quick_calls);
  add("instances", "lives on several threads at once, an instance on each", instances_on_threads);
  add("stop-while-asked", "stops while [any-thread] calls come", stop_while_asked);
  add("sanitizer", "is clean under the thread sanitizer, if built with it", sanitized);
}

}  // namespace z4j::check
