#include "plugin/checked_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <vector>

#include "base/ascii.hpp"
#include "base/crypto.hpp"
#include "plugin/crossing.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kPartBytes = 256u << 10;
// Without waiting for the other end of what is no file.
constexpr int kReading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

std::string state_of(const struct stat& info) {
  const auto time = [](const timespec& t) {
    return std::to_string(t.tv_sec) + "." + std::to_string(t.tv_nsec);
  };
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) + ":" +
         std::to_string(info.st_size) + ":" + time(info.st_mtim) + ":" + time(info.st_ctim);
}

base::Error unreadable(const std::string& path, int error = errno) {
  return host_error(base::Code::io,
                    path + " can't be read: " + std::generic_category().message(error),
                    "check its rights");
}

base::Error too_large(const std::string& path) {
  return host_error(base::Code::too_large, path + " is larger than 512 MiB",
                    "this is hardly a plugin");
}

base::Error no_memory(const std::string& path) {
  return host_error(
      base::Code::no_memory,
      "no memory for a copy of " + path + ": " + std::generic_category().message(errno),
      "free some memory, and let the system give it (memfd_create)");
}

// Reads on from where it is; 0 at the end, -1 on an error.
ssize_t read_part(int file, char* to, std::size_t bytes) {
  ssize_t got = 0;
  do {
    got = ::read(file, to, bytes);
  } while (got < 0 && errno == EINTR);
  return got;
}

bool write_whole(int file, const char* from, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t written = ::write(file, from, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    from += written;
    bytes -= static_cast<std::size_t>(written);
  }
  return true;
}

struct SignatureText {
  std::optional<std::string> text;  // none: there is no such file
  std::string state;
};

base::Result<SignatureText> read_signature(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), kReading));
  if (file.get() < 0 && errno == ENOENT) return SignatureText{};
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return unreadable(path);
  if (!S_ISREG(info.st_mode))
    return host_error(base::Code::denied, path + " is not a regular file",
                      "put the plugin's signature there, or nothing");
  std::string text(kMostSignatureBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read_part(file.get(), text.data() + size, text.size() - size);
    if (got < 0) return unreadable(path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return SignatureText{std::move(text), "+" + state_of(info)};
}

base::Result<Signature> parse_signature(const std::string& path, std::string_view text) {
  auto parsed = Signature::parse(text);
  if (parsed) return parsed;
  base::Error error = std::move(parsed).error();
  error.message = path + " is no signature: " + error.message;
  return error;
}

// Hashes what is left of `from`, and writes it into `copy` unless that is -1.
base::Result<std::string> hash_and_copy(int from, int copy, const std::string& path) {
  base::Sha256 hash;
  std::vector<char> part(kPartBytes);
  std::uint64_t size = 0;
  for (;;) {
    const ssize_t got = read_part(from, part.data(), part.size());
    if (got < 0) return unreadable(path);
    if (got == 0) break;
    const auto bytes = static_cast<std::size_t>(got);
    if ((size += bytes) > kMostPluginFileBytes) return too_large(path);
    hash.add({part.data(), bytes});
    if (copy >= 0 && !write_whole(copy, part.data(), bytes)) return no_memory(path);
  }
  return base::hex(hash.finish());
}

}  // namespace

base::Result<OpenedFile> open_file(const std::string& path, const std::string& signature_path) {
  OpenedFile out;
  out.path = path;
  out.signature_path = signature_path;
  out.file = base::Descriptor(::open(path.c_str(), kReading));
  if (out.file.get() < 0 && errno != ENOENT && errno != ENXIO) return unreadable(path);
  struct stat info {};
  if (out.file.get() < 0 || ::fstat(out.file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return host_error(base::Code::not_found, path + " is not a regular file",
                      "put the plugin's .so there");
  }
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return host_error(base::Code::denied,
                      path + " belongs to user " + std::to_string(info.st_uid) +
                          ", expected root or the user who runs z4j",
                      "chown root " + path);
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return host_error(base::Code::denied, path + " can be written by others", "chmod go-w " + path);
  }
  if (static_cast<std::uint64_t>(info.st_size) > kMostPluginFileBytes) return too_large(path);
  out.device = info.st_dev;
  out.inode = info.st_ino;
  out.state = state_of(info);
  auto signature = read_signature(signature_path);
  if (!signature) return std::move(signature).error();
  out.signature = std::move(signature->text);
  out.state += signature->state;
  return out;
}

