#include "core/alert_index.hpp"

#include <algorithm>

namespace z4j::core {
namespace {

namespace sub = model::user_subscriptions;

std::optional<std::size_t> place_of(std::string_view trigger) noexcept {
  for (std::size_t i = 0; i < kTriggers.size(); ++i) {
    if (kTriggers[i].name == trigger) return i;
  }
  return std::nullopt;
}

bool is_about_tasks(std::string_view trigger) noexcept { return trigger.starts_with("task."); }

}  // namespace

base::Result<std::shared_ptr<const AlertIndex>> AlertIndex::load(Store& store) {
  const auto index = std::make_shared<AlertIndex>();
  namespace p = model::projects;
  Query projects(Table::projects);
  projects.where.eq(p::is_active, true);
  auto read = store.each(projects.columns({p::id, p::slug, p::name}), [&](const Row& row) {
    index->projects_[row.uuid(p::id)] = {std::string(row.text(p::slug)),
                                         std::string(row.text(p::name))};
    return true;
  });
  if (!read) return std::move(read).error();
  Query query(Table::user_subscriptions);
  query.where.eq(sub::is_active, true);
  read = store.each(query.all().limit(kMostSubscriptions), [&](const Row& row) {
    const auto entry = std::make_shared<AlertEntry>();
    Subscription& s = entry->subscription;
    s = subscription_of(row);
    const auto place = place_of(s.trigger);
    if (!place || !index->projects_.contains(s.project_id)) return true;
    if (!s.in_app && s.project_channel_ids.empty() && s.user_channel_ids.empty()) return true;
    entry->filter = SubscriptionFilter::of(base::json::Value(s.filters));
    base::TimeUs silent = s.muted_until.value_or(0);
    if (s.last_fired_at) silent = std::max(silent, *s.last_fired_at + entry->cooldown());
    entry->silent_until = silent;
    index->hears_tasks_ = index->hears_tasks_ || is_about_tasks(s.trigger);
    ++index->size_;
    index->by_project_[s.project_id][*place].push_back(entry);
    return true;
  });
  if (!read) return std::move(read).error();
  return std::shared_ptr<const AlertIndex>(index);
}

const AlertEntries* AlertIndex::find(const base::Uuid& project, std::string_view trigger) const {
  const auto found = by_project_.find(project);
  const auto place = place_of(trigger);
  if (found == by_project_.end() || !place || found->second[*place].empty()) return nullptr;
  return &found->second[*place];
}

std::optional<std::int64_t> AlertIndex::slow_ms(const base::Uuid& project,
                                                std::int64_t usual_ms) const {
  const AlertEntries* entries = find(project, kTaskSlow);
  if (entries == nullptr) return std::nullopt;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (const auto& entry : *entries) {
    const auto& own = entry->filter.slower_than_seconds;
    least = std::min(least, own ? *own * 1'000 : usual_ms);
  }
  return least;
}

std::vector<base::Uuid> AlertIndex::projects(std::string_view trigger) const {
  std::vector<base::Uuid> out;
  const auto place = place_of(trigger);
  if (!place) return out;
  for (const auto& [id, by_trigger] : by_project_) {
    if (!by_trigger[*place].empty()) out.push_back(id);
  }
  return out;
}

const OccasionProject& AlertIndex::project(const base::Uuid& id) const {
  static const OccasionProject kUnknown;
  const auto found = projects_.find(id);
  return found == projects_.end() ? kUnknown : found->second;
}

}  // namespace z4j::core
