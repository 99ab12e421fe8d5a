#include "base/crypto.hpp"

#include <argon2.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <charconv>

#include "base/result.hpp"

namespace z4j::base {
namespace {

constexpr std::uint32_t kArgonTime = 3;
constexpr std::uint32_t kArgonMemoryKib = 65536;
constexpr std::uint32_t kArgonLanes = 4;
constexpr std::size_t kArgonSaltBytes = 16, kArgonHashBytes = 32, kArgonMostHashBytes = 256;
constexpr std::uint32_t kArgonMostTime = 10, kArgonMostMemoryKib = 1u << 20, kArgonMostLanes = 16;
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

// --- argon2id ---

constexpr std::string_view kPhcHead = "$argon2id$v=19$m=";

struct Argon2 {
  std::uint32_t time, memory_kib, lanes;
  [[nodiscard]] std::string head() const {
    return std::string(kPhcHead) + std::to_string(memory_kib) + ",t=" + std::to_string(time) +
           ",p=" + std::to_string(lanes) + "$";
  }
};

// The lanes one after another on the caller's thread: one hash costs one core, whatever it is
// asked for.
std::optional<std::string> argon2id(const Argon2& costs, std::string_view password,
                                    std::string_view salt, std::size_t bytes) {
  std::string out(bytes, '\0'), secret(password), salted(salt);
  argon2_context context{};
  context.out = reinterpret_cast<std::uint8_t*>(out.data());
  context.outlen = static_cast<std::uint32_t>(out.size());
  context.pwd = reinterpret_cast<std::uint8_t*>(secret.data());
  context.pwdlen = static_cast<std::uint32_t>(secret.size());
  context.salt = reinterpret_cast<std::uint8_t*>(salted.data());
  context.saltlen = static_cast<std::uint32_t>(salted.size());
  context.t_cost = costs.time;
  context.m_cost = costs.memory_kib;
  context.lanes = costs.lanes;
  context.threads = 1;
  context.version = ARGON2_VERSION_13;
  const int rc = argon2id_ctx(&context);
  OPENSSL_cleanse(secret.data(), secret.size());
  if (rc != ARGON2_OK) return std::nullopt;
  return out;
}

struct Phc {
  Argon2 costs;
  std::string salt, hash;
};

// What follows `name` up to `end`, as a number; moves on behind it.
std::optional<std::uint32_t> phc_number(std::string_view& text, std::string_view name, char end) {
  std::uint32_t number = 0;
  if (!text.starts_with(name)) return std::nullopt;
  text.remove_prefix(name.size());
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest == text.data() + text.size() || *rest != end)
    return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(rest - text.data()) + 1);
  return number;
}

// Nothing when it is no argon2id text, or one that would cost more than a sign-in may.
std::optional<Phc> read_phc(std::string_view text) {
  if (!text.starts_with(kPhcHead)) return std::nullopt;
  text.remove_prefix(kPhcHead.size());
  const auto memory_kib = phc_number(text, "", ',');
  const auto time = phc_number(text, "t=", ',');
  const auto lanes = phc_number(text, "p=", '$');
  const std::size_t middle = text.find('$');
  if (!memory_kib || !time || !lanes || middle == std::string_view::npos) return std::nullopt;
  if (*memory_kib > kArgonMostMemoryKib || *time > kArgonMostTime || *lanes > kArgonMostLanes)
    return std::nullopt;
  auto salt = decode64(text.substr(0, middle), kBase64);
  auto hash = decode64(text.substr(middle + 1), kBase64);
  if (!salt || !hash || hash->size() < ARGON2_MIN_OUTLEN || hash->size() > kArgonMostHashBytes)
    return std::nullopt;
  return Phc{{*time, *memory_kib, *lanes}, std::move(*salt), std::move(*hash)};
}

std::string unpadded(std::string_view bytes) { return encode64(bytes, kBase64, Padding::none); }

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

struct Sha256::Context {
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(ctx); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  Z4J_CHECK(context_->ctx != nullptr &&
            EVP_DigestInit_ex(context_->ctx, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::string_view part) {
  Z4J_CHECK(EVP_DigestUpdate(context_->ctx, part.data(), part.size()) == 1);
}

Digest Sha256::finish() {
  Digest out{};
  unsigned int size = 0;
  Z4J_CHECK(EVP_DigestFinal_ex(context_->ctx, out.data(), &size) == 1 && size == out.size());
  return out;
}

Digest hmac_sha256(std::string_view key, std::string_view message) {
  return HmacKey(key).sign(message);
}

std::string hmac_sha1(std::string_view key, std::string_view message) {
  std::string out(20, '\0');
  unsigned int size = 0;
  Z4J_CHECK(HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()),
                 reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                 reinterpret_cast<unsigned char*>(out.data()), &size) != nullptr &&
            size == out.size());
  return out;
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
  const std::string salt = random_bytes(kArgonSaltBytes);
  const Argon2 usual{kArgonTime, kArgonMemoryKib, kArgonLanes};
  const auto hash = argon2id(usual, password, salt, kArgonHashBytes);
  if (!hash) throw Bug("argon2id failed: out of memory?");
  return usual.head() + unpadded(salt) + '$' + unpadded(*hash);
}

bool verify_password(std::string_view phc, std::string_view password) {
  const auto stored = read_phc(phc);
  if (!stored) return false;
  const auto hash = argon2id(stored->costs, password, stored->salt, stored->hash.size());
  return hash && equal_constant_time(*hash, stored->hash);
}

bool password_needs_rehash(std::string_view phc) {
  return !phc.starts_with(Argon2{kArgonTime, kArgonMemoryKib, kArgonLanes}.head());
}

}  // namespace z4j::base
