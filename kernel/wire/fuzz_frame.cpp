// Any bytes as a frame. Nothing crashes; a frame that is rightly signed is never refused for its
// signature, whatever else is in it; and what our signer makes of any payload can be opened.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/crypto.hpp"
#include "wire/frame.hpp"
#include "wire/hello.hpp"

using namespace z4j;

namespace {

constexpr std::string_view kKey = "0123456789abcdef0123456789abcdef";
constexpr base::TimeUs kNow = 1'780'920'000LL * base::kSecondUs;

const wire::SessionIds& ids() {
  static const wire::SessionIds ids{"agent", "project", "session"};
  return ids;
}

// The object with its MAC added, if it is one.
void open_signed(std::string_view text) {
  const auto to_sign = wire::signed_text(text, ids());
  if (!to_sign) return;
  if (base::json::canonical(*to_sign, {.max_depth = 512}).value() != *to_sign) std::abort();
  const std::size_t close = text.find_last_of('}');
  const std::size_t before = text.substr(0, close).find_last_not_of(" \t\r\n");
  std::string frame(text.substr(0, close));
  if (text[before] != '{') frame += ',';
  frame += "\"hmac\":\"" + base::hex(base::hmac_sha256(kKey, *to_sign)) + "\"}";
  wire::Verifier verifier(kKey, ids());
  const auto opened = verifier.open(frame, kNow, 0);
  if (!opened && opened.error().where == wire::kSignature) std::abort();
}

void sign_payload(std::string_view text) {
  auto payload = base::json::parse(text, {.max_depth = 256});
  if (!payload || !payload->is_object()) return;
  wire::Signer signer(kKey, ids());
  wire::Verifier verifier(kKey, ids(), std::size_t{16} << 20);
  const std::string frame =
      signer.sign(wire::FrameType::event_batch, "ev_1", payload->get_object(), kNow);
  if (!verifier.open(frame, kNow, 0)) std::abort();
}

void read_handshake(std::string_view text) {
  if (const auto hello = wire::parse_hello(text); hello) {
    const std::string written = wire::write_hello(*hello, "h");
    const auto again = wire::parse_hello(written);
    if (!again || wire::write_hello(*again, "h") != written) std::abort();
  }
  if (const auto ack = wire::parse_hello_ack(text); !ack && ack.error().message.empty())
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  wire::Verifier verifier(kKey, ids());
  if (const auto opened = verifier.open(text, kNow, 0);
      !opened && wire::close_code_of(opened.error()) < 1000)
    std::abort();
  open_signed(text);
  sign_payload(text);
  read_handshake(text);
  return 0;
}
