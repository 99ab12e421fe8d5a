#include "src/copies.hpp"

#include <z4j/plugin.hpp>

#include <cppunit/extensions/HelperMacros.h>

#include <string>
#include <vector>

namespace z4j::engine_rq {
namespace {

class CopiesTest : public CppUnit::TestFixture {
  CPPUNIT_TEST_SUITE(CopiesTest);
  CPPUNIT_TEST(a_job_comes_back_as_it_was);
  CPPUNIT_TEST(refuses_bytes_of_others);
  CPPUNIT_TEST_SUITE_END();

  static CopiedJob any_job() {
    CopiedJob job;
    job.id = "j:1";
    job.ttl_ms = 1500;
    job.fields = {"status", "queued", "data", std::string("\x80\0:\xff", 4), "empty", ""};
    job.dependents = {"a", "b:c"};
    return job;
  }

  void a_job_comes_back_as_it_was() {
    const CopiedJob job = any_job(), back = unpack(pack(job));
    CPPUNIT_ASSERT_EQUAL(job.id, back.id);
    CPPUNIT_ASSERT_EQUAL(job.ttl_ms, back.ttl_ms);
    CPPUNIT_ASSERT(job.fields == back.fields && job.dependents == back.dependents);
    CPPUNIT_ASSERT(back.dependencies.empty());
  }

  void refuses_bytes_of_others() {
    const std::string good = pack(any_job());
    std::vector<std::string> wrong = {"",     "3:rq1", "3:rq2" + good.substr(5), good + "0:",
                                      "99:x", "-1:x",  "3:rq11:x2:-11:14:oops"};
    for (std::size_t cut = 0; cut < good.size(); ++cut) wrong.push_back(good.substr(0, cut));
    wrong.push_back("3:rq11:x2:-112:99999999999");
    for (const std::string& bytes : wrong)
      CPPUNIT_ASSERT_THROW(static_cast<void>(unpack(bytes)), Error);
  }
};

CPPUNIT_TEST_SUITE_REGISTRATION(CopiesTest);

}  // namespace
}  // namespace z4j::engine_rq
