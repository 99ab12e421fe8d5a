// Any bytes as a signature: read, or refused with a sentence. What is read has one spelling, and no
// key has made it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/ed25519.hpp"
#include "plugin/signature.hpp"

namespace plugin = z4j::plugin;
namespace config = z4j::config;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string seed(32, 'f');
  static const std::string public_key = z4j::base::ed25519_public_key(seed).value();
  static const std::vector<config::TrustedKey> keys{
      {"fuzz", public_key, config::key_id(public_key)}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto read = plugin::Signature::parse(text);
  if (!read) {
    if (read.error().message.empty() || read.error().hint.empty()) std::abort();
    // The same as the value of the last line, so that more of it is reached.
    plugin::Signature good = plugin::Signature::make("fuzz", std::string(64, '0'), seed);
    const std::string whole = good.text();
    (void)plugin::Signature::parse(whole.substr(0, size % whole.size()) + std::string(text));
    (void)config::read_trusted_key(text.starts_with('/') ? text.substr(1) : text);
    return 0;
  }
  if (read->text() != text) std::abort();
  read->key_id = keys.front().id;
  if (plugin::check_signature(*read, "x.so.sig", read->plugin, read->sha256, keys)) std::abort();
  return 0;
}
