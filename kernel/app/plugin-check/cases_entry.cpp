// B: the entry and the descriptor, by the loader's rules.
#include <atomic>
#include <cstring>
#include <thread>

#include "plugin/crossing.hpp"
#include "plugin/rules.hpp"
#include "subject.hpp"

namespace z4j::check {
namespace {

using plugin::lend;
using plugin::text_of;

constexpr std::string_view kInterfaces[] = {Z4J_IFACE_ENGINE, Z4J_IFACE_SCHEDULER,
                                            Z4J_IFACE_NOTIFIER, Z4J_IFACE_STORAGE, Z4J_IFACE_HTTP};

// Everything the descriptor says, as one text.
std::string snapshot_of(const z4j_plugin& p) {
  std::string out;
  for (const z4j_str s : {p.id, p.version, p.name, p.summary, p.vendor, p.license, p.url, p.kinds,
                          p.config_schema_json, p.needs})
    out += std::string(text_of(s)) + "\n";
  out += std::to_string(p.flags) + " " + std::to_string(p.struct_size);
  return out;
}

std::string interfaces_of(Subject& subject) {
  std::string out;
  for (const std::string_view id : kInterfaces) {
    const void* found = nullptr;
    subject.call("get_interface", [&] { found = subject.plugin().get_interface(lend(id)); });
    out += std::to_string(reinterpret_cast<std::uintptr_t>(found)) + " ";
  }
  return out;
}

void stays_the_same_through_a_life(Subject& subject) {
  const std::string before = snapshot_of(subject.plugin()), tables = interfaces_of(subject);
  {
    Instance instance(subject, subject.host());
    const CallError started = instance.try_start();
    expect(interfaces_of(subject) == tables, "an instance that starts changes its interfaces");
    if (started.ok()) (void)instance.stop();
  }
  expect(snapshot_of(subject.plugin()) == before,
         "its descriptor changed during an instance's life");
  expect(interfaces_of(subject) == tables, "its interfaces changed during an instance's life");
}

void answers_get_interface_from_threads(Subject& subject) {
  const std::string tables = interfaces_of(subject);
  std::vector<std::thread> threads;
  std::atomic<bool> differ{false};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        std::string mine;
        for (const std::string_view id : kInterfaces)
          mine += std::to_string(
                      reinterpret_cast<std::uintptr_t>(subject.plugin().get_interface(lend(id)))) +
                  " ";
        if (mine != tables) differ = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect(!differ, "get_interface() answers differently when threads ask at once");
}

void reads_the_id_by_its_length(Subject& subject) {
  for (const std::string_view id : kInterfaces) {
    const Guarded text(id);
    const void* whole = nullptr;
    const void* part = nullptr;
    subject.call("get_interface", [&] {
      whole = subject.plugin().get_interface(text.text());
      part = subject.plugin().get_interface({text.data(), id.size() - 1});
    });
    expect(part == nullptr || whole == nullptr || part != whole,
           "get_interface() takes \"" + std::string(id.substr(0, id.size() - 1)) + "\" for " +
               std::string(id) + ": it reads beyond the length");
  }
  subject.call("get_interface", [&] {
    expect(subject.plugin().get_interface({nullptr, 0}) == nullptr,
           "get_interface() gives an interface for the empty id");
  });
}

// Up to the last member of ABI 1.0: what a later one appends is nobody's duty.
void has_tables_of_whole_size(Subject& subject) {
  const auto whole = [](std::string_view kind, std::uint32_t has, bool is_whole) {
    expect(is_whole, "the table of its kind " + std::string(kind) + " says " + std::to_string(has) +
                         " bytes, which is less than that of ABI 1.0");
  };
  if (subject.is_a("engine")) {
    const z4j_engine& t = subject.engine();
    whole("engine", t.struct_size, Z4J_REACHES(&t, z4j_engine, snapshot));
  }
  if (subject.is_a("scheduler")) {
    const z4j_scheduler& t = subject.scheduler();
    whole("scheduler", t.struct_size, Z4J_REACHES(&t, z4j_scheduler, preview));
  }
  if (subject.is_a("notifier")) {
    const z4j_notifier& t = subject.notifier();
    whole("notifier", t.struct_size, Z4J_REACHES(&t, z4j_notifier, send));
  }
  if (subject.is_a("storage")) {
    const z4j_storage& t = subject.storage();
    whole("storage", t.struct_size, Z4J_REACHES(&t, z4j_storage, backup));
  }
  if (subject.is_a("http")) {
    const z4j_http& t = subject.http();
    whole("http", t.struct_size, Z4J_REACHES(&t, z4j_http, handle));
  }
}

}  // namespace

void add_entry_cases(Cases& cases) {
  for (const plugin::Rule<z4j_plugin_entry>& rule : plugin::entry_rules()) {
    cases.push_back(
        {"B." + std::string(rule.name), std::string(rule.what), [&rule](Subject& subject) {
           if (const auto good = rule.check(subject.entry()); !good)
             throw Failed(good.error().message);
         }});
  }
  for (const plugin::Rule<plugin::Descriptor>& rule : plugin::descriptor_rules()) {
    cases.push_back(
        {"B." + std::string(rule.name), std::string(rule.what), [&rule](Subject& subject) {
           // Each builds on those before it, which have cases of their own.
           for (const plugin::Rule<plugin::Descriptor>& before : plugin::descriptor_rules()) {
             if (&before == &rule) break;
             subject.call("get_interface", [&] {
               if (!before.check(plugin::descriptor_of(subject.plugin())))
                 throw NotForThis("B." + std::string(before.name) + " fails");
             });
           }
           subject.call("get_interface", [&] {
             if (const auto good = rule.check(plugin::descriptor_of(subject.plugin())); !good)
               throw Failed(good.error().message);
           });
         }});
  }
  cases.push_back(
      {"B.tables-whole", "has tables of the size of ABI 1.0 or more", has_tables_of_whole_size});
  cases.push_back({"B.constant", "keeps descriptor and tables as they are through a life",
                   stays_the_same_through_a_life});
  cases.push_back({"B.interface-threads", "gives its tables to several threads at once",
                   answers_get_interface_from_threads});
  cases.push_back(
      {"B.interface-id", "reads an interface's id by its length", reads_the_id_by_its_length});
}

}  // namespace z4j::check
