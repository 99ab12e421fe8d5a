#include "src/dialogue.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/Session.h>
#include <Poco/Net/X509Certificate.h>
#include <openssl/ssl.h>
#include <z4j/plugin.hpp>

#include <algorithm>
#include <array>

#include "lib/text/text.hpp"

namespace z4j::smtp {
namespace {

constexpr std::size_t kMostLine = 2048, kMostLines = 100;

[[noreturn]] void lost(const std::string& why) { throw Error(Z4J_UNAVAILABLE, why); }

std::string version_of(SSL_SESSION* session) {
  if (session == nullptr) return "TLS";
  std::string out;
  switch (SSL_SESSION_get_protocol_version(session)) {
    case TLS1_3_VERSION:
      out = "TLSv1.3";
      break;
    case TLS1_2_VERSION:
      out = "TLSv1.2";
      break;
    default:
      out = "TLS";
  }
  if (const SSL_CIPHER* cipher = SSL_SESSION_get0_cipher(session); cipher != nullptr)
    out += std::string(" ") + SSL_CIPHER_get_name(cipher);
  return out;
}

}  // namespace

std::string Reply::text() const {
  std::string out = std::to_string(code);
  for (const std::string& line : lines) out += " " + line;
  return out;
}

std::string Dialogue::read_line() {
  while (true) {
    const std::size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    if (buffer_.size() > kMostLine) lost("the relay sent a line that does not end");
    std::array<char, 2048> part{};
    int got = 0;
    try {
      got = socket_.receiveBytes(part.data(), static_cast<int>(part.size()));
    } catch (const Poco::Exception& e) {
      lost("the connection to the relay broke: " + text::clean(e.displayText(), 200));
    }
    if (got <= 0) lost("the relay closed the connection");
    buffer_.append(part.data(), static_cast<std::size_t>(got));
  }
}

Reply Dialogue::read() {
  Reply reply;
  while (true) {
    const std::string line = read_line();
    const bool has_code =
        line.size() >= 3 &&
        std::all_of(line.begin(), line.begin() + 3, [](char c) { return c >= '0' && c <= '9'; });
    if (!has_code || (line.size() > 3 && line[3] != ' ' && line[3] != '-'))
      lost("the relay's reply is no SMTP");
    reply.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    reply.lines.push_back(text::clean(line.size() > 4 ? line.substr(4) : "", kMostLine));
    if (line.size() <= 3 || line[3] == ' ') return reply;
    if (reply.lines.size() >= kMostLines) lost("the relay's reply does not end");
  }
}

void Dialogue::send(std::string_view bytes) {
  while (!bytes.empty()) {
    int sent = 0;
    try {
      sent = socket_.sendBytes(bytes.data(),
                               static_cast<int>(std::min<std::size_t>(bytes.size(), 16384)));
    } catch (const Poco::Exception& e) {
      lost("the connection to the relay broke: " + text::clean(e.displayText(), 200));
    }
    if (sent <= 0) lost("the relay closed the connection");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

Reply Dialogue::ask(std::string_view line) {
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
    throw Error(Z4J_INVALID, "a command would hold a line end");
  send(std::string(line) + "\r\n");
  return read();
}

std::string Dialogue::start_tls(const Poco::Net::Context::Ptr& context, const std::string& host) {
  if (!buffer_.empty()) lost("the relay spoke in plain text where TLS must begin");
  try {
    const auto secure = Poco::Net::SecureStreamSocket::attach(socket_, host, context);
    socket_ = secure;
    const Poco::Net::Session::Ptr session = Poco::Net::SecureStreamSocket(secure).currentSession();
    std::string out = version_of(session.isNull() ? nullptr : session->sslSession());
    if (secure.havePeerCertificate()) {
      const Poco::Net::X509Certificate certificate = secure.peerCertificate();
      out += ", certificate of " + text::clean(certificate.commonName(), 100) + " by " +
             text::clean(certificate.issuerName(Poco::Net::X509Certificate::NID_COMMON_NAME), 100);
    }
    return out;
  } catch (const Poco::Exception& e) {
    lost("no TLS with the relay: " + text::clean(e.displayText(), 300));
  }
}

}  // namespace z4j::smtp
