#include "plugin/batch_check.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <z4j/plugin.hpp>

#include <functional>
#include <string>
#include <vector>

namespace z4j::plugin {
namespace {

class BatchCheckTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(BatchCheckTest);
  CPPUNIT_TEST(a_batch_from_the_builder_passes_and_is_counted);
  CPPUNIT_TEST(bytes_that_the_plugin_claims_are_not_believed);
  CPPUNIT_TEST(each_broken_promise_is_named);
  CPPUNIT_TEST_SUITE_END();

  BatchBuilder builder_;

 public:
  void setUp() override {
    builder_.clear();
    for (int i = 0; i < 3; ++i) {
      builder_.begin_row(1, Z4J_EV_SUCCEEDED);
      builder_.task_id("t" + std::to_string(i));
      builder_.task("app.add");
      builder_.attrs_json("{}");
    }
  }

  void a_batch_from_the_builder_passes_and_is_counted() {
    const auto bytes = check_batch(builder_.batch());
    CPPUNIT_ASSERT(bytes.ok());
    const std::uint64_t texts = 3 * 2 + 3 * 2 + 7, dictionary_offsets = (5 + 2) * 4;
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{3} * 78 + texts + dictionary_offsets, *bytes);
  }

  void bytes_that_the_plugin_claims_are_not_believed() {
    z4j_event_batch batch = builder_.batch();
    batch.bytes = 1;
    const auto honest = check_batch(builder_.batch());
    CPPUNIT_ASSERT_EQUAL(*honest, *check_batch(batch));
  }

  void each_broken_promise_is_named() {
    static const std::uint32_t backwards[] = {0, 5, 3, 6},
                               far[] = {0, 1, 2, kMaxBatchTextBytes + 1};
    static const std::uint32_t beyond[] = {0, 2, 0}, filled[] = {0, 1, 8};
    const struct {
      const char* word;
      std::function<void(z4j_event_batch&)> spoil;
    } cases[] = {
        {"8 bytes long", [](z4j_event_batch& b) { b.struct_size = 8; }},
        {"0 rows", [](z4j_event_batch& b) { b.rows = 0; }},
        {"65537 rows", [](z4j_event_batch& b) { b.rows = kMaxBatchRows + 1; }},
        {"column of numbers", [](z4j_event_batch& b) { b.time_us = nullptr; }},
        {"column of numbers",
         [](z4j_event_batch& b) {
           b.attempt = reinterpret_cast<const std::uint32_t*>(
               reinterpret_cast<std::uintptr_t>(b.attempt) + 1);
         }},
        {"task_id has offsets that go back at row 1",
         [](z4j_event_batch& b) { b.task_id.offsets = backwards; }},
        {"attrs_json ends at byte", [](z4j_event_batch& b) { b.attrs_json.offsets = far; }},
        {"task_id has no data", [](z4j_event_batch& b) { b.task_id.data = nullptr; }},
        {"root_id has no aligned offsets", [](z4j_event_batch& b) { b.root_id.offsets = nullptr; }},
        {"task has index 2 at row 1", [](z4j_event_batch& b) { b.task.index = beyond; }},
        {"queue has a dictionary of 0", [](z4j_event_batch& b) { b.queue.dict_rows = 0; }},
        {"task has a text as entry 0", [](z4j_event_batch& b) { b.task.dict.offsets = filled; }},
        {"worker has no aligned indices", [](z4j_event_batch& b) { b.worker.index = nullptr; }},
    };
    for (const auto& broken : cases) {
      z4j_event_batch batch = builder_.batch();
      broken.spoil(batch);
      const auto checked = check_batch(batch);
      CPPUNIT_ASSERT_MESSAGE(broken.word, !checked.ok());
      CPPUNIT_ASSERT_MESSAGE(checked.error().message,
                             checked.error().message.find(broken.word) != std::string::npos);
    }
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BatchCheckTest);

}  // namespace
}  // namespace z4j::plugin
