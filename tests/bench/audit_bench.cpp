// How fast audited changes are written: one by one, and by many people at once. In the same run,
// what the store takes when the same entries come without a chain, in commits of as many: the
// ceiling.
//
//   z4j-bench-audit --storage sqlite|postgresql [--seconds S] [--people N]
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/audit.hpp"
#include "plugin/host.hpp"
#include "private_postgres.hpp"

namespace z4j {
namespace {

struct AuditArguments {
  std::string storage = "sqlite";
  int seconds = 5, people = 64;
};

core::AuditEntry bench_entry() {
  core::AuditEntry entry;
  entry.action = "command.issue.retry_task";
  entry.target_type = "task";
  entry.target_id = "5f0e3f5e-1c2a-4a8c-9d2e-000000000000";
  entry.user_id = base::Uuid::random();
  entry.project_id = base::Uuid::random();
  entry.source_ip = "198.51.100.7";
  entry.user_agent = "Mozilla/5.0 (X11; Linux x86_64)";
  entry.metadata = {{"engine", "celery"}, {"name", "shop.place"}};
  return entry;
}

// A change beside each entry, as real acts have one.
void bench_act(core::Commit& commit) {
  core::Rows rows(core::Table::meta);
  rows.begin().text(model::meta::key, base::Uuid::random().text()).text(model::meta::value, "x");
  commit.insert(std::move(rows));
}

double entries_a_second(core::Audit& audit, int people, int seconds) {
  std::atomic<std::uint64_t> written{0};
  std::atomic<bool> is_over{false};
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < people; ++i) {
    threads.emplace_back([&] {
      while (!is_over) {
        if (auto done = audit.commit({bench_entry()}, bench_act); !done)
          std::fprintf(stderr, "%s\n", done.error().text().c_str());
        else
          written += 1;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  is_over = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  return static_cast<double>(written) / took.count();
}

double ceiling(core::Store& store, int together, int seconds) {
  namespace log_col = model::audit_log;
  std::uint64_t written = 0;
  static std::int64_t seq = std::int64_t{1} << 40;  // goes on in the next run
  const auto began = std::chrono::steady_clock::now();
  std::chrono::duration<double> took{0};
  while (took.count() < seconds) {
    core::Commit commit;
    core::Rows rows(core::Table::audit_log);
    for (int i = 0; i < together; ++i) {
      bench_act(commit);
      ++seq;
      const std::string mac = base::Uuid::random().text() + base::Uuid::random().text();
      rows.begin()
          .num(log_col::seq, seq)
          .uuid(log_col::id, base::Uuid::random())
          .num(log_col::occurred_at, seq)
          .text(log_col::action, "command.issue.retry_task")
          .text(log_col::target_type, "task")
          .text(log_col::result, "success")
          .uuid(log_col::user_id, base::Uuid::random())
          .uuid(log_col::project_id, base::Uuid::random())
          .text(log_col::metadata, "{\"engine\":\"celery\",\"name\":\"shop.place\"}")
          .text(log_col::canonical, std::string(520, 'c'))
          .text(log_col::prev_row_hmac, mac)
          .text(log_col::row_hmac, mac);
    }
    commit.insert(std::move(rows));
    if (auto done = store.commit(commit); !done) throw std::runtime_error(done.error().text());
    written += static_cast<std::uint64_t>(together);
    took = std::chrono::steady_clock::now() - began;
  }
  return static_cast<double>(written) / took.count();
}

void run_audit_bench(const AuditArguments& arguments) {
  static const base::SystemClock clock;
  plugin::Host::Options options;
  options.directories = {Z4J_PLUGIN_DIR};
  options.host_version = "bench";
  plugin::Host host(options, plugin::Callbacks{}, base::Log::quiet(), clock);
  config::PluginEntry entry;
  entry.name = "store";
  std::string folder = (std::filesystem::temp_directory_path() / "z4j_bench_XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
  std::unique_ptr<testing::PrivatePostgres> server;
  if (arguments.storage == "sqlite") {
    entry.plugin = "storage-sqlite";
    entry.settings["path"] = folder + "/bench.sqlite";
  } else {
    server = std::make_unique<testing::PrivatePostgres>(
        std::vector<std::string>{"fsync=on", "synchronous_commit=on", "full_page_writes=on"});
    entry.plugin = "storage-postgresql";
    entry.settings["url"] = server->url();
  }
  if (auto started = host.start(entry); !started) throw std::runtime_error(started.error().text());
  {
    auto store = core::Store::open(std::move(host.storage("store")).value(), {}).value();
    core::Audit::Options secrets;
    secrets.secret = "0123456789abcdef0123456789abcdef";
    core::Audit audit(*store, clock, base::Log::quiet(), secrets);
    if (auto opened = audit.open(); !opened) throw std::runtime_error(opened.error().text());
    const double alone = entries_a_second(audit, 1, arguments.seconds);
    const double together = entries_a_second(audit, arguments.people, arguments.seconds);
    const auto report = audit.verify();
    if (!report || !report->ok) throw std::runtime_error("the log is broken");
    const double most_alone = ceiling(*store, 1, arguments.seconds);
    const double most_together = ceiling(*store, arguments.people, arguments.seconds);
    std::printf(
        "%s: one by one %.0f entries/s (store alone %.0f), %d people %.0f (store alone %.0f)\n",
        arguments.storage.c_str(), alone, most_alone, arguments.people, together, most_together);
  }
  host.stop_all();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

}  // namespace
}  // namespace z4j

int main(int argc, char** argv) {
  z4j::AuditArguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--storage") arguments.storage = argv[i + 1];
    if (name == "--seconds") arguments.seconds = std::atoi(argv[i + 1]);
    if (name == "--people") arguments.people = std::atoi(argv[i + 1]);
  }
  try {
    z4j::run_audit_bench(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "z4j-bench-audit: %s\n", error.what());
    return 1;
  }
  return 0;
}
