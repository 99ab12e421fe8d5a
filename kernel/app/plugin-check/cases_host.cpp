// G: hosts that are older, newer, poorer or under strain.
#include "asks.hpp"
#include "plugin/crossing.hpp"
#include "scarce_memory.hpp"

namespace z4j::check {
namespace {

using plugin::lend;

constexpr int kMostAllocations = 3000;

// A whole life on that host, with each operation once.
void lives_on(Subject& subject, CheckedHost::Shape shape) {
  Running running(subject, std::move(shape));
  for (const Ask& ask : asks_of(subject)) (void)ask_and_wait(running.instance, ask);
  running.host.pump(50);
  const CallError stopped = running.instance.stop();
  expect(stopped.ok(), "stop() failed: " + stopped.text());
  running.instance.destroy();
}

void without_services(Subject& subject) {
  CheckedHost::Shape shape;
  shape.has_services = false;
  const bool needs_some = !plugin::text_of(subject.plugin().needs).empty();
  CheckedHost& host = subject.host(shape);
  z4j_instance* made = nullptr;
  const std::string config = subject.config();
  const CallError created = subject.status_of("create", [&](z4j_error* e) {
    return subject.plugin().create(host.table(), lend(config), &made, e);
  });
  if (!created.ok()) {
    if (created.status == Z4J_BAD_CONFIG || created.status == Z4J_INVALID)
      throw NotForThis("settings made from its schema are not enough (give --config)");
    // A host tells it before: a plugin that needs a service may say so in its own words as well.
    expect(created.status < 300, "create() on a host without optional services: " + created.text());
    if (!needs_some && !subject.is_a("http") && created.status != Z4J_UNSUPPORTED)
      throw Failed("create() fails without optional services, and its descriptor needs none: " +
                   created.text());
    return;
  }
  host.enter(CheckedHost::Life::starting);
  const CallError started =
      subject.status_of("start", [&](z4j_error* e) { return subject.plugin().start(made, e); });
  host.enter(CheckedHost::Life::started);
  if (started.ok()) {
    host.enter(CheckedHost::Life::stopping);
    (void)subject.status_of("stop",
                            [&](z4j_error* e) { return subject.plugin().stop(made, 10'000, e); });
  }
  subject.call("destroy", [&] { subject.plugin().destroy(made); });
}

void busy_host(Subject& subject) {
  CheckedHost::Shape shape;
  shape.emit = Z4J_BUSY;
  (void)subject.engine();
  Running running(subject, shape);
  const auto heap = heap_now();
  running.host.pump(3000);
  const std::uint64_t tries = running.host.emit_calls();
  expect(tries < 1000,
         "it tried to emit " + std::to_string(tries) + " times in 3 s while the host was busy");
  if (heap) {
    expect(*heap_now() <= *heap + (64u << 20),
           "it grew by more than 64 MiB while the host was busy");
  }
  const CallError stopped = running.instance.stop();
  expect(stopped.ok(), "stop() failed while the host was busy: " + stopped.text());
}

void failing_emit(Subject& subject) {
  (void)subject.engine();
  for (const z4j_status status : {Z4J_INVALID, Z4J_BAD_STATE, Z4J_TOO_LARGE, Z4J_INTERNAL}) {
    CheckedHost::Shape shape;
    shape.emit = status;
    Running running(subject, shape);
    running.host.pump(300);
    (void)running.instance.stop();
  }
}

// Each allocation fails in its turn, until the call gets by without one that fails.
template <class Call>
void starve(Call call) {
  if (!can_starve()) throw NotForThis("this build of z4j-plugin-check can't make allocations fail");
  for (int n = 0; n < kMostAllocations; ++n) {
    if (!call(n)) return;
  }
}

void starved_create(Subject& subject) {
  const std::string config = subject.config();
  const z4j_plugin& p = subject.plugin();
  CheckedHost& host = subject.host();
  { const Instance first(subject, host, config); }  // it can be made of these settings at all
  host.enter(CheckedHost::Life::created);
  starve([&](int n) {
    z4j_error error = plugin::blank_error();
    z4j_instance* made = nullptr;
    z4j_status status = Z4J_OK;
    bool any = false;
    subject.call("create", [&] {
      Scarcity scarcity(n);
      status = p.create(host.table(), lend(config), &made, &error);
      any = scarcity.end();
    });
    if (status == Z4J_OK) {
      subject.call("destroy", [&] { p.destroy(made); });
    } else if (!any) {
      throw Failed("create() failed: " + std::string(error.message));
    } else if (made != nullptr) {
      throw Failed("create() failed for want of memory and gave an instance all the same");
    }
    return any;
  });
}

void starved_validate(Subject& subject) {
  const std::string config = subject.config();
  const z4j_plugin& p = subject.plugin();
  if (p.validate == nullptr) throw NotForThis("it has no validate()");
  const z4j_sink sink{sizeof(z4j_sink), 0, nullptr,
                      [](void*, z4j_str) -> z4j_status { return Z4J_OK; }};
  starve([&](int n) {
    z4j_error error = plugin::blank_error();
    bool any = false;
    subject.call("validate", [&] {
      Scarcity scarcity(n);
      (void)p.validate(lend(config), &sink, &error);
      any = scarcity.end();
    });
    return any;
  });
}

// On the thread that calls; what the plugin does on its own threads goes on.
void starved_operations(Subject& subject) {
  Running running(subject);
  for (const Ask& ask : asks_of(subject)) {
    starve([&](int n) {
      CheckedHost& host = running.host;
      const z4j_op op = host.open_operation();
      z4j_error error = plugin::blank_error();
      z4j_status status = Z4J_OK;
      bool any = false;
      subject.call(ask.name.c_str(), [&] {
        // The arguments are ours, the answer's notes too: both allocate.
        const bool due = n >= 0;
        Scarcity scarcity(due ? n : INT64_MAX);
        try {
          status = ask.call(running.instance.get(), op, &error);
        } catch (...) {
          scarcity.end();
          throw;
        }
        any = scarcity.end();
      });
      if (status != Z4J_PENDING) host.answered_at_once(op, status, error);
      expect(host.await(op, 30'000).is_there, ask.name + " was not answered when memory was short");
      return any && n < 400;
    });
  }
  // And works again with enough of it.
  for (const Ask& ask : asks_of(subject)) (void)ask_and_wait(running.instance, ask);
}

void short_error(Subject& subject) {
  // An error of a host that has less to be filled: nothing is written behind its end.
  z4j_error whole = plugin::blank_error();
  whole.struct_size = 16;
  const Guarded memory(std::string_view(reinterpret_cast<const char*>(&whole), 16));
  CheckedHost& host = subject.host();
  z4j_instance* made = nullptr;
  subject.call("create", [&] {
    (void)subject.plugin().create(host.table(), lend("{"), &made,
                                  reinterpret_cast<z4j_error*>(memory.data()));
  });
  if (made != nullptr) subject.call("destroy", [&] { subject.plugin().destroy(made); });
}

void no_error(Subject& subject) {
  CheckedHost& host = subject.host();
  z4j_instance* made = nullptr;
  subject.call("create", [&] {
    (void)subject.plugin().create(host.table(), lend(subject.config()), &made, nullptr);
  });
  if (made != nullptr) subject.call("destroy", [&] { subject.plugin().destroy(made); });
}

}  // namespace

void add_host_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run,
                       int deadline_ms = 60'000) {
    cases.push_back({std::string("G.") + name, what, std::move(run), deadline_ms});
  };
  add("oldest", "lives on the oldest host it says it can live with", [](Subject& subject) {
    CheckedHost::Shape shape;
    shape.is_tight = true;
    shape.abi_minor = subject.entry().min_host_minor;
    lives_on(subject, shape);
  });
  add("newer", "lives on a host whose table is longer, and calls nothing that it does not know",
      [](Subject& subject) {
        CheckedHost::Shape shape;
        shape.trap_bytes = 512;
        shape.abi_minor = Z4J_ABI_MINOR + 7;
        lives_on(subject, shape);
      });
  add("no-services", "lives, or says why not, on a host without optional services",
      without_services);
  add("log-off", "lives on a host that keeps no log lines", [](Subject& subject) {
    CheckedHost::Shape shape;
    shape.log_level = Z4J_LOG_ERROR + 1;
    lives_on(subject, shape);
  });
  add("log-all", "lives on a host that keeps every log line", [](Subject& subject) {
    CheckedHost::Shape shape;
    shape.log_level = Z4J_LOG_TRACE;
    lives_on(subject, shape);
  });
  add("instance-name", "lives under any instance name", [](Subject& subject) {
    for (const std::string& name :
         {std::string("a"), std::string(60, 'x'), std::string("w-1.of_2")}) {
      CheckedHost::Shape shape;
      shape.instance = name;
      lives_on(subject, shape);
    }
  });
  add("emit-busy", "as an engine, waits when the host takes no events, and stops all the same",
      busy_host);
  add("emit-fails", "as an engine, lives on when the host refuses its events", failing_emit);
  add("post-refused", "survives a host that stops while it starts", [](Subject& subject) {
    CheckedHost& host = subject.host();
    host.drain();
    Instance instance(subject, host);
    if (instance.try_start().ok()) (void)instance.stop();
  });
  add("error-short", "writes nothing behind the end of a shorter error", short_error);
  add("error-null", "survives a call without an error to fill", no_error);
  add("no-memory-create", "survives create() with each allocation failing in turn", starved_create);
  add("no-memory-validate", "survives validate() with each allocation failing in turn",
      starved_validate);
  add("no-memory-operations", "answers operations with each allocation failing in turn",
      starved_operations, 120'000);
}

}  // namespace z4j::check
