// All parts of notifications, put together: channels, subscriptions, what fires them, and the ways
// out.
//
// Threads: thread-safe. start() and stop() run and end the threads of outbox and alerts.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/alerts.hpp"
#include "core/channels.hpp"
#include "core/deliveries.hpp"
#include "core/inbox.hpp"
#include "core/outbox.hpp"
#include "core/subscriptions.hpp"

namespace z4j::core {

struct Notifications {
  struct Options {
    ChannelRules rules = {};
    base::json::Object smtp = {};  // of the kernel's own mails: see Outbox::Options
    AlertWatch::Options watch = {};
    std::string public_url = {};
    // Rights that one brain at a time has; empty: nobody else is there.
    std::function<std::optional<Fence>()> may_send = {}, may_watch = {};
    // To other brains: messages wait; subscriptions changed.
    std::function<void(Commit&)> tell_messages = {}, tell_subscriptions = {};
    std::function<void(const base::Uuid& project)> on_rang = {};  // somebody's bell
  };

  Notifications(Store& store, Audit& audit, Courier& courier, const Sealer& sealer,
                const base::Clock& clock, base::Log& log, Options options);

  void start() {
    outbox.start();
    alerts.start();
  }
  void stop() {
    alerts.stop();
    outbox.stop();
  }

  Channels channels;
  Deliveries deliveries;
  Inbox inbox;
  Outbox outbox;
  Alerts alerts;
  Subscriptions subscriptions;
};

}  // namespace z4j::core
