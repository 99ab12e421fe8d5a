// The declared tables as ordered maps, and the steps of a commit on them. The plain model of the
// storage contract: other drivers are compared with it, so clarity goes before speed.
//
// Not thread-safe; the driver holds one mutex. Failures are z4j::Error, after which nothing has
// changed.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace z4j::memory {

// Null sorts first; text and bytes by their bytes.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;
using Row = std::vector<Cell>;  // by place of the column
using Key = std::vector<Cell>;

[[nodiscard]] Cell cell_of(const z4j_value& value, std::uint16_t type, std::int64_t now_us);
[[nodiscard]] bool matches(const z4j_table& table, const Row& row, const z4j_pred* preds,
                           std::uint32_t count, std::int64_t now_us);

class Tables {
 public:
  Tables(const z4j_schema& schema, std::uint64_t max_bytes);

  // Grows to a later version of the schema.
  void fit(const z4j_schema& schema);
  // Runs the steps; fills affected, outcome and bad_*. Expects checked steps.
  void run(z4j_commit& commit, std::int64_t now_us);

  [[nodiscard]] const std::map<Key, Row>& rows(std::uint32_t table) const {
    return tables_[table].rows;
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  struct Table {
    std::map<Key, Row> rows;
    std::vector<std::map<Key, Key>> unique;  // by place of the key; parts -> primary key
  };
  struct Undo {
    std::uint32_t table;
    Key key;
    std::optional<Row> row;
  };
  struct Taken {
    std::uint32_t key;
  };

  void step(z4j_commit& commit, z4j_step& s, std::int64_t now_us);
  void row_step(z4j_commit& commit, z4j_step& s, std::int64_t now_us);
  std::uint8_t one_row(const z4j_step& s, std::uint32_t row, std::int64_t now_us);
  [[nodiscard]] std::vector<Key> matching(const z4j_step& s, std::int64_t now_us) const;
  void put(std::uint32_t table, const Key& key, Row row);
  void erase(std::uint32_t table, const Key& key);
  void replace(std::uint32_t table, const Key& key, std::optional<Row> row);

  const z4j_schema* schema_;
  std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;
  std::vector<Table> tables_;
  std::vector<Undo> undo_;
};

}  // namespace z4j::memory
