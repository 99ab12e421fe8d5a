// Sign-in through an identity provider, as the settings name one, and the way to it.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "config/config.hpp"
#include "core/oidc.hpp"
#include "net/dial_guard.hpp"
#include "net/outgoing_http.hpp"

namespace z4j::app {

class IdentityProvider {
 public:
  // What the sign-in works on; all outlive it.
  struct Core {
    core::Store& store;
    core::Audit& audit;
    core::Auth& auth;
    core::Users& users;
    core::Memberships& memberships;
    core::Projects& projects;
    const core::Sealer& sealer;
    const base::Clock& clock;
    base::Log& log;
  };

  // bad_config: a mapping of groups, or a file of authorities, that is none.
  [[nodiscard]] static base::Result<std::unique_ptr<IdentityProvider>> make(
      const config::Settings& settings, const Core& core);
  [[nodiscard]] core::Oidc& oidc() { return *oidc_; }

 private:
  IdentityProvider() = default;
  // A way of its own: who wrote the settings chose this target, wherever it is.
  std::unique_ptr<net::DialGuard> guard_;
  std::unique_ptr<net::OutgoingHttp> http_;
  std::unique_ptr<core::Oidc> oidc_;
};

}  // namespace z4j::app
