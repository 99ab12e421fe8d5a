#include "base/uuid.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <cstring>
#include <memory>

#include "base/result.hpp"

namespace z4j::base {
namespace {

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void stamp(Uuid& u, int version) noexcept {
  u.bytes[6] = static_cast<std::uint8_t>((u.bytes[6] & 0x0f) | (version << 4));
  u.bytes[8] = static_cast<std::uint8_t>((u.bytes[8] & 0x3f) | 0x80);
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view s) {
  if (s.starts_with("urn:uuid:")) s.remove_prefix(9);
  if (s.size() == 38 && s.front() == '{' && s.back() == '}') s = s.substr(1, 36);
  const bool hyphens = s.size() == 36;
  if (!hyphens && s.size() != 32) return std::nullopt;
  Uuid u;
  std::size_t at = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    if (hyphens && (i == 4 || i == 6 || i == 8 || i == 10)) {
      if (s[at++] != '-') return std::nullopt;
    }
    const int high = hex_digit(s[at]), low = hex_digit(s[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    u.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return u;
}

Uuid Uuid::random() {
  Uuid u;
  Z4J_CHECK(RAND_bytes(u.bytes.data(), static_cast<int>(u.bytes.size())) == 1);
  stamp(u, 4);
  return u;
}

Uuid Uuid::ordered(std::int64_t unix_ms) {
  Uuid u = random();
  for (std::size_t i = 0; i < 6; ++i)
    u.bytes[i] = static_cast<std::uint8_t>(unix_ms >> (40 - 8 * i));
  stamp(u, 7);
  return u;
}

Uuid Uuid::named(const Uuid& ns, std::string_view name) {
  thread_local const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> kept(EVP_MD_CTX_new(),
                                                                                  &EVP_MD_CTX_free);
  EVP_MD_CTX* const ctx = kept.get();
  static EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  Z4J_CHECK(EVP_DigestInit_ex(ctx, sha1, nullptr) == 1 &&
            EVP_DigestUpdate(ctx, ns.bytes.data(), ns.bytes.size()) == 1 &&
            EVP_DigestUpdate(ctx, name.data(), name.size()) == 1 &&
            EVP_DigestFinal_ex(ctx, digest, &size) == 1);
  Uuid u;
  std::memcpy(u.bytes.data(), digest, 16);
  stamp(u, 5);
  return u;
}

Uuid Uuid::from_bytes(std::string_view sixteen) {
  Z4J_CHECK(sixteen.size() == 16);
  Uuid u;
  std::memcpy(u.bytes.data(), sixteen.data(), 16);
  return u;
}

std::string Uuid::text() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

}  // namespace z4j::base
