// API keys: one's own.
#include <algorithm>

#include "api/input.hpp"
#include "api/reply.hpp"
#include "api/shapes.hpp"
#include "api/site.hpp"
#include "core/refusal.hpp"

namespace z4j::api {
namespace {

using base::json::Array;
using base::json::Object;
using base::json::Value;

constexpr std::size_t kMostScopes = 64, kMostNetworks = 64;

Array array_of(const std::vector<std::string>& texts) {
  Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

Value key_time(base::TimeUs at) { return at == 0 ? Value(nullptr) : Value(base::format_time(at)); }

Object key_json(const core::ApiKey& key) {
  using base::json::text_or_null;
  return Object{{"id", key.id.text()},
                {"name", key.name},
                {"prefix", key.prefix},
                {"scopes", array_of(key.scopes)},
                {"project_id", text_or_null(key.project_id ? key.project_id->text() : "")},
                {"project_slug", text_or_null(key.project_slug)},
                {"allowed_ips", array_of(key.allowed_ips)},
                {"last_used_at", key_time(key.last_used_at)},
                {"last_used_ip", text_or_null(key.last_used_ip)},
                {"expires_at", key_time(key.expires_at)},
                {"revoked_at", nullptr},
                {"revoked_reason", nullptr},
                {"created_at", base::format_time(key.created_at)}};
}

net::Response list_keys(Site& site, Call& call) {
  auto keys = site.parts.keys.list(*call.principal);
  if (!keys) return refuse(call, keys.error());
  Array out;
  for (const core::ApiKey& key : *keys) out.push_back(key_json(key));
  return json_answer(200, std::move(out));
}

net::Response list_scopes(Site&, Call&) {
  Array scopes, for_admins;
  std::vector<std::string> sorted;
  for (const std::string_view scope : core::all_scopes()) {
    scopes.emplace_back(scope);
    if (core::is_admin_scope(scope)) sorted.emplace_back(scope);
  }
  std::sort(sorted.begin(), sorted.end());
  return json_answer(200, Object{{"scopes", std::move(scopes)}, {"admin_only", array_of(sorted)}});
}

net::Response mint_key(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  core::ApiKeyDraft draft;
  draft.name = in.text("name", {1, 200}, Need::required).value_or("");
  if (auto scopes = in.texts("scopes", kMostScopes, {1, 64})) draft.scopes = std::move(*scopes);
  draft.project_id = in.uuid("project_id");
  if (auto networks = in.texts("allowed_ips", kMostNetworks, {1, 64}))
    draft.allowed_ips = std::move(*networks);
  draft.expires_in_days = in.integer("expires_in_days", 1, 3650);
  if (!in.ok()) return in.refused(call.request);
  auto made = site.parts.keys.create(*call.principal, draft, call.actor());
  if (!made) return refuse(call, made.error());
  if (!made->rejected_scopes.empty()) {
    return error_answer(call.request, 409, "conflict",
                        "some scopes are unknown, or only for administrators",
                        Object{{"reason", "rejected_scopes"},
                               {"rejected_scopes", array_of(made->rejected_scopes)}});
  }
  Object out = key_json(made->key);
  out["token"] = made->token;
  return json_answer(201, out);
}

net::Response revoke_key(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("key_id"));
  if (!id) return refuse(call, core::refuse::not_found("API key"));
  auto done = site.parts.keys.revoke(*call.principal, *id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_api_key_routes(Router& router) {
  const Policy own{Gate::signed_in, std::nullopt, nullptr, "admin"};
  router.shape(
      "ApiKey",
      "{id: uuid, name: text, prefix: text, scopes: [text], project_id: uuid?, "
      "project_slug: text?, allowed_ips: [text], last_used_at: time?, last_used_ip: text?, "
      "expires_at: time?, revoked_at: time?, revoked_reason: text?, created_at: time}");
  router.add("GET", "/api/v1/api-keys", own, list_keys)
      .does("List one's own API keys")
      .gives(200, "[ApiKey]");
  router
      .add("POST", "/api/v1/api-keys", {Gate::signed_in, std::nullopt, nullptr, "admin", true},
           mint_key)
      .does("Mint an API key")
      .body(
          "{name: text(1..200), scopes?: [text(1..64)], project_id?: uuid, allowed_ips?: "
          "[text(1..64)], expires_in_days?: int(1..3650)}")
      .gives(201, "{..ApiKey, token: text}")
      .refuses(409);
  router.add("GET", "/api/v1/api-keys/scopes", own, list_scopes)
      .does("List the scopes that a key may have")
      .gives(200, "{scopes: [text], admin_only: [text]}");
  router.add("DELETE", "/api/v1/api-keys/{key_id}", own, revoke_key)
      .does("Revoke an API key")
      .gives_nothing();
}

}  // namespace z4j::api
