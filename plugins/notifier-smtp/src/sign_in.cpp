#include "src/sign_in.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <z4j/plugin.hpp>

#include <array>

#include "lib/text/text.hpp"

namespace z4j::smtp {
namespace {

bool offers(std::string_view offered, std::string_view way) {
  while (!offered.empty()) {
    const std::size_t end = std::min(offered.find(' '), offered.size());
    if (offered.substr(0, end) == way) return true;
    offered.remove_prefix(std::min(end + 1, offered.size()));
  }
  return false;
}

}  // namespace

std::string_view auth_name(Auth way) noexcept {
  switch (way) {
    case Auth::login:
      return "LOGIN";
    case Auth::cram_md5:
      return "CRAM-MD5";
    case Auth::xoauth2:
      return "XOAUTH2";
    case Auth::plain:
    case Auth::automatic:
      break;
  }
  return "PLAIN";
}

Auth choose_auth(Auth wanted, std::string_view offered, bool is_tls) {
  Auth way = wanted;
  if (wanted == Auth::automatic) {
    if (is_tls && offers(offered, "PLAIN"))
      way = Auth::plain;
    else if (is_tls && offers(offered, "LOGIN"))
      way = Auth::login;
    else if (offers(offered, "CRAM-MD5"))
      way = Auth::cram_md5;
    else if (offers(offered, "PLAIN") || offers(offered, "LOGIN"))
      way = Auth::plain;  // refused below
    else
      throw Error(Z4J_BAD_CONFIG,
                  "the relay offers no way to sign in that we know: " + text::clean(offered, 100));
  } else if (!offers(offered, auth_name(way))) {
    throw Error(Z4J_BAD_CONFIG,
                "the relay does not offer " + std::string(auth_name(way)) + " to sign in");
  }
  if (!is_tls && way != Auth::cram_md5)
    throw Error(Z4J_BAD_CONFIG,
                "a password is not sent without TLS; set smtp_tls, or use CRAM-MD5");
  return way;
}

std::string cram_md5_answer(std::string_view challenge, std::string_view user,
                            std::string_view password) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (::HMAC(EVP_md5(), password.data(), static_cast<int>(password.size()),
             reinterpret_cast<const unsigned char*>(challenge.data()), challenge.size(),
             digest.data(), &size) == nullptr)
    throw Error(Z4J_INTERNAL, "CRAM-MD5 is not there in this OpenSSL");
  constexpr char kHex[] = "0123456789abcdef";
  std::string out(user);
  out += ' ';
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

Reply sign_in(Dialogue& relay, Auth way, const std::string& user, const std::string& password) {
  const std::string command = "AUTH " + std::string(auth_name(way));
  if (way == Auth::cram_md5) {
    const Reply challenge = relay.ask(command);
    if (!challenge.asks_more()) return challenge;
    const auto text = text::base64_decode(challenge.lines.back());
    if (!text) throw Error(Z4J_UNAVAILABLE, "the relay's CRAM-MD5 challenge is no base64");
    return relay.ask(text::base64_encode(cram_md5_answer(*text, user, password)));
  }
  if (way == Auth::login) {
    Reply reply = relay.ask(command);
    for (const std::string& word : {user, password}) {
      if (!reply.asks_more()) return reply;
      reply = relay.ask(text::base64_encode(word));
    }
    return reply;
  }
  const std::string first = way == Auth::xoauth2
                                ? "user=" + user + "\x01" + "auth=Bearer " + password + "\x01\x01"
                                : std::string(1, '\0') + user + std::string(1, '\0') + password;
  // In a line of its own: with a long token the command would be longer than relays take.
  Reply reply = relay.ask(command);
  if (!reply.asks_more()) return reply;
  reply = relay.ask(text::base64_encode(first));
  // XOAUTH2 tells why in a challenge, and wants an empty answer before it refuses.
  if (way == Auth::xoauth2 && reply.asks_more()) reply = relay.ask("");
  return reply;
}

}  // namespace z4j::smtp
