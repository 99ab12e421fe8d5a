#include "api/watches.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <set>

#include "api/dashboards.hpp"
#include "api/site.hpp"
#include "api/testing/api_fixture.hpp"
#include "api/testing/fake_sender.hpp"

namespace z4j::api {
namespace {

namespace task_col = model::tasks;
using base::json::Object;
using testing::ApiFixture;
using testing::Browser;
using testing::FakeSender;

// No thread is started: each test says when something is done, and what time it is.
class WatchesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(WatchesTest);
  CPPUNIT_TEST(a_watch_begins_with_the_page_and_goes_on_with_what_changed);
  CPPUNIT_TEST(rows_that_no_longer_match_or_fall_off_the_page_leave);
  CPPUNIT_TEST(frames_are_few_and_of_bounded_size);
  CPPUNIT_TEST(viewers_of_one_page_share_its_reading);
  CPPUNIT_TEST(after_a_cut_a_viewer_goes_on_where_it_was);
  CPPUNIT_TEST(a_page_that_moved_on_too_far_begins_anew);
  CPPUNIT_TEST(nothing_is_read_while_nobody_watches);
  CPPUNIT_TEST(heavy_rows_come_without_their_payloads);
  CPPUNIT_TEST(what_cannot_be_watched_is_refused_with_its_reason);
  CPPUNIT_TEST(ceilings_hold);
  CPPUNIT_TEST(whoever_loses_the_right_gets_no_more_rows);
  CPPUNIT_TEST(counts_tell_of_the_query_without_its_state);
  CPPUNIT_TEST(its_thread_sends_by_itself);
  CPPUNIT_TEST_SUITE_END();

  ApiFixture f_;
  FakeSender sender_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<Dashboards> dashboards_;
  net::SocketEndpoint endpoint_;
  core::SignedIn viewer_;

  void put(const std::string& id, const std::string& state, const std::string& name = "mail.send",
           const std::string& result = "null") {
    core::Rows rows(core::Table::tasks);
    const base::TimeUs now = f_.clock.now();
    rows.begin()
        .uuid(task_col::id, model::task_row_id(f_.project.id, "celery", id))
        .uuid(task_col::project_id, f_.project.id)
        .text(task_col::engine, "celery")
        .text(task_col::task_id, id)
        .text(task_col::name, name)
        .text(task_col::state, state)
        .num(task_col::finished_at, now)
        .null(task_col::runtime_ms)
        .text(task_col::result, result)
        .null(task_col::exception)
        .null(task_col::traceback)
        .num(task_col::state_stamp, ++stamp_)
        .num(task_col::sort_at, now)
        .num(task_col::sort_stamp, 1)
        .num(task_col::created_at, now)
        .num(task_col::updated_at, now);
    core::Commit commit;
    commit.merge(std::move(rows));
    ApiFixture::must(f_.store->commit(commit));
    f_.clock.advance(1000);
    f_.live.publish(f_.project.id, core::kTaskChanged);
  }
  void put_many(int count, const std::string& prefix) {
    for (int i = 0; i < count; ++i) put(prefix + std::to_string(i), "success");
  }
  void open(net::SocketId id, const core::SignedIn& who) {
    net::Request request = Browser(f_, who).make("/ws/dashboard");
    endpoint_.open(id, request);
    endpoint_.message(
        id, base::json::write(Object{{"type", "subscribe"}, {"project_id", f_.project.id.text()}}));
    dashboards_->work();
    CPPUNIT_ASSERT_EQUAL(std::string(R"({"type":"ready"})"), sender_.sent(id).at(0));
  }
  void watch(net::SocketId id, const std::string& query, const std::string& name = "main",
             const std::string& after = {}) {
    endpoint_.message(
        id, base::json::write(
                Object{{"type", "watch"}, {"id", name}, {"query", query}, {"after", after}}));
  }
  // One round, a quarter of a second later.
  void round() {
    f_.clock.advance(Watches::kFrameEveryMs * 1000);
    f_.live.flush([this](core::Live::Subscriber id, std::string_view topic) {
      dashboards_->told(id, topic);
    });
    static_cast<void>(dashboards_->watches().work());
  }
  // Messages since the last call that are no events.
  std::vector<Object> heard(net::SocketId id) {
    std::vector<Object> out;
    const std::vector<std::string> all = sender_.sent(id);
    for (std::size_t& at = heard_[id]; at < all.size(); ++at) {
      Object message = base::json::parse(all[at]).value().get_object();
      const std::string_view type = base::json::text(message, "type");
      if (type == "rows" || type == "refused") out.push_back(std::move(message));
    }
    return out;
  }
  static std::set<std::string> ids(const Object& frame) {
    std::set<std::string> out;
    for (const auto& row : frame.at("changed").as_array())
      out.emplace(base::json::text(row.get_object(), "task_id"));
    return out;
  }
  static std::size_t removed(const Object& frame) { return frame.at("removed").as_array().size(); }
  static bool flag(const Object& frame, const char* name) { return frame.at(name).as_bool(); }

