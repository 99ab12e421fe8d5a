// Signed frames: everything after the handshake, in both directions.
//
// A signature covers the object as it was received, unknown members included, without `hmac` and
// with the three ids of the session. So a frame is never verified over what we made of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "wire/refusal.hpp"
#include "wire/replay_guard.hpp"

namespace z4j::wire {

inline constexpr std::size_t kMaxFrameBytes = std::size_t{1} << 20;
inline constexpr std::int64_t kEnvelopeVersion = 2;

enum class FrameType {
  hello,
  hello_ack,
  event_batch,
  event_batch_ack,
  heartbeat,
  agent_status,
  command,
  command_ack,
  command_result,
  registry_delta,
  error
};
[[nodiscard]] std::string_view to_string(FrameType type) noexcept;
[[nodiscard]] std::optional<FrameType> frame_type(std::string_view name) noexcept;

// As both sides write them; whatever text hello_ack carries is signed. On long-poll session_id is
// the session nonce of the request, or "".
struct SessionIds {
  std::string agent_id, project_id, session_id;
};

struct Frame {
  FrameType type = FrameType::error;
  std::string id;
  base::json::Object payload;  // empty when it was null; owns the memory it lives in
};

// What is signed of a frame: canonical JSON. Errors as Verifier::open's.
[[nodiscard]] base::Result<std::string> signed_text(std::string_view frame, const SessionIds& ids);

// One per direction and session: numbers frames from 1. One thread at a time, and frames must go
// out in the order in which they were signed.
class Signer {
 public:
  using Nonce = std::function<std::string()>;

  // Requires a key of at least 32 bytes. Without `nonce`, random ones.
  Signer(std::string_view key, SessionIds ids, Nonce nonce = {});

  // The text of the frame as it goes out.
  [[nodiscard]] std::string sign(FrameType type, std::string_view id,
                                 const base::json::Object& payload, base::TimeUs now);

 private:
  base::HmacKey key_;
  SessionIds ids_;
  Nonce nonce_;
  std::int64_t seq_ = 0;
};

// One per direction and session. One thread at a time.
class Verifier {
 public:
  // Requires a key of at least 32 bytes.
  Verifier(std::string_view key, const SessionIds& ids, std::size_t max_bytes = kMaxFrameBytes);

  // Checks in the order of the protocol; a frame that is refused changes nothing. Errors: see
  // refusal.hpp; the message has no text of the frame beyond its type. Handshake frames are refused
  // with kType.
  [[nodiscard]] base::Result<Frame> open(std::string_view text, base::TimeUs now,
                                         std::int64_t mono_ms);

  // See ReplayGuard.
  [[nodiscard]] base::TimeUs skew_us() const noexcept { return guard_.skew_us(); }
  [[nodiscard]] std::int64_t last_seq() const noexcept { return guard_.last_seq(); }

 private:
  base::HmacKey key_;
  std::string session_;  // members of the signed text
  std::size_t max_bytes_;
  ReplayGuard guard_;
};

// --- payloads that the kernel writes in more than one place ------------------------------------

// Of event_batch_ack; its frame id is ack_frame_id(acked).
[[nodiscard]] base::json::Object ack_payload(std::string_view acked, std::int64_t received,
                                             std::int64_t accepted);
[[nodiscard]] std::string ack_frame_id(std::string_view acked);
// Of an error frame; both texts are cut to what the protocol allows.
[[nodiscard]] base::json::Object error_payload(std::string_view code, std::string_view message,
                                               bool fatal);
// `prefix` and that many random hex digits: "hb_0123456789ab".
[[nodiscard]] std::string frame_id(std::string_view prefix, std::size_t hex_digits = 12);

}  // namespace z4j::wire
