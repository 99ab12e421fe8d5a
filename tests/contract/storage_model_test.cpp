// A driver against the plain model, storage-memory: the same random commits and queries to
// both, the same answers, refusals included. The seed stands in each message.
#include <cppunit/extensions/HelperMacros.h>

#include <random>

#include "raw_rows.hpp"
#include "storage_bench.hpp"

namespace z4j::contract {
namespace {

using namespace raw;

class Dice {
 public:
  explicit Dice(std::uint32_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }

  // From a small pool, so that values meet; now and then one at a limit.
  Val value(std::uint16_t type) {
    static const char* const kWords[] = {"",   "a", "A", "ab", "abc", "B", "Ä", "\xf0\x9f\x98\x80",
                                         "a%", "z_"};
    static const char* const kDocs[] = {"{}",
                                        "[]",
                                        "null",
                                        "3",
                                        "\"3\"",
                                        "[1,2,\"a\"]",
                                        "[true,null,2.5]",
                                        R"({"a":1,"b":"ab"})",
                                        R"({"a":"1","b":["a","b"]})",
                                        R"({"a":{"c":1.5},"b":null})",
                                        R"({"a":[1,{"c":"x"}],"b":true})",
                                        "not json"};
    switch (type) {
      case Z4J_T_BOOL:
        return std::int64_t{below(2)};
      case Z4J_T_REAL:
        return one_in(8) ? 1e300 : static_cast<double>(below(9)) / 2 - 2;
      case Z4J_T_UUID:
        return std::string(16, static_cast<char>('a' + below(6)));
      case Z4J_T_BYTES:
        return std::string(below(3), static_cast<char>(below(2) == 0 ? 0 : 0xff));
      case Z4J_T_TEXT:
        return kWords[below(10)];
      case Z4J_T_JSON:
        return kDocs[below(11)];
      default:
        break;
    }
    if (one_in(20)) return one_in(2) ? INT64_MAX : INT64_MIN;
    return std::int64_t{below(9)} - 4;
  }
  Val maybe(std::uint16_t type) { return one_in(4) ? Val() : value(type); }

  Pred pred() {
    static const char* const kPaths[] = {"", "/a", "/b", "/a/c", "/a/1/c", "/0", "/a~1b"};
    Pred p;
    p.column = static_cast<std::uint16_t>(below(kThingColumns));
    const std::uint16_t type = table(kThings).columns[p.column].type;
    p.cmp = static_cast<std::uint16_t>(1 + below(Z4J_CMP_NOT_NULL));
    p.any = static_cast<std::uint16_t>(one_in(3) ? 1 + below(2) : 0);
    if (type == Z4J_T_JSON) p.path = kPaths[below(7)];
    const bool inside = !p.path.empty() || p.cmp == Z4J_CMP_HAS;
    static constexpr std::uint16_t kScalars[] = {Z4J_T_INT, Z4J_T_REAL, Z4J_T_TEXT};
    const auto operand = [&] { return inside ? value(kScalars[below(3)]) : value(type); };
    switch (p.cmp) {
      case Z4J_CMP_IS_NULL:
      case Z4J_CMP_NOT_NULL:
        break;
      case Z4J_CMP_EQ:
      case Z4J_CMP_NE:
      case Z4J_CMP_HAS:
        for (std::uint32_t n = below(6); n > 0; --n)
          p.values.push_back(one_in(6) ? Val() : operand());
        break;
      case Z4J_CMP_PREFIX:
      case Z4J_CMP_CONTAINS:
        p.values = {value(Z4J_T_TEXT)};
        break;
      default:
        p.values = {operand()};
    }
    return p;
  }
  std::vector<Pred> preds(std::uint32_t most) {
    std::vector<Pred> out;
    for (std::uint32_t n = below(most + 1); n > 0; --n) out.push_back(pred());
    return out;
  }

  Step step() {
    Step s;
    s.verb = static_cast<std::uint16_t>(Z4J_STEP_INSERT + below(7));
    if (s.verb >= Z4J_STEP_UPDATE) {
      s.preds = preds(3);
      if (s.verb == Z4J_STEP_UPDATE) {
        for (std::uint16_t c = 1; c < kThingColumns; ++c) {
          if (!one_in(8)) continue;
          const std::uint16_t type = table(kThings).columns[c].type;
          s.sets.push_back({c, static_cast<std::uint16_t>(one_in(2) ? 0 : Z4J_M_MIN + below(3)),
                            maybe(type), false});
        }
      }
      if (one_in(10)) s.expect_min = below(5);
      return s;
    }
    s.columns = {kId};
    for (std::uint16_t c = 1; c < kThingColumns; ++c) {
      if (one_in(2)) s.columns.push_back(c);
    }
    std::int64_t key = 0;
    for (std::uint32_t n = 1 + below(6); n > 0; --n) {
      key += 1 + below(12);
      Line line = {key};
      for (std::size_t i = 1; i < s.columns.size(); ++i)
        line.push_back(maybe(table(kThings).columns[s.columns[i]].type));
      s.lines.push_back(std::move(line));
    }
    if (s.verb == Z4J_STEP_MERGE || s.verb == Z4J_STEP_PATCH) s.preds = preds(2);
    s.want_outcome = one_in(2);
    return s;
  }

