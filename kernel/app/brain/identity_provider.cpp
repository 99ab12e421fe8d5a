#include "app/brain/identity_provider.hpp"

#include <utility>

namespace z4j::app {
namespace {

constexpr int kProviderDeadlineMs = 10'000;
constexpr std::size_t kProviderAnswerBytes = 512u << 10;

}  // namespace

base::Result<std::unique_ptr<IdentityProvider>> IdentityProvider::make(
    const config::Settings& settings, const Core& core) {
  auto options = core::oidc_options(settings);
  if (!options) return std::move(options).error();
  const bool is_plain = settings.oidc_issuer.starts_with("http://");
  auto url = net::parse_outgoing_url(settings.oidc_issuer, is_plain);
  if (!url) return std::move(url).error();

  std::unique_ptr<IdentityProvider> out(new IdentityProvider);
  net::DialGuard::Options guarding;
  guarding.internal_targets = settings.notifications_internal_targets;
  guarding.internal_targets.push_back(url->host);
  auto guard = net::DialGuard::make(std::move(guarding), core.clock);
  if (!guard) return std::move(guard).error();
  out->guard_ = std::move(guard).value();
  net::OutgoingHttp::Options calling;
  calling.allow_http = is_plain;
  calling.ca_file = settings.oidc_ca_file;
  calling.threads = 1;  // ask() runs on its caller's
  auto http = net::OutgoingHttp::make(std::move(calling), *out->guard_);
  if (!http) return std::move(http).error();
  out->http_ = std::move(http).value();

  auto fetch = [http =
                    out->http_.get()](const core::OidcAsk& ask) -> base::Result<core::OidcReply> {
    net::OutgoingRequest request;
    request.method = ask.method;
    request.url = ask.url;
    request.headers = ask.headers;
    request.body = ask.body;
    request.deadline_ms = kProviderDeadlineMs;
    request.max_answer_bytes = kProviderAnswerBytes;
    auto answer = http->ask(request);
    if (!answer) return std::move(answer).error();
    if (answer->is_cut) {
      return base::Error{.code = base::Code::too_large,
                         .message = "the answer is too long",
                         .where = {},
                         .hint = {}};
    }
    return core::OidcReply{answer->status, std::move(answer->body)};
  };
  out->oidc_ = std::make_unique<core::Oidc>(
      core.store, core.audit, core.auth, core.users, core.memberships, core.projects, core.sealer,
      core.clock, core.log, std::move(fetch), std::move(options).value());
  return out;
}

}  // namespace z4j::app
