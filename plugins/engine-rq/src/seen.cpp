#include "src/seen.hpp"

#include <random>
#include <utility>

namespace z4j::engine_rq {

const char* place_name(Place place) {
  switch (place) {
    case Place::queue:
      return "queue";
    case Place::wip:
      return "wip";
    case Place::finished:
      return "finished";
    case Place::failed:
      return "failed";
    case Place::deferred:
      return "deferred";
    case Place::scheduled:
      return "scheduled";
    case Place::canceled:
      return "canceled";
    case Place::none:
      break;
  }
  return "";
}

Status status_of(std::string_view text) {
  static constexpr std::pair<std::string_view, Status> kNames[] = {
      {"created", Status::created},     {"queued", Status::queued},
      {"started", Status::started},     {"finished", Status::finished},
      {"failed", Status::failed},       {"deferred", Status::deferred},
      {"scheduled", Status::scheduled}, {"stopped", Status::stopped},
      {"canceled", Status::canceled}};
  for (const auto& [name, status] : kNames) {
    if (name == text) return status;
  }
  return Status::unknown;
}

SeenJobs::SeenJobs(std::size_t capacity) : half_(capacity / 2 + 1) {
  std::random_device random;
  salt_ = static_cast<std::uint64_t>(random()) << 32 | random();
}

// Salted FNV-1a with a final mix: job ids are chosen by others.
std::uint64_t SeenJobs::key(std::string_view job_id) const {
  std::uint64_t h = 14695981039346656037ull ^ salt_;
  for (const char c : job_id) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdull;
  return h ^ h >> 33;
}

Seen* SeenJobs::find(std::string_view job_id) {
  const std::uint64_t k = key(job_id);
  if (const auto it = young_.find(k); it != young_.end()) return &it->second;
  const auto it = old_.find(k);
  if (it == old_.end()) return nullptr;
  const Seen seen = it->second;
  old_.erase(it);
  put(job_id, seen);
  return &young_[k];
}

void SeenJobs::put(std::string_view job_id, const Seen& seen) {
  const std::uint64_t k = key(job_id);
  if (young_.size() >= half_ && young_.count(k) == 0) {
    old_ = std::move(young_);
    young_.clear();
  }
  old_.erase(k);
  young_[k] = seen;
}

void SeenJobs::forget(std::string_view job_id) {
  young_.erase(key(job_id));
  old_.erase(key(job_id));
}

}  // namespace z4j::engine_rq
