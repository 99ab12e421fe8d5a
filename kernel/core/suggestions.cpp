#include "core/suggestions.hpp"

#include <algorithm>
#include <set>

namespace z4j::core {
namespace {

namespace named_col = model::tasks;

constexpr std::uint32_t kSuggestTimeoutMs = 2000, kSuggestPartMs = 300, kMostEngines = 500;

using ValueSet = std::set<std::string>;

// The names of tasks that fulfil `where`, lowest first.
base::Status read_names(Store& store, Where where, std::uint32_t limit, std::uint32_t timeout_ms,
                        ValueSet& out) {
  Query query(Table::tasks);
  query.where = std::move(where);
  query.group(named_col::name)
      .fold(Z4J_AGG_MIN, named_col::sort_at)
      .limit(limit)
      .timeout_ms(timeout_ms);
  return store.each(query, [&out](const Row& row) {
    out.emplace(row.text(0));
    return true;
  });
}

Where names_of(const base::Uuid& project) {
  Where where;
  where.eq(named_col::project_id, project);
  return where;
}

base::Result<std::vector<std::string>> suggest_names(Store& store, const base::Uuid& project,
                                                     std::string_view prefix, std::uint32_t limit) {
  ValueSet found;
  Where where = names_of(project);
  if (prefix.empty())
    where.not_null(named_col::name);
  else
    where.prefix(named_col::name, prefix);
  auto done = read_names(store, std::move(where), limit, kSuggestTimeoutMs, found);
  if (!done) return std::move(done).error();
  std::vector<std::string> out(found.begin(), found.end());
  if (prefix.empty() || out.size() >= limit) return out;
  ValueSet parts;
  where = names_of(project);
  where.contains(named_col::name, prefix);
  // Whoever types does not wait for it.
  done = read_names(store, std::move(where), 2 * limit, kSuggestPartMs, parts);
  if (!done && done.error().code != base::Code::timeout) return std::move(done).error();
  for (const std::string& name : parts) {
    if (out.size() < limit && !found.contains(name)) out.push_back(name);
  }
  return out;
}

// The distinct values of a column of a small table.
base::Status read_values(Store& store, Table table, std::uint16_t project_column,
                         const base::Uuid& project, std::uint16_t column, std::string_view prefix,
                         std::uint32_t limit, ValueSet& out) {
  Query query(table);
  query.where.eq(project_column, project);
  if (prefix.empty())
    query.where.not_null(column);
  else
    query.where.prefix(column, prefix);
  query.group(column).count().order({0}).limit(limit).timeout_ms(kSuggestTimeoutMs);
  return store.each(query, [&out](const Row& row) {
    out.emplace(row.text(0));
    return true;
  });
}

// Of workers, of queues, and those that agents tell.
base::Status read_engines(Store& store, const base::Uuid& project, std::string_view prefix,
                          std::uint32_t limit, ValueSet& out) {
  namespace agent = model::agents;
  auto done = read_values(store, Table::workers, model::workers::project_id, project,
                          model::workers::engine, prefix, limit, out);
  if (!done) return done;
  done = read_values(store, Table::queues, model::queues::project_id, project,
                     model::queues::engine, prefix, limit, out);
  if (!done) return done;
  Query query(Table::agents);
  query.where.eq(agent::project_id, project);
  query.columns({agent::engine_adapters}).limit(kMostEngines).timeout_ms(kSuggestTimeoutMs);
  return store.each(query, [&](const Row& row) {
    const base::json::Value engines = row.json(agent::engine_adapters);
    if (!engines.is_array()) return true;
    for (const base::json::Value& engine : engines.get_array()) {
      if (engine.is_string() && engine.get_string().starts_with(prefix))
        out.emplace(engine.get_string());
    }
    return true;
  });
}

}  // namespace

base::Result<std::vector<std::string>> suggest_values(Store& store, const base::Uuid& project,
                                                      SuggestedField field, std::string_view prefix,
                                                      std::uint32_t limit) {
  if (field == SuggestedField::name) return suggest_names(store, project, prefix, limit);
  ValueSet found;
  base::Status done;
  if (field == SuggestedField::queue)
    done = read_values(store, Table::queues, model::queues::project_id, project,
                       model::queues::name, prefix, limit, found);
  else if (field == SuggestedField::worker)
    done = read_values(store, Table::workers, model::workers::project_id, project,
                       model::workers::name, prefix, limit, found);
  else if (field == SuggestedField::exception)
    done = read_values(store, Table::error_groups, model::error_groups::project_id, project,
                       model::error_groups::exception, prefix, limit, found);
  else
    done = read_engines(store, project, prefix, limit, found);
  if (!done) return std::move(done).error();
  std::vector<std::string> out(found.begin(), found.end());
  if (out.size() > limit) out.resize(limit);
  return out;
}

}  // namespace z4j::core
