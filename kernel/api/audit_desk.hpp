// The parts behind the audit log that the API speaks for. Pointers outlive it.
#pragma once

namespace z4j::core {
class AuditCheckpoints;
class AuditForwarder;
class AuditKeeper;
class AuditTree;
}  // namespace z4j::core

namespace z4j::api {

struct AuditDesk {
  core::AuditTree* tree = nullptr;
  core::AuditCheckpoints* checkpoints = nullptr;
  core::AuditKeeper* keeper = nullptr;
  core::AuditForwarder* forwarder = nullptr;
};

}  // namespace z4j::api
