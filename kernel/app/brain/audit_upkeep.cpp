#include "app/brain/audit_upkeep.hpp"

#include "app/brain/audit_sinks.hpp"
#include "base/crypto.hpp"

namespace z4j::app {
base::Result<core::AuditCheckpoints::Options> audit_signing(const config::Settings& settings) {
  core::AuditCheckpoints::Options out;
  const auto seed = base::unbase64url(settings.audit_signing_key);
  if (!seed || seed->size() != 32) {
    return base::Error{base::Code::bad_config,
                       settings.audit_signing_key.empty() ? "is missing" : "is not 32 bytes",
                       "security.audit_signing_key",
                       "it is made at the first start of the brain and kept in secret.env", 0};
  }
  out.key_seed = *seed;
  out.origin = settings.audit_origin;
  const auto wrong = [](std::string why) {
    return base::Error{base::Code::bad_config, std::move(why), "security.audit_previous_keys",
                       "it takes what z4j-brain audit key show printed", 0};
  };
  if (settings.audit_previous_keys.size() > kMostPreviousAuditKeys)
    return wrong("has more than " + std::to_string(kMostPreviousAuditKeys) + " keys");
  for (const std::string& text : settings.audit_previous_keys) {
    auto key = proof::VerifierKey::parse(text);
    if (!key) return wrong(key.error().message);
    if (key->type != proof::KeyType::note) return wrong(text + " is no key of a log");
    out.previous_keys.push_back(std::move(key).value());
  }
  return out;
}

base::Result<std::unique_ptr<AuditUpkeep>> AuditUpkeep::open(core::Store& store, core::Audit& audit,
                                                             const config::Settings& settings,
                                                             const base::Clock& clock,
                                                             base::Log& log, Hooks hooks) {
  std::unique_ptr<AuditUpkeep> made(new AuditUpkeep(store, log));
  auto keys = audit_signing(settings);
  if (!keys) return std::move(keys).error();
  core::AuditCheckpoints::Options signing = std::move(keys).value();
  signing.folder = settings.home + "/audit";
  auto witness = make_witness(settings);
  if (!witness) return std::move(witness).error();
  signing.ask_witness = std::move(witness).value();
  if (signing.ask_witness) {
    auto key = proof::VerifierKey::parse(settings.audit_witness_key);
    if (!key || key->type != proof::KeyType::cosignature) {
      return base::Error{base::Code::bad_config,
                         key ? "is no key for co-signatures" : key.error().message,
                         "audit.witness_key", "ask the witness's operator for it", 0};
    }
    signing.witness = std::move(key).value();
  }
  auto checkpoints =
      core::AuditCheckpoints::open(store, made->tree_, clock, log, std::move(signing));
  if (!checkpoints) return std::move(checkpoints).error();
  made->checkpoints_ = std::move(checkpoints).value();

  auto sinks = make_audit_sinks(settings, clock);
  if (!sinks) return std::move(sinks).error();
  core::AuditForwarder::Options forwarding;
  forwarding.may_run = hooks.may_run;
  forwarding.max_behind = settings.audit_forward_max_behind;
  forwarding.max_behind_s = settings.audit_forward_max_behind_s;
  made->forwarder_ = std::make_unique<core::AuditForwarder>(
      store, audit, clock, log, std::move(sinks).value(), std::move(forwarding));

  core::AuditRetention::Options keeping;
  keeping.days = settings.audit_retention_days;
  keeping.batch = static_cast<std::uint32_t>(settings.audit_retention_batch);
  keeping.most_per_pass = static_cast<std::uint64_t>(settings.audit_retention_per_pass);
  keeping.forwarded = [forwarder = made->forwarder_.get()] { return forwarder->forwarded(); };
  made->retention_ = std::make_unique<core::AuditRetention>(
      store, audit, made->tree_, *made->checkpoints_, clock, std::move(keeping));

  made->eraser_ = std::make_unique<core::AuditEraser>(
      store, audit, made->tree_, clock,
      [retention = made->retention_.get()] { return retention->settled(); });

  core::AuditKeeper::Options working;
  working.checkpoint_interval_s = settings.audit_checkpoint_interval_s;
  working.checkpoint_entries = settings.audit_checkpoint_entries;
  working.verify_interval_s = settings.audit_verify_interval_s;
  working.retention_interval_s = settings.audit_retention_interval_s;
  working.keep_checkpoints_days = settings.audit_retention_days;
  working.may_run = std::move(hooks.may_run);
  working.on_broken = std::move(hooks.on_broken);
  working.take_in = std::move(hooks.take_in);
  made->keeper_ = std::make_unique<core::AuditKeeper>(
      store, audit, made->tree_, *made->checkpoints_, *made->retention_, *made->eraser_, clock, log,
      std::move(working));
  audit.only_while([forwarder = made->forwarder_.get()] { return forwarder->may_change(); });
  return made;
}

void AuditUpkeep::start() {
  forwarder_->start();
  keeper_->start();
}

void AuditUpkeep::stop() {
  keeper_->stop();
  forwarder_->stop();
}

void AuditUpkeep::write_metrics(core::MetricText& out) const {
  keeper_->write_metrics(out);
  forwarder_->write_metrics(out);
}

}  // namespace z4j::app
