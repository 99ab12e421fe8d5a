// Objects of Python's standard library inside a pickle, for plugins whose backend pickles its
// schedules. Reads only; what is not of the expected class is nothing.
#pragma once

#include "lib/pickle/pickle.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace z4j::schedule {

class PythonObjects {
 public:
  explicit PythonObjects(const pickle::Document& doc) : doc_(doc) {}

  // What a class whose name ends so was called with; "" for any class.
  [[nodiscard]] std::vector<pickle::NodeId> arguments(pickle::NodeId id,
                                                      std::string_view name_ends) const;
  // The value of a text key of a dict.
  [[nodiscard]] std::optional<pickle::NodeId> member(pickle::NodeId dict,
                                                     std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(pickle::NodeId id) const;
  // datetime.timedelta in microseconds; nothing below zero or beyond a century.
  [[nodiscard]] std::optional<std::int64_t> timedelta_us(pickle::NodeId id) const;
  // An aware datetime.datetime in UTC microseconds; a naive one is taken as UTC.
  [[nodiscard]] std::optional<std::int64_t> datetime_us(pickle::NodeId id) const;
  // The IANA name of a tzinfo, of pytz, zoneinfo or datetime.timezone.utc.
  [[nodiscard]] std::optional<std::string_view> zone_name(pickle::NodeId id) const;

 private:
  [[nodiscard]] std::optional<std::int64_t> offset_us(pickle::NodeId zone,
                                                      std::int64_t wall_us) const;

  const pickle::Document& doc_;
};

}  // namespace z4j::schedule
