// Samples of queues, and what they tell later.
#include "core/queue_depths.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include "core/testing/test_store.hpp"

namespace z4j::core {
namespace {

namespace queue_col = model::queues;

class QueueDepthsTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueDepthsTest);
  CPPUNIT_TEST(each_minute_is_sampled_and_a_change_is_seen);
  CPPUNIT_TEST(what_does_not_change_is_written_every_ten_minutes);
  CPPUNIT_TEST(a_silent_queue_is_not_known);
  CPPUNIT_TEST(buckets_tell_the_most);
  CPPUNIT_TEST(a_window_begins_with_what_was_before);
  CPPUNIT_TEST(engine_queue_and_project_narrow);
  CPPUNIT_TEST_SUITE_END();

  static constexpr base::TimeUs kMinute = 60 * base::kSecondUs;
  static constexpr base::TimeUs kNoon =
      1'800'000'000 * base::kSecondUs / (600 * kMinute) * (600 * kMinute);  // a whole ten minutes
  testing::TestStore store_;
  const base::Uuid project_ = base::Uuid::random();
  DepthSampler sampler_{*store_};

  void tell(const base::Uuid& project, const std::string& name, std::int64_t pending,
            base::TimeUs at, std::int64_t oldest_s = 0, const std::string& engine = "celery") {
    Rows rows(Table::queues);
    rows.begin()
        .uuid(queue_col::id, base::Uuid::named(project, engine + name))
        .uuid(queue_col::project_id, project)
        .text(queue_col::engine, engine)
        .text(queue_col::name, name)
        .num(queue_col::last_seen_at, at)
        .num(queue_col::pending_count, pending)
        .num(queue_col::created_at, at)
        .num(queue_col::updated_at, at);
    if (oldest_s > 0) rows.num(queue_col::oldest_at, at - oldest_s * base::kSecondUs);
    Commit commit;
    commit.merge(std::move(rows));
    CPPUNIT_ASSERT(store_->commit(commit).ok());
  }
  std::size_t sample(base::TimeUs at) {
    const auto written = sampler_.sample(at, std::nullopt);
    CPPUNIT_ASSERT_MESSAGE(written ? "" : written.error().text(), written.ok());
    return *written;
  }
  QueueDepthsFound ask(base::TimeUs at, QueueDepthsAsked asked = {}) {
    auto found = queue_depths(*store_, project_, asked, at);
    CPPUNIT_ASSERT_MESSAGE(found ? "" : found.error().text(), found.ok());
    return std::move(found).value();
  }
  static std::string text(const std::vector<std::optional<std::int64_t>>& depths,
                          std::size_t last = 1'000) {
    std::string out;
    for (std::size_t i = depths.size() - std::min(last, depths.size()); i < depths.size(); ++i)
      out += (out.empty() ? "" : " ") + (depths[i] ? std::to_string(*depths[i]) : "-");
    return out;
  }

 public:
  void each_minute_is_sampled_and_a_change_is_seen() {
    for (int i = 0; i < 4; ++i) {
      tell(project_, "mail", 10 * i, kNoon + i * kMinute, i);
      CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sample(kNoon + i * kMinute + 7 * base::kSecondUs));
    }
    const QueueDepthsFound found = ask(kNoon + 3 * kMinute + 10 * base::kSecondUs);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.queues.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{60}, found.bucket_s);
    CPPUNIT_ASSERT_EQUAL(std::size_t{61}, found.queues[0].pending.size());
    CPPUNIT_ASSERT_EQUAL(std::string("- 0 10 20 30"), text(found.queues[0].pending, 5));
    CPPUNIT_ASSERT_EQUAL(std::string("- - 8 9 10"), text(found.queues[0].oldest_s, 5));
  }

  void what_does_not_change_is_written_every_ten_minutes() {
    std::size_t written = 0;
    for (int i = 0; i <= 20; ++i) {
      tell(project_, "mail", 5, kNoon + i * kMinute);
      written += sample(kNoon + i * kMinute);
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, written);
    const QueueDepthsFound found = ask(kNoon + 20 * kMinute);
    CPPUNIT_ASSERT_EQUAL(std::string("- 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5 5"),
                         text(found.queues[0].pending, 22));
  }

  void a_silent_queue_is_not_known() {
    tell(project_, "mail", 5, kNoon);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, sample(kNoon));
    for (int i = 1; i <= 20; ++i) sample(kNoon + i * kMinute);
    const QueueDepthsFound found = ask(kNoon + 20 * kMinute);
    // What was written holds for ten minutes.
    CPPUNIT_ASSERT_EQUAL(std::string("- 5 5 5 5 5 5 5 5 5 5 5 - - - - - - - - - -"),
                         text(found.queues[0].pending, 22));
  }

  void buckets_tell_the_most() {
    for (int i = 0; i < 8; ++i) {
      tell(project_, "mail", i == 2 ? 100 : i, kNoon + i * kMinute);
      sample(kNoon + i * kMinute);
    }
    QueueDepthsAsked asked;
    asked.buckets = 15;
    const QueueDepthsFound found = ask(kNoon + 7 * kMinute, asked);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{240}, found.bucket_s);
    CPPUNIT_ASSERT_EQUAL(std::string("100 7"), text(found.queues[0].pending, 2));
  }

  void a_window_begins_with_what_was_before() {
    tell(project_, "mail", 5, kNoon);
    sample(kNoon);
    const QueueDepthsFound found = ask(kNoon + 64 * kMinute);
    CPPUNIT_ASSERT_EQUAL(std::string("5 5 5 5 5 5 5"), text({found.queues[0].pending.begin(),
                                                             found.queues[0].pending.begin() + 7}));
    CPPUNIT_ASSERT(!found.queues[0].pending[7]);
  }

  void engine_queue_and_project_narrow() {
    tell(project_, "mail", 1, kNoon);
    tell(project_, "mail", 2, kNoon, 0, "rq");
    tell(project_, "other", 3, kNoon);
    tell(base::Uuid::random(), "mail", 4, kNoon);
    CPPUNIT_ASSERT_EQUAL(std::size_t{4}, sample(kNoon));
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, ask(kNoon).queues.size());
    QueueDepthsAsked asked;
    asked.engine = "rq";
    asked.queue = "mail";
    const QueueDepthsFound found = ask(kNoon, asked);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, found.queues.size());
    CPPUNIT_ASSERT_EQUAL(std::string("2"), text(found.queues[0].pending, 1));
    CPPUNIT_ASSERT(!found.is_truncated);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueDepthsTest);

}  // namespace
}  // namespace z4j::core
