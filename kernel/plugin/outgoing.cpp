// The host services z4j.http-client/1 and z4j.resolver/1 of an instance.
#include "plugin/outgoing.hpp"

#include <algorithm>
#include <cstddef>

#include "plugin/crossing.hpp"
#include "plugin/instance.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMaxCallsUnderWay = 256, kMaxCallHeaders = 64, kMaxCallBody = 4u << 20;
constexpr std::size_t kMaxCallText = 16u << 10, kMaxBytesUnderWay = 32u << 20;
constexpr std::uint32_t kCallDeadlineMs = 10'000, kLongestCallMs = 60'000;
constexpr std::uint32_t kAnswerBytes = 8u << 10, kMostAnswerBytes = 8u << 20;
constexpr std::uint32_t kMostRedirects = 10;
constexpr int kLongestLookupMs = 10'000;

std::uint32_t or_default(std::uint32_t given, std::uint32_t fallback, std::uint32_t most) {
  return given == 0 ? fallback : std::min(given, most);
}

base::Result<HttpCall> copy_call(const z4j_http_call& call) {
  if (call.struct_size < offsetof(z4j_http_call, max_redirects) + sizeof call.max_redirects ||
      call.header_count > kMaxCallHeaders || (call.headers == nullptr && call.header_count > 0) ||
      call.body.len > kMaxCallBody || call.url.len > kMaxCallText || call.method.len > kMaxCallText)
    return host_error(base::Code::invalid, "an HTTP call out of bounds");
  HttpCall out;
  out.method = text_of(call.method);
  out.url = text_of(call.url);
  out.body = text_of(call.body);
  for (std::uint32_t i = 0; i < call.header_count; ++i) {
    const z4j_http_header& header = call.headers[i];
    if (header.name.len + header.value.len > kMaxCallText)
      return host_error(base::Code::invalid, "an HTTP header out of bounds");
    out.headers.emplace_back(text_of(header.name), text_of(header.value));
  }
  out.deadline_ms = static_cast<int>(or_default(call.deadline_ms, kCallDeadlineMs, kLongestCallMs));
  out.max_answer_bytes = or_default(call.max_answer_bytes, kAnswerBytes, kMostAnswerBytes);
  out.max_redirects = std::min(call.max_redirects, kMostRedirects);
  return out;
}

}  // namespace

z4j_status Instance::on_http(const z4j_http_call* call, HttpDone done, void* arg,
                             z4j_error* error) {
  if (call == nullptr || done == nullptr)
    return write_error(error, host_error(base::Code::invalid, "an HTTP call without call or done"));
  auto copied = copy_call(*call);
  if (!copied) {
    fault(copied.error().message, Fault::counted);
    return write_error(error, copied.error());
  }
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(calls_mutex_);
    if (!takes_calls_)
      return write_error(error, host_error(base::Code::bad_state, "this instance is stopping"));
    if (http_calls_.size() >= kMaxCallsUnderWay ||
        call_bytes_ + copied->body.size() > kMaxBytesUnderWay)
      return write_error(error, host_error(base::Code::busy, "too many HTTP calls are under way"));
    id = ++last_call_;
    call_bytes_ += copied->body.size();
    http_calls_.emplace(id, Call{done, arg, copied->body.size()});
  }
  const base::Status taken = around_.callbacks.outgoing.http(
      std::move(copied).value(),
      [this, id](base::Result<HttpAnswer> answer) { deliver(id, answer); });
  if (taken) return Z4J_PENDING;
  const std::lock_guard lock(calls_mutex_);
  // Gone already: it was cancelled meanwhile, and done() has heard so.
  const auto at = http_calls_.find(id);
  if (at == http_calls_.end()) return Z4J_PENDING;
  call_bytes_ -= at->second.bytes;
  http_calls_.erase(at);
  return write_error(error, taken.error());
}

void Instance::deliver(std::uint64_t id, const base::Result<HttpAnswer>& answer) {
  if (const auto pass = answers_.enter()) end_http(id, answer);
}

void Instance::end_http(std::uint64_t id, const base::Result<HttpAnswer>& answer) {
  const auto pass = inward.enter();
  if (!pass) return;
  Call call;
  {
    const std::lock_guard lock(calls_mutex_);
    const auto at = http_calls_.find(id);
    if (at == http_calls_.end()) return;
    call = at->second;
    call_bytes_ -= call.bytes;
    http_calls_.erase(at);
  }
  z4j_http_answer out{};
  out.struct_size = sizeof out;
  std::vector<z4j_http_header> headers;
  std::string message;
  if (answer) {
    out.http_status = static_cast<std::uint32_t>(answer->status);
    for (const auto& [name, value] : answer->headers)
      headers.push_back(z4j_http_header{lend(name), lend(value)});
    out.header_count = static_cast<std::uint32_t>(headers.size());
    out.headers = headers.data();
    out.body = lend(answer->body);
    out.is_cut = answer->is_cut ? 1 : 0;
  } else {
    out.status = write_error(nullptr, answer.error());
    message = answer.error().message;
    out.message = lend(message);
  }
  this->call("HTTP answer", 0, [&] { call.done(call.arg, &out); });
}

void Instance::cancel_http() {
  std::vector<std::uint64_t> ids;
  {
    const std::lock_guard lock(calls_mutex_);
    for (const auto& [id, call] : http_calls_) ids.push_back(id);
  }
  for (const std::uint64_t id : ids)
    end_http(id, host_error(base::Code::cancelled, "the instance is stopping"));
}

z4j_status Instance::on_addresses(z4j_str host, std::uint32_t port, std::uint32_t deadline_ms,
                                  const z4j_sink* out, z4j_error* error) {
  if (out == nullptr || out->put == nullptr || host.len > kMaxCallText || port == 0 || port > 65535)
    return write_error(error, host_error(base::Code::invalid, "addresses() without host or sink"));
  const auto found = around_.callbacks.outgoing.addresses(
      std::string(text_of(host)), static_cast<std::uint16_t>(port),
      static_cast<int>(std::min<std::uint32_t>(deadline_ms, kLongestLookupMs)));
  if (!found) return write_error(error, found.error());
  for (const std::string& address : *found) {
    if (const z4j_status status = out->put(out->ctx, lend(address)); status != Z4J_OK)
      return status;
  }
  return Z4J_OK;
}

}  // namespace z4j::plugin
