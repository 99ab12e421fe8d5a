// Tasks: list, export, one of them, its events, its workflow.
#include <algorithm>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "api/task_export.hpp"
#include "core/text.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::text_or_null;

constexpr std::string_view kPriorities[] = {"critical", "high", "normal", "low"};

std::vector<std::string> split_terms(std::string_view list) {
  std::vector<std::string> out(1);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '\\' && i + 1 < list.size() && (list[i + 1] == ',' || list[i + 1] == '\\'))
      out.back() += list[++i];
    else if (list[i] == ',')
      out.emplace_back();
    else
      out.back() += list[i];
  }
  return out;
}

// Unknown states and priorities are ignored, as clients of old expect.
core::TaskFilter read_filter(Input& query) {
  core::TaskFilter filter;
  if (const auto state = query.text("state", {0, 40})) {
    if (std::find(core::kTaskStateNames.begin(), core::kTaskStateNames.end(), *state) !=
        core::kTaskStateNames.end())
      filter.state = *state;
  }
  if (const auto list = query.text("priority", {0, 200})) {
    std::string_view rest = *list;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string word = core::ascii_lower(core::trimmed(rest.substr(0, comma)));
      if (std::find(std::begin(kPriorities), std::end(kPriorities), word) != std::end(kPriorities))
        filter.priorities.push_back(std::move(word));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  filter.name = query.text("name", {0, 200});
  filter.search = query.text("search", {0, 200});
  filter.queue = query.text("queue", {0, 200});
  filter.worker = query.text("worker", {0, 200});
  filter.engine = query.text("engine", {0, 40});
  if (const auto terms = query.text("arg", {0, 1000})) {
    // Several are joined by AND; a comma within a value has a backslash before it.
    for (const std::string& word : split_terms(*terms)) {
      auto term = core::ArgFilter::parse(word);
      if (!term || filter.args.size() == core::ArgFilter::kMaxTerms) {
        query.problem("arg", "value_error",
                      "must be at most 4 of " + std::string(core::ArgFilter::kExpected) +
                          ", with commas between");
        break;
      }
      filter.args.push_back(std::move(*term));
    }
  }
  filter.since = query.time("since");
  filter.until = query.time("until");
  return filter;
}

net::Response list_tasks(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const core::TaskFilter filter = read_filter(query);
  const Paging paging =
      read_paging(query, List::tasks, settings.rest_default_page_size, settings.rest_max_page_size);
  const auto format = query.text("format", {0, 10});
  const auto fields = query.text("fields", {0, 500});
  if (format && *format != "csv" && *format != "json")
    query.problem("format", "literal_error", "must be csv or json");
  if (!query.ok()) return query.refused(call.request);
  if (format)
    return export_tasks(site, *call.project, filter, paging.after, *format, fields.value_or(""));
  auto page = site.tasks.list(call.project->id, filter, paging.after, paging.limit);
  if (!page) return refuse(call, page.error());
  Object out = page_json(to_json_array(page->items), List::tasks, page->next);
  if (page->searched_until) out["searched_until"] = time_or_null(page->searched_until);
  return json_answer(200, out);
}

net::Response get_task(Site& site, Call& call) {
  auto task = site.tasks.find(call.project->id, call.param("engine"), call.param("task_id"));
  if (!task) return refuse(call, task.error());
  auto sources = site.tasks.sources(call.project->id, task->engine, task->task_id);
  if (!sources) return refuse(call, sources.error());
  auto agents = site.fleet.agents(call.project->id);
  if (!agents) return refuse(call, agents.error());
  Object told;
  for (const core::TaskSource& source : *sources) {
    const auto agent = std::find_if(agents->begin(), agents->end(),
                                    [&](const auto& one) { return one.id == source.agent_id; });
    base::json::Value& list = told[source.facts];
    if (list.is_null()) list = Array();
    list.get_array().push_back(
        Object{{"agent_id", source.agent_id.text()},
               {"name", text_or_null(agent == agents->end() ? "" : agent->name)}});
  }
  Object out = to_json(*task);
  out["sources"] = std::move(told);
  return json_answer(200, out);
}

net::Response get_task_tree(Site& site, Call& call) {
  auto tree = site.tasks.tree(call.project->id, call.param("engine"), call.param("task_id"));
  if (!tree) return refuse(call, tree.error());
  Array nodes;
  for (const core::TaskNode& n : tree->nodes) {
    nodes.push_back(Object{{"task_id", n.task_id},
                           {"name", n.name},
                           {"state", n.state},
                           {"parent_task_id", text_or_null(n.parent_task_id)},
                           {"root_task_id", text_or_null(n.root_task_id)},
                           {"received_at", time_or_null(n.received_at)},
                           {"finished_at", time_or_null(n.finished_at)}});
  }
  return json_answer(200, Object{{"root_task_id", tree->root_task_id},
                                 {"node_count", tree->nodes.size()},
                                 {"truncated", tree->truncated},
                                 {"nodes", std::move(nodes)}});
}

net::Response list_events(Site& site, Call& call) {
  Input query = Input::of_query(call.request);
  const config::Settings& settings = site.parts.settings;
  const auto engine = query.text("engine", {1, 40}, Need::required);
  const auto task_id = query.text("task_id", {1, 200}, Need::required);
  const Paging paging = read_paging(query, List::events, settings.rest_default_page_size,
                                    settings.rest_max_page_size);
  if (!query.ok()) return query.refused(call.request);
  auto page = site.tasks.events(call.project->id, *engine, *task_id, paging.after, paging.limit);
  return page ? json_answer(200, page_json(to_json_array(page->items), List::events, page->next))
              : refuse(call, page.error());
}

}  // namespace

void add_task_routes(Router& router) {
  const Policy viewer{Gate::signed_in, core::Action::read_project};
  router.add("GET", "/api/v1/projects/{slug}/tasks", viewer, list_tasks);
  router.add("GET", "/api/v1/projects/{slug}/tasks/{engine}/{task_id}", viewer, get_task);
  router.add("GET", "/api/v1/projects/{slug}/tasks/{engine}/{task_id}/tree", viewer, get_task_tree);
  router.add("GET", "/api/v1/projects/{slug}/events", viewer, list_events);
}

}  // namespace z4j::api
