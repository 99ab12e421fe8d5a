#include "core/api_keys.hpp"

#include <algorithm>
#include <map>

#include "base/crypto.hpp"
#include "core/one_time_token.hpp"
#include "core/principals.hpp"
#include "core/refusal.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace key_col = model::api_keys;
namespace project_col = model::projects;
namespace json = base::json;

constexpr std::string_view kKeyPrefix = "z4k_", kKeyLabel = "z4j-api-key-v1";
constexpr std::size_t kKeyPrefixShown = 8, kLongestKeyToken = 200;
constexpr std::size_t kMostNetworks = 64;
constexpr std::int64_t kUsedEveryUs = 60 * base::kSecondUs;
constexpr RateBucket kRefusalsOfOne{"api-key-refusals", 1, 60}, kRefusalsOfAll{"api-keys", 30, 60};

std::vector<std::string> texts_of(const json::Value& list) {
  std::vector<std::string> out;
  if (!list.is_array()) return out;
  for (const json::Value& each : list.get_array()) {
    if (each.is_string()) out.emplace_back(each.get_string());
  }
  return out;
}

json::Array array_of(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

ApiKey key_of(const Row& row) {
  ApiKey k;
  k.id = row.uuid(key_col::id);
  k.name = row.text(key_col::name);
  k.prefix = row.text(key_col::prefix);
  k.scopes = texts_of(row.json(key_col::scopes));
  k.project_id = row.uuid_or_none(key_col::project_id);
  k.allowed_ips = texts_of(row.json(key_col::allowed_ips));
  k.last_used_at = row.num(key_col::last_used_at);
  k.last_used_ip = row.text(key_col::last_used_ip);
  k.expires_at = row.num(key_col::expires_at);
  k.created_at = row.num(key_col::created_at);
  return k;
}

// What a bound key shows of its owner: one role, in one project.
void narrow(Principal& principal, const base::Uuid& project) {
  const Role role = principal.role_in(project);
  principal.roles.clear();
  principal.user.is_admin = false;
  if (role != Role::none) principal.roles[project] = role;
}

}  // namespace

base::Result<std::vector<ApiKey>> ApiKeys::list(const Principal& owner) {
  Query query(Table::api_keys);
  query.where.eq(key_col::user_id, owner.user.id).is_null(key_col::revoked_at);
  std::vector<ApiKey> out;
  auto done = store_.each(query.all().limit(kMostPerUser), [&](const Row& row) {
    out.push_back(key_of(row));
    return true;
  });
  if (!done) return std::move(done).error();
  std::sort(out.begin(), out.end(), [](const ApiKey& a, const ApiKey& b) {
    return a.created_at != b.created_at ? a.created_at > b.created_at : a.id < b.id;
  });
  std::vector<Cell> ids;
  for (const ApiKey& key : out) {
    if (key.project_id) ids.emplace_back(*key.project_id);
  }
  if (ids.empty()) return out;
  std::map<base::Uuid, std::string> slugs;
  Query projects(Table::projects);
  projects.where.in(project_col::id, std::move(ids));
  done = store_.each(projects.columns({project_col::id, project_col::slug}).limit(kMostPerUser),
                     [&](const Row& row) {
                       slugs[row.uuid(project_col::id)] = row.text(project_col::slug);
                       return true;
                     });
  if (!done) return std::move(done).error();
  for (ApiKey& key : out) {
    if (key.project_id) key.project_slug = slugs[*key.project_id];
  }
  return out;
}

base::Result<std::string> ApiKeys::slug_of(const Principal& owner, const base::Uuid& project) {
  Query query(Table::projects);
  query.where.eq(project_col::id, project).eq(project_col::is_active, true);
  auto row = store_.first(query.columns({project_col::slug}));
  if (!row) return std::move(row).error();
  if (!row->has_value()) return refuse::not_found("project");
  if (owner.role_in(project) == Role::none)
    return refuse::conflict("not_a_member", "you are no member of that project");
  return std::string((*row)->text(project_col::slug));
}

