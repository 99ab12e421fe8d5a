// Building a z4j_rows row by row, for answers. One thread; view() is valid until the next change.
#pragma once

#include <z4j/abi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace z4j::store {

class RowsOut {
 public:
  // A cell is pushed to each column in turn, then end_row().
  void add_column(std::uint16_t column, std::uint16_t form) {
    columns_.emplace_back();
    columns_.back().column = column;
    columns_.back().form = form;
  }
  void clear() {
    rows_ = 0;
    bytes_ = 0;
    for (Column& c : columns_) {
      c.has_null = false;
      c.valid.clear();
      c.nums.clear();
      c.reals.clear();
      c.bytes.clear();
      c.offsets.assign(1, 0);
    }
  }
  [[nodiscard]] std::size_t columns() const noexcept { return columns_.size(); }
  [[nodiscard]] std::uint16_t form(std::size_t i) const noexcept { return columns_[i].form; }
  [[nodiscard]] std::uint32_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

  void null(std::size_t i) {
    Column& c = columns_[i];
    mark(c, false);
    switch (c.form) {
      case Z4J_FORM_NUM:
        c.nums.push_back(0);
        break;
      case Z4J_FORM_REAL:
        c.reals.push_back(0);
        break;
      case Z4J_FORM_16:
        c.bytes.append(16, '\0');
        break;
      default:
        c.offsets.push_back(static_cast<std::uint32_t>(c.bytes.size()));
    }
  }
  void num(std::size_t i, std::int64_t v) {
    mark(columns_[i], true);
    columns_[i].nums.push_back(v);
    bytes_ += 8;
  }
  void real(std::size_t i, double v) {
    mark(columns_[i], true);
    columns_[i].reals.push_back(v);
    bytes_ += 8;
  }
  // FORM_16 (then 16 bytes) or FORM_VAR.
  void bytes(std::size_t i, std::string_view v) {
    Column& c = columns_[i];
    mark(c, true);
    c.bytes.append(v);
    bytes_ += v.size() + 4;
    if (c.form != Z4J_FORM_16) c.offsets.push_back(static_cast<std::uint32_t>(c.bytes.size()));
  }
  void end_row() { ++rows_; }

  [[nodiscard]] const z4j_rows* view() {
    cols_.clear();
    for (const Column& c : columns_) {
      z4j_col out{};
      out.column = c.column;
      out.form = c.form;
      out.valid = c.has_null ? c.valid.data() : nullptr;
      switch (c.form) {
        case Z4J_FORM_NUM:
          out.data = c.nums.data();
          break;
        case Z4J_FORM_REAL:
          out.data = c.reals.data();
          break;
        case Z4J_FORM_16:
          out.data = c.bytes.data();
          break;
        default:
          out.text = z4j_strcol{c.offsets.data(), c.bytes.data()};
      }
      cols_.push_back(out);
    }
    view_ = z4j_rows{
        sizeof(z4j_rows), rows_, cols_.data(), static_cast<std::uint32_t>(cols_.size()), 0, bytes_};
    return &view_;
  }

 private:
  struct Column {
    std::uint16_t column = 0, form = 0;
    bool has_null = false;
    std::vector<std::uint8_t> valid;
    std::vector<std::int64_t> nums;
    std::vector<double> reals;
    std::string bytes;
    std::vector<std::uint32_t> offsets{0};
  };
  void mark(Column& c, bool valid) {
    if (rows_ % 8 == 0) c.valid.push_back(0);
    if (valid) {
      c.valid.back() = static_cast<std::uint8_t>(c.valid.back() | (1u << (rows_ % 8)));
    } else {
      c.has_null = true;
    }
  }

  std::vector<Column> columns_;
  std::uint32_t rows_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<z4j_col> cols_;
  z4j_rows view_{};
};

}  // namespace z4j::store