  std::int64_t stamp_ = 0;
  std::map<net::SocketId, std::size_t> heard_;

 public:
  void setUp() override {
    site_ = std::make_unique<Site>(f_.parts());
    dashboards_ = std::make_unique<Dashboards>(*site_);
    dashboards_->use(sender_);
    endpoint_ = dashboards_->endpoint();
    viewer_ = f_.sign_in("viewer", false, core::Role::viewer);
  }

  void a_watch_begins_with_the_page_and_goes_on_with_what_changed() {
    put("a", "started");
    put("b", "success");
    open(1, viewer_);
    watch(1, "limit=10");
    round();
    auto frames = heard(1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, frames.size());
    CPPUNIT_ASSERT(flag(frames[0], "reset") && !flag(frames[0], "more"));
    CPPUNIT_ASSERT((ids(frames[0]) == std::set<std::string>{"a", "b"}));
    CPPUNIT_ASSERT_EQUAL(std::string("main"), std::string(base::json::text(frames[0], "id")));
    // The same objects as the list's.
    const auto listed = Browser(f_, viewer_).get("/api/v1/projects/default/tasks");
    std::set<std::string> of_list, of_frame;
    for (const auto& item : listed.items()) of_list.insert(base::json::write(item));
    for (const auto& item : frames[0].at("changed").as_array())
      of_frame.insert(base::json::write(item));
    CPPUNIT_ASSERT(of_list == of_frame);
    round();
    CPPUNIT_ASSERT(heard(1).empty());  // nothing changed
    put("a", "success");
    round();
    frames = heard(1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, frames.size());
    CPPUNIT_ASSERT(!flag(frames[0], "reset"));
    CPPUNIT_ASSERT((ids(frames[0]) == std::set<std::string>{"a"}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, removed(frames[0]));
    endpoint_.message(1, R"({"type":"unwatch","id":"main"})");
    put("a", "failure");
    round();
    round();
    CPPUNIT_ASSERT(heard(1).empty());
  }

  void rows_that_no_longer_match_or_fall_off_the_page_leave() {
    put("a", "started");
    put("b", "started");
    open(1, viewer_);
    watch(1, "state=started&limit=2");
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, ids(heard(1).at(0)).size());
    put("a", "success");
    round();
    auto frame = heard(1).at(0);
    CPPUNIT_ASSERT(ids(frame).empty());
    CPPUNIT_ASSERT_EQUAL(model::task_row_id(f_.project.id, "celery", "a").text(),
                         std::string(frame.at("removed").as_array().at(0).as_string()));
    put("c", "started");
    put("d", "started");
    round();
    frame = heard(1).at(0);
    CPPUNIT_ASSERT((ids(frame) == std::set<std::string>{"c", "d"}));
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, removed(frame));  // b: the page has two
    // Further down goes on where the page says that it ends.
    watch(1, "state=started&limit=2&cursor=" + std::string(base::json::text(frame, "next_cursor")),
          "below");
    round();
    CPPUNIT_ASSERT((ids(heard(1).at(0)) == std::set<std::string>{"b"}));
  }

