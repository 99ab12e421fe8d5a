// Merge rules in every order of arrival, values at their limits, commits that fail as a whole,
// leases, append-only tables, growth of the schema: on each driver.
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>

#include "raw_rows.hpp"
#include "storage_bench.hpp"

namespace z4j::contract {
namespace {

using namespace raw;
using Session = plugin::StorageClient::Session;

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min(),
                       kMost = std::numeric_limits<std::int64_t>::max();

Step rows_step(std::uint16_t verb, std::vector<std::uint16_t> columns, std::vector<Line> lines,
               std::uint16_t table = kThings) {
  Step s;
  s.verb = verb;
  s.table = table;
  s.columns = std::move(columns);
  s.lines = std::move(lines);
  return s;
}

template <class Driver>
class StorageMerge : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(StorageMerge);
  CPPUNIT_TEST(each_rule_does_what_its_name_says);
  CPPUNIT_TEST(every_order_of_arrival_gives_one_result);
  CPPUNIT_TEST(random_histories_cut_into_batches_give_one_result);
  CPPUNIT_TEST(a_column_that_is_not_in_the_batch_stays);
  CPPUNIT_TEST(columns_of_one_stamp_travel_together);
  CPPUNIT_TEST(a_guard_compares_and_sets_row_by_row);
  CPPUNIT_TEST(values_come_back_as_given);
  CPPUNIT_TEST(text_orders_by_bytes);
  CPPUNIT_TEST(null_matches_is_null_and_ne_only);
  CPPUNIT_TEST(a_commit_fails_as_a_whole_at_each_step);
  CPPUNIT_TEST(a_step_sees_the_steps_before_it);
  CPPUNIT_TEST(expectations_bound_what_a_step_affects);
  CPPUNIT_TEST(malformed_requests_are_refused_with_their_place);
  CPPUNIT_TEST(batches_of_one_best_and_most_rows);
  CPPUNIT_TEST(a_sum_beyond_64_bits_is_refused);
  CPPUNIT_TEST(s43_s44_a_lease_is_held_by_one_and_fences_its_holder);
  CPPUNIT_TEST(an_append_only_table_never_changes);
  CPPUNIT_TEST(s48_the_schema_grows_and_never_shrinks);
  CPPUNIT_TEST_SUITE_END();

  Bench bench_{Driver::kPlugin};
  std::unique_ptr<Session> session_;

  Done must(const std::vector<Step>& steps, std::uint32_t flags = 0) {
    Done done = commit(*session_, steps, flags);
    CPPUNIT_ASSERT_MESSAGE(done.text, done.ok());
    return done;
  }
  Done refused(const std::vector<Step>& steps, base::Code code, std::uint32_t flags = 0) {
    Done done = commit(*session_, steps, flags);
    CPPUNIT_ASSERT_MESSAGE("taken", !done.ok());
    CPPUNIT_ASSERT_MESSAGE(done.text, done.code == code);
    return done;
  }
  std::vector<Line> lines(const Query& query) {
    Answer answer = read(*session_, query);
    CPPUNIT_ASSERT_MESSAGE(answer.text, answer.code == base::Code::ok);
    return answer.lines;
  }
  std::vector<Line> all(std::uint16_t t = kThings) {
    Query query;
    query.table = t;
    query.order = {0};
    return lines(query);
  }
  Line thing(std::int64_t key) {
    Query query;
    query.preds = {{kId, Z4J_CMP_EQ, 0, {key}, "", false}};
    const std::vector<Line> found = lines(query);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.size());
    return found[0];
  }
  void clear() {
    Step s;
    s.verb = Z4J_STEP_DELETE;
    must({s});
  }

