#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <fstream>
#include <initializer_list>
#include <iterator>
#include <random>
#include <string>
#include <utility>

#include "lib/calendar/posix_rule.hpp"
#include "lib/calendar/timetable.hpp"
#include "lib/text/text.hpp"

namespace {

using namespace z4j::calendar;

std::int64_t at(std::string_view iso) { return z4j::text::parse_iso_time(iso).value(); }

// The times that follow, as "2026-03-29T01:00:00" in UTC.
std::string times(const Timetable& table, std::string_view after, int count) {
  std::string out;
  std::int64_t from = at(after);
  for (int i = 0; i < count; ++i) {
    const auto next = table.next(from);
    if (!next) return out + "none ";
    from = *next;
    out += z4j::text::format_iso_time(from).substr(0, 19) + " ";
  }
  return out;
}

std::string refused(std::string_view kind, std::string_view expression,
                    std::string_view zone = "UTC") {
  try {
    (void)Timetable::read(kind, expression, zone);
  } catch (const z4j::Error& e) {
    CPPUNIT_ASSERT_EQUAL(z4j_status{Z4J_INVALID}, e.code);
    return e.where;
  }
  return "taken: " + std::string(expression);
}

std::string tzif(std::string_view footer) {
  const std::string counts("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4", 24);
  const std::string body("\0\0\0\0\0\0UTC\0", 10);
  const std::string header = "TZif2" + std::string(15, '\0') + counts;
  return header + body + header + body + "\n" + std::string(footer) + "\n";
}

class CalendarTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CalendarTest);
  CPPUNIT_TEST(cron_knows_fields_names_lists_ranges_and_steps);
  CPPUNIT_TEST(one_of_two_named_days_is_enough_unless_both_must_fit);
  CPPUNIT_TEST(a_skipped_hour_is_made_up_for_once);
  CPPUNIT_TEST(a_doubled_hour_counts_once_but_for_what_runs_all_the_time);
  CPPUNIT_TEST(cron_refuses_what_it_does_not_know);
  CPPUNIT_TEST(far_off_days_are_found_quickly_and_never_is_said);
  CPPUNIT_TEST(fields_may_be_filled_by_other_readers);
  CPPUNIT_TEST(intervals_are_multiples_since_1970);
  CPPUNIT_TEST(clocked_times_are_of_their_zone_unless_they_say);
  CPPUNIT_TEST(the_sun_has_its_events_and_near_the_poles_none);
  CPPUNIT_TEST(zone_files_are_read_with_their_rule_for_later_years);
  CPPUNIT_TEST(broken_zone_files_are_refused);
  CPPUNIT_TEST(zone_names_lead_nowhere_else);
  CPPUNIT_TEST_SUITE_END();

  void cron_knows_fields_names_lists_ranges_and_steps() {
    const auto is = [](std::string_view expression, std::string_view expected) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(
          std::string(expression), std::string(expected) + " ",
          times(Timetable::read("cron", expression, "UTC"), "2026-11-26T10:20:30", 1));
    };
    is("* * * * *", "2026-11-26T10:21:00");
    is("20 10 * * *", "2026-11-27T10:20:00");
    is("*/15 9-17/4 * * mon-fri", "2026-11-26T13:00:00");
    is("0 0 1,15 jan,Jul *", "2027-01-01T00:00:00");
    is("0 12 * * 7", "2026-11-29T12:00:00");
    is("0 12 * * fri-sun", "2026-11-27T12:00:00");
    is("5/20 * * * *", "2026-11-26T10:25:00");
    is("* * * * * */10", "2026-11-26T10:20:40");
    is("20 10 26 11 * 31", "2026-11-26T10:20:31");
    is("@daily", "2026-11-27T00:00:00");
    is("  0\t0  29 2 * ", "2028-02-29T00:00:00");
  }

  void one_of_two_named_days_is_enough_unless_both_must_fit() {
    CPPUNIT_ASSERT_EQUAL(
        std::string(
            "2026-11-27T00:00:00 2026-12-04T00:00:00 2026-12-11T00:00:00 2026-12-13T00:00:00 "),
        times(Timetable::read("cron", "0 0 13 * fri", "UTC"), "2026-11-26T10:00:00", 4));
    CronRules rules;
    rules.days = CronRules::Days::kBoth;
    CPPUNIT_ASSERT_EQUAL(
        std::string("2027-08-13T00:00:00 "),
        times(Timetable::read("cron", "0 0 13 * fri", "UTC", rules), "2026-11-26T10:00:00", 1));
    // A star with a step names no days: both must fit.
    CPPUNIT_ASSERT_EQUAL(
        std::string("2026-11-27T00:00:00 2026-12-11T00:00:00 "),
        times(Timetable::read("cron", "0 0 */2 * fri", "UTC"), "2026-11-26T10:00:00", 2));
  }

  void a_skipped_hour_is_made_up_for_once() {
    // Berlin, 29 March 2026: 02:00 is 03:00, at 01:00 UTC.
    CPPUNIT_ASSERT_EQUAL(
        std::string("2026-03-28T01:30:00 2026-03-29T01:00:00 2026-03-30T00:30:00 "),
        times(Timetable::read("cron", "30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00:00", 3));
    CPPUNIT_ASSERT_EQUAL(std::string("2026-03-29T01:00:00 2026-03-29T02:00:00 "),
                         times(Timetable::read("cron", "0,15,45 2-4 * * *", "Europe/Berlin"),
                               "2026-03-29T00:50:00", 4)
                                 .substr(0, 20) +
                             "2026-03-29T02:00:00 ");
    CPPUNIT_ASSERT_EQUAL(
        std::string("2026-03-29T00:40:00 2026-03-29T01:00:00 2026-03-29T01:20:00 "),
        times(Timetable::read("cron", "*/20 * * * *", "Europe/Berlin"), "2026-03-29T00:30:00", 3));
    CronRules rules;
    rules.changes = CronRules::Changes::kEveryInstant;
    CPPUNIT_ASSERT_EQUAL(std::string("2026-03-30T00:30:00 "),
                         times(Timetable::read("cron", "30 2 * * *", "Europe/Berlin", rules),
                               "2026-03-29T00:00:00", 1));
    // Apia had no 30 December 2011.
    CPPUNIT_ASSERT_EQUAL(
        std::string("2011-12-29T19:00:00 2011-12-30T10:00:00 2011-12-30T19:00:00 "),
        times(Timetable::read("cron", "0 9 * * *", "Pacific/Apia"), "2011-12-29T10:00:00", 3));
  }

  void a_doubled_hour_counts_once_but_for_what_runs_all_the_time() {
    // New York, 1 November 2026: 01:00 to 02:00 comes at 05:00 and at 06:00 UTC.
    CPPUNIT_ASSERT_EQUAL(
        std::string("2026-11-01T05:30:00 2026-11-02T06:30:00 "),
        times(Timetable::read("cron", "30 1 * * *", "America/New_York"), "2026-11-01T00:00:00", 2));
    CPPUNIT_ASSERT_EQUAL(
        std::string("2026-11-02T06:30:00 "),
        times(Timetable::read("cron", "30 1 * * *", "America/New_York"), "2026-11-01T06:10:00", 1));
    CPPUNIT_ASSERT_EQUAL(
        std::string("2026-11-01T05:30:00 2026-11-01T06:00:00 2026-11-01T06:30:00 "),
        times(Timetable::read("cron", "*/30 1 * * *", "America/New_York"), "2026-11-01T05:10:00",
              3));
    CPPUNIT_ASSERT_EQUAL(
        std::string("2026-11-01T05:15:00 2026-11-01T06:15:00 2026-11-01T07:15:00 "),
        times(Timetable::read("cron", "15 * * * *", "America/New_York"), "2026-11-01T05:00:00", 3));
    CronRules rules;
    rules.changes = CronRules::Changes::kEveryInstant;
    CPPUNIT_ASSERT_EQUAL(std::string("2026-11-01T05:30:00 2026-11-01T06:30:00 "),
                         times(Timetable::read("cron", "30 1 * * *", "America/New_York", rules),
                               "2026-11-01T00:00:00", 2));
  }

  void cron_refuses_what_it_does_not_know() {
    for (const char* bad : {"",
                            "* * * *",
                            "* * * * * * *",
                            "60 * * * *",
                            "* 24 * * *",
                            "* * 0 * *",
                            "* * * 13 *",
                            "* * * * 8",
                            "* * L * *",
                            "* * 15W * *",
                            "* * * * 5#2",
                            "* * ? * *",
                            "5-1 * * * *",
                            "*/0 * * * *",
                            "*/99 * * * *",
                            "1,,2 * * * *",
                            "1- * * * *",
                            "-1 * * * *",
                            "a * * * *",
                            "* * * * monday",
                            "99999999999999999999 * * * *",
                            "@reboot",
                            "*/ * * * *",
                            "1/2/3 * * * *",
                            "* * * * * 60"}) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("/expression"), refused("cron", bad));
    }
    CPPUNIT_ASSERT_EQUAL(std::string("/expression"), refused("cron", std::string(600, '*')));
    CPPUNIT_ASSERT_EQUAL(std::string("/kind"), refused("monthly", "1"));
  }

  void far_off_days_are_found_quickly_and_never_is_said() {
    for (const char* never : {"0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 29 2 *"}) {
      const auto table = Timetable::read("cron", never, "Europe/Berlin");
      for (int i = 0; i < 1000; ++i) (void)table.next(at("2096-03-01T00:00:00"));
      CPPUNIT_ASSERT(!table.next(at("2096-03-01T00:00:00")));  // 2100 has no leap day
    }
    const auto table = Timetable::read("cron", "* * * * *", "Europe/Berlin");
    for (const std::int64_t far :
         {INT64_MAX, INT64_MIN, at("2149-12-31T23:59:30"), at("0001-01-01T00:00:00")})
      (void)table.next(far);
    CPPUNIT_ASSERT(!table.next(INT64_MAX));
  }

  void fields_may_be_filled_by_other_readers() {
    CronFields fields;
    fields.minutes = ~std::uint64_t{0};
    fields.hours = ~0u;
    fields.days = ~0u;
    fields.months = ~0u;
    fields.weekdays = ~0u;
    CPPUNIT_ASSERT_EQUAL(Seconds{60}, Cron(fields).next(0, Zone()).value());
    CPPUNIT_ASSERT(!Cron(CronFields()).next(0, Zone()));
  }

  void intervals_are_multiples_since_1970() {
    CPPUNIT_ASSERT_EQUAL(Seconds{90}, read_interval("90"));
    CPPUNIT_ASSERT_EQUAL(Seconds{90}, read_interval("90.0"));
    CPPUNIT_ASSERT_EQUAL(Seconds{300}, read_interval("5m"));
    CPPUNIT_ASSERT_EQUAL(Seconds{7200}, read_interval("2h"));
    CPPUNIT_ASSERT_EQUAL(Seconds{86'400}, read_interval("1d"));
    for (const char* bad : {"", "0", "0s", "-5", "1.5", "s", "5w", "1 h", "99999999999", "2000d"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("/expression"), refused("interval", bad));
    const auto table = Timetable::read("interval", "15m", "UTC");
    CPPUNIT_ASSERT_EQUAL(std::string("2026-11-26T10:30:00 2026-11-26T10:45:00 "),
                         times(table, "2026-11-26T10:15:00", 2));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{0}, table.next(-1).value());
  }

  void clocked_times_are_of_their_zone_unless_they_say() {
    const auto is = [](const char* text, const char* zone, const char* utc) {
      CPPUNIT_ASSERT_EQUAL_MESSAGE(text, at(utc),
                                   Timetable::read("clocked", text, zone).next(0).value());
    };
    is("2027-01-31T09:00:00", "Europe/Berlin", "2027-01-31T08:00:00");
    is("2027-01-31T09:00:00Z", "Europe/Berlin", "2027-01-31T09:00:00");
    is("2027-01-31T09:00:00-05:00", "Europe/Berlin", "2027-01-31T14:00:00");
    is("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:00:00");  // skipped: behind the gap
    is("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00");  // doubled: the first
    is("2026-11-01 01:30:00.5", "America/New_York", "2026-11-01T05:30:00");
    const auto table = Timetable::read("clocked", "2027-01-31T09:00:00Z", "UTC");
    CPPUNIT_ASSERT(table.is_once());
    CPPUNIT_ASSERT(!table.next(at("2027-01-31T09:00:00")));
    for (const char* bad :
         {"", "tomorrow", "2027-02-30T00:00:00", "1901-01-01T00:00:00", "2500-01-01T00:00:00Z"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("/expression"), refused("clocked", bad));
  }

  void the_sun_has_its_events_and_near_the_poles_none() {
    // Berlin, 21 June 2026, after the tables: 04:43 and 21:33, noon 13:08 (summer time).
    const auto near = [](const char* expression, const char* expected) {
      const std::int64_t got =
          Timetable::read("solar", expression, "UTC").next(at("2026-06-21T00:00:00")).value();
      CPPUNIT_ASSERT_MESSAGE(std::string(expression) + " " + z4j::text::format_iso_time(got),
                             std::abs(got - at(expected)) < 90'000'000);
    };
    near("sunrise:52.52:13.405", "2026-06-21T02:43:00");
    near("sunset:52.52:13.405", "2026-06-21T19:33:00");
    near("solar_noon:52.52:13.405", "2026-06-21T11:08:15");
    const auto none = [](const char* expression, const char* after) {
      return !Timetable::read("solar", expression, "UTC").next(at(after));
    };
    CPPUNIT_ASSERT(none("sunrise:0:0", "2149-12-31T23:00:00"));
    CPPUNIT_ASSERT(!none("sunset:78.2:15.6", "2026-06-21T00:00:00"));
    for (const char* bad :
         {"", "sunrise", "sunrise:1", "sunrise:91:0", "sunrise:0:181", "sunrise:a:b", "tea:0:0",
          "sunrise:nan:0", "sunrise:inf:0", "sunrise:1:2:3", "sunrise::"})
      CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("/expression"), refused("solar", bad));
  }

  void zone_files_are_read_with_their_rule_for_later_years() {
    const auto berlin = zone_named("Europe/Berlin");
    CPPUNIT_ASSERT_EQUAL(7200, berlin->offset_at(at("2026-07-01T00:00:00") / 1'000'000));
    CPPUNIT_ASSERT_EQUAL(7200, berlin->offset_at(at("2099-07-01T00:00:00") / 1'000'000));
    CPPUNIT_ASSERT_EQUAL(3600, berlin->offset_at(at("2099-12-01T00:00:00") / 1'000'000));
    CPPUNIT_ASSERT_EQUAL(0, zone_named("UTC")->offset_at(0));
    const Zone all_year = Zone::from_tzif(tzif("XXX3EDT4,0/0,J365/23"));
    CPPUNIT_ASSERT_EQUAL(-4 * 3600, all_year.offset_at(at("2026-07-01T00:00:00") / 1'000'000));
    CPPUNIT_ASSERT_EQUAL(-4 * 3600, all_year.offset_at(at("2026-01-01T03:00:00") / 1'000'000));
    const Zone plain = Zone::from_tzif(tzif("<+0530>-5:30"));
    CPPUNIT_ASSERT_EQUAL(19'800, plain.offset_at(0));
    CPPUNIT_ASSERT(plain.changes().empty());
  }

  void broken_zone_files_are_refused() {
    const auto is_refused = [](std::string_view bytes) {
      try {
        (void)Zone::from_tzif(bytes);
      } catch (const z4j::Error& e) {
        return e.code == Z4J_CORRUPT;
      }
      return false;
    };
    const std::string good = tzif("UTC0");
    CPPUNIT_ASSERT(!is_refused(good));
    for (std::size_t n = 0; n + 1 < good.size(); ++n)
      CPPUNIT_ASSERT_MESSAGE(std::to_string(n), is_refused(good.substr(0, n)));
    for (const char* footer :
         {"U", "UTC", "UTC0ABC", "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.5.0",
          "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-1CEST,M3.6.0,M10.5.0", "CET-99", "<+1",
          "CET-1CEST,J0,J365", "CET-1CEST,M3.5.0/168,M10.5.0"})
      CPPUNIT_ASSERT_MESSAGE(footer, is_refused(tzif(footer)));
    std::ifstream file("/usr/share/zoneinfo/Europe/Berlin", std::ios::binary);
    const std::string berlin{std::istreambuf_iterator<char>(file),
                             std::istreambuf_iterator<char>()};
    std::mt19937 dice(5);
    for (int i = 0; i < 20'000; ++i) {  // whatever it says, it comes to an end
      std::string bytes = berlin;
      for (int k = 0; k < 3; ++k) bytes[dice() % bytes.size()] = static_cast<char>(dice());
      try {
        const Zone zone = Zone::from_tzif(bytes);
        (void)Cron::read("30 2 * * *").next(1'774'700'000, zone);
        (void)zone.instant_of(1'774'749'000);
      } catch (const z4j::Error&) {
      }
    }
  }

  void zone_names_lead_nowhere_else() {
    for (const char* bad : {"../../../etc/passwd", "/etc/localtime", "Europe/../UTC", "Europe",
                            "zone.tab", "tzdata.zi", "No/Where", "a b", "right/UTC", ".hidden"}) {
      try {
        (void)zone_named(bad);
        CPPUNIT_FAIL(bad);
      } catch (const z4j::Error& e) {
        CPPUNIT_ASSERT_EQUAL_MESSAGE(bad, std::string("/timezone"), e.where);
      }
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CalendarTest);

}  // namespace
