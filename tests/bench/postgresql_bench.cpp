// z4j-bench-postgresql: how fast the PostgreSQL driver commits what ingest hands it, against the
// ceiling of the same run: the same statements over the same rows on the same tables through bare
// libpq, encoded beforehand. Both sides take turns, so that a busy machine slows both. Ends with
// "ratio 0.NN".
//
// --sql TEXT runs after the tables are made: "DROP INDEX tasks_text" shows what that index costs.
// On a busy machine the CPU per event tells more than events per second.
//
// A commit is 500 (or --rows) events of about 445 bytes, one merge of a task row per three events,
// where each task is merged when it begins and again when it ends, and 40 rows of minute counters.
// Two lanes (--lanes), a thread and a connection each.
#include <dlfcn.h>
#include <libpq-fe.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <z4j/plugin.hpp>

#include "lib/sql/pg_text.hpp"
#include "lib/sql/rows_out.hpp"
#include "model/tables.hpp"
#include "private_postgres.hpp"

namespace z4j::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;
using store::RowsOut;
namespace pg = sql::pg;
namespace events = model::events;
namespace tasks = model::tasks;
namespace minutes = model::task_minutes;

struct Arguments {
  std::string url, schema = "z4j_bench", sql;
  int server = 0;  // its process, for the CPU it takes
  std::uint32_t rows = 500;
  unsigned lanes = 2;
  int seconds = 10;
  bool ceiling = true;
};

[[noreturn]] void fail(const std::string& why) { throw std::runtime_error(why); }

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// ---- The load ----------------------------------------------------------------

// Rows of one table, cell by cell in the order of `columns`.
class Table {
 public:
  Table(model::Table table, std::vector<std::uint16_t> columns) : table_(table) {
    for (const std::uint16_t c : columns) rows_.add_column(c, store_form(c));
  }
  Table& num(std::int64_t v) {
    rows_.num(next_++, v);
    return *this;
  }
  Table& text(std::string_view v) {
    rows_.bytes(next_++, v);
    return *this;
  }
  Table& null() {
    rows_.null(next_++);
    return *this;
  }
  void end() {
    if (next_ != rows_.columns()) fail("a row of the load is not complete");
    rows_.end_row();
    next_ = 0;
  }
  [[nodiscard]] const z4j_rows* view() { return rows_.view(); }
  [[nodiscard]] std::uint16_t number() const { return static_cast<std::uint16_t>(table_); }

 private:
  std::uint16_t store_form(std::uint16_t column) const {
    switch (model::table(table_).columns[column].type) {
      case Z4J_T_BOOL:
      case Z4J_T_INT:
      case Z4J_T_TIME:
        return Z4J_FORM_NUM;
      case Z4J_T_REAL:
        return Z4J_FORM_REAL;
      case Z4J_T_UUID:
        return Z4J_FORM_16;
      default:
        return Z4J_FORM_VAR;
    }
  }
  model::Table table_;
  RowsOut rows_;
  std::size_t next_ = 0;
};

struct Batch {
  Table events{
      model::Table::events,
      {events::occurred_at, events::id, events::project_id, events::agent_id, events::engine,
       events::task_id, events::kind, events::task_name, events::queue, events::worker,
       events::attempt, events::runtime_us, events::payload, events::stored_at}};
  Table tasks{model::Table::tasks,
              {tasks::id,           tasks::project_id, tasks::engine,        tasks::task_id,
               tasks::name,         tasks::state,      tasks::finished_at,   tasks::runtime_ms,
               tasks::state_stamp,  tasks::started_at, tasks::started_stamp, tasks::worker_name,
               tasks::worker_stamp, tasks::queue,      tasks::queue_stamp,   tasks::sort_at,
               tasks::sort_stamp,   tasks::args,       tasks::kwargs,        tasks::args_stamp,
               tasks::agent_id,     tasks::created_at, tasks::updated_at}};
  Table minutes{model::Table::task_minutes, [] {
                  std::vector<std::uint16_t> all(minutes::kColumnCount);
                  for (std::uint16_t c = 0; c < minutes::kColumnCount; ++c) all[c] = c;
                  return all;
                }()};
  std::uint32_t rows = 0;
};

struct Task {
  std::string id, task_id;
  std::int64_t began = 0;
};

// Makes the batches of one lane; each goes to one side only.
class Load {
 public:
  Load(unsigned lane, std::uint64_t seed) : lane_(lane), random_(seed) {}

