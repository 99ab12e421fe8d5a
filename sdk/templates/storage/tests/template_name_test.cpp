// The driver behind a host of the SDK: a table of two columns, written and read through the ABI.
#include <z4j/json.hpp>
#include <z4j/storage.hpp>
#include <z4j/testing.hpp>

#include <vector>

namespace {

using namespace z4j::testing;

constexpr z4j_column kColumns[] = {
    {z4j::lit("name"), z4j::lit(""), Z4J_T_TEXT, Z4J_COL_REQUIRED, Z4J_M_SET, 0},
    {z4j::lit("hits"), z4j::lit(""), Z4J_T_INT, 0, Z4J_M_ADD, 0}};
constexpr uint16_t kName[] = {0};
constexpr z4j_key kKeys[] = {{z4j::lit("by_name"), kName, 1, Z4J_K_PRIMARY, 0}};
constexpr z4j_table kTables[] = {{z4j::lit("pages"), z4j::lit(""), kColumns, kKeys, 2, 1, 0, 0}};
constexpr z4j_schema kSchema = {sizeof(z4j_schema), 1, kTables, 1, 0};

// A started driver with the table, and one lane.
class Store {
 public:
  explicit Store(const PluginFile& plugin)
      : table_(*plugin.table<z4j_storage>(Z4J_IFACE_STORAGE)), instance_(plugin, host_, "{}") {
    Z4J_EXPECT(instance_.start() == Z4J_OK);
    const Answer migrated = host_.call(
        [&](z4j_op op, z4j_error* e) { return table_.migrate(instance_, op, &kSchema, 0, e); });
    Z4J_EXPECT(z4j::json::Reader(migrated.result).text("/steps/0") == "create table pages");
    z4j_error e = z4j::empty_error();
    Z4J_EXPECT(table_.session_open(instance_, Z4J_SESSION_WRITE, &lane_, &e) == Z4J_OK);
  }
  ~Store() { table_.session_close(lane_); }

  z4j_status write(uint16_t verb, const std::vector<std::pair<std::string_view, int64_t>>& rows) {
    z4j::store::RowsOut out;
    out.add_column(0, Z4J_FORM_VAR);
    out.add_column(1, Z4J_FORM_NUM);
    for (const auto& [name, hits] : rows) {
      out.bytes(0, name);
      out.num(1, hits);
      out.end_row();
    }
    z4j_step step{};
    step.struct_size = sizeof step;
    step.verb = verb;
    step.rows = out.view();
    step.expect_max = ~uint64_t{0};
    z4j_step* const steps[] = {&step};
    z4j_commit commit{};
    commit.struct_size = sizeof commit;
    commit.steps = steps;
    commit.step_count = 1;
    const Answer answer =
        host_.call([&](z4j_op op, z4j_error* e) { return table_.commit(lane_, op, &commit, e); });
    return answer.status;
  }

  // "name=hits" of every row, in order of name.
  std::string all() {
    constexpr z4j_out kOuts[] = {{0, 0, 0, 0}, {1, 0, 0, 0}};
    z4j_query q{};
    q.struct_size = sizeof q;
    q.outs = kOuts;
    q.out_count = 2;
    q.order = kName;
    q.order_count = 1;
    z4j_cursor* cursor = nullptr;
    z4j_error e = z4j::empty_error();
    Z4J_EXPECT(table_.read_open(lane_, &q, &cursor, &e) == Z4J_OK);
    std::string out;
    const z4j_rows* page = nullptr;
    while (table_.read_next(cursor, 1, &page, &e) == Z4J_OK) {
      for (uint32_t r = 0; r < page->rows; ++r)
        out += std::string(z4j::store::bytes_at(page->cols[0], r)) + "=" +
               std::to_string(z4j::store::num_at(page->cols[1], r)) + " ";
    }
    table_.read_close(cursor);
    return out;
  }

 private:
  TestHost host_;
  const z4j_storage& table_;
  Instance instance_;
  z4j_session* lane_ = nullptr;
};

void rows_are_merged_by_their_rule(const PluginFile& plugin) {
  Store store(plugin);
  Z4J_EXPECT(store.write(Z4J_STEP_MERGE, {{"a", 1}, {"b", 2}}) == Z4J_OK);
  Z4J_EXPECT(store.write(Z4J_STEP_MERGE, {{"a", 10}}) == Z4J_OK);
  Z4J_EXPECT(store.all() == "a=11 b=2 ");
}

void a_taken_key_leaves_nothing_behind(const PluginFile& plugin) {
  Store store(plugin);
  Z4J_EXPECT(store.write(Z4J_STEP_INSERT, {{"a", 1}}) == Z4J_OK);
  Z4J_EXPECT(store.write(Z4J_STEP_INSERT, {{"b", 1}, {"a", 1}}) == Z4J_CONFLICT);
  Z4J_EXPECT(store.write(Z4J_STEP_INSERT_NEW, {{"a", 9}, {"c", 3}}) == Z4J_OK);
  Z4J_EXPECT(store.all() == "a=1 c=3 ");
}

}  // namespace

int main(int, char** argv) {
  const PluginFile plugin(argv[1]);
  rows_are_merged_by_their_rule(plugin);
  a_taken_key_leaves_nothing_behind(plugin);
  return failures == 0 ? 0 : 1;
}
