// How the front hands a request to the API server behind the private socket: one frame, the body of
// a small POST of its own. The client's head travels inside the frame as data, so only the front
// ever parses hostile HTTP; there is no second parser that could see another request in the same
// bytes.
//
//   "z4j1" then, each ended by NUL: method, path, query, client_ip, peer_ip, scheme, host,
//   request_id, then name and value per header, then one more NUL, then the body as it is.
//
// None of the fields can hold a NUL: scan_head() refuses it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"

namespace z4j::net {

void append_relay_frame(std::string& out, const Request& request);

// Error: invalid, when the frame is cut short or not ours.
[[nodiscard]] base::Result<Request> read_relay_frame(std::string_view frame);

}  // namespace z4j::net
