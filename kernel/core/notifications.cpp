#include "core/notifications.hpp"

#include <utility>

namespace z4j::core {
namespace {

Outbox::Options outbox_options(const Notifications::Options& from) {
  Outbox::Options out;
  out.may_work = from.may_send;
  out.tell_others = from.tell_messages;
  out.smtp = from.smtp;
  return out;
}

Alerts::Options alert_options(const Notifications::Options& from) {
  Alerts::Options out;
  out.watch = from.watch;
  out.public_url = from.public_url;
  out.may_watch = from.may_watch;
  out.on_rang = from.on_rang;
  return out;
}

}  // namespace

Notifications::Notifications(Store& store, Audit& audit, Courier& courier, const Sealer& sealer,
                             const base::Clock& clock, base::Log& log, Options options)
    : channels(store, audit, courier, sealer, clock, Channels::Options{options.rules}),
      deliveries(store, audit, clock),
      inbox(store, clock),
      outbox(store, channels, courier, sealer, clock, log, outbox_options(options)),
      alerts(store, outbox, clock, log, alert_options(options)),
      subscriptions(store, audit, channels, clock,
                    Subscriptions::Options{[this] { alerts.look(); },
                                           std::move(options.tell_subscriptions)}) {}

}  // namespace z4j::core
