// main() of every CppUnit program: runs all registered tests, or those whose path contains the
// first argument; prints each name so that a hang names its test. Exit 1 on failure or if none ran.
#include <cppunit/BriefTestProgressListener.h>
#include <cppunit/CompilerOutputter.h>
#include <cppunit/Test.h>
#include <cppunit/TestResult.h>
#include <cppunit/TestResultCollector.h>
#include <cppunit/extensions/TestFactoryRegistry.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

void collect(CppUnit::Test* test, const std::string& filter, std::vector<CppUnit::Test*>& out) {
  if (test->getChildTestCount() == 0) {
    if (test->getName().find(filter) != std::string::npos) out.push_back(test);
    return;
  }
  for (int i = 0; i < test->getChildTestCount(); ++i) collect(test->getChildTestAt(i), filter, out);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  CppUnit::TestResult controller;
  CppUnit::TestResultCollector collected;
  CppUnit::BriefTestProgressListener progress;
  controller.addListener(&collected);
  controller.addListener(&progress);
  const std::unique_ptr<CppUnit::Test> all(CppUnit::TestFactoryRegistry::getRegistry().makeTest());
  std::vector<CppUnit::Test*> chosen;
  collect(all.get(), argc > 1 ? argv[1] : "", chosen);
  for (CppUnit::Test* test : chosen) test->run(&controller);
  CppUnit::CompilerOutputter(&collected, std::cerr).write();
  const bool ran = collected.runTests() > 0;
  if (!ran) std::cerr << "no test matches\n";
  return ran && collected.wasSuccessful() ? 0 : 1;
}
