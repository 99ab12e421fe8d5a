#include <cppunit/extensions/HelperMacros.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "core/leases.hpp"
#include "core/spill.hpp"
#include "core/spill_record.hpp"
#include "core/testing/event_rows.hpp"

namespace z4j::core {
namespace {

namespace fs = std::filesystem;

class SpillTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(SpillTest);
  CPPUNIT_TEST(a_parcel_comes_back_as_it_was);
  CPPUNIT_TEST(no_secret_lies_on_disk_and_what_is_read_back_says_the_same);
  CPPUNIT_TEST(the_lease_comes_back_until_a_restart);
  CPPUNIT_TEST(no_bytes_make_the_reader_fail);
  CPPUNIT_TEST(parcels_come_back_in_order_and_go_when_settled);
  CPPUNIT_TEST(what_is_not_settled_comes_again_after_a_restart);
  CPPUNIT_TEST(a_torn_tail_is_left_out);
  CPPUNIT_TEST(a_damaged_record_costs_only_itself);
  CPPUNIT_TEST(a_full_space_refuses_and_takes_again);
  CPPUNIT_TEST(a_disk_that_takes_nothing_is_told);
  CPPUNIT_TEST_SUITE_END();

  std::string folder_;
  std::unique_ptr<Spill> spill_;

  static std::shared_ptr<Parcel> parcel(const std::string& task_id, std::size_t attrs = 2) {
    BatchBuilder builder;
    testing::fill(builder, {{.kind = Z4J_EV_STARTED,
                             .at = 1'790'000'000'000'000,
                             .task_id = task_id,
                             .task = "shop.add",
                             .attrs = R"({"note":")" + std::string(attrs, 'x') + R"("})",
                             .attempt = 3},
                            {.kind = Z4J_EV_WORKER_UP,
                             .at = -5,
                             .task_id = "",
                             .worker = "w\xC3\xA9",
                             .runtime_us = 7}});
    const z4j_event_batch batch = builder.batch();
    return Parcel::copy(batch, {base::Uuid::random(), base::Uuid::random(), "celery-1"}, 42);
  }
  static const Redactor& redactor() {
    static const Redactor made = Redactor::make({}).value();
    return made;
  }
  static Spill::Options options_of(const std::string& folder, std::size_t max_bytes) {
    Spill::Options options;
    options.folder = folder;
    options.max_bytes = max_bytes;
    options.segment_bytes = 1000;
    options.log = &base::Log::quiet();
    options.redactor = &redactor();
    return options;
  }
  void reopen(std::size_t max_bytes = 100'000) {
    spill_.reset();
    spill_ = std::move(Spill::open(options_of(folder_, max_bytes))).value();
  }
  // The task id of the next parcel; only when there is one.
  std::string read(Spill::End end = Spill::End::stored) {
    CPPUNIT_ASSERT(spill_->has_unread());
    const auto taken = spill_->next();
    spill_->settle(taken->segment, end);
    return std::string(taken->parcel->events.at(0).task_id);
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() == ".spill") found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 public:
  void setUp() override {
    folder_ = (fs::temp_directory_path() / "z4j_spill_XXXXXX").string();
    CPPUNIT_ASSERT(::mkdtemp(folder_.data()) != nullptr);
    reopen();
  }
  void tearDown() override {
    spill_.reset();
    std::error_code ec;
    fs::remove_all(folder_, ec);
  }

  void a_parcel_comes_back_as_it_was() {
    const auto before = parcel("t1");
    const std::string record = write_spill_record(*before, redactor());
    const auto head = read_spill_head(record);
    CPPUNIT_ASSERT(head.has_value());
    const auto after = read_spill_body(*head, std::string_view(record).substr(kSpillHeadBytes));
    CPPUNIT_ASSERT(after != nullptr);
    CPPUNIT_ASSERT(after->source.project_id == before->source.project_id);
    CPPUNIT_ASSERT(after->source.agent_id == before->source.agent_id);
    CPPUNIT_ASSERT_EQUAL(std::string("celery-1"), after->source.instance);
    CPPUNIT_ASSERT_EQUAL(base::TimeUs{42}, after->taken_at);
    CPPUNIT_ASSERT_EQUAL(std::size_t{2}, after->events.size());
    for (std::size_t i = 0; i < 2; ++i) {
      const RawEvent &a = before->events[i], &b = after->events[i];
      CPPUNIT_ASSERT(a.given_id == b.given_id && a.time == b.time && a.runtime_us == b.runtime_us &&
                     a.attempt == b.attempt && a.kind == b.kind && a.engine == b.engine &&
                     a.task == b.task && a.queue == b.queue && a.worker == b.worker &&
                     a.task_id == b.task_id && a.attrs == b.attrs && !b.id.is_nil());
    }
  }

