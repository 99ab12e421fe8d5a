// Plugins that misbehave, each in a process of its own: what becomes of it is shown, the host and
// its other instances go on.
#include <cppunit/extensions/HelperMacros.h>
#include <signal.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include "base/ed25519.hpp"
#include "base/json.hpp"
#include "plugin/checked_file.hpp"
#include "plugin/host.hpp"
#include "plugin/process/sandbox.hpp"
#include "plugin/testing/plugin_folder.hpp"

namespace z4j::plugin {
namespace {

using base::json::Object;

class IsolationTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(IsolationTest);
  CPPUNIT_TEST(a_crash_costs_the_process_and_is_shown);
  CPPUNIT_TEST(what_it_was_doing_may_have_happened);
  CPPUNIT_TEST(an_exit_and_an_abort_are_told_apart);
  CPPUNIT_TEST(an_exception_in_a_thread_of_its_own_is_contained);
  CPPUNIT_TEST(a_crash_in_start_is_shown_and_tried_again);
  CPPUNIT_TEST(a_call_that_hangs_ends_the_process);
  CPPUNIT_TEST(an_oversized_answer_is_an_error_of_its_call);
  CPPUNIT_TEST(a_large_answer_comes_through);
  CPPUNIT_TEST(who_eats_all_memory_fails_alone);
  CPPUNIT_TEST(who_never_rests_is_ended);
  CPPUNIT_TEST(who_makes_threads_without_end_is_ended);
  CPPUNIT_TEST(calls_after_destroy_reach_nobody);
  CPPUNIT_TEST(five_deaths_are_a_quarantine_until_somebody_ends_it);
  CPPUNIT_TEST(the_sandbox_refuses_what_a_plugin_has_no_need_of);
  CPPUNIT_TEST(secrets_of_the_environment_are_not_its_own);
  CPPUNIT_TEST(it_is_seen_by_its_pid_and_gone_when_it_stops);
  CPPUNIT_TEST(our_own_run_inline_and_others_apart);
  CPPUNIT_TEST(who_wants_a_process_gets_one);
  CPPUNIT_TEST(isolation_without_the_program_is_refused);
  CPPUNIT_TEST(a_storage_driver_is_refused_with_one_clear_error);
  CPPUNIT_TEST(a_file_that_is_refused_says_so_from_there);
  CPPUNIT_TEST(a_signed_file_runs_from_its_checked_copy);
  CPPUNIT_TEST(whoever_breaks_the_rules_of_the_frames_is_ended);
  CPPUNIT_TEST(a_hostile_declaration_is_refused);
  CPPUNIT_TEST(an_absent_program_is_named);
  CPPUNIT_TEST_SUITE_END();

  std::mutex mutex_;
  std::vector<std::string> health_;  // guarded by mutex_, as is the next
  std::uint64_t events_ = 0;
  base::SystemClock clock_;
  std::unique_ptr<Host> host_;

  static Host::Options options() {
    Host::Options out;
    out.directories = {Z4J_TEST_PLUGIN_DIR};
    out.host_version = "test";
    out.start_deadline_ms = 20'000;
    out.stop_deadline_ms = 5'000;
    out.process_program = Z4J_TEST_PLUGIN_HOST;
    return out;
  }
  void make(Host::Options given) {
    host_.reset();
    Callbacks callbacks;
    callbacks.emit = [this](const std::string&, const z4j_event_batch& batch) {
      const std::lock_guard lock(mutex_);
      events_ += batch.rows;
      return base::Status();
    };
    callbacks.health = [this](const std::string& instance, Health, std::string_view why) {
      const std::lock_guard lock(mutex_);
      health_.push_back(instance + ": " + std::string(why));
    };
    host_ =
        std::make_unique<Host>(std::move(given), std::move(callbacks), base::Log::quiet(), clock_);
  }
  static config::PluginEntry entry(const std::string& name = "e", Object settings = {}) {
    config::PluginEntry out;
    out.name = name;
    out.plugin = "test-engine";
    out.settings = std::move(settings);
    return out;
  }
  void start(const config::PluginEntry& given) {
    const auto started = host_->start(given);
    CPPUNIT_ASSERT_MESSAGE(started ? "" : started.error().text(), started.ok());
  }
  Report report(const std::string& name = "e") { return host_->report(name).value(); }

