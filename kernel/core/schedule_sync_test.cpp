#include "core/schedule_sync.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <map>

#include "core/schedule_streams.hpp"
#include "core/schedules.hpp"
#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

// A backend in memory: what it holds is what it lists.
class FakeScheduleBackend final : public ScheduleBackends {
 public:
  std::vector<ScheduleBackend> here() override { return backends; }
  void list(const std::string&, std::string page_json, int, plugin::Answer answer) override {
    ++listed;
    if (fails) return answer(*fails);
    const auto page = json::parse(page_json);
    const std::string after(json::text(page->get_object(), "cursor"));
    json::Array items;
    std::string next;
    for (auto at = after.empty() ? held.begin() : held.upper_bound(after); at != held.end(); ++at) {
      if (items.size() == page_size) {
        next = std::string(json::text(items.back().get_object(), "id"));
        break;
      }
      items.push_back(at->second);
    }
    answer(json::write(json::Object{{"items", items}, {"next", json::text_or_null(next)}}));
  }
  void put(const std::string&, std::string schedule_json, std::string etag, int,
           plugin::Answer answer) override {
    puts.push_back(schedule_json);
    if (fails) return answer(*fails);
    json::Object given = json::parse(schedule_json)->get_object();
    std::string id(json::text(given, "id"));
    if (etag.empty()) {
      id = json::text(given, "name");
      add(id, {});
    } else if (json::text(held[id], "etag") != etag) {
      return answer(refuse::conflict("etag", "somebody changed it"));
    }
    for (auto& member : given) held[id][member.key()] = member.value();
    held[id]["id"] = id;
    held[id]["etag"] = std::to_string(++version);
    answer(json::write(json::Object{{"schedule", held[id]}}));
  }
  void remove(const std::string&, std::string id, std::string, int,
              plugin::Answer answer) override {
    held.erase(id);
    answer(std::string("{}"));
  }
  void trigger(const std::string&, std::string, int, plugin::Answer answer) override {
    answer(std::string(R"({"outcome":"sent","new_task_id":"t1"})"));
  }
  void order(const ScheduleBackend&, const Schedule& schedule, const std::string& change, int,
             plugin::Answer answer) override {
    ordered.push_back(change + " " + schedule.name);
    if (fails) return answer(*fails);
    answer(order_answer);
  }

  json::Object& add(const std::string& id, json::Object more) {
    json::Object item{{"id", id},
                      {"etag", std::to_string(++version)},
                      {"name", id},
                      {"engine", "celery"},
                      {"task", "mail.send"},
                      {"kind", "interval"},
                      {"expression", "60"},
                      {"timezone", "UTC"},
                      {"args", json::Array()},
                      {"kwargs", json::Object()},
                      {"is_enabled", true},
                      {"read_only", false},
                      {"capabilities", json::Array{"update", "delete", "enable", "trigger"}}};
    for (auto& member : more) item[member.key()] = member.value();
    return held[id] = std::move(item);
  }

  std::vector<ScheduleBackend> backends;
  std::map<std::string, json::Object> held;
  std::size_t page_size = 2;
  int listed = 0, version = 0;
  std::optional<base::Error> fails;
  std::vector<std::string> puts, ordered;
  std::string order_answer = R"({"outcome":"done"})";
};

class ScheduleSyncTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ScheduleSyncTest);
  CPPUNIT_TEST(a_listing_becomes_rows);
  CPPUNIT_TEST(each_backend_is_listed_as_often_as_it_says);
  CPPUNIT_TEST(what_is_not_listed_any_more_goes);
  CPPUNIT_TEST(a_listing_that_failed_changes_nothing);
  CPPUNIT_TEST(what_did_not_change_is_not_written);
  CPPUNIT_TEST(a_schedule_that_was_renamed_there_is_another);
  CPPUNIT_TEST(an_edit_is_carried_out_and_confirmed);
  CPPUNIT_TEST(an_edit_of_an_old_version_is_refused);
  CPPUNIT_TEST(a_backend_that_has_it_otherwise_later_drifts);
  CPPUNIT_TEST(a_schedule_is_made_there_and_adopted);
  CPPUNIT_TEST(a_refused_creation_leaves_nothing);
  CPPUNIT_TEST(what_its_own_tools_wrote_is_given_to_the_backend);
  CPPUNIT_TEST(a_deleted_schedule_goes_there_and_here);
  CPPUNIT_TEST(a_trigger_tells_its_outcome);
  CPPUNIT_TEST(a_wish_is_carried_out_once);
  CPPUNIT_TEST(an_edit_without_an_answer_is_unknown_until_it_shows);
  CPPUNIT_TEST(an_agent_is_told_to_switch);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  FakeScheduleBackend backend_;
  std::unique_ptr<ScheduleSync> sync_;
  std::unique_ptr<Schedules> schedules_;
  Project project_;
  std::optional<base::Error> unreached_;

  std::unique_ptr<ScheduleSync> make() {
    ScheduleSync::Options options;
    options.pause_ms = 1'000;
    options.redact = [](json::Value value) { return value; };
    return std::make_unique<ScheduleSync>(*f_.store, f_.audit, backend_, f_.clock, f_.log,
                                          std::move(options));
  }
  void settle() {
    f_.clock.advance(2 * base::kSecondUs);
    for (int i = 0; i < 20 && sync_->work(); ++i) {
    }
  }
  std::optional<Schedule> row(const std::string& name) {
    auto page = schedules_->list(f_.project, {}, {}, 100);
    CPPUNIT_ASSERT(page.ok());
    for (Schedule& s : page->items) {
      if (s.name == name) return std::move(s);
    }
    return std::nullopt;
  }
  std::size_t rows() { return f_.count(Table::schedules); }
  Schedule edited(const std::string& name, const std::string& expression) {
    SchedulePatch patch;
    patch.expression = expression;
    auto asked = schedules_->patch(project_, row(name)->id, patch, f_.actor);
    CPPUNIT_ASSERT_MESSAGE(asked ? "" : asked.error().text(), asked.ok());
    return *asked;
  }

 public:
  void setUp() override {
    project_.id = f_.project;
    project_.slug = "shop";
    backend_.backends = {{"beat", "celery-beat", f_.project}};
    backend_.backends[0].list_every_ms = 1'000;
    sync_ = make();
    Schedules::Options options;
    options.wait_ms = 0;
    options.on_edited = [this](const base::Uuid& id) { sync_->look(id); };
    options.places = [this] {
      return std::vector<SchedulerPlace>{{"beat", "celery-beat", f_.project, false, true, 0, ""}};
    };
    options.reach = [this](const std::string& instance) {
      CPPUNIT_ASSERT_EQUAL(std::string("beat"), instance);
      return unreached_ ? base::Status(*unreached_) : base::Status();
    };
    options.put_there = [this](const std::string& instance, const json::Object& schedule,
                               const std::string& etag, int deadline_ms) {
      base::Status done;
      backend_.put(instance, json::write(schedule), etag, deadline_ms,
                   [&done](const base::Result<std::string>& answer) {
                     if (!answer) done = answer.error();
                   });
      return done;
    };
    schedules_ = std::make_unique<Schedules>(*f_.store, f_.audit, f_.clock, std::move(options));
  }

  void each_backend_is_listed_as_often_as_it_says() {
    const auto listings_of_a_minute = [this](int list_every_ms) {
      backend_.backends[0].list_every_ms = list_every_ms;
      f_.clock.advance(3600 * base::kSecondUs);
      while (sync_->work()) {
      }
      const int before = backend_.listed;
      for (int second = 0; second < 60; ++second) {
        f_.clock.advance(base::kSecondUs);
        while (sync_->work()) {
        }
      }
      return backend_.listed - before;
    };
    CPPUNIT_ASSERT_EQUAL(12, listings_of_a_minute(ScheduleBackend().list_every_ms));
    CPPUNIT_ASSERT_EQUAL(2, listings_of_a_minute(30'000));
    CPPUNIT_ASSERT_EQUAL(60, listings_of_a_minute(1'000));
  }

  void a_listing_becomes_rows() {
    for (const char* id : {"a", "b", "c", "d", "e"}) backend_.add(id, {});
    backend_.held["b"]["next_run_at"] = 1'900'000'000.5;
    backend_.held["c"]["read_only"] = true;
    backend_.held["c"]["read_only_reason"] = "beat_static_schedule: in the code";
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{5}, rows());
    const Schedule b = *row("b");
    CPPUNIT_ASSERT_EQUAL(std::string("beat"), b.owner);
    CPPUNIT_ASSERT_EQUAL(std::string("b"), b.external_id.value_or(""));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1'900'000'000'500'000}, b.next_run_at.value_or(0));
    CPPUNIT_ASSERT(row("c")->read_only && b.can("trigger"));
  }
  void what_is_not_listed_any_more_goes() {
    backend_.add("a", {});
    backend_.add("b", {});
    settle();
    backend_.held.erase("a");
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rows());
    backend_.held.clear();
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, rows());
  }
  void a_listing_that_failed_changes_nothing() {
    backend_.add("a", {});
    settle();
    backend_.held.clear();
    backend_.fails = base::Error{base::Code::unavailable, "away", "", ""};
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rows());
  }
  void what_did_not_change_is_not_written() {
    backend_.add("a", {});
    settle();
    const Schedule before = *row("a");
    settle();
    const Schedule same = *row("a");
    CPPUNIT_ASSERT(before.seen_at == same.seen_at);
    sync_ = make();  // another brain has it now
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rows());
    CPPUNIT_ASSERT(before.id == row("a")->id && before.updated_at == row("a")->updated_at);
    backend_.held["a"]["total_runs"] = 7;
    settle();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, row("a")->total_runs);
    CPPUNIT_ASSERT_EQUAL(before.updated_at, row("a")->updated_at);
  }
  void a_schedule_that_was_renamed_there_is_another() {
    backend_.add("a", {});
    settle();
    backend_.held["a"]["name"] = "z";
    settle();
    CPPUNIT_ASSERT(!row("a") && row("z"));
  }
  void an_edit_is_carried_out_and_confirmed() {
    backend_.add("a", {});
    settle();
    const Schedule asked = edited("a", "30");
    CPPUNIT_ASSERT(asked.edit->state == ScheduleEdit::State::waiting);
    sync_->work();
    sync_->work();
    CPPUNIT_ASSERT_EQUAL(std::string("30"),
                         std::string(json::text(backend_.held["a"], "expression")));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"expression":"30","id":"a"})"), backend_.puts.back());
    settle();
    const Schedule done = *row("a");
    CPPUNIT_ASSERT(done.edit->state == ScheduleEdit::State::applied && done.edit->applied_at);
    CPPUNIT_ASSERT_EQUAL(std::string("30"), done.expression);
    CPPUNIT_ASSERT(done.drift.is_null());
  }
  void an_edit_of_an_old_version_is_refused() {
    backend_.add("a", {});
    settle();
    backend_.held["a"]["etag"] = "other";
    edited("a", "30");
    sync_->work();
    sync_->work();
    const Schedule refused = *row("a");
    CPPUNIT_ASSERT(refused.edit->state == ScheduleEdit::State::failed);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict"), refused.edit->code);
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.edit_failed"), f_.audited().back());
    CPPUNIT_ASSERT_EQUAL(std::string("60"),
                         std::string(json::text(backend_.held["a"], "expression")));
  }
  void a_backend_that_has_it_otherwise_later_drifts() {
    backend_.add("a", {});
    settle();
    edited("a", "30");
    settle();
    settle();
    backend_.held["a"]["expression"] = "45";
    settle();
    const Schedule drifted = *row("a");
    CPPUNIT_ASSERT(drifted.drift.is_object());
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"expression":{"asked":"30","has":"45"}})"),
                         json::write(drifted.drift.at("members")));
    backend_.held["a"]["expression"] = "30";
    settle();
    CPPUNIT_ASSERT(row("a")->drift.is_null());
  }
  void a_schedule_is_made_there_and_adopted() {
    const auto parsed = json::parse(
        R"({"name":"new","scheduler":"celery-beat","engine":"celery","kind":"interval",)"
        R"("expression":"60","task_name":"mail.send"})");
    auto made = schedules_->create(
        project_, *read_schedule_draft(parsed->get_object(), "dashboard"), f_.actor);
    CPPUNIT_ASSERT(made.ok());
    settle();
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, backend_.held.count("new"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, rows());
    const Schedule there = *row("new");
    CPPUNIT_ASSERT(there.id == made->id && there.external_id == "new");
    CPPUNIT_ASSERT(there.edit->state == ScheduleEdit::State::applied);
  }
  void what_its_own_tools_wrote_is_given_to_the_backend() {
    backend_.add("a", {});
    settle();
    const std::vector<base::Result<OwnSchedule>> items = {
        OwnSchedule{"a", json::Object{{"pk", 1}}}, OwnSchedule{"", json::Object{{"pk", 2}}},
        refuse::invalid("schedules", "it must be an object with own")};
    auto report = schedules_->import_own(project_, "beat", items, f_.actor);
    CPPUNIT_ASSERT_MESSAGE(report ? "" : report.error().text(), report.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, report->updated);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, report->inserted);
    CPPUNIT_ASSERT(report->failed == 1 && report->errors.count(2) == 1);
    CPPUNIT_ASSERT((backend_.puts == std::vector<std::string>{R"({"own":{"pk":1},"id":"a"})",
                                                              R"({"own":{"pk":2}})"}));
    CPPUNIT_ASSERT_EQUAL(std::string("schedules.import"), f_.audited().back());
    // What was changed there since it was listed is left alone.
    backend_.held["a"]["etag"] = "elsewhere";
    report = schedules_->import_own(project_, "beat", {items[0]}, f_.actor);
    CPPUNIT_ASSERT(report.ok() && report->failed == 1 && report->updated == 0);
    const auto told = f_.audited().size();
    unreached_ = refuse::error(base::Code::unavailable, refuse::kAgentOffline, "elsewhere");
    report = schedules_->import_own(project_, "beat", items, f_.actor);
    CPPUNIT_ASSERT(!report && report.error().code == base::Code::unavailable);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, backend_.puts.size());
    CPPUNIT_ASSERT_EQUAL(told, f_.audited().size());
  }

  void a_refused_creation_leaves_nothing() {
    backend_.fails = base::Error{base::Code::invalid, "no such zone", "timezone", ""};
    const auto parsed = json::parse(
        R"({"name":"new","scheduler":"celery-beat","engine":"celery","kind":"interval",)"
        R"("expression":"60","task_name":"mail.send"})");
    auto made = schedules_->create(
        project_, *read_schedule_draft(parsed->get_object(), "dashboard"), f_.actor);
    settle();
    CPPUNIT_ASSERT(row("new")->edit->state == ScheduleEdit::State::failed);
    f_.clock.advance(7'200 * base::kSecondUs);
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, rows());
  }
  void a_deleted_schedule_goes_there_and_here() {
    backend_.add("a", {});
    settle();
    f_.must(schedules_->remove(project_, row("a")->id, f_.actor));
    settle();
    CPPUNIT_ASSERT(backend_.held.empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, rows());
  }
  void a_trigger_tells_its_outcome() {
    backend_.add("a", {});
    settle();
    CPPUNIT_ASSERT(schedules_->trigger(project_, row("a")->id, f_.actor, std::nullopt).ok());
    settle();
    const Schedule s = *row("a");
    CPPUNIT_ASSERT_EQUAL(std::string("sent"),
                         std::string(json::text(s.edit->answer.as_object(), "outcome")));
    CPPUNIT_ASSERT(s.edit->state == ScheduleEdit::State::applied);
  }
  void a_wish_is_carried_out_once() {
    backend_.add("a", {});
    settle();
    auto other = make();  // a brain that believes it runs the instance too
    edited("a", "30");
    other->look(row("a")->id);
    sync_->work();
    other->work();
    settle();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, backend_.puts.size());
  }
  void an_edit_without_an_answer_is_unknown_until_it_shows() {
    backend_.add("a", {});
    settle();
    backend_.fails = base::Error{base::Code::unknown, "it may have happened", "", ""};
    edited("a", "30");
    settle();
    CPPUNIT_ASSERT(row("a")->edit->state == ScheduleEdit::State::unknown);
    backend_.fails.reset();
    settle();
    CPPUNIT_ASSERT(row("a")->edit->state == ScheduleEdit::State::unknown);
    backend_.held["a"]["expression"] = "30";
    settle();
    CPPUNIT_ASSERT(row("a")->edit->state == ScheduleEdit::State::applied);
  }
  void an_agent_is_told_to_switch() {
    const base::Uuid agent = f_.add_agent("web");
    namespace a = model::agents;
    Where self;
    self.eq(a::id, agent);
    Commit online;
    online.update(Table::agents, std::move(self), {{a::state, "online"}});
    f_.must(f_.store->commit(online));
    Schedule s;
    s.id = base::Uuid::random();
    s.project_id = f_.project;
    s.scheduler = "celery-beat";
    s.owner = agent.text();
    s.agent_id = agent;
    s.name = "x";
    s.engine = "celery";
    s.task_name = "t";
    s.kind = "interval";
    s.expression = "60";
    s.read_only = true;
    s.capabilities = {"enable", "trigger"};
    Rows rows(Table::schedules);
    put_schedule(rows, s);
    f_.insert(std::move(rows));
    backend_.backends.push_back({agent.text(), "celery-beat", f_.project, agent});
    CPPUNIT_ASSERT(schedules_->enable(project_, s.id, false, f_.actor).ok());
    settle();
    CPPUNIT_ASSERT_EQUAL(std::string("disable x"), backend_.ordered.back());
    CPPUNIT_ASSERT(!row("x")->is_enabled);
    CPPUNIT_ASSERT(row("x")->edit->state == ScheduleEdit::State::written);
    backend_.order_answer = R"({"outcome":"refused","reason":"no such schedule"})";
    CPPUNIT_ASSERT(schedules_->enable(project_, s.id, true, f_.actor).ok());
    settle();
    CPPUNIT_ASSERT(row("x")->edit->state == ScheduleEdit::State::failed);
    CPPUNIT_ASSERT_EQUAL(std::string("no such schedule"), row("x")->edit->why);
    auto refused = schedules_->remove(project_, s.id, f_.actor);
    CPPUNIT_ASSERT(!refused && refused.error().code == base::Code::conflict);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ScheduleSyncTest);

class ScheduleStreamsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ScheduleStreamsTest);
  CPPUNIT_TEST(a_list_of_an_old_agent_becomes_rows);
  CPPUNIT_TEST(an_empty_list_counts_when_it_is_said_twice);
  CPPUNIT_TEST(a_single_schedule_changes_only_itself);
  CPPUNIT_TEST(a_newer_agent_is_activated_and_its_snapshot_taken);
  CPPUNIT_TEST(a_frame_that_was_changed_is_not_taken);
  CPPUNIT_TEST(a_process_keeps_its_epoch_and_another_gets_a_new_one);
  CPPUNIT_TEST(events_that_find_no_room_come_again);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  const base::Uuid agent_ = base::Uuid::random();
  std::vector<WatchedScheduler> watched_;
  std::vector<wire::Action> orders_;
  std::unique_ptr<ScheduleStreams> streams_;

  std::unique_ptr<ScheduleStreams> make(std::size_t queue_bytes = 1 << 20) {
    ScheduleStreams::Options options;
    options.queue_bytes = queue_bytes;
    options.brain = "brain";
    options.watched = [this] { return watched_; };
    options.is_connected = [](const base::Uuid&, const base::Uuid&) { return false; };
    options.order = [this](const WatchedScheduler&, wire::Action action, int,
                           const plugin::Answer& answer) {
      orders_.push_back(std::move(action));
      answer(std::string(R"({"outcome":"done"})"));
    };
    return std::make_unique<ScheduleStreams>(*f_.store, f_.clock, f_.log, std::move(options));
  }
  static json::Object told(const std::string& name) {
    return {{"name", name},       {"task_name", "t"},
            {"kind", "interval"}, {"expression", "60"},
            {"engine", "celery"}, {"scheduler", "celery-beat"},
            {"is_enabled", true}, {"total_runs", 3},
            {"id", "ignored"},    {"metadata", json::Object{{"x", 1}}}};
  }
  static json::Object snapshot(const std::vector<std::string>& names) {
    json::Array all;
    for (const std::string& name : names) all.push_back(told(name));
    return {{"kind", "schedule.snapshot"},
            {"engine", "celery-beat"},
            {"data", json::Object{{"scheduler", "celery-beat"}, {"schedules", all}}}};
  }
  bool take(json::Array events) {
    bool is_stored = false;
    streams_->take({agent_, f_.project, "web"}, std::move(events),
                   [&](bool stored) { is_stored = stored; });
    f_.clock.advance(2 * base::kSecondUs);
    streams_->work();
    return is_stored;
  }
  std::vector<std::string> names() {
    namespace col = model::schedules;
    std::vector<std::string> out;
    Query query(Table::schedules);
    query.where.eq(col::project_id, f_.project);
    f_.must(
        f_.store->each(query.columns({col::name}).order({col::name, col::id}), [&](const Row& row) {
          out.emplace_back(row.text(col::name));
          return true;
        }));
    return out;
  }
  wire::ScheduleStream activated() {
    CPPUNIT_ASSERT(!orders_.empty());
    const json::Object& p = orders_.back().parameters;
    wire::ScheduleStream out;
    out.owner = json::text(p, "owner");
    out.stream_id = json::text(p, "stream_id");
    out.epoch_uuid = json::text(p, "epoch_uuid");
    out.epoch_number = json::integer(p, "epoch_number");
    out.adapter_instance_id = json::text(p, "adapter_instance_id");
    return out;
  }
  json::Array frames(std::int64_t sequence, const std::vector<std::string>& schedules) {
    json::Array rows;
    for (const std::string& name : schedules) rows.push_back(told(name));
    json::Array out;
    for (json::Object& data :
         wire::snapshot_events(activated(), sequence, "s" + std::to_string(sequence),
                               *wire::normal_rows(rows, "celery-beat"), "periodic", 200)) {
      out.push_back(json::Object{
          {"kind", "schedule.snapshot"}, {"engine", "celery-beat"}, {"data", std::move(data)}});
    }
    return out;
  }

 public:
  void setUp() override {
    watched_ = {{agent_,
                 f_.project,
                 base::Uuid::random(),
                 "web",
                 "celery-beat",
                 "process 1",
                 {"enable", "disable", "trigger_now", "list"},
                 false}};
    streams_ = make();
  }

  void a_list_of_an_old_agent_becomes_rows() {
    CPPUNIT_ASSERT(take({snapshot({"a", "b"})}));
    CPPUNIT_ASSERT((names() == std::vector<std::string>{"a", "b"}));
    namespace col = model::schedules;
    Query query(Table::schedules);
    query.where.eq(col::project_id, f_.project).eq(col::name, "a");
    const Schedule s = schedule_of(**f_.store->first(query.all()));
    CPPUNIT_ASSERT(s.agent_id == agent_ && s.can("enable") && s.can("trigger") &&
                   !s.can("delete") && s.read_only);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3}, s.total_runs);
    CPPUNIT_ASSERT(take({snapshot({"b", "c"})}));
    CPPUNIT_ASSERT((names() == std::vector<std::string>{"b", "c"}));
    CPPUNIT_ASSERT(orders_.empty());
  }
  void an_empty_list_counts_when_it_is_said_twice() {
    take({snapshot({"a"})});
    CPPUNIT_ASSERT(take({snapshot({})}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, names().size());
    CPPUNIT_ASSERT(take({snapshot({})}));
    CPPUNIT_ASSERT(names().empty());
  }
  void a_single_schedule_changes_only_itself() {
    take({snapshot({"a", "b"})});
    json::Object changed = told("b");
    changed["is_enabled"] = false;
    take({json::Object{{"kind", "schedule.updated"},
                       {"engine", "celery-beat"},
                       {"data", json::Object{{"schedule", changed}}}},
          json::Object{{"kind", "schedule.deleted"},
                       {"engine", "celery-beat"},
                       {"data", json::Object{{"schedule", told("a")}}}},
          json::Object{{"kind", "schedule.created"},
                       {"engine", "celery-beat"},
                       {"data", json::Object{{"schedule", told("c")}}}}});
    CPPUNIT_ASSERT((names() == std::vector<std::string>{"a", "b", "c"}));
  }
  void a_newer_agent_is_activated_and_its_snapshot_taken() {
    watched_.front().tells_on_demand = true;
    streams_->work();
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.external.activate"), orders_.back().action);
    json::Array all = frames(1, {"a", "b", "c"});
    CPPUNIT_ASSERT(all.size() > 2);
    json::Array first{all.front()};
    CPPUNIT_ASSERT(take(std::move(first)));
    CPPUNIT_ASSERT(names().empty());
    CPPUNIT_ASSERT(take(std::move(all)));
    CPPUNIT_ASSERT((names() == std::vector<std::string>{"a", "b", "c"}));
    CPPUNIT_ASSERT(take(frames(2, {})));
    CPPUNIT_ASSERT(names().empty());
    CPPUNIT_ASSERT(take(frames(1, {"old"})));  // said before: of no use, and acknowledged
    CPPUNIT_ASSERT(names().empty());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, orders_.size());
  }
  void a_frame_that_was_changed_is_not_taken() {
    watched_.front().tells_on_demand = true;
    streams_->work();
    json::Array all = frames(1, {"a"});
    all.front()
        .as_object()["data"]
        .as_object()["external_snapshot_frame"]
        .as_object()["row_count"] = 2;
    CPPUNIT_ASSERT(take(std::move(all)));  // it would never become better
    CPPUNIT_ASSERT(names().empty());
  }
  void a_process_keeps_its_epoch_and_another_gets_a_new_one() {
    watched_.front().tells_on_demand = true;
    streams_->work();
    const wire::ScheduleStream first = activated();
    take(frames(1, {"a"}));
    streams_ = make();  // the brain starts anew; the process lives on with another connection
    watched_.front().session = base::Uuid::random();
    streams_->work();
    CPPUNIT_ASSERT_EQUAL(first.epoch_uuid, activated().epoch_uuid);
    CPPUNIT_ASSERT(take(frames(1, {"old"})));
    CPPUNIT_ASSERT((names() == std::vector<std::string>{"a"}));
    watched_.front().session = base::Uuid::random();
    watched_.front().process = "process 2";
    f_.clock.advance(2 * base::kSecondUs);
    streams_->work();
    CPPUNIT_ASSERT(first.epoch_uuid != activated().epoch_uuid);
    CPPUNIT_ASSERT_EQUAL(first.epoch_number + 1, activated().epoch_number);
    CPPUNIT_ASSERT_EQUAL(first.stream_id, activated().stream_id);
  }
  void events_that_find_no_room_come_again() {
    streams_ = make(10);
    CPPUNIT_ASSERT(!take({snapshot({"a"})}));
    CPPUNIT_ASSERT(names().empty());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(ScheduleStreamsTest);

}  // namespace
}  // namespace z4j::core
