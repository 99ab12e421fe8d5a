// H: storage drivers, killed. What was said to be stored is there afterwards; and how fast storing
// is.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <z4j/storage.hpp>

#include <algorithm>
#include <optional>

#include "plugin/crossing.hpp"
#include "subject.hpp"

namespace z4j::check {
namespace {

using plugin::lend;

constexpr int kRounds = 5, kKillAfterMs = 250;
constexpr std::uint32_t kBatchRows = 1000, kBatches = 20;

constexpr z4j_str word(std::string_view s) { return {s.data(), s.size()}; }
constexpr z4j_column kColumns[] = {
    {word("id"), word("key"), Z4J_T_INT, Z4J_COL_REQUIRED, Z4J_M_KEEP, 0},
    {word("words"), word(""), Z4J_T_TEXT, 0, Z4J_M_SET, 0}};
constexpr std::uint16_t kKeyColumn[] = {0};
constexpr z4j_key kKeys[] = {{word("kept_rows_id"), kKeyColumn, 1, Z4J_K_PRIMARY, 0}};
constexpr z4j_table kTables[] = {
    {word("kept_rows"), word("of z4j-plugin-check"), kColumns, kKeys, 2, 1, 0, 0}};
constexpr z4j_schema kSchema = {sizeof(z4j_schema), 1, kTables, 1, 0};

// A driver with that table, and one lane. For one process that ends with it.
class Store {
 public:
  Store(Subject& subject, const std::string& config)
      : subject_(subject),
        table_(subject.storage()),
        host_(subject.host()),
        instance_(subject, host_, config) {
    instance_.start();
    z4j_error error = plugin::blank_error();
    const z4j_op op = host_.open_operation();
    const z4j_status status = table_.migrate(instance_.get(), op, &kSchema, 0, &error);
    if (status != Z4J_PENDING) host_.answered_at_once(op, status, error);
    const Answer done = host_.await(op, 30'000);
    expect(done.is_there && done.status == Z4J_OK,
           "migrate failed: code " + std::to_string(done.status) + ", " + done.message);
    const CallError opened = subject_.status_of("session_open", [&](z4j_error* e) {
      return table_.session_open(instance_.get(), Z4J_SESSION_WRITE, &session_, e);
    });
    expect(opened.ok(), "session_open() failed: " + opened.text());
  }
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void insert(std::int64_t first, std::uint32_t count) {
    store::RowsOut rows;
    rows.add_column(0, Z4J_FORM_NUM);
    rows.add_column(1, Z4J_FORM_VAR);
    for (std::uint32_t i = 0; i < count; ++i) {
      rows.num(0, first + i);
      rows.bytes(1, "a row of z4j-plugin-check");
      rows.end_row();
    }
    z4j_step step{};
    step.struct_size = sizeof step;
    step.verb = Z4J_STEP_INSERT;
    step.rows = rows.view();
    step.expect_max = ~std::uint64_t{0};
    z4j_step* const steps[] = {&step};
    z4j_commit commit{};
    commit.struct_size = sizeof commit;
    commit.steps = steps;
    commit.step_count = 1;
    commit.timeout_ms = 30'000;
    const z4j_op op = host_.open_operation();
    z4j_error error = plugin::blank_error();
    z4j_status status = Z4J_OK;
    subject_.call("commit", [&] { status = table_.commit(session_, op, &commit, &error); });
    if (status != Z4J_PENDING) host_.answered_at_once(op, status, error);
    const Answer done = host_.await(op, 30'000);
    expect(done.is_there && done.status == Z4J_OK,
           "a commit failed: code " + std::to_string(done.status) + ", " + done.message);
  }

  // The keys, in their order.
  std::vector<std::int64_t> keys() {
    const z4j_out out{0, 0, 0, 0};
    z4j_query query{};
    query.struct_size = sizeof query;
    query.outs = &out;
    query.out_count = 1;
    query.order = kKeyColumn;
    query.order_count = 1;
    query.timeout_ms = 30'000;
    z4j_cursor* cursor = nullptr;
    const CallError opened = subject_.status_of(
        "read_open", [&](z4j_error* e) { return table_.read_open(session_, &query, &cursor, e); });
    expect(opened.ok(), "read_open() failed: " + opened.text());
    std::vector<std::int64_t> found;
    for (;;) {
      const z4j_rows* rows = nullptr;
      const CallError next = subject_.status_of(
          "read_next", [&](z4j_error* e) { return table_.read_next(cursor, 1000, &rows, e); });
      if (next.status == Z4J_END) break;
      expect(next.ok() && rows != nullptr, "read_next() failed: " + next.text());
      for (std::uint32_t r = 0; r < rows->rows; ++r)
        found.push_back(store::num_at(rows->cols[0], r));
    }
    subject_.call("read_close", [&] { table_.read_close(cursor); });
    return found;
  }

  void close() {
    subject_.call("session_close", [&] { table_.session_close(session_); });
    (void)instance_.stop();
    instance_.destroy();
  }

 private:
  Subject& subject_;
  const z4j_storage& table_;
  CheckedHost& host_;
  Instance instance_;
  z4j_session* session_ = nullptr;
};

// Runs `act` in a process of its own, which tells numbers; what it told, and why it failed. It is
// killed after so long, or left to end.
struct Told {
  std::vector<std::int64_t> numbers;
  std::string failure;
};
Told in_child(const std::function<void(const std::function<void(std::int64_t)>&)>& act,
              std::optional<int> kill_after_ms) {
  int pipe[2];
  if (::pipe(pipe) != 0) throw Failed("no pipe for a child process");
  const pid_t child = ::fork();
  if (child < 0) throw Failed("no child process");
  if (child == 0) {
    ::close(pipe[0]);
    const auto tell = [&](std::int64_t number) {
      if (::write(pipe[1], &number, sizeof number) != sizeof number) ::_exit(3);
    };
    int code = 0;
    try {
      act(tell);
    } catch (const NotForThis& why) {
      (void)why;
      code = 4;
    } catch (const std::exception& failed) {
      std::fprintf(stderr, "%s\n", failed.what());
      code = 5;
    }
    ::_exit(code);
  }
  ::close(pipe[1]);
  if (kill_after_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(*kill_after_ms));
    ::kill(child, SIGKILL);
  }
  Told told;
  std::int64_t number = 0;
  while (::read(pipe[0], &number, sizeof number) == sizeof number) told.numbers.push_back(number);
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 4)
    throw NotForThis("it does not start here; give --config");
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    told.failure = "exit code " + std::to_string(WEXITSTATUS(status));
  if (WIFSIGNALED(status) && !kill_after_ms)
    told.failure = "signal " + std::to_string(WTERMSIG(status));
  return told;
}

void survives_kills(Subject& subject) {
  (void)subject.storage();
  const std::string config = subject.config();  // one store for all of it
  const auto keys_now = [&] {
    const Told told = in_child(
        [&](const auto& tell) {
          Store store(subject, config);
          for (const std::int64_t key : store.keys()) tell(key);
          store.close();
        },
        std::nullopt);
    expect(told.failure.empty(), "a store can't be opened again: " + told.failure);
    return told.numbers;
  };
  const Told first = in_child(
      [&](const auto& tell) {
        Store store(subject, config);
        store.insert(0, 1);
        store.close();
        tell(1);
      },
      std::nullopt);
  expect(first.failure.empty(), "a first row can't be stored: " + first.failure);
  if (keys_now().empty()) throw NotForThis("it keeps nothing beyond its process");
  std::int64_t next = 1;
  std::size_t acknowledged = 0;
  for (int round = 0; round < kRounds; ++round) {
    const Told told = in_child(
        [&](const auto& tell) {
          Store store(subject, config);
          for (std::int64_t key = next;; ++key) {
            store.insert(key, 1);
            tell(key);
          }
        },
        kKillAfterMs + 50 * round);
    expect(told.failure.empty(), "commits fail after a kill: " + told.failure);
    const std::vector<std::int64_t> found = keys_now();
    const std::int64_t last = told.numbers.empty() ? next - 1 : told.numbers.back();
    acknowledged += told.numbers.size();
    for (std::int64_t key = 0; key <= last; ++key) {
      expect(std::binary_search(found.begin(), found.end(), key),
             "a commit that was acknowledged is gone after a kill: row " + std::to_string(key) +
                 " of " + std::to_string(last));
    }
    expect(static_cast<std::int64_t>(found.size()) <= last + 2,
           "a kill left rows that nobody stored");
    next = found.empty() ? 0 : found.back() + 1;
  }
  expect(acknowledged > 0, "not one commit was acknowledged before a kill");
  subject.tell(std::to_string(acknowledged) + " acknowledged commits over " +
               std::to_string(kRounds) + " kills");
}

void tells_its_throughput(Subject& subject) {
  (void)subject.storage();
  Store store(subject, subject.config());
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t i = 0; i < kBatches; ++i)
    store.insert(std::int64_t{i} * kBatchRows, kBatchRows);
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin);
  const std::vector<std::int64_t> found = store.keys();
  expect(found.size() == std::size_t{kBatches} * kBatchRows,
         "of " + std::to_string(kBatches * kBatchRows) + " rows " + std::to_string(found.size()) +
             " are there");
  store.close();
  subject.tell(std::to_string(static_cast<std::int64_t>(kBatches * kBatchRows /
                                                        std::max(took.count(), 1e-6))) +
               " rows/s in batches of 1000, one lane");
}

}  // namespace

void add_durability_cases(Cases& cases) {
  cases.push_back(
      {"H.storage.kill",
       "as a storage driver, has kept every acknowledged commit when its process is killed",
       survives_kills, 120'000});
  cases.push_back({"H.storage.throughput",
                   "as a storage driver, stores rows (how fast is told, not judged)",
                   tells_its_throughput, 120'000});
}

}  // namespace z4j::check
