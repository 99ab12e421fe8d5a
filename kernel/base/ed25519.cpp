#include "base/ed25519.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "base/crypto.hpp"
#include "base/result.hpp"

namespace z4j::base {
namespace {

constexpr std::size_t kMostPemBytes = 16u << 10, kMostBase64 = 64;

struct Free {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
  void operator()(BIO* b) const { BIO_free(b); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;

const unsigned char* octets_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* octets_of(std::string& bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

Key private_key(std::string_view seed) {
  return Key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, octets_of(seed), seed.size()));
}

std::optional<std::string> public_bytes(EVP_PKEY* key) {
  std::string out(kEd25519KeyBytes, '\0');
  std::size_t size = out.size();
  if (key == nullptr || EVP_PKEY_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, octets_of(out), &size) != 1 || size != out.size())
    return std::nullopt;
  return out;
}

std::unique_ptr<BIO, Free> memory_of(std::string_view text) {
  return std::unique_ptr<BIO, Free>(
      BIO_new_mem_buf(text.data(), static_cast<int>(std::min(text.size(), kMostPemBytes))));
}

// Nobody is asked at a terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

}  // namespace

std::optional<std::string> ed25519_public_key(std::string_view seed) {
  if (seed.size() != kEd25519KeyBytes) return std::nullopt;
  return public_bytes(private_key(seed).get());
}

std::string ed25519_sign(std::string_view seed, std::string_view message) {
  const Key key = private_key(seed);
  const Context context(EVP_MD_CTX_new());
  std::string out(kEd25519SignatureBytes, '\0');
  std::size_t size = out.size();
  Z4J_CHECK(key && context &&
            EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
            EVP_DigestSign(context.get(), octets_of(out), &size, octets_of(message),
                           message.size()) == 1 &&
            size == kEd25519SignatureBytes);
  return out;
}

bool ed25519_verifies(std::string_view public_key, std::string_view message,
                      std::string_view signature) {
  if (public_key.size() != kEd25519KeyBytes || signature.size() != kEd25519SignatureBytes)
    return false;
  const Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, octets_of(public_key),
                                            public_key.size()));
  const Context context(EVP_MD_CTX_new());
  return key && context &&
         EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), octets_of(signature), signature.size(), octets_of(message),
                          message.size()) == 1;
}

std::optional<std::string> ed25519_public_key_of_pem(std::string_view pem) {
  if (pem.size() > kMostPemBytes) return std::nullopt;
  const auto memory = memory_of(pem);
  if (!memory) return std::nullopt;
  return public_bytes(
      Key(PEM_read_bio_PUBKEY(memory.get(), nullptr, no_passphrase, nullptr)).get());
}

std::optional<std::string> ed25519_seed_of_pem(std::string_view pem) {
  if (pem.size() > kMostPemBytes) return std::nullopt;
  const auto memory = memory_of(pem);
  if (!memory) return std::nullopt;
  const Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr));
  std::string out(kEd25519KeyBytes, '\0');
  std::size_t size = out.size();
  if (!key || EVP_PKEY_id(key.get()) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_private_key(key.get(), octets_of(out), &size) != 1 || size != out.size())
    return std::nullopt;
  return out;
}

std::optional<std::string> ed25519_public_key_of_base64(std::string_view text) {
  if (text.size() > kMostBase64) return std::nullopt;
  auto bytes = unbase64(text);
  if (!bytes || base64(*bytes) != text) return std::nullopt;
  if (bytes->size() == kEd25519KeyBytes) return bytes;
  const unsigned char* at = octets_of(std::string_view(*bytes));
  const unsigned char* const end = at + bytes->size();
  const Key key(d2i_PUBKEY(nullptr, &at, static_cast<long>(bytes->size())));
  return at == end ? public_bytes(key.get()) : std::nullopt;
}

}  // namespace z4j::base
