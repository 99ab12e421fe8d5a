// One public HTTP connection: reads requests one after the other, refuses what is malformed or too
// large, relays the rest, and writes the answers. Bodies are read whole before an API thread is
// asked for, so a slow sender holds memory (bounded) and no thread. Loop thread only.
//
// Ownership: the operation under way (a read, a write, a relay) holds the connection; when none is
// left it is gone.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/front.hpp"
#include "net/http.hpp"
#include "net/refusal.hpp"

namespace z4j::net {

class FrontConnection final : public RelaySink,
                              public std::enable_shared_from_this<FrontConnection> {
 public:
  FrontConnection(Front& front, FrontStream stream, std::string peer_ip);
  ~FrontConnection() override;
  FrontConnection(const FrontConnection&) = delete;
  FrontConnection& operator=(const FrontConnection&) = delete;

  void start();
  [[nodiscard]] bool is_due(std::chrono::steady_clock::time_point now) const noexcept {
    return now >= deadline_;
  }
  void on_deadline();
  // The server is going: idle connections close now, others after their answer.
  void stop_soon();
  void abort();

 private:
  enum class Phase {
    handshake,
    idle,
    head,
    body,
    parked,  // for a late answer
    waiting,
    relaying,
    answering,
    lingering,
    gone
  };
  enum class Side { front, api };  // who made the answer

  void next_request();
  void read_more(std::size_t size);
  void on_read(const ErrorCode& error, std::size_t size);
  void take_head();
  void take_request();
  void begin_body();
  void take_body();
  void relay();
  void upgrade(const SocketEndpoint& endpoint);
  void end_upgrade(const SocketEndpoint& endpoint, const Response& response);
  void accept_socket(const SocketEndpoint& endpoint,
                     std::vector<std::pair<std::string, std::string>> headers);
  // Waits for what `handler` answers, and goes on with `resume`.
  void park(const LateHandler& handler, std::chrono::seconds patience,
            std::function<void(const Response&)> resume);
  void unpark(std::uint64_t ticket, const Response& response);
  // What is wrong with the parsed head, or nothing; fills request_.
  [[nodiscard]] std::optional<Refusal> read_request();
  [[nodiscard]] std::optional<Refusal> check_body();

  void refuse(Refusal refusal, After after);
  void answer(const Response& response, After after);
  void pump();
  void finish_answer();
  void linger();
  void drain();
  void set_deadline(std::chrono::seconds from_now);

  void relay_started() override;
  void relay_head(RelayedHead head) override;
  void relay_data(std::string_view data) override;
  void relay_end() override;
  void relay_failed() override;
  void relay_flush() override;
  [[nodiscard]] bool relay_wants_more() const override;

  Front& front_;
  FrontStream stream_;
  const std::string peer_ip_;
  Phase phase_ = Phase::handshake;
  std::chrono::steady_clock::time_point deadline_;
  boost::beast::flat_buffer in_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  Request request_;
  std::size_t body_reserved_ = 0;
  std::shared_ptr<Relay> relay_;
  const LateRoute* late_ = nullptr;               // who takes the request instead of the API
  std::shared_ptr<FrontConnection> parked_self_;  // while parked no operation holds the connection
  std::function<void(const Response&)> resume_;
  std::uint64_t tickets_ = 0;
  std::string out_, writing_text_;
  std::size_t lingered_ = 0;
  bool first_ = true;     // no request yet
  bool keep_ = false;     // the connection goes on after this answer
  bool chunked_ = false;  // we frame the answer in chunks
  bool reading_ = false;
  bool writing_ = false;
  bool ended_ = false;  // the whole answer is in out_ or written
  bool head_only_ = false;
};

}  // namespace z4j::net