  std::unique_ptr<Batch> next(std::uint32_t rows) {
    auto batch = std::make_unique<Batch>();
    batch->rows = rows;
    const std::int64_t now = now_us();
    std::vector<Task> begun(rows / 6 + 1);
    for (Task& t : begun) t = Task{bytes16(), uuid_text(), now};
    for (std::uint32_t i = 0; i < rows; ++i) {
      const bool ends = i % 2 == 1 && !running_.empty();
      event(*batch, (ends ? running_ : begun)[i / 2 % (ends ? running_ : begun).size()], now + i,
            ends);
    }
    std::vector<std::pair<Task, bool>> merged;
    for (const Task& t : begun) merged.emplace_back(t, false);
    for (const Task& t : running_) merged.emplace_back(t, true);
    std::sort(merged.begin(), merged.end(),
              [](const auto& a, const auto& b) { return a.first.id < b.first.id; });
    for (const auto& [task, ended] : merged) merge(*batch, task, now, ended);
    for (int n = 0; n < 40; ++n) minute(*batch, n, now);
    running_ = std::move(begun);
    return batch;
  }

 private:
  std::string bytes16() {
    std::string out(16, '\0');
    for (std::size_t i = 0; i < 16; i += 8) {
      const std::uint64_t word = random_();
      std::memcpy(out.data() + i, &word, 8);
    }
    return out;
  }
  std::string uuid_text() {
    char out[40];
    const std::uint64_t a = random_(), b = random_();
    std::snprintf(out, sizeof out, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(a),
                  static_cast<unsigned>(a >> 32 & 0xffff), static_cast<unsigned>(a >> 48),
                  static_cast<unsigned>(b & 0xffff), static_cast<unsigned long long>(b >> 16));
    return out;
  }
  static std::string name(unsigned n) {
    return "app.tasks.billing.send_invoice_" + std::to_string(n % 40);
  }

  void event(Batch& batch, const Task& task, std::int64_t at, bool ends) {
    const auto n = static_cast<unsigned>(random_() % 40);
    const std::string payload =
        "{\"args\":[" + std::to_string(random_() % 1000000) + ",\"customer-" + uuid_text() +
        "\"],\"kwargs\":{\"invoice\":\"" + uuid_text() +
        "\",\"retry\":false,\"amount\":" + std::to_string(random_() % 100000) +
        ".5},\"hostname\":\"celery@worker-7.example.internal\",\"pid\":4711,\"clock\":" +
        std::to_string(clock_++) +
        ",\"utcoffset\":0,\"routing_key\":\"celery\",\"exchange\":\"\",\"expires\":null,\"eta\":"
        "null,\"root_id\":\"" +
        task.task_id + "\"}";
    Table& t = batch.events;
    t.num(at)
        .text(bytes16())
        .text(project_)
        .text(agent_)
        .text("celery")
        .text(task.task_id)
        .text(ends ? "task.succeeded" : "task.started");
    t.text(name(n)).text("default").text("celery@worker-7.example.internal").num(1);
    ends ? t.num(static_cast<std::int64_t>(random_() % 1000000)) : t.null();
    t.text(payload).num(at + 1500);
    t.end();
  }

  void merge(Batch& batch, const Task& task, std::int64_t now, bool ended) {
    Table& t = batch.tasks;
    const std::int64_t stamp = task.began + (ended ? 2 : 1);
    t.text(task.id)
        .text(project_)
        .text("celery")
        .text(task.task_id)
        .text(name(static_cast<unsigned>(task.began)));
    t.text(ended ? "success" : "started");
    if (ended) {
      t.num(now).num(153);
    } else {
      t.null().null();
    }
    t.num(stamp)
        .num(task.began)
        .num(stamp)
        .text("celery@worker-7.example.internal")
        .num(stamp)
        .text("default")
        .num(stamp);
    t.num(task.began)
        .num(task.began)
        .text("[17,\"customer\"]")
        .text("{\"invoice\":\"2026-1\",\"retry\":false}")
        .num(task.began);
    t.text(agent_).num(task.began).num(now);
    t.end();
  }

  void minute(Batch& batch, int n, std::int64_t now) {
    Table& t = batch.minutes;
    t.text(project_)
        .num(now / 60000000 * 60000000)
        .text("celery")
        .text(sorted_name(n))
        .text("default")
        .text("celery@worker-7.example.internal");
    t.text("task.succeeded").num(lane_);
    for (std::uint16_t c = minutes::count; c < minutes::kColumnCount; ++c) t.num(1);
    t.end();
  }
  static std::string sorted_name(int n) {
    char out[16];
    std::snprintf(out, sizeof out, "app.job_%02d", n);
    return out;
  }

  unsigned lane_;
  std::mt19937_64 random_;
  std::uint64_t clock_ = 1;
  std::string project_ = std::string(15, '\0') + "p", agent_ = std::string(15, '\0') + "a";
  std::vector<Task> running_;
};

