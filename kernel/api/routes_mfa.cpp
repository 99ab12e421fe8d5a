// The second factor: enrolment, codes, trusted browsers.
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

Array codes_of(const std::vector<std::string>& codes) {
  Array out;
  for (const std::string& code : codes) out.emplace_back(code);
  return out;
}

Object device_json(const core::TrustedDevice& device) {
  return Object{
      {"id", device.id.text()},
      {"label", device.label},
      {"created_at", base::format_time(device.created_at)},
      {"last_seen_at", base::format_time(device.last_seen_at)},
      {"expires_at", base::format_time(device.expires_at)},
      {"revoked_at",
       device.revoked_at == 0 ? Value(nullptr) : Value(base::format_time(device.revoked_at))},
      {"is_current", device.is_current}};
}

std::string_view device_cookie(const Site& site, const Call& call) {
  return call.request.cookie(site.device_cookie);
}

std::optional<base::Uuid> device_id(const Call& call) {
  return base::Uuid::parse(call.param("device_id"));
}

net::Response no_such_device(const Call& call) {
  return refuse(call, core::refuse::not_found("trusted device"));
}

net::Response get_factor(Site& site, Call& call) {
  auto status = site.parts.mfa.status(*call.principal);
  if (!status) return refuse(call, status.error());
  const bool is_enrolled = status->enrolled_at != 0;
  return json_answer(
      200, Object{{"enrolled", is_enrolled},
                  {"enrolled_at",
                   is_enrolled ? Value(base::format_time(status->enrolled_at)) : Value(nullptr)},
                  {"remaining_recovery_codes", status->recovery_codes_left}});
}

net::Response start_enrolment(Site& site, Call& call) {
  auto begun = site.parts.mfa.start(*call.principal, call.client());
  if (!begun) return refuse(call, begun.error());
  return json_answer(200, Object{{"secret_base32", begun->secret_base32},
                                 {"provisioning_url", begun->provisioning_url}});
}

net::Response complete_enrolment(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto code = in.text("code", {6, 6}, Need::required);
  if (code && code->find_first_not_of("0123456789") != std::string::npos)
    in.problem("code", "string_pattern_mismatch", "code must be 6 digits");
  if (!in.ok()) return in.refused(call.request);
  auto codes = site.parts.mfa.complete(*call.principal, *code, call.client());
  if (!codes) return refuse(call, codes.error());
  return json_answer(200, Object{{"recovery_codes", codes_of(*codes)}});
}

net::Response verify_code(Site& site, Call& call) {
  using Browser = core::Mfa::Browser;
  Input in = Input::of_body(call.request);
  const auto code = in.text("code", {6, 20}, Need::required);
  const auto browser =
      in.boolean("remember_device", false) ? Browser::trusted_from_now : Browser::unknown;
  if (!in.ok()) return in.refused(call.request);
  auto verified = site.parts.mfa.verify(*call.principal, *code, browser, call.client());
  if (!verified) return refuse(call, verified.error());
  const auto& left = verified->recovery_codes_left;
  net::Response r =
      json_answer(200, Object{{"ok", true},
                              {"used_recovery_code", left.has_value()},
                              {"remaining_recovery_codes", left ? Value(*left) : Value(nullptr)}});
  if (!verified->device_cookie.empty()) site.set_device(r, verified->device_cookie);
  return r;
}

