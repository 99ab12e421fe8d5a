// A blocking client for tests that sends exactly the bytes it is told to, over TCP or TLS, and
// reads HTTP answers and WebSocket frames. Every read has a deadline; a passed one throws.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace z4j::net::testing {

struct RawAnswer {
  int status = 0;
  std::multimap<std::string, std::string> headers;  // lower-case names
  std::string body;                                 // chunks joined

  [[nodiscard]] std::string header(const std::string& name) const;
};

struct RawFrame {
  int opcode = 0;  // 1 text, 2 binary, 8 close, 9 ping, 10 pong
  std::string payload;
  [[nodiscard]] int close_code() const;
};

enum class Wire { plain, tls };

class RawClient {
 public:
  explicit RawClient(std::uint16_t port, Wire wire = Wire::plain, int receive_buffer = 0);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;

  // Does a client get through a TLS handshake that knows just this version (as OpenSSL numbers it)
  // and, up to TLS 1.2, just these ciphers?
  [[nodiscard]] static bool shakes_hands(std::uint16_t port, int version,
                                         const std::string& ciphers);

  void send(std::string_view bytes);
  // Requires with_body false for answers to HEAD.
  [[nodiscard]] RawAnswer answer(bool with_body = true);
  // Sends and reads one answer.
  [[nodiscard]] RawAnswer ask(std::string_view bytes);
  // True if the peer closes within the deadline; throws if it sends more instead.
  [[nodiscard]] bool closed();

  // The whole handshake; returns its answer.
  [[nodiscard]] RawAnswer upgrade(std::string_view path, std::string_view more_headers = {});
  void send_frame(int opcode, std::string_view payload);
  [[nodiscard]] RawFrame frame();
  // The next frame that is no ping.
  [[nodiscard]] RawFrame message();

  // The served certificate's subject; empty without TLS.
  [[nodiscard]] std::string certificate_subject() const;

 private:
  bool fill();  // false at the end of the stream
  std::string take(std::size_t size);
  std::string line();

  int socket_ = -1;
  ssl_ctx_st* context_ = nullptr;
  ssl_st* tls_ = nullptr;
  std::string read_;
};

}  // namespace z4j::net::testing
