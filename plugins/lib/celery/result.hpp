// What the result store keeps about one task (celery-task-meta-<id>).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::celery {

struct ResultMeta {
  std::string task_id, status;  // status as Celery writes it: SUCCESS, FAILURE ...
  std::optional<std::int64_t> done_us;
  std::string task, worker, queue, parent_id, group;  // mostly with result_extended only
  std::string args, kwargs;          // JSON texts, both or none; result_extended only
  std::string result;                // JSON text of a success
  std::string exception, traceback;  // exception as Python shows it: ValueError('x')
  std::uint32_t retries = 0;
  bool has_children = false;
};

// Nothing when it is not JSON of that shape (other serializers, other programs).
[[nodiscard]] std::optional<ResultMeta> read_result(std::string_view bytes);

// "success", "failure", "retry", "revoked", "started", "received", "pending" or "unknown".
[[nodiscard]] std::string_view state_name(std::string_view status);
[[nodiscard]] bool is_final(std::string_view status);

}  // namespace z4j::celery
