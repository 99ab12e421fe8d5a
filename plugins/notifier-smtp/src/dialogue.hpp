// One SMTP connection: commands out, replies in, TLS when asked. Bounded: a reply is at most 100
// lines of 2 KiB. Throws Error (Z4J_UNAVAILABLE) when the connection ends or the relay talks
// nonsense. One thread; a TimeLimits::Limit from outside ends what blocks.
#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/StreamSocket.h>

#include <string>
#include <string_view>
#include <vector>

namespace z4j::smtp {

struct Reply {
  int code = 0;
  std::vector<std::string> lines;  // without the code

  [[nodiscard]] bool is_good() const noexcept { return code >= 200 && code < 300; }
  [[nodiscard]] bool asks_more() const noexcept { return code >= 300 && code < 400; }
  [[nodiscard]] bool is_passing() const noexcept { return code >= 400 && code < 500; }
  // "250 2.0.0 Ok: queued as 4F2", lines joined by blanks.
  [[nodiscard]] std::string text() const;
};

class Dialogue {
 public:
  explicit Dialogue(Poco::Net::StreamSocket socket) : socket_(std::move(socket)) {}
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  [[nodiscard]] Reply read();
  // `line` without its end. Never logged: it may be a password.
  [[nodiscard]] Reply ask(std::string_view line);
  void send(std::string_view bytes);
  // From here on everything is inside TLS; the certificate must be `host`'s. What the relay said
  // before, unasked, is an attack and ends it. "TLSv1.3 TLS_AES_256_GCM_SHA384, certificate of X".
  std::string start_tls(const Poco::Net::Context::Ptr& context, const std::string& host);

 private:
  std::string read_line();

  Poco::Net::StreamSocket socket_;
  std::string buffer_;
};

}  // namespace z4j::smtp