  Query query() {
    Query q;
    q.preds = preds(4);
    if (one_in(3)) {  // fold
      const auto groups = static_cast<std::uint16_t>(below(3));
      for (std::uint16_t i = 0; i < groups; ++i) {
        const auto c = static_cast<std::uint16_t>(below(kStamp + 1));
        const std::uint16_t type = table(kThings).columns[c].type;
        const bool bucketed = (type == Z4J_T_INT || type == Z4J_T_TIME) && one_in(3);
        q.outs.push_back({c, 0, bucketed ? std::int64_t{3} : 0});
        q.order.push_back(i);
      }
      q.outs.push_back({0, Z4J_AGG_COUNT, 0});
      for (std::uint32_t n = below(3); n > 0; --n) {
        q.outs.push_back({static_cast<std::uint16_t>(below(kThingColumns)),
                          static_cast<std::uint16_t>(Z4J_AGG_SUM + below(3)), 0});
      }
      return q;
    }
    // Ordered by columns without nulls: the key ends it, and its own place begins it now and then.
    q.order = {kId};
    q.descending = one_in(2);
    if (one_in(3)) q.after = {Val(std::int64_t{below(60)})};
    if (one_in(3)) q.limit = 1 + below(20);
    return q;
  }

 private:
  std::mt19937 random_;
};

template <class Real>
class StorageModel : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(StorageModel);
  CPPUNIT_TEST(random_commits_and_queries_have_the_same_answers);
  CPPUNIT_TEST_SUITE_END();

  Bench real_{Real::kPlugin}, memory_{Memory::kPlugin};

  static std::unique_ptr<plugin::StorageClient::Session> open(Bench& bench) {
    CPPUNIT_ASSERT(bench.client().migrate(schema(), false, 30'000).ok());
    return bench.client().open(Z4J_SESSION_WRITE).value();
  }
  static std::string told(const Done& d) {
    return "code " + std::to_string(static_cast<int>(d.code)) + " step " +
           std::to_string(d.bad_step) + " " + d.text;
  }

 public:
  void random_commits_and_queries_have_the_same_answers() {
    const auto real = open(real_), model = open(memory_);
    std::uint64_t taken = 0, refused = 0, found = 0;
    for (std::uint32_t seed = 1; seed <= 600; ++seed) {
      Dice dice(seed);
      const std::string message = "seed " + std::to_string(seed) + ": ";
      std::vector<Step> steps;
      for (std::uint32_t n = 1 + dice.below(3); n > 0; --n) steps.push_back(dice.step());
      const Done b = commit(*model, steps);
      const Done a = commit(*real, steps);
      CPPUNIT_ASSERT_MESSAGE(message + told(a) + " but the model: " + told(b),
                             a.code == b.code && a.bad_step == b.bad_step);
      CPPUNIT_ASSERT_MESSAGE(message + "affected", a.affected == b.affected);
      CPPUNIT_ASSERT_MESSAGE(message + "outcomes", a.outcomes == b.outcomes);
      a.ok() ? ++taken : ++refused;
      for (int n = 0; n < 4; ++n) {
        const Query query = dice.query();
        const Answer y = read(*model, query, 7);
        const Answer x = read(*real, query, 7);
        const std::string both = message + x.text + "\n" + shown(x.lines) +
                                 "but the model: " + y.text + "\n" + shown(y.lines);
        // A database may add in wider numbers, and find a sum where the model gives up halfway.
        if (x.code == base::Code::ok && y.text.find("a sum leaves") != std::string::npos) continue;
        CPPUNIT_ASSERT_MESSAGE(both, x.code == y.code && x.lines == y.lines);
        found += x.lines.size();
      }
      Query everything;
      everything.order = {kId};
      const Answer x = read(*real, everything), y = read(*model, everything);
      CPPUNIT_ASSERT_MESSAGE(message + shown(x.lines) + "but the model:\n" + shown(y.lines),
                             x.lines == y.lines);
    }
    // The dice must reach all of it.
    CPPUNIT_ASSERT_MESSAGE(std::to_string(taken) + " taken, " + std::to_string(refused) +
                               " refused, " + std::to_string(found) + " found",
                           taken > 200 && refused > 200 && found > 1000);
  }
};

#ifdef Z4J_CONTRACT_GIVEN
CPPUNIT_TEST_SUITE_REGISTRATION(StorageModel<Given>);
#else
#ifdef Z4J_CONTRACT_POSTGRESQL
CPPUNIT_TEST_SUITE_REGISTRATION(StorageModel<Postgresql>);
#else
CPPUNIT_TEST_SUITE_REGISTRATION(StorageModel<Sqlite>);
CPPUNIT_TEST_SUITE_REGISTRATION(StorageModel<Begun>);
#endif
#endif

}  // namespace
}  // namespace z4j::contract
