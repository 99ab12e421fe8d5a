#include "core/worker_losses.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace w = model::workers;
namespace t = model::tasks;
namespace json = base::json;

class WorkerLossesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(WorkerLossesTest);
  CPPUNIT_TEST(a_silent_worker_leaves_its_tasks_and_a_verdict);
  CPPUNIT_TEST(a_goodbye_without_tasks_leaves_nothing);
  CPPUNIT_TEST(a_goodbye_with_tasks_in_hand_is_told);
  CPPUNIT_TEST(neighbours_tell_a_process_from_a_host);
  CPPUNIT_TEST(a_loss_is_written_once_and_its_return_noted);
  CPPUNIT_TEST(somebody_sees_to_it_once);
  CPPUNIT_TEST(old_ones_are_forgotten);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  WorkerLossSweep sweep_;

  void worker(const std::string& name, const std::string& state, base::TimeUs heard,
              base::TimeUs noticed, const std::string& host = "h1") {
    f_.add_worker("celery", name, 7, state);
    Commit commit;
    Where self;
    self.eq(w::id, model::worker_row_id(f_.project, "celery", name));
    commit.update(Table::workers, std::move(self),
                  {{w::last_heartbeat, heard},
                   {w::updated_at, noticed},
                   {w::hostname, Cell(host)},
                   {w::memory_bytes, std::int64_t{1} << 20}});
    f_.must(f_.store->commit(commit));
  }
  void in_hand(const std::string& id, const std::string& state, const std::string& by,
               base::TimeUs since) {
    f_.add_task("celery", id, state);
    Commit commit;
    Where self;
    self.eq(t::id, model::task_row_id(f_.project, "celery", id));
    commit.update(Table::tasks, std::move(self),
                  {{t::worker_name, Cell(by)}, {t::started_at, since}, {t::received_at, since}});
    f_.must(f_.store->commit(commit));
  }
  std::vector<base::Uuid> sweep() {
    auto projects = sweep_worker_losses(*f_.store, sweep_, f_.clock.now(), {});
    CPPUNIT_ASSERT_MESSAGE(projects ? "" : projects.error().text(), projects.ok());
    return *projects;
  }
  std::vector<WorkerLoss> all(bool only_open = false) {
    return list_worker_losses(*f_.store, f_.project, only_open, {}, 50).value().items;
  }
  base::TimeUs ago(std::int64_t seconds) { return f_.clock.now() - seconds * base::kSecondUs; }

 public:
  void a_silent_worker_leaves_its_tasks_and_a_verdict() {
    worker("w1", "offline", ago(60), ago(0));
    in_hand("t1", "started", "w1", ago(90));
    in_hand("t2", "received", "w1", ago(70));
    in_hand("t3", "success", "w1", ago(70));
    in_hand("t4", "started", "w2", ago(70));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sweep().size());
    const auto losses = all();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, losses.size());
    const WorkerLoss& loss = losses[0];
    CPPUNIT_ASSERT_EQUAL(std::string("w1"), loss.worker);
    CPPUNIT_ASSERT_EQUAL(ago(60), loss.last_heartbeat);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, loss.task_count);
    CPPUNIT_ASSERT_EQUAL(std::string("t1"),
                         std::string(json::text(loss.tasks.at(0).get_object(), "task_id")));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{90},
                         json::integer(loss.tasks.at(0).get_object(), "age_seconds"));
    CPPUNIT_ASSERT(!json::text(loss.tasks.at(1).get_object(), "advice").empty());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1} << 20, json::integer(loss.facts, "memory_bytes"));
    CPPUNIT_ASSERT(loss.verdict.find("without a word") != std::string::npos);
  }

  void a_goodbye_without_tasks_leaves_nothing() {
    worker("w1", "offline", ago(2), ago(0));
    CPPUNIT_ASSERT(sweep().empty() && all().empty());
  }

  void a_goodbye_with_tasks_in_hand_is_told() {
    worker("w1", "offline", ago(2), ago(0));
    in_hand("t1", "started", "w1", ago(90));
    sweep();
    CPPUNIT_ASSERT_EQUAL(std::string("it ended and said so, with 1 tasks in hand"),
                         all().at(0).verdict);
  }

  void neighbours_tell_a_process_from_a_host() {
    worker("w1", "offline", ago(60), ago(0));
    worker("w2", "online", ago(1), ago(1));
    sweep();
    CPPUNIT_ASSERT(all().at(0).verdict.find("1 other workers on its host go on") !=
                   std::string::npos);
    worker("w3", "offline", ago(60), ago(0), "h2");
    worker("w4", "offline", ago(50), ago(0), "h2");
    sweep();
    std::size_t hosts = 0;
    for (const WorkerLoss& loss : all())
      if (loss.verdict.starts_with("its host, or the way to it, is gone")) ++hosts;
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, hosts);
  }

  void a_loss_is_written_once_and_its_return_noted() {
    worker("w1", "offline", ago(60), ago(0));
    sweep();
    CPPUNIT_ASSERT(sweep().empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, all().size());
    f_.clock.advance(30 * base::kSecondUs);
    worker("w1", "online", ago(1), ago(1));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sweep().size());
    CPPUNIT_ASSERT_EQUAL(f_.clock.now(), all().at(0).returned_at.value_or(0));
    f_.clock.advance(600 * base::kSecondUs);
    worker("w1", "offline", ago(60), ago(0));
    sweep();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, all().size());
  }

  void somebody_sees_to_it_once() {
    worker("w1", "offline", ago(60), ago(0));
    sweep();
    const base::Uuid id = all().at(0).id;
    const auto close = [&] {
      return close_worker_loss(*f_.store, f_.audit, f_.clock, f_.project, id, f_.actor);
    };
    CPPUNIT_ASSERT(close().value().closed_at == f_.clock.now());
    CPPUNIT_ASSERT(close().ok());
    CPPUNIT_ASSERT(all(true).empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.audited().size());
    CPPUNIT_ASSERT(find_worker_loss(*f_.store, base::Uuid::random(), id).error().code ==
                   base::Code::not_found);
  }

  void old_ones_are_forgotten() {
    worker("w1", "offline", ago(60), ago(0));
    sweep();
    f_.must(forget_worker_losses(*f_.store, f_.clock.now(), {}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, all().size());
    f_.must(forget_worker_losses(*f_.store, f_.clock.now() + 1, {}));
    CPPUNIT_ASSERT(all().empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WorkerLossesTest);

}  // namespace
}  // namespace z4j::core
