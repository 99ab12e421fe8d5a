#include "config/trusted_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/crypto.hpp"
#include "base/ed25519.hpp"

namespace z4j::config {
namespace {

constexpr std::size_t kMostKeys = 64, kMostFileBytes = 16u << 10, kMostNameBytes = 63, kIdBytes = 8;
constexpr const char* kExpected =
    "give an Ed25519 public key as base64, or the absolute path of its PEM file: openssl pkey -in "
    "KEY -pubout";

base::Error wrong(std::string message, std::string hint = kExpected) {
  return base::Error{base::Code::bad_config, std::move(message), {}, std::move(hint), 0};
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMostNameBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

base::Result<std::string> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  if (file < 0 || ::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (file >= 0) ::close(file);
    return wrong(path + " can't be read", "name a PEM file that is there");
  }
  std::string text(kMostFileBytes + 1, '\0');
  const ssize_t got = ::read(file, text.data(), text.size());
  ::close(file);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return wrong(path + " can be written by others", "chmod go-w " + path);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

}  // namespace

std::string key_id(std::string_view public_key) {
  return base::hex(base::sha256(public_key)).substr(0, 2 * kIdBytes);
}

base::Result<TrustedKey> read_trusted_key(std::string_view text) {
  TrustedKey out;
  const std::size_t equals = text.find('=');
  // The padding of base64 is no end of a name.
  if (equals != std::string_view::npos && text.find_first_not_of('=', equals) != text.npos &&
      is_name(text.substr(0, equals))) {
    out.name = text.substr(0, equals);
    text.remove_prefix(equals + 1);
  }
  // First: base64 may begin like a path.
  std::optional<std::string> bytes = base::ed25519_public_key_of_base64(text);
  if (!bytes && text.starts_with('/')) {
    const auto pem = read_file(std::string(text));
    if (!pem) return pem.error();
    bytes = base::ed25519_public_key_of_pem(*pem);
    if (!bytes) return wrong(std::string(text) + " holds no Ed25519 public key in PEM");
  }
  if (!bytes) return wrong("that is no Ed25519 public key");
  out.bytes = std::move(*bytes);
  out.id = key_id(out.bytes);
  return out;
}

base::Result<std::vector<TrustedKey>> read_trusted_keys(const std::vector<std::string>& texts) {
  if (texts.size() > kMostKeys)
    return wrong("there are " + std::to_string(texts.size()) + " keys", "trust at most 64");
  std::vector<TrustedKey> out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto key = read_trusted_key(texts[i]);
    if (!key) {
      base::Error error = std::move(key).error();
      error.message = "key number " + std::to_string(i + 1) + ": " + error.message;
      return error;
    }
    out.push_back(std::move(*key));
  }
  return out;
}

}  // namespace z4j::config