  void no_secret_lies_on_disk_and_what_is_read_back_says_the_same() {
    const std::string canary = "AKIAABCDEFGHIJKLMNOP";
    const std::string attrs[] = {
        "",
        "{}",
        "[1]",
        "no json " + canary,
        R"({"password":")" + canary + R"("})",
        R"({"args":[1,"a"],"kwargs":{"api_key":")" + canary + R"("},"priority":"high","eta":5})",
        R"({"args":"[1, {'token': ')" + canary + R"('}]","args_is_repr":true,"retry_count":2})",
        R"({"args":[")" + std::string(20'000, 'y') + R"("],"result":{"n":[1,2.5,null]}})",
        R"({"exception":"E","traceback":"password=)" + canary + R"(","rebuilt":true})",
        R"({")" + std::string(100, 'k') + R"(":1,"tags":["a"]})",
        R"({"password=)" + canary + R"(":1,"args":[1]})",
        "{\"args\":[\"\xC3\"]}",
        R"({"args":[")" + std::string(std::size_t{3} << 20, 'z') + canary + R"("]})",
        R"({"hostname":"h","pid":3,"metadata":{"secret":")" + canary + R"("},"queues":["q"]})",
        R"({"gap":{"from":1789999999,"to":1790000000,"why":"away","lost":3}})"};
    for (const std::uint16_t kind :
         {Z4J_EV_RECEIVED, Z4J_EV_FAILED, Z4J_EV_WORKER_UP, Z4J_EV_WORKER_BEAT, Z4J_EV_UNKNOWN}) {
      for (const std::string& text : attrs) {
        BatchBuilder builder;
        const bool is_task = kind == Z4J_EV_RECEIVED || kind == Z4J_EV_FAILED;
        testing::fill(builder, {{.kind = kind,
                                 .at = 1'790'000'000'000'000,
                                 .task_id = is_task ? "t" : "",
                                 .worker = "w",
                                 .attrs = text}});
        const z4j_event_batch batch = builder.batch();
        const EventSource source{base::Uuid::random(), base::Uuid::random(), "celery-1"};
        const auto given = Parcel::copy(batch, source, 1'790'000'000'000'000);
        const std::string record = write_spill_record(*given, redactor());
        CPPUNIT_ASSERT(record.find(canary) == std::string::npos);
        const auto back = read_spill_body(*read_spill_head(record),
                                          std::string_view(record).substr(kSpillHeadBytes));
        CPPUNIT_ASSERT(back != nullptr);
        const Event a = decode(given->events[0], source, given->taken_at, redactor());
        const Event b = decode(back->events[0], back->source, back->taken_at, redactor());
        CPPUNIT_ASSERT(a.id == b.id && a.at == b.at && a.kind == b.kind);
        CPPUNIT_ASSERT_EQUAL(a.payload, b.payload);
        CPPUNIT_ASSERT_EQUAL(a.trouble, b.trouble);
        CPPUNIT_ASSERT_EQUAL(a.trouble_body, b.trouble_body);
        const TaskFacts &f = a.facts, &g = b.facts;
        CPPUNIT_ASSERT(f.args == g.args && f.kwargs == g.kwargs && f.result == g.result &&
                       f.tags == g.tags && f.exception == g.exception &&
                       f.traceback == g.traceback && f.eta == g.eta &&
                       f.retry_count == g.retry_count && f.args_flags == g.args_flags &&
                       f.priority == g.priority && f.rebuilt == g.rebuilt);
        CPPUNIT_ASSERT_EQUAL(a.worker_facts == nullptr, b.worker_facts == nullptr);
        if (a.worker_facts) {
          CPPUNIT_ASSERT_EQUAL(a.worker_facts->hostname, b.worker_facts->hostname);
          CPPUNIT_ASSERT_EQUAL(a.worker_facts->metadata, b.worker_facts->metadata);
        }
        CPPUNIT_ASSERT_EQUAL(a.gap == nullptr, b.gap == nullptr);
        if (a.gap) CPPUNIT_ASSERT(a.gap->from == b.gap->from && a.gap->lost == b.gap->lost);
      }
    }
  }

  void the_lease_comes_back_until_a_restart() {
    const auto fenced = parcel("t1");
    Fence fence;
    fence.name = "engine/default/celery";
    fence.owner = base::Uuid::random();
    fence.number = 7;
    fenced->source.fence = std::make_shared<const Fence>(fence);
    for (int i = 0; i < 2; ++i) CPPUNIT_ASSERT(spill_->add(*fenced).ok());
    const auto taken = spill_->next();
    CPPUNIT_ASSERT(taken->parcel->source.fence != nullptr);
    CPPUNIT_ASSERT_EQUAL(fence.name, taken->parcel->source.fence->name);
    CPPUNIT_ASSERT(taken->parcel->source.fence->owner == fence.owner);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{7}, taken->parcel->source.fence->number);
    reopen();
    CPPUNIT_ASSERT(spill_->add(*fenced).ok());
    for (int i = 0; i < 2; ++i) CPPUNIT_ASSERT(spill_->next()->parcel->source.fence == nullptr);
    CPPUNIT_ASSERT(spill_->next()->parcel->source.fence != nullptr);
  }