net::Response disable_factor(Site& site, Call& call) {
  Input in = Input::of_body(call.request);
  const auto password = in.text("password", {1, 256}, Need::required);
  const auto code = in.text("code", {6, 20}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  auto done = site.parts.mfa.disable(*call.principal, *password, *code, call.client());
  if (!done) return refuse(call, done.error());
  net::Response r = json_answer(
      200,
      Object{{"ok", true}, {"used_recovery_code", false}, {"remaining_recovery_codes", nullptr}});
  site.set_device(r, {});
  return r;
}

net::Response regenerate_codes(Site& site, Call& call) {
  auto codes = site.parts.mfa.new_recovery_codes(*call.principal, call.client());
  if (!codes) return refuse(call, codes.error());
  return json_answer(200, Object{{"recovery_codes", codes_of(*codes)}});
}

net::Response list_devices(Site& site, Call& call) {
  auto devices = site.parts.mfa.devices(*call.principal, device_cookie(site, call));
  if (!devices) return refuse(call, devices.error());
  Array out;
  for (const core::TrustedDevice& device : *devices) out.push_back(device_json(device));
  return json_answer(200, std::move(out));
}

net::Response trust_device(Site& site, Call& call) {
  auto made =
      site.parts.mfa.trust_device(*call.principal, device_cookie(site, call), call.client());
  if (!made) return refuse(call, made.error());
  net::Response r = json_answer(201, device_json(made->device));
  if (!made->cookie.empty()) site.set_device(r, made->cookie);
  return r;
}

net::Response revoke_device(Site& site, Call& call) {
  const auto id = device_id(call);
  if (!id) return no_such_device(call);
  auto was_this =
      site.parts.mfa.revoke_device(*call.principal, *id, device_cookie(site, call), call.client());
  if (!was_this) return refuse(call, was_this.error());
  net::Response r = no_content();
  if (*was_this) site.set_device(r, {});
  return r;
}

net::Response rename_device(Site& site, Call& call) {
  const auto id = device_id(call);
  Input in = Input::of_body(call.request);
  const auto label = in.text("label", {1, 200}, Need::required);
  if (!in.ok()) return in.refused(call.request);
  if (!id) return no_such_device(call);
  auto device = site.parts.mfa.rename_device(*call.principal, *id, *label,
                                             device_cookie(site, call), call.client());
  return device ? json_answer(200, device_json(*device)) : refuse(call, device.error());
}

// For who lost the app, by an administrator.
net::Response reset_factor(Site& site, Call& call) {
  const auto id = base::Uuid::parse(call.param("user_id"));
  if (!id) return refuse(call, core::refuse::not_found("user"));
  auto done = site.parts.mfa.reset(*id, call.actor());
  return done ? no_content() : refuse(call, done.error());
}

}  // namespace

void add_mfa_routes(Router& router) {
  const std::string_view kVerified =
      "{ok: bool, used_recovery_code: bool, remaining_recovery_codes: int?}";
  router.shape("TrustedDevice",
               "{id: uuid, label: text, created_at: time, last_seen_at: time, expires_at: time, "
               "revoked_at: time?, is_current: bool}");
  Policy own{Gate::signed_in};
  own.settled = Settled::nothing;
  Policy tried = own, fresh = own, begun = own;
  tried.bucket = begun.bucket = &core::kMfaVerifyBucket;
  fresh.fresh_mfa = begun.fresh_mfa = true;
  router.add("GET", "/api/v1/auth/mfa/status", own, get_factor)
      .does("Show whether a second factor is set up")
      .gives(200, "{enrolled: bool, enrolled_at: time?, remaining_recovery_codes: int}");
  router.add("POST", "/api/v1/auth/mfa/enroll-start", begun, start_enrolment)
      .does("Begin to set up a second factor")
      .body("{}")
      .gives(200, "{secret_base32: text, provisioning_url: text}");
  router.add("POST", "/api/v1/auth/mfa/enroll-complete", tried, complete_enrolment)
      .does("Confirm the second factor with a code")
      .body("{code: text(6..6)}")
      .gives(200, "{recovery_codes: [text]}")
      .refuses(409);
  router.add("POST", "/api/v1/auth/mfa/verify", tried, verify_code)
      .does("Give the second factor")
      .body("{code: text(6..20), remember_device?: bool}")
      .gives(200, kVerified)
      .refuses(409);
  router.add("POST", "/api/v1/auth/mfa/disable", tried, disable_factor)
      .does("Turn the second factor off")
      .body("{password: text(1..256), code: text(6..20)}")
      .gives(200, kVerified)
      .refuses(409);
  router.add("POST", "/api/v1/auth/mfa/recovery-codes/regenerate", fresh, regenerate_codes)
      .does("Replace the recovery codes")
      .gives(200, "{recovery_codes: [text]}")
      .refuses(409);
  router.add("GET", "/api/v1/auth/mfa/trusted-devices", own, list_devices)
      .does("List browsers that are not asked for the second factor")
      .gives(200, "[TrustedDevice]");
  router.add("POST", "/api/v1/auth/mfa/trusted-devices", fresh, trust_device)
      .does("Trust this browser")
      .body("{}")
      .gives(201, "TrustedDevice")
      .refuses(409);
  router.add("POST", "/api/v1/auth/mfa/trusted-devices/{device_id}/revoke", fresh, revoke_device)
      .does("Stop trusting a browser")
      .gives_nothing();
  router.add("PATCH", "/api/v1/auth/mfa/trusted-devices/{device_id}", fresh, rename_device)
      .does("Rename a trusted browser")
      .body("{label: text(1..200)}")
      .gives(200, "TrustedDevice");
  router
      .add("POST", "/api/v1/users/{user_id}/reset-mfa",
           {Gate::signed_in, core::Action::manage_users, nullptr, {}, true}, reset_factor)
      .does("Remove a user's second factor")
      .gives_nothing();
}

}  // namespace z4j::api
