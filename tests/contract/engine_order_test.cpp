// Events duplicated, shuffled, cut into other batches and delayed by a day: the task rows are those
// of their delivery in order, for what each engine plugin tells.
#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/fold.hpp"
#include "core/testing/merge_model.hpp"
#include "engine_story.hpp"
#include "model/ids.hpp"

namespace z4j::contract {
namespace {

namespace t = model::tasks;
using core::testing::MergeModel;
using Tell = void (*)(std::uint32_t seed, TakeBatch take, void* to);

constexpr std::uint32_t kSeeds = 1000;
constexpr base::TimeUs kNow = 1'795'475'000LL * base::kSecondUs;  // after all that is told

class EngineOrder : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(EngineOrder);
  CPPUNIT_TEST(celery_ends_the_same_in_any_order);
  CPPUNIT_TEST(rq_ends_the_same_in_any_order);
  CPPUNIT_TEST_SUITE_END();

  struct Story {
    std::vector<std::shared_ptr<core::Parcel>> parcels;
    std::vector<const core::RawEvent*> told;
  };
  struct Delivery {
    const core::RawEvent* event;
    base::TimeUs taken_at = kNow;
  };

  static inline const core::EventSource source_{
      *base::Uuid::parse("7b1d2c3a-5e6f-4a7b-8c9d-0e1f2a3b4c5d"),
      *base::Uuid::parse("0e1f2a3b-4c5d-4a7b-8c9d-7b1d2c3a5e6f"), "x"};
  const core::Redactor redactor_ = std::move(core::Redactor::make({})).value();
  std::map<std::string, int> states_;

  static void take(void* to, const z4j_event_batch* batch) {
    Story& story = *static_cast<Story*>(to);
    story.parcels.push_back(core::Parcel::copy(*batch, source_, kNow));
    for (const core::RawEvent& raw : story.parcels.back()->events) story.told.push_back(&raw);
  }

  // As ingest takes one batch: what came before is left out.
  void store(MergeModel& tasks, std::set<base::Uuid>& seen, const Delivery* from,
             const Delivery* to) const {
    std::vector<core::Event> events;
    for (; from != to; ++from)
      events.push_back(core::decode(*from->event, source_, from->taken_at, redactor_));
    core::TaskFold fold;
    for (const core::Event& e : events) {
      if (seen.insert(e.id).second) fold.add(e);
    }
    if (fold.size() > 0) tasks.merge(fold.rows());
  }

  std::vector<Delivery> disturbed(const Story& story, std::mt19937& random) const {
    std::vector<Delivery> out;
    for (const core::RawEvent* event : story.told) out.push_back({event});
    for (std::size_t n = random() % (story.told.size() + 1); n > 0; --n)
      out.push_back({story.told[random() % story.told.size()]});
    std::shuffle(out.begin(), out.end(), random);
    const std::size_t late = random() % (out.size() + 1);
    for (std::size_t i = late; i < out.size(); ++i) out[i].taken_at = kNow + base::kDayUs;
    return out;
  }

  // The first two rows that are not the same, "" when all are.
  static std::string difference(const std::string& wanted, const std::string& got) {
    if (wanted == got) return {};
    std::istringstream these(wanted), those(got);
    std::string one, other;
    while (one == other && these.good()) {
      one.clear();
      other.clear();
      std::getline(these, one);
      std::getline(those, other);
    }
    std::string out = "\n" + one + "\n" + other;
    for (char& c : out) c = c == '\n' || (c >= ' ' && c <= '~') ? c : '.';
    return out;
  }

  void ends_the_same(const std::string& engine, Tell tell) {
    for (std::uint32_t seed = 0; seed <= kSeeds; ++seed) {
      Story story;
      tell(seed, take, &story);
      MergeModel in_order(core::Table::tasks);
      std::set<base::Uuid> seen;
      for (const core::RawEvent* event : story.told) {
        const Delivery one{event};
        store(in_order, seen, &one, &one + 1);
        if (event->task_id.empty()) continue;
        const auto id = model::task_row_id(source_.project_id, event->engine, event->task_id);
        const auto* row = in_order.find(id);
        if (row != nullptr && MergeModel::at(*row, t::state))
          ++states_[std::get<std::string>(*MergeModel::at(*row, t::state))];
      }
      std::mt19937 random(seed);
      for (int way = 0; way < 3; ++way) {
        if (story.told.empty()) continue;
        const std::vector<Delivery> deliveries = disturbed(story, random);
        MergeModel otherwise(core::Table::tasks);
        std::set<base::Uuid> seen_otherwise;
        for (std::size_t from = 0; from < deliveries.size();) {
          const std::size_t to = std::min<std::size_t>(deliveries.size(), from + 1 + random() % 5);
          store(otherwise, seen_otherwise, deliveries.data() + from, deliveries.data() + to);
          from = to;
        }
        CPPUNIT_ASSERT_EQUAL_MESSAGE(
            engine + ", seed " + std::to_string(seed) + ", way " + std::to_string(way),
            std::string(), difference(in_order.text(), otherwise.text()));
      }
    }
  }

  // A story without such tasks would prove nothing.
  void has_seen(const std::vector<std::string>& states) const {
    for (const std::string& state : states) CPPUNIT_ASSERT_MESSAGE(state, states_.contains(state));
  }

 public:
  void celery_ends_the_same_in_any_order() {
    ends_the_same("celery", z4j_tell_celery);
    has_seen({"received", "started", "retry", "success", "failure", "revoked", "rejected"});
  }

  void rq_ends_the_same_in_any_order() {
    ends_the_same("rq", z4j_tell_rq);
    has_seen({"started", "retry", "success", "failure", "revoked"});
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(EngineOrder);

}  // namespace
}  // namespace z4j::contract
