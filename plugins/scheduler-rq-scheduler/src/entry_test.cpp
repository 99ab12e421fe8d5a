#include "src/entry.hpp"
#include "src/timing.hpp"

#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <iterator>
#include <string>

namespace z4j::rq_scheduler {
namespace {

constexpr double kNow = 1'767'225'600;  // 2026-01-01T00:00:00Z

// A job of a real rq-scheduler.
Entry captured(const std::string& id) {
  std::ifstream in(Z4J_SOURCE_DIR "/tests/fixtures/vectors/rq-scheduler-keys.json");
  const json::Value root = json::parse(
      std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>()));
  const json::Object& keys = *json::object(root.get_object(), "keys");
  redis::Reply values;
  values.type = redis::Reply::Type::array;
  for (const std::string& field : entry_fields()) {
    redis::Reply value;
    value.type = redis::Reply::Type::bulk;
    for (const json::Value& pair : keys.at("rq:job:" + id).at("value").get_array()) {
      if (pair.get_array()[0].get_string() != field) continue;
      const json::Value& v = pair.get_array()[1];
      value.text = v.is_object() ? text::base64_decode(json::text(v.get_object(), "base64")).value()
                                 : std::string(v.get_string().c_str());
    }
    values.items.push_back(value);
  }
  Entry e = entry_of(id, values);
  e.due = 2'051'222'400;
  return e;
}

schedule::Wanted wanted(const char* text) { return schedule::read_wanted(text); }

class RqSchedulerEntryTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(RqSchedulerEntryTest);
  CPPUNIT_TEST(reads_what_rq_scheduler_wrote);
  CPPUNIT_TEST(translates_crons);
  CPPUNIT_TEST(edits_without_touching_what_is_not_its_own);
  CPPUNIT_TEST(makes_new_ones);
  CPPUNIT_TEST(refuses_what_rq_scheduler_has_not);
  CPPUNIT_TEST(opaque_parts_stay_as_they_are);
  CPPUNIT_TEST(previews_count_from_the_planned_run);
  CPPUNIT_TEST(takes_its_own_form_back);
  CPPUNIT_TEST_SUITE_END();

  Settings settings_;

  std::string where(const char* text, const Entry* entry = nullptr) {
    try {
      if (entry != nullptr) {
        static_cast<void>(edited(*entry, wanted(text), settings_, kNow));
      } else {
        static_cast<void>(made(wanted(text), settings_, kNow));
      }
    } catch (const Error& e) {
      return e.where.empty() ? e.what() : e.where;
    }
    return "accepted";
  }