struct Steps {
  explicit Steps(Batch& batch) {
    const auto one = [](z4j_step& s, std::uint16_t verb, Table& table) {
      s.struct_size = sizeof s;
      s.verb = verb;
      s.table = table.number();
      s.rows = table.view();
      s.expect_max = ~std::uint64_t{0};
    };
    one(steps[0], Z4J_STEP_INSERT_NEW, batch.events);
    steps[0].expect_min = batch.rows;
    one(steps[1], Z4J_STEP_MERGE, batch.tasks);
    one(steps[2], Z4J_STEP_MERGE, batch.minutes);
  }
  z4j_step steps[3] = {};
};

// ---- Our side: the plugin through its C interface ------------------------------

struct Host {
  static const z4j_host& table() {
    static const z4j_host host = {
        sizeof(z4j_host),
        Z4J_ABI_MAJOR,
        Z4J_ABI_MINOR,
        nullptr,
        lit("bench"),
        lit("bench"),
        [](void*) -> std::int32_t { return Z4J_LOG_ERROR; },
        [](void*, std::int32_t, z4j_str text, z4j_str) {
          std::fprintf(stderr, "%.*s\n", static_cast<int>(text.len), text.ptr);
        },
        [](void*, z4j_op, z4j_status, const z4j_error*, z4j_str) -> z4j_status { return Z4J_OK; },
        [](void*, z4j_op) -> std::int64_t { return 600000; },
        [](void*, z4j_op) -> std::int32_t { return 0; },
        [](void*, const z4j_event_batch*, z4j_error*) -> z4j_status { return Z4J_UNSUPPORTED; },
        [](void*, std::int32_t, z4j_str) {},
        [](void*, std::uint32_t, void (*)(void*), void (*)(void*), void*) -> z4j_status {
          return Z4J_UNSUPPORTED;
        },
        [](void*, z4j_str, const z4j_sink*, z4j_error*) -> z4j_status { return Z4J_NOT_FOUND; },
        [](void*, z4j_str, z4j_str, double, std::int32_t) {},
        [](void*, z4j_str) -> const void* { return nullptr; }};
    return host;
  }
};

class Driver {
 public:
  explicit Driver(const Arguments& arguments) {
    void* library = ::dlopen(Z4J_PLUGIN_DIR "/storage-postgresql.so", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) fail(::dlerror());
    const auto* entry = static_cast<const z4j_plugin_entry*>(::dlsym(library, Z4J_PLUGIN_SYMBOL));
    if (entry == nullptr) fail("the plugin has no entry");
    plugin_ = entry->plugins[0];
    storage_ = static_cast<const z4j_storage*>(plugin_->get_interface(lit(Z4J_IFACE_STORAGE)));
    const std::string config =
        "{\"url\":\"" + arguments.url + "\",\"schema\":\"" + arguments.schema + "\"}";
    must(plugin_->create(&Host::table(), str(config), &instance_, &error_));
    must(plugin_->start(instance_, &error_));
    must(storage_->migrate(instance_, 1, &model::schema(), 0, &error_));
  }
  ~Driver() {
    (void)plugin_->stop(instance_, 1000, &error_);
    plugin_->destroy(instance_);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  z4j_session* open() {
    z4j_session* session = nullptr;
    must(storage_->session_open(instance_, Z4J_SESSION_WRITE, &session, &error_));
    return session;
  }
  void close(z4j_session* session) { storage_->session_close(session); }
  void commit(z4j_session* session, Batch& batch) {
    Steps steps(batch);
    z4j_step* list[3] = {&steps.steps[0], &steps.steps[1], &steps.steps[2]};
    z4j_commit c{};
    c.struct_size = sizeof c;
    c.steps = list;
    c.step_count = 3;
    c.timeout_ms = 30000;
    z4j_error e = empty_error();
    const z4j_status st = storage_->commit(session, 1, &c, &e);
    if (st != Z4J_OK) fail(std::string("commit: ") + e.message);
  }

 private:
  void must(z4j_status st) {
    if (st != Z4J_OK && st != Z4J_PENDING) fail(error_.message);
  }
  const z4j_plugin* plugin_ = nullptr;
  const z4j_storage* storage_ = nullptr;
  z4j_instance* instance_ = nullptr;
  z4j_error error_ = empty_error();
};

// ---- The ceiling: bare libpq ---------------------------------------------------

class Bare {
 public:
  explicit Bare(const Arguments& arguments) : conn_(PQconnectdb(arguments.url.c_str())) {
    if (PQstatus(conn_) != CONNECTION_OK) fail(PQerrorMessage(conn_));
    run("SET search_path TO " + arguments.schema + ";SET jit TO off;SET timezone TO 'UTC'");
  }
  ~Bare() { PQfinish(conn_); }
  Bare(const Bare&) = delete;
  Bare& operator=(const Bare&) = delete;

