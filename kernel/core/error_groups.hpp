// Groups of errors of a project, as people look at them: from the roll-ups that ErrorFold fills.
//
// A window is whole hours. At most kMostErrorGroups groups are looked at, those seen last and those
// counted most; `truncated` says that there are more. A list is computed once for all its pages and
// kept for a moment. Thread-safe. Errors: not_found; else the store's.
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/uuid.hpp"
#include "core/page.hpp"
#include "core/recent.hpp"
#include "core/store.hpp"

namespace z4j::core {

// Retention keeps so many of a project, those seen last; between its runs there may be more.
inline constexpr std::uint32_t kMostErrorGroups = 2000;

enum class ErrorOrder { count, last_seen, first_seen };  // greatest or latest first

struct ErrorQuery {
  std::int64_t hours = 24;
  ErrorOrder order = ErrorOrder::count;
  std::string name = {}, queue = {}, exception = {};  // exactly; empty: all
  std::string search = {};                            // part of the exception or its message
  friend auto operator<=>(const ErrorQuery&, const ErrorQuery&) = default;
};

struct ErrorGroup {
  std::string fingerprint, exception, message;  // the last two of the latest failure, may be empty
  std::int64_t count = 0;                       // in the window
  base::TimeUs first_seen_at = 0, last_seen_at = 0;
  bool is_new = false;                          // first seen in the window
  std::vector<std::string> task_names, queues;  // those counted most
  bool task_names_more = false;
  std::string engine, task_id;  // of the latest failure
  std::vector<std::int64_t> series;
};

struct ErrorWindow {
  base::TimeUs since = 0, until = 0;
  std::int64_t bucket_s = 3600;
};

struct ErrorGroups {
  std::vector<ErrorGroup> items;
  ErrorWindow window;
  std::size_t total = 0;  // groups that fit
  bool truncated = false;
  std::optional<Place> next;
};

struct CountedText {
  std::string value;
  std::int64_t count = 0;
};

struct ErrorGroupDetail {
  ErrorGroup group;
  ErrorWindow window;
  std::string traceback;
  std::vector<CountedText> by_name, by_queue;  // at most 50 each, the most first
  std::uint64_t open_failures = 0;             // tasks that stand failed by it now
  bool open_failures_capped = false;           // there are more than are counted
};

class Errors {
 public:
  Errors(Store& store, const base::Clock& clock, std::int64_t keep_ms);

  // `buckets` 0: no series.
  [[nodiscard]] base::Result<ErrorGroups> list(const base::Uuid& project, const ErrorQuery& asked,
                                               std::int64_t buckets,
                                               const std::optional<Place>& after,
                                               std::uint32_t limit);
  [[nodiscard]] base::Result<ErrorGroupDetail> find(const base::Uuid& project,
                                                    std::string_view fingerprint,
                                                    std::int64_t hours, std::int64_t buckets);

 private:
  struct Found {
    std::string fingerprint;
    std::int64_t value = 0, count = 0;
  };
  struct Listed {
    std::vector<Found> groups;  // in their order
    bool truncated = false;
  };
  struct Key {
    base::Uuid project;
    ErrorQuery asked;
    base::TimeUs since = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  [[nodiscard]] base::Result<std::shared_ptr<const Listed>> compute(const Key& key);
  // What the rows of these groups say; `traceback` of the one, when asked for.
  [[nodiscard]] base::Status describe(const base::Uuid& project, const ErrorWindow& window,
                                      std::vector<ErrorGroup>& groups,
                                      std::string* traceback = nullptr);
  [[nodiscard]] base::Status count_over_time(const Where& which, const ErrorWindow& window,
                                             std::vector<ErrorGroup>& groups);

  Store& store_;
  const base::Clock& clock_;
  Recent<Key, std::shared_ptr<const Listed>> kept_;
};

}  // namespace z4j::core
