// The fields of a query or of a JSON body: each is asked for with its rule, and every problem is
// remembered, so that one answer names them all.
//
// Values are never quoted back. Numbers and booleans may come as text ("5", "on"); texts may not
// come as numbers. Null is the same as missing.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "net/http.hpp"

namespace z4j::api {

enum class Need { optional, required };

struct Length {
  std::size_t min = 0, max = 200;  // characters
};

class Input {
 public:
  [[nodiscard]] static Input of_query(const net::Request& request);
  // No body counts as {}.
  [[nodiscard]] static Input of_body(const net::Request& request);

  [[nodiscard]] std::optional<std::string> text(std::string_view name, Length length,
                                                Need need = Need::optional);
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name, std::int64_t min,
                                                    std::int64_t max, Need need = Need::optional);
  [[nodiscard]] bool boolean(std::string_view name, bool fallback);
  [[nodiscard]] std::optional<base::Uuid> uuid(std::string_view name, Need need = Need::optional);
  [[nodiscard]] std::optional<base::TimeUs> time(std::string_view name);
  [[nodiscard]] std::optional<base::json::Object> object(std::string_view name,
                                                         Need need = Need::optional);
  [[nodiscard]] std::optional<base::json::Array> array(std::string_view name);
  // A list of texts.
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view name,
                                                              std::size_t max_count, Length each);
  // All of them as they came, for readers with rules of their own.
  [[nodiscard]] const base::json::Object& fields() const noexcept { return fields_; }
  // Members of other names are problems.
  void only(std::initializer_list<std::string_view> names);
  // There, even as null.
  [[nodiscard]] bool has(std::string_view name) const { return fields_.contains(name); }
  [[nodiscard]] bool is_null(std::string_view name) const;

  void problem(std::string_view name, std::string_view type, std::string message);
  [[nodiscard]] bool ok() const noexcept { return problems_.empty(); }
  // "limit: must be 1 to 200"; requires !ok().
  [[nodiscard]] std::string first_problem() const;
  // 422, in both shapes.
  [[nodiscard]] net::Response refused(const net::Request& request) const;

 private:
  struct Problem {
    std::string name, type, message;
  };
  explicit Input(std::string_view part) : part_(part) {}
  [[nodiscard]] const base::json::Value* value(std::string_view name, Need need);

  std::string_view part_;  // body, query
  base::json::Object fields_;
  std::vector<Problem> problems_;
};

}  // namespace z4j::api
