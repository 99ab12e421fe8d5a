// The parts that frames, batches and budgets are made of.
#include <cppunit/extensions/HelperMacros.h>
#include <sys/socket.h>
#include <z4j/plugin.hpp>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "plugin/batch_check.hpp"
#include "plugin/process/batch.hpp"
#include "plugin/process/channel.hpp"
#include "plugin/process/child.hpp"
#include "plugin/process/messages.hpp"

namespace z4j::plugin::process {
namespace {

class ProcessTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(ProcessTest);
  CPPUNIT_TEST(values_come_back_and_nothing_else_does);
  CPPUNIT_TEST(headers_are_checked_against_who_sent_them);
  CPPUNIT_TEST(what_a_plugin_declares_comes_back);
  CPPUNIT_TEST(a_declaration_cut_anywhere_is_refused);
  CPPUNIT_TEST(a_batch_comes_back_from_shared_memory);
  CPPUNIT_TEST(offsets_need_not_begin_at_zero);
  CPPUNIT_TEST(a_torn_batch_is_refused);
  CPPUNIT_TEST(places_in_the_ring_do_not_overlap);
  CPPUNIT_TEST(nobody_gets_a_place_while_the_idle_ring_is_trimmed);
  CPPUNIT_TEST(calls_are_answered_late_or_given_up);
  CPPUNIT_TEST(a_side_that_does_not_read_ends_the_channel);
  CPPUNIT_TEST(processors_are_counted_over_a_minute);
  CPPUNIT_TEST_SUITE_END();

  static std::string flat(const z4j_event_batch& batch) {
    std::vector<std::uint64_t> words((flat_bytes(batch) + 7) / 8);
    flatten(batch, {reinterpret_cast<char*>(words.data()), flat_bytes(batch)});
    return {reinterpret_cast<const char*>(words.data()), flat_bytes(batch)};
  }
  static BatchBuilder filled(int rows) {
    BatchBuilder builder;
    for (int i = 0; i < rows; ++i) {
      builder.begin_row(1000 + i, Z4J_EV_SUCCEEDED);
      builder.task_id("task-" + std::to_string(i));
      builder.task(i % 2 == 0 ? "app.add" : "app.mul");
      builder.attrs_json(i % 3 == 0 ? R"({"result":"ü"})" : "");
      builder.runtime_us(i);
    }
    return builder;
  }
  static std::string text_at(const z4j_strcol& column, std::uint32_t row) {
    return {column.data + column.offsets[row], column.offsets[row + 1] - column.offsets[row]};
  }

 public:
  void values_come_back_and_nothing_else_does() {
    const std::string bytes = pack(std::uint64_t{7}, std::int32_t{-1}, 0.5, "text", "");
    std::uint64_t a = 0;
    std::int32_t b = 0;
    double c = 0;
    std::string_view d, e;
    CPPUNIT_ASSERT(unpack(bytes, a, b, c, d, e));
    CPPUNIT_ASSERT(a == 7 && b == -1 && c == 0.5 && d == "text" && e.empty());
    CPPUNIT_ASSERT(!unpack(bytes + "x", a, b, c, d, e));
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CPPUNIT_ASSERT(!unpack(std::string_view(bytes).substr(0, size), a, b, c, d, e));
    // A text longer than all there is.
    CPPUNIT_ASSERT(!unpack(std::string("\xff\xff\xff\xff") + "abc", d));
  }

  void headers_are_checked_against_who_sent_them() {
    const std::string emit = header_bytes(Header{16, Kind::emit, 3});
    CPPUNIT_ASSERT_EQUAL(kHeaderBytes, emit.size());
    CPPUNIT_ASSERT(read_header(emit, Way::from_plugin).value().id == 3);
    CPPUNIT_ASSERT(!read_header(emit, Way::to_plugin).ok());
    CPPUNIT_ASSERT(!read_header(header_bytes(Header{0, Kind::start, 1}), Way::from_plugin).ok());
    CPPUNIT_ASSERT(!read_header(header_bytes(Header{0, Kind::reply, 0}), Way::from_plugin).ok());
    CPPUNIT_ASSERT(!read_header(header_bytes(Header{most_bytes(Kind::log) + 1, Kind::log, 0}),
                                Way::from_plugin)
                        .ok());
    CPPUNIT_ASSERT(
        !read_header(header_bytes(Header{0, static_cast<Kind>(999), 1}), Way::to_plugin).ok());
    CPPUNIT_ASSERT(!read_header("short", Way::to_plugin).ok());
  }

  static Declared declared() {
    Declared out;
    out.id = "org.example.x";
    out.kinds = "http engine";
    out.functions = Declared::kValidate;
    out.notifier_capabilities = 5;
    out.routes.push_back({"GET", "a/{id}", "viewer", 0, 10});
    out.assets.push_back({"index.html", "text/html", "", "<html>"});
    return out;
  }

