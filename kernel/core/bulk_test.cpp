#include "core/bulk.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>

#include "core/refusal.hpp"
#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;
using Turn = BulkJobs::Turn;

// An engine that counts what is done to each task.
struct CountingEngine {
  std::map<std::string, int> touched;
  std::vector<std::size_t> pieces;

  std::string answer(const testing::FakeAgents::Asked& asked) {
    const json::Value args = json::parse(asked.args_json).value();
    const json::Array* items = json::array(args.get_object(), "items");
    if (items == nullptr) {
      pieces.push_back(1);
      return json::write(one(asked.target, args.get_object()));
    }
    pieces.push_back(items->size());
    json::Array out;
    for (const json::Value& item : *items)
      out.push_back(one(std::string(json::text(item.get_object(), "target")), item.get_object()));
    return json::write(json::Object{{"outcome", "done"}, {"items", std::move(out)}});
  }
  json::Object one(const std::string& id, const json::Object& args) {
    ++touched[id];
    return {{"outcome", "sent"}, {"new_task_id", json::text(args, "new_task_id")}};
  }
};

class BulkTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(BulkTest);
  CPPUNIT_TEST(a_selection_says_what_it_holds_and_what_not);
  CPPUNIT_TEST(a_selection_is_whole_or_not_at_all);
  CPPUNIT_TEST(a_job_touches_what_was_previewed_or_says_what_differs);
  CPPUNIT_TEST(a_selection_is_used_once_and_a_key_gives_the_same_job);
  CPPUNIT_TEST(a_brain_that_dies_sends_nothing_twice);
  CPPUNIT_TEST(what_an_engine_or_the_store_can_prove_is_not_unknown);
  CPPUNIT_TEST(a_job_is_paused_resumed_and_cancelled);
  CPPUNIT_TEST(three_unknown_outcomes_pause_a_job);
  CPPUNIT_TEST(a_job_waits_for_an_engine_that_is_away);
  CPPUNIT_TEST(an_engine_that_takes_one_gets_one);
  CPPUNIT_TEST(a_requeue_names_a_queue_of_dead_letters_only_when_told);
  CPPUNIT_TEST(the_command_tells_of_each_task);
  CPPUNIT_TEST(cancels_are_remembered_and_retries_forget_them);
  CPPUNIT_TEST(what_is_old_is_forgotten_but_not_under_a_job);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  Sealer sealer_{"test secret", {}};
  CountingEngine engine_;
  base::Uuid agent_;
  std::unique_ptr<Bulk> bulk_;

  void open(std::int64_t max_items = 100'000) {
    bulk_.reset();
    Bulk::Options o;
    o.max_items = max_items;
    o.engine_grace = std::chrono::milliseconds(0);
    o.read = [this](const base::Uuid& agent, std::string_view what, std::string page,
                    int deadline_ms, plugin::Answer answer) {
      f_.agents.read(agent, what, std::move(page), deadline_ms, std::move(answer));
    };
    bulk_ = std::make_unique<Bulk>(*f_.store, f_.audit, f_.relay, sealer_, f_.clock, f_.log, o);
  }
  void add(const std::string& prefix, int n, const std::string& state,
           const std::string& engine = "celery") {
    for (int i = 0; i < n; ++i) f_.add_task(engine, prefix + std::to_string(i), state);
  }
  static json::Object of_state(const std::string& state) { return {{"state", state}}; }
  Selection select(const json::Object& filter, BulkAction action = BulkAction::retry) {
    auto made = bulk_->selections.create(f_.project, action, filter, {}, f_.actor);
    CPPUNIT_ASSERT_MESSAGE(made ? "" : made.error().text(), made.ok());
    CPPUNIT_ASSERT(bulk_->selections.work());
    return bulk_->selections.find(f_.project, made->id).value();
  }
  BulkJobs::Asked asked(const Selection& selection) {
    BulkJobs::Asked out;
    out.project_id = f_.project;
    out.selection_id = selection.id;
    out.actor = f_.actor;
    return out;
  }
  BulkJob begin(const Selection& selection) {
    auto job = bulk_->jobs.create(asked(selection));
    CPPUNIT_ASSERT_MESSAGE(job ? "" : job.error().text(), job.ok());
    return *job;
  }
  BulkJob now(const BulkJob& job) { return bulk_->jobs.find(f_.project, job.id).value(); }
  std::vector<SelectionItem> items(const Selection& selection,
                                   const std::optional<std::string>& outcome = {}) {
    return bulk_->selections.items(selection.id, outcome, 0, 100'000).value();
  }
  static std::int64_t count_of(const Selection& s, std::string_view list, std::string_view key,
                               std::string_view name) {
    for (const json::Value& one : *json::array(s.summary.get_object(), list)) {
      if (json::text(one.get_object(), key) == name)
        return json::integer(one.get_object(), "count");
    }
    return 0;
  }
  void change(const std::string& id, const std::string& state) { f_.add_task("celery", id, state); }

 public:
  void setUp() override {
    agent_ = f_.agents.add(f_.project, "celery");
    f_.agents.on_command = [this](const auto& what) {
      return base::Result<std::string>(engine_.answer(what));
    };
    open();
  }

  void a_selection_says_what_it_holds_and_what_not() {
    add("bad", 7, "failure");
    add("run", 3, "started");
    add("far", 2, "failure", "rq");
    f_.add_task("celery", "again", "failure");
    Commit commit;
    commit.update(Table::tasks, std::move(Where().eq(model::tasks::task_id, "again")),
                  {{model::tasks::retried_as, "other"}});
    f_.must(f_.store->commit(commit));
    const Selection failed = select(of_state("failure"));
    CPPUNIT_ASSERT_EQUAL(std::string("ready"), failed.state);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, failed.total);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, count_of(failed, "by_task", "name", "mail.send"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, count_of(failed, "by_state", "state", "failure"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         count_of(failed, "exclusions", "reason", "it was retried already"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, count_of(failed, "exclusions", "reason",
                                                   "no agent of engine \"rq\" is online"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, items(failed, "excluded").size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{7}, items(failed, "waiting").size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, select(of_state("started")).total);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, select(of_state("started"), BulkAction::cancel).total);
    const Selection named = select({{"task_ids", json::Array{"bad1", "nobody"}}});
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, named.total);
    CPPUNIT_ASSERT_EQUAL(std::string("nobody"), items(named, "excluded").at(0).task_id);
    CPPUNIT_ASSERT_EQUAL(std::string("selection.created"), f_.audited().back());
  }

  void a_selection_is_whole_or_not_at_all() {
    open(10);
    add("bad", 11, "failure");
    const Selection failed = select(of_state("failure"));
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), failed.state);
    CPPUNIT_ASSERT_MESSAGE(failed.error, failed.error.find("11 tasks") != std::string::npos);
    CPPUNIT_ASSERT(items(failed).empty());
    CPPUNIT_ASSERT(bulk_->jobs.create(asked(failed)).error().where == "selection_not_ready");
    CPPUNIT_ASSERT(!bulk_->selections.create(f_.project, BulkAction::retry, {}, 11, f_.actor));
  }

  // Random data, random filters, and random changes between preview and run.
  void a_job_touches_what_was_previewed_or_says_what_differs() {
    std::mt19937 random(20'260'101);
    const auto any = [&random](std::size_t n) { return random() % n; };
    const std::vector<std::string> states{"failure", "success", "revoked", "started"};
    for (int round = 0; round < 6; ++round) {
      engine_ = {};
      const std::string prefix = "r" + std::to_string(round) + "-";
      std::vector<std::string> all;
      for (int i = 0; i < 60; ++i) {
        all.push_back(prefix + std::to_string(i));
        f_.add_task("celery", all.back(), states[any(states.size())]);
      }
      json::Object filter{{"search", prefix}};
      filter["state"] = states[any(3)];
      const Selection selection = select(filter);
      std::set<std::string> previewed, changed, touched;
      for (const SelectionItem& item : items(selection, "waiting")) previewed.insert(item.task_id);
      for (const std::string& id : all) {
        if (any(4) != 0) continue;
        change(id, "unknown");
        if (previewed.count(id) != 0) changed.insert(id);
      }
      const BulkJob job = begin(selection);
      while (bulk_->jobs.work()) {
      }
      std::set<std::string> told;
      for (const SelectionItem& item : items(selection, "changed")) told.insert(item.task_id);
      for (const auto& [id, times] : engine_.touched) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(id, 1, times);
        touched.insert(id);
      }
      CPPUNIT_ASSERT(told == changed);
      touched.insert(told.begin(), told.end());
      CPPUNIT_ASSERT(touched == previewed);
      const BulkJob after = now(job);
      CPPUNIT_ASSERT_EQUAL(std::string("done"), after.state);
      CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(previewed.size()), after.worked_off());
      CPPUNIT_ASSERT_EQUAL(static_cast<std::int64_t>(changed.size()), after.changed);
    }
  }

  void a_selection_is_used_once_and_a_key_gives_the_same_job() {
    add("bad", 3, "failure");
    const Selection selection = select(of_state("failure"));
    BulkJobs::Asked keyed = asked(selection);
    keyed.idempotency_key = "k";
    const BulkJob job = bulk_->jobs.create(keyed).value();
    CPPUNIT_ASSERT(bulk_->jobs.create(keyed).value().id == job.id);
    CPPUNIT_ASSERT_EQUAL(std::string("selection_used"),
                         bulk_->jobs.create(asked(selection)).error().where);
    keyed.rate_per_second = 5;
    CPPUNIT_ASSERT_EQUAL(std::string("idempotency_key"), bulk_->jobs.create(keyed).error().where);
    CPPUNIT_ASSERT(bulk_->selections.remove(f_.project, selection.id, f_.actor).error().where ==
                   "selection_used");
    const Selection old = select(of_state("failure"));
    f_.clock.advance(3601 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::string("selection_expired"),
                         bulk_->jobs.create(asked(old)).error().where);
  }

  void a_brain_that_dies_sends_nothing_twice() {
    add("bad", 1200, "failure");
    const Selection selection = select(of_state("failure"));
    const BulkJob job = begin(selection);
    // The second piece is sent, and the answer never comes; that of the first one, which is stored
    // meanwhile, is not stored yet.
    f_.agents.on_command = [this](const auto& what) {
      const std::string answer = engine_.answer(what);
      if (engine_.pieces.size() == 2) throw std::runtime_error("killed");
      return base::Result<std::string>(answer);
    };
    CPPUNIT_ASSERT_THROW(bulk_->jobs.work(), std::runtime_error);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1000}, items(selection, "started").size());
    f_.agents.on_command = [this](const auto& what) {
      return base::Result<std::string>(engine_.answer(what));
    };
    open();  // another brain
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{1200}, engine_.touched.size());
    for (const auto& [id, times] : engine_.touched) CPPUNIT_ASSERT_EQUAL_MESSAGE(id, 1, times);
    const BulkJob after = now(job);
    CPPUNIT_ASSERT_EQUAL(std::string("done"), after.state);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{200}, after.sent);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1000}, after.unknown);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1000}, items(selection, "unknown").size());
  }

  void what_an_engine_or_the_store_can_prove_is_not_unknown() {
    add("bad", 3, "failure");
    const Selection selection = select(of_state("failure"));
    const BulkJob job = begin(selection);
    std::vector<std::string> repetitions;
    f_.agents.on_command = [&](const auto& what) -> base::Result<std::string> {
      const json::Value args = json::parse(what.args_json).value();
      for (const json::Value& item : *json::array(args.get_object(), "items"))
        repetitions.emplace_back(json::text(item.get_object(), "new_task_id"));
      throw std::runtime_error("killed");
    };
    CPPUNIT_ASSERT_THROW(bulk_->jobs.work(), std::runtime_error);
    f_.add_task("celery", repetitions.at(0), "success");  // its events came
    f_.agents.on_read = [&](std::string_view, const std::string&) -> base::Result<std::string> {
      return json::write(json::Object{
          {"items",
           json::Array{json::Object{
               {"task_id", repetitions.at(1)}, {"state", "pending"}, {"evidence", "waits"}}}},
          {"next", nullptr}});
    };
    open();
    while (bulk_->jobs.work()) {
    }
    const BulkJob after = now(job);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, after.sent);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, after.unknown);
    CPPUNIT_ASSERT_EQUAL(repetitions.at(0), items(selection).at(0).new_task_id);
  }

  void a_job_is_paused_resumed_and_cancelled() {
    add("bad", 1200, "failure");
    const Selection selection = select(of_state("failure"));
    const BulkJob job = begin(selection);
    // Somebody pauses it while a piece is under way.
    f_.agents.on_command = [this, &job](const auto& what) {
      if (engine_.pieces.empty())
        CPPUNIT_ASSERT(bulk_->jobs.turn(f_.project, job.id, Turn::pause, f_.actor).ok());
      return base::Result<std::string>(engine_.answer(what));
    };
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::string("paused"), now(job).state);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, now(job).sent);
    CPPUNIT_ASSERT_EQUAL(std::size_t{500}, engine_.touched.size());
    CPPUNIT_ASSERT_EQUAL(std::string("not_running"),
                         bulk_->jobs.turn(f_.project, job.id, Turn::pause, f_.actor).error().where);
    f_.agents.on_command = [this, &job](const auto& what) {
      CPPUNIT_ASSERT(bulk_->jobs.turn(f_.project, job.id, Turn::cancel, f_.actor).ok());
      return base::Result<std::string>(engine_.answer(what));
    };
    CPPUNIT_ASSERT(bulk_->jobs.turn(f_.project, job.id, Turn::resume, f_.actor).ok());
    while (bulk_->jobs.work()) {
    }
    const BulkJob after = now(job);
    CPPUNIT_ASSERT_EQUAL(std::string("cancelled"), after.state);
    CPPUNIT_ASSERT(after.finished_at.has_value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1000}, after.sent);
    CPPUNIT_ASSERT_EQUAL(std::size_t{200}, items(selection, "waiting").size());
    CPPUNIT_ASSERT_EQUAL(
        std::string("not_paused"),
        bulk_->jobs.turn(f_.project, job.id, Turn::resume, f_.actor).error().where);
  }

  void three_unknown_outcomes_pause_a_job() {
    add("bad", 700, "failure");
    const BulkJob job = begin(select(of_state("failure")));
    f_.agents.on_command = [](const auto&) {
      return base::Result<std::string>(
          base::Error{base::Code::timeout, "no reply within 58 s", {}, {}, 0});
    };
    while (bulk_->jobs.work()) {
    }
    const BulkJob after = now(job);
    CPPUNIT_ASSERT_EQUAL(std::string("paused"), after.state);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{500}, after.unknown);
    CPPUNIT_ASSERT_MESSAGE(after.error, after.error.find("no reply") != std::string::npos);
    CPPUNIT_ASSERT_EQUAL(std::string("bulk_job.paused"), f_.audited().back());
  }

  void a_job_waits_for_an_engine_that_is_away() {
    add("bad", 5, "failure");
    const Selection selection = select(of_state("failure"));
    const BulkJob job = begin(selection);
    f_.agents.set_online(agent_, false);
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::string("paused"), now(job).state);
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, items(selection, "waiting").size());
    f_.agents.set_online(agent_, true);
    CPPUNIT_ASSERT(bulk_->jobs.turn(f_.project, job.id, Turn::resume, f_.actor).ok());
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{5}, now(job).sent);
  }

  void an_engine_that_takes_one_gets_one() {
    f_.agents.add(f_.project, "rq", Z4J_ENGINE_RETRY);
    add("far", 60, "failure", "rq");
    const BulkJob job = begin(select(of_state("failure")));
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{60}, now(job).sent);
    CPPUNIT_ASSERT_EQUAL(std::size_t{60}, engine_.pieces.size());
  }

  // The queue of its row is the one it waited in, which workers read from.
  void a_requeue_names_a_queue_of_dead_letters_only_when_told() {
    add("dead", 1, "rejected");
    Rows rows(Table::tasks);
    rows.begin()
        .uuid(model::tasks::id, model::task_row_id(f_.project, "celery", "dead0"))
        .uuid(model::tasks::project_id, f_.project)
        .text(model::tasks::engine, "celery")
        .text(model::tasks::task_id, "dead0")
        .text(model::tasks::queue, "live")
        .num(model::tasks::queue_stamp, 1)
        .num(model::tasks::sort_at, f_.clock.now())
        .num(model::tasks::created_at, f_.clock.now())
        .num(model::tasks::updated_at, f_.clock.now());
    f_.merge(std::move(rows));
    for (const json::Object& params :
         {json::Object{}, json::Object{{"queue", "dead"}, {"to", "again"}}}) {
      const Selection selection = select(of_state("rejected"), BulkAction::requeue);
      CPPUNIT_ASSERT_EQUAL(std::string("live"), items(selection).at(0).queue);
      BulkJobs::Asked ask = asked(selection);
      ask.params = params;
      CPPUNIT_ASSERT(bulk_->jobs.create(ask).ok());
      CPPUNIT_ASSERT(bulk_->jobs.work());
      const auto told = f_.agents.asked().back();
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{Z4J_ENGINE_DEAD_LETTERS}, told.verb);
      CPPUNIT_ASSERT_EQUAL(std::string("dead0"), told.target);
      CPPUNIT_ASSERT_EQUAL(json::write(params), told.args_json);
    }
  }

  void the_command_tells_of_each_task() {
    add("bad", 4, "failure");
    add("run", 1, "started");
    CommandRequest request;
    request.project_id = f_.project;
    request.actor = f_.actor;
    BulkRetry wanted;
    wanted.filter = {{"task_ids", json::Array{"bad0", "bad1", "run0", "nobody"}}};
    const Command command = f_.commands.bulk_retry(request, wanted).value();
    CPPUNIT_ASSERT(bulk_->selections.work());
    while (bulk_->jobs.work()) {
    }
    const Command after = f_.commands.find(f_.project, command.id).value();
    CPPUNIT_ASSERT_EQUAL_MESSAGE(json::write(after.result), std::string("completed"), after.status);
    const json::Object& result = after.result.get_object();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{4}, json::integer(result, "total"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, json::integer(result, "sent"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, json::integer(result, "refused"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, json::array(result, "items")->size());
    CPPUNIT_ASSERT_EQUAL(std::string("command.completed"), f_.audited().back());

    // Its repetitions are linked both ways.
    for (const json::Value& item : *json::array(result, "items")) {
      const json::Object& one = item.get_object();
      const std::string_view again = json::text(one, "new_task_id");
      CPPUNIT_ASSERT_EQUAL(json::text(one, "outcome") == "sent", !again.empty());
      if (again.empty()) continue;
      Query query(Table::tasks);
      query.where.eq(model::tasks::task_id, again);
      const auto row = f_.store->first(query.all()).value();
      CPPUNIT_ASSERT(row.has_value());
      CPPUNIT_ASSERT_EQUAL(std::string(json::text(one, "task_id")),
                           std::string(row->text(model::tasks::retry_of)));
    }
  }

  void cancels_are_remembered_and_retries_forget_them() {
    add("run", 2, "started");
    f_.agents.on_command = [](const auto& what) {
      const json::Value args = json::parse(what.args_json).value();
      json::Array out;
      for (std::size_t i = 0; i < json::array(args.get_object(), "items")->size(); ++i)
        out.push_back(json::Object{{"outcome", "sent"}, {"removed_from_queue", 0}});
      return base::Result<std::string>(
          json::write(json::Object{{"outcome", "done"}, {"items", std::move(out)}}));
    };
    begin(select(of_state("started"), BulkAction::cancel));
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.count(Table::revocations));
    change("run0", "revoked");
    begin(select(of_state("revoked")));
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::revocations));
  }

  void what_is_old_is_forgotten_but_not_under_a_job() {
    add("bad", 3, "failure");
    select(of_state("failure"));
    const BulkJob job = begin(select(of_state("failure")));
    f_.clock.advance(40 * base::kDayUs);
    CPPUNIT_ASSERT(bulk_->sweep({}).ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::selections));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, f_.count(Table::selection_items));
    while (bulk_->jobs.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::string("done"), now(job).state);
    f_.clock.advance(31 * base::kDayUs);
    CPPUNIT_ASSERT(bulk_->sweep({}).ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::selections));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::bulk_jobs));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::selection_items));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BulkTest);

}  // namespace
}  // namespace z4j::core