  base::Result<std::string> command(const std::string& target, Object args = {},
                                    const std::string& name = "e", int deadline_ms = 20'000) {
    auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
    auto asked = promise->get_future();
    host_->command(name, Z4J_ENGINE_ENQUEUE, target, base::json::write(args), deadline_ms,
                   [promise](base::Result<std::string> r) { promise->set_value(std::move(r)); });
    return asked.get();
  }
  static void assert_has(const std::string& words, const std::string& text) {
    CPPUNIT_ASSERT_MESSAGE(words + " in: " + text, text.find(words) != std::string::npos);
  }
  static bool wait_until(const std::function<bool()>& what, int seconds = 60) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
    while (std::chrono::steady_clock::now() < until) {
      if (what()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  void assert_others_go_on() {
    CPPUNIT_ASSERT(command("t", {}, "other").ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report("other").faults);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report("other").process_deaths);
  }
  int tried(const std::string& what, const std::string& path = "") {
    const auto answer = command("test:try", {{"what", what}, {"path", path}});
    CPPUNIT_ASSERT_MESSAGE(answer ? "" : answer.error().text(), answer.ok());
    return static_cast<int>(
        base::json::integer(base::json::parse(*answer)->get_object(), "errno", -1));
  }

 public:
  void setUp() override {
    make(options());
    start(entry("other"));
  }
  void tearDown() override { host_.reset(); }

  void a_crash_costs_the_process_and_is_shown() {
    start(entry());
    CPPUNIT_ASSERT_EQUAL(std::string("process"), report().isolation);
    (void)command("test:say", {{"text", "the disk is on fire"}});
    const auto answer = command("test:crash");
    CPPUNIT_ASSERT(!answer.ok());
    const Report after = report();
    CPPUNIT_ASSERT(after.state == State::faulted);
    CPPUNIT_ASSERT(after.health == Health::failing);
    assert_has("was killed by signal 11", after.why);
    assert_has("in command()", after.why);
    assert_has("the disk is on fire", after.why);
    assert_has("died in e / command / op", after.why);
    CPPUNIT_ASSERT_EQUAL(after.why, after.last_death);
    CPPUNIT_ASSERT(after.last_death_at > 0);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, after.process_deaths);
    CPPUNIT_ASSERT_EQUAL(0, after.pid);
    {
      const std::lock_guard lock(mutex_);
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, health_.size());
      assert_has("signal 11", health_[0]);
    }
    assert_others_go_on();
    // Whoever restarts instances does so; what was is remembered.
    start(entry());
    CPPUNIT_ASSERT(report().state == State::started);
    CPPUNIT_ASSERT(command("t").ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, report().process_deaths);
    assert_has("signal 11", report().last_death);
  }