  void no_bytes_make_the_reader_fail() {
    std::mt19937 random(7);
    const std::string good = write_spill_record(*parcel("t1"), redactor());
    for (int i = 0; i < 20'000; ++i) {
      std::string body = good.substr(kSpillHeadBytes);
      for (unsigned n = random() % 4 + 1; n > 0; --n)
        body[random() % body.size()] = static_cast<char>(random());
      body.resize(random() % 3 == 0 ? random() % body.size() : body.size());
      const std::string record = seal_spill_body(body);
      const auto read = read_spill_body(*read_spill_head(record), body);
      if (!read) continue;
      for (const RawEvent& e : read->events)
        CPPUNIT_ASSERT(e.task_id.size() <= 2048 && e.attrs.size() <= body.size());
    }
    CPPUNIT_ASSERT(!read_spill_head("") && !read_spill_head(std::string(16, '\0')));
    CPPUNIT_ASSERT(read_spill_body(*read_spill_head(seal_spill_body("")), "") == nullptr);
  }

  void parcels_come_back_in_order_and_go_when_settled() {
    for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT(spill_->add(*parcel("t" + std::to_string(i))).ok());
    CPPUNIT_ASSERT(files().size() > 3);
    for (int i = 0; i < 20; ++i) CPPUNIT_ASSERT_EQUAL("t" + std::to_string(i), read());
    CPPUNIT_ASSERT(!spill_->has_unread());
    CPPUNIT_ASSERT(files().empty());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, spill_->stats().bytes);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{40}, spill_->stats().read_events);
    spill_->close();
    CPPUNIT_ASSERT(!spill_->next());
  }

  void what_is_not_settled_comes_again_after_a_restart() {
    CPPUNIT_ASSERT(spill_->add(*parcel("t0")).ok());
    CPPUNIT_ASSERT(spill_->add(*parcel("t1"), Spill::Sync::later).ok());
    spill_->sync();
    const auto taken = spill_->next();  // and nothing more: the brain was killed
    CPPUNIT_ASSERT(taken.has_value());
    reopen();
    CPPUNIT_ASSERT_EQUAL(std::string("t0"), read(Spill::End::kept));
    CPPUNIT_ASSERT(spill_->add(*parcel("t2")).ok());
    CPPUNIT_ASSERT_EQUAL(std::string("t1"), read());
    CPPUNIT_ASSERT_EQUAL(std::string("t2"), read());
    reopen();
    CPPUNIT_ASSERT_EQUAL(std::string("t0"), read());
    CPPUNIT_ASSERT_EQUAL(std::string("t1"), read());
    CPPUNIT_ASSERT(!spill_->has_unread() && files().empty());
  }

  void a_torn_tail_is_left_out() {
    const std::string third = write_spill_record(*parcel("t2"), redactor());
    for (const std::size_t cut : {std::size_t{1}, kSpillHeadBytes, third.size() - 1}) {
      CPPUNIT_ASSERT(spill_->add(*parcel("t0")).ok());
      CPPUNIT_ASSERT(spill_->add(*parcel("t1")).ok());
      std::ofstream(files().back(), std::ios::app | std::ios::binary) << third.substr(0, cut);
      reopen();
      CPPUNIT_ASSERT(spill_->add(*parcel("t3")).ok());
      for (const char* id : {"t0", "t1", "t3"}) CPPUNIT_ASSERT_EQUAL(std::string(id), read());
      CPPUNIT_ASSERT(!spill_->has_unread() && files().empty());
      CPPUNIT_ASSERT_EQUAL(std::uint64_t{cut}, spill_->stats().damaged_bytes);
    }
  }

  void a_damaged_record_costs_only_itself() {
    for (const char* id : {"t0", "t1", "t2"}) CPPUNIT_ASSERT(spill_->add(*parcel(id)).ok());
    const auto path = files().front();
    {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(write_spill_record(*parcel("t0"), redactor()).size() +
                                             kSpillHeadBytes + 50));
      file.put('\xFF');
    }
    reopen();
    CPPUNIT_ASSERT_EQUAL(std::string("t0"), read());
    CPPUNIT_ASSERT_EQUAL(std::string("t2"), read());
    CPPUNIT_ASSERT(spill_->stats().damaged_bytes > 0);
  }

  void a_full_space_refuses_and_takes_again() {
    reopen(3000);
    int taken = 0;
    base::Status last;
    while ((last = spill_->add(*parcel("t", 500))).ok()) ++taken;
    CPPUNIT_ASSERT(taken >= 3 && last.error().code == base::Code::busy);
    CPPUNIT_ASSERT(spill_->stats().bytes <= 3000);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{1}, spill_->stats().refused);
    for (int i = 0; i < taken; ++i) CPPUNIT_ASSERT_EQUAL(std::string("t"), read());
    CPPUNIT_ASSERT(spill_->add(*parcel("t", 500)).ok());
  }

  void a_disk_that_takes_nothing_is_told() {
    std::error_code ec;
    fs::remove_all(folder_, ec);
    const auto done = spill_->add(*parcel("t"));
    CPPUNIT_ASSERT(!done && done.error().code == base::Code::io);
    CPPUNIT_ASSERT(!spill_->has_unread());
    fs::create_directory(folder_);
    CPPUNIT_ASSERT(spill_->add(*parcel("t")).ok());
    CPPUNIT_ASSERT_EQUAL(std::string("t"), read());
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(SpillTest);

}  // namespace
}  // namespace z4j::core
