#include "net/relay_frame.hpp"

#include <initializer_list>

namespace z4j::net {
namespace {

constexpr std::string_view kFrameMark = "z4j1";

bool take_field(std::string_view& rest, std::string& out) {
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) return false;
  out.assign(rest.substr(0, end));
  rest.remove_prefix(end + 1);
  return true;
}

base::Error broken_frame() {
  return {base::Code::invalid, "relay frame is cut short or not from the front", "private socket",
          "only the front of the same process may connect here"};
}

}  // namespace

void append_relay_frame(std::string& out, const Request& request) {
  std::size_t size = kFrameMark.size() + request.body.size() + 512;
  for (const auto& [name, value] : request.headers) size += name.size() + value.size() + 2;
  out.reserve(out.size() + size);
  out += kFrameMark;
  for (const std::string* field :
       {&request.method, &request.path, &request.query, &request.client_ip, &request.peer_ip,
        &request.scheme, &request.host, &request.request_id}) {
    out += *field;
    out += '\0';
  }
  for (const auto& [name, value] : request.headers) {
    out += name;
    out += '\0';
    out += value;
    out += '\0';
  }
  out += '\0';
  out += request.body;
}

base::Result<Request> read_relay_frame(std::string_view frame) {
  if (frame.substr(0, kFrameMark.size()) != kFrameMark) return broken_frame();
  frame.remove_prefix(kFrameMark.size());
  Request request;
  for (std::string* field :
       {&request.method, &request.path, &request.query, &request.client_ip, &request.peer_ip,
        &request.scheme, &request.host, &request.request_id}) {
    if (!take_field(frame, *field)) return broken_frame();
  }
  while (true) {
    std::string name;
    std::string value;
    if (!take_field(frame, name)) return broken_frame();
    if (name.empty()) break;
    if (!take_field(frame, value)) return broken_frame();
    request.headers.emplace_back(std::move(name), std::move(value));
  }
  request.body.assign(frame);
  return request;
}

}  // namespace z4j::net