  void reads_what_rq_scheduler_wrote() {
    const schedule::Schedule cron = schedule_of(captured("cron-1"), settings_);
    CPPUNIT_ASSERT_EQUAL(std::string("cron"), cron.kind);
    CPPUNIT_ASSERT_EQUAL(std::string("*/5 * * * *"), cron.expression);
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add"), cron.task);
    CPPUNIT_ASSERT_EQUAL(std::string("[3]"), json::write(cron.args));
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"a":1})"), json::write(cron.options.at("meta")));
    CPPUNIT_ASSERT(cron.read_only_reason.empty());
    const schedule::Schedule interval = schedule_of(captured("int-1"), settings_);
    CPPUNIT_ASSERT_EQUAL(std::string("interval"), interval.kind);
    CPPUNIT_ASSERT_EQUAL(std::string("60"), interval.expression);
    CPPUNIT_ASSERT_EQUAL(std::string("low"), interval.queue);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"y":2})"), json::write(interval.kwargs));
    const schedule::Schedule once =
        schedule_of(captured("e64fea30-05df-4f88-bb09-cff469e37895"), settings_);
    CPPUNIT_ASSERT_EQUAL(std::string("clocked"), once.kind);
    CPPUNIT_ASSERT_EQUAL(std::string("2035-01-01T00:00:00+00:00"), once.expression);
    Entry later = captured("int-1");
    Meta meta = Meta::read(later.meta);
    meta.set("repeat", 9);
    later.meta = meta.write(rq::Form::pickle);
    CPPUNIT_ASSERT_EQUAL(schedule::etag_of(interval),
                         schedule::etag_of(schedule_of(later, settings_)));
  }

  void translates_crons() {
    const std::pair<const char*, const char*> kBothWays[] = {
        {"*/5 * * * *", "*/5 * * * *"},
        {"0 3 1 1 *", "0 3 1 1 *"},
        {"30 4 * * 1,2,3,4,5 15", "15 30 4 * * 1,2,3,4,5 *"}};
    for (const auto& [ours, its] : kBothWays) {
      CPPUNIT_ASSERT_EQUAL(std::string(its), to_its_cron(ours));
      CPPUNIT_ASSERT_EQUAL(std::string(ours), from_its_cron(its).value());
    }
    // In words that its reader takes for certain.
    CPPUNIT_ASSERT_EQUAL(std::string("0 9 * * 1,2,3,4,5"), to_its_cron("0 9 * * mon-fri"));
    CPPUNIT_ASSERT_EQUAL(std::string("0 0 * * 0"), to_its_cron("0 0 * * 7"));
    CPPUNIT_ASSERT(!from_its_cron("0 0 1 1 * 2030"));
    CPPUNIT_ASSERT_EQUAL(std::string("0 0 1 1 *"), from_its_cron("0 0 0 1 1 * *").value());
    CPPUNIT_ASSERT_THROW(static_cast<void>(to_its_cron("61 * * * *")), Error);
  }

  void edits_without_touching_what_is_not_its_own() {
    const Entry before = captured("cron-1");
    const Change c =
        edited(before, wanted(R"({"id":"cron-1","expression":"0 4 * * *"})"), settings_, kNow);
    CPPUNIT_ASSERT_EQUAL(before.data, c.entry.data);
    CPPUNIT_ASSERT_EQUAL(kNow + 4 * 3600, c.due.value());
    const Meta meta = Meta::read(c.entry.meta);
    CPPUNIT_ASSERT_EQUAL(std::string("0 4 * * *"),
                         std::string(json::text(meta.shown(), "cron_string")));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1}, json::integer(meta.shown(), "a"));
    const Change to_interval = edited(
        before, wanted(R"({"id":"cron-1","kind":"interval","expression":"2m"})"), settings_, kNow);
    CPPUNIT_ASSERT_EQUAL(std::string("120"), schedule_of(to_interval.entry, settings_).expression);
    CPPUNIT_ASSERT_EQUAL(kNow + 120, to_interval.due.value());
    const Change off =
        edited(before, wanted(R"({"id":"cron-1","is_enabled":false})"), settings_, kNow);
    CPPUNIT_ASSERT(off.entry.disabled && !off.due && off.entry.meta == before.meta);
    const Change other =
        edited(before, wanted(R"({"id":"cron-1","args":[4],"kwargs":{"y":5},"queue":"low"})"),
               settings_, kNow);
    const schedule::Schedule s = schedule_of(other.entry, settings_);
    CPPUNIT_ASSERT_EQUAL(std::string("[4]"), json::write(s.args));
    CPPUNIT_ASSERT_EQUAL(std::string("low"), s.queue);
    CPPUNIT_ASSERT_EQUAL(std::string("rtasks.add(4, y=5)"), s.description);
    CPPUNIT_ASSERT(!other.due);
  }

  void makes_new_ones() {
    const Change c = made(wanted(R"({"name":"every-night","task":"shop.report","args":[1],
        "kind":"cron","expression":"0 3 * * *","queue":"low","options":{"repeat":3}})"),
                          settings_, kNow);
    const schedule::Schedule s = schedule_of(c.entry, settings_);
    CPPUNIT_ASSERT_EQUAL(std::string("every-night"), s.id);
    CPPUNIT_ASSERT_EQUAL(std::string("0 3 * * *"), s.expression);
    CPPUNIT_ASSERT_EQUAL(std::string("-1"), c.entry.result_ttl);
    CPPUNIT_ASSERT_EQUAL(kNow + 3 * 3600, c.entry.due);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{3},
                         json::integer(own_form(c.entry, settings_).get_object(), "repeat"));
    Settings as_json;
    as_json.serializer = rq::Form::json;
    const Change plain = made(
        wanted(R"({"name":"x","task":"a.b","kind":"interval","expression":"60"})"), as_json, kNow);
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"interval":60})"), plain.entry.meta);
    CPPUNIT_ASSERT_EQUAL(std::string("60"), schedule_of(plain.entry, as_json).expression);
  }

  void refuses_what_rq_scheduler_has_not() {
    CPPUNIT_ASSERT_EQUAL(
        std::string("/name"),
        where(R"({"name":"a b","task":"a.b","kind":"cron","expression":"* * * * *"})"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("/kind"),
        where(R"({"name":"a","task":"a.b","kind":"solar","expression":"sunset:1:1"})"));
    CPPUNIT_ASSERT_EQUAL(std::string("/expression"),
                         where(R"({"name":"a","task":"a.b","kind":"cron","expression":"x"})"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("/expression"),
        where(R"({"name":"a","task":"a.b","kind":"clocked","expression":"2001-01-01T00:00:00Z"})"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("/timezone"),
        where(
            R"({"name":"a","task":"a.b","kind":"cron","expression":"* * * * *","timezone":"Europe/Paris"})"));
    CPPUNIT_ASSERT_EQUAL(
        std::string("/ends_at"),
        where(
            R"({"name":"a","task":"a.b","kind":"cron","expression":"* * * * *","ends_at":1800000000})"));
    const Entry e = captured("cron-1");
    CPPUNIT_ASSERT_EQUAL(std::string("/name"), where(R"({"name":"other"})", &e));
    CPPUNIT_ASSERT_EQUAL(std::string("/options/meta"),
                         where(R"({"options":{"meta":{"a":2}}})", &e));
    CPPUNIT_ASSERT_EQUAL(
        std::string("accepted"),
        where(R"({"name":"cron-1","options":{"meta":{"a":1},"result_ttl":-1}})", &e));
  }

  void opaque_parts_stay_as_they_are() {
    Entry e = captured("cron-1");
    // {"cron_string": <object>}: protocol 2, an object of the application.
    e.meta = std::string(
        "\x80\x02}U\x0b"
        "cron_string"
        "cshop\nCron\n)\x81s.",
        31);
    const schedule::Schedule s = schedule_of(e, settings_);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(s.read_only_reason, std::size_t{0},
                                 s.read_only_reason.find("opaque_payload: "));
    CPPUNIT_ASSERT(where(R"({"kind":"interval","expression":"60"})", &e).find("opaque_payload") ==
                   0);
    CPPUNIT_ASSERT_EQUAL(std::string("accepted"), where(R"({"is_enabled":false})", &e));
    Entry method = captured("cron-1");
    method.data = "no pickle";
    CPPUNIT_ASSERT_EQUAL(std::string("/args"), where(R"({"args":[9]})", &method));
    CPPUNIT_ASSERT_EQUAL(std::string("accepted"),
                         where(R"({"args":[],"expression":"0 1 * * *"})", &method));
  }

  void previews_count_from_the_planned_run() {
    const std::vector<std::int64_t> interval =
        preview(R"({"kind":"interval","expression":"60","next_run_at":100})", 130'000'000, 3);
    CPPUNIT_ASSERT((interval == std::vector<std::int64_t>{160'000'000, 220'000'000, 280'000'000}));
    // Both days must fit.
    const std::vector<std::int64_t> cron =
        preview(R"({"kind":"cron","expression":"0 0 13 * 5"})", 1'767'225'600'000'000, 1);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1'770'940'800'000'000}, cron.at(0));
    CPPUNIT_ASSERT_THROW(static_cast<void>(preview(R"({"kind":"cron","expression":"no"})", 0, 1)),
                         Error);
    CPPUNIT_ASSERT_THROW(
        static_cast<void>(preview(R"({"kind":"solar","expression":"sunset:1:1"})", 0, 1)), Error);
  }

  void takes_its_own_form_back() {
    const json::Value own = own_form(captured("int-1"), settings_);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{60}, json::integer(own.get_object(), "interval"));
    const schedule::Wanted w = from_own_form(own);
    CPPUNIT_ASSERT_EQUAL(std::string("int-1"), w.name.value());
    CPPUNIT_ASSERT_EQUAL(std::string("interval"), w.kind.value());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{10}, json::integer(*w.options, "repeat"));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(RqSchedulerEntryTest);

}  // namespace
}  // namespace z4j::rq_scheduler
