#include "base/cipher.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>

#include "base/crypto.hpp"
#include "base/result.hpp"

namespace z4j::base {
namespace {

constexpr std::size_t kGcmKeyBytes = 32, kGcmNonceBytes = 12, kGcmTagBytes = 16;
constexpr std::size_t kGcmMostBytes = std::size_t{16} << 20;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* ctx) const { EVP_CIPHER_CTX_free(ctx); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* in_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* out_bytes(std::string& text, std::size_t from = 0) {
  return reinterpret_cast<unsigned char*>(text.data()) + from;
}

}  // namespace

std::string hkdf_sha256(std::string_view secret, std::string_view salt, std::string_view info,
                        std::size_t bytes) {
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  Z4J_CHECK(kdf != nullptr);
  EVP_KDF_CTX* const ctx = EVP_KDF_CTX_new(kdf);
  EVP_KDF_free(kdf);
  Z4J_CHECK(ctx != nullptr);
  char digest[] = "SHA256";
  // The library's parameters are not const, though it only reads them.
  const auto octets = [](const char* name, std::string_view text) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(text.data()), text.size());
  };
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                               octets(OSSL_KDF_PARAM_KEY, secret),
                               octets(OSSL_KDF_PARAM_SALT, salt), octets(OSSL_KDF_PARAM_INFO, info),
                               OSSL_PARAM_construct_end()};
  std::string out(bytes, '\0');
  const bool done = EVP_KDF_derive(ctx, out_bytes(out), out.size(), params) == 1;
  EVP_KDF_CTX_free(ctx);
  Z4J_CHECK(done);
  return out;
}

std::string encrypt_gcm(std::string_view key, std::string_view aad, std::string_view text) {
  Z4J_CHECK(key.size() == kGcmKeyBytes && text.size() <= kGcmMostBytes &&
            aad.size() <= kGcmMostBytes);
  std::string out = random_bytes(kGcmNonceBytes);
  out.resize(kGcmNonceBytes + text.size() + kGcmTagBytes);
  const CipherContext ctx(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool done =
      ctx != nullptr &&
      EVP_EncryptInit_ex2(ctx.get(), EVP_aes_256_gcm(), in_bytes(key), in_bytes(out), nullptr) ==
          1 &&
      EVP_EncryptUpdate(ctx.get(), nullptr, &length, in_bytes(aad), static_cast<int>(aad.size())) ==
          1 &&
      EVP_EncryptUpdate(ctx.get(), out_bytes(out, kGcmNonceBytes), &length, in_bytes(text),
                        static_cast<int>(text.size())) == 1 &&
      EVP_EncryptFinal_ex(ctx.get(), out_bytes(out, kGcmNonceBytes + text.size()), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kGcmTagBytes),
                          out_bytes(out, kGcmNonceBytes + text.size())) == 1;
  Z4J_CHECK(done);
  return out;
}

std::optional<std::string> decrypt_gcm(std::string_view key, std::string_view aad,
                                       std::string_view sealed) {
  Z4J_CHECK(key.size() == kGcmKeyBytes);
  if (sealed.size() < kGcmNonceBytes + kGcmTagBytes ||
      sealed.size() > kGcmNonceBytes + kGcmMostBytes + kGcmTagBytes || aad.size() > kGcmMostBytes)
    return std::nullopt;
  const std::string_view text =
      sealed.substr(kGcmNonceBytes, sealed.size() - kGcmNonceBytes - kGcmTagBytes);
  std::string tag(sealed.substr(sealed.size() - kGcmTagBytes));
  std::string out(text.size(), '\0');
  const CipherContext ctx(EVP_CIPHER_CTX_new());
  int length = 0;
  const bool good = ctx != nullptr &&
                    EVP_DecryptInit_ex2(ctx.get(), EVP_aes_256_gcm(), in_bytes(key),
                                        in_bytes(sealed), nullptr) == 1 &&
                    EVP_DecryptUpdate(ctx.get(), nullptr, &length, in_bytes(aad),
                                      static_cast<int>(aad.size())) == 1 &&
                    EVP_DecryptUpdate(ctx.get(), out_bytes(out), &length, in_bytes(text),
                                      static_cast<int>(text.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG,
                                        static_cast<int>(kGcmTagBytes), out_bytes(tag)) == 1 &&
                    EVP_DecryptFinal_ex(ctx.get(), out_bytes(out, out.size()), &length) == 1;
  if (!good) return std::nullopt;
  return out;
}

}  // namespace z4j::base
