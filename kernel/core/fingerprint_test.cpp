#include "core/fingerprint.hpp"

#include <cppunit/extensions/HelperMacros.h>

#include <set>
#include <string>

#include "core/text.hpp"

namespace z4j::core {
namespace {

// As Celery 5.2.6 tells it, and as RQ keeps it of a job whose code lies elsewhere.
constexpr const char* kOfCelery = R"(Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 451, in trace_task
    R = retval = fun(*args, **kwargs)
                 ^^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 734, in __protected_call__
    return self.run(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/app/capp.py", line 30, in boom
    def boom(msg): raise ValueError(msg)
                   ^^^^^^^^^^^^^^^^^^^^^
ValueError: x
)";
constexpr const char* kOfRq = R"(Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/rq/worker.py", line 1075, in perform_job
    rv = job.perform()
  File "/home/build/1234/app/capp.py", line 7, in boom
    raise ValueError("job 17")
ValueError: job 17
)";
constexpr const char* kRetried = R"(Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 451, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/app/capp.py", line 33, in flaky
    raise self.retry(exc=RuntimeError('try again'),countdown=1)
  File "/usr/lib/python3/dist-packages/celery/app/task.py", line 738, in retry
    raise ret
celery.exceptions.Retry: Retry in 1s: RuntimeError('try again')
)";
constexpr const char* kGivenUp = R"(Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 451, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/app/capp.py", line 35, in flaky
    raise self.retry(exc=RuntimeError('try again'),countdown=1)
  File "/usr/lib/python3/dist-packages/celery/app/task.py", line 717, in retry
    raise_with_context(exc)
RuntimeError: try again
)";
constexpr const char* kChained = R"(Traceback (most recent call last):
  File "/srv/app/store.py", line 3, in load
    return cache[key]
KeyError: 'a'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/app/jobs.py", line 9, in run
    load(key)
  File "/srv/app/.venv/lib/python3.11/site-packages/orm/session.py", line 12, in get
    raise orm.errors.Missing(key)
orm.errors.Missing: no row a
with more of it
)";

class FingerprintTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(FingerprintTest);
  CPPUNIT_TEST(one_place_in_the_code_is_one_error);
  CPPUNIT_TEST(other_types_places_and_functions_are_others);
  CPPUNIT_TEST(a_retry_is_the_failure_that_it_was_tried_again_for);
  CPPUNIT_TEST(of_a_chain_the_last_one_counts);
  CPPUNIT_TEST(without_a_traceback_the_pattern_of_the_message_counts);
  CPPUNIT_TEST(type_and_message_are_told_apart);
  CPPUNIT_TEST(hostile_text_is_only_text);
  CPPUNIT_TEST_SUITE_END();

  static void same(const std::string& a, const std::string& b) {
    CPPUNIT_ASSERT_EQUAL_MESSAGE(a + " and " + b, fingerprint(a, {}), fingerprint(b, {}));
  }
  static std::string told(const Failure& failure) { return failure.type + "|" + failure.message; }

 public:
  void one_place_in_the_code_is_one_error() {
    const std::string celery = fingerprint("ValueError('x')", kOfCelery);
    CPPUNIT_ASSERT_MESSAGE(celery, is_fingerprint(celery));
    // Another line, another message, another folder, another engine.
    CPPUNIT_ASSERT_EQUAL(celery, fingerprint("ValueError: job 17", kOfRq));
    std::string moved = kOfCelery;
    moved.replace(moved.find("line 30"), 7, "line 310");
    moved.replace(moved.find("/srv/app/"), 9, "/srv/releases/2026-01-02/app/");
    CPPUNIT_ASSERT_EQUAL(celery, fingerprint("ValueError('y')", moved));
    CPPUNIT_ASSERT(!is_fingerprint("0123456789ABCDEF") && !is_fingerprint("0123"));
  }
  void other_types_places_and_functions_are_others() {
    std::set<std::string> all{fingerprint("ValueError('x')", kOfCelery)};
    for (const auto& [from, to] : {std::pair<const char*, const char*>{"in boom", "in bang"},
                                   {"app/capp.py", "app/shop.py"},
                                   {"\nValueError: x", "\nTypeError: x"}}) {
      std::string other = kOfCelery;
      other.replace(other.find(from), std::string(from).size(), to);
      CPPUNIT_ASSERT_MESSAGE(to, all.insert(fingerprint("ValueError('x')", other)).second);
    }
    CPPUNIT_ASSERT(all.insert(fingerprint("", kChained)).second);
    CPPUNIT_ASSERT(all.insert(fingerprint("RuntimeError: try again", kGivenUp)).second);
  }
  void a_retry_is_the_failure_that_it_was_tried_again_for() {
    CPPUNIT_ASSERT_EQUAL(fingerprint("RuntimeError('try again')", kGivenUp),
                         fingerprint("RuntimeError('try again')", kRetried));
    CPPUNIT_ASSERT_EQUAL(std::string("RuntimeError|try again"),
                         told(failure_of("RuntimeError('try again')", kRetried)));
  }
  void of_a_chain_the_last_one_counts() {
    CPPUNIT_ASSERT_EQUAL(std::string("Missing|no row a"),
                         told(failure_of("with more of it", kChained)));
    // Its own code raised it through a library.
    std::string alone = kChained;
    alone.erase(0, alone.rfind("Traceback"));
    CPPUNIT_ASSERT_EQUAL(fingerprint("", alone), fingerprint("", kChained));
    std::string deeper = alone;
    deeper.replace(deeper.find("line 12, in get"), 15, "line 99, in find");
    CPPUNIT_ASSERT_EQUAL(fingerprint("", alone), fingerprint("", deeper));
  }
  void without_a_traceback_the_pattern_of_the_message_counts() {
    same("KeyError: 'a'", "KeyError: 'b'");
    same("NotFound: order 17 of user 4711", "shop.errors.NotFound: order 9 of  user 1");
    same("Gone: 3f2b8c1e-aaaa-bbbb-cccc-0123456789ab at 0x7f00aa",
         "Gone: ffffffff-aaaa-bbbb-cccc-0123456789ac at 0x1b");
    same("Late(\"it's late\")", "Late: it's late");
    same("no such key deadbeefdeadbeefdeadbeef", "no such key cafecafecafecafecafecafe");
    CPPUNIT_ASSERT(fingerprint("Gone: the order", {}) != fingerprint("Gone: the user", {}));
    CPPUNIT_ASSERT(fingerprint("Gone: x", {}) != fingerprint("Late: x", {}));
    CPPUNIT_ASSERT_EQUAL(std::string(), fingerprint("", ""));
    CPPUNIT_ASSERT_EQUAL(std::string(), fingerprint(" \n", ""));
  }
  void type_and_message_are_told_apart() {
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError|x"), told(failure_of("ValueError('x')", "")));
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError|'x', 1"),
                         told(failure_of("ValueError('x', 1)", "")));
    CPPUNIT_ASSERT_EQUAL(std::string("Late|too late"),
                         told(failure_of("app.f.<locals>.Late: too late", "")));
    CPPUNIT_ASSERT_EQUAL(std::string("KeyError|"), told(failure_of("KeyError", "")));
    CPPUNIT_ASSERT_EQUAL(std::string("|it broke, all of it"),
                         told(failure_of("it broke, all of it", "")));
    CPPUNIT_ASSERT_EQUAL(std::string("ValueError|x"), told(failure_of("", kOfCelery)));
    CPPUNIT_ASSERT(failure_of("E: " + std::string(5000, 'm'), "").message.size() <=
                   kFailureMessageBytes);
  }
  void hostile_text_is_only_text() {
    std::string long_word(1 << 20, '(');
    for (const std::string& text :
         {long_word, std::string(1 << 20, '\''), std::string(1 << 20, '\n'),
          std::string("\xff\xfe\x00(", 4), std::string("E: \xe2\x82"), std::string(300, 'T') + ":",
          std::string("  File \"", 8), std::string("  File \"\", line , in \nE:")}) {
      const std::string print = fingerprint(text, text);
      CPPUNIT_ASSERT(print.empty() || is_fingerprint(print));
      const Failure failure = failure_of(text, text);
      CPPUNIT_ASSERT(is_utf8(failure.type) && is_utf8(failure.message));
    }
    // The end of a long traceback is enough.
    CPPUNIT_ASSERT_EQUAL(fingerprint("", kOfCelery),
                         fingerprint("", std::string(1 << 20, 'x') + "\n" + kOfCelery));
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(FingerprintTest);

}  // namespace
}  // namespace z4j::core