  void what_it_was_doing_may_have_happened() {
    Object calls{{"command/ENQUEUE/kept", Object{{"never", true}}},
                 {"snapshot/workers", Object{{"never", true}}}};
    start(entry("e", {{"calls", std::move(calls)}}));
    auto ask = [&](auto&& f) {
      auto promise = std::make_shared<std::promise<base::Result<std::string>>>();
      auto asked = promise->get_future();
      f([promise](base::Result<std::string> r) { promise->set_value(std::move(r)); });
      return asked;
    };
    auto kept = ask([&](Answer a) {
      host_->command("e", Z4J_ENGINE_ENQUEUE, "kept", "{}", 60'000, std::move(a));
    });
    auto read = ask([&](Answer a) { host_->snapshot("e", "workers", "{}", 60'000, std::move(a)); });
    const auto crashed = command("test:abort");
    CPPUNIT_ASSERT(crashed.error().code == base::Code::unknown);
    CPPUNIT_ASSERT(kept.get().error().code == base::Code::unknown);
    CPPUNIT_ASSERT(read.get().error().code == base::Code::unavailable);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().ops_open);
    CPPUNIT_ASSERT(command("t").error().code == base::Code::unavailable);
  }

  void an_exit_and_an_abort_are_told_apart() {
    start(entry());
    (void)command("test:exit", {{"code", 42}});
    assert_has("exited with code 42", report().why);
    start(entry());
    (void)command("test:abort");
    assert_has("signal 6", report().why);
  }

  void an_exception_in_a_thread_of_its_own_is_contained() {
    start(entry());
    CPPUNIT_ASSERT(!command("test:throw-in-thread").ok());
    assert_has("signal 6", report().why);
    assert_has("thrown in a thread of the plugin", report().why);
    assert_others_go_on();
  }

  void a_crash_in_start_is_shown_and_tried_again() {
    // The program of the process is there, but ends.
    Host::Options given = options();
    given.process_program = "/bin/false";
    make(given);
    const auto refused = host_->start(entry());
    CPPUNIT_ASSERT(!refused.ok());
    assert_has("exited with code 1", refused.error().message);
    CPPUNIT_ASSERT_EQUAL(std::string("process"), report().step);
  }

  void a_call_that_hangs_ends_the_process() {
    start(
        entry("e", {{"calls", Object{{"command/ENQUEUE/slow", Object{{"blocks_ms", 600'000}}}}}}));
    const auto answer = command("slow", {}, "e", 200);
    CPPUNIT_ASSERT(answer.error().code == base::Code::unknown);
    CPPUNIT_ASSERT(wait_until([&] { return report().process_deaths == 1; }));
    CPPUNIT_ASSERT(report().state == State::faulted);
    assert_has("command() did not return within", report().why);
    assert_others_go_on();
    start(entry());
    CPPUNIT_ASSERT(command("t").ok());
  }

  void an_oversized_answer_is_an_error_of_its_call() {
    start(entry());
    const auto answer = command("test:big-answer", {{"bytes", 9'000'000}});
    CPPUNIT_ASSERT(answer.error().code == base::Code::too_large);
    assert_has("expected at most 8388608", answer.error().message);
    CPPUNIT_ASSERT(report().state == State::started);
  }

  void a_large_answer_comes_through() {
    start(entry());
    const auto answer = command("test:big-answer", {{"bytes", 8'000'000}});
    CPPUNIT_ASSERT_MESSAGE(answer ? "" : answer.error().text(), answer.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{8'000'002}, answer->size());
  }

  void who_eats_all_memory_fails_alone() {
    config::PluginEntry bound = entry();
    bound.memory_limit_mb = 200;
    start(bound);
    CPPUNIT_ASSERT(command("test:leak", {{"mib", 20}}).ok());
    CPPUNIT_ASSERT(wait_until([&] { return report().memory_bytes > 20u << 20; }));
    if (process::bounds_memory()) {
      CPPUNIT_ASSERT(!command("test:leak", {{"mib", 100'000}}).ok());
      CPPUNIT_ASSERT(report().state == State::faulted);
      assert_has("bad_alloc", report().why);
    } else {
      (void)command("test:leak", {{"mib", 1000}});
      CPPUNIT_ASSERT(wait_until([&] { return report().process_deaths == 1; }));
      assert_has("of memory, its limit is 200 MiB", report().why);
    }
    assert_others_go_on();
  }

  void who_never_rests_is_ended() {
    config::PluginEntry bound = entry();
    bound.cpu_limit_percent = 3;  // 1.8 s in a minute
    start(bound);
    CPPUNIT_ASSERT(command("test:spin").ok());
    CPPUNIT_ASSERT(wait_until([&] { return report().process_deaths == 1; }));
    assert_has("ms of the processors within a minute, its limit is 1800 ms", report().why);
    assert_others_go_on();
  }

  void who_makes_threads_without_end_is_ended() {
    config::PluginEntry many = entry();
    many.memory_limit_mb = 16'384;  // a sanitizer's threads hold much
    start(many);
    (void)command("test:spawn", {{"threads", 1100}});
    CPPUNIT_ASSERT(wait_until([&] { return report().process_deaths == 1; }));
    assert_has("threads, its limit is 1000", report().why);
    assert_others_go_on();
  }

  void calls_after_destroy_reach_nobody() {
    start(entry());
    CPPUNIT_ASSERT(command("test:call-for-ever").ok());
    CPPUNIT_ASSERT(wait_until([&] {
      const std::lock_guard lock(mutex_);
      return !health_.empty();
    }));
    CPPUNIT_ASSERT(host_->stop("e").ok());
    assert_others_go_on();
  }

  void five_deaths_are_a_quarantine_until_somebody_ends_it() {
    for (int i = 0; i < 5; ++i) {
      start(entry());
      (void)command("test:crash");
      CPPUNIT_ASSERT_EQUAL(static_cast<std::uint64_t>(i + 1), report().process_deaths);
    }
    CPPUNIT_ASSERT(report().state == State::quarantined);
    assert_has("5 of its processes died within ten minutes, the last: its process was killed",
               report().why);
    const auto refused = host_->start(entry());
    CPPUNIT_ASSERT(refused.error().code == base::Code::bad_state);
    assert_has("quarantined", refused.error().message);
    assert_others_go_on();
    CPPUNIT_ASSERT(host_->stop("e").ok());
    start(entry());
    CPPUNIT_ASSERT(command("t").ok());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, report().process_deaths);
  }

  void the_sandbox_refuses_what_a_plugin_has_no_need_of() {
    const testing::PluginFolder hidden;
    std::ofstream(hidden.path() + "/secret.env") << "Z4J_SECRET=x";
    Host::Options given = options();
    const std::string made_later = hidden.path() + "-later";
    given.hidden_folders = {hidden.path(), made_later};
    make(given);
    start(entry());
    std::filesystem::create_directory(made_later);
    std::ofstream(made_later + "/secret.env") << "Z4J_SECRET=x";
    const int later = tried("read", made_later + "/secret.env");
    std::filesystem::remove_all(made_later);
    for (const char* what : {"exec", "fork", "kill", "ptrace", "mount", "setuid", "unlink", "limit",
                             "memory-file", "processors-of-parent"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(what, EPERM, tried(what, hidden.path() + "/secret.env"));
    CPPUNIT_ASSERT_EQUAL(EAFNOSUPPORT, tried("socket-packet"));
    CPPUNIT_ASSERT_EQUAL(EACCES, tried("write", "/tmp/z4j-never-written"));
    CPPUNIT_ASSERT_EQUAL(0, tried("connect"));
    CPPUNIT_ASSERT_EQUAL(0, tried("thread"));
    CPPUNIT_ASSERT_EQUAL(0, tried("read", "/etc/passwd"));
    if (report().sandbox != "seccomp, landlock") {
      std::puts("not run: no Landlock here, so no folder is hidden");
      return;
    }
    CPPUNIT_ASSERT_EQUAL(EACCES, tried("read", hidden.path() + "/secret.env"));
    CPPUNIT_ASSERT_EQUAL(EACCES, later);
    CPPUNIT_ASSERT(tried("memory-of-parent") != 0);
    CPPUNIT_ASSERT_EQUAL(0, tried("write", "/dev/null"));
  }

  void secrets_of_the_environment_are_not_its_own() {
    ::setenv("Z4J_SECRET", "hidden", 1);
    start(entry());
    ::unsetenv("Z4J_SECRET");
    std::ifstream file("/proc/" + std::to_string(report().pid) + "/environ", std::ios::binary);
    const std::string variables((std::istreambuf_iterator<char>(file)),
                                std::istreambuf_iterator<char>());
    CPPUNIT_ASSERT(variables.find("Z4J_") == std::string::npos);
  }

  void it_is_seen_by_its_pid_and_gone_when_it_stops() {
    start(entry());
    const int pid = report().pid;
    CPPUNIT_ASSERT(pid > 0 && ::kill(pid, 0) == 0);
    CPPUNIT_ASSERT(report().memory_bytes > 0);
    CPPUNIT_ASSERT(host_->stop("e").ok());
    CPPUNIT_ASSERT_EQUAL(0, report().pid);
    CPPUNIT_ASSERT(::kill(pid, 0) != 0);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, report().process_deaths);
  }

  void our_own_run_inline_and_others_apart() {
    Host::Options given = options();
    given.own_directory = Z4J_TEST_PLUGIN_DIR;
    given.own_plugins = {"test-engine"};
    make(given);
    start(entry());
    CPPUNIT_ASSERT_EQUAL(std::string("inline"), report().isolation);
    config::PluginEntry other = entry("foreign");
    other.plugin = "test-http";
    start(other);
    CPPUNIT_ASSERT_EQUAL(std::string("process"), report("foreign").isolation);
    config::PluginEntry told = entry("told");
    told.isolation = "process";
    start(told);
    CPPUNIT_ASSERT_EQUAL(std::string("process"), report("told").isolation);
    other.name = "trusted";
    other.isolation = "inline";
    start(other);
    CPPUNIT_ASSERT_EQUAL(std::string("inline"), report("trusted").isolation);
    // One of that name that lies elsewhere is not ours.
    const testing::PluginFolder elsewhere;
    elsewhere.add("test-engine");
    given.directories = {elsewhere.path()};
    make(given);
    start(entry());
    CPPUNIT_ASSERT_EQUAL(std::string("process"), report().isolation);
  }

  void who_wants_a_process_gets_one() {
    Host::Options given = options();
    given.own_directory = Z4J_TEST_PLUGIN_DIR;
    given.own_plugins = {"test-shy"};
    make(given);
    config::PluginEntry shy = entry();
    shy.plugin = "test-shy";
    start(shy);
    CPPUNIT_ASSERT_EQUAL(std::string("process"), report().isolation);
    shy.name = "told";
    shy.isolation = "inline";
    start(shy);
    CPPUNIT_ASSERT_EQUAL(std::string("inline"), report("told").isolation);
  }

  void isolation_without_the_program_is_refused() {
    Host::Options given = options();
    given.process_program.clear();
    make(given);
    start(entry());
    CPPUNIT_ASSERT_EQUAL(std::string("inline"), report().isolation);
    config::PluginEntry told = entry("told");
    told.isolation = "process";
    const auto refused = host_->start(told);
    CPPUNIT_ASSERT(refused.error().code == base::Code::bad_config);
    assert_has("z4j-plugin-host", refused.error().message);
  }

  void a_storage_driver_is_refused_with_one_clear_error() {
    config::PluginEntry driver = entry("store");
    driver.plugin = "test-storage";
    const auto refused = host_->start(driver);
    CPPUNIT_ASSERT(refused.error().code == base::Code::bad_config);
    assert_has("storage drivers run inside the brain only", refused.error().message);
    assert_has("isolation = \"inline\"", refused.error().hint);
    // It can be described all the same.
    assert_has("storage", host_->describe("test-storage").value().kinds);
  }

  void a_file_that_is_refused_says_so_from_there() {
    for (const auto& [plugin, words] :
         {std::pair("faulty-magic", "wrong magic number"), std::pair("faulty-v2", "needs z4j 2.x"),
          std::pair("faulty-library", "is not a z4j plugin"),
          std::pair("faulty-symbol", "none of the libraries has"),
          std::pair("faulty-kind", "declares kind")}) {
      config::PluginEntry faulty = entry();
      faulty.plugin = plugin;
      const auto refused = host_->start(faulty);
      CPPUNIT_ASSERT(!refused.ok());
      assert_has(words, refused.error().message);
      CPPUNIT_ASSERT(report().state == State::refused);
    }
    config::PluginEntry pinned = entry();
    pinned.sha256 = std::string(64, '0');
    const auto refused = host_->start(pinned);
    CPPUNIT_ASSERT(refused.error().code == base::Code::denied);
    CPPUNIT_ASSERT_EQUAL(std::string("file"), report().step);
  }

  void a_signed_file_runs_from_its_checked_copy() {
    const testing::PluginFolder folder;
    const std::string path = folder.add("test-engine");
    const std::string seed(32, 'k'), public_key = base::ed25519_public_key(seed).value();
    std::ofstream(path + ".sig")
        << Signature::make("test-engine", hash_file(path).value(), seed).text();
    Host::Options given = options();
    given.directories = {folder.path()};
    given.signatures.required = SignaturePolicy::Required::all;
    given.signatures.keys = {{"maker", public_key, config::key_id(public_key)}};
    make(given);
    CPPUNIT_ASSERT_EQUAL(std::string("maker"),
                         host_->describe("test-engine").value().signer.value().name);
    start(entry());
    CPPUNIT_ASSERT_EQUAL(std::string("process"), report().isolation);
    CPPUNIT_ASSERT_EQUAL(std::string("maker"), report().signer.value().name);
    CPPUNIT_ASSERT_EQUAL(hash_file(path).value(), report().sha256);
    // The file is written over while its process runs; that goes on, and no other one starts.
    const std::string zeros(std::filesystem::file_size(path), '\0');
    std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << zeros;
    CPPUNIT_ASSERT(command("t").ok());
    CPPUNIT_ASSERT(host_->stop("e").ok());
    const auto refused = host_->start(entry());
    assert_has("it was changed after it was signed", refused.error().message);
    CPPUNIT_ASSERT(report().state == State::refused);
    CPPUNIT_ASSERT(!host_->describe("test-engine").ok());
  }

  // ---- A process that is not ours at the other end of the socket.

  std::unique_ptr<testing::PluginFolder> make_hostile(const std::string& plugin) {
    auto folder = std::make_unique<testing::PluginFolder>();
    folder->write(plugin, "not looked into");
    Host::Options given = options();
    given.directories = {folder->path()};
    given.process_program = Z4J_TEST_HOSTILE_HOST;
    given.start_deadline_ms = 4000;
    make(given);
    return folder;
  }

  void whoever_breaks_the_rules_of_the_frames_is_ended() {
    const std::pair<const char*, const char*> at_once[] = {
        {"garbage", "which goes no such way"},
        {"huge", "expected at most"},
        {"no-call", "which was not made"},
        {"wrong-way", "which goes no such way"},
        {"early", "before create()"},
        {"nonsense", "declaration that can't be read"},
        {"many", "can't be read"},
        {"exits", "exited with code 7"},
        {"silent", "not loaded within"}};
    for (const auto& [plugin, words] : at_once) {
      const auto folder = make_hostile(plugin);
      config::PluginEntry bad = entry();
      bad.plugin = plugin;
      const auto refused = host_->start(bad);
      CPPUNIT_ASSERT_MESSAGE(plugin, !refused.ok());
      assert_has(words, refused.error().message);
    }
    const std::pair<const char*, const char*> in_start[] = {
        {"bad-outcome", "a reply that can't be read"}, {"outside", "outside of the shared memory"}};
    for (const auto& [plugin, words] : in_start) {
      const auto folder = make_hostile(plugin);
      config::PluginEntry bad = entry();
      bad.plugin = plugin;
      (void)host_->start(bad);
      CPPUNIT_ASSERT_MESSAGE(plugin, wait_until([&] { return report().process_deaths == 1; }));
      assert_has(words, report().last_death);
    }
    // Wrong, but within the rules of the frames: counted, and disabled when it goes on.
    for (const char* plugin : {"torn", "shrinks", "answers"}) {
      const auto folder = make_hostile(plugin);
      config::PluginEntry bad = entry();
      bad.plugin = plugin;
      start(bad);
      const std::uint64_t faults = plugin == std::string("shrinks") ? 1 : 10;
      CPPUNIT_ASSERT_MESSAGE(plugin, wait_until([&] { return report().faults >= faults; }));
      if (faults > 1) CPPUNIT_ASSERT(wait_until([&] { return report().state == State::faulted; }));
    }
    const auto half = make_hostile("half");
    config::PluginEntry bad = entry();
    bad.plugin = "half";
    (void)host_->start(bad);
    CPPUNIT_ASSERT(wait_until([&] { return report().process_deaths == 1; }));
    assert_has("signal 9", report().last_death);
    const auto floods = make_hostile("floods");
    bad.plugin = "floods";
    start(bad);
    CPPUNIT_ASSERT(host_->stop("e").ok());
  }

  void a_hostile_declaration_is_refused() {
    const std::pair<const char*, const char*> cases[] = {{"bad-id", "is not of the form"},
                                                         {"bad-schema", "settings schema is"},
                                                         {"no-kind", "declares no kind"}};
    for (const auto& [plugin, words] : cases) {
      const auto folder = make_hostile(plugin);
      config::PluginEntry bad = entry();
      bad.plugin = plugin;
      const auto refused = host_->start(bad);
      CPPUNIT_ASSERT_MESSAGE(plugin, !refused.ok());
      assert_has(words, refused.error().message);
      CPPUNIT_ASSERT(report().state == State::refused);
    }
  }

  void an_absent_program_is_named() {
    Host::Options given = options();
    given.process_program = "/nowhere/z4j-plugin-host";
    make(given);
    const auto refused = host_->start(entry());
    assert_has("/nowhere/z4j-plugin-host was not started", refused.error().message);
    assert_has("install z4j-plugin-host", refused.error().hint);
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(IsolationTest);

}  // namespace
}  // namespace z4j::plugin
