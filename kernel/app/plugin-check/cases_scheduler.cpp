// H: schedulers, against docs/abi/scheduler.md. Makes, edits and removes a schedule of its own name
// where the plugin can write.
#include <algorithm>
#include <set>

#include "asks.hpp"
#include "plugin/crossing.hpp"

namespace z4j::check {
namespace {

using plugin::lend;

constexpr std::int64_t kSecondUs = 1'000'000, kDayUs = 86'400 * kSecondUs;
constexpr std::int64_t kFrom = 1'767'225'600 * kSecondUs;  // 2026-01-01T00:00:00Z

struct Scheduling {
  explicit Scheduling(Subject& subject) : table(subject.scheduler()), running(subject) {
    subject.call("capabilities", [&] { bits = table.capabilities(running.instance.get()); });
  }
  const z4j_scheduler& table;
  Running running;
  std::uint64_t bits = 0;

  void need(std::uint64_t bit, const char* what) const {
    if ((bits & Z4J_SCHED_STORE) != 0) throw NotForThis("its schedules lie in the kernel's store");
    if ((bits & bit) == 0) throw NotForThis(std::string("it does not say that it can ") + what);
    expect(bit != Z4J_SCHED_READ || table.list != nullptr,
           "it says that it can list, and has no list()");
    expect(bit != Z4J_SCHED_WRITE || (table.put != nullptr && table.remove != nullptr),
           "it says that it can write, and has not both of put() and remove()");
  }
  Answer list(const std::string& page) {
    return ask_and_wait(running.instance, {"list", [&](z4j_instance* i, z4j_op op, z4j_error* e) {
                                             const Guarded text(page);
                                             return table.list(i, op, text.text(), e);
                                           }});
  }
  Answer put(const std::string& schedule, const std::string& etag) {
    return ask_and_wait(running.instance, {"put", [&](z4j_instance* i, z4j_op op, z4j_error* e) {
                                             const Guarded text(schedule), tag(etag);
                                             return table.put(i, op, text.text(), tag.text(), e);
                                           }});
  }
  Answer remove(const std::string& id, const std::string& etag) {
    return ask_and_wait(running.instance, {"remove", [&](z4j_instance* i, z4j_op op, z4j_error* e) {
                                             const Guarded text(id), tag(etag);
                                             return table.remove(i, op, text.text(), tag.text(), e);
                                           }});
  }
};

json::Value items(Scheduling& s, const std::string& page) {
  s.need(Z4J_SCHED_READ, "list schedules");
  const Answer answer = s.list(page);
  if (answer.status >= 200 && answer.status < 300)
    throw NotForThis("its store is not there: " + told(answer));
  expect(answer.status == Z4J_OK, "list failed: " + told(answer));
  json::Value value = parsed(answer.result, "the list");
  expect(json::array(object_of(value, "the list"), "items") != nullptr,
         "the list has no \"items\"");
  return value;
}

void expect_schedule(const json::Object& o) {
  for (const char* member : {"id", "etag", "name", "task", "kind", "expression"})
    expect(
        o.contains(member) && o.at(member).is_string(),
        std::string("a schedule has no text \"") + member + "\": " + json::write(o).substr(0, 200));
  const std::string_view kind = json::text(o, "kind");
  expect(kind == "cron" || kind == "interval" || kind == "clocked" || kind == "solar",
         "a schedule is of kind \"" + std::string(kind) + "\"");
  expect(json::text(o, "id").size() <= 200, "a schedule has an id of more than 200 bytes");
  expect(o.contains("is_enabled") && o.at("is_enabled").is_bool(),
         "a schedule does not say whether it is enabled");
  expect(!json::boolean(o, "read_only") || !json::text(o, "read_only_reason").empty(),
         "a schedule is read only, and there is no reason");
}

void lists(Subject& subject) {
  Scheduling s(subject);
  const json::Value page = items(s, R"({"limit":500})");
  for (const json::Value& item : *json::array(page.get_object(), "items"))
    expect_schedule(object_of(item, "a schedule"));
}

void keeps_to_the_limit(Subject& subject) {
  Scheduling s(subject);
  std::set<std::string> seen;
  std::string cursor;
  for (int pages = 0; pages < 1000; ++pages) {
    json::Object asked{{"limit", 1}};
    if (!cursor.empty()) asked["cursor"] = cursor;
    const json::Value page = items(s, json::write(asked));
    const json::Array& found = *json::array(page.get_object(), "items");
    expect(found.size() <= 1, "a page of at most 1 has " + std::to_string(found.size()));
    for (const json::Value& item : found)
      expect(seen.insert(std::string(json::text(item.as_object(), "id"))).second,
             "one schedule comes on two pages");
    cursor = json::text(page.get_object(), "next");
    if (cursor.empty()) return;
  }
}

// Three expressions of a kind that it takes, as it gives them back.
struct Expressions {
  const char *kind, *first, *second, *third;
};
Expressions expressions_of(const Scheduling& s) {
  if ((s.bits & Z4J_SCHED_CRON) != 0) return {"cron", "0 6 * * *", "30 7 * * *", "45 8 * * *"};
  if ((s.bits & Z4J_SCHED_INTERVAL) != 0) return {"interval", "3600", "7200", "10800"};
  throw NotForThis("it declares neither crons nor intervals");
}

std::string fresh_schedule(Subject& subject, const std::string& name, const char* kind,
                           const std::string& expression) {
  const std::string scheduler(plugin::text_of(subject.scheduler().scheduler_name));
  const char* const engine = scheduler.rfind("rq", 0) == 0 ? "rq" : "celery";
  return json::write(json::Object{{"name", name},
                                  {"engine", engine},
                                  {"task", "z4j_check.task"},
                                  {"args", json::Array()},
                                  {"kwargs", json::Object()},
                                  {"kind", kind},
                                  {"expression", expression},
                                  {"timezone", "UTC"},
                                  {"is_enabled", false}});
}

// One that is there until the case is over. Throws NotForThis when it can't be made here.
struct Made {
  Made(Subject& subject, Scheduling& s) : scheduling(s), name("z4j-check " + subject.fresh_word()) {
    s.need(Z4J_SCHED_WRITE, "write schedules");
    const Answer answer = s.put(fresh_schedule(subject, name, of.kind, of.first), "");
    if (answer.status != Z4J_OK) throw NotForThis("it makes no schedule here: " + told(answer));
    take(answer);
  }
  ~Made() {
    try {
      (void)scheduling.remove(id, etag);
    } catch (const Failed&) {
    }
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  void take(const Answer& answer) {
    const json::Value value = parsed(answer.result, "the answer of put");
    const json::Object* o = json::object(object_of(value, "the answer of put"), "schedule");
    expect(o != nullptr, "the answer of put has no \"schedule\"");
    id = json::text(*o, "id");
    etag = json::text(*o, "etag");
    schedule = *o;
  }
  Scheduling& scheduling;
  const Expressions of = expressions_of(scheduling);
  std::string name, id, etag;
  json::Object schedule;
};

void makes_what_it_says(Subject& subject) {
  Scheduling s(subject);
  const Made made(subject, s);
  expect_schedule(made.schedule);
  expect(json::text(made.schedule, "name") == made.name,
         "a schedule comes back under another name");
  expect(json::text(made.schedule, "expression") == made.of.first,
         "a schedule comes back with the expression \"" +
             std::string(json::text(made.schedule, "expression")) + "\"");
  expect(!json::boolean(made.schedule, "is_enabled"),
         "a schedule that was made switched off is on");
  const json::Value page =
      items(s, json::write(json::Object{{"ids", json::Array{json::Value(made.id)}}}));
  const json::Array& found = *json::array(page.get_object(), "items");
  expect(found.size() == 1 && json::text(found[0].as_object(), "id") == made.id,
         "a schedule that was made is not in the list");
}

void refuses_a_taken_name(Subject& subject) {
  Scheduling s(subject);
  const Made made(subject, s);
  const Answer again = s.put(fresh_schedule(subject, made.name, made.of.kind, made.of.first), "");
  expect(again.status == Z4J_CONFLICT,
         "a second schedule of one name is answered with " + told(again));
}

void refuses_an_old_etag(Subject& subject) {
  Scheduling s(subject);
  Made made(subject, s);
  const std::string old = made.etag;
  json::Object edit = made.schedule;
  edit["expression"] = made.of.second;
  const Answer first = s.put(json::write(edit), old);
  if (first.status != Z4J_OK) throw NotForThis("it edits no schedule here: " + told(first));
  made.take(first);
  expect(made.etag != old, "an edit leaves the etag as it was");
  edit["expression"] = made.of.third;
  const Answer late = s.put(json::write(edit), old);
  expect(late.status == Z4J_CONFLICT, "an edit with an old etag is answered with " + told(late));
  const Answer gone = s.remove(made.id, old);
  expect(gone.status == Z4J_CONFLICT, "a removal with an old etag is answered with " + told(gone));
  const json::Value page =
      items(s, json::write(json::Object{{"ids", json::Array{json::Value(made.id)}}}));
  const json::Array& found = *json::array(page.get_object(), "items");
  expect(found.size() == 1 && json::text(found[0].as_object(), "expression") == made.of.second,
         "an edit that was refused has changed something");
}

void keeps_its_id_through_edits(Subject& subject) {
  Scheduling s(subject);
  Made made(subject, s);
  const std::string id = made.id;
  json::Object edit = made.schedule;
  edit["expression"] = made.of.second;
  const Answer answer = s.put(json::write(edit), made.etag);
  if (answer.status != Z4J_OK) throw NotForThis("it edits no schedule here: " + told(answer));
  made.take(answer);
  expect(made.id == id, "an edit gives a schedule another id");
}

void removes_what_it_made(Subject& subject) {
  Scheduling s(subject);
  const Made made(subject, s);
  const Answer gone = s.remove(made.id, made.etag);
  expect(gone.status == Z4J_OK, "a removal is answered with " + told(gone));
  const json::Value page =
      items(s, json::write(json::Object{{"ids", json::Array{json::Value(made.id)}}}));
  expect(json::array(page.get_object(), "items")->empty(),
         "a schedule that was removed is still in the list");
  const Answer again = s.remove(made.id, made.etag);
  expect(again.status >= 100 && again.status < 200,
         "a second removal is answered with " + told(again));
}

void refuses_nonsense(Subject& subject) {
  Scheduling s(subject);
  s.need(Z4J_SCHED_WRITE, "write schedules");
  const std::string kind = expressions_of(s).kind;
  for (const char* expression : {"", "nonsense", "61 * * * *", "* * *", "0 6 * * * * *"}) {
    const Answer answer = s.put(
        fresh_schedule(subject, "z4j-check " + subject.fresh_word(), kind.c_str(), expression), "");
    if (answer.status >= 200 && answer.status < 300)
      throw NotForThis("its store is not there: " + told(answer));
    expect(answer.status != Z4J_OK,
           std::string("a schedule with the expression \"") + expression + "\" was taken");
  }
}

void unknown_ids(Subject& subject) {
  Scheduling s(subject);
  if ((s.bits & Z4J_SCHED_STORE) != 0) throw NotForThis("its schedules lie in the kernel's store");
  if (s.table.remove != nullptr && (s.bits & Z4J_SCHED_WRITE) != 0) {
    const Answer gone = s.remove("z4j-check-nothing", "no-etag");
    expect(gone.status != Z4J_OK,
           "the removal of a schedule that does not exist is answered with " + told(gone));
  }
  if (s.table.trigger != nullptr && (s.bits & Z4J_SCHED_TRIGGER) != 0) {
    const Answer fired = ask_and_wait(
        s.running.instance, {"trigger", [&](z4j_instance* i, z4j_op op, z4j_error* e) {
                               return s.table.trigger(i, op, lend("z4j-check-nothing"), e);
                             }});
    expect(fired.status != Z4J_OK || fired.result.find("\"sent\"") == std::string::npos,
           "a schedule that does not exist was triggered");
  }
}

// preview() of a schedule, without a running instance: it is a pure function.
struct Preview {
  CallError status;
  std::vector<std::int64_t> due;
};
Preview preview(Subject& subject, Instance& instance, const std::string& kind,
                const std::string& expression, const std::string& zone, std::int64_t from,
                std::uint32_t most) {
  const z4j_scheduler& table = subject.scheduler();
  if (table.preview == nullptr) throw NotForThis("it has no preview()");
  const std::string scheduler(plugin::text_of(table.scheduler_name));
  const std::string schedule =
      json::write(json::Object{{"id", "x"},
                               {"name", "z4j-check"},
                               {"engine", scheduler.rfind("rq", 0) == 0 ? "rq" : "celery"},
                               {"task", "z4j_check.task"},
                               {"args", json::Array()},
                               {"kwargs", json::Object()},
                               {"kind", kind},
                               {"expression", expression},
                               {"timezone", zone},
                               {"is_enabled", true},
                               {"schedule_id", "00000000-0000-4000-8000-000000000001"},
                               {"project_id", "00000000-0000-4000-8000-000000000002"},
                               {"catch_up", "skip"},
                               {"overlap", "allow"}});
  Preview out;
  out.due.assign(most + 1, INT64_MIN);
  std::uint32_t n = most;
  const Guarded text(schedule);
  out.status = subject.status_of("preview", [&](z4j_error* e) {
    return table.preview(instance.get(), text.text(), from, out.due.data(), &n, e);
  });
  expect(out.due[most] == INT64_MIN, "preview() wrote more times than there was room for");
  if (!out.status.ok()) {
    out.due.clear();
    return out;
  }
  expect(n <= most, "preview() of at most " + std::to_string(most) + " times says that it gave " +
                        std::to_string(n));
  out.due.resize(n);
  for (std::size_t i = 0; i < out.due.size(); ++i) {
    expect(out.due[i] > from, "preview() gave a time that is not behind the one it was asked for");
    expect(i == 0 || out.due[i] > out.due[i - 1], "preview() gave times out of order");
  }
  return out;
}

void need_kind(const Preview& p, const std::string& what) {
  if (!p.status.ok()) throw NotForThis("it previews no " + what + " here: " + p.status.text());
}

void previews_crons(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  const Preview daily = preview(subject, instance, "cron", "0 6 * * *", "UTC", kFrom, 5);
  need_kind(daily, "cron in UTC");
  expect(daily.due.size() == 5,
         "a daily schedule has only " + std::to_string(daily.due.size()) + " next times");
  for (std::size_t i = 0; i < daily.due.size(); ++i)
    expect(daily.due[i] == kFrom + 6 * 3600 * kSecondUs + static_cast<std::int64_t>(i) * kDayUs,
           "\"0 6 * * *\" in UTC falls on another time than six in the morning");
}

void previews_across_a_clock_change(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  // Europe/Berlin goes from UTC+1 to UTC+2 on 2026-03-29, and back on 2026-10-25.
  for (const std::int64_t from : {1'774'569'600 * kSecondUs, 1'792'713'600 * kSecondUs}) {
    const Preview daily =
        preview(subject, instance, "cron", "0 12 * * *", "Europe/Berlin", from, 5);
    need_kind(daily, "cron in a zone of its own");
    expect(daily.due.size() == 5,
           "a daily schedule has only " + std::to_string(daily.due.size()) + " next times");
    std::set<std::int64_t> hours;
    for (const std::int64_t due : daily.due) hours.insert(due / (3600 * kSecondUs) % 24);
    if (hours.size() == 1 && *hours.begin() == 12) throw NotForThis("it takes every time as UTC");
    expect(hours == std::set<std::int64_t>{10, 11},
           "noon in Berlin does not move with the clock there around the change of " +
               std::string(from < 1'780'000'000 * kSecondUs ? "March" : "October"));
  }
}

void previews_intervals(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  const Preview each = preview(subject, instance, "interval", "300", "UTC", kFrom, 4);
  need_kind(each, "interval");
  for (std::size_t i = 1; i < each.due.size(); ++i)
    expect(each.due[i] - each.due[i - 1] == 300 * kSecondUs,
           "an interval of 300 s has next times that are further or nearer");
}

void previews_nothing_for_nonsense(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  for (const char* expression :
       {"", "nonsense", "61 * * * *", "0 25 * * *", "* * *", "0 0 31 2 x"}) {
    const Preview p = preview(subject, instance, "cron", expression, "UTC", kFrom, 3);
    expect(p.status.status == Z4J_INVALID || p.status.status == Z4J_UNSUPPORTED,
           std::string("preview() of \"") + expression + "\" answers " + p.status.text() +
               ", expected Z4J_INVALID");
  }
}

void previews_nothing_for_unknown_zones(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  const Preview p = preview(subject, instance, "cron", "0 6 * * *", "Nowhere/Atlantis", kFrom, 3);
  expect(!p.status.ok(), "preview() takes the time zone Nowhere/Atlantis");
}

void previews_what_it_has_room_for(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  for (const std::uint32_t most : {0u, 1u, 100u}) {
    const Preview p = preview(subject, instance, "cron", "*/5 * * * *", "UTC", kFrom, most);
    need_kind(p, "cron");
    expect(p.due.size() == most,
           "preview() of " + std::to_string(most) + " times gave " + std::to_string(p.due.size()));
  }
}

void previews_are_pure(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  const Preview first = preview(subject, instance, "cron", "*/7 3-9 * * 1-5", "UTC", kFrom, 20);
  need_kind(first, "cron");
  for (int i = 0; i < 20; ++i)
    expect(preview(subject, instance, "cron", "*/7 3-9 * * 1-5", "UTC", kFrom, 20).due == first.due,
           "preview() answers differently each time");
}

void previews_at_the_ends_of_time(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  for (const std::int64_t from :
       {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX - 1, INT64_MAX})
    (void)preview(subject, instance, "cron", "0 6 * * *", "UTC", from, 3);
}

void never_ending_expressions(Subject& subject) {
  (void)subject.scheduler();
  Instance instance(subject, subject.host());
  const auto begin = std::chrono::steady_clock::now();
  (void)preview(subject, instance, "cron", "0 0 31 2 *", "UTC", kFrom, 3);
  expect(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2),
         "preview() of a time that never comes takes more than 2 s");
}

void fires_what_is_due(Subject& subject) {
  (void)subject.scheduler();
  CheckedHost& host = subject.host();
  CheckedHost::StoredSchedule schedule;
  schedule.id[15] = 1;
  const std::int64_t now = std::chrono::duration_cast<std::chrono::microseconds>(
                               std::chrono::system_clock::now().time_since_epoch())
                               .count();
  schedule.next_run_us = (now / kSecondUs + 1) * kSecondUs;
  schedule.json = json::write(json::Object{{"id", "s1"},
                                           {"etag", "1"},
                                           {"name", "each second"},
                                           {"engine", "celery"},
                                           {"task", "t"},
                                           {"args", json::Array()},
                                           {"kwargs", json::Object()},
                                           {"kind", "interval"},
                                           {"expression", "1"},
                                           {"timezone", "UTC"},
                                           {"is_enabled", true},
                                           {"schedule_id", "00000000-0000-0000-0000-000000000001"},
                                           {"project_id", "00000000-0000-4000-8000-000000000002"},
                                           {"catch_up", "skip"},
                                           {"overlap", "allow"}});
  host.store_schedule(schedule);
  Instance instance(subject, host);
  instance.start();
  std::uint64_t bits = 0;
  subject.call("capabilities", [&] { bits = subject.scheduler().capabilities(instance.get()); });
  if ((bits & Z4J_SCHED_STORE) == 0)
    throw NotForThis("its schedules do not lie in the kernel's store");
  for (int i = 0; i < 100 && host.fired().size() < 2; ++i) host.pump(100);
  expect(host.fired().size() >= 2, "a schedule for each second fired " +
                                       std::to_string(host.fired().size()) + " times in 10 s");
  std::set<std::int64_t> times;
  for (const CheckedHost::Fired& fired : host.fired()) {
    expect(times.insert(fired.due_us).second, "one due time fired twice");
    expect(fired.due_us % kSecondUs == 0 && fired.due_us >= schedule.next_run_us,
           "a time fired that was not due");
  }
  expect(instance.stop().ok(), "stop() failed");
}

}  // namespace

void add_scheduler_cases(Cases& cases) {
  const auto add = [&](const char* name, const char* what, std::function<void(Subject&)> run) {
    cases.push_back({std::string("H.scheduler.") + name, std::string("as a scheduler, ") + what,
                     std::move(run), 60'000});
  };
  add("list", "lists schedules as the contract says", lists);
  add("list-limit", "pages through its schedules without repeating", keeps_to_the_limit);
  add("put-creates", "makes the schedule that it is told to", makes_what_it_says);
  add("put-name", "refuses a second schedule of one name", refuses_a_taken_name);
  add("put-etag", "refuses an edit and a removal with an old etag", refuses_an_old_etag);
  add("put-id", "keeps a schedule's id through an edit", keeps_its_id_through_edits);
  add("put-nonsense", "refuses schedules with nonsense for an expression", refuses_nonsense);
  add("remove", "removes what it is told to", removes_what_it_made);
  add("unknown-id", "refuses ids that do not exist", unknown_ids);
  add("preview-cron", "previews crons", previews_crons);
  add("preview-zone", "previews across a change of the clock", previews_across_a_clock_change);
  add("preview-interval", "previews intervals", previews_intervals);
  add("preview-nonsense", "refuses to preview nonsense", previews_nothing_for_nonsense);
  add("preview-unknown-zone", "refuses to preview in a zone that does not exist",
      previews_nothing_for_unknown_zones);
  add("preview-room", "previews as many times as there is room for", previews_what_it_has_room_for);
  add("preview-pure", "previews the same each time", previews_are_pure);
  add("preview-ends", "survives previews at the ends of time", previews_at_the_ends_of_time);
  add("preview-never", "sees soon that a time never comes", never_ending_expressions);
  add("fires", "of the kernel's store, fires each due time once", fires_what_is_due);
}

}  // namespace z4j::check
