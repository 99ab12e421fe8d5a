// Any bytes as what arrives on either end of the socket between the kernel and a plugin's process,
// and as an event batch in the memory they share. Nothing crashes, nothing is read behind its end;
// what was understood is understood again when it is written.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/batch_check.hpp"
#include "plugin/process/batch.hpp"
#include "plugin/process/channel.hpp"
#include "plugin/process/messages.hpp"

using namespace z4j::plugin;
using namespace z4j::plugin::process;

namespace {

template <class Message>
void again(const std::optional<Message>& read,
           const std::function<std::optional<Message>(std::string_view)>& decode) {
  if (!read) return;
  const std::string written = encode(*read);
  const auto back = decode(written);
  if (!back || encode(*back) != written) std::abort();
}

void read_payload(std::string_view bytes) {
  again<Load>(decode_load(bytes), decode_load);
  again<Outcome>(decode_outcome(bytes), decode_outcome);
  again<Declared>(decode_declared(bytes), decode_declared);
  Reader call(bytes);
  if (const auto held = decode_http_call(call)) {
    if (encode(held->call).empty()) std::abort();
  }
  Reader answer(bytes);
  if (const auto held = decode_http_answer(answer)) {
    if (encode(held->answer).empty()) std::abort();
  }
  Reader rows(bytes);
  z4j_stored_schedule row{};
  while (!rows.is_done() && take_schedule(rows, row)) {
    Writer out;
    put_schedule(out, row);
    if (out.size() < 60) std::abort();
  }
  std::uint64_t number = 0;
  std::string_view first, second;
  double real = 0;
  (void)unpack(bytes, number, first, second, real);
}

// As a whole stream, through the loop that both sides run.
void read_stream(std::string_view bytes, Way way) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return;
  if (bytes.size() > (64u << 10)) bytes = bytes.substr(0, 64u << 10);
  [[maybe_unused]] const auto written = ::send(pair[1], bytes.data(), bytes.size(), MSG_NOSIGNAL);
  ::close(pair[1]);
  Channel channel(pair[0], way);
  channel.run({.take =
                   [&](const Header& header, std::string payload) {
                     if (payload.size() != header.bytes || payload.size() > most_bytes(header.kind))
                       std::abort();
                     read_payload(payload);
                     return std::string();
                   },
               .beside = -1,
               .readable = {},
               .tick = {}});
}

void read_batch(std::string_view bytes) {
  FlatBatch copy;
  const auto batch = copy.copy({bytes.data(), bytes.size()});
  if (!batch || !check_batch(*batch)) return;
  std::string flat(flat_bytes(*batch) + 8, '\0');
  char* const at = flat.data() + (8 - reinterpret_cast<std::uintptr_t>(flat.data()) % 8) % 8;
  flatten(*batch, {at, flat_bytes(*batch)});
  FlatBatch other;
  if (!other.copy({at, flat_bytes(*batch)})) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_stream(bytes, Way::from_plugin);
  read_stream(bytes, Way::to_plugin);
  read_payload(bytes);
  read_batch(bytes);
  return 0;
}
