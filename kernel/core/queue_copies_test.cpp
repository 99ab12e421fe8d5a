#include "core/queue_copies.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <deque>
#include <memory>
#include <set>

#include "core/bulk.hpp"
#include "core/testing/control_fixture.hpp"

namespace z4j::core {
namespace {

namespace json = base::json;

// A queue that can be put aside. Dies at a chosen call, before or after it did what it was told.
struct AsideEngine {
  std::deque<std::string> waiting, aside;
  std::optional<std::int64_t> taken;
  std::set<std::int64_t> back;  // parts
  int calls = 0, dies_at = -1;
  bool dies_after = false, restores_all = true, is_away = false, loses_one = false;

  void may_die(bool is_after) {
    if (is_after == dies_after && calls == dies_at) throw std::runtime_error("killed");
  }
  base::Result<std::string> command(const testing::FakeAgents::Asked& asked) {
    ++calls;
    may_die(false);
    if (is_away) return base::Error{base::Code::unavailable, "away", {}, {}, 0};
    const json::Value parsed = json::parse(asked.args_json).value();
    auto answer = step(parsed.get_object());
    may_die(true);
    return answer;
  }
  base::Result<std::string> step(const json::Object& args) {
    const std::string_view step = json::text(args, "step");
    if (step == "take") {
      if (!taken) {
        taken = static_cast<std::int64_t>(waiting.size());
        aside.swap(waiting);
      }
      return json::write(json::Object{
          {"outcome", "done"}, {"taken", *taken}, {"not_removed", json::Object{{"unacked", 2}}}});
    }
    if (step == "drop") {
      aside.clear();
      return std::string(R"({"outcome":"done"})");
    }
    const json::Array* messages = json::array(args, "messages");
    if (messages == nullptr) {
      if (!restores_all) return base::Error{base::Code::invalid, "messages are missing", {}, {}, 0};
      waiting.insert(waiting.end(), aside.begin(), aside.end());
      aside.clear();
    } else if (back.insert(json::integer(args, "part")).second) {
      for (const json::Value& one : *messages) waiting.emplace_back(one.get_string().c_str());
    }
    return std::string(R"({"outcome":"done"})");
  }
  base::Result<std::string> read(const std::string& page) {
    ++calls;
    may_die(false);
    if (is_away) return base::Error{base::Code::unavailable, "away", {}, {}, 0};
    const json::Value parsed = json::parse(page).value();
    const std::string_view cursor = json::text(parsed.get_object(), "cursor");
    const auto from = cursor.empty() ? std::size_t{0} : std::stoul(std::string(cursor));
    const auto limit = static_cast<std::size_t>(json::integer(parsed.get_object(), "limit"));
    json::Array items;
    std::size_t at = from;
    for (; at < aside.size() && items.size() < limit; ++at) {
      if (!loses_one || at != 1) items.push_back(json::Object{{"body", aside[at]}});
    }
    json::Value next(nullptr);
    if (at < aside.size()) next = std::to_string(at);
    may_die(true);
    return json::write(json::Object{{"items", std::move(items)}, {"next", std::move(next)}});
  }
};

class QueueCopiesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(QueueCopiesTest);
  CPPUNIT_TEST(a_purge_keeps_a_copy_that_can_be_put_back);
  CPPUNIT_TEST(whoever_dies_at_any_step_loses_nothing);
  CPPUNIT_TEST(what_can_not_be_kept_is_put_back);
  CPPUNIT_TEST(a_queue_that_is_too_long_is_refused_before_anything_is_taken);
  CPPUNIT_TEST(an_engine_that_is_away_too_long_takes_nothing_later);
  CPPUNIT_TEST(a_purge_without_a_copy_goes_the_short_way);
  CPPUNIT_TEST(copies_expire);
  CPPUNIT_TEST_SUITE_END();

  static constexpr std::size_t kMessages = 450;

