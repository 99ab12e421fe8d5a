#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>

namespace z4j::net {
namespace {

// A key with a pass phrase must fail, not ask on the terminal.
int refuse_pass_phrase(char*, int, int, void*) { return 0; }

base::Error tls_error(const std::string& what, const std::string& file, const char* hint) {
  const unsigned long number = ERR_peek_last_error();
  const char* reason = number != 0 ? ERR_reason_error_string(number) : nullptr;
  ERR_clear_error();
  return {base::Code::bad_config,
          what + " " + file + ": " + (reason != nullptr ? reason : "unknown reason"), "", hint};
}

bool is_address(const std::string& host) {
  return host.find(':') != std::string::npos ||
         host.find_first_not_of("0123456789.") == std::string::npos;
}

// Asks for a certificate of that name, and says which one we want.
bool expect_peer(SSL* ssl, const std::string& name) {
  SSL_set_connect_state(ssl);
  if (is_address(name))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
  SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 && SSL_set1_host(ssl, name.c_str()) == 1;
}

// Of TLS 1.2, the strongest first: forward secrecy and authenticated encryption. Those of TLS 1.3
// all have both.
constexpr const char* kServerCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:@STRENGTH";

int clamp_size(std::size_t size) noexcept {
  return static_cast<int>(std::min<std::size_t>(size, static_cast<std::size_t>(INT_MAX)));
}

}  // namespace

base::Result<TlsContext> load_tls_context(const std::string& certificate_file,
                                          const std::string& key_file) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context)
    return tls_error("cannot make a TLS context for", certificate_file,
                     "is OpenSSL installed properly?");
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  if (SSL_CTX_set_cipher_list(raw, kServerCiphers) != 1)
    return tls_error("cannot choose the ciphers for", certificate_file,
                     "is OpenSSL installed properly?");
  SSL_CTX_set_options(
      raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(raw, 1);  // a record's head and body by one read
  SSL_CTX_set_session_id_context(raw, reinterpret_cast<const unsigned char*>("z4j"), 3);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(raw, refuse_pass_phrase);
  if (SSL_CTX_use_certificate_chain_file(raw, certificate_file.c_str()) != 1) {
    return tls_error(
        "cannot read TLS certificate", certificate_file,
        "it must be a PEM file with the server's certificate first, readable by this user");
  }
  if (SSL_CTX_use_PrivateKey_file(raw, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return tls_error(
        "cannot use TLS key", key_file,
        "it must be the certificate's PEM key without a pass phrase, readable by this user");
  }
  if (SSL_CTX_check_private_key(raw) != 1) {
    return tls_error("TLS key does not belong to the certificate:", key_file,
                     "give the pair that was issued together");
  }
  return context;
}

base::Result<TlsContext> load_client_tls_context(const std::string& ca_file) {
  ERR_clear_error();
  TlsContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context)
    return tls_error("cannot make a TLS context for", ca_file, "is OpenSSL installed properly?");
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  const bool is_good = ca_file.empty()
                           ? SSL_CTX_set_default_verify_paths(raw) == 1
                           : SSL_CTX_load_verify_locations(raw, ca_file.c_str(), nullptr) == 1;
  if (!is_good)
    return tls_error("cannot read TLS authorities", ca_file,
                     "it must be a PEM file with their certificates, readable by this user");
  return context;
}

TlsState::TlsState(const TlsContext& context, int socket, const std::string& server_name)
    : ssl_(SSL_new(context.get())) {
  if (ssl_ == nullptr) return;
  if (server_name.empty()) SSL_set_accept_state(ssl_);
  if ((!server_name.empty() && !expect_peer(ssl_, server_name)) || SSL_set_fd(ssl_, socket) != 1) {
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
}

TlsState::~TlsState() { SSL_free(ssl_); }

TlsState::Step TlsState::step_of(int outcome) const {
  switch (SSL_get_error(ssl_, outcome)) {
    case SSL_ERROR_WANT_READ:
      return Step::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Step::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      return Step::closed;
    default:
      return Step::failed;
  }
}

TlsState::Step TlsState::handshake() {
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_);
  if (outcome == 1) {
    shaken_ = true;
    return Step::done;
  }
  const Step step = step_of(outcome);
  if (step == Step::failed) {
    broken_ = true;
    reason_ = ERR_peek_last_error();
  }
  return step;
}

std::string TlsState::why() const {
  if (ssl_ == nullptr) return "no TLS connection could be made";
  if (const long verdict = SSL_get_verify_result(ssl_); verdict != X509_V_OK)
    return std::string("the certificate was not accepted: ") +
           X509_verify_cert_error_string(verdict);
  const char* reason = reason_ != 0 ? ERR_reason_error_string(reason_) : nullptr;
  return reason != nullptr ? reason : "the peer ended the handshake";
}

TlsState::Step TlsState::read(void* data, std::size_t size, std::size_t& moved) {
  ERR_clear_error();
  const int outcome = SSL_read(ssl_, data, clamp_size(size));
  if (outcome > 0) {
    moved = static_cast<std::size_t>(outcome);
    return Step::done;
  }
  const Step step = step_of(outcome);
  if (step == Step::failed) broken_ = true;
  return step;
}

TlsState::Step TlsState::write(const void* data, std::size_t size, std::size_t& moved) {
  ERR_clear_error();
  const int outcome = SSL_write(ssl_, data, clamp_size(size));
  if (outcome > 0) {
    moved = static_cast<std::size_t>(outcome);
    return Step::done;
  }
  const Step step = step_of(outcome);
  if (step == Step::failed) broken_ = true;
  return step;
}

void TlsState::say_goodbye() {
  if (!shaken_ || broken_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

}  // namespace z4j::net
