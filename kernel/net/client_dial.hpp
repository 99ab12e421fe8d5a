// Dialling: name, TCP, proxy, TLS; and what comes of it. For socket_client and http_client.
//
// Loop thread only.
#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>

#include "net/client_target.hpp"
#include "net/front_stream.hpp"

namespace z4j::net {

class Dial {
 public:
  // Exactly one of them; never from inside dial().
  struct Done {
    std::function<void(FrontStream)> connected;
    std::function<void(ClientFailure)> failed;
  };
  // Ends at the latest when the target's connect_timeout_ms is over. `target` must outlive it.
  static void start(boost::asio::io_context& loop, const ClientTarget& target, Done done);
};

}  // namespace z4j::net