  // Made anew for each point of death.
  struct World {
    explicit World(std::size_t messages = kMessages) {
      for (std::size_t i = 0; i < messages; ++i)
        engine.waiting.push_back("bWVzc2FnZQ" + std::to_string(i));
      agent = f.agents.add(f.project, "celery");
      f.agents.on_command = [this](const auto& asked) { return engine.command(asked); };
      f.agents.on_read = [this](std::string_view, const std::string& page) {
        return engine.read(page);
      };
      open();
    }
    void open(std::int64_t max_messages = 200'000) {
      bulk.reset();
      Bulk::Options o;
      o.copies.max_messages = max_messages;
      o.read = [this](const base::Uuid& of, std::string_view what, std::string page,
                      int deadline_ms, plugin::Answer answer) {
        f.agents.read(of, what, std::move(page), deadline_ms, std::move(answer));
      };
      bulk = std::make_unique<Bulk>(*f.store, f.audit, f.relay, sealer, f.clock, f.log, o);
    }
    Command purge(std::optional<bool> copy = {}) {
      CommandRequest request;
      request.project_id = f.project;
      request.actor = f.actor;
      PurgeQueue asked;
      asked.queue = "mail";
      asked.engine = "celery";
      asked.copy = copy;
      auto made = f.commands.purge_queue(request, asked);
      CPPUNIT_ASSERT_MESSAGE(made ? "" : made.error().text(), made.ok());
      return *made;
    }
    // True when somebody died.
    bool work() {
      try {
        while (bulk->copies.work()) {
        }
        return false;
      } catch (const std::runtime_error&) {
        open();
        return true;
      }
    }
    Command now(const Command& command) { return f.commands.find(f.project, command.id).value(); }
    QueueCopy copy() { return bulk->copies.list(f.project, {}, 1).value().items.at(0); }

    testing::ControlFixture f;
    Sealer sealer{"test secret", {}};
    AsideEngine engine;
    base::Uuid agent;
    std::unique_ptr<Bulk> bulk;
  };

