#include "net/testing/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace z4j::net::testing {
namespace {

constexpr int kDeadlineSeconds = 15;

}  // namespace

std::string RawAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

int RawFrame::close_code() const {
  if (opcode != 8 || payload.size() < 2) return 0;
  return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
}

RawClient::RawClient(std::uint16_t port, Wire wire, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval deadline{kDeadlineSeconds, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
  if (receive_buffer > 0)
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
  if (wire == Wire::plain) return;
  context_ = SSL_CTX_new(TLS_client_method());
  tls_ = SSL_new(context_);
  SSL_set_fd(tls_, socket_);
  if (SSL_connect(tls_) != 1) throw std::runtime_error("TLS handshake failed");
}

bool RawClient::shakes_hands(std::uint16_t port, int version, const std::string& ciphers) {
  RawClient client(port);
  client.context_ = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_set_min_proto_version(client.context_, version) != 1 ||
      SSL_CTX_set_max_proto_version(client.context_, version) != 1 ||
      SSL_CTX_set_cipher_list(client.context_, ciphers.c_str()) != 1)
    throw std::runtime_error("no such version or cipher");
  client.tls_ = SSL_new(client.context_);
  SSL_set_fd(client.tls_, client.socket_);
  return SSL_connect(client.tls_) == 1;
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      context_(std::exchange(other.context_, nullptr)),
      tls_(std::exchange(other.tls_, nullptr)),
      read_(std::move(other.read_)) {}

RawClient::~RawClient() {
  SSL_free(tls_);
  SSL_CTX_free(context_);
  if (socket_ >= 0) ::close(socket_);
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t moved = tls_ != nullptr
                              ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                              : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (moved <= 0) throw std::runtime_error("cannot send");
    bytes.remove_prefix(static_cast<std::size_t>(moved));
  }
}

bool RawClient::fill() {
  char piece[16384];
  const ssize_t moved = tls_ != nullptr ? SSL_read(tls_, piece, sizeof piece)
                                        : ::recv(socket_, piece, sizeof piece, 0);
  if (moved < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    throw std::runtime_error("no answer in time");
  if (moved <= 0) return false;
  read_.append(piece, static_cast<std::size_t>(moved));
  return true;
}

std::string RawClient::take(std::size_t size) {
  while (read_.size() < size) {
    if (!fill()) throw std::runtime_error("closed in the middle of an answer");
  }
  std::string out = read_.substr(0, size);
  read_.erase(0, size);
  return out;
}

std::string RawClient::line() {
  std::size_t end = 0;
  while ((end = read_.find("\r\n")) == std::string::npos) {
    if (!fill()) throw std::runtime_error("closed before an answer");
  }
  std::string out = read_.substr(0, end);
  read_.erase(0, end + 2);
  return out;
}

RawAnswer RawClient::answer(bool with_body) {
  RawAnswer out;
  const std::string first = line();
  if (first.substr(0, 9) != "HTTP/1.1 ") throw std::runtime_error("not an answer: " + first);
  out.status = std::atoi(first.c_str() + 9);
  for (std::string text = line(); !text.empty(); text = line()) {
    const std::size_t colon = text.find(": ");
    if (colon == std::string::npos) throw std::runtime_error("not a header: " + text);
    std::string name = text.substr(0, colon);
    for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    out.headers.emplace(name, text.substr(colon + 2));
  }
  if (!with_body || out.status < 200 || out.status == 204 || out.status == 304) return out;
  if (out.header("transfer-encoding") == "chunked") {
    while (true) {
      const std::size_t size = std::strtoul(line().c_str(), nullptr, 16);
      out.body += take(size);
      if (!line().empty()) throw std::runtime_error("chunk does not end where it should");
      if (size == 0) return out;
    }
  }
  if (out.headers.count("content-length") > 0) {
    out.body = take(std::strtoul(out.header("content-length").c_str(), nullptr, 10));
    return out;
  }
  while (fill()) {
  }
  out.body = std::exchange(read_, {});
  return out;
}

RawAnswer RawClient::ask(std::string_view bytes) {
  send(bytes);
  return answer();
}

bool RawClient::closed() {
  if (!read_.empty() || fill())
    throw std::runtime_error("more bytes instead of an end: " + read_.substr(0, 200));
  return true;
}

RawAnswer RawClient::upgrade(std::string_view path, std::string_view more_headers) {
  send("GET " + std::string(path) +
       " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
       std::string(more_headers) + "\r\n");
  return answer();
}

void RawClient::send_frame(int opcode, std::string_view payload) {
  std::string out;
  out += static_cast<char>(0x80 | opcode);
  if (payload.size() < 126) {
    out += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    out += static_cast<char>(0x80 | 126);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 255);
  } else {
    out += static_cast<char>(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8)
      out += static_cast<char>(payload.size() >> shift & 255);
  }
  out += std::string(4, '\0');  // a mask of zeros leaves the payload as it is
  out += payload;
  send(out);
}

RawFrame RawClient::frame() {
  RawFrame out;
  const std::string head = take(2);
  out.opcode = head[0] & 15;
  std::size_t size = static_cast<unsigned char>(head[1]) & 127;
  if (size >= 126) {
    const std::string longer = take(size == 126 ? 2 : 8);
    size = 0;
    for (const char c : longer) size = size << 8 | static_cast<unsigned char>(c);
  }
  out.payload = take(size);
  return out;
}

RawFrame RawClient::message() {
  while (true) {
    RawFrame out = frame();
    if (out.opcode != 9) return out;
  }
}

std::string RawClient::certificate_subject() const {
  if (tls_ == nullptr) return {};
  X509* certificate = SSL_get1_peer_certificate(tls_);
  char text[256] = {};
  X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof text);
  X509_free(certificate);
  return text;
}

}  // namespace z4j::net::testing
