#include "api/xlsx.hpp"

#include <unistd.h>
#include <xlsxwriter.h>

#include <array>
#include <cstdio>

#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Value;

constexpr std::size_t kMostCellUnits = 32'767;  // UTF-16, as spreadsheets count
constexpr std::size_t kPieceBytes = std::size_t{64} << 10;
constexpr int kShade = 0xD9E1F2;

struct CloseFile {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

base::Error no_room(std::string_view why) {
  return {base::Code::unavailable, "can't write a workbook: " + std::string(why), "",
          "see that the folder of temporary files has room"};
}

// What a cell can hold: no more than its units, and no character that XML can't tell.
std::string cell_text(std::string_view text) {
  std::string out;
  std::size_t units = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    const std::string_view character = text.substr(at, bytes);
    units += bytes == 4 ? 2 : 1;
    if (units > kMostCellUnits) break;
    const bool is_none = character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF" || lead == 0;
    out += is_none ? std::string_view("\xEF\xBF\xBD") : character;
    at += bytes;
  }
  return out;
}

}  // namespace

struct Xlsx::Inside {
  ~Inside() {
    if (book != nullptr) workbook_close(book);  // frees it, whatever comes of the file
  }

  std::unique_ptr<std::FILE, CloseFile> file;
  lxw_workbook* book = nullptr;
  lxw_worksheet* sheet = nullptr;
  lxw_row_t rows = 0;
  std::size_t bytes = 0;
};

Xlsx::Xlsx(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Xlsx::Xlsx(Xlsx&&) noexcept = default;
Xlsx::~Xlsx() = default;

base::Result<Xlsx> Xlsx::open(const std::string& sheet, const std::vector<std::string>& columns) {
  auto in = std::make_unique<Inside>();
  in->file.reset(std::tmpfile());
  if (!in->file) return no_room("no temporary file");
  const std::string path = "/proc/self/fd/" + std::to_string(::fileno(in->file.get()));
  lxw_workbook_options options{};
  options.constant_memory = LXW_TRUE;
  in->book = workbook_new_opt(path.c_str(), &options);
  if (in->book == nullptr) return no_room("no memory");
  in->sheet = workbook_add_worksheet(in->book, sheet.c_str());
  if (in->sheet == nullptr) return no_room("no sheet");
  lxw_format* const head = workbook_add_format(in->book);
  format_set_bold(head);
  format_set_bg_color(head, kShade);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    worksheet_write_string(in->sheet, 0, static_cast<lxw_col_t>(i), columns[i].c_str(), head);
  }
  worksheet_freeze_panes(in->sheet, 1, 0);
  in->rows = 1;
  return Xlsx(std::move(in));
}

base::Status Xlsx::add(const base::json::Array& row) {
  Inside& in = *inside_;
  lxw_col_t column = 0;
  for (const Value& cell : row) {
    lxw_error error = LXW_NO_ERROR;
    if (cell.is_number()) {
      error = worksheet_write_number(in.sheet, in.rows, column, cell.to_number<double>(), nullptr);
    } else if (cell.is_bool()) {
      error = worksheet_write_boolean(in.sheet, in.rows, column, cell.get_bool() ? 1 : 0, nullptr);
    } else if (!cell.is_null()) {
      const std::string text =
          cell_text(cell.is_string() ? std::string(cell.get_string()) : base::json::write(cell));
      in.bytes += text.size();
      error = worksheet_write_string(in.sheet, in.rows, column, text.c_str(), nullptr);
    }
    if (error != LXW_NO_ERROR) return no_room(lxw_strerror(error));
    ++column;
  }
  ++in.rows;
  if (in.bytes <= kMostBytes) return {};
  return base::Error{base::Code::too_large, "the workbook would be too large", "too_large",
                     "take fewer columns or a shorter time, or csv"};
}

base::Status Xlsx::close() {
  Inside& in = *inside_;
  const lxw_error error = workbook_close(std::exchange(in.book, nullptr));
  if (error != LXW_NO_ERROR) return no_room(lxw_strerror(error));
  std::rewind(in.file.get());
  return {};
}

base::Result<std::string> Xlsx::read() {
  std::string piece(kPieceBytes, '\0');
  piece.resize(std::fread(piece.data(), 1, piece.size(), inside_->file.get()));
  if (piece.empty() && std::ferror(inside_->file.get()) != 0)
    return no_room("its file can't be read");
  return piece;
}

}  // namespace z4j::api
