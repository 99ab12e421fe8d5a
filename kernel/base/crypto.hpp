// Hashes, MACs, passwords, random bytes and their text forms. OpenSSL and libargon2 stay behind
// this header.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace z4j::base {

using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(std::string_view data);
// The same of what comes in parts. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void add(std::string_view part);
  [[nodiscard]] Digest finish();  // once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};
[[nodiscard]] Digest hmac_sha256(std::string_view key, std::string_view message);
// 20 bytes; for one-time codes (RFC 4226), whose apps know nothing else.
[[nodiscard]] std::string hmac_sha1(std::string_view key, std::string_view message);

// HMAC-SHA256 with one key for many messages; about three times faster than hmac_sha256 on short
// ones. One thread at a time.
class HmacKey {
 public:
  explicit HmacKey(std::string_view key);
  ~HmacKey();
  HmacKey(HmacKey&&) noexcept;
  HmacKey& operator=(HmacKey&&) noexcept;
  [[nodiscard]] Digest sign(std::string_view message);

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] std::string hex(std::string_view bytes);
[[nodiscard]] std::string hex(const Digest& digest);
[[nodiscard]] std::optional<std::string> unhex(std::string_view text);
// RFC 4648 part 5; decode takes text with or without padding.
enum class Padding { none, equals };
[[nodiscard]] std::string base64url(std::string_view bytes, Padding padding = Padding::none);
[[nodiscard]] std::optional<std::string> unbase64url(std::string_view text);
[[nodiscard]] std::string base64(std::string_view bytes);
[[nodiscard]] std::optional<std::string> unbase64(std::string_view text);

// From the operating system's generator.
[[nodiscard]] std::string random_bytes(std::size_t count);
// 32 random bytes as URL-safe text: 43 characters.
[[nodiscard]] std::string random_token();

// Equal length and content, in time that depends on the length only.
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b) noexcept;

// argon2id, time 3, memory 65536 KiB, parallelism 4, 32-byte hash, 16-byte salt; PHC text.
// Takes about 100 ms of one core and 64 MiB: callers bound how many run at once.
[[nodiscard]] std::string hash_password(std::string_view password);
[[nodiscard]] bool verify_password(std::string_view phc, std::string_view password);
[[nodiscard]] bool password_needs_rehash(std::string_view phc);

}  // namespace z4j::base
