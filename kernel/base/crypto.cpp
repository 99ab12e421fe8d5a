#include "base/crypto.hpp"

#include <argon2.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/result.hpp"

namespace z4j::base {
namespace {

constexpr std::uint32_t kArgonTime = 3;
constexpr std::uint32_t kArgonMemoryKib = 65536;
constexpr std::uint32_t kArgonLanes = 4;
constexpr char kBase64Url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string encode64(std::string_view bytes, const char* alphabet, Padding padding) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](std::size_t j) -> std::uint32_t {
      return j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0u;
    };
    const std::uint32_t group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    const std::size_t left = bytes.size() - i;
    out += alphabet[group >> 18 & 63];
    out += alphabet[group >> 12 & 63];
    if (left > 1) out += alphabet[group >> 6 & 63];
    if (left > 2) out += alphabet[group & 63];
    if (padding == Padding::equals) out.append(left >= 3 ? 0 : 3 - left, '=');
  }
  return out;
}

std::optional<std::string> decode64(std::string_view text, const char* alphabet) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::array<int, 256> value{};
  value.fill(-1);
  for (int i = 0; i < 64; ++i) value[static_cast<unsigned char>(alphabet[i])] = i;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const int v = value[static_cast<unsigned char>(c)];
    if (v < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(v);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xff);
    }
  }
  return out;
}

}  // namespace

struct HmacKey::Context {
  EVP_MAC* mac = nullptr;
  EVP_MAC_CTX* ctx = nullptr;
  ~Context() {
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
  }
};

HmacKey::HmacKey(std::string_view key) : context_(std::make_unique<Context>()) {
  context_->mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  Z4J_CHECK(context_->mac != nullptr);
  context_->ctx = EVP_MAC_CTX_new(context_->mac);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                               OSSL_PARAM_construct_end()};
  const unsigned char empty = 0;
  const auto* bytes = key.empty() ? &empty : reinterpret_cast<const unsigned char*>(key.data());
  Z4J_CHECK(EVP_MAC_init(context_->ctx, bytes, key.size(), params) == 1);
}

HmacKey::~HmacKey() = default;
HmacKey::HmacKey(HmacKey&&) noexcept = default;
HmacKey& HmacKey::operator=(HmacKey&&) noexcept = default;

Digest HmacKey::sign(std::string_view message) {
  Digest out{};
  std::size_t size = 0;
  Z4J_CHECK(EVP_MAC_init(context_->ctx, nullptr, 0, nullptr) == 1 &&
            EVP_MAC_update(context_->ctx, reinterpret_cast<const unsigned char*>(message.data()),
                           message.size()) == 1 &&
            EVP_MAC_final(context_->ctx, out.data(), &size, out.size()) == 1 && size == out.size());
  return out;
}

Digest sha256(std::string_view data) {
  Digest out{};
  unsigned int size = 0;
  Z4J_CHECK(EVP_Digest(data.data(), data.size(), out.data(), &size, EVP_sha256(), nullptr) == 1);
  return out;
}

Digest hmac_sha256(std::string_view key, std::string_view message) {
  return HmacKey(key).sign(message);
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string hex(const Digest& digest) {
  return hex(std::string_view(reinterpret_cast<const char*>(digest.data()), digest.size()));
}

std::optional<std::string> unhex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int byte = 0;
    for (std::size_t j = i; j < i + 2; ++j) {
      const char c = text[j];
      const int v = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
      if (v < 0) return std::nullopt;
      byte = byte * 16 + v;
    }
    out += static_cast<char>(byte);
  }
  return out;
}

std::string base64url(std::string_view bytes, Padding padding) {
  return encode64(bytes, kBase64Url, padding);
}
std::optional<std::string> unbase64url(std::string_view text) { return decode64(text, kBase64Url); }
std::string base64(std::string_view bytes) { return encode64(bytes, kBase64, Padding::equals); }
std::optional<std::string> unbase64(std::string_view text) { return decode64(text, kBase64); }

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  Z4J_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1);
  return out;
}

std::string random_token() { return base64url(random_bytes(32)); }

bool equal_constant_time(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hash_password(std::string_view password) {
  const std::string salt = random_bytes(16);
  std::string out(argon2_encodedlen(kArgonTime, kArgonMemoryKib, kArgonLanes, 16, 32, Argon2_id),
                  '\0');
  const int rc =
      argon2id_hash_encoded(kArgonTime, kArgonMemoryKib, kArgonLanes, password.data(),
                            password.size(), salt.data(), salt.size(), 32, out.data(), out.size());
  if (rc != ARGON2_OK) throw Bug(std::string("argon2: ") + argon2_error_message(rc));
  out.resize(out.find('\0'));
  return out;
}

bool verify_password(std::string_view phc, std::string_view password) {
  return argon2id_verify(std::string(phc).c_str(), password.data(), password.size()) == ARGON2_OK;
}

bool password_needs_rehash(std::string_view phc) {
  return !phc.starts_with("$argon2id$v=19$m=65536,t=3,p=4$");
}

}  // namespace z4j::base
