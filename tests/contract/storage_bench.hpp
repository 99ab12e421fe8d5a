// A storage driver as the contract suite sees it: loaded through the plugin host as in production,
// with what crosses the boundary counted. The suites are templates over the drivers below.
#pragma once

#ifdef Z4J_CONTRACT_GIVEN
#include <cppunit/TestCase.h>
#include <cppunit/extensions/HelperMacros.h>
#endif

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "core/store.hpp"
#include "plugin/host.hpp"

namespace z4j::contract {

struct Sqlite {
  static constexpr const char* kPlugin = "storage-sqlite";
  static constexpr bool kKeeps = true, kExplains = true,
                        kBacksUp = true;  // survives a restart; explain, backup are there
};
struct Memory {
  static constexpr const char* kPlugin = "storage-memory";
  static constexpr bool kKeeps = false, kExplains = false, kBacksUp = false;
};
struct Postgresql {
  static constexpr const char* kPlugin = "storage-postgresql";
  static constexpr bool kKeeps = true, kExplains = true, kBacksUp = false;
};

// The driver that z4j-plugin-check was given.
struct Given {
  static constexpr const char* kPlugin = "given";
  static constexpr bool kKeeps = true, kExplains = true, kBacksUp = false;
};
#ifdef Z4J_CONTRACT_GIVEN
struct GivenDriver {
  std::string directory;                         // has given.so, and storage-memory.so as the model
  std::function<base::json::Object()> settings;  // for a store of its own, each time
};
[[nodiscard]] GivenDriver& given_driver();

// Makes its fixture, and with it a store, when it runs: the checker holds all cases and runs one.
template <class Fixture>
class LateCase : public CppUnit::TestCase {
 public:
  LateCase(const std::string& name, void (Fixture::*act)()) : TestCase(name), act_(act) {}
  void runTest() override {
    Fixture fixture;
    fixture.setUp();
    (fixture.*act_)();
    fixture.tearDown();
  }

 private:
  void (Fixture::*act_)();
};
#undef CPPUNIT_TEST
#define CPPUNIT_TEST(method)                                                   \
  CPPUNIT_TEST_SUITE_ADD_TEST((new ::z4j::contract::LateCase<TestFixtureType>( \
      context.getTestNameFor(#method), &TestFixtureType::method)))
#endif

// What the SDK begins a driver with, as it is.
struct Begun {
  static constexpr const char* kPlugin = "storage-begun";
  static constexpr bool kKeeps = false, kExplains = false, kBacksUp = false;
};

// What crossed the boundary. Opening sessions is not counted: the kernel keeps them.
struct Crossings {
  unsigned commits = 0, reads = 0;
  std::uint64_t rows = 0;  // that reached the kernel
  [[nodiscard]] unsigned calls() const { return commits + reads; }
};

class Bench {
 public:
  // `folder` "": one of its own, gone with it. Throws std::runtime_error with the driver's reason.
  explicit Bench(const std::string& plugin, const std::string& folder = {});
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  [[nodiscard]] plugin::StorageClient& client() { return *client_; }
  // Over the kernel's schema; opened by the first call.
  [[nodiscard]] core::Store& store();
  // What `act` made cross.
  [[nodiscard]] Crossings crossings(const std::function<void()>& act);
  // Channels and payloads that came back as notices.
  [[nodiscard]] std::vector<std::string> notices() const;
  // The database file; "" when the driver has none.
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
  std::shared_ptr<plugin::StorageClient> client_;
  std::unique_ptr<core::Store> store_;
  std::string file_;
};

// "" or the error's text: for assertions.
[[nodiscard]] inline std::string text_of(const base::Status& status) {
  return status ? "" : status.error().text();
}

}  // namespace z4j::contract
