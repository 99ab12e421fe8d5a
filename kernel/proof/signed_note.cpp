#include "proof/signed_note.hpp"

#include <algorithm>

#include "base/ed25519.hpp"

namespace z4j::proof {
namespace {

constexpr std::size_t kIdBytes = 4, kTimeBytes = 8;
constexpr std::size_t kMaxNoteBytes = 64u << 10, kMaxSignatures = 32, kMaxNameBytes = 255;
constexpr std::string_view kDash = "\u2014 ";

base::Error malformed(std::string message) {
  return base::Error{base::Code::invalid, std::move(message), {}, {}, 0};
}

// What a co-signature covers.
std::string cosigned(std::string_view note_text, std::uint64_t at) {
  std::string out = "cosignature/v1\ntime " + std::to_string(at) + "\n";
  out += note_text;
  return out;
}

std::string big_endian(std::uint64_t number) {
  std::string out(kTimeBytes, '\0');
  for (std::size_t i = kTimeBytes; i-- > 0; number >>= 8) out[i] = static_cast<char>(number & 0xff);
  return out;
}

std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t out = 0;
  for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

// The text up to the next newline, which goes too; nothing when there is none.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

// Only the one spelling of each value.
std::optional<std::string> strict_base64(std::string_view text) {
  auto bytes = base::unbase64(text);
  if (!bytes || base::base64(*bytes) != text) return std::nullopt;
  return bytes;
}

}  // namespace

bool is_key_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f &&
                  c != '+';
         });
}

// --- keys ---------------------------------------------------------------------------------------

std::string VerifierKey::id() const {
  const Hash hash =
      base::sha256(name + "\n" + static_cast<char>(static_cast<std::uint8_t>(type)) + bytes);
  return std::string(reinterpret_cast<const char*>(hash.data()), kIdBytes);
}

std::string VerifierKey::text() const {
  return name + "+" + base::hex(id()) + "+" +
         base::base64(static_cast<char>(static_cast<std::uint8_t>(type)) + bytes);
}

base::Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos || text.size() > 1024)
    return malformed("a public key reads NAME+ID+KEY");
  const auto key = strict_base64(text.substr(second + 1));
  VerifierKey out;
  out.name = text.substr(0, first);
  if (!is_key_name(out.name) || !key || key->size() != 1 + base::kEd25519KeyBytes ||
      (key->front() != 1 && key->front() != 4))
    return malformed("a public key reads NAME+ID+KEY, KEY being an Ed25519 key in base64");
  out.type = static_cast<KeyType>(key->front());
  out.bytes = key->substr(1);
  if (base::hex(out.id()) != text.substr(first + 1, second - first - 1))
    return malformed("the id of the public key does not fit it: a letter is wrong");
  return out;
}

base::Result<SigningKey> SigningKey::from_seed(std::string_view name, KeyType type,
                                               std::string_view seed) {
  if (!is_key_name(name)) return malformed("a key's name has no blanks, no + and 1 to 255 letters");
  if (seed.size() != base::kEd25519KeyBytes) return malformed("a signing key has 32 bytes");
  auto bytes = base::ed25519_public_key(seed);
  if (!bytes) return malformed("the signing key is no Ed25519 key");
  SigningKey out;
  out.seed_ = seed;
  out.verifier_ = {std::string(name), type, std::move(*bytes)};
  return out;
}

std::string SigningKey::sign(std::string_view note_text, std::uint64_t unix_seconds) const {
  NoteSignature line{verifier_.name, verifier_.id()};
  if (verifier_.type == KeyType::cosignature) {
    line.bytes +=
        big_endian(unix_seconds) + base::ed25519_sign(seed_, cosigned(note_text, unix_seconds));
  } else {
    line.bytes += base::ed25519_sign(seed_, note_text);
  }
  return to_line(line);
}

// --- notes --------------------------------------------------------------------------------------

std::string to_line(const NoteSignature& signature) {
  return std::string(kDash) + signature.name + " " + base::base64(signature.bytes) + "\n";
}

