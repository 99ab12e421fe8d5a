// How this program speaks to where people say: the guard, HTTP behind it, the notifier plugins that
// are there without being configured, and the relay of the settings.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "config/config.hpp"
#include "core/courier.hpp"
#include "net/dial_guard.hpp"
#include "net/outgoing_http.hpp"
#include "plugin/host.hpp"
#include "plugin/outgoing.hpp"

namespace z4j::app {

// Must outlive the plugins that use it.
class OutgoingWays {
 public:
  // bad_config: an internal target or a file of authorities that is none.
  [[nodiscard]] static base::Result<std::unique_ptr<OutgoingWays>> make(
      const config::Settings& settings, const base::Clock& clock);

  // For plugin::Callbacks.
  [[nodiscard]] plugin::Outgoing services();
  [[nodiscard]] net::DialGuard& guard() { return *guard_; }
  [[nodiscard]] net::OutgoingHttp& http() { return *http_; }

 private:
  OutgoingWays() = default;
  std::unique_ptr<net::DialGuard> guard_;
  std::unique_ptr<net::OutgoingHttp> http_;
};

// Instances of notifier-smtp ("mail") and notifier-webhook ("webhooks") where `offered` has the
// file and `entries` no instance of it, nor that name.
void add_own_notifiers(const config::Settings& settings,
                       const std::vector<std::pair<std::string, std::string>>& offered,
                       std::vector<config::PluginEntry>& entries);
// The instance of notifier-smtp that add_own_notifiers() would make.
[[nodiscard]] config::PluginEntry own_mail_notifier(const config::Settings& settings);

// The relay of the settings as the config of an e-mail channel; empty: there is none.
[[nodiscard]] base::json::Object smtp_channel(const config::Settings& settings);

// Messages go to the plugins of a host, and targets are judged by the guard.
class PluginCourier final : public core::Courier {
 public:
  PluginCourier(plugin::Host& host, net::DialGuard& guard) : host_(host), guard_(guard) {}

  [[nodiscard]] std::vector<Type> types() override;
  [[nodiscard]] base::Status check_target(const std::string& host) override;
  [[nodiscard]] core::Carried carry(const std::string& type, const base::json::Object& config,
                                    const core::CourierMessage& message, unsigned attempt,
                                    int deadline_ms) override;

  // The plugin's own words about it, for whoever wants to see each step.
  [[nodiscard]] base::Result<base::json::Object> send(const std::string& type,
                                                      const base::json::Object& config,
                                                      const core::CourierMessage& message,
                                                      unsigned attempt, int deadline_ms);

 private:
  plugin::Host& host_;
  net::DialGuard& guard_;
};

// A mail that only tells that it arrives, and what became of it.
struct MailTrial {
  base::json::Object seen;  // the plugin's words: "steps", "stage", "reply", "code", "error"
  std::string relay, from;
  bool is_taken = false, is_bad_config = false;
};
// Through the relay of an e-mail channel's config; `by` is the sender's name in the text. Blocks
// until it is over, at the deadline at last.
[[nodiscard]] MailTrial try_mail(PluginCourier& courier, base::json::Object config,
                                 const std::string& to, std::string_view by, int deadline_ms);

}  // namespace z4j::app
