#include "core/worker_wishes.hpp"

#include <z4j/abi.h>

#include "core/refusal.hpp"
#include "model/ids.hpp"

namespace z4j::core {
namespace {

namespace wish_col = model::worker_wishes;
namespace json = base::json;

struct WishKind {
  std::string_view action, kind;
};
constexpr WishKind kWishKinds[] = {{"rate_limit", "rate_limit"},    {"time_limit", "time_limit"},
                                   {"add_consumer", "consumer"},    {"autoscale", "autoscale"},
                                   {"cancel_consumer", "consumer"}, {"pause_queue", "pause"},
                                   {"resume_queue", "pause"}};

std::string_view kind_of(std::string_view action) {
  for (const WishKind& each : kWishKinds) {
    if (each.action == action) return each.kind;
  }
  return {};
}

base::Uuid wish_id(const base::Uuid& project, std::string_view engine, std::string_view kind,
                   std::string_view target, std::string_view worker) {
  return model::derived_id(
      project, "worker wish", engine,
      std::string(kind) + "\n" + std::string(target) + "\n" + std::string(worker));
}

WorkerWish wish_of(const Row& row) {
  WorkerWish out;
  out.id = row.uuid(wish_col::id);
  out.engine = row.text(wish_col::engine);
  out.kind = row.text(wish_col::kind);
  out.target = row.text(wish_col::target);
  out.worker = row.text(wish_col::worker);
  if (json::Value args = row.json(wish_col::args); args.is_object())
    out.args = std::move(args.get_object());
  out.command_id = row.uuid_or_none(wish_col::command_id);
  out.created_at = row.num(wish_col::created_at);
  out.updated_at = row.num(wish_col::updated_at);
  out.asserted_at = row.num_or_none(wish_col::asserted_at);
  out.asserted = row.num(wish_col::asserted);
  return out;
}

}  // namespace

std::uint64_t WorkerWish::verb() const noexcept {
  if (kind == "rate_limit") return Z4J_ENGINE_RATE;
  if (kind == "time_limit") return Z4J_ENGINE_TIME_LIMIT;
  if (kind == "consumer") return Z4J_ENGINE_POOL;
  if (kind == "autoscale") return Z4J_ENGINE_AUTOSCALE;
  return kind == "pause" ? Z4J_ENGINE_PAUSE : 0;
}

std::string WorkerWish::verb_target() const {
  return kind == "consumer" || kind == "autoscale" ? worker : target;
}

void note_wish(Commit& commit, const base::Uuid& project, std::string_view engine,
               std::string_view action, const std::string& target, const std::string& args_json,
               const json::Object& result, const base::Uuid& command, base::TimeUs now) {
  const std::string_view kind = kind_of(action);
  if (kind.empty()) return;
  auto parsed = json::parse(args_json);
  if (!parsed || !parsed->is_object()) return;
  json::Object& args = parsed->get_object();
  const bool is_of_worker = kind == "consumer" || kind == "autoscale";
  const std::string worker(is_of_worker ? std::string_view(target) : json::text(args, "worker"));
  std::string about = is_of_worker ? std::string() : target;
  if (kind == "consumer") about = json::text(args, action);
  const base::Uuid id = wish_id(project, engine, kind, about, worker);
  if (action == "resume_queue") {
    Where self;
    self.eq(wish_col::id, id);
    commit.erase(Table::worker_wishes, std::move(self));
    return;
  }
  if (kind == "pause") {
    json::Array reached;
    if (const json::Object* workers = json::object(result, "workers")) {
      for (const auto& [name, said] : *workers) {
        if (said == "done") reached.emplace_back(name);
      }
    }
    if (!reached.empty()) args["workers"] = std::move(reached);
  }
  Rows rows(Table::worker_wishes);
  rows.begin()
      .uuid(wish_col::id, id)
      .uuid(wish_col::project_id, project)
      .text(wish_col::engine, engine)
      .text(wish_col::kind, kind)
      .text(wish_col::target, about)
      .text(wish_col::worker, worker)
      .text(wish_col::args, json::write(args))
      .uuid(wish_col::command_id, command)
      .num(wish_col::asserted, 0)
      .num(wish_col::created_at, now)
      .num(wish_col::updated_at, now);
  commit.merge(std::move(rows));
}

base::Result<std::vector<WorkerWish>> wishes_of(Store& store, const base::Uuid& project,
                                                const std::string& engine) {
  std::vector<WorkerWish> out;
  Query query(Table::worker_wishes);
  query.where.eq(wish_col::project_id, project).eq(wish_col::engine, engine);
  query.all().order({wish_col::created_at, wish_col::id}, true).limit(kMostWishes);
  auto read = store.each(query, [&out](const Row& row) {
    out.push_back(wish_of(row));
    return true;
  });
  if (!read) return std::move(read).error();
  return out;
}

base::Result<json::Array> paused_workers(Store& store, const base::Uuid& project,
                                         const std::string& engine, const std::string& queue) {
  Query query(Table::worker_wishes);
  query.where.eq(wish_col::id, wish_id(project, engine, "pause", queue, ""));
  auto row = store.first(query.all());
  if (!row) return std::move(row).error();
  json::Array out;
  if (!row->has_value()) return out;
  const WorkerWish wish = wish_of(**row);
  if (const json::Array* workers = json::array(wish.args, "workers")) out = *workers;
  return out;
}

base::Status note_asserted(Store& store, const std::vector<base::Uuid>& ids, base::TimeUs now) {
  if (ids.empty()) return {};
  Where said;
  said.in(wish_col::id, {ids.begin(), ids.end()});
  Commit commit;
  commit.update(Table::worker_wishes, std::move(said),
                {{wish_col::asserted_at, now, Z4J_M_MAX}, {wish_col::asserted, 1, Z4J_M_ADD}});
  return store.commit(commit.relaxed());
}

base::Result<Page<WorkerWish>> list_wishes(Store& store, const base::Uuid& project,
                                           const std::optional<Place>& after, std::uint32_t limit) {
  Query query(Table::worker_wishes);
  query.where.eq(wish_col::project_id, project);
  query.all().order({wish_col::created_at, wish_col::id}, true);
  if (after) query.after({Cell(after->at), Cell(after->id)});
  return read_page<WorkerWish>(
      store, std::move(query), limit, wish_of,
      [](const WorkerWish& wish) {
        return Place{wish.created_at, wish.id};
      },
      [](const WorkerWish&) { return std::size_t{500}; });
}

base::Status drop_wish(Store& store, Audit& audit, const base::Uuid& project, const base::Uuid& id,
                       const Actor& actor) {
  Query query(Table::worker_wishes);
  query.where.eq(wish_col::id, id).eq(wish_col::project_id, project);
  auto row = store.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("wish");
  const WorkerWish wish = wish_of(**row);
  AuditEntry entry = AuditEntry::of(actor, "worker.wish_dropped", "worker", wish.worker, project);
  entry.metadata = {{"engine", wish.engine}, {"kind", wish.kind}, {"target", wish.target}};
  return audit.commit({std::move(entry)}, [&id](Commit& commit) {
    Where self;
    self.eq(wish_col::id, id);
    commit.erase(Table::worker_wishes, std::move(self));
  });
}

}  // namespace z4j::core
