// A parcel as bytes on disk and back: redacted, with ids and the lease it was heard under. Pure
// functions; any thread.
//
// A record is a head of 16 bytes (a mark, the length of the body, the CRC-32 of the body, the
// CRC-32 of these twelve bytes; little endian) and the body. The reader takes any bytes: a disk
// may give back what nobody wrote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/event_decode.hpp"

namespace z4j::core {

inline constexpr std::size_t kSpillHeadBytes = 16;
// Of a body; a batch of the ABI with room to spare.
inline constexpr std::size_t kMaxSpillBody = std::size_t{256} << 20;

// Head and body.
[[nodiscard]] std::string write_spill_record(const Parcel& parcel, const Redactor& redactor);
[[nodiscard]] std::string seal_spill_body(std::string_view body);

struct SpillHead {
  std::uint32_t body_bytes = 0, body_crc = 0;
};
// Nothing when this is no head.
[[nodiscard]] std::optional<SpillHead> read_spill_head(std::string_view bytes);
// Null when the body is not what the head says, or makes no parcel. Texts come back as fit to store
// as Parcel::copy() makes them.
[[nodiscard]] std::shared_ptr<Parcel> read_spill_body(const SpillHead& head, std::string_view body);

}  // namespace z4j::core
