#include "api/watched_page.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "api/cursor.hpp"
#include "api/shapes.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

constexpr std::size_t kMostRemoved = 1000;  // that are remembered
constexpr std::size_t kMostPayload = 8u << 10;
constexpr std::size_t kNameBytes = 9;
constexpr std::string_view kPayloads[] = {"args",      "kwargs",    "result",
                                          "exception", "traceback", "evidence"};

std::string_view json_bool(bool value) { return value ? "true" : "false"; }

}  // namespace

WatchedPage::WatchedPage(WatchedQuery query)
    : query_(std::move(query)), name_(base::base64url(base::random_bytes(kNameBytes))) {}

base::Status WatchedPage::read(core::Tasks& tasks, base::TimeUs now) {
  auto page = tasks.list(query_.project, query_.filter, query_.after, query_.limit);
  if (!page) return std::move(page).error();
  if (page->searched_until)
    return core::refuse::error(base::Code::timeout, "query", "the search took too long");
  std::map<base::Uuid, Row*> known;
  for (Row& row : rows_) known.emplace(row.id, &row);
  std::vector<Row> rows;
  bytes_ = 0;
  for (const core::TaskView& task : page->items) {
    Row row;
    row.id = task.id;
    base::json::Object json = to_json(task);
    row.is_cut = task.bytes > kMostPayload;
    for (const std::string_view payload : kPayloads) {
      if (row.is_cut) json[payload] = nullptr;
    }
    row.json = base::json::write(json);
    bytes_ += row.json.size();
    if (const auto found = known.find(row.id); found != known.end()) {
      if (found->second->json == row.json) row.number = found->second->number;
      known.erase(found);
    }
    rows.push_back(std::move(row));
  }
  for (const auto& [id, row] : known) removed_.emplace_back(++number_, id);
  for (Row& row : rows) {
    if (row.number == 0) row.number = ++number_;
  }
  for (; removed_.size() > kMostRemoved; removed_.pop_front()) forgotten_ = removed_.front().first;
  rows_ = std::move(rows);
  next_ = page->next;
  read_at_ = now;
  return {};
}

void WatchedPage::set_counts(std::string counts, bool is_approximate) {
  if (counts == counts_ && is_approximate == are_counts_approximate_) return;
  counts_ = std::move(counts);
  are_counts_approximate_ = is_approximate;
  ++counts_number_;
}

bool WatchedPage::has_news(const Place& place) const noexcept {
  return place.owes_frame || place.row < number_ || place.counts != counts_number_;
}

bool WatchedPage::holds(const base::Uuid& id) const {
  return std::any_of(rows_.begin(), rows_.end(), [&](const Row& row) { return row.id == id; });
}

std::string WatchedPage::next_frame(Place& place, std::string_view id_json) const {
  if (place.row < forgotten_) {
    place.is_beginning = true;
    place.row = 0;
  }
  const bool is_reset = place.is_beginning;
  const std::uint64_t since = place.row;
  std::vector<const Row*> changed;
  for (const Row& row : rows_) {
    if (row.number > since) changed.push_back(&row);
  }
  std::sort(changed.begin(), changed.end(),
            [](const Row* a, const Row* b) { return a->number < b->number; });
  std::string list, cut;
  std::size_t taken = 0;
  for (; taken < changed.size(); ++taken) {
    const Row& row = *changed[taken];
    if (taken == kFrameRows || (taken > 0 && list.size() + row.json.size() > kFrameBytes)) break;
    if (taken > 0) list += ',';
    list += row.json;
    if (row.is_cut) cut += (cut.empty() ? "\"" : ",\"") + row.id.text() + '"';
  }
  const bool has_more = taken < changed.size();
  place.row = has_more ? changed[taken - 1]->number : number_;
  std::string removed;
  // Who begins anew never knew them.
  for (const auto& [number, id] : removed_) {
    if (since > 0 && number > since && number <= place.row && !holds(id))
      removed += (removed.empty() ? "\"" : ",\"") + id.text() + '"';
  }
  place.counts = counts_number_;
  place.owes_frame = place.is_beginning = false;
  const std::string next = next_ ? '"' + write_cursor(List::tasks, *next_) + '"' : "null";
  std::string out = R"({"type":"rows","id":)";
  out.append(id_json).append(R"(,"at":")").append(base::format_time(read_at_));
  out.append(R"(","cursor":")").append(name_ + "." + std::to_string(place.row));
  out.append(R"(","reset":)").append(json_bool(is_reset));
  out.append(R"(,"changed":[)").append(list).append(R"(],"removed":[)").append(removed);
  out.append(R"(],"cut":[)").append(cut).append(R"(],"counts":)").append(counts_);
  out.append(R"(,"counts_approximate":)").append(json_bool(are_counts_approximate_));
  out.append(R"(,"next_cursor":)").append(next);
  out.append(R"(,"more":)").append(json_bool(has_more)).append("}");
  return out;
}

std::optional<WatchedPage::Place> WatchedPage::place_of(std::string_view cursor) const {
  const std::size_t dot = cursor.rfind('.');
  if (dot == std::string_view::npos || cursor.substr(0, dot) != name_) return std::nullopt;
  Place place;
  const char* const end = cursor.data() + cursor.size();
  const auto [rest, error] = std::from_chars(cursor.data() + dot + 1, end, place.row);
  if (error != std::errc() || rest != end || place.row > number_ || place.row < forgotten_ ||
      place.row == 0)
    return std::nullopt;
  place.counts = counts_number_;
  place.is_beginning = false;
  return place;
}

}  // namespace z4j::api
