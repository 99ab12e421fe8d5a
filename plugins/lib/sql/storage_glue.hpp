// What our SQL drivers and the plain model are made of: the SDK's glue, with every request checked.
#pragma once

#include <z4j/storage.hpp>

#include <string>

#include "lib/sql/store_check.hpp"

namespace z4j::store {

struct CheckedDriver : DriverState {
  static void check_schema(const z4j_schema& schema) { store::check_schema(schema); }
  static void check_step(const z4j_schema& schema, const z4j_step& step, std::uint32_t flags,
                         const std::string& where, std::uint32_t& bad_row) {
    store::check_step(schema, step, flags, where, bad_row);
  }
  static void check_query(const z4j_schema& schema, const z4j_query& query) {
    store::check_query(schema, query);
  }
};

}  // namespace z4j::store