  void frames_are_few_and_of_bounded_size() {
    put_many(150, "t");
    open(1, viewer_);
    watch(1, "limit=200");
    round();
    static_cast<void>(dashboards_->watches().work());  // not again within a quarter of a second
    auto frames = heard(1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, frames.size());
    CPPUNIT_ASSERT_EQUAL(WatchedPage::kFrameRows, ids(frames[0]).size());
    CPPUNIT_ASSERT(flag(frames[0], "reset") && flag(frames[0], "more"));
    round();
    const auto rest = heard(1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{50}, ids(rest.at(0)).size());
    CPPUNIT_ASSERT(!flag(rest[0], "reset") && !flag(rest[0], "more"));
    // Two watches of a socket take turns.
    watch(1, "limit=1", "one");
    watch(1, "limit=2", "two");
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, heard(1).size());
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, heard(1).size());
    // By weight: ten rows of 20 kB are more than one frame.
    for (int i = 0; i < 10; ++i) put("t" + std::to_string(i), "success", std::string(20'000, 'n'));
    std::set<std::string> told;
    for (int i = 0; i < 12; ++i) {
      round();
      for (const Object& frame : heard(1)) {
        if (base::json::text(frame, "id") != "main") continue;
        CPPUNIT_ASSERT(base::json::write(frame).size() < WatchedPage::kFrameBytes + 4096);
        told.merge(ids(frame));
      }
    }
    CPPUNIT_ASSERT_EQUAL(std::size_t{10}, told.size());
  }

  void viewers_of_one_page_share_its_reading() {
    put("a", "started");
    const core::SignedIn other = f_.sign_in("other", false, core::Role::viewer);
    open(1, viewer_);
    open(2, other);
    watch(1, "limit=10");
    round();
    watch(2, "limit=10");
    round();
    const auto first = heard(1), second = heard(2);
    // One page: the cursors name it.
    const auto name = [](const Object& frame) {
      const std::string cursor(base::json::text(frame, "cursor"));
      return cursor.substr(0, cursor.find('.'));
    };
    CPPUNIT_ASSERT_EQUAL(name(first.at(0)), name(second.at(0)));
    put("b", "started");
    round();
    CPPUNIT_ASSERT((ids(heard(1).at(0)) == std::set<std::string>{"b"}));
    CPPUNIT_ASSERT((ids(heard(2).at(0)) == std::set<std::string>{"b"}));
  }

  void after_a_cut_a_viewer_goes_on_where_it_was() {
    put("a", "started");
    put("b", "started");
    open(1, viewer_);
    watch(1, "limit=10");
    round();
    const std::string cursor(base::json::text(heard(1).at(0), "cursor"));
    endpoint_.closed(1, 1006);
    round();
    put("a", "success");
    open(2, viewer_);
    watch(2, "limit=10", "main", cursor);
    round();
    auto frame = heard(2).at(0);
    CPPUNIT_ASSERT(!flag(frame, "reset"));
    CPPUNIT_ASSERT((ids(frame) == std::set<std::string>{"a"}));
    // A minute later the page is forgotten.
    endpoint_.closed(2, 1006);
    round();
    f_.clock.advance(Watches::kKeptMs * 1000);
    round();
    open(3, viewer_);
    watch(3, "limit=10", "main", std::string(base::json::text(frame, "cursor")));
    round();
    CPPUNIT_ASSERT(flag(heard(3).at(0), "reset"));
    // Nor does a cursor of another page help, or one that makes no sense.
    for (const std::string& wrong : {std::string("x.1"), std::string("."), cursor + "9"}) {
      watch(3, "limit=10", "main", wrong);
      round();
      CPPUNIT_ASSERT(flag(heard(3).at(0), "reset"));
    }
  }

  void a_page_that_moved_on_too_far_begins_anew() {
    put("a", "started");
    open(1, viewer_);
    open(2, viewer_);
    watch(1, "limit=100", "main");
    round();
    const std::string cursor(base::json::text(heard(1).at(0), "cursor"));
    // 1,100 rows pass by: more than is remembered of what left.
    for (int i = 0; i < 11; ++i) {
      put_many(100, "x" + std::to_string(i) + "-");
      round();
    }
    watch(2, "limit=100", "main", cursor);
    round();
    CPPUNIT_ASSERT(flag(heard(2).at(0), "reset"));
  }

  void nothing_is_read_while_nobody_watches() {
    put("a", "started");
    CPPUNIT_ASSERT(!dashboards_->watches().work());
    open(1, viewer_);
    watch(1, "limit=10");
    round();
    static_cast<void>(heard(1));
    endpoint_.message(1, R"({"type":"unwatch","id":"main"})");
    round();
    const auto next_ms = dashboards_->watches().work();
    CPPUNIT_ASSERT(next_ms.has_value());  // to forget the page
    f_.clock.advance(Watches::kKeptMs * 1000);
    CPPUNIT_ASSERT(!dashboards_->watches().work());
    put("a", "success");
    CPPUNIT_ASSERT(!dashboards_->watches().work());
  }

  void heavy_rows_come_without_their_payloads() {
    put("light", "success", "mail.send", "\"ok\"");
    put("heavy", "success", "mail.send", '"' + std::string(9000, 'x') + '"');
    open(1, viewer_);
    watch(1, "limit=10");
    round();
    const auto frame = heard(1).at(0);
    const auto& cut = frame.at("cut").as_array();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, cut.size());
    for (const auto& row : frame.at("changed").as_array()) {
      const Object& task = row.get_object();
      const bool is_heavy = base::json::text(task, "task_id") == "heavy";
      CPPUNIT_ASSERT_EQUAL(is_heavy, task.at("result").is_null());
      CPPUNIT_ASSERT_EQUAL(is_heavy, base::json::text(task, "id") == cut.at(0).as_string());
    }
  }

  void what_cannot_be_watched_is_refused_with_its_reason() {
    open(1, viewer_);
    const auto reason = [&](const std::string& query, const std::string& id = "w") {
      watch(1, query, id);
      round();
      const auto said = heard(1);
      CPPUNIT_ASSERT_EQUAL_MESSAGE(query, std::size_t{1}, said.size());
      CPPUNIT_ASSERT_EQUAL(std::string("refused"), std::string(base::json::text(said[0], "type")));
      CPPUNIT_ASSERT(!base::json::text(said[0], "message").empty());
      return std::string(base::json::text(said[0], "reason"));
    };
    for (const std::string& query :
         {std::string("limit=0"), std::string("limit=201"), std::string("cursor=nonsense"),
          std::string("format=csv"), std::string("fields=id"), std::string("since=yesterday"),
          std::string("arg=novalue"), "name=" + std::string(4096, 'n')})
      CPPUNIT_ASSERT_EQUAL(std::string("invalid"), reason(query));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"), reason("", ""));
    CPPUNIT_ASSERT_EQUAL(std::string("invalid"), reason("", std::string(33, 'i')));
  }

  void ceilings_hold() {
    open(1, viewer_);
    for (int i = 0; i < 9; ++i) watch(1, "limit=" + std::to_string(i + 1), std::to_string(i));
    round();
    std::size_t refused = 0;
    for (const Object& said : heard(1)) refused += base::json::text(said, "reason") == "too_many";
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, refused);
    // Watches that replace each other again and again.
    open(2, viewer_);
    for (int i = 0; i < 31; ++i) watch(2, "limit=" + std::to_string(i + 1));
    round();
    refused = 0;
    for (const Object& said : heard(2)) refused += base::json::text(said, "reason") == "too_many";
    CPPUNIT_ASSERT_EQUAL(std::size_t{7}, refused);
    // A user has a hundred in all.
    for (net::SocketId id = 3; id <= 16; ++id) {
      open(id, viewer_);
      for (int i = 0; i < 8; ++i) watch(id, "limit=1", std::to_string(i));
    }
    round();
    std::size_t last = 0;
    for (const Object& said : heard(16)) last += base::json::text(said, "reason") == "too_many";
    CPPUNIT_ASSERT(last > 0);
  }

  void whoever_loses_the_right_gets_no_more_rows() {
    put("a", "started");
    open(1, viewer_);
    watch(1, "limit=10");
    round();
    CPPUNIT_ASSERT_EQUAL(std::size_t{1}, heard(1).size());
    core::Commit commit;
    core::Where where;
    where.eq(model::memberships::user_id, viewer_.user.id);
    commit.erase(core::Table::memberships, std::move(where));
    ApiFixture::must(f_.store->commit(commit));
    f_.clock.advance(4 * base::kSecondUs);
    dashboards_->work();
    CPPUNIT_ASSERT_EQUAL(4403, sender_.code(1));
    const std::size_t before = sender_.sent(1).size();
    put("a", "success");
    round();
    CPPUNIT_ASSERT_EQUAL(before, sender_.sent(1).size());
    f_.clock.advance(Watches::kKeptMs * 1000);
    CPPUNIT_ASSERT(!dashboards_->watches().work());
  }

  void counts_tell_of_the_query_without_its_state() {
    put("a", "started");
    put("b", "failure");
    put("c", "failure", "other.task");
    open(1, viewer_);
    watch(1, "state=started");
    watch(1, "name=mail&state=started", "mail");
    round();
    round();
    const auto frames = heard(1);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, frames.size());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                         frames[0].at("counts").at("failure").to_number<std::int64_t>());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         frames[1].at("counts").at("failure").to_number<std::int64_t>());
    CPPUNIT_ASSERT_EQUAL(std::int64_t{1},
                         frames[1].at("counts").at("started").to_number<std::int64_t>());
    CPPUNIT_ASSERT(!flag(frames[1], "counts_approximate"));
  }

  void its_thread_sends_by_itself() {
    put("a", "started");
    Dashboards own(*site_);
    const net::SocketEndpoint endpoint = own.endpoint();
    FakeSender sender;
    own.start(sender);
    endpoint.open(7, Browser(f_, viewer_).make("/ws/dashboard"));
    endpoint.message(
        7, base::json::write(Object{{"type", "subscribe"}, {"project_id", f_.project.id.text()}}));
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto wait_for = [&](std::size_t messages) {
      while (sender.sent(7).size() < messages && std::chrono::steady_clock::now() < until) {
        f_.clock.advance(10'000);
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      CPPUNIT_ASSERT(sender.sent(7).size() >= messages);
    };
    wait_for(1);
    endpoint.message(7, R"({"type":"watch","id":"main","query":""})");
    wait_for(2);
    CPPUNIT_ASSERT(sender.sent(7).at(1).starts_with(R"({"type":"rows")"));
    own.stop();
    own.stop();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(WatchesTest);

}  // namespace
}  // namespace z4j::api
