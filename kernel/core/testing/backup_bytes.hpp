// Backup files made by hand, with checksums that are right: for tests and fuzzers of the reader.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace z4j::core::testing {

inline constexpr std::string_view kBackupBegin = "Z4JBKUP1";

inline std::string backup_frame(char kind, std::uint16_t table, std::uint32_t rows,
                                std::string_view content) {
  uLongf length = compressBound(static_cast<uLong>(content.size()));
  std::string packed(length, '\0');
  (void)compress2(reinterpret_cast<Bytef*>(packed.data()), &length,
                  reinterpret_cast<const Bytef*>(content.data()),
                  static_cast<uLong>(content.size()), 1);
  packed.resize(length);
  const auto le = [](std::uint64_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
  };
  const std::string frame =
      kind + le(table, 2) + le(rows, 4) + le(content.size(), 4) + le(length, 4) + packed;
  const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(frame.data()), frame.size());
  return frame + le(crc, 4);
}

}  // namespace z4j::core::testing
