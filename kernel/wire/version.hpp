// Package versions of agents, and which of them we talk to. The protocol version is another thing.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace z4j::wire {

// The upstream release whose behaviour ours is: goes out as brain_version, and agents are compared
// with it. Our own version is separate.
inline constexpr std::string_view kUpstreamLevel = "1.12.0";

struct Version {
  int major = 0, minor = 0, patch = 0;
  friend auto operator<=>(const Version&, const Version&) = default;
};
// "1.12.0", "1.12", "1", "1.12.0rc1"; none for anything that does not begin with a number, and for
// "0.0.0", which agents send when they don't know.
[[nodiscard]] std::optional<Version> parse_version(std::string_view text);
// Is it known, and not older than that?
[[nodiscard]] bool is_at_least(std::string_view version, Version least);

enum class VersionStatus { current, outdated, newer_than_known, incompatible, unknown };
[[nodiscard]] std::string_view to_string(VersionStatus status) noexcept;
// A lower major is incompatible, even one that is let in: people have to be told. A higher one is
// newer_than_known.
[[nodiscard]] VersionStatus version_status(std::string_view agent_version,
                                           std::string_view level = kUpstreamLevel);

// Agents of our major, the one before it, and newer ones are let in, and those that don't tell. The
// error is unsupported, where kVersion; its message is the close reason, names both versions and
// fits a close frame.
[[nodiscard]] base::Status accepts(std::string_view agent_version,
                                   std::string_view level = kUpstreamLevel);

}  // namespace z4j::wire
