// H: storage drivers. The cases are the contract suites that our own drivers pass (tests/contract),
// run on the driver at hand.
#include <cppunit/Exception.h>
#include <cppunit/SourceLine.h>
#include <cppunit/Test.h>
#include <cppunit/TestFailure.h>
#include <cppunit/TestResult.h>
#include <cppunit/TestResultCollector.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "asks.hpp"
#include "plugin/crossing.hpp"
#include "storage_bench.hpp"

namespace z4j::check {
namespace {

namespace fs = std::filesystem;

void collect(CppUnit::Test* test, std::vector<CppUnit::Test*>& out) {
  if (test->getChildTestCount() == 0) {
    out.push_back(test);
    return;
  }
  for (int i = 0; i < test->getChildTestCount(); ++i) collect(test->getChildTestAt(i), out);
}

// All cases of the suites; they live as long as the process.
const std::vector<CppUnit::Test*>& suite_cases() {
  static const std::vector<CppUnit::Test*> all = [] {
    std::vector<CppUnit::Test*> out;
    collect(CppUnit::TestFactoryRegistry::getRegistry().makeTest(), out);
    return out;
  }();
  return all;
}

// storage-memory.so, the plain model: beside an installed program, or where the build puts plugins.
std::string model_file() {
  std::error_code ec;
  const fs::path bin = fs::read_symlink("/proc/self/exe", ec).parent_path();
  for (const char* place : {Z4J_MODEL_PLACE, "../plugins"}) {
    const fs::path file = bin / place / "storage-memory.so";
    if (fs::exists(file, ec)) return file.string();
  }
  return {};
}

void run_suite_case(Subject& subject, CppUnit::Test& test, const std::string& name) {
  const z4j_storage& storage = subject.storage();
  if (name == "s50_a_backup_under_load_is_one_moment")
    throw NotForThis("a native copy is opened by the driver's own means: try it by hand");
  if (name == "s52_every_list_is_served_by_an_index" && !Z4J_HAS(&storage, z4j_storage, explain))
    throw NotForThis("it has no explain()");
  if (name.rfind("s46_", 0) == 0 && !Z4J_HAS(&storage, z4j_storage, listen))
    throw NotForThis("it has no listen()");
  { Running here(subject); }  // says why, if it does not start here
  const std::string folder = subject.fresh_folder();
  fs::permissions(folder, fs::perms::owner_all);
  fs::copy_file(subject.options().file, folder + "/given.so");
  const std::string model = model_file();
  if (model.empty())
    throw NotForThis("storage-memory.so, the plain model, is not beside this program");
  fs::copy_file(model, folder + "/storage-memory.so");
  for (const char* file : {"/given.so", "/storage-memory.so"}) {
    fs::permissions(folder + file, fs::perms::group_write | fs::perms::others_write,
                    fs::perm_options::remove);
  }
  contract::given_driver().directory = folder;
  contract::given_driver().settings = [&subject] { return subject.settings(); };
  CppUnit::TestResult controller;
  CppUnit::TestResultCollector collected;
  controller.addListener(&collected);
  test.run(&controller);
  if (collected.failures().empty()) return;
  const CppUnit::TestFailure& first = *collected.failures().front();
  std::string why = first.thrownException()->message().shortDescription();
  for (int i = 0; i < first.thrownException()->message().detailCount(); ++i)
    why += "; " + first.thrownException()->message().detailAt(i);
  throw Failed(why + " (" + fs::path(first.sourceLine().fileName()).filename().string() + ":" +
               std::to_string(first.sourceLine().lineNumber()) + ")");
}

struct Opened {
  explicit Opened(Subject& subject) : storage(subject.storage()), running(subject) {
    for (const Ask& ask : asks_of(subject)) migrate = ask_and_wait(running.instance, ask);
  }
  const z4j_storage& storage;
  Running running;
  Answer migrate;
};

void tells_its_appetite(Subject& subject) {
  const Opened opened(subject);
  z4j_store_info info{};
  info.struct_size = sizeof info;
  const GuardedStruct<z4j_store_info> whole(info);
  subject.call("info", [&] { opened.storage.info(opened.running.instance.get(), whole.get()); });
  const z4j_store_info& told = *whole.get();
  expect(told.struct_size == sizeof info, "info() changed the size of the struct");
  expect(told.best_rows >= 1 && told.best_rows <= told.max_rows,
         "info() says best_rows " + std::to_string(told.best_rows) + " of max_rows " +
             std::to_string(told.max_rows));
  expect(told.writers >= 1 && told.readers >= 1, "info() says no writers or readers");
  expect(told.max_bytes >= (1u << 20),
         "info() says at most " + std::to_string(told.max_bytes) + " bytes a commit");
}

void fits_a_shorter_info(Subject& subject) {
  const Opened opened(subject);
  // A host that knows less: 8 bytes, and nothing readable behind.
  std::uint32_t head[2] = {8, 0};
  const Guarded memory(std::string_view(reinterpret_cast<const char*>(head), sizeof head));
  subject.call("info", [&] {
    opened.storage.info(opened.running.instance.get(),
                        reinterpret_cast<z4j_store_info*>(memory.data()));
  });
}

void reports_a_migration(Subject& subject) {
  const Opened opened(subject);
  expect(opened.migrate.status == Z4J_OK,
         "a migration that only reports failed: " + told(opened.migrate));
  const json::Value value = parsed(opened.migrate.result, "the report of a migration");
  const json::Object& o = object_of(value, "the report of a migration");
  expect(o.contains("from") && o.contains("to") && json::array(o, "steps") != nullptr,
         "the report of a migration has not all of from, to and steps");
}

void refuses_sessions_before_a_schema(Subject& subject) {
  const Opened opened(subject);
  z4j_session* session = nullptr;
  const CallError done = subject.status_of("session_open", [&](z4j_error* e) {
    return opened.storage.session_open(opened.running.instance.get(), Z4J_SESSION_WRITE, &session,
                                       e);
  });
  if (done.ok()) {
    expect(session != nullptr, "session_open() returned Z4J_OK without a session");
    subject.call("session_close", [&] { opened.storage.session_close(session); });
  } else {
    expect(done.status < 300,
           "a session before the first migration is the plugin's own fault: " + done.text());
  }
}

}  // namespace

void add_storage_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("H.storage.") + name, std::string("as a storage driver, ") + what,
                     std::move(run), 60'000});
  };
  add("info", "tells what it likes and what it bears", tells_its_appetite);
  add("info-shorter", "fills no more of the info than there is", fits_a_shorter_info);
  add("migrate-report", "reports a migration without doing it", reports_a_migration);
  add("no-schema", "survives a session before the first migration",
      refuses_sessions_before_a_schema);
  for (CppUnit::Test* test : suite_cases()) {
    const std::string whole = test->getName();
    std::string name = whole.substr(whole.rfind(':') + 1);
    std::string slug = name, what = name;
    std::replace(slug.begin(), slug.end(), '_', '-');
    std::replace(what.begin(), what.end(), '_', ' ');
    cases.push_back({"H.storage." + slug, "as a storage driver: " + what,
                     [test, name](Subject& subject) { run_suite_case(subject, *test, name); },
                     300'000});
  }
}

}  // namespace z4j::check