 public:
  void setUp() override {
    const auto migrated = bench_.client().migrate(schema(), false, 30'000);
    CPPUNIT_ASSERT_MESSAGE(migrated ? "" : migrated.error().text(), migrated.ok());
    session_ = bench_.client().open(Z4J_SESSION_WRITE).value();
  }

  void each_rule_does_what_its_name_says() {
    const std::vector<std::uint16_t> columns = {kId, kWhole, kKept, kLow, kHigh, kSum};
    const auto merge = [&](Line line) {
      must({rows_step(Z4J_STEP_MERGE, columns, {std::move(line)})});
    };
    const auto stored = [&] {
      const Line row = thing(1);
      return Line{row[kWhole], row[kKept], row[kLow], row[kHigh], row[kSum]};
    };
    merge({std::int64_t{1}, std::int64_t{5}, {}, std::int64_t{5}, "m", std::int64_t{5}});
    merge({std::int64_t{1}, std::int64_t{4}, "first", std::int64_t{7}, "k", std::int64_t{-2}});
    CPPUNIT_ASSERT(
        (stored() == Line{std::int64_t{4}, "first", std::int64_t{5}, "m", std::int64_t{3}}));
    merge({std::int64_t{1}, {}, "second", {}, {}, {}});
    CPPUNIT_ASSERT((stored() == Line{{}, "first", std::int64_t{5}, "m", std::int64_t{3}}));
    merge({std::int64_t{1}, std::int64_t{9}, {}, std::int64_t{-1}, "z", std::int64_t{1}});
    CPPUNIT_ASSERT(
        (stored() == Line{std::int64_t{9}, "first", std::int64_t{-1}, "z", std::int64_t{4}}));
  }

  void every_order_of_arrival_gives_one_result() {
    // MIN, MAX, ADD and LAST; the second fact clears the detail of the first.
    const std::vector<std::uint16_t> columns = {kId, kLow, kHigh, kSum, kState, kDetail, kStamp};
    const std::vector<Line> facts = {
        {std::int64_t{1}, std::int64_t{4}, "b", std::int64_t{1}, "failed", "{\"e\":1}",
         std::int64_t{20}},
        {std::int64_t{1}, std::int64_t{9}, {}, std::int64_t{2}, "done", {}, std::int64_t{30}},
        {std::int64_t{1}, {}, "a", {}, "sent", {}, std::int64_t{10}},
        {std::int64_t{1}, std::int64_t{6}, "c", std::int64_t{4}, {}, {}, {}},
        {std::int64_t{1}, {}, {}, {}, "started", "{}", std::int64_t{15}}};
    const Line expected = {std::int64_t{4}, "c", std::int64_t{7}, "done", {}, std::int64_t{30}};
    std::vector<std::size_t> order(facts.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    do {
      clear();
      std::vector<Step> steps;
      for (const std::size_t i : order)
        steps.push_back(rows_step(Z4J_STEP_MERGE, columns, {facts[i]}));
      must(steps);
      const Line row = thing(1);
      CPPUNIT_ASSERT((Line{row[kLow], row[kHigh], row[kSum], row[kState], row[kDetail],
                           row[kStamp]} == expected));
    } while (std::next_permutation(order.begin(), order.end()));
  }

  void random_histories_cut_into_batches_give_one_result() {
    std::mt19937 random(20260101);
    const std::vector<std::uint16_t> columns = {kId, kLow, kHigh, kState, kDetail, kStamp};
    for (int history = 0; history < 60; ++history) {
      std::vector<Line> facts;
      for (std::int64_t i = 0; i < 30; ++i) {
        const auto thing_id = static_cast<std::int64_t>(random() % 4);
        const bool stamped = random() % 5 != 0;  // stamps are minted: equal ones mean the same fact
        const Val state = stamped ? Val(std::string("s") + std::to_string(random() % 3)) : Val();
        facts.push_back(
            {thing_id, random() % 3 == 0 ? Val() : Val(static_cast<std::int64_t>(random() % 100)),
             random() % 3 == 0 ? Val() : Val(std::to_string(random() % 100)), state,
             stamped && random() % 2 == 0 ? Val("[1]") : Val(), stamped ? Val(i * 7 % 31) : Val()});
      }
      std::vector<Line> expected;
      for (int arrival = 0; arrival < 4; ++arrival) {
        clear();
        for (std::size_t at = 0; at < facts.size();) {
          // A batch: its keys once each, in order.
          std::vector<Line> part;
          const std::size_t most = 1 + random() % 4;
          while (at < facts.size() && part.size() < most &&
                 std::none_of(part.begin(), part.end(),
                              [&](const Line& l) { return l[0] == facts[at][0]; })) {
            part.push_back(facts[at++]);
          }
          std::sort(part.begin(), part.end());
          must({rows_step(Z4J_STEP_MERGE, columns, part)});
          if (random() % 4 == 0) must({rows_step(Z4J_STEP_MERGE, columns, part)});  // sent again
        }
        if (arrival == 0) expected = all();
        CPPUNIT_ASSERT_MESSAGE(shown(expected) + "but\n" + shown(all()), all() == expected);
        std::shuffle(facts.begin(), facts.end(), random);
      }
    }
  }

  void a_column_that_is_not_in_the_batch_stays() {
    must({rows_step(Z4J_STEP_INSERT, {kId, kWhole, kText},
                    {{std::int64_t{1}, std::int64_t{5}, "x"}})});
    must({rows_step(Z4J_STEP_MERGE, {kId, kText}, {{std::int64_t{1}, "y"}})});
    must({rows_step(Z4J_STEP_PATCH, {kId, kFlag}, {{std::int64_t{1}, std::int64_t{7}}})});
    const Line row = thing(1);
    CPPUNIT_ASSERT(row[kWhole] == Val(std::int64_t{5}) && row[kText] == Val("y") &&
                   row[kFlag] == Val(std::int64_t{1}));
  }

  void columns_of_one_stamp_travel_together() {
    const auto merge = [&](std::vector<std::uint16_t> columns, Line line) {
      must({rows_step(Z4J_STEP_MERGE, std::move(columns), {std::move(line)})});
    };
    merge({kId, kState, kDetail, kStamp},
          {std::int64_t{1}, "failed", "{\"e\":1}", std::int64_t{5}});
    merge({kId, kState, kDetail, kStamp}, {std::int64_t{1}, "old", "{}", std::int64_t{4}});
    CPPUNIT_ASSERT(thing(1)[kState] == Val("failed"));
    merge({kId, kState}, {std::int64_t{1}, "no stamp"});
    CPPUNIT_ASSERT(thing(1)[kState] == Val("failed"));
    merge({kId, kState, kDetail, kStamp},
          {std::int64_t{1}, "done", {}, std::int64_t{5}});  // an equal stamp wins
    CPPUNIT_ASSERT(thing(1)[kState] == Val("done") && thing(1)[kDetail] == Val());
  }

  void a_guard_compares_and_sets_row_by_row() {
    must({rows_step(
        Z4J_STEP_INSERT, {kId, kState, kStamp},
        {{std::int64_t{1}, "a", std::int64_t{1}}, {std::int64_t{2}, "b", std::int64_t{1}}})});
    for (const std::uint16_t verb : {Z4J_STEP_MERGE, Z4J_STEP_PATCH}) {
      Step s = rows_step(verb, {kId, kText},
                         {{std::int64_t{1}, "x"}, {std::int64_t{2}, "x"}, {std::int64_t{3}, "x"}});
      s.preds = {{kState, Z4J_CMP_EQ, 0, {"a"}, "", false}};
      s.want_outcome = true;
      const Done done = must({s});
      const std::uint8_t third = verb == Z4J_STEP_MERGE ? Z4J_ROW_INSERTED : Z4J_ROW_UNTOUCHED;
      CPPUNIT_ASSERT((done.outcomes[0] ==
                      std::vector<std::uint8_t>{Z4J_ROW_CHANGED, Z4J_ROW_UNTOUCHED, third}));
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{verb == Z4J_STEP_MERGE ? 2u : 1u}, done.affected[0]);
    }
    CPPUNIT_ASSERT(thing(2)[kText] == Val());
  }

  void values_come_back_as_given() {
    const std::string bytes("\0\xff\x01", 3), uuid("0123456789abcdef"),
        grin = "\xf0\x9f\x98\x80 Köln \xe2\x82\xac";
    const std::string large(1 << 20, 'x');
    const std::vector<std::uint16_t> columns = {kId,   kFlag, kWhole, kReal, kTime,
                                                kUuid, kText, kBytes, kJson};
    const std::vector<Line> given = {
        {std::int64_t{1}, std::int64_t{1}, kMost, 1e308, kLeast, uuid, grin, bytes,
         "{\"a\":[1,2.5,\"\xf0\x9f\x98\x80\"]}"},
        {std::int64_t{2}, std::int64_t{0}, kLeast, -0.1, std::int64_t{0}, {}, "", "", "null"},
        {std::int64_t{3}, {}, {}, {}, {}, {}, {}, {}, {}},
        {std::int64_t{4}, {}, {}, 5e-324, kMost, {}, large, large, "\"" + large + "\""},
        {kMost, {}, {}, {}, {}, {}, "it's \"quoted\"; DROP TABLE things --", "'", "[]"},
        {kLeast, {}, {}, {}, {}, {}, "%_\\", {}, {}}};
    must({rows_step(Z4J_STEP_INSERT, columns, given)});
    for (const Line& line : given) {
      const Line row = thing(std::get<std::int64_t>(line[0]));
      for (std::size_t i = 0; i < columns.size(); ++i) {
        CPPUNIT_ASSERT_MESSAGE(shown({line}).substr(0, 200), row[columns[i]] == line[i]);
      }
    }
  }

  void text_orders_by_bytes() {
    const std::vector<std::string> words = {
        "", "A", "Z", "a", "aa", "b", "z", "Ä", "\xef\xbf\xbd", "\xf0\x9f\x98\x80"};
    std::vector<Line> given;
    for (std::size_t i = words.size(); i-- > 0;)
      given.push_back({static_cast<std::int64_t>(i), words[i]});
    must({rows_step(Z4J_STEP_INSERT, {kId, kText}, given)});
    Query query;
    query.outs = {{kText, 0, 0}};
    query.order = {kText, kId};
    std::vector<std::string> seen;
    for (const Line& line : lines(query)) seen.push_back(std::get<std::string>(line[0]));
    CPPUNIT_ASSERT(seen == words);
    query.preds = {{kText, Z4J_CMP_GT, 0, {"z"}, "", false}};
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, lines(query).size());
    query.preds = {{kText, Z4J_CMP_PREFIX, 0, {"\xf0\x9f"}, "", false}};
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, lines(query).size());
  }

  void null_matches_is_null_and_ne_only() {
    must(
        {rows_step(Z4J_STEP_INSERT, {kId, kWhole, kText, kJson},
                   {{std::int64_t{1}, {}, {}, {}}, {std::int64_t{2}, std::int64_t{0}, "", "{}"}})});
    const auto matching = [&](std::uint16_t column, std::uint16_t cmp, std::vector<Val> values,
                              const std::string& path = {}) {
      Query query;
      query.preds = {{column, cmp, 0, std::move(values), path, false}};
      query.outs = {{kId, 0, 0}};
      query.order = {kId};
      std::vector<std::int64_t> ids;
      for (const Line& line : lines(query)) ids.push_back(std::get<std::int64_t>(line[0]));
      return ids;
    };
    using Ids = std::vector<std::int64_t>;
    CPPUNIT_ASSERT(matching(kWhole, Z4J_CMP_IS_NULL, {}) == Ids{1});
    CPPUNIT_ASSERT(matching(kWhole, Z4J_CMP_NOT_NULL, {}) == Ids{2});
    CPPUNIT_ASSERT((matching(kWhole, Z4J_CMP_NE, {std::int64_t{5}}) == Ids{1, 2}));
    CPPUNIT_ASSERT(matching(kWhole, Z4J_CMP_NE, {std::int64_t{0}, std::int64_t{5}}) == Ids{1});
    for (const std::uint16_t cmp : {Z4J_CMP_LT, Z4J_CMP_LE, Z4J_CMP_GT, Z4J_CMP_GE}) {
      for (const std::int64_t id : matching(kWhole, cmp, {std::int64_t{0}}))
        CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, id);
    }
    CPPUNIT_ASSERT(matching(kText, Z4J_CMP_PREFIX, {""}) == Ids{2});
    CPPUNIT_ASSERT(matching(kText, Z4J_CMP_CONTAINS, {""}) == Ids{2});
    CPPUNIT_ASSERT((matching(kJson, Z4J_CMP_IS_NULL, {}, "/a") == Ids{1, 2}));
    CPPUNIT_ASSERT((matching(kJson, Z4J_CMP_NE, {"x"}, "/a") == Ids{1, 2}));
    CPPUNIT_ASSERT(matching(kJson, Z4J_CMP_EQ, {}, "/a").empty());
  }

  void a_commit_fails_as_a_whole_at_each_step() {
    must({rows_step(Z4J_STEP_INSERT, {kId, kWhole},
                    {{std::int64_t{1}, std::int64_t{1}}, {std::int64_t{2}, std::int64_t{2}}})});
    Step update, gone;
    update.verb = Z4J_STEP_UPDATE;
    update.sets = {{kWhole, Z4J_M_ADD, std::int64_t{10}, false}};
    gone.verb = Z4J_STEP_DELETE;
    gone.preds = {{kId, Z4J_CMP_EQ, 0, {std::int64_t{2}}, "", false}};
    const std::vector<Step> good = {
        update, rows_step(Z4J_STEP_INSERT, {kId}, {{std::int64_t{3}}}),
        rows_step(Z4J_STEP_MERGE, {kId, kText}, {{std::int64_t{1}, "x"}, {std::int64_t{4}, "y"}}),
        gone,
        rows_step(Z4J_STEP_INSERT, {kLogTime, kLogId}, {{std::int64_t{1}, std::int64_t{1}}}, kLog)};
    const std::vector<Line> things = all(), log = all(kLog);
    const Step bad = rows_step(Z4J_STEP_INSERT, {kId}, {{std::int64_t{9}}, {std::int64_t{1}}});
    for (std::size_t at = 0; at <= good.size(); ++at) {
      std::vector<Step> steps = good;
      steps.insert(steps.begin() + static_cast<std::ptrdiff_t>(at), bad);
      const Done done = refused(steps, base::Code::conflict);
      CPPUNIT_ASSERT_EQUAL(static_cast<std::uint32_t>(at), done.bad_step);
      CPPUNIT_ASSERT_EQUAL(1u, done.bad_row);
      CPPUNIT_ASSERT_EQUAL(0u, done.bad_key);
      CPPUNIT_ASSERT(all() == things && all(kLog) == log);
    }
    must(good);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, all().size());
  }

  void a_step_sees_the_steps_before_it() {
    Step count, update;
    count.verb = Z4J_STEP_CHECK;
    count.preds = {{kWhole, Z4J_CMP_GE, 0, {std::int64_t{100}}, "", false}};
    count.expect_min = count.expect_max = 2;
    update.verb = Z4J_STEP_UPDATE;
    update.sets = {{kWhole, Z4J_M_SET, std::int64_t{100}, false}};
    const Done done = must(
        {rows_step(Z4J_STEP_INSERT, {kId}, {{std::int64_t{1}}, {std::int64_t{2}}}), update, count});
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{2}, done.affected[2]);
  }

  void expectations_bound_what_a_step_affects() {
    must({rows_step(Z4J_STEP_INSERT, {kId},
                    {{std::int64_t{1}}, {std::int64_t{2}}, {std::int64_t{3}}})});
    const auto step = [](std::uint16_t verb, std::uint64_t least, std::uint64_t most) {
      Step s;
      s.verb = verb;
      s.expect_min = least;
      s.expect_max = most;
      if (verb == Z4J_STEP_UPDATE) s.sets = {{kText, Z4J_M_SET, "x", false}};
      return s;
    };
    for (const std::uint16_t verb : {Z4J_STEP_CHECK, Z4J_STEP_UPDATE, Z4J_STEP_DELETE}) {
      refused({step(verb, 4, 9)}, base::Code::conflict);
      refused({step(verb, 0, 2)}, base::Code::conflict);
    }
    Step repeated = rows_step(Z4J_STEP_INSERT_NEW, {kId}, {{std::int64_t{3}}, {std::int64_t{4}}});
    repeated.want_outcome = true;
    CPPUNIT_ASSERT((must({repeated}).outcomes[0] ==
                    std::vector<std::uint8_t>{Z4J_ROW_UNTOUCHED, Z4J_ROW_INSERTED}));
    repeated.expect_min = 2;
    refused({repeated}, base::Code::conflict);
    Step limited = step(Z4J_STEP_DELETE, 2, 2);
    limited.limit = 2;
    must({limited});
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all().size());
  }

  void malformed_requests_are_refused_with_their_place() {
    Step unknown, no_sets,
        no_key = rows_step(Z4J_STEP_INSERT, {kText}, {{"x"}}),
        twice = rows_step(Z4J_STEP_INSERT, {kId, kId}, {{std::int64_t{1}, std::int64_t{1}}});
    unknown.verb = 99;
    no_sets.verb = Z4J_STEP_UPDATE;
    for (const Step& s : {unknown, no_sets, no_key, twice}) {
      const Done done =
          refused({rows_step(Z4J_STEP_INSERT, {kId}, {{std::int64_t{1}}}), s}, base::Code::invalid);
      CPPUNIT_ASSERT_EQUAL(1u, done.bad_step);
      CPPUNIT_ASSERT_MESSAGE(done.text, done.text.find("/steps/1") != std::string::npos);
    }
    const Done null_key = refused({rows_step(Z4J_STEP_INSERT, {kId}, {{std::int64_t{1}}, {Val()}})},
                                  base::Code::invalid);
    CPPUNIT_ASSERT_EQUAL(1u, null_key.bad_row);
    Query query;
    query.preds = {{kWhole, Z4J_CMP_EQ, 0, {"text"}, "", false}};
    CPPUNIT_ASSERT(read(*session_, query).code == base::Code::invalid);
    query.preds = {{kJson, Z4J_CMP_LT, 0, {"x"}, "", false}};
    CPPUNIT_ASSERT(read(*session_, query).code == base::Code::invalid);
    CPPUNIT_ASSERT(all().empty());
  }

  void batches_of_one_best_and_most_rows() {
    const z4j_store_info info = bench_.client().info();
    std::int64_t next = 0;
    for (const std::uint32_t rows : {1u, info.best_rows, info.max_rows}) {
      std::vector<Line> given;
      for (std::uint32_t i = 0; i < rows; ++i) given.push_back({next++, "x"});
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{rows},
                           must({rows_step(Z4J_STEP_INSERT, {kId, kText}, given)}).affected[0]);
    }
    std::vector<Line> more;
    for (std::uint32_t i = 0; i <= info.max_rows; ++i) more.push_back({next++, "x"});
    refused({rows_step(Z4J_STEP_INSERT, {kId, kText}, more)}, base::Code::too_large);
  }

  void a_sum_beyond_64_bits_is_refused() {
    must({rows_step(Z4J_STEP_INSERT, {kId, kSum},
                    {{std::int64_t{1}, kMost}, {std::int64_t{2}, kMost}})});
    refused({rows_step(Z4J_STEP_MERGE, {kId, kSum}, {{std::int64_t{1}, std::int64_t{1}}})},
            base::Code::invalid);
    Query query;
    query.outs = {{kSum, Z4J_AGG_SUM, 0}};
    CPPUNIT_ASSERT(read(*session_, query).code == base::Code::invalid);
    CPPUNIT_ASSERT(thing(1)[kSum] == Val(kMost));
  }

  void s43_s44_a_lease_is_held_by_one_and_fences_its_holder() {
    must({rows_step(Z4J_STEP_INSERT, {kLeaseName, kLeaseFence, kLeaseUntil},
                    {{"chain", std::int64_t{0}, std::int64_t{0}}}, kLeases)});
    const auto take = [](std::int64_t fence, const char* owner) {
      Step s;
      s.verb = Z4J_STEP_UPDATE;
      s.table = kLeases;
      s.preds = {{kLeaseName, Z4J_CMP_EQ, 0, {"chain"}, "", false},
                 {kLeaseFence, Z4J_CMP_EQ, 0, {fence}, "", false},
                 {kLeaseUntil, Z4J_CMP_LT, 0, {std::int64_t{0}}, "", true}};
      s.sets = {{kLeaseOwner, Z4J_M_SET, owner, false},
                {kLeaseFence, Z4J_M_ADD, std::int64_t{1}, false},
                {kLeaseUntil, Z4J_M_SET, std::int64_t{3'600'000'000}, true}};
      s.expect_min = 1;
      return s;
    };
    const auto write = [](std::int64_t fence, std::int64_t id) {
      Step check;
      check.verb = Z4J_STEP_CHECK;
      check.table = kLeases;
      check.preds = {{kLeaseName, Z4J_CMP_EQ, 0, {"chain"}, "", false},
                     {kLeaseFence, Z4J_CMP_EQ, 0, {fence}, "", false}};
      check.expect_min = 1;
      return std::vector<Step>{check, rows_step(Z4J_STEP_INSERT, {kId}, {{id}})};
    };
    must({take(0, "one")});
    refused({take(0, "two")}, base::Code::conflict);  // lost the race
    refused({take(1, "two")}, base::Code::conflict);  // not expired
    must(write(1, 1));
    Step expire;
    expire.verb = Z4J_STEP_UPDATE;
    expire.table = kLeases;
    expire.sets = {{kLeaseUntil, Z4J_M_SET, std::int64_t{-1}, true}};
    must({expire});
    must({take(1, "two")});
    // The first holder wakes late: the store itself refuses it, and nothing of its commit is kept.
    refused(write(1, 2), base::Code::conflict);
    must(write(2, 3));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all().size());
  }

  void an_append_only_table_never_changes() {
    const Step insert = rows_step(
        Z4J_STEP_INSERT, {kLogTime, kLogId, kLogText},
        {{std::int64_t{1}, std::int64_t{1}, "x"}, {std::int64_t{2}, std::int64_t{1}, "y"}}, kLog);
    must({insert});
    Step update, erase;
    update.verb = Z4J_STEP_UPDATE;
    update.table = kLog;
    update.sets = {{kLogText, Z4J_M_SET, "forged", false}};
    erase.verb = Z4J_STEP_DELETE;
    erase.table = kLog;
    erase.preds = {{kLogTime, Z4J_CMP_LT, 0, {std::int64_t{2}}, "", false}};
    for (const std::uint32_t flags : {0u, std::uint32_t{Z4J_COMMIT_RETENTION}}) {
      refused({update}, base::Code::denied, flags);
      refused({rows_step(Z4J_STEP_MERGE, {kLogTime, kLogId, kLogText},
                         {{std::int64_t{1}, std::int64_t{1}, "z"}}, kLog)},
              base::Code::denied, flags);
      refused({rows_step(Z4J_STEP_PATCH, {kLogTime, kLogId, kLogText},
                         {{std::int64_t{1}, std::int64_t{1}, "z"}}, kLog)},
              base::Code::denied, flags);
    }
    refused({erase}, base::Code::denied);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all(kLog).size());
    must({erase}, Z4J_COMMIT_RETENTION);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, all(kLog).size());
    refused({erase}, base::Code::denied);
  }

  void s48_the_schema_grows_and_never_shrinks() {
    must({rows_step(Z4J_STEP_INSERT, {kId, kText}, {{std::int64_t{1}, "x"}})});
    const auto planned = bench_.client().migrate(schema(2), true, 30'000);
    CPPUNIT_ASSERT_MESSAGE(planned ? "" : planned.error().text(), planned.ok());
    CPPUNIT_ASSERT_MESSAGE(*planned, planned->find("\"from\":1,\"to\":2") != std::string::npos);
    CPPUNIT_ASSERT_MESSAGE(*planned, planned->find("create table fresh") != std::string::npos);
    CPPUNIT_ASSERT(all().size() == 1);  // a dry run changed nothing, and the old schema still holds
    session_.reset();
    CPPUNIT_ASSERT(bench_.client().migrate(schema(2), false, 30'000).ok());
    session_ = bench_.client().open(Z4J_SESSION_WRITE).value();
    CPPUNIT_ASSERT(thing(1)[kText] == Val("x"));
    session_.reset();
    const auto back = bench_.client().migrate(schema(1), false, 30'000);
    CPPUNIT_ASSERT(!back.ok());
    CPPUNIT_ASSERT(back.error().code == base::Code::unsupported);
    CPPUNIT_ASSERT_MESSAGE(back.error().text(),
                           back.error().message.find("newer") != std::string::npos);
  }
};

#ifdef Z4J_CONTRACT_GIVEN
CPPUNIT_TEST_SUITE_REGISTRATION(StorageMerge<Given>);
#else
#ifdef Z4J_CONTRACT_POSTGRESQL
CPPUNIT_TEST_SUITE_REGISTRATION(StorageMerge<Postgresql>);
#else
CPPUNIT_TEST_SUITE_REGISTRATION(StorageMerge<Sqlite>);
CPPUNIT_TEST_SUITE_REGISTRATION(StorageMerge<Memory>);
#endif
#endif

}  // namespace
}  // namespace z4j::contract
