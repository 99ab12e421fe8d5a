// Signed notes and what stands on them: Ed25519 keys with names, checkpoints of a log, witnesses'
// co-signatures. Text formats: C2SP signed-note, tlog-checkpoint, tlog-cosignature (v1).
//
// Everything parsed here may come from an enemy: sizes are bounded, nothing throws.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "proof/merkle.hpp"

namespace z4j::proof {

// What a key signs, as the formats number it.
enum class KeyType : std::uint8_t { note = 1, cosignature = 4 };

// A public key with its name: "name+12ab34cd+base64".
struct VerifierKey {
  std::string name;
  KeyType type = KeyType::note;
  std::string bytes;  // 32

  [[nodiscard]] static base::Result<VerifierKey> parse(std::string_view text);
  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string id() const;  // 4 bytes
};

[[nodiscard]] bool is_key_name(std::string_view name) noexcept;

// A private key. Signs notes of the log, or co-signs as a witness.
class SigningKey {
 public:
  // `seed`: 32 bytes. Errors: invalid.
  [[nodiscard]] static base::Result<SigningKey> from_seed(std::string_view name, KeyType type,
                                                          std::string_view seed);
  [[nodiscard]] const VerifierKey& verifier() const noexcept { return verifier_; }
  // The signature line, with its newline. A co-signature says when.
  [[nodiscard]] std::string sign(std::string_view note_text, std::uint64_t unix_seconds = 0) const;

 private:
  SigningKey() = default;
  VerifierKey verifier_;
  std::string seed_;
};

struct NoteSignature {
  std::string name;
  std::string bytes;  // key id, then what was signed
};

struct Note {
  std::string text;  // ends with a newline
  std::vector<NoteSignature> signatures;

  // At most 64 KiB and 32 signatures.
  [[nodiscard]] static base::Result<Note> parse(std::string_view note);
  // Signature lines alone, as a witness sends them.
  [[nodiscard]] static base::Result<std::vector<NoteSignature>> parse_signatures(
      std::string_view lines);
};
[[nodiscard]] std::string to_line(const NoteSignature& signature);

enum class Signed { absent, good, bad };
// Is the text signed with that key? `at`: when a witness signed, Unix seconds.
[[nodiscard]] Signed signed_by(std::string_view text, const std::vector<NoteSignature>& signatures,
                               const VerifierKey& key, std::uint64_t* at = nullptr);
// Is it signed with one of the keys, and falsely with none? `by`: the first of those that signed.
[[nodiscard]] Signed signed_by_one(std::string_view text,
                                   const std::vector<NoteSignature>& signatures,
                                   const std::vector<VerifierKey>& keys,
                                   const VerifierKey** by = nullptr);

// How big a log is, and the root of its tree.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  Hash root{};

  // The note's text; lines after the third are allowed and not looked at.
  [[nodiscard]] static base::Result<Checkpoint> parse(std::string_view note_text);
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] std::string to_base64(const Hash& hash);
[[nodiscard]] std::optional<Hash> hash_from_base64(std::string_view text);
// Decimal digits without leading zeros, below 2^63.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace z4j::proof
