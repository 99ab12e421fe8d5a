#include "net/dns_text.hpp"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace z4j::net {
namespace {

constexpr std::size_t kMaxRecords = 64, kMaxText = 4096;

base::Error dns_error(base::Code code, std::string message) {
  return base::Error{.code = code, .message = std::move(message), .where = {}, .hint = {}};
}

class TextResolver {
 public:
  TextResolver() { usable_ = ::res_ninit(&state_) == 0; }
  TextResolver(const TextResolver&) = delete;
  TextResolver& operator=(const TextResolver&) = delete;
  ~TextResolver() {
    if (usable_) ::res_nclose(&state_);
  }
  [[nodiscard]] bool usable() const { return usable_; }
  [[nodiscard]] struct __res_state& state() { return state_; }

 private:
  struct __res_state state_ {};
  bool usable_ = false;
};

bool use_server(struct __res_state& state, const std::string& text) {
  const std::size_t colon = text.find(':');
  std::uint16_t port = 53;
  if (colon != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc() || stop != end || port == 0) return false;
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  if (::inet_pton(AF_INET, text.substr(0, colon).c_str(), &to.sin_addr) != 1) return false;
  state.nsaddr_list[0] = to;
  state.nscount = 1;
  return true;
}

}  // namespace

base::Result<std::vector<std::string>> dns_text(const std::string& name, const DnsServer& server) {
  if (name.empty() || name.size() > 253 || name.find('\0') != std::string::npos)
    return dns_error(base::Code::invalid, "this is no name of the DNS");
  TextResolver resolver;
  if (!resolver.usable()) return dns_error(base::Code::unavailable, "the resolver is not set up");
  struct __res_state& state = resolver.state();
  if (!server.address.empty() && !use_server(state, server.address))
    return dns_error(base::Code::invalid, "DNS server \"" + server.address +
                                              "\" is no IPv4 address, with or without port");
  state.retrans = std::max(1, server.timeout_ms / 1000);
  state.retry = 2;

  std::array<unsigned char, 65535> answer{};
  const int size = ::res_nquery(&state, name.c_str(), ns_c_in, ns_t_txt, answer.data(),
                                static_cast<int>(answer.size()));
  std::vector<std::string> out;
  if (size < 0) {
    if (state.res_h_errno == HOST_NOT_FOUND || state.res_h_errno == NO_DATA) return out;
    return dns_error(base::Code::timeout, "no DNS server answered about " + name);
  }
  ns_msg message;
  if (::ns_initparse(answer.data(), std::min(size, static_cast<int>(answer.size())), &message) != 0)
    return dns_error(base::Code::unavailable, "the DNS answer about " + name + " is malformed");
  const int records = ns_msg_count(message, ns_s_an);
  for (int i = 0; i < records && out.size() < kMaxRecords; ++i) {
    ns_rr record;
    if (::ns_parserr(&message, ns_s_an, i, &record) != 0) break;
    if (ns_rr_type(record) != ns_t_txt) continue;
    std::string text;
    const unsigned char* at = ns_rr_rdata(record);
    const unsigned char* const end = at + ns_rr_rdlen(record);
    while (at < end) {
      const std::size_t length = *at++;
      if (length > static_cast<std::size_t>(end - at)) break;
      text.append(reinterpret_cast<const char*>(at), length);
      at += length;
    }
    text.resize(std::min(text.size(), kMaxText));
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    }
    out.push_back(std::move(text));
  }
  return out;
}

}  // namespace z4j::net
