#include "core/agent_accounts.hpp"

#include <algorithm>
#include <utility>

#include "base/crypto.hpp"
#include "core/live.hpp"
#include "core/presence.hpp"
#include "core/rate_limit.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"
#include "wire/keys.hpp"

namespace z4j::core {
namespace {

namespace agent_col = model::agents;
namespace project_col = model::projects;

constexpr std::size_t kAgentNameCharacters = 200;
constexpr std::size_t kLongestToken = 200;
constexpr std::string_view kTokenPrefix = "z4j_agent_";
constexpr std::string_view kDuplicateName = "conflict_duplicate_name";
constexpr std::int64_t kFailureEveryMs = 60'000, kAnyFailureEveryMs = 1'000;
constexpr std::size_t kFailuresKept = 1'000;
constexpr std::uint32_t kPrunedAtOnce = 200, kForgottenAtOnce = 2'000;
constexpr int kForgetRounds = 50;

bool is_printable(std::string_view text) noexcept {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

base::Error duplicate_name(const std::string& name) {
  return base::Error{.code = base::Code::conflict,
                     .message = "this project has an agent called \"" + name + "\" already",
                     .where = std::string(kDuplicateName),
                     .hint = "choose another name, give the agent a new token, or delete it first"};
}

base::Error is_local_agent(const std::string& name) {
  return refuse::conflict(
      "local_agent", "agent " + name +
                         " is an engine instance of this brain: it has no token, and goes when "
                         "its [plugin] table goes");
}

// A value of an environment file, quoted where a shell or systemd would not take it as it is.
std::string env_value(std::string_view value) {
  const bool is_plain = std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_.:/@=,+%").find(c) != std::string_view::npos;
  });
  if (is_plain) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    if (std::string_view("\"\\$`").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

std::string environment_of(const AgentCredentials& of, std::string_view brain_url,
                           std::string_view project_slug) {
  return "Z4J_BRAIN_URL=" + env_value(brain_url) + "\nZ4J_TOKEN=" + of.token +
         "\nZ4J_PROJECT_ID=" + std::string(project_slug) + "\nZ4J_HMAC_SECRET=" + of.hmac_secret +
         "\nZ4J_AGENT_NAME=" + env_value(of.name) + "\nZ4J_AGENT_ID=" + of.agent_id.text() + "\n";
}

struct AgentAccounts::Known {
  base::Uuid id, project_id;
  std::string name, token_hash;
  bool is_local = false;
};

AgentAccounts::AgentAccounts(Store& store, Audit& audit, const base::Clock& clock, Options options)
    : store_(store), audit_(audit), clock_(clock), options_(std::move(options)) {}

AgentCredentials AgentAccounts::credentials(const base::Uuid& project, const base::Uuid& agent,
                                            std::string name, std::string token) const {
  AgentCredentials out;
  out.agent_id = agent;
  out.name = std::move(name);
  out.token = std::move(token);
  out.hmac_secret = wire::secret_text(wire::project_secret(options_.secret, project));
  return out;
}

base::Result<AgentAccounts::Known> AgentAccounts::find(const base::Uuid& project,
                                                       const base::Uuid& agent) {
  Query query(Table::agents);
  query.where.eq(agent_col::id, agent).eq(agent_col::project_id, project);
  auto row =
      store_.first(query.columns({agent_col::name, agent_col::token_hash, agent_col::is_local}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("agent");
  Known out;
  out.id = agent;
  out.project_id = project;
  out.name = (*row)->text(agent_col::name);
  out.token_hash = (*row)->text(agent_col::token_hash);
  out.is_local = (*row)->flag(agent_col::is_local);
  if (out.is_local) return is_local_agent(out.name);
  return out;
}

// --- changes ------------------------------------------------------------------------------------

base::Result<AgentCredentials> AgentAccounts::mint(const base::Uuid& project,
                                                   std::string_view given_name, const Actor& actor,
                                                   TokenForm form) {
  const std::string name(trimmed(given_name));
  if (name.empty() || !is_utf8(name) || count_characters(name) > kAgentNameCharacters ||
      !is_printable(name))
    return refuse::invalid("name", "name must have 1 to 200 printable characters");
  if (name.starts_with(kLocalAgentPrefix)) {
    return refuse::invalid("name", "names that begin with \"" + std::string(kLocalAgentPrefix) +
                                       "\" are those of engine instances of the brain");
  }
  const base::Uuid id = base::Uuid::random();
  AgentCredentials out =
      credentials(project, id, name,
                  (form == TokenForm::prefixed ? std::string(kTokenPrefix) : std::string()) +
                      base::random_token());
  const std::string hash = wire::token_hash(options_.secret, out.token);
  const base::TimeUs now = clock_.now();
  AuditEntry entry = AuditEntry::of(actor, "agent.token.minted", "agent", id.text(), project);
  entry.metadata = {{"name", name}};
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Rows rows(Table::agents);
        rows.begin()
            .uuid(agent_col::id, id)
            .uuid(agent_col::project_id, project)
            .text(agent_col::name, name)
            .num(agent_col::is_local, 0)
            .text(agent_col::token_hash, hash)
            .text(agent_col::protocol_version, "0")
            .text(agent_col::framework_adapter, "unknown")
            .text(agent_col::engine_adapters, "[]")
            .text(agent_col::scheduler_adapters, "[]")
            .text(agent_col::capabilities, "{}")
            .text(agent_col::state, "unknown")
            .num(agent_col::events_persisted, 0)
            .num(agent_col::events_dropped, 0)
            .num(agent_col::created_at, now)
            .num(agent_col::updated_at, now)
            .num(agent_col::token_changed_at, now);
        c.insert(std::move(rows));
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0)
      return duplicate_name(name);
    return std::move(done).error();
  }
  if (options_.on_changed) options_.on_changed(project, kAgentChanged);
  return out;
}

base::Result<AgentCredentials> AgentAccounts::rotate(const base::Uuid& project,
                                                     const base::Uuid& agent,
                                                     std::int64_t overlap_s, const Actor& actor) {
  if (overlap_s < 0 || overlap_s > kLongestOverlapS) {
    return refuse::invalid("overlap_seconds",
                           "overlap_seconds must be 0 to " + std::to_string(kLongestOverlapS));
  }
  auto known = find(project, agent);
  if (!known) return std::move(known).error();
  AgentCredentials out = credentials(project, agent, known->name, base::random_token());
  const std::string hash = wire::token_hash(options_.secret, out.token);
  const base::TimeUs now = clock_.now();
  const bool overlaps = overlap_s > 0 && !known->token_hash.empty();
  if (overlaps) out.previous_token_until = now + overlap_s * base::kSecondUs;
  AuditEntry entry = AuditEntry::of(actor, "agent.token.rotated", "agent", agent.text(), project);
  entry.metadata = {{"name", known->name}, {"overlap_seconds", overlaps ? overlap_s : 0}};
  Commit commit;
  auto done = audit_.commit(
      {std::move(entry)},
      [&](Commit& c) {
        Where self;
        self.eq(agent_col::id, agent).eq(agent_col::is_local, false);
        if (known->token_hash.empty())
          self.is_null(agent_col::token_hash);
        else
          self.eq(agent_col::token_hash, known->token_hash);
        c.update(
            Table::agents, std::move(self),
            {{agent_col::token_hash, hash},
             {agent_col::previous_token_hash, overlaps ? Cell(known->token_hash) : Cell()},
             {agent_col::previous_token_until, overlaps ? Cell(*out.previous_token_until) : Cell()},
             {agent_col::token_changed_at, now},
             {agent_col::state_reason, Cell()},
             {agent_col::updated_at, now}},
            1, 1);
        if (!overlaps && options_.tell_others) options_.tell_others(c, agent);
      },
      commit);
  if (!done) {
    if (done.error().code == base::Code::conflict && commit.bad_step() == 0) {
      return refuse::conflict("token_changed",
                              "somebody else changed this agent's token at the same moment");
    }
    return std::move(done).error();
  }
  if (!overlaps) closed(project, agent);
  if (options_.on_changed) options_.on_changed(project, kAgentChanged);
  return out;
}

base::Status AgentAccounts::revoke(const base::Uuid& project, const base::Uuid& agent,
                                   const Actor& actor) {
  auto known = find(project, agent);
  if (!known) return std::move(known).error();
  const base::TimeUs now = clock_.now();
  AuditEntry entry = AuditEntry::of(actor, "agent.token.revoked", "agent", agent.text(), project);
  entry.metadata = {{"name", known->name}};
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Where self, slots;
    self.eq(agent_col::id, agent).eq(agent_col::is_local, false);
    c.update(Table::agents, std::move(self),
             {{agent_col::token_hash, Cell()},
              {agent_col::previous_token_hash, Cell()},
              {agent_col::previous_token_until, Cell()},
              {agent_col::token_changed_at, now},
              {agent_col::state, "offline"},
              {agent_col::state_reason, "its token was revoked"},
              {agent_col::updated_at, now}});
    slots.eq(model::agent_workers::agent_id, agent).eq(model::agent_workers::state, "online");
    c.update(Table::agent_workers, std::move(slots),
             {{model::agent_workers::state, "offline"}, {model::agent_workers::updated_at, now}});
    if (options_.tell_others) options_.tell_others(c, agent);
  });
  if (!done) return done;
  closed(project, agent);
  return {};
}

base::Status AgentAccounts::remove(const base::Uuid& project, const base::Uuid& agent,
                                   const Actor& actor) {
  auto known = find(project, agent);
  if (!known) return std::move(known).error();
  AuditEntry entry = AuditEntry::of(actor, "agent.deleted", "agent", agent.text(), project);
  entry.metadata = {{"name", known->name}};
  if (auto done = erase(*known, std::move(entry), {}, {}); !done)
    return done.error().code == base::Code::conflict ? refuse::not_found("agent") : done;
  closed(project, agent);
  return {};
}

// `still` must hold of the row.
base::Status AgentAccounts::erase(const Known& agent, AuditEntry entry, Where still,
                                  const std::optional<Fence>& fence) {
  return audit_.commit({std::move(entry)}, [&](Commit& c) {
    if (fence) fence->guard(c);
    Where self = still;
    self.eq(agent_col::id, agent.id).eq(agent_col::is_local, false);
    c.check(Table::agents, self, 1, 1);
    c.erase(Table::agents, std::move(self));
    const auto and_its = [&](Table table, std::uint16_t column) {
      Where its;
      its.eq(column, agent.id);
      c.erase(table, std::move(its));
    };
    and_its(Table::agent_workers, model::agent_workers::agent_id);
    and_its(Table::agent_connections, model::agent_connections::agent_id);
    and_its(Table::agent_tasks, model::agent_tasks::agent_id);
    and_its(Table::routes, model::routes::agent_id);
    if (options_.tell_others) options_.tell_others(c, agent.id);
  });
}

void AgentAccounts::closed(const base::Uuid& project, const base::Uuid& agent) const {
  if (options_.on_closed) options_.on_closed(agent);
  if (options_.on_changed) options_.on_changed(project, kAgentChanged);
}

// --- who comes ----------------------------------------------------------------------------------

base::Result<std::optional<Row>> AgentAccounts::row_of(std::uint16_t column,
                                                       const std::vector<Cell>& hashes) {
  Query query(Table::agents);
  query.where.in(column, hashes).eq(agent_col::is_local, false);
  return store_.first(query.columns(
      {agent_col::id, agent_col::project_id, agent_col::name, agent_col::previous_token_until}));
}

base::Result<std::optional<AgentIdentity>> AgentAccounts::find_by_token(std::string_view token) {
  std::optional<AgentIdentity> out;
  if (token.empty() || token.size() > kLongestToken || !is_utf8(token)) return out;
  std::vector<Cell> hashes{Cell(wire::token_hash(options_.secret, token))};
  for (const std::string& secret : options_.previous_secrets)
    hashes.emplace_back(wire::token_hash(secret, token));
  auto row = row_of(agent_col::token_hash, hashes);
  if (!row) return std::move(row).error();
  std::optional<base::TimeUs> until;
  if (!row->has_value()) {
    row = row_of(agent_col::previous_token_hash, hashes);
    if (!row) return std::move(row).error();
    if (!row->has_value()) return out;
    until = (*row)->num(agent_col::previous_token_until);
    if (*until <= clock_.now()) return out;
  }
  Query query(Table::projects);
  query.where.eq(project_col::id, (*row)->uuid(agent_col::project_id))
      .eq(project_col::is_active, true);
  auto project = store_.first(query.columns({project_col::id}));
  if (!project) return std::move(project).error();
  if (!project->has_value()) return out;
  out = AgentIdentity{(*row)->uuid(agent_col::id), (*row)->uuid(agent_col::project_id),
                      std::string((*row)->text(agent_col::name)), until};
  return out;
}

void AgentAccounts::bearer_failed(const Client& client) {
  std::uint64_t attempts = 0, elsewhere = 0;
  {
    const std::lock_guard lock(failures_mutex_);
    const std::int64_t now_ms = clock_.steady_ms();
    if (failures_.size() >= kFailuresKept) {
      for (auto at = failures_.begin(); at != failures_.end();) {
        const bool is_old = now_ms >= at->second.next_ms;
        if (is_old) unwritten_failures_ += at->second.attempts;
        at = is_old ? failures_.erase(at) : std::next(at);
      }
    }
    const std::string key = client_key(client.ip);
    if (failures_.size() >= kFailuresKept && !failures_.contains(key)) {
      ++unwritten_failures_;
      return;
    }
    Failures& of = failures_[key];
    ++of.attempts;
    if (now_ms < of.next_ms || now_ms < next_failure_ms_) return;
    of.next_ms = now_ms + kFailureEveryMs;
    next_failure_ms_ = now_ms + kAnyFailureEveryMs;
    attempts = std::exchange(of.attempts, 0);
    elsewhere = std::exchange(unwritten_failures_, 0);
  }
  Actor actor;
  actor.source_ip = client.ip;
  actor.user_agent = client.user_agent;
  AuditEntry entry = AuditEntry::of(actor, "agent.auth.bearer_failed", "agent", {});
  entry.result = "denied";
  entry.metadata = {{"attempts", static_cast<std::int64_t>(attempts)}};
  if (elsewhere > 0)
    entry.metadata["unlisted_attempts_elsewhere"] = static_cast<std::int64_t>(elsewhere);
  audit_.record(std::move(entry));
}

std::string AgentAccounts::purge_token(const base::Uuid& project, std::string_view queue,
                                       std::int64_t depth, std::string_view agent_version) const {
  return wire::purge_token(queue, depth, wire::project_secret(options_.secret, project),
                           agent_version);
}

// --- hygiene ------------------------------------------------------------------------------------

base::Result<std::size_t> AgentAccounts::prune(std::int64_t days,
                                               const std::optional<Fence>& fence) {
  if (days <= 0) return std::size_t{0};
  const base::TimeUs before = clock_.now() - days * base::kDayUs;
  Where stale;
  stale.eq(agent_col::is_local, false)
      .ne(agent_col::state, "online")
      .lt(agent_col::created_at, before)
      .any([before](Where& w) {
        w.lt(agent_col::last_seen_at, before).is_null(agent_col::last_seen_at);
      });
  Query query(Table::agents);
  query.where = stale;
  std::vector<Known> found;
  auto read = store_.each(
      query.columns({agent_col::id, agent_col::project_id, agent_col::name}).limit(kPrunedAtOnce),
      [&found](const Row& row) {
        found.push_back({row.uuid(agent_col::id),
                         row.uuid(agent_col::project_id),
                         std::string(row.text(agent_col::name)),
                         {},
                         false});
        return true;
      });
  if (!read) return std::move(read).error();
  std::size_t gone = 0;
  for (const Known& agent : found) {
    AuditEntry entry =
        AuditEntry::of({}, "agent.pruned", "agent", agent.id.text(), agent.project_id);
    entry.metadata = {{"name", agent.name}, {"days", days}};
    auto done = erase(agent, std::move(entry), stale, fence);
    if (done) {
      ++gone;
      closed(agent.project_id, agent.id);
    } else if (done.error().code != base::Code::conflict) {
      return std::move(done).error();
    }
  }
  return gone;
}

base::Status AgentAccounts::forget_old(std::int64_t days, const std::optional<Fence>& fence) {
  namespace link_col = model::agent_connections;
  namespace slot_col = model::agent_workers;
  namespace name_col = model::agent_tasks;
  const base::TimeUs before = clock_.now() - days * base::kDayUs;
  Where links, slots, names;
  links.lt(link_col::connected_at, before).lt(link_col::disconnected_at, before);
  slots.eq(slot_col::state, "offline").lt(slot_col::last_seen_at, before);
  names.lt(name_col::last_seen_at, before);
  for (const auto& [table, where] :
       {std::pair(Table::agent_connections, &links), std::pair(Table::agent_workers, &slots),
        std::pair(Table::agent_tasks, &names)}) {
    for (int round = 0; round < kForgetRounds; ++round) {
      // Looked for first: a write for nothing would hold up others.
      const auto found = store_.count(table, *where, 1);
      if (!found) return found.error();
      if (*found == 0) break;
      Commit commit;
      if (fence) fence->guard(commit);
      commit.erase(table, *where, kForgottenAtOnce);
      commit.relaxed();
      if (auto done = store_.commit(commit); !done) return done;
    }
  }
  return {};
}

}  // namespace z4j::core