  using Statements = std::vector<pg::Statement>;
  static Statements encode(Batch& batch) {
    Steps steps(batch);
    std::uint32_t bad_row = 0;
    Statements out;
    out.push_back(pg::insert_new(model::table(model::Table::events), *steps.steps[0].rows,
                                 pg::Outcome::ignored, bad_row));
    out.push_back(pg::merge(model::table(model::Table::tasks), steps.steps[1], pg::Outcome::ignored,
                            bad_row));
    out.push_back(pg::merge(model::table(model::Table::task_minutes), steps.steps[2],
                            pg::Outcome::ignored, bad_row));
    return out;
  }
  void commit(const Statements& statements) {
    run("BEGIN");
    for (std::size_t i = 0; i < statements.size(); ++i) {
      std::vector<const char*> values;
      std::vector<int> lengths, formats;
      std::vector<Oid> oids;
      for (const pg::Param& p : statements[i].params) {
        values.push_back(p.bytes.data());
        lengths.push_back(static_cast<int>(p.bytes.size()));
        formats.push_back(1);
        oids.push_back(p.oid);
      }
      const std::string name = "s" + std::to_string(i);
      const int n = static_cast<int>(values.size());
      if (!prepared_)
        check(PQprepare(conn_, name.c_str(), statements[i].text.c_str(), n, oids.data()));
      check(
          PQexecPrepared(conn_, name.c_str(), n, values.data(), lengths.data(), formats.data(), 1));
    }
    prepared_ = true;
    run("COMMIT");
  }
  void run(const std::string& text) { check(PQexec(conn_, text.c_str())); }

 private:
  void check(PGresult* r) {
    const ExecStatusType status = PQresultStatus(r);
    PQclear(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(PQerrorMessage(conn_));
  }
  PGconn* conn_;
  bool prepared_ = false;
};

// ---- Turns -------------------------------------------------------------------------

// CPU seconds of a server's processes, or of this one.
double cpu_of_server(int server) {
  double ticks = 0;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ec)) {
    std::ifstream in(entry.path() / "stat");
    std::string text;
    if (!std::getline(in, text)) continue;
    std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 2)));
    std::string field;
    long parent = 0, user = 0, system = 0;
    for (int n = 3; n <= 15 && fields >> field; ++n) {
      if (n == 4) parent = std::atol(field.c_str());
      if (n == 14) user = std::atol(field.c_str());
      if (n == 15) system = std::atol(field.c_str());
    }
    if (parent == server) ticks += static_cast<double>(user + system);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_cpu() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Figures {
  std::uint64_t events = 0;
  double seconds = 0, server_cpu = 0, own_cpu = 0;
  std::vector<double> commit_ms;
  [[nodiscard]] double rate() const {
    return seconds > 0 ? static_cast<double>(events) / seconds : 0;
  }
  [[nodiscard]] double us_per_event(double cpu) const {
    return events > 0 ? cpu * 1e6 / static_cast<double>(events) : 0;
  }
  [[nodiscard]] double at(double part) {
    std::sort(commit_ms.begin(), commit_ms.end());
    return commit_ms.empty() ? 0
                             : commit_ms[static_cast<std::size_t>(
                                   static_cast<double>(commit_ms.size() - 1) * part)];
  }
};