base::Result<NewApiKey> ApiKeys::create(const Principal& owner, const ApiKeyDraft& draft,
                                        const Actor& actor) {
  NewApiKey out;
  ApiKey& key = out.key;
  key.name = clean_text(trimmed(draft.name), 200);
  if (key.name.empty()) return refuse::invalid("name", "name must have 1 to 200 characters");
  for (const std::string& scope : draft.scopes) {
    const auto known = all_scopes();
    const bool is_good = std::find(known.begin(), known.end(), scope) != known.end() &&
                         (owner.user.is_admin || !is_admin_scope(scope));
    if (!is_good) out.rejected_scopes.push_back(scope);
  }
  if (!out.rejected_scopes.empty()) return out;
  for (const std::string_view scope : all_scopes()) {
    if (std::find(draft.scopes.begin(), draft.scopes.end(), scope) != draft.scopes.end())
      key.scopes.emplace_back(scope);
  }
  if (draft.allowed_ips.size() > kMostNetworks)
    return refuse::invalid("allowed_ips", "allowed_ips may name at most 64 networks");
  if (!draft.allowed_ips.empty()) {
    if (auto good = options_.is_within(draft.allowed_ips, actor.source_ip); !good) {
      return refuse::invalid("allowed_ips",
                             "allowed_ips must be addresses or blocks such as 10.0.0.0/8");
    }
  }
  key.allowed_ips = draft.allowed_ips;
  key.project_id = draft.project_id;
  if (key.project_id) {
    auto slug = slug_of(owner, *key.project_id);
    if (!slug) return std::move(slug).error();
    key.project_slug = std::move(*slug);
  }
  Where live;
  live.eq(key_col::user_id, owner.user.id).is_null(key_col::revoked_at);
  auto count = store_.count(Table::api_keys, live, kMostPerUser);
  if (!count) return std::move(count).error();
  if (*count >= kMostPerUser)
    return refuse::conflict("too_many_keys", "500 keys is the most of one user: revoke some");

  key.id = base::Uuid::random();
  key.created_at = clock_.now();
  if (draft.expires_in_days)
    key.expires_at = key.created_at + *draft.expires_in_days * base::kDayUs;
  out.token = std::string(kKeyPrefix) + base::random_token();
  key.prefix = out.token.substr(0, kKeyPrefixShown);
  AuditEntry entry =
      AuditEntry::of(actor, "api_key.created", "api_key", key.id.text(), key.project_id);
  entry.metadata = {{"name", key.name}, {"prefix", key.prefix}, {"scopes", array_of(key.scopes)}};
  if (!key.allowed_ips.empty()) entry.metadata["allowed_ips"] = array_of(key.allowed_ips);
  auto done = audit_.commit({std::move(entry)}, [&](Commit& c) {
    Rows rows(Table::api_keys);
    rows.begin()
        .uuid(key_col::id, key.id)
        .uuid(key_col::user_id, owner.user.id)
        .text(key_col::name, key.name)
        .text(key_col::prefix, key.prefix)
        .text(key_col::token_hash, token_digest(options_.secret, kKeyLabel, out.token))
        .text(key_col::scopes, json::write(array_of(key.scopes)))
        .cell(key_col::project_id, key.project_id ? Cell(*key.project_id) : Cell())
        .cell(key_col::allowed_ips,
              key.allowed_ips.empty() ? Cell() : Cell(json::Value(array_of(key.allowed_ips))))
        .cell(key_col::expires_at, key.expires_at == 0 ? Cell() : Cell(key.expires_at))
        .num(key_col::created_at, key.created_at)
        .num(key_col::updated_at, key.created_at);
    c.insert(std::move(rows));
  });
  if (!done) return std::move(done).error();
  return out;
}

base::Status ApiKeys::revoke(const Principal& owner, const base::Uuid& key, const Actor& actor) {
  const base::TimeUs now = clock_.now();
  auto done = audit_.commit(
      {AuditEntry::of(actor, "api_key.revoked", "api_key", key.text())}, [&](Commit& c) {
        Where own;
        own.eq(key_col::id, key).eq(key_col::user_id, owner.user.id).is_null(key_col::revoked_at);
        c.update(Table::api_keys, std::move(own),
                 {{key_col::revoked_at, now},
                  {key_col::revoked_reason, "user_revoke"},
                  {key_col::updated_at, now}},
                 1, 1);
      });
  if (!done && done.error().code == base::Code::conflict) return refuse::not_found("API key");
  return done;
}

