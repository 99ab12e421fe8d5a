#include "core/schedule_store.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <functional>
#include <thread>

#include "core/projects.hpp"
#include "core/schedule_outcomes.hpp"
#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace fire_col = model::schedule_fires;
namespace sched_col = model::schedules;
namespace cmd_col = model::commands;

constexpr base::TimeUs kScheduleMinuteUs = 60 * base::kSecondUs;

// A brain's part of firing, on the store of a fixture.
struct FiringBrain {
  FiringBrain(testing::ControlFixture& f, Leases::Options leasing,
              ScheduleOutcomes::Options counting)
      : leases(*f.store, f.clock, f.log, std::move(leasing)),
        waits(*f.store, f.clock, f.log),
        commands(f.audit, f.relay, f.clock, f.log, {}),
        fires(*f.store, f.audit, f.relay, commands, waits, f.clock, options()),
        store(*f.store, leases, fires, f.clock, f.log),
        outcomes(*f.store, f.audit, f.clock, f.log, told(std::move(counting))) {}

  ScheduleFires::Options options() {
    ScheduleFires::Options out;
    out.redact = [](base::json::Value value) { return value; };
    out.on_edited = [this](const base::Uuid& id) { edited.push_back(id); };
    return out;
  }
  ScheduleOutcomes::Options told(ScheduleOutcomes::Options counting) {
    counting.on_occasion = [this](Occasion occasion) { occasions.emplace_back(occasion.trigger); };
    counting.on_edited = [this](const base::Uuid& id) { edited.push_back(id); };
    return counting;
  }
  std::uint64_t lead() { return store.lead("z4j-scheduler", 5'000).value(); }

  std::vector<base::Uuid> edited;
  std::vector<std::string> occasions;
  Leases leases;
  CommandWaits waits;
  FireCommands commands;
  ScheduleFires fires;
  ScheduleStore store;
  ScheduleOutcomes outcomes;
};

class ScheduleStoreTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ScheduleStoreTest);
  CPPUNIT_TEST(a_fire_becomes_a_task_of_the_same_id);
  CPPUNIT_TEST(a_due_time_fires_once);
  CPPUNIT_TEST(an_edit_makes_a_fire_stale);
  CPPUNIT_TEST(a_fire_before_its_time_is_refused);
  CPPUNIT_TEST(who_lost_the_lead_changes_nothing);
  CPPUNIT_TEST(who_does_not_renew_the_lead_gives_it_up);
  CPPUNIT_TEST(a_batch_fires_with_one_commit_and_each_schedule_by_itself);
  CPPUNIT_TEST(an_archived_project_fires_nothing);
  CPPUNIT_TEST(without_an_engine_a_schedule_that_skips_fails);
  CPPUNIT_TEST(without_an_engine_a_schedule_that_catches_up_waits);
  CPPUNIT_TEST(a_run_that_goes_on_keeps_the_next_one_back);
  CPPUNIT_TEST(the_last_fire_switches_the_schedule_off);
  CPPUNIT_TEST(what_is_due_and_what_changed_come_in_pages);
  CPPUNIT_TEST(a_plan_belongs_to_its_revision);
  CPPUNIT_TEST(a_fire_by_hand_leaves_the_times_alone);
  CPPUNIT_TEST(a_key_fires_once);
  CPPUNIT_TEST(a_fire_that_nobody_answers_times_out);
  CPPUNIT_TEST(runs_that_fail_trip_the_breaker);
  CPPUNIT_TEST(a_success_sets_the_count_back);
  CPPUNIT_TEST(an_engine_that_is_away_is_nobodys_failure);
  CPPUNIT_TEST(old_fires_are_forgotten);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  FiringBrain brain_{f_, {}, {}};
  const base::TimeUs start_ = f_.clock.now();

