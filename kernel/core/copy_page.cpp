#include "core/copy_page.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/copy_json.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

// A digest covers so many rows at a time, so that a hash is not begun for each.
constexpr std::uint64_t kRowsPerBlock = 256;

enum class CellForm { num, real, uuid, text };

CellForm cell_form(std::uint16_t type) {
  switch (type) {
    case Z4J_T_BOOL:
    case Z4J_T_INT:
    case Z4J_T_TIME:
      return CellForm::num;
    case Z4J_T_REAL:
      return CellForm::real;
    case Z4J_T_UUID:
      return CellForm::uuid;
    default:
      return CellForm::text;
  }
}

template <class Number>
void put_number(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}

template <class Number>
Number number_at(std::string_view bytes) {
  Number value{};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

base::Error damaged_page(const z4j_table& table, std::string_view what) {
  return base::Error{
      .code = base::Code::corrupt,
      .message = "rows of " + std::string(table.name.ptr, table.name.len) + " " + std::string(what),
      .where = {},
      .hint = {}};
}

void append_cell(std::string& out, const z4j_col& col, std::uint32_t row) {
  if (col.valid != nullptr && (col.valid[row / 8] >> (row % 8) & 1) == 0) {
    out += '\0';
    return;
  }
  out += '\1';
  switch (col.form) {
    case Z4J_FORM_NUM:
      put_number(out, static_cast<const std::int64_t*>(col.data)[row]);
      return;
    case Z4J_FORM_REAL:
      put_number(out, static_cast<const double*>(col.data)[row]);
      return;
    case Z4J_FORM_16:
      out.append(static_cast<const char*>(col.data) + std::size_t{row} * 16, 16);
      return;
    default:
      break;
  }
  const std::uint32_t i =
      col.form == Z4J_FORM_DICT ? static_cast<const std::uint32_t*>(col.data)[row] : row;
  const std::uint32_t from = col.text.offsets[i], to = col.text.offsets[i + 1];
  put_number(out, static_cast<std::uint32_t>(to - from));
  if (from < to) out.append(col.text.data + from, to - from);
}

// As it counts for a checksum.
void append_meaning(std::string& out, std::uint16_t type, const RowCell& cell) {
  out += cell.is_null ? '\0' : '\1';
  if (cell.is_null) return;
  if (type == Z4J_T_REAL) {
    const double value = cell.real();
    put_number(out, value == 0 ? 0.0 : value);  // minus zero is zero
    return;
  }
  if (type != Z4J_T_JSON) {
    if (cell_form(type) == CellForm::text)
      put_number(out, static_cast<std::uint32_t>(cell.bytes.size()));
    out += cell.bytes;
    return;
  }
  const std::size_t at = out.size();
  put_number(out, std::uint32_t{0});
  append_json_meaning(out, cell.bytes);
  const auto length = static_cast<std::uint32_t>(out.size() - at - sizeof(std::uint32_t));
  std::memcpy(out.data() + at, &length, sizeof length);
}

}  // namespace

std::int64_t RowCell::num() const noexcept { return number_at<std::int64_t>(bytes); }
double RowCell::real() const noexcept { return number_at<double>(bytes); }

RowWalk::RowWalk(const RowPage& page)
    : page_(page), table_(model::table(page.table)), rest_(page.bytes) {}

base::Result<bool> RowWalk::next(std::vector<RowCell>& cells) {
  if (page_.columns == 0 || page_.columns > table_.column_count)
    return damaged_page(table_, "have unknown columns");
  if (row_ == page_.rows) {
    if (!rest_.empty()) return damaged_page(table_, "are followed by other bytes");
    return false;
  }
  cells.resize(page_.columns);
  for (std::uint32_t c = 0; c < page_.columns; ++c) {
    RowCell& cell = cells[c];
    if (rest_.empty()) return damaged_page(table_, "end within a row");
    const char mark = rest_.front();
    rest_.remove_prefix(1);
    if (mark != 0 && mark != 1) return damaged_page(table_, "hold a cell of no known kind");
    cell = RowCell{.is_null = mark == 0, .bytes = {}};
    if (cell.is_null) continue;
    const CellForm form = cell_form(table_.columns[c].type);
    std::size_t length = form == CellForm::uuid ? 16 : 8;
    if (form == CellForm::text) {
      if (rest_.size() < sizeof(std::uint32_t)) return damaged_page(table_, "end within a row");
      length = number_at<std::uint32_t>(rest_);
      rest_.remove_prefix(sizeof(std::uint32_t));
    }
    if (rest_.size() < length) return damaged_page(table_, "end within a row");
    cell.bytes = rest_.substr(0, length);
    rest_.remove_prefix(length);
  }
  ++row_;
  return true;
}