  void what_a_plugin_declares_comes_back() {
    const auto back = decode_declared(encode(declared()));
    CPPUNIT_ASSERT(back.has_value());
    CPPUNIT_ASSERT_EQUAL(std::string("org.example.x"), back->id);
    CPPUNIT_ASSERT_EQUAL(std::uint64_t{5}, back->notifier_capabilities);
    CPPUNIT_ASSERT_EQUAL(std::string("a/{id}"), back->routes.at(0).path);
    CPPUNIT_ASSERT_EQUAL(std::string("<html>"), back->assets.at(0).bytes);
    Load load;
    load.path = "/a/x.so";
    load.is_sealed = true;
    load.sandbox.hidden = {"/home"};
    const auto loaded = decode_load(encode(load));
    CPPUNIT_ASSERT(loaded && loaded->path == "/a/x.so" && loaded->is_sealed &&
                   loaded->sandbox.hidden.at(0) == "/home");
    // What another release means by the rest is not guessed.
    load.version = "0.0.0-other";
    const auto other = decode_load(encode(load) + "and more");
    CPPUNIT_ASSERT(other && other->version == load.version && other->path.empty());
  }

  void a_declaration_cut_anywhere_is_refused() {
    const std::string bytes = encode(declared());
    for (std::size_t size = 0; size < bytes.size(); ++size)
      CPPUNIT_ASSERT(!decode_declared(std::string_view(bytes).substr(0, size)));
  }

  void a_batch_comes_back_from_shared_memory() {
    BatchBuilder builder = filled(1000);
    const z4j_event_batch sent = builder.batch();
    FlatBatch copy;
    const auto got = copy.copy(flat(sent));
    CPPUNIT_ASSERT_MESSAGE(got ? "" : got.error().message, got.ok());
    CPPUNIT_ASSERT_EQUAL(check_batch(sent).value(), check_batch(*got).value());
    for (const std::uint32_t row : {0u, 1u, 999u}) {
      CPPUNIT_ASSERT_EQUAL(sent.time_us[row], got->time_us[row]);
      CPPUNIT_ASSERT_EQUAL(sent.runtime_us[row], got->runtime_us[row]);
      CPPUNIT_ASSERT_EQUAL(text_at(sent.task_id, row), text_at(got->task_id, row));
      CPPUNIT_ASSERT_EQUAL(text_at(sent.attrs_json, row), text_at(got->attrs_json, row));
      CPPUNIT_ASSERT_EQUAL(text_at(sent.task.dict, sent.task.index[row]),
                           text_at(got->task.dict, got->task.index[row]));
      CPPUNIT_ASSERT(std::memcmp(sent.event_id + row * 16, got->event_id + row * 16, 16) == 0);
    }
  }

  void offsets_need_not_begin_at_zero() {
    BatchBuilder builder = filled(2);
    z4j_event_batch batch = builder.batch();
    const std::uint32_t offsets[3] = {4, 6, 9};
    batch.task_id = {offsets, "skipabcde"};
    FlatBatch copy;
    const auto got = copy.copy(flat(batch));
    CPPUNIT_ASSERT(got.ok());
    CPPUNIT_ASSERT_EQUAL(std::string("ab"), text_at(got->task_id, 0));
    CPPUNIT_ASSERT_EQUAL(std::string("cde"), text_at(got->task_id, 1));
    CPPUNIT_ASSERT(check_batch(*got).ok());
  }

  void a_torn_batch_is_refused() {
    BatchBuilder builder = filled(10);
    const std::string good = flat(builder.batch());
    FlatBatch copy;
    CPPUNIT_ASSERT(copy.copy(good).ok());
    for (std::size_t size = 0; size < good.size(); ++size)
      CPPUNIT_ASSERT(!copy.copy({good.data(), size}).ok());
    // Each word of the counts, and of all that follows, as something else: refused, or at least
    // within what was copied.
    for (std::size_t at = 0; at + 4 <= good.size(); at += 4) {
      for (const std::uint32_t value : {0u, 1u, 0x7fffffffu, 0xffffffffu}) {
        std::string bad = good;
        std::memcpy(bad.data() + at, &value, 4);
        if (const auto got = copy.copy(bad)) (void)check_batch(*got);
      }
    }
  }

  void places_in_the_ring_do_not_overlap() {
    RingPlaces places(100);
    const auto a = places.take(40), b = places.take(33);
    CPPUNIT_ASSERT(a == 0u && b == 40u);
    CPPUNIT_ASSERT(!places.take(101).has_value());
    places.give_back(*a);
    const auto c = places.take(30);
    CPPUNIT_ASSERT(c == 0u);  // behind b there are 20
    // The ring is full until b goes: c lies before it.
    std::thread other([&] { places.give_back(*b); });
    const auto d = places.take(60);
    other.join();
    CPPUNIT_ASSERT(d == 32u);
    int idle = 0;
    const auto count = [&] { ++idle; };
    places.when_idle_beyond(50, count);
    CPPUNIT_ASSERT_EQUAL(0, idle);
    places.give_back(*d);  // out of order
    places.give_back(*c);
    places.when_idle_beyond(50, count);
    places.when_idle_beyond(50, count);
    CPPUNIT_ASSERT_EQUAL(1, idle);
  }

