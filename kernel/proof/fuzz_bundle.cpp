// Any bytes as a bundle, a note, a key and an entry: refused or taken, never more. A bundle that
// was not signed with the trusted key never passes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proof/bundle.hpp"
#include "proof/entry_line.hpp"

namespace proof = z4j::proof;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const proof::SigningKey key =
      proof::SigningKey::from_seed("log.example", proof::KeyType::note, std::string(32, 'f'))
          .value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  proof::BundleCheck check({{key.verifier()}, {}, proof::Checkpoint{"log.example", 3, {}}});
  (void)check.take(text.substr(0, size / 2));
  (void)check.take(text.substr(size / 2));
  if (check.finish().ok) std::abort();
  if (const auto parsed = proof::VerifierKey::parse(text); parsed && parsed->text() != text)
    std::abort();
  if (const auto note = proof::Note::parse(text)) (void)proof::Checkpoint::parse(note->text);
  if (const auto entry = proof::parse_entry_line(text); entry && proof::entry_line(*entry) != text)
    std::abort();
  (void)proof::plain_text_member(text, "prev_row_hmac");
  return 0;
}