 public:
  void a_purge_keeps_a_copy_that_can_be_put_back() {
    World w;
    const std::deque<std::string> before = w.engine.waiting;
    const Command command = w.purge();
    CPPUNIT_ASSERT(!w.work());
    const Command after = w.now(command);
    CPPUNIT_ASSERT_EQUAL_MESSAGE(after.error, std::string("completed"), after.status);
    const json::Object& result = after.result.get_object();
    CPPUNIT_ASSERT_EQUAL(std::int64_t{kMessages}, json::integer(result, "removed"));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{2},
                         json::integer(*json::object(result, "not_removed"), "unacked"));
    CPPUNIT_ASSERT(w.engine.waiting.empty() && w.engine.aside.empty());
    const QueueCopy copy = w.copy();
    CPPUNIT_ASSERT_EQUAL(std::string("kept"), copy.state);
    CPPUNIT_ASSERT_EQUAL(copy.id.text(), std::string(json::text(result, "copy_id")));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{kMessages}, copy.messages);
    Query parts(Table::queue_copy_parts);
    const std::vector<Row> stored = w.f.store->read(parts.all()).value();
    CPPUNIT_ASSERT_EQUAL(std::size_t{3}, stored.size());
    for (const Row& part : stored) {
      CPPUNIT_ASSERT(part.text(model::queue_copy_parts::body).find("bWVzc2FnZQ") ==
                     std::string_view::npos);  // sealed
    }
    CPPUNIT_ASSERT(w.bulk->copies.restore(w.f.project, copy.id, w.f.actor).ok());
    CPPUNIT_ASSERT(!w.work());
    CPPUNIT_ASSERT(w.engine.waiting == before);
    CPPUNIT_ASSERT_EQUAL(std::string("restored"), w.copy().state);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, w.f.count(Table::queue_copy_parts));
    CPPUNIT_ASSERT_EQUAL(std::string("not_kept"),
                         w.bulk->copies.restore(w.f.project, copy.id, w.f.actor).error().where);
  }

  void whoever_dies_at_any_step_loses_nothing() {
    for (const bool after : {false, true}) {
      for (int at = 1; at <= 8; ++at) {
        World w;
        const std::deque<std::string> before = w.engine.waiting;
        w.engine.dies_at = at;
        w.engine.dies_after = after;
        const Command command = w.purge();
        bool died = w.work();
        if (died) CPPUNIT_ASSERT(!w.work());
        CPPUNIT_ASSERT_EQUAL(std::string("completed"), w.now(command).status);
        CPPUNIT_ASSERT_EQUAL(std::int64_t{kMessages}, w.copy().messages);
        CPPUNIT_ASSERT(w.bulk->copies.restore(w.f.project, w.copy().id, w.f.actor).ok());
        if (w.work()) {
          died = true;
          CPPUNIT_ASSERT(!w.work());
        }
        CPPUNIT_ASSERT_MESSAGE(std::to_string(at), died);
        CPPUNIT_ASSERT(w.engine.waiting == before);
        CPPUNIT_ASSERT_EQUAL(std::string("restored"), w.copy().state);
      }
    }
  }

  void what_can_not_be_kept_is_put_back() {
    for (const bool restores_all : {true, false}) {
      for (const bool loses_one : {true, false}) {
        World w;
        const std::deque<std::string> before = w.engine.waiting;
        w.engine.restores_all = restores_all;
        w.engine.loses_one = loses_one && restores_all;
        if (!loses_one || !restores_all) w.open(100);
        const Command command = w.purge();
        CPPUNIT_ASSERT(!w.work());
        const Command after = w.now(command);
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), after.status);
        CPPUNIT_ASSERT_MESSAGE(after.error,
                               after.error.find("everything was put back") != std::string::npos);
        CPPUNIT_ASSERT(w.engine.waiting == before && w.engine.aside.empty());
        CPPUNIT_ASSERT_EQUAL(std::string("failed"), w.copy().state);
        CPPUNIT_ASSERT_EQUAL(std::size_t{0}, w.f.count(Table::queue_copy_parts));
      }
    }
  }

  void a_queue_that_is_too_long_is_refused_before_anything_is_taken() {
    World w;
    namespace q = model::queues;
    Rows rows(Table::queues);
    rows.begin()
        .uuid(q::id, model::queue_row_id(w.f.project, "celery", "mail"))
        .uuid(q::project_id, w.f.project)
        .text(q::engine, "celery")
        .text(q::name, "mail")
        .num(q::pending_count, 200'001)
        .num(q::created_at, w.f.clock.now())
        .num(q::updated_at, w.f.clock.now());
    w.f.insert(std::move(rows));
    CommandRequest request;
    request.project_id = w.f.project;
    request.actor = w.f.actor;
    PurgeQueue asked;
    asked.queue = "mail";
    asked.engine = "celery";
    const auto refused = w.f.commands.purge_queue(request, asked);
    CPPUNIT_ASSERT_EQUAL(std::string("too_long_to_copy"), refused.error().where);
    CPPUNIT_ASSERT_EQUAL(std::string("command.issue.purge_queue"), w.f.audited().back());
    CPPUNIT_ASSERT_EQUAL(0, w.engine.calls);
    w.purge(false);
    CPPUNIT_ASSERT_EQUAL(1, w.engine.calls);
  }

  void an_engine_that_is_away_too_long_takes_nothing_later() {
    World w;
    w.engine.is_away = true;
    const Command command = w.purge();
    CPPUNIT_ASSERT(!w.work());
    CPPUNIT_ASSERT_EQUAL(std::string("copying"), w.copy().state);
    w.f.clock.advance(120 * base::kSecondUs);
    w.engine.is_away = false;
    CPPUNIT_ASSERT(!w.work());
    CPPUNIT_ASSERT_EQUAL(kMessages, w.engine.waiting.size());
    CPPUNIT_ASSERT_EQUAL(std::string("failed"), w.now(command).status);
  }

  void a_purge_without_a_copy_goes_the_short_way() {
    World w;
    w.purge(false);
    CPPUNIT_ASSERT(w.f.agents.asked().at(0).verb == Z4J_ENGINE_PURGE);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, w.f.count(Table::queue_copies));
  }

  void copies_expire() {
    World w;
    w.purge();
    CPPUNIT_ASSERT(!w.work());
    w.f.clock.advance(8 * base::kDayUs);
    CPPUNIT_ASSERT(w.bulk->sweep({}).ok());
    CPPUNIT_ASSERT_EQUAL(std::string("expired"), w.copy().state);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, w.f.count(Table::queue_copy_parts));
    w.f.clock.advance(31 * base::kDayUs);
    CPPUNIT_ASSERT(w.bulk->sweep({}).ok());
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, w.f.count(Table::queue_copies));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(QueueCopiesTest);

}  // namespace
}  // namespace z4j::core
