#include "core/schedules.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <algorithm>

#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

class SchedulesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SchedulesTest);
  CPPUNIT_TEST(a_schedule_is_made_checked_and_audited);
  CPPUNIT_TEST(what_people_write_is_checked);
  CPPUNIT_TEST(a_name_is_taken_once_in_its_scheduler);
  CPPUNIT_TEST(a_project_decides_which_schedulers_it_allows);
  CPPUNIT_TEST(an_edit_raises_the_revision_and_plans_anew);
  CPPUNIT_TEST(an_edit_that_changes_nothing_is_none);
  CPPUNIT_TEST(switching_on_forgets_failures);
  CPPUNIT_TEST(a_deleted_schedule_is_gone);
  CPPUNIT_TEST(lists_are_paged_by_name_and_filtered);
  CPPUNIT_TEST(an_import_takes_what_is_good_and_tells_the_rest);
  CPPUNIT_TEST(a_project_that_was_archived_meanwhile_gets_no_schedule);
  CPPUNIT_TEST(an_import_again_changes_nothing);
  CPPUNIT_TEST(a_replacing_import_deletes_what_its_source_has_no_more);
  CPPUNIT_TEST(an_import_deletes_nothing_of_another_source);
  CPPUNIT_TEST(a_diff_writes_nothing);
  CPPUNIT_TEST(two_thousand_schedules_are_one_import);
  CPPUNIT_TEST(an_edit_of_a_schedule_elsewhere_is_a_wish);
  CPPUNIT_TEST(a_read_only_schedule_says_why);
  CPPUNIT_TEST(secrets_are_not_for_every_eye);
  CPPUNIT_TEST_SUITE_END();

  testing::ControlFixture f_;
  std::vector<base::Uuid> edited_;
  std::vector<SchedulerPlace> places_;
  std::unique_ptr<Schedules> schedules_;
  Project project_;

  // "every N": due after N seconds; all else is no expression.
  static base::Result<std::vector<base::TimeUs>> every(const json::Object& schedule,
                                                       base::TimeUs from) {
    const std::string expression(json::text(schedule, "expression"));
    if (!expression.starts_with("every "))
      return refuse::invalid("/expression", "must be \"every N\"");
    return std::vector<base::TimeUs>{from + std::stoll(expression.substr(6)) * base::kSecondUs};
  }
  static ScheduleDraft draft(const std::string& name, const std::string& more = "") {
    const auto parsed =
        json::parse(R"({"name":")" + name +
                    R"(","engine":"celery","kind":"interval","expression":"every 60",)"
                    R"("task_name":"mail.send")" +
                    more + "}");
    auto read = read_schedule_draft(parsed->get_object(), "dashboard");
    CPPUNIT_ASSERT_MESSAGE(read ? "" : read.error().text(), read.ok());
    return *read;
  }
  Schedule make(const std::string& name, const std::string& more = "") {
    auto made = schedules_->create(project_, draft(name, more), f_.actor);
    CPPUNIT_ASSERT_MESSAGE(made ? "" : made.error().text(), made.ok());
    return *made;
  }
  std::string why_not(const std::string& members) {
    const auto parsed = json::parse(members);
    auto read = read_schedule_draft(parsed->get_object(), "dashboard");
    if (!read) return read.error().where;
    auto made = schedules_->create(project_, *read, f_.actor);
    return made ? "made" : made.error().where;
  }
  // A row of a backend that the instance "beat" keeps.
  Schedule add_elsewhere(const std::string& name, bool read_only = false) {
    Schedule s;
    s.id = base::Uuid::random();
    s.project_id = f_.project;
    s.scheduler = "celery-beat";
    s.owner = "beat";
    s.name = name;
    s.engine = "celery";
    s.task_name = "mail.send";
    s.kind = "interval";
    s.expression = "every 60";
    s.external_id = name;
    s.etag = "1";
    s.read_only = read_only;
    if (read_only)
      s.read_only_reason = "beat_static_schedule: it stands in the code";
    else
      s.capabilities = {"update", "delete", "enable", "trigger"};
    Rows rows(Table::schedules);
    put_schedule(rows, s);
    f_.insert(std::move(rows));
    return s;
  }
  static std::vector<std::string> names(const SchedulePage& page) {
    std::vector<std::string> out;
    for (const Schedule& s : page.items) out.push_back(s.name);
    return out;
  }
  static ScheduleImport import_of(std::vector<ScheduleDraft> drafts) {
    ScheduleImport out;
    for (ScheduleDraft& each : drafts) out.items.emplace_back(std::move(each));
    return out;
  }
  std::size_t count() { return f_.count(Table::schedules); }

 public:
  void setUp() override {
    project_.id = f_.project;
    project_.slug = "shop";
    project_.default_scheduler_owner = kOwnScheduler;
    Schedules::Options options;
    options.wait_ms = 0;
    options.on_edited = [this](const base::Uuid& id) { edited_.push_back(id); };
    options.places = [this] { return places_; };
    options.preview = [](const std::string&, const base::Uuid&, const json::Object& schedule,
                         base::TimeUs from, std::uint32_t) { return every(schedule, from); };
    options.redact = [](json::Value value) {
      if (value.is_object() && value.get_object().contains("password"))
        value.get_object()["password"] = "[REDACTED]";
      return value;
    };
    schedules_ = std::make_unique<Schedules>(*f_.store, f_.audit, f_.clock, std::move(options));
    places_ = {{"beat", "celery-beat", f_.project, false, true, 0, ""}};
  }

  void a_schedule_is_made_checked_and_audited() {
    const Schedule made = make("nightly", R"(,"args":[1,"x"],"kwargs":{"a":null})");
    CPPUNIT_ASSERT(made.is_of_store() && !made.is_planned && made.is_enabled);
    CPPUNIT_ASSERT_EQUAL(std::string(kOwnScheduler), made.scheduler);
    CPPUNIT_ASSERT_EQUAL(f_.clock.now() + 60 * base::kSecondUs, made.next_run_at.value_or(0));
    const auto stored = schedules_->find(f_.project, made.id);
    CPPUNIT_ASSERT(stored.ok());
    CPPUNIT_ASSERT_EQUAL(std::string(R"([1,"x"])"), json::write(stored->args));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a":null})"), json::write(stored->kwargs));
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.create"), f_.audited().back());
    CPPUNIT_ASSERT(edited_ == std::vector<base::Uuid>{made.id});
  }
  void what_people_write_is_checked() {
    const std::string good =
        R"("name":"a","engine":"celery","kind":"interval","expression":"every 1","task_name":"t")";
    CPPUNIT_ASSERT_EQUAL(std::string("name"), why_not("{}"));
    CPPUNIT_ASSERT_EQUAL(std::string("kind"),
                         why_not(R"({"name":"a","engine":"c","kind":"moon","expression":"x",)"
                                 R"("task_name":"t"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("expression"),
                         why_not(R"({"name":"a","engine":"c","kind":"cron","expression":"x",)"
                                 R"("task_name":"t"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("timezone"), why_not("{" + good + R"(,"timezone":"a b"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("args"), why_not("{" + good + R"(,"args":{}})"));
    CPPUNIT_ASSERT_EQUAL(std::string("args"), why_not("{" + good + R"(,"args":[")" +
                                                      std::string(70'000, 'x') + R"("]})"));
    CPPUNIT_ASSERT_EQUAL(std::string("priority"), why_not("{" + good + R"(,"priority":"now"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("catch_up"), why_not("{" + good + R"(,"catch_up":"all"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("name"),
                         why_not(R"({"name":"a\nb","engine":"c","kind":"cron","expression":"x",)"
                                 R"("task_name":"t"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("ends_at"), why_not("{" + good +
                                                         R"(,"starts_at":"2030-01-02T00:00:00Z",)"
                                                         R"("ends_at":"2030-01-01T00:00:00Z"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("scheduler"),
                         why_not("{" + good + R"(,"scheduler":"nobody"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("jitter_seconds"),
                         why_not("{" + good + R"(,"scheduler":"beat","jitter_seconds":5})"));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, count());
    CPPUNIT_ASSERT_EQUAL(std::string("made"),
                         why_not("{" + good + R"(,"timezone":"","queue":null})"));
  }
  void a_name_is_taken_once_in_its_scheduler() {
    make("nightly");
    auto again = schedules_->create(project_, draft("nightly"), f_.actor);
    CPPUNIT_ASSERT(!again);
    CPPUNIT_ASSERT_EQUAL(std::string("conflict_duplicate_name"), again.error().where);
    make("nightly", R"(,"scheduler":"celery-beat")");
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, count());
  }
  void a_project_decides_which_schedulers_it_allows() {
    project_.allowed_schedulers = {"celery-beat"};
    auto made = schedules_->create(project_, draft("nightly"), f_.actor);
    CPPUNIT_ASSERT(!made && made.error().code == base::Code::invalid);
    CPPUNIT_ASSERT_EQUAL(std::string("scheduler"), made.error().where);
    make("nightly", R"(,"scheduler":"celery-beat")");
  }
  void an_edit_raises_the_revision_and_plans_anew() {
    const Schedule made = make("nightly");
    SchedulePatch patch;
    patch.expression = "every 5";
    f_.clock.advance(base::kSecondUs);
    auto edited = schedules_->patch(project_, made.id, patch, f_.actor);
    CPPUNIT_ASSERT(edited.ok());
    CPPUNIT_ASSERT_EQUAL(made.revision + 1, edited->revision);
    CPPUNIT_ASSERT_EQUAL(f_.clock.now() + 5 * base::kSecondUs, edited->next_run_at.value_or(0));
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.update"), f_.audited().back());
    patch = {};
    patch.description = "why";
    f_.clock.advance(base::kSecondUs);
    auto told = schedules_->patch(project_, made.id, patch, f_.actor);
    CPPUNIT_ASSERT(told.ok() && told->next_run_at == edited->next_run_at && !told->is_planned);
    patch = {};
    patch.expression = "nonsense";
    auto bad = schedules_->patch(project_, made.id, patch, f_.actor);
    CPPUNIT_ASSERT(!bad && bad.error().where == "expression");
    CPPUNIT_ASSERT_EQUAL(told->revision, schedules_->find(f_.project, made.id)->revision);
  }
  void an_edit_that_changes_nothing_is_none() {
    const Schedule made = make("nightly");
    const std::size_t entries = f_.audited().size();
    SchedulePatch patch;
    patch.expression = "every 60";
    auto same = schedules_->patch(project_, made.id, patch, f_.actor);
    CPPUNIT_ASSERT(same.ok());
    CPPUNIT_ASSERT_EQUAL(made.revision, same->revision);
    CPPUNIT_ASSERT_EQUAL(entries, f_.audited().size());
  }
  void switching_on_forgets_failures() {
    namespace col = model::schedules;
    const Schedule made = make("nightly");
    Commit commit;
    Where self;
    self.eq(col::id, made.id);
    commit.update(Table::schedules, std::move(self),
                  {{col::is_enabled, false}, {col::failures, 5}, {col::stopped_why, "failures"}});
    f_.must(f_.store->commit(commit));
    auto on = schedules_->enable(project_, made.id, true, f_.actor);
    CPPUNIT_ASSERT(on.ok() && on->is_enabled && on->failures == 0 && !on->stopped_why);
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.enable"), f_.audited().back());
    auto off = schedules_->enable(project_, made.id, false, f_.actor);
    CPPUNIT_ASSERT(off.ok() && !off->is_enabled && !off->next_run_at);
  }
  void a_deleted_schedule_is_gone() {
    const Schedule made = make("nightly");
    f_.must(schedules_->remove(project_, made.id, f_.actor));
    auto found = schedules_->find(f_.project, made.id);
    CPPUNIT_ASSERT(!found && found.error().code == base::Code::not_found);
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.delete"), f_.audited().back());
    CPPUNIT_ASSERT(!schedules_->remove(project_, made.id, f_.actor));
    CPPUNIT_ASSERT(!schedules_->find(base::Uuid::random(), made.id));
  }
  void lists_are_paged_by_name_and_filtered() {
    for (const char* name : {"c", "a", "b"}) make(name);
    add_elsewhere("d");
    auto first = schedules_->list(f_.project, {}, {}, 3);
    CPPUNIT_ASSERT((names(*first) == std::vector<std::string>{"a", "b", "c"}));
    CPPUNIT_ASSERT(first->next.has_value());
    auto last = schedules_->list(f_.project, {}, first->next, 3);
    CPPUNIT_ASSERT((names(*last) == std::vector<std::string>{"d"}));
    CPPUNIT_ASSERT(!last->next);
    ScheduleFilter filter;
    filter.scheduler = "celery-beat";
    CPPUNIT_ASSERT(
        (names(*schedules_->list(f_.project, filter, {}, 9)) == std::vector<std::string>{"d"}));
    filter = {};
    filter.search = "MAIL";
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, schedules_->list(f_.project, filter, {}, 9)->items.size());
    filter = {};
    filter.is_enabled = false;
    CPPUNIT_ASSERT(schedules_->list(f_.project, filter, {}, 9)->items.empty());
  }
  void an_import_takes_what_is_good_and_tells_the_rest() {
    ScheduleImport import = import_of({draft("a"), draft("b")});
    import.items.emplace_back(refuse::invalid("kind", "kind is wrong"));
    import.items.emplace_back(draft("a"));
    ScheduleDraft bad = draft("c");
    bad.members.expression = "never";
    import.items.emplace_back(std::move(bad));
    auto report = schedules_->import_all(project_, import, f_.actor);
    CPPUNIT_ASSERT(report.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, report->inserted);
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, report->failed);
    CPPUNIT_ASSERT(report->errors.count(2) == 1 && report->errors.count(3) == 1 &&
                   report->errors.count(4) == 1);
    CPPUNIT_ASSERT_EQUAL(std::string("schedules.import"), f_.audited().back());
  }
  void a_project_that_was_archived_meanwhile_gets_no_schedule() {
    Where self;
    self.eq(model::projects::id, f_.project);
    Commit commit;
    commit.update(Table::projects, std::move(self), {{model::projects::is_active, false}});
    f_.must(f_.store->commit(commit));
    auto made = schedules_->create(project_, draft("a"), f_.actor);
    CPPUNIT_ASSERT(!made && made.error().code == base::Code::not_found);
    auto report = schedules_->import_all(project_, import_of({draft("b")}), f_.actor);
    CPPUNIT_ASSERT(report.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, report->failed);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, count());
  }
  void an_import_again_changes_nothing() {
    CPPUNIT_ASSERT(schedules_->import_all(project_, import_of({draft("a")}), f_.actor).ok());
    const Schedule before = schedules_->list(f_.project, {}, {}, 1)->items.front();
    auto again = schedules_->import_all(project_, import_of({draft("a")}), f_.actor);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, again->unchanged);
    ScheduleDraft other = draft("a");
    other.members.expression = "every 9";
    auto changed = schedules_->import_all(project_, import_of({other}), f_.actor);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, changed->updated);
    auto after = schedules_->find(f_.project, before.id);
    CPPUNIT_ASSERT(after.ok() && after->revision == before.revision + 1);
    // A known hash stands for the rest.
    other.members.source_hash = "h";
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         schedules_->import_all(project_, import_of({other}), f_.actor)->updated);
    other.members.expression = "every 10";
    CPPUNIT_ASSERT_EQUAL(std::size_t{1},
                         schedules_->import_all(project_, import_of({other}), f_.actor)->unchanged);
  }
  void a_replacing_import_deletes_what_its_source_has_no_more() {
    const std::string of_file = R"(,"source":"declarative:file")";
    make("dashboard's");
    CPPUNIT_ASSERT(
        schedules_
            ->import_all(project_, import_of({draft("a", of_file), draft("b", of_file)}), f_.actor)
            .ok());
    ScheduleImport import = import_of({draft("b", of_file), draft("c", of_file)});
    import.mode = ScheduleImport::Mode::replace_for_source;
    auto report = schedules_->import_all(project_, import, f_.actor);
    CPPUNIT_ASSERT(report.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, report->deleted);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, report->inserted);
    CPPUNIT_ASSERT((names(*schedules_->list(f_.project, {}, {}, 9)) ==
                    std::vector<std::string>{"b", "c", "dashboard's"}));
    // One that can't be read is not gone.
    import = import_of({draft("c", of_file)});
    ScheduleDraft broken = draft("b", of_file);
    broken.members.expression = "never";
    import.items.emplace_back(std::move(broken));
    import.mode = ScheduleImport::Mode::replace_for_source;
    CPPUNIT_ASSERT_EQUAL(std::size_t{0},
                         schedules_->import_all(project_, import, f_.actor)->deleted);
  }
  void an_import_deletes_nothing_of_another_source() {
    make("dashboard's");
    ScheduleImport import = import_of({draft("a")});
    import.mode = ScheduleImport::Mode::replace_for_source;
    auto report = schedules_->import_all(project_, import, f_.actor);
    CPPUNIT_ASSERT(!report && report.error().where == "source_filter");
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, count());
  }
  void a_diff_writes_nothing() {
    make("a");
    ScheduleDraft other = draft("a");
    other.members.task_name = "mail.other";
    auto diff = schedules_->diff(project_, import_of({other, draft("b")}));
    CPPUNIT_ASSERT(diff.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, diff->inserted.size());
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, diff->updated.size());
    CPPUNIT_ASSERT_EQUAL(std::string("mail.other"),
                         std::string(json::text(diff->updated[0].proposed, "task_name")));
    CPPUNIT_ASSERT_EQUAL(std::string("mail.send"),
                         std::string(json::text(diff->updated[0].current, "task_name")));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, count());
  }
  void two_thousand_schedules_are_one_import() {
    std::vector<ScheduleDraft> drafts;
    for (int i = 0; i < 2'000; ++i) drafts.push_back(draft("s" + std::to_string(i)));
    const std::size_t entries = f_.audited().size();
    auto report = schedules_->import_all(project_, import_of(drafts), f_.actor);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2'000}, report->inserted);
    CPPUNIT_ASSERT_EQUAL(entries + 1, f_.audited().size());
    for (ScheduleDraft& each : drafts) each.members.expression = "every 61";
    CPPUNIT_ASSERT_EQUAL(std::size_t{2'000},
                         schedules_->import_all(project_, import_of(drafts), f_.actor)->updated);
    drafts.push_back(draft("one too many"));
    CPPUNIT_ASSERT(!schedules_->import_all(project_, import_of(drafts), f_.actor));
  }
  void an_edit_of_a_schedule_elsewhere_is_a_wish() {
    const Schedule there = add_elsewhere("x");
    SchedulePatch patch;
    patch.expression = "every 9";
    auto asked = schedules_->patch(project_, there.id, patch, f_.actor);
    CPPUNIT_ASSERT(asked.ok() && asked->edit);
    CPPUNIT_ASSERT_EQUAL(std::string("every 60"), asked->expression);
    CPPUNIT_ASSERT_EQUAL(std::string("update"), asked->edit->change);
    CPPUNIT_ASSERT(asked->edit->state == ScheduleEdit::State::waiting);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"expression":"every 9"})"),
                         json::write(asked->edit->values));
    // Nobody heard it yet: the next one joins it.
    patch = {};
    patch.task_name = "mail.other";
    auto joined = schedules_->patch(project_, there.id, patch, f_.actor);
    CPPUNIT_ASSERT(joined.ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, joined->edit->values.size());
    places_.front().is_running = false;
    auto late = schedules_->enable(project_, there.id, false, f_.actor);
    CPPUNIT_ASSERT(!late && late.error().where == refuse::kAgentOffline);
  }
  void a_read_only_schedule_says_why() {
    const Schedule there = add_elsewhere("x", true);
    auto refused = schedules_->enable(project_, there.id, false, f_.actor);
    CPPUNIT_ASSERT(!refused && refused.error().code == base::Code::conflict);
    CPPUNIT_ASSERT_EQUAL(std::string("beat_static_schedule"), refused.error().where);
    CPPUNIT_ASSERT_EQUAL(std::string("it stands in the code"), refused.error().message);
    CPPUNIT_ASSERT_EQUAL(std::string("schedule.disable"), f_.audited().back());
  }
  void secrets_are_not_for_every_eye() {
    Schedule made = make("nightly", R"(,"kwargs":{"password":"hunter2"})");
    CPPUNIT_ASSERT_EQUAL(std::string("hunter2"), std::string(json::text(made.kwargs, "password")));
    schedules_->redact(made);
    CPPUNIT_ASSERT_EQUAL(std::string("[REDACTED]"),
                         std::string(json::text(made.kwargs, "password")));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SchedulesTest);

}  // namespace
}  // namespace z4j::core
