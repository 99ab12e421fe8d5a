#include "lib/schedule/python_objects.hpp"

#include "lib/calendar/zone.hpp"
#include "lib/text/text.hpp"

#include <z4j/plugin.hpp>

#include <cstdio>
#include <string>

namespace z4j::schedule {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

bool ends_with(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

}  // namespace

std::vector<pickle::NodeId> PythonObjects::arguments(pickle::NodeId id,
                                                     std::string_view name_ends) const {
  if (id >= doc_.nodes.size()) return {};
  const pickle::Node& node = doc_[id];
  if (node.kind != pickle::Kind::object || !ends_with(node.text, name_ends) ||
      node.args >= doc_.nodes.size())
    return {};
  return doc_[node.args].items;
}

std::optional<pickle::NodeId> PythonObjects::member(pickle::NodeId dict,
                                                    std::string_view key) const {
  if (dict >= doc_.nodes.size() || doc_[dict].kind != pickle::Kind::dict) return std::nullopt;
  const std::vector<pickle::NodeId>& pairs = doc_[dict].pairs;
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    const pickle::Node& name = doc_[pairs[i]];
    if (name.kind == pickle::Kind::text && name.text == key) return pairs[i + 1];
  }
  return std::nullopt;
}

std::optional<std::int64_t> PythonObjects::integer(pickle::NodeId id) const {
  if (id >= doc_.nodes.size() || doc_[id].kind != pickle::Kind::integer) return std::nullopt;
  return doc_[id].integer;
}

std::optional<std::int64_t> PythonObjects::timedelta_us(pickle::NodeId id) const {
  const auto parts = arguments(id, "datetime.timedelta");
  if (parts.size() < 3) return std::nullopt;
  const auto days = integer(parts[0]), seconds = integer(parts[1]), us = integer(parts[2]);
  if (!days || !seconds || !us || *days < 0 || *days > 36'525 || *seconds < 0 ||
      *seconds > 86'400 || *us < 0 || *us > kSecond)
    return std::nullopt;
  return (*days * 86'400 + *seconds) * kSecond + *us;
}

std::optional<std::int64_t> PythonObjects::datetime_us(pickle::NodeId id) const {
  const auto parts = arguments(id, "datetime.datetime");
  if (parts.empty() || doc_[parts[0]].text.size() != 10) return std::nullopt;
  const std::string& b = doc_[parts[0]].text;
  const auto byte = [&](std::size_t i) {
    return static_cast<int>(static_cast<unsigned char>(b[i]));
  };
  char iso[64];
  std::snprintf(iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02d.%06d", byte(0) * 256 + byte(1),
                byte(2) & 0x7f, byte(3), byte(4), byte(5), byte(6),
                byte(7) * 65'536 + byte(8) * 256 + byte(9));
  const auto wall = text::parse_iso_time(iso);
  if (!wall) return std::nullopt;
  const auto offset =
      parts.size() > 1 ? offset_us(parts[1], *wall) : std::optional<std::int64_t>(0);
  if (!offset) return std::nullopt;
  return *wall - *offset;
}

std::optional<std::string_view> PythonObjects::zone_name(pickle::NodeId id) const {
  if (id >= doc_.nodes.size()) return std::nullopt;
  const pickle::Node& zone = doc_[id];
  if (zone.text == "pytz._UTC" || zone.text == "datetime.timezone.utc") return "UTC";
  const auto parts = arguments(id, "");
  if (zone.text == "datetime.timezone" && !parts.empty() && timedelta_us(parts[0]) == 0)
    return "UTC";
  if (parts.empty() || doc_[parts[0]].kind != pickle::Kind::text) return std::nullopt;
  return doc_[parts[0]].text;
}

std::optional<std::int64_t> PythonObjects::offset_us(pickle::NodeId id,
                                                     std::int64_t wall_us) const {
  const auto parts = arguments(id, "");
  // pytz writes the offset that holds beside the name.
  if (ends_with(doc_[id].text, "pytz._p") && parts.size() >= 2) {
    if (const auto seconds = integer(parts[1])) return *seconds * kSecond;
  }
  if (doc_[id].text == "datetime.timezone" && !parts.empty()) {
    const auto away = arguments(parts[0], "datetime.timedelta");
    if (away.size() < 2 || !integer(away[0]) || !integer(away[1])) return std::nullopt;
    const std::int64_t days = *integer(away[0]), seconds = *integer(away[1]);
    if (days < -1 || days > 0 || seconds < 0 || seconds > 86'400) return std::nullopt;
    return (days * 86'400 + seconds) * kSecond;
  }
  const auto name = zone_name(id);
  if (!name) return std::nullopt;
  if (*name == "UTC") return 0;
  try {
    const std::int64_t seconds = wall_us / kSecond;
    return (seconds - calendar::zone_named(*name)->instant_of(seconds)) * kSecond;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace z4j::schedule