// --- use ----------------------------------------------------------------------------------------

std::optional<std::string_view> ApiKeys::token_of(std::string_view authorization) {
  constexpr std::string_view kBearer = "bearer ";
  if (ascii_lower(authorization.substr(0, kBearer.size())) != kBearer) return std::nullopt;
  const std::string_view token = trimmed(authorization.substr(kBearer.size()));
  if (!token.starts_with(kKeyPrefix)) return std::nullopt;
  return token;
}

base::Result<std::optional<Principal>> ApiKeys::authenticate(std::string_view token,
                                                             const Client& client) {
  if (token.size() > kLongestKeyToken) return std::optional<Principal>();
  Query query(Table::api_keys);
  query.where.in(key_col::token_hash,
                 token_digests(options_.secret, options_.previous_secrets, kKeyLabel, token));
  auto row = store_.first(query.all());
  if (!row) return std::move(row).error();
  if (!row->has_value()) {
    unknown(client);
    return std::optional<Principal>();
  }
  const ApiKey key = key_of(**row);
  if (!(*row)->is_null(key_col::revoked_at)) return refused(**row, refuse::kKeyRevoked, client);
  if (key.expires_at != 0 && key.expires_at <= clock_.now())
    return refused(**row, refuse::kKeyExpired, client);
  if (!key.allowed_ips.empty()) {
    const auto is_within = options_.is_within(key.allowed_ips, client.ip);
    if (!is_within || !*is_within) return refused(**row, refuse::kAddressNotAllowed, client);
  }
  auto owner = find_principal(store_, (*row)->uuid(key_col::user_id));
  if (!owner) return std::move(owner).error();
  if (!owner->has_value()) return refused(**row, refuse::kOwnerInactive, client);
  (*owner)->key = ApiKeyUse{key.id, key.scopes, key.project_id};
  if (key.project_id) narrow(**owner, *key.project_id);
  used(**row, client);
  return owner;
}

base::Error ApiKeys::refused(const Row& row, std::string_view reason, const Client& client) {
  const base::Uuid id = row.uuid(key_col::id);
  if (recorded_.take(kRefusalsOfOne, id.text()).allowed) {
    AuditEntry entry =
        AuditEntry::of({row.uuid(key_col::user_id), id, client.ip, client.user_agent},
                       "api_key.refused", "api_key", id.text());
    entry.result = "denied";
    entry.metadata["reason"] = reason;
    audit_.record(std::move(entry));
  }
  return refuse::error(base::Code::denied, reason,
                       "this API key is not good any more, or not here");
}

void ApiKeys::unknown(const Client& client) {
  if (!recorded_.take(kRefusalsOfOne, client_key(client.ip)).allowed ||
      !recorded_.take(kRefusalsOfAll, "").allowed)
    return;
  AuditEntry entry = AuditEntry::of({std::nullopt, std::nullopt, client.ip, client.user_agent},
                                    "api_key.refused", "api_key", {});
  entry.result = "denied";
  entry.metadata["reason"] = "unknown";
  audit_.record(std::move(entry));
}

void ApiKeys::used(const Row& row, const Client& client) {
  const base::TimeUs now = clock_.now();
  if (now - row.num(key_col::last_used_at) < kUsedEveryUs) return;
  Commit commit;
  Where self;
  self.eq(key_col::id, row.uuid(key_col::id));
  commit.relaxed().update(Table::api_keys, std::move(self),
                          {{key_col::last_used_at, now, Z4J_M_MAX},
                           {key_col::last_used_ip, clean_text(client.ip, 64)}});
  if (auto written = store_.commit_apart(commit); !written)
    log_.debug("last use of an API key not written", {{"why", written.error().text()}});
}

}  // namespace z4j::core