base::Status append_rows(RowPage& page, const z4j_rows& rows) {
  const z4j_table& table = model::table(page.table);
  std::vector<const z4j_col*> by_number(page.columns, nullptr);
  for (std::uint32_t i = 0; i < rows.col_count; ++i) {
    if (rows.cols[i].column < page.columns) by_number[rows.cols[i].column] = &rows.cols[i];
  }
  if (std::find(by_number.begin(), by_number.end(), nullptr) != by_number.end())
    return damaged_page(table, "came without all of their columns");
  for (std::uint32_t row = 0; row < rows.rows; ++row) {
    for (const z4j_col* col : by_number) append_cell(page.bytes, *col, row);
  }
  page.rows += rows.rows;
  return {};
}

base::Result<Rows> insertable(const RowPage& page) {
  const z4j_table& table = model::table(page.table);
  Rows out(page.table);
  RowWalk walk(page);
  std::vector<RowCell> cells;
  for (;;) {
    const auto more = walk.next(cells);
    if (!more) return more.error();
    if (!*more) return out;
    out.begin();
    for (std::uint16_t c = 0; c < page.columns; ++c) {
      const RowCell& cell = cells[c];
      const std::uint16_t type = table.columns[c].type;
      if (cell.is_null) {
        out.null(c);
        continue;
      }
      switch (cell_form(type)) {
        case CellForm::num:
          out.num(c, cell.num());
          break;
        case CellForm::real:
          if (std::isnan(cell.real())) return damaged_page(table, "hold a number that is none");
          out.real(c, cell.real());
          break;
        case CellForm::uuid:
          out.uuid(c, base::Uuid::from_bytes(cell.bytes));
          break;
        case CellForm::text:
          if (type != Z4J_T_BYTES &&
              (cell.bytes.find('\0') != std::string_view::npos || !is_utf8(cell.bytes)))
            return damaged_page(table, "hold text that is not UTF-8");
          out.text(c, cell.bytes);
          break;
      }
    }
  }
}

base::Result<std::optional<RowKey>> RowKey::last_of(const RowPage& page) {
  const z4j_table& table = model::table(page.table);
  const z4j_key& primary = table.keys[0];
  RowWalk walk(page);
  std::vector<RowCell> cells, last;
  for (;;) {
    const auto more = walk.next(cells);
    if (!more) return more.error();
    if (!*more) break;
    last.swap(cells);
  }
  if (last.empty()) return std::optional<RowKey>();
  RowKey key;
  for (std::uint32_t i = 0; i < primary.column_count; ++i) {
    const std::uint16_t c = primary.columns[i];
    if (c >= last.size() || last[c].is_null) return damaged_page(table, "lack their primary key");
    const bool is_number = cell_form(table.columns[c].type) == CellForm::num;
    key.nums_.push_back(is_number ? last[c].num() : 0);
    key.texts_.emplace_back(is_number ? std::string_view() : last[c].bytes);
  }
  return std::optional<RowKey>(std::move(key));
}

std::strong_ordering RowKey::compare(const RowKey& other) const {
  for (std::size_t i = 0; i < nums_.size(); ++i) {
    if (const auto order = nums_[i] <=> other.nums_[i]; order != 0) return order;
    if (const int order = texts_[i].compare(other.texts_[i]); order != 0) return order <=> 0;
  }
  return std::strong_ordering::equal;
}

base::Status TableSummer::add(const RowPage& page) {
  const z4j_table& table = model::table(page.table);
  RowWalk walk(page);
  for (;;) {
    const auto more = walk.next(cells_);
    if (!more) return more.error();
    if (!*more) return {};
    for (std::uint32_t c = 0; c < page.columns; ++c)
      append_meaning(block_, table.columns[c].type, cells_[c]);
    if (++rows_ % kRowsPerBlock == 0) close_block();
  }
}

void TableSummer::close_block() {
  block_.insert(0, reinterpret_cast<const char*>(digest_.data()), digest_.size());
  digest_ = base::sha256(block_);
  block_.clear();
}

TableSum TableSummer::sum() const {
  if (block_.empty()) return {.rows = rows_, .digest = digest_};
  TableSummer last(*this);
  last.close_block();
  return {.rows = rows_, .digest = last.digest_};
}

}  // namespace z4j::core
