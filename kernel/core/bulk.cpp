#include "core/bulk.hpp"

namespace z4j::core {
namespace {

BulkJobs::Options job_options(const Bulk::Options& o) {
  BulkJobs::Options out;
  out.timeout_s = o.timeout_s;
  out.engine_grace = o.engine_grace;
  out.keep_days = o.keep_days;
  out.may_work = o.may_work;
  out.tell_others = o.tell_others;
  out.on_changed = o.on_changed;
  out.redact = o.redact;
  out.read = o.read;
  out.on_command_ended = o.on_command_ended;
  return out;
}

Selections::Options selection_options(const Bulk::Options& o, BulkJobs& jobs) {
  Selections::Options out;
  out.max_items = o.max_items;
  out.ttl_s = o.selection_ttl_s;
  out.rate_per_s = o.rate_per_s;
  out.may_work = o.may_work;
  out.tell_others = o.tell_others;
  out.on_changed = o.on_changed;
  out.on_built = [&jobs] { jobs.look(); };
  return out;
}

QueueCopies::Options copy_options(const Bulk::Options& o) {
  QueueCopies::Options out;
  out.limits = o.copies;
  out.timeout_s = o.timeout_s;
  out.may_work = o.may_work;
  out.tell_others = o.tell_others;
  out.on_changed = o.on_changed;
  out.read = o.read;
  out.on_command_ended = o.on_command_ended;
  return out;
}

}  // namespace

Bulk::Bulk(Store& store, Audit& audit, EngineRoutes& routes, const Sealer& sealer,
           const base::Clock& clock, base::Log& log, const Options& o)
    : jobs(store, audit, routes, clock, log, job_options(o)),
      selections(store, audit, routes, clock, log, selection_options(o, jobs)),
      copies(store, audit, routes, sealer, clock, log, copy_options(o)) {}

base::Status Bulk::sweep(const std::optional<Fence>& fence) {
  auto gone = selections.sweep(fence);
  if (!gone) return std::move(gone).error();
  return copies.sweep(fence);
}

}  // namespace z4j::core
