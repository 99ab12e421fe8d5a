#include "agent/buffer.hpp"

#include <cppunit/extensions/HelperMacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace z4j::agent {
namespace {

class BufferTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(BufferTest);
  CPPUNIT_TEST(gives_frames_back_in_order_and_forgets_what_was_settled);
  CPPUNIT_TEST(what_was_not_settled_is_there_after_a_restart);
  CPPUNIT_TEST(a_torn_end_is_left_out);
  CPPUNIT_TEST(damage_in_the_middle_ends_its_file_only);
  CPPUNIT_TEST(the_oldest_make_way_and_are_counted);
  CPPUNIT_TEST(a_frame_that_made_way_can_still_be_settled);
  CPPUNIT_TEST(two_agents_never_share_a_folder);
  CPPUNIT_TEST(a_folder_that_cannot_be_used_is_told);
  CPPUNIT_TEST_SUITE_END();

  std::string folder_;
  base::ManualClock clock_{1'800'000'000 * base::kSecondUs};

  base::Result<std::unique_ptr<Buffer>> try_open(std::size_t bytes, std::uint64_t events) {
    return Buffer::open({folder_, bytes, events, &base::Log::quiet(), &clock_});
  }
  std::unique_ptr<Buffer> open(std::size_t bytes = 1u << 20, std::uint64_t events = 100'000) {
    auto made = try_open(bytes, events);
    CPPUNIT_ASSERT_MESSAGE(made ? "" : made.error().text(), made.ok());
    return std::move(made).value();
  }
  static void add(Buffer& buffer, int number, std::size_t bytes = 10) {
    const std::string n = std::to_string(number);
    CPPUNIT_ASSERT(buffer.add({"ev_" + n, n + std::string(bytes, 'x'), 2}));
  }
  static std::string ids(Buffer& buffer) {
    std::string out;
    while (const auto place = buffer.next()) {
      const auto frame = buffer.read(*place);
      CPPUNIT_ASSERT(frame);
      out += frame->id.substr(3) + " ";
    }
    return out;
  }
  std::size_t files() const {
    std::size_t n = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_))
      n += entry.path().extension() == ".frames" ? 1 : 0;
    return n;
  }
  std::string only_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().extension() == ".frames") return entry.path().string();
    }
    return {};
  }

 public:
  void setUp() override {
    char name[] = "/tmp/z4j_buffer_XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void tearDown() override { std::filesystem::remove_all(folder_); }

  void gives_frames_back_in_order_and_forgets_what_was_settled() {
    const auto buffer = open();
    for (int i = 1; i <= 3; ++i) add(*buffer, i);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{6}, buffer->stats().events);
    CPPUNIT_ASSERT_EQUAL(clock_.now(), buffer->stats().oldest_at);
    for (int i = 1; i <= 3; ++i) {
      const auto place = buffer->next();
      CPPUNIT_ASSERT_EQUAL("ev_" + std::to_string(i), buffer->read(*place)->id);
      CPPUNIT_ASSERT_EQUAL(std::to_string(i) + "xxxxxxxxxx", buffer->read(*place)->payload);
      buffer->settle(*place);
    }
    CPPUNIT_ASSERT(!buffer->next());
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, buffer->stats().events);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{0}, buffer->stats().bytes);
    CPPUNIT_ASSERT_EQUAL(std::size_t{0}, files());
    add(*buffer, 4);
    CPPUNIT_ASSERT_EQUAL(std::string("4 "), ids(*buffer));
  }

  void what_was_not_settled_is_there_after_a_restart() {
    {
      const auto buffer = open();
      for (int i = 1; i <= 4; ++i) add(*buffer, i);
      buffer->settle(*buffer->next());
    }
    const auto buffer = open();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{8}, buffer->stats().events);
    add(*buffer, 5);
    CPPUNIT_ASSERT_EQUAL(std::string("1 2 3 4 5 "), ids(*buffer));
  }

  void a_torn_end_is_left_out() {
    {
      const auto buffer = open();
      for (int i = 1; i <= 3; ++i) add(*buffer, i);
    }
    const std::string file = only_file();
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 5);
    const auto buffer = open();
    CPPUNIT_ASSERT_EQUAL(std::string("1 2 "), ids(*buffer));
  }

  void damage_in_the_middle_ends_its_file_only() {
    {
      const auto buffer = open(std::size_t{1} << 20, 32);  // two events a file
      for (int i = 1; i <= 3; ++i) add(*buffer, i);
    }
    std::fstream out(folder_ + "/000000000002.frames", std::ios::in | std::ios::out);
    out.seekp(20);
    out << "?";
    out.close();
    const auto buffer = open(std::size_t{1} << 20, 32);
    CPPUNIT_ASSERT_EQUAL(std::string("1 3 "), ids(*buffer));
  }

  void the_oldest_make_way_and_are_counted() {
    const auto buffer = open(std::size_t{1} << 20, 32);
    for (int i = 1; i <= 40; ++i) add(*buffer, i);
    const Buffer::Stats stats = buffer->stats();
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{32}, stats.events);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{48}, stats.evicted_events);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{24}, stats.evicted_frames);
    CPPUNIT_ASSERT_EQUAL(std::string("25 26 "), ids(*buffer).substr(0, 6));

    const auto full = open_beside(std::size_t{1} << 20);
    for (int i = 1; i <= 100; ++i) add(*full, i, 50'000);
    CPPUNIT_ASSERT(full->stats().bytes <= (std::size_t{1} << 20) + 51'000);
    CPPUNIT_ASSERT(full->stats().evicted_events > 0);
  }

  void a_frame_that_made_way_can_still_be_settled() {
    const auto buffer = open(std::size_t{1} << 20, 32);
    add(*buffer, 1);
    const auto place = buffer->next();
    for (int i = 2; i <= 40; ++i) add(*buffer, i);
    CPPUNIT_ASSERT(!buffer->read(*place));
    const std::uint64_t before = buffer->stats().events;
    buffer->settle(*place);
    CPPUNIT_ASSERT_EQUAL(before, buffer->stats().events);
  }

  void two_agents_never_share_a_folder() {
    const auto buffer = open();
    const auto second = try_open(1u << 20, 1000);
    CPPUNIT_ASSERT(!second);
    CPPUNIT_ASSERT(second.error().code == base::Code::busy);
  }

  void a_folder_that_cannot_be_used_is_told() {
    std::ofstream(folder_ + "/file") << "x";
    folder_ += "/file";
    const auto made = try_open(1u << 20, 1000);
    CPPUNIT_ASSERT(!made);
    CPPUNIT_ASSERT(made.error().code == base::Code::bad_config);
    folder_.resize(folder_.size() - 5);
  }

 private:
  std::unique_ptr<Buffer> open_beside(std::size_t bytes) {
    auto made = Buffer::open({folder_ + "/beside", bytes, 100'000, &base::Log::quiet(), &clock_});
    return std::move(made).value();
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(BufferTest);

}  // namespace
}  // namespace z4j::agent
