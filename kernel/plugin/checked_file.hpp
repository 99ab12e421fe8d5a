// A plugin's file before it is mapped: opened once, its rights, its pinned hash and its signature
// checked on what was opened, so that nothing comes in between by another file in its place.
//
// A file with a pin or a signature is copied, while it is hashed, into memory that is sealed then:
// what is mapped are the bytes that were checked, whoever writes into the file later.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/descriptor.hpp"
#include "base/result.hpp"
#include "plugin/signature.hpp"

namespace z4j::plugin {

inline constexpr std::uint64_t kMostPluginFileBytes = std::uint64_t{512} << 20;

// Opened, and of an owner and with rights that no other user can change it by. What was read of
// its signature is what is checked.
struct OpenedFile {
  std::string path;
  base::Descriptor file;
  std::uint64_t device = 0, inode = 0;
  std::string state;                     // changes when the file or its signature does
  std::string signature_path;            // where one would lie
  std::optional<std::string> signature;  // its text; longer ones are cut, which no parser takes
};
[[nodiscard]] base::Result<OpenedFile> open_file(const std::string& path,
                                                 const std::string& signature_path);

struct CheckedFile {
  std::string path;
  base::Descriptor file;
  std::uint64_t device = 0, inode = 0;  // of the file at `path`
  bool is_sealed = false;               // `file` is a copy that nobody can change
  std::string sha256;
  std::optional<Signer> signer;
};
// What is asked of it.
struct FileClaim {
  std::string_view plugin;       // by what name it is wanted
  std::string_view sha256;       // 64 hex digits, or ""
  std::string_view required_by;  // what asks for a signature: the setting's value, or ""
  const std::vector<config::TrustedKey>* keys = nullptr;
};
[[nodiscard]] base::Result<CheckedFile> check_file(OpenedFile opened, const FileClaim& claim);

// The SHA-256 of a file that lies anywhere, in hex, and whose signature lies beside it; whoever may
// write to them. not_found: there is no signature.
[[nodiscard]] base::Result<std::string> hash_file(const std::string& path);
[[nodiscard]] base::Result<Signer> verify_file(const std::string& path, std::string_view plugin,
                                               const std::vector<config::TrustedKey>& keys);

// Is `found` (lower-case hex) what is pinned? "" pins nothing.
[[nodiscard]] base::Status check_pin(const std::string& path, std::string_view found,
                                     std::string_view pin);

}  // namespace z4j::plugin
