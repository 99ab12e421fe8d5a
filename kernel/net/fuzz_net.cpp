// Every parser of the front that is written by hand, on one input.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/forwarded.hpp"
#include "net/head_scan.hpp"
#include "net/http.hpp"
#include "net/relay_frame.hpp"

namespace {

void must(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace z4j::net;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const HeadScan scan = scan_head(text);
  must(scan.size <= size);
  must((scan.state == HeadState::complete) == (scan.size >= 2));
  must(skip_empty_lines(text) <= size);
  static_cast<void>(is_request_id(text));

  bool ok = false;
  must(percent_decode(percent_encode(text), true, ok) == text && ok);
  static_cast<void>(percent_decode(text, true, ok));
  static_cast<void>(parse_query(text));

  Request request;
  request.headers = {{"cookie", std::string(text)},
                     {"x-forwarded-for", std::string(text)},
                     {"x-forwarded-proto", std::string(text)}};
  static_cast<void>(request.cookie("a"));
  static const TrustedProxies kTrusted = *TrustedProxies::parse({"10.0.0.0/8"});
  const ClientSeen seen = see_client(kTrusted, "10.0.0.1", false, request.headers);
  must(Address::parse(seen.client_ip).has_value());
  static_cast<void>(TrustedProxies::parse({std::string(text)}));

  if (auto frame = read_relay_frame(text)) {
    std::string again;
    append_relay_frame(again, *frame);
    must(again == text);
  }
  return 0;
}
