#include "wire/version.hpp"

namespace z4j::wire {
namespace {

// Takes digits off the front; none when there are none or too many.
std::optional<int> take_number(std::string_view& text) {
  int n = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    if (digits == 6) return std::nullopt;
    n = n * 10 + (text[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return n;
}

bool take_point(std::string_view& text) {
  if (text.empty() || text.front() != '.') return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Version> parse_version(std::string_view text) {
  Version v;
  const auto major = take_number(text);
  if (!major) return std::nullopt;
  v.major = *major;
  if (take_point(text)) {
    v.minor = take_number(text).value_or(0);
    if (take_point(text)) v.patch = take_number(text).value_or(0);
  }
  if (v == Version()) return std::nullopt;
  return v;
}

bool is_at_least(std::string_view version, Version least) {
  const auto parsed = parse_version(version);
  return parsed && *parsed >= least;
}

std::string_view to_string(VersionStatus status) noexcept {
  switch (status) {
    case VersionStatus::current:
      return "current";
    case VersionStatus::outdated:
      return "outdated";
    case VersionStatus::newer_than_known:
      return "newer_than_known";
    case VersionStatus::incompatible:
      return "incompatible";
    case VersionStatus::unknown:
      break;
  }
  return "unknown";
}

VersionStatus version_status(std::string_view agent_version, std::string_view level) {
  const auto agent = parse_version(agent_version), ours = parse_version(level);
  if (!agent || !ours) return VersionStatus::unknown;
  if (agent->major < ours->major) return VersionStatus::incompatible;
  if (*agent > *ours) return VersionStatus::newer_than_known;
  return *agent < *ours ? VersionStatus::outdated : VersionStatus::current;
}

base::Status accepts(std::string_view agent_version, std::string_view level) {
  constexpr std::size_t kLongest = 24;  // the whole fits the 123 bytes of a close frame
  const auto agent = parse_version(agent_version), ours = parse_version(level);
  if (!agent || !ours || agent->major + 1 >= ours->major) return {};
  return base::Error{.code = base::Code::unsupported,
                     .message = "agent version " + std::string(agent_version.substr(0, kLongest)) +
                                " is too old for brain " + std::string(level.substr(0, kLongest)) +
                                "; update it to " + std::to_string(ours->major - 1) + ".x or later",
                     .where = "version",
                     .hint = {}};
}

}  // namespace z4j::wire
