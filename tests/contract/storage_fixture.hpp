// What suites over a driver share: a bench of their own, and short words for what must hold.
#pragma once

#include <cppunit/TestFixture.h>
#include <cppunit/extensions/HelperMacros.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "storage_bench.hpp"

namespace z4j::contract {

class StorageFixture : public CppUnit::TestFixture {
 protected:
  explicit StorageFixture(const char* plugin) : bench_(plugin) {}

  void must(core::Commit& commit) {
    const base::Status done = store_.commit(commit);
    CPPUNIT_ASSERT_MESSAGE(text_of(done), done.ok());
  }
  void must(core::Commit&& commit) { must(commit); }
  std::vector<core::Row> read(const core::Query& query) {
    auto rows = store_.read(query);
    CPPUNIT_ASSERT_MESSAGE(rows ? "" : rows.error().text(), rows.ok());
    return std::move(rows).value();
  }
  std::uint64_t count(model::Table table, const core::Where& where = {}) {
    return store_.count(table, where).value();
  }
  // Asserts that the act crosses at most so often, and that so many rows reach the kernel.
  template <class Act>
  void within(unsigned calls, std::uint64_t rows, Act act) {
    const Crossings c = bench_.crossings(act);
    CPPUNIT_ASSERT_MESSAGE(std::to_string(c.calls()) + " calls", c.calls() <= calls);
    CPPUNIT_ASSERT_MESSAGE(std::to_string(c.rows) + " rows", c.rows <= rows);
  }

  Bench bench_;
  core::Store& store_ = bench_.store();
};

}  // namespace z4j::contract