  Schedule schedule(const std::string& name) {
    Schedule s;
    s.id = base::Uuid::random();
    s.project_id = f_.project;
    s.scheduler = "z4j-scheduler";
    s.name = name;
    s.engine = "celery";
    s.task_name = "shop.close";
    s.kind = "interval";
    s.expression = "60";
    s.args.emplace_back(7);
    s.queue = "night";
    s.created_at = s.updated_at = start_;
    s.next_run_at = start_ + kScheduleMinuteUs;
    s.is_planned = true;
    return s;
  }
  Schedule add(Schedule s) {
    Rows rows(Table::schedules);
    put_schedule(rows, s);
    f_.insert(std::move(rows));
    return s;
  }
  Schedule add(const std::string& name) { return add(schedule(name)); }
  Schedule stored(const Schedule& s) {
    Query query(Table::schedules);
    query.where.eq(sched_col::id, s.id);
    return schedule_of(f_.store->first(query.all()).value().value());
  }
  std::vector<ScheduleFire> fires() {
    std::vector<ScheduleFire> out;
    Query query(Table::schedule_fires);
    query.all().order({fire_col::fired_at, fire_col::id});
    f_.must(f_.store->each(query, [&out](const Row& row) {
      out.push_back(fire_of(row));
      return true;
    }));
    return out;
  }
  static z4j_fire fire_of_schedule(const Schedule& s, base::TimeUs due, base::TimeUs next) {
    z4j_fire out{};
    std::copy(s.id.bytes.begin(), s.id.bytes.end(), out.id);
    out.revision = static_cast<std::uint64_t>(s.revision);
    out.due_us = due;
    out.next_run_us = next;
    return out;
  }
  // What comes of a fire at the first minute, by the code of its outcome; 0: an error.
  int fire(FiringBrain& brain, std::uint64_t fence, const z4j_fire& what,
           base::Code* code = nullptr) {
    std::uint8_t outcome = 0;
    auto done = brain.store.fire("z4j-scheduler", fence, {&what, 1}, {&outcome, 1});
    if (code != nullptr && !done) *code = done.error().code;
    return done ? outcome : 0;
  }
  int fire(const Schedule& s, int minute = 1) {
    const base::TimeUs due = start_ + minute * kScheduleMinuteUs;
    if (f_.clock.now() < due) f_.clock.set(due);
    return fire(brain_, brain_.lead(), fire_of_schedule(s, due, due + kScheduleMinuteUs));
  }
  // As if the engine told of the task.
  void add_end(const ScheduleFire& fire, const std::string& state) {
    f_.add_task("celery", fire.task_id.value(), state);
  }
  void count_ends() {
    f_.clock.advance(10 * base::kSecondUs);
    f_.must(brain_.outcomes.work());
  }

