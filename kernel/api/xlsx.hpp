// A workbook of one sheet, written row by row into a temporary file without a name.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace z4j::api {

// Not thread-safe. Errors: too_large (over kMostBytes of texts), unavailable (no room for the
// file).
class Xlsx {
 public:
  static constexpr std::size_t kMostBytes = std::size_t{128} << 20;

  // A bold, shaded first row that stays in sight.
  [[nodiscard]] static base::Result<Xlsx> open(const std::string& sheet,
                                               const std::vector<std::string>& columns);
  Xlsx(Xlsx&&) noexcept;
  ~Xlsx();

  // Texts over what a cell can hold are cut; what is no text, number or boolean is written as JSON.
  [[nodiscard]] base::Status add(const base::json::Array& row);
  // No more rows. Then read() gives the file in pieces: empty when it is over.
  [[nodiscard]] base::Status close();
  [[nodiscard]] base::Result<std::string> read();

 private:
  struct Inside;
  explicit Xlsx(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::api