// Both sides have their batches made before the clock starts; ours encodes them within it, the
// ceiling before it.
template <class Prepare, class Commit>
void turn(const Arguments& a, std::vector<Load>& loads, Figures& figures, Prepare prepare,
          Commit commit) {
  const std::size_t batches = std::max<std::size_t>(4, static_cast<std::size_t>(20000 / a.rows));
  using Made = decltype(prepare(std::declval<std::unique_ptr<Batch>>()));
  std::vector<std::vector<Made>> made(a.lanes);
  for (unsigned lane = 0; lane < a.lanes; ++lane) {
    for (std::size_t i = 0; i < batches; ++i)
      made[lane].push_back(prepare(loads[lane].next(a.rows)));
  }
  std::vector<std::vector<double>> took(a.lanes);
  std::vector<std::string> failures(a.lanes);
  const double server_before = cpu_of_server(a.server), own_before = own_cpu();
  const auto begin = SteadyClock::now();
  std::vector<std::thread> threads;
  for (unsigned lane = 0; lane < a.lanes; ++lane) {
    threads.emplace_back([&, lane] {
      try {
        for (Made& one : made[lane]) {
          const auto from = SteadyClock::now();
          commit(lane, one);
          took[lane].push_back(
              std::chrono::duration<double, std::milli>(SteadyClock::now() - from).count());
        }
      } catch (const std::exception& e) {
        failures[lane] = e.what();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const std::string& failure : failures) {
    if (!failure.empty()) fail(failure);
  }
  figures.seconds += std::chrono::duration<double>(SteadyClock::now() - begin).count();
  figures.server_cpu += cpu_of_server(a.server) - server_before;
  figures.own_cpu += own_cpu() - own_before;
  figures.events += batches * a.rows * a.lanes;
  for (const auto& list : took)
    figures.commit_ms.insert(figures.commit_ms.end(), list.begin(), list.end());
}

void measure(const Arguments& a) {
  Driver driver(a);
  if (!a.sql.empty()) Bare(a).run(a.sql);
  std::vector<z4j_session*> sessions;
  std::vector<std::unique_ptr<Bare>> bare;
  std::vector<Load> loads;
  std::random_device random;
  for (unsigned lane = 0; lane < a.lanes; ++lane) {
    sessions.push_back(driver.open());
    bare.push_back(std::make_unique<Bare>(a));
    loads.emplace_back(lane, (std::uint64_t{random()} << 32) + random());
  }
  Figures ours, ceiling, warm_up;
  const auto our_turn = [&](Figures& figures) {
    turn(
        a, loads, figures, [](std::unique_ptr<Batch> b) { return b; },
        [&](unsigned lane, std::unique_ptr<Batch>& b) { driver.commit(sessions[lane], *b); });
  };
  const auto bare_turn = [&](Figures& figures) {
    turn(
        a, loads, figures, [](std::unique_ptr<Batch> b) { return Bare::encode(*b); },
        [&](unsigned lane, Bare::Statements& s) { bare[lane]->commit(s); });
  };
  our_turn(warm_up);
  if (a.ceiling) bare_turn(warm_up);
  const auto end = SteadyClock::now() + std::chrono::seconds(a.seconds);
  do {
    our_turn(ours);
    if (a.ceiling) bare_turn(ceiling);
  } while (SteadyClock::now() < end);
  for (z4j_session* session : sessions) driver.close(session);
  std::printf("lanes %u, %u events a commit\n", a.lanes, a.rows);
  const auto print = [](const char* side, Figures& f) {
    std::printf(
        "%-8s %8.0f events/s, commit p50 %.1f ms, p99 %.1f ms, CPU per event: server %.1f us, "
        "client %.1f us; %llu events\n",
        side, f.rate(), f.at(0.5), f.at(0.99), f.us_per_event(f.server_cpu),
        f.us_per_event(f.own_cpu), static_cast<unsigned long long>(f.events));
  };
  print("ours", ours);
  if (!a.ceiling) return;
  print("ceiling", ceiling);
  std::printf("ratio %.2f\n", ours.rate() / ceiling.rate());
}

Arguments read(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--no-ceiling") {
      a.ceiling = false;
      continue;
    }
    if (i + 1 == argc) fail(name + " needs a value");
    const std::string value = argv[++i];
    if (name == "--url")
      a.url = value;
    else if (name == "--schema")
      a.schema = value;
    else if (name == "--sql")
      a.sql = value;
    else if (name == "--rows")
      a.rows = static_cast<std::uint32_t>(std::stoul(value));
    else if (name == "--lanes")
      a.lanes = static_cast<unsigned>(std::stoul(value));
    else if (name == "--seconds")
      a.seconds = std::stoi(value);
    else
      fail("unknown option " + name +
           "; one of --url, --schema, --sql, --rows, --lanes, --seconds, --no-ceiling");
  }
  return a;
}

}  // namespace
}  // namespace z4j::bench

int main(int argc, char** argv) try {
  z4j::bench::Arguments a = z4j::bench::read(argc, argv);
  std::unique_ptr<z4j::testing::PrivatePostgres> server;
  if (a.url.empty()) {
    server = std::make_unique<z4j::testing::PrivatePostgres>(
        std::vector<std::string>{"fsync=on", "full_page_writes=on", "synchronous_commit=on",
                                 "shared_buffers=1GB", "wal_compression=lz4", "max_wal_size=4GB"});
    a.url = server->url();
    a.server = server->pid();
  }
  z4j::bench::measure(a);
  return 0;
} catch (const std::exception& e) {
  std::fprintf(stderr, "z4j-bench-postgresql: %s\n", e.what());
  return 1;
}
