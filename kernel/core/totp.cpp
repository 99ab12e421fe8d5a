#include "core/totp.hpp"

#include "base/crypto.hpp"
#include "core/percent.hpp"

namespace z4j::core {
namespace {

constexpr std::int64_t kTotpStepS = 30;
constexpr std::size_t kTotpDigits = 6;

}  // namespace

std::string totp_code(std::string_view secret, std::int64_t step) {
  std::string counter(8, '\0');
  auto left = static_cast<std::uint64_t>(step);
  for (std::size_t i = 8; i-- > 0; left >>= 8) counter[i] = static_cast<char>(left & 0xFF);
  const std::string mac = base::hmac_sha1(secret, counter);
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(mac[i]));
  };
  const std::size_t at = byte(mac.size() - 1) & 15;
  const std::uint32_t number =
      (byte(at) & 0x7F) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3);
  std::string digits = std::to_string(number % 1'000'000);
  return std::string(kTotpDigits - digits.size(), '0') + digits;
}

std::optional<std::int64_t> totp_match(std::string_view secret, std::string_view code,
                                       std::int64_t unix_seconds, std::int64_t last_step) {
  const std::int64_t now = unix_seconds / kTotpStepS;
  std::optional<std::int64_t> found;
  // All three are computed, whichever fits.
  for (const std::int64_t step : {now - 1, now, now + 1}) {
    if (base::equal_constant_time(totp_code(secret, step), code) && step > last_step && !found)
      found = step;
  }
  return found;
}

std::string base32(std::string_view bytes) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<unsigned char>(c)) & 0xFFF;
    for (count += 8; count >= 5; count -= 5) out += kLetters[bits >> (count - 5) & 31];
  }
  if (count > 0) out += kLetters[bits << (5 - count) & 31];
  return out;
}

std::string totp_url(std::string_view secret, std::string_view host, std::string_view email) {
  const std::string issuer = "z4j (" + std::string(host) + ")";
  return "otpauth://totp/" + percent_encoded(issuer + ":" + std::string(email)) +
         "?secret=" + base32(secret) + "&issuer=" + percent_encoded(issuer, "+") +
         "&algorithm=SHA1&digits=6&period=30";
}

}  // namespace z4j::core
