// The certificate and key that new TLS connections use, and whom to trust where we dial. OpenSSL
// stays behind this header.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace z4j::net {

// Shared, because a connection keeps the context it shook hands with after a reload.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

// TLS 1.2 and later, no renegotiation, buffers released while a connection is idle. The error
// (bad_config) names the file that can't be read or doesn't fit; it never holds key material.
[[nodiscard]] base::Result<TlsContext> load_tls_context(const std::string& certificate_file,
                                                        const std::string& key_file);

// For dialling: TLS 1.2 and later, the peer's certificate is checked against the machine's
// authorities, or those of `ca_file` alone when it is given. Errors: bad_config, naming the file.
[[nodiscard]] base::Result<TlsContext> load_client_tls_context(const std::string& ca_file);

// One TLS connection's state over a non-blocking socket. One thread at a time.
class TlsState {
 public:
  // What the peer must do before a call can go on.
  enum class Step { done, wants_read, wants_write, closed, failed };

  // With `server_name` (a host name or an address) we dial, and the certificate must be for it.
  TlsState(const TlsContext& context, int socket, const std::string& server_name = {});
  ~TlsState();
  TlsState(const TlsState&) = delete;
  TlsState& operator=(const TlsState&) = delete;

  [[nodiscard]] bool usable() const noexcept { return ssl_ != nullptr; }
  [[nodiscard]] Step handshake();
  [[nodiscard]] Step read(void* data, std::size_t size, std::size_t& moved);
  [[nodiscard]] Step write(const void* data, std::size_t size, std::size_t& moved);
  // Why the handshake failed, for people.
  [[nodiscard]] std::string why() const;
  // Tells the peer that no more will come; doesn't wait.
  void say_goodbye();

 private:
  [[nodiscard]] Step step_of(int outcome) const;
  ssl_st* ssl_ = nullptr;
  bool shaken_ = false;
  bool broken_ = false;
  unsigned long reason_ = 0;  // OpenSSL's, of what broke it
};

}  // namespace z4j::net