base::Status check_pin(const std::string& path, std::string_view found, std::string_view pin) {
  const std::string wanted = base::ascii_lower(pin);
  if (wanted.empty() || found == wanted) return {};
  return host_error(base::Code::denied,
                    path + " has SHA-256 " + std::string(found) + ", the config pins " + wanted,
                    "make sure where the file comes from, then change the pin");
}

base::Result<std::string> hash_file(const std::string& path) {
  const base::Descriptor file(::open(path.c_str(), kReading));
  struct stat info {};
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) return unreadable(path);
  if (!S_ISREG(info.st_mode))
    return host_error(base::Code::not_found, path + " is not a regular file",
                      "name a plugin's .so");
  return hash_and_copy(file.get(), -1, path);
}

base::Result<Signer> verify_file(const std::string& path, std::string_view plugin,
                                 const std::vector<config::TrustedKey>& keys) {
  const std::string beside = path + std::string(kSignatureSuffix);
  auto text = read_signature(beside);
  if (!text) return std::move(text).error();
  if (!text->text)
    return host_error(base::Code::not_found, path + " is not signed: there is no " + beside,
                      "get it from who made the plugin");
  const auto signature = parse_signature(beside, *text->text);
  if (!signature) return signature.error();
  const auto hash = hash_file(path);
  if (!hash) return hash.error();
  return check_signature(*signature, beside, plugin, *hash, keys);
}

base::Result<CheckedFile> check_file(OpenedFile opened, const FileClaim& claim) {
  std::optional<Signature> signature;
  if (opened.signature) {
    auto parsed = parse_signature(opened.signature_path, *opened.signature);
    if (!parsed) return std::move(parsed).error();
    signature = std::move(*parsed);
  } else if (!claim.required_by.empty()) {
    return host_error(base::Code::denied,
                      opened.path + " is not signed, and plugins.require_signature is \"" +
                          std::string(claim.required_by) + "\"",
                      "put its signature beside it, as " + opened.signature_path +
                          "; z4j-brain plugin sign makes one with a key of yours");
  }

  CheckedFile out;
  out.is_sealed = signature.has_value() || !claim.sha256.empty();
  base::Descriptor copy;
  if (out.is_sealed) {
    const std::string name = "z4j-plugin-" + std::string(cut(claim.plugin, 128));
    copy = base::Descriptor(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (copy.get() < 0) return no_memory(opened.path);
  }
  auto hash = hash_and_copy(opened.file.get(), copy.get(), opened.path);
  if (!hash) return std::move(hash).error();
  out.sha256 = std::move(*hash);
  if (auto good = check_pin(opened.path, out.sha256, claim.sha256); !good)
    return std::move(good).error();
  if (signature) {
    static const std::vector<config::TrustedKey> kNone;
    auto signer = check_signature(*signature, opened.signature_path, claim.plugin, out.sha256,
                                  claim.keys != nullptr ? *claim.keys : kNone);
    if (!signer) return std::move(signer).error();
    out.signer = std::move(*signer);
  }
  if (out.is_sealed) {
    if (::fcntl(copy.get(), F_ADD_SEALS,
                F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
      return no_memory(opened.path);
    opened.file = std::move(copy);
  }
  out.path = std::move(opened.path);
  out.file = std::move(opened.file);
  out.device = opened.device;
  out.inode = opened.inode;
  return out;
}

}  // namespace z4j::plugin