  void nobody_gets_a_place_while_the_idle_ring_is_trimmed() {
    RingPlaces places(100);
    places.give_back(places.take(80).value());
    std::atomic<bool> is_trimming{false}, has_place{false};
    bool was_free = true;
    std::thread other([&] {
      while (!is_trimming) std::this_thread::yield();
      (void)places.take(80);
      has_place = true;
    });
    places.when_idle_beyond(50, [&] {
      is_trimming = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      was_free = !has_place;
    });
    other.join();
    CPPUNIT_ASSERT(was_free && has_place);
  }

  struct Pair {
    Pair() {
      int ends[2];
      CPPUNIT_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
      kernel = std::make_unique<Channel>(ends[0], Way::from_plugin);
      plugin = std::make_unique<Channel>(ends[1], Way::to_plugin);
    }
    std::unique_ptr<Channel> kernel, plugin;
  };

  void calls_are_answered_late_or_given_up() {
    Pair pair;
    std::thread plugin([&] {
      pair.plugin->run({.take =
                            [&](const Header& header, std::string payload) {
                              if (header.kind == Kind::start) pair.plugin->reply(header, payload);
                              return std::string();
                            },
                        .beside = -1,
                        .readable = {},
                        .tick = {}});
    });
    std::string why;
    std::thread kernel([&] {
      why = pair.kernel->run({.take = [](const Header&, std::string) { return std::string(); },
                              .beside = -1,
                              .readable = {},
                              .tick = {}});
      pair.kernel->give_up_calls();
    });
    std::string reply;
    const std::string big(300'000, 'x');
    CPPUNIT_ASSERT(pair.kernel->call(Kind::start, "", 20'000, reply) == Channel::Got::reply);
    CPPUNIT_ASSERT(pair.kernel->call(Kind::command, big, 20, reply) == Channel::Got::late);
    std::thread caller([&] {
      CPPUNIT_ASSERT(pair.kernel->call(Kind::stop, "", 20'000, reply) == Channel::Got::ended);
    });
    while (pair.kernel->waiting().empty()) std::this_thread::yield();
    CPPUNIT_ASSERT(pair.kernel->waiting().at(0).kind == Kind::stop);
    pair.kernel->end("enough");
    pair.kernel->end("too late to say");
    caller.join();
    kernel.join();
    plugin.join();
    CPPUNIT_ASSERT_EQUAL(std::string("enough"), why);
    CPPUNIT_ASSERT(pair.kernel->call(Kind::stop, "", 20'000, reply) == Channel::Got::not_sent);
  }

  void a_side_that_does_not_read_ends_the_channel() {
    Pair pair;
    const std::string big(1u << 20, 'x');
    bool sent = true;
    for (int i = 0; sent && i < 100; ++i) sent = pair.kernel->send(Kind::command, big);
    CPPUNIT_ASSERT(!sent);
    CPPUNIT_ASSERT(pair.kernel->is_over());
    const std::string why =
        pair.kernel->run({.take = {}, .beside = -1, .readable = {}, .tick = {}});
    CPPUNIT_ASSERT_EQUAL(std::string("it does not read what it is sent"), why);
  }

  void processors_are_counted_over_a_minute() {
    CpuBudget budget(50);  // 30 s in a minute
    std::int64_t now = 0, used = 100'000;
    CPPUNIT_ASSERT(budget.allows(now, used));
    for (int i = 0; i < 300; ++i) CPPUNIT_ASSERT(budget.allows(now += 1000, used += 490));
    bool is_allowed = true;
    for (int i = 0; is_allowed && i < 60; ++i)
      is_allowed = budget.allows(now += 1000, used += 2000);
    CPPUNIT_ASSERT(!is_allowed);
    CPPUNIT_ASSERT(budget.used_ms() > budget.allowed_ms());
    CPPUNIT_ASSERT(budget.percent() > 50);
    CpuBudget none(0);
    CPPUNIT_ASSERT_EQUAL(std::int64_t{-1}, none.percent());
    CPPUNIT_ASSERT(none.allows(0, 0) && none.allows(1, 1'000'000));
    CpuBudget half(100);
    CPPUNIT_ASSERT(half.allows(0, 500) && half.allows(2000, 1500));
    CPPUNIT_ASSERT_EQUAL(std::int64_t{50}, half.percent());
  }
};
CPPUNIT_TEST_SUITE_REGISTRATION(ProcessTest);

}  // namespace
}  // namespace z4j::plugin::process
