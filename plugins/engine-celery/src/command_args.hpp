// What commands are given, read and checked. Everything throws Z4J_INVALID with what is expected.
#pragma once

#include "lib/json/json.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::engine_celery {

[[nodiscard]] json::Object refused(std::string reason);

// A name that stands for itself: not empty, of bearable length, clean text.
[[nodiscard]] std::string checked_name(std::string_view name, const char* what);
// Such a name in a member; "" when it is not there.
[[nodiscard]] std::string worker_in(const json::Object& args);
// The queue, which is never one of Celery's own keys.
[[nodiscard]] std::string checked_queue(std::string_view name);
[[nodiscard]] std::string queue_in(const json::Object& args, std::string_view member = "queue");

// Named priorities depend on which end the broker serves first.
enum class Served { lowest_first, highest_first };
[[nodiscard]] std::optional<int> priority_in(const json::Object& args, Served served);
[[nodiscard]] std::optional<std::int64_t> eta_in(const json::Object& args);
[[nodiscard]] std::string signal_in(const json::Object& args);

// A member that holds arguments, as text; "" when it is not there.
enum class Shape { array, object };
[[nodiscard]] std::string arguments_in(std::string_view args, const char* name, Shape shape);

// A whole number in a member, within bounds.
[[nodiscard]] std::int64_t number_in(const json::Object& args, std::string_view member,
                                     std::int64_t least, std::int64_t most);
[[nodiscard]] bool given(const json::Object& args, std::string_view member);

}  // namespace z4j::engine_celery