base::Result<std::vector<NoteSignature>> Note::parse_signatures(std::string_view lines) {
  if (lines.size() > kMaxNoteBytes) return malformed("too many signatures");
  std::vector<NoteSignature> out;
  while (!lines.empty()) {
    auto line = take_line(lines);
    if (!line || !line->starts_with(kDash)) return malformed("that is no signature line");
    line->remove_prefix(kDash.size());
    const std::size_t blank = line->find(' ');
    if (blank == std::string_view::npos || blank == 0)
      return malformed("a signature has a name and a value");
    const auto bytes = strict_base64(line->substr(blank + 1));
    if (!bytes || bytes->size() <= kIdBytes) return malformed("a signature is not base64");
    if (out.size() == kMaxSignatures) return malformed("too many signatures");
    out.push_back({std::string(line->substr(0, blank)), *bytes});
  }
  return out;
}

base::Result<Note> Note::parse(std::string_view note) {
  if (note.size() > kMaxNoteBytes) return malformed("the note is longer than 64 KiB");
  if (std::any_of(note.begin(), note.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }))
    return malformed("the note has control characters");
  const std::size_t split = note.rfind("\n\n");
  if (split == std::string_view::npos) return malformed("the note has no signatures");
  Note out;
  out.text = note.substr(0, split + 1);
  auto signatures = parse_signatures(note.substr(split + 2));
  if (!signatures) return std::move(signatures).error();
  if (signatures->empty()) return malformed("the note has no signatures");
  out.signatures = std::move(signatures).value();
  return out;
}

Signed signed_by(std::string_view text, const std::vector<NoteSignature>& signatures,
                 const VerifierKey& key, std::uint64_t* at) {
  const std::string id = key.id();
  Signed found = Signed::absent;
  for (const NoteSignature& signature : signatures) {
    if (signature.name != key.name || !signature.bytes.starts_with(id)) continue;
    std::string_view rest = std::string_view(signature.bytes).substr(kIdBytes);
    bool is_good = false;
    if (key.type == KeyType::cosignature) {
      if (rest.size() == kTimeBytes + base::kEd25519SignatureBytes) {
        const std::uint64_t when = from_big_endian(rest.substr(0, kTimeBytes));
        is_good = base::ed25519_verifies(key.bytes, cosigned(text, when), rest.substr(kTimeBytes));
        if (is_good && at != nullptr) *at = when;
      }
    } else {
      is_good = base::ed25519_verifies(key.bytes, text, rest);
    }
    if (!is_good) return Signed::bad;
    found = Signed::good;
  }
  return found;
}

Signed signed_by_one(std::string_view text, const std::vector<NoteSignature>& signatures,
                     const std::vector<VerifierKey>& keys, const VerifierKey** by) {
  Signed found = Signed::absent;
  for (const VerifierKey& key : keys) {
    const Signed one = signed_by(text, signatures, key);
    if (one == Signed::bad) return Signed::bad;
    if (one == Signed::absent || found == Signed::good) continue;
    found = Signed::good;
    if (by != nullptr) *by = &key;
  }
  return found;
}

// --- checkpoints --------------------------------------------------------------------------------

std::string to_base64(const Hash& hash) {
  return base::base64({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

std::optional<Hash> hash_from_base64(std::string_view text) {
  Hash out{};
  const auto bytes = text.size() == 44 ? strict_base64(text) : std::nullopt;
  if (!bytes || bytes->size() != out.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (text.empty() || text.size() > 19 || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  std::uint64_t out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    out = out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (out >= std::uint64_t{1} << 63) return std::nullopt;
  return out;
}

base::Result<Checkpoint> Checkpoint::parse(std::string_view note_text) {
  const auto origin = take_line(note_text);
  const auto size = origin ? take_line(note_text) : std::nullopt;
  const auto root = size ? take_line(note_text) : std::nullopt;
  if (!root) return malformed("a checkpoint has three lines: origin, size, root");
  const auto count = parse_size(*size);
  const auto hash = hash_from_base64(*root);
  if (origin->empty() || !count || !hash)
    return malformed("a checkpoint has three lines: origin, size, root");
  Checkpoint out;
  out.origin = *origin;
  out.size = *count;
  out.root = *hash;
  return out;
}

std::string Checkpoint::text() const {
  return origin + "\n" + std::to_string(size) + "\n" + to_base64(root) + "\n";
}

}  // namespace z4j::proof
