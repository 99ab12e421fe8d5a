#include "core/remote_reconcile.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

class RemoteReconcileTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RemoteReconcileTest);
  CPPUNIT_TEST(a_silent_task_is_asked_about_and_what_is_proven_is_pushed);
  CPPUNIT_TEST(young_tasks_offline_agents_and_local_ones_are_left_alone);
  CPPUNIT_TEST(no_trace_twice_is_noted_as_lost);
  CPPUNIT_TEST(without_the_right_nobody_is_asked);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  std::vector<std::pair<std::string, std::uint16_t>> pushed_;  // task, kind
  std::vector<std::string> lost_, pages_;
  std::string answer_ = R"({"items":[]})";
  bool may_ask_ = true;
  RemoteReconcile reconcile_{*f_.store, f_.relay, f_.clock, f_.log, options()};

  RemoteReconcile::Options options() {
    RemoteReconcile::Options out;
    out.may_ask = [this]() -> std::optional<Fence> {
      return may_ask_ ? std::optional<Fence>(Fence()) : std::nullopt;
    };
    out.push = [this](const EventSource& source, const z4j_event_batch& batch) {
      CPPUNIT_ASSERT(source.is_remote && source.instance == "web");
      for (std::uint32_t i = 0; i < batch.rows; ++i) {
        const std::uint32_t from = batch.task_id.offsets[i], to = batch.task_id.offsets[i + 1];
        pushed_.emplace_back(std::string(batch.task_id.data + from, to - from), batch.kind[i]);
      }
      return base::Status();
    };
    out.on_lost = [this](const base::Uuid&, const std::string&, const std::vector<LostTask>& tasks,
                         const std::optional<Fence>&) {
      for (const LostTask& task : tasks) lost_.push_back(task.task_id);
      return base::Status();
    };
    return out;
  }
  base::Uuid agent(const std::string& name = "web") {
    const base::Uuid id = f_.add_agent(name);
    Commit commit;
    Where self;
    self.eq(model::agents::id, id);
    commit.update(Table::agents, std::move(self), {{model::agents::state, Cell("online")}});
    f_.must(f_.store->commit(commit));
    f_.agents.on_read = [this](std::string_view what, const std::string& page) {
      CPPUNIT_ASSERT_EQUAL(std::string("state"), std::string(what));
      pages_.push_back(page);
      return base::Result<std::string>(answer_);
    };
    return id;
  }
  std::size_t passes(int count) {
    std::size_t asked = 0;
    for (int i = 0; i < count; ++i) {
      auto done = reconcile_.work();
      CPPUNIT_ASSERT_MESSAGE(done ? "" : done.error().text(), done.ok());
      asked += *done;
      f_.clock.advance(61 * base::kSecondUs);
    }
    return asked;
  }

 public:
  void a_silent_task_is_asked_about_and_what_is_proven_is_pushed() {
    f_.add_task("celery", "t1", "started", agent());
    f_.clock.advance(901 * base::kSecondUs);
    answer_ = R"({"items":[{"task_id":"t1","state":"success","finished_at":1800000010}]})";
    CPPUNIT_ASSERT(passes(3) >= 1);
    const json::Object page = json::parse(pages_.at(0)).value().get_object();
    CPPUNIT_ASSERT_EQUAL(std::string("celery"), std::string(json::text(page, "engine")));
    CPPUNIT_ASSERT_EQUAL(std::string("t1"), pushed_.at(0).first);
    CPPUNIT_ASSERT_EQUAL(std::uint16_t{Z4J_EV_SUCCEEDED}, pushed_.at(0).second);
  }

  void young_tasks_offline_agents_and_local_ones_are_left_alone() {
    f_.add_task("celery", "young", "started", agent());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, passes(3));
    f_.add_task("celery", "over", "success", agent("other"));
    f_.add_task("celery", "theirs", "started", base::Uuid::random());
    Commit commit;
    commit.update(Table::agents, Where(), {{model::agents::state, Cell("offline")}});
    f_.must(f_.store->commit(commit));
    f_.clock.advance(901 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, passes(3));
  }

  void no_trace_twice_is_noted_as_lost() {
    f_.add_task("celery", "t1", "started", agent());
    f_.clock.advance(901 * base::kSecondUs);
    answer_ = R"({"items":[{"task_id":"t1","state":"unknown"}]})";
    passes(10);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, lost_.size());
    CPPUNIT_ASSERT(pushed_.empty());
  }

  void without_the_right_nobody_is_asked() {
    f_.add_task("celery", "t1", "started", agent());
    f_.clock.advance(901 * base::kSecondUs);
    may_ask_ = false;
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, passes(3));
    CPPUNIT_ASSERT(pages_.empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RemoteReconcileTest);

}  // namespace
}  // namespace z4j::core
