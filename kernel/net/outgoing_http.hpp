// HTTP calls to where people and plugins say: through the guard, to the checked address with the
// name in SNI, certificate and Host; no proxy, no cookies, bounded in time and in bytes.
//
// Thread-safe. Poco blocks, so each call has a thread of a small pool, and a watch that shuts its
// socket down when its time is over, however slowly the other side drips.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "net/dial_guard.hpp"

namespace z4j::net {

struct OutgoingRequest {
  std::string method = "POST", url;
  std::vector<std::pair<std::string, std::string>> headers = {};  // may hold secrets
  std::string body = {};
  int deadline_ms = 10'000;  // for all of it, the lookup too
  std::size_t max_answer_bytes = 8u << 10;
  unsigned max_redirects = 0;  // each one is checked like the first; other hosts get no headers
};

struct OutgoingAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool is_cut = false;  // there was more

  // The first of that lower-case name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

// A URL that may be called, taken apart. Errors (invalid) do not repeat it: it may hold a secret.
struct OutgoingUrl {
  bool is_tls = true;
  std::string host;  // without brackets
  std::uint16_t port = 0;
  std::string authority;  // as the Host header says it
  std::string target;     // path and query, as written
};
[[nodiscard]] base::Result<OutgoingUrl> parse_outgoing_url(std::string_view url, bool allow_http);

class OutgoingHttp {
 public:
  struct Options {
    bool allow_http = false;
    std::string ca_file = {};  // authorities besides the machine's; "": none
    int connect_ms = 5'000;
    unsigned threads = 16;
    std::size_t max_waiting = 256;
  };

  // bad_config: the file of authorities cannot be read. `guard` must outlive it.
  [[nodiscard]] static base::Result<std::unique_ptr<OutgoingHttp>> make(Options options,
                                                                        DialGuard& guard);
  ~OutgoingHttp();  // stop()
  OutgoingHttp(const OutgoingHttp&) = delete;
  OutgoingHttp& operator=(const OutgoingHttp&) = delete;

  // On this thread. Errors: invalid (what is asked), denied (where to), and of the world.
  [[nodiscard]] base::Result<OutgoingAnswer> ask(const OutgoingRequest& request);
  // On a thread of the pool; `done` is called exactly once, there, unless this fails (busy).
  using Done = std::function<void(base::Result<OutgoingAnswer>)>;
  [[nodiscard]] base::Status send(OutgoingRequest request, Done done);
  // Ends what is under way; everything later is refused (cancelled).
  void stop();

 private:
  struct Inside;
  explicit OutgoingHttp(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace z4j::net
