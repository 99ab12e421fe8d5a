// Rows, predicates and steps over a small schema with every type, merge rule and kind of key, as
// plain values: what two drivers are compared by.
#pragma once

#include <z4j/abi.h>
#include <z4j/storage.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <z4j/storage.hpp>
#include "plugin/host.hpp"

namespace z4j::contract::raw {

using Val = std::variant<std::monostate, std::int64_t, double, std::string>;
using Line = std::vector<Val>;  // one row, by output

// things: every type and rule. log: append-only, by time. leases: for fencing.
enum TableNumber : std::uint16_t { kThings, kLog, kLeases };
enum ThingColumn : std::uint16_t {
  kId,
  kFlag,
  kWhole,
  kReal,
  kTime,
  kUuid,
  kText,
  kBytes,
  kJson,
  kKept,
  kLow,
  kHigh,
  kSum,
  kState,
  kDetail,
  kStamp,
  kThingColumns
};
enum LogColumn : std::uint16_t { kLogTime, kLogId, kLogText };
enum LeaseColumn : std::uint16_t { kLeaseName, kLeaseOwner, kLeaseFence, kLeaseUntil };

// Version 1, or a later one with a column and a table more.
[[nodiscard]] const z4j_schema& schema(std::uint32_t version = 1);
[[nodiscard]] const z4j_table& table(std::uint16_t number);

struct Pred {
  std::uint16_t column = 0, cmp = 0, any = 0;
  std::vector<Val> values;
  std::string path;
  bool now = false;  // the value is the store's clock plus values[0] microseconds
};

struct Change {
  std::uint16_t column = 0, merge = 0;
  Val value;
  bool now = false;
};

// A step that owns what it points to.
struct Step {
  std::uint16_t verb = 0, table = 0;
  std::vector<std::uint16_t> columns;  // of `lines`
  std::vector<Line> lines;
  std::vector<Pred> preds;
  std::vector<Change> sets;
  std::uint32_t limit = 0;
  std::uint64_t expect_min = 0, expect_max = ~std::uint64_t{0};
  bool want_outcome = false;
};

struct Done {
  base::Code code = base::Code::ok;
  std::string text;
  std::uint32_t bad_step = ~0u, bad_row = ~0u, bad_key = ~0u;
  std::vector<std::uint64_t> affected;
  std::vector<std::vector<std::uint8_t>> outcomes;
  [[nodiscard]] bool ok() const { return code == base::Code::ok; }
};

[[nodiscard]] Done commit(plugin::StorageClient::Session& session, const std::vector<Step>& steps,
                          std::uint32_t flags = 0);

struct Out {
  std::uint16_t column = 0, agg = 0;
  std::int64_t bucket = 0;
};

struct Query {
  std::uint16_t table = kThings;
  std::vector<Pred> preds;
  std::vector<Out> outs;  // empty: every column
  std::vector<std::uint16_t> order;
  std::vector<Val> after;
  bool descending = false;
  std::uint32_t limit = 0;
  std::uint64_t scan_limit = 0;
};

struct Answer {
  base::Code code = base::Code::ok;
  std::string text;
  std::vector<Line> lines;
};
[[nodiscard]] Answer read(plugin::StorageClient::Session& session, const Query& query,
                          std::uint32_t page_rows = 100);

// For messages.
[[nodiscard]] std::string shown(const std::vector<Line>& lines);

}  // namespace z4j::contract::raw
