#include "core/metrics.hpp"

#include <cppunit/extensions/HelperMacros.h>

namespace z4j::core {
namespace {

class MetricsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(MetricsTest);
  CPPUNIT_TEST(labels_are_escaped);
  CPPUNIT_TEST(buckets_are_cumulative);
  CPPUNIT_TEST(durations_are_counted_by_their_label);
  CPPUNIT_TEST(a_counter_family_is_bounded);
  CPPUNIT_TEST(series_are_bounded);
  CPPUNIT_TEST_SUITE_END();

 public:
  void labels_are_escaped() {
    MetricText out;
    out.family("m", "gauge", "a\nb")
        .sample({{"l", "\"\\\n"}, {"k", ""}}, 0.5)
        .sample({}, std::int64_t{-3});
    CPPUNIT_ASSERT_EQUAL(
        std::string("# HELP m a\\nb\n# TYPE m gauge\nm{l=\"\\\"\\\\\\n\",k=\"\"} 0.5\nm -3\n"),
        out.text());
  }

  void buckets_are_cumulative() {
    HttpMetrics metrics;
    for (const double seconds : {0.001, 0.005, 0.3, 60.0})
      metrics.observe("GET", "/x", 200, seconds);
    MetricText out;
    metrics.write(out);
    const std::string labels = "{method=\"GET\",route=\"/x\",status=\"200\"";
    for (const std::string& line :
         {"_bucket" + labels + ",le=\"0.005\"} 2\n", "_bucket" + labels + ",le=\"0.5\"} 3\n",
          "_bucket" + labels + ",le=\"10\"} 3\n", "_bucket" + labels + ",le=\"+Inf\"} 4\n",
          "_count" + labels + "} 4\n"}) {
      CPPUNIT_ASSERT_MESSAGE(
          line, out.text().find("z4j_http_request_duration_seconds" + line) != std::string::npos);
    }
  }

  void durations_are_counted_by_their_label() {
    DurationFamily family("d", "h", "verb");
    for (const double seconds : {0.01, 0.02, 500.0}) family.observe("retry", seconds);
    family.observe("cancel", 60);
    MetricText out;
    family.write(out);
    for (const char* line :
         {"# TYPE d histogram\n", "d_bucket{verb=\"retry\",le=\"0.01\"} 1\n",
          "d_bucket{verb=\"retry\",le=\"120\"} 2\n", "d_bucket{verb=\"retry\",le=\"+Inf\"} 3\n",
          "d_count{verb=\"retry\"} 3\n", "d_bucket{verb=\"cancel\",le=\"30\"} 0\n",
          "d_sum{verb=\"cancel\"} 60\n"})
      CPPUNIT_ASSERT_MESSAGE(line, out.text().find(line) != std::string::npos);
  }

  void a_counter_family_is_bounded() {
    CounterFamily family("c", "h", {"a", "b"}, 2);
    family.add({"1", "x"});
    family.add({"1", "x"}, 2);
    family.add({"2", "y"});
    family.add({"3", "z"});
    family.add({"4", "z"}, 5);
    MetricText out;
    family.write(out);
    CPPUNIT_ASSERT_EQUAL(
        std::string("# HELP c h\n# TYPE c counter\nc{a=\"1\",b=\"x\"} 3\nc{a=\"2\",b=\"y\"} 1\n"
                    "c{a=\"__overflow__\",b=\"__overflow__\"} 6\n"),
        out.text());
  }

  void series_are_bounded() {
    HttpMetrics metrics;
    for (int i = 0; i < 5000; ++i) metrics.observe("GET", "/" + std::to_string(i), 200, 0.1);
    MetricText out;
    metrics.write(out);
    const std::string rest =
        "_count{method=\"__overflow__\",route=\"__overflow__\",status=\"0\"} 3000\n";
    CPPUNIT_ASSERT(out.text().size() < 4'000'000);
    CPPUNIT_ASSERT(out.text().find(rest) != std::string::npos);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(MetricsTest);

}  // namespace
}  // namespace z4j::core