 public:
  void a_fire_becomes_a_task_of_the_same_id() {
    const base::Uuid agent = f_.agents.add(f_.project, "celery");
    Schedule s = schedule("close");
    s.options = base::json::Object{{"headers", base::json::Object{{"x-tenant", 7}}}};
    add(s);
    f_.clock.set(start_ + kScheduleMinuteUs + 20'000);
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(s));
    const ScheduleFire fired = fires().at(0);
    CPPUNIT_ASSERT(fired.id == fire_id(s.id, start_ + kScheduleMinuteUs));
    const auto asked = f_.agents.asked().at(0);
    CPPUNIT_ASSERT(asked.agent_id == agent);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{Z4J_ENGINE_ENQUEUE}, asked.verb);
    CPPUNIT_ASSERT_EQUAL(std::string("shop.close"), asked.target);
    const auto args = base::json::parse(asked.args_json).value().get_object();
    CPPUNIT_ASSERT_EQUAL(fired.id.text(), std::string(base::json::text(args, "task_id")));
    CPPUNIT_ASSERT_EQUAL(std::string("night"), std::string(base::json::text(args, "queue")));
    CPPUNIT_ASSERT_EQUAL(std::string("close"),
                         std::string(base::json::text(args, "periodic_task_name")));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"x-tenant":7})"), base::json::write(args.at("headers")));
    CPPUNIT_ASSERT_EQUAL(std::string("delivered"), fired.status);
    f_.clock.advance(30'000);
    CPPUNIT_ASSERT(brain_.commands.work());
    const ScheduleFire taken = fires().at(0);
    CPPUNIT_ASSERT_EQUAL(std::string("acked_success"), taken.status);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{50}, taken.latency_ms.value());
    const Command command = f_.commands.find(f_.project, fired.id).value();
    CPPUNIT_ASSERT_EQUAL(std::string("completed"), command.status);
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.fire"), command.action);
    const Schedule after = stored(s);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, after.total_runs);
    CPPUNIT_ASSERT(after.last_fire_id == fired.id);
    CPPUNIT_ASSERT_EQUAL(start_ + 2 * kScheduleMinuteUs, after.next_run_at.value());
    CPPUNIT_ASSERT_EQUAL(s.revision, after.revision);
    const auto entries = f_.audited();
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.fire"), entries.at(entries.size() - 2));
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.ack.success"), entries.back());
  }

  void a_due_time_fires_once() {
    f_.agents.add(f_.project, "celery");
    const Schedule s = add("close");
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(s));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_TAKEN), fire(s));
    const z4j_fire same =
        fire_of_schedule(s, start_ + 2 * kScheduleMinuteUs, start_ + 3 * kScheduleMinuteUs);
    const z4j_fire twice[] = {same, same};
    std::uint8_t outcomes[2] = {};
    f_.clock.set(start_ + 2 * kScheduleMinuteUs);
    f_.must(brain_.store.fire("z4j-scheduler", brain_.lead(), twice, outcomes));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), static_cast<int>(outcomes[0]));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_TAKEN), static_cast<int>(outcomes[1]));
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, f_.agents.asked().size());
    // What was fired so long ago that its record is gone is not fired again.
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_TAKEN), fire(s, -31 * 1440));
  }

  void an_edit_makes_a_fire_stale() {
    f_.agents.add(f_.project, "celery");
    Schedule s = add("close");
    s.revision = 2;
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), fire(s));
    s.revision = 1;
    Commit off;
    off.update(Table::schedules, Where().eq(sched_col::id, s.id), {{sched_col::is_enabled, false}});
    f_.must(f_.store->commit(off));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), fire(s));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), fire(schedule("gone")));
    Schedule elsewhere = schedule("elsewhere");
    elsewhere.owner = "beat";
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), fire(add(elsewhere)));
    CPPUNIT_ASSERT(f_.agents.asked().empty());
    CPPUNIT_ASSERT(fires().empty());
  }

  void a_fire_before_its_time_is_refused() {
    f_.agents.add(f_.project, "celery");
    const Schedule s = add("close");
    base::Code code = base::Code::bug;
    const z4j_fire early = fire_of_schedule(s, start_ + kScheduleMinuteUs, 0);
    CPPUNIT_ASSERT_EQUAL(0, fire(brain_, brain_.lead(), early, &code));
    CPPUNIT_ASSERT(code == base::Code::invalid);
    CPPUNIT_ASSERT(fires().empty());
  }

  void who_lost_the_lead_changes_nothing() {
    f_.agents.add(f_.project, "celery");
    const Schedule s = add("close");
    Leases::Options shared;
    shared.is_shared = true;
    shared.ttl = std::chrono::milliseconds(50);
    FiringBrain first(f_, shared, {}), second(f_, shared, {});
    const std::uint64_t fence = first.lead();
    // The first sleeps; the lease ends by the store's own clock.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!second.store.lead("z4j-scheduler", 5'000) && std::chrono::steady_clock::now() < until)
      f_.must(second.leases.work());
    const std::uint64_t other = second.lead();
    CPPUNIT_ASSERT(other != fence);
    f_.clock.set(start_ + kScheduleMinuteUs);
    const z4j_fire due =
        fire_of_schedule(s, start_ + kScheduleMinuteUs, start_ + 2 * kScheduleMinuteUs);
    base::Code code = base::Code::bug;
    CPPUNIT_ASSERT_EQUAL(0, fire(first, fence, due, &code));
    CPPUNIT_ASSERT(code == base::Code::conflict);
    z4j_plan plan{};
    std::copy(s.id.bytes.begin(), s.id.bytes.end(), plan.id);
    plan.revision = 1;
    std::uint8_t outcome = 0;
    CPPUNIT_ASSERT(
        first.store.plan("z4j-scheduler", fence, {&plan, 1}, {&outcome, 1}).error().code ==
        base::Code::conflict);
    CPPUNIT_ASSERT(fires().empty());
    CPPUNIT_ASSERT_EQUAL(s.next_run_at.value(), stored(s).next_run_at.value());
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(second, other, due));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.agents.asked().size());
  }

  void who_does_not_renew_the_lead_gives_it_up() {
    Leases::Options shared;
    shared.is_shared = true;
    FiringBrain first(f_, shared, {}), second(f_, shared, {});
    (void)first.lead();
    CPPUNIT_ASSERT(!second.store.lead("z4j-scheduler", 5'000));
    f_.clock.advance(2 * base::kSecondUs);
    first.store.end_leads();
    CPPUNIT_ASSERT(!second.store.lead("z4j-scheduler", 5'000));
    f_.clock.advance(4 * base::kSecondUs);
    first.store.end_leads();
    f_.must(second.leases.work());
    CPPUNIT_ASSERT(second.store.lead("z4j-scheduler", 5'000).ok());
    second.store.resign("z4j-scheduler", second.lead());
    CPPUNIT_ASSERT(first.store.lead("z4j-scheduler", 5'000).ok());
  }

  void a_batch_fires_with_one_commit_and_each_schedule_by_itself() {
    f_.agents.add(f_.project, "celery");
    std::vector<z4j_fire> batch;
    std::vector<Schedule> all;
    for (int i = 0; i < 600; ++i) {
      Schedule s = schedule("s" + std::to_string(i));
      s.revision = 1 + i % 3;
      all.push_back(add(s));
      batch.push_back(
          fire_of_schedule(all.back(), start_ + kScheduleMinuteUs, start_ + 2 * kScheduleMinuteUs));
    }
    batch[5].revision = 99;
    f_.clock.set(start_ + kScheduleMinuteUs);
    std::vector<std::uint8_t> outcomes(batch.size());
    const auto entries = f_.count(Table::audit_log);
    f_.must(brain_.store.fire("z4j-scheduler", brain_.lead(), batch, outcomes));
    CPPUNIT_ASSERT_EQUAL(entries + 1, f_.count(Table::audit_log));
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      CPPUNIT_ASSERT_EQUAL(static_cast<int>(i == 5 ? Z4J_FIRE_STALE : Z4J_FIRED),
                           static_cast<int>(outcomes[i]));
    }
    while (brain_.commands.work()) {
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{599}, f_.agents.asked().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{599}, f_.count(Table::schedule_fires,
                                                    Where().eq(fire_col::status, "acked_success")));
  }

  void an_archived_project_fires_nothing() {
    f_.agents.add(f_.project, "celery");
    const Schedule s = add("close");
    Schedule off = schedule("off");
    off.is_enabled = false;
    add(off);
    Schedule elsewhere = schedule("elsewhere");
    elsewhere.owner = "beat";
    add(elsewhere);
    Projects projects(*f_.store, f_.audit, f_.clock);
    CPPUNIT_ASSERT(projects.ensure_default().ok());
    Principal admin;
    admin.user.is_admin = true;
    admin.session.id = base::Uuid::random();
    f_.must(projects.archive(admin, "shop", f_.actor));
    CPPUNIT_ASSERT_EQUAL(std::string("project.archived"), f_.audited().back());
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), fire(s));
    // An edit from before would switch it on again, or plan it.
    CPPUNIT_ASSERT_EQUAL(s.revision + 1, stored(s).revision);
    CPPUNIT_ASSERT_EQUAL(off.revision + 1, stored(off).revision);
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), fire(stored(s), 2));
    CPPUNIT_ASSERT(fires().empty() && f_.agents.asked().empty());
    int due = 0;
    f_.must(brain_.store.due("z4j-scheduler", f_.clock.now(), {}, 10,
                             [&due](const z4j_stored_schedule&) { return ++due > 0; }));
    CPPUNIT_ASSERT_EQUAL(0, due);
    CPPUNIT_ASSERT_EQUAL(std::string("archived"), stored(s).stopped_why.value_or(""));
    CPPUNIT_ASSERT(stored(s).next_run_at == s.next_run_at);
    CPPUNIT_ASSERT(!stored(off).stopped_why);
    CPPUNIT_ASSERT(stored(elsewhere).is_enabled);  // its backend's, who fires it anyway
  }

  void without_an_engine_a_schedule_that_skips_fails() {
    const base::Uuid agent = f_.agents.add(f_.project, "celery");
    f_.agents.set_online(agent, false);
    const Schedule s = add("close");
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_FAILED), fire(s));
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"), fires().at(0).error_code.value());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, f_.count(Table::commands));
    CPPUNIT_ASSERT_EQUAL(start_ + 2 * kScheduleMinuteUs, stored(s).next_run_at.value());
    f_.agents.set_online(agent, true);
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_TAKEN), fire(s));
  }

  void without_an_engine_a_schedule_that_catches_up_waits() {
    const base::Uuid agent = f_.agents.add(f_.project, "celery");
    f_.agents.set_online(agent, false);
    Schedule one = schedule("one"), all = schedule("all");
    one.catch_up = "fire_one_missed";
    all.catch_up = "fire_all_missed";
    add(one);
    add(all);
    for (const int minute : {1, 2, 3}) {
      CPPUNIT_ASSERT_EQUAL(static_cast<int>(minute == 1 ? Z4J_FIRED : Z4J_FIRE_SKIPPED),
                           fire(one, minute));
      CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(all, minute));
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{4},
                         f_.count(Table::commands, Where().eq(cmd_col::status, "pending")));
    f_.agents.set_online(agent, true);
    f_.commands.look_for_waiting();
    CPPUNIT_ASSERT(f_.commands.deliver_waiting());
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, f_.agents.asked().size());
    CPPUNIT_ASSERT(f_.commands.work());
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, f_.count(Table::schedule_fires,
                                                  Where().eq(fire_col::status, "acked_success")));
    CPPUNIT_ASSERT(!f_.commands.deliver_waiting());
  }

  void a_run_that_goes_on_keeps_the_next_one_back() {
    f_.agents.add(f_.project, "celery");
    Schedule s = schedule("close");
    s.overlap = "skip";
    add(s);
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(s, 1));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_SKIPPED), fire(s, 2));  // not even taken
    CPPUNIT_ASSERT(brain_.commands.work());
    const ScheduleFire first = fires().at(0);
    add_end(first, "started");
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_SKIPPED), fire(s, 3));
    add_end(first, "success");
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(s, 4));
    // Nobody ever tells of that task: it does not hold the schedule for ever.
    CPPUNIT_ASSERT(brain_.commands.work());
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_SKIPPED), fire(s, 5));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(s, 10));
  }

  void the_last_fire_switches_the_schedule_off() {
    f_.agents.add(f_.project, "celery");
    Schedule s = schedule("once");
    s.kind = "clocked";
    add(s);
    f_.clock.set(start_ + kScheduleMinuteUs);
    z4j_fire last = fire_of_schedule(s, start_ + kScheduleMinuteUs, 0);
    last.flags = Z4J_FIRE_LAST;
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(brain_, brain_.lead(), last));
    const Schedule after = stored(s);
    CPPUNIT_ASSERT(!after.is_enabled && !after.next_run_at);
    CPPUNIT_ASSERT_EQUAL(std::string("once"), after.stopped_why.value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, after.revision);
    CPPUNIT_ASSERT(brain_.edited.at(0) == s.id);
  }

  void what_is_due_and_what_changed_come_in_pages() {
    std::vector<Schedule> all;
    for (int i = 0; i < 5; ++i) {
      Schedule s = schedule("s" + std::to_string(i));
      s.next_run_at = start_ + (5 - i) * kScheduleMinuteUs;
      s.updated_at = start_ + i;
      all.push_back(add(s));
    }
    Schedule off = schedule("off"), unplanned = schedule("unplanned"), other = schedule("other");
    off.is_enabled = false;
    unplanned.is_planned = false;
    other.scheduler = "another";
    for (const Schedule& s : {off, unplanned, other}) add(s);
    plugin::ScheduleStore::Place place;
    std::vector<std::string> names;
    const auto take = [&](const z4j_stored_schedule& row) {
      const auto text = base::json::parse({row.schedule_json.ptr, row.schedule_json.len}).value();
      names.emplace_back(base::json::text(text.get_object(), "name"));
      place = {row.next_run_us,
               base::Uuid::from_bytes({reinterpret_cast<const char*>(row.id), 16})};
      return true;
    };
    const base::TimeUs until = start_ + 4 * kScheduleMinuteUs;
    f_.must(brain_.store.due("z4j-scheduler", until, {}, 3, take));
    f_.must(brain_.store.due("z4j-scheduler", until, place, 3, take));
    CPPUNIT_ASSERT((names == std::vector<std::string>{"s4", "s3", "s2", "s1"}));
    names.clear();
    f_.must(brain_.store.changed("z4j-scheduler", {start_ + 3, {}}, 10, take));
    CPPUNIT_ASSERT((names == std::vector<std::string>{"s3", "s4"}));
    int deleted = 0;
    const std::vector<base::Uuid> ids = {all[0].id, base::Uuid::random(), other.id};
    f_.must(brain_.store.read("z4j-scheduler", ids, [&](const z4j_stored_schedule& row) {
      deleted += row.is_deleted != 0 ? 1 : 0;
      return true;
    }));
    CPPUNIT_ASSERT_EQUAL(2, deleted);
  }

  void a_plan_belongs_to_its_revision() {
    Schedule s = schedule("close");
    s.is_planned = false;
    s.next_run_at.reset();
    add(s);
    z4j_plan plans[2] = {};
    for (z4j_plan& plan : plans) {
      std::copy(s.id.bytes.begin(), s.id.bytes.end(), plan.id);
      plan.revision = 1;
      plan.next_run_us = start_ + kScheduleMinuteUs;
    }
    plans[0].revision = 7;
    std::uint8_t outcomes[2] = {};
    f_.must(brain_.store.plan("z4j-scheduler", brain_.lead(), plans, outcomes));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), static_cast<int>(outcomes[0]));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), static_cast<int>(outcomes[1]));
    const Schedule after = stored(s);
    CPPUNIT_ASSERT(after.is_planned && after.next_run_at == start_ + kScheduleMinuteUs);
  }

  void a_fire_by_hand_leaves_the_times_alone() {
    f_.agents.add(f_.project, "celery");
    brain_.waits.start();
    brain_.commands.start();
    Schedule s = schedule("close");
    s.is_enabled = false;
    add(s);
    const auto sent = brain_.fires.fire_now(f_.project, s.id, f_.actor, {}).value();
    CPPUNIT_ASSERT_EQUAL(std::string("done"), std::string(base::json::text(sent, "outcome")));
    const Schedule after = stored(s);
    CPPUNIT_ASSERT_EQUAL(s.next_run_at.value(), after.next_run_at.value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, after.total_runs);
    CPPUNIT_ASSERT_EQUAL(std::string("trigger"), fires().at(0).reason);
    CPPUNIT_ASSERT(brain_.fires.fire_now(base::Uuid::random(), s.id, f_.actor, {}).error().code ==
                   base::Code::not_found);
    f_.agents.set_online(f_.agents.held().at(0), false);
    const auto away = brain_.fires.fire_now(f_.project, s.id, f_.actor, {}).value();
    CPPUNIT_ASSERT_EQUAL(std::string("refused"), std::string(base::json::text(away, "outcome")));
    CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"),
                         std::string(base::json::text(away, "reason")));
  }

  void a_key_fires_once() {
    f_.agents.add(f_.project, "celery");
    brain_.waits.start();
    brain_.commands.start();
    const Schedule s = add("close");
    const auto first = brain_.fires.fire_now(f_.project, s.id, f_.actor, "k").value();
    const auto again = brain_.fires.fire_now(f_.project, s.id, f_.actor, "k").value();
    CPPUNIT_ASSERT(base::json::text(first, "fire_id") == base::json::text(again, "fire_id"));
    CPPUNIT_ASSERT_EQUAL(std::string("done"), std::string(base::json::text(again, "outcome")));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.agents.asked().size());
    f_.agents.set_online(f_.agents.held().at(0), false);
    for (int i = 0; i < 2; ++i) {
      const auto away = brain_.fires.fire_now(f_.project, s.id, f_.actor, "away").value();
      CPPUNIT_ASSERT_EQUAL(std::string("agent_offline"),
                           std::string(base::json::text(away, "reason")));
    }
  }

  void a_fire_that_nobody_answers_times_out() {
    f_.agents.add(f_.project, "celery");
    f_.agents.hold_back();
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRED), fire(add("close")));
    f_.clock.advance(2 * kScheduleMinuteUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.commands.sweep().value());
    CPPUNIT_ASSERT_EQUAL(std::string("acked_failed"), fires().at(0).status);
    CPPUNIT_ASSERT_EQUAL(std::string("timeout"), fires().at(0).error_code.value());
    // A late answer changes nothing.
    f_.agents.asked().at(0).answer(std::string(R"({"outcome":"done"})"));
    brain_.commands.work();
    CPPUNIT_ASSERT_EQUAL(std::string("acked_failed"), fires().at(0).status);
  }

  void runs_that_fail_trip_the_breaker() {
    f_.agents.add(f_.project, "celery");
    Schedule s = schedule("close");
    s.max_failures = 3;
    add(s);
    f_.agents.give(std::string(R"({"outcome":"refused","reason":"no_such_task"})"));
    fire(s, 1);
    while (brain_.commands.work()) {
    }
    f_.agents.give(std::string(R"({"outcome":"done"})"));
    for (const int minute : {2, 3}) fire(s, minute);
    while (brain_.commands.work()) {
    }
    for (const ScheduleFire& fired : fires()) {
      if (fired.status == "acked_success") add_end(fired, "failure");
    }
    count_ends();
    count_ends();  // each counts once
    const Schedule after = stored(s);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, after.failures);
    CPPUNIT_ASSERT(!after.is_enabled);
    CPPUNIT_ASSERT_EQUAL(std::string("failures"), after.stopped_why.value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2}, after.revision);
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.circuit_breaker.tripped"), f_.audited().back());
    CPPUNIT_ASSERT(
        (brain_.occasions ==
         std::vector<std::string>{"schedule.fire.failed", "schedule.task_failed",
                                  "schedule.task_failed", "schedule.circuit_breaker.tripped",
                                  "schedule.fire.succeeded", "schedule.fire.succeeded"}));
    CPPUNIT_ASSERT_EQUAL(static_cast<int>(Z4J_FIRE_STALE), fire(s, 9));
  }

  void a_success_sets_the_count_back() {
    f_.agents.add(f_.project, "celery");
    Schedule s = schedule("close");
    s.max_failures = 2;
    add(s);
    for (const std::string state : {"failure", "success", "failure"}) {
      const auto n = static_cast<int>(fires().size());
      fire(s, n + 1);
      while (brain_.commands.work()) {
      }
      add_end(fires().back(), state);
      count_ends();
    }
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, stored(s).failures);
    CPPUNIT_ASSERT(stored(s).is_enabled);
    CPPUNIT_ASSERT_EQUAL(std::string("failure"), fires().back().task_state.value());
  }

  void an_engine_that_is_away_is_nobodys_failure() {
    Schedule s = schedule("close");
    s.max_failures = 1;
    add(s);
    fire(s, 1);
    count_ends();
    CPPUNIT_ASSERT(stored(s).is_enabled);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, stored(s).failures);
  }

  void old_fires_are_forgotten() {
    f_.agents.add(f_.project, "celery");
    fire(add("close"));
    brain_.commands.work();
    f_.clock.advance(31 * base::kDayUs);
    fire(add("open"), 31 * 1440 + 1);
    brain_.commands.work();
    count_ends();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, fires().size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, f_.count(Table::commands));
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ScheduleStoreTest);

}  // namespace
}  // namespace z4j::core
