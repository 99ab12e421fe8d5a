#include "net/front_connection.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "base/crypto.hpp"
#include "net/head_scan.hpp"
#include "net/relay_frame.hpp"

namespace z4j::net {
namespace {

namespace beast_http = boost::beast::http;

constexpr std::size_t kReadBytes = 4u << 10;
constexpr std::size_t kBodyReadBytes = 16u << 10;
constexpr std::size_t kKeptBuffer = 16u << 10;
constexpr std::size_t kMaxHeaders = 200;
constexpr std::size_t kMaxAnswerAhead = 256u << 10;  // of an answer, held for a slow reader
constexpr std::size_t kMaxLingerBytes = 1u << 20;
constexpr std::chrono::seconds kLingerTime{2};
constexpr std::chrono::seconds kCheckTime{5};  // of an upgrade, or of who may send a body

std::string lower_case(boost::beast::string_view text) {
  std::string out(text.data(), text.size());
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_hop_by_hop(std::string_view name) noexcept {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" ||
         name == "te" || name == "trailer" || name == "transfer-encoding" || name == "upgrade" ||
         name == "expect";
}

Refusal bad_request(std::string message, const std::string& request_id = {}) {
  return {.status = 400,
          .code = "invalid_request",
          .message = std::move(message),
          .request_id = request_id,
          .details = "{}",
          .headers = {}};
}

Refusal too_large(std::size_t limit, const char* reason) {
  return {.status = 413,
          .code = "payload_too_large",
          .message = "the request body is larger than " + std::to_string(limit) + " bytes",
          .request_id = {},
          .details = std::string("{\"reason\":\"") + reason + "\"}",
          .headers = {}};
}

Refusal overloaded(const std::string& request_id) {
  return {.status = 503,
          .code = "overloaded",
          .message = "too many requests are under way; try again in a moment",
          .request_id = request_id,
          .details = "{}",
          .headers = {{"Retry-After", "2"}}};
}

Refusal too_slow(const char* what) {
  return {.status = 408,
          .code = "request_timeout",
          .message = std::string("the request's ") + what + " came too slowly",
          .request_id = {},
          .details = "{}",
          .headers = {}};
}

Response failed(const std::string& request_id) {
  return to_response({.status = 500,
                      .code = "internal_error",
                      .message = "internal error",
                      .request_id = request_id,
                      .details = "{}",
                      .headers = {}});
}

bool all_digits(boost::beast::string_view text) noexcept {
  return !text.empty() && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

FrontConnection::FrontConnection(Front& front, FrontStream stream, std::string peer_ip)
    : front_(front), stream_(std::move(stream)), peer_ip_(std::move(peer_ip)) {}

FrontConnection::~FrontConnection() {
  front_.body_bytes_ -= body_reserved_;
  front_.connections_.erase(this);
}

void FrontConnection::set_deadline(std::chrono::seconds from_now) {
  deadline_ = std::chrono::steady_clock::now() + from_now;
}

void FrontConnection::start() {
  set_deadline(std::chrono::seconds(front_.options_.request_head_timeout_s));
  if (!stream_.usable()) return abort();
  if (!stream_.is_tls()) return next_request();
  stream_.async_handshake([self = shared_from_this()](ErrorCode error) {
    if (error) return self->abort();
    if (self->phase_ == Phase::handshake) self->next_request();
  });
}

void FrontConnection::next_request() {
  front_.body_bytes_ -= body_reserved_;
  body_reserved_ = 0;
  parser_.reset();
  request_ = Request();
  late_ = nullptr;
  keep_ = chunked_ = ended_ = head_only_ = false;
  phase_ = Phase::idle;
  if (front_.stopping_) return linger();
  if (in_.size() > 0) {
    phase_ = Phase::head;
    set_deadline(std::chrono::seconds(front_.options_.request_head_timeout_s));
    return take_head();
  }
  if (in_.capacity() > kKeptBuffer) in_.shrink_to_fit();
  set_deadline(std::chrono::seconds(first_ ? front_.options_.request_head_timeout_s
                                           : front_.options_.keep_alive_timeout_s));
  read_more(kReadBytes);
}

void FrontConnection::read_more(std::size_t size) {
  reading_ = true;
  stream_.async_read_some(in_.prepare(size),
                          [self = shared_from_this()](ErrorCode error, std::size_t moved) {
                            self->on_read(error, moved);
                          });
}

void FrontConnection::on_read(const ErrorCode& error, std::size_t size) {
  reading_ = false;
  in_.commit(size);
  switch (phase_) {
    case Phase::idle:
      if (error) return abort();
      phase_ = Phase::head;
      set_deadline(std::chrono::seconds(front_.options_.request_head_timeout_s));
      return take_head();
    case Phase::head:
      return error ? abort() : take_head();
    case Phase::body:
      return error ? abort() : take_body();
    case Phase::lingering:
      if (error) return abort();
      lingered_ += size;
      return drain();
    default:
      return;  // the deadline came first, and its answer is being written
  }
}

void FrontConnection::take_head() {
  const auto view = [this] {
    return std::string_view(static_cast<const char*>(in_.data().data()), in_.size());
  };
  in_.consume(skip_empty_lines(view()));
  const HeadScan scan = scan_head(view());
  const std::size_t limit = front_.options_.max_head_bytes;
  if (scan.size > limit || (scan.state == HeadState::incomplete && in_.size() >= limit)) {
    return refuse({.status = 431,
                   .code = "head_too_large",
                   .message = "the request head is larger than " + std::to_string(limit) + " bytes",
                   .request_id = {},
                   .details = "{}",
                   .headers = {}},
                  After::close);
  }
  if (scan.state == HeadState::incomplete) return read_more(kReadBytes);
  if (scan.state != HeadState::complete)
    return refuse(bad_request(std::string(to_string(scan.state))), After::close);

  first_ = false;
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limit + 4));
  parser_->body_limit(boost::none);
  ErrorCode error;
  const std::size_t used = parser_->put(boost::asio::buffer(in_.data(), scan.size), error);
  if (error || used != scan.size || !parser_->is_header_done()) {
    return refuse(bad_request(error ? "the request head is malformed: " + error.message()
                                    : std::string("the request head is malformed")),
                  After::close);
  }
  in_.consume(used);
  take_request();
}

std::optional<Refusal> FrontConnection::read_request() {
  const auto& head = parser_->get();
  head_only_ = head.method() == beast_http::verb::head;
  request_.method.assign(head.method_string().data(), head.method_string().size());
  const bool upgrading = boost::beast::websocket::is_upgrade(head);

  std::size_t hosts = 0, lengths = 0, encodings = 0;
  for (const auto& field : head) {
    std::string name = lower_case(field.name_string());
    const auto value = field.value();
    hosts += name == "host";
    lengths += name == "content-length";
    encodings += name == "transfer-encoding";
    if (name == "content-length" && !all_digits(value))
      return bad_request("Content-Length must be one decimal number");
    if (name == "transfer-encoding" && !boost::beast::iequals(value, "chunked")) {
      return bad_request("the only Transfer-Encoding taken is chunked");
    }
    if (name == "host") request_.host.assign(value.data(), value.size());
    request_.headers.emplace_back(std::move(name), std::string(value.data(), value.size()));
    if (request_.headers.size() > kMaxHeaders) {
      return Refusal{
          .status = 431,
          .code = "head_too_large",
          .message = "the request has more than " + std::to_string(kMaxHeaders) + " headers",
          .request_id = {},
          .details = "{}",
          .headers = {}};
    }
  }
  if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) {
    return bad_request("the request gives its length more than once");
  }
  if (encodings > 0 && head.version() < 11) return bad_request("Transfer-Encoding needs HTTP/1.1");
  if (hosts > 1 || (hosts == 0 && head.version() >= 11))
    return bad_request("the request must have one Host header");

  // Origin form, or absolute form whose authority then wins over Host (RFC 9112 3.2.2).
  std::string_view target(head.target().data(), head.target().size());
  for (const std::string_view start : {std::string_view("http://"), std::string_view("https://")}) {
    if (!boost::beast::iequals(target.substr(0, start.size()), start)) continue;
    target.remove_prefix(start.size());
    const std::size_t slash = target.find_first_of("/?");
    const std::string_view authority = target.substr(0, slash);
    if (authority.find('@') != std::string_view::npos)
      return bad_request("the request target holds user information");
    request_.host = authority;
    target = slash == std::string_view::npos ? std::string_view() : target.substr(slash);
    break;
  }
  target = target.substr(0, target.find('#'));
  const std::size_t question = target.find('?');
  request_.path = target.substr(0, question);
  if (question != std::string_view::npos) request_.query = target.substr(question + 1);
  if (request_.path.empty() && target.size() != head.target().size()) request_.path = "/";
  if (request_.path.empty() || request_.path.front() != '/')
    return bad_request("the request target must be a path");

  const ClientSeen seen = see_client(front_.proxies_, peer_ip_, stream_.is_tls(), request_.headers);
  request_.client_ip = seen.client_ip;
  request_.scheme = seen.scheme;
  request_.peer_ip = peer_ip_;
  const std::string_view asked = request_.header("x-request-id");
  request_.request_id =
      is_request_id(asked) ? std::string(asked) : "req_" + base::hex(base::random_bytes(8));
  const auto unwanted = [&](const auto& header) {
    return is_private_header(header.first) ||
           (!seen.from_proxy && is_forwarding_header(header.first)) ||
           (!upgrading && is_hop_by_hop(header.first));
  };
  request_.headers.erase(std::remove_if(request_.headers.begin(), request_.headers.end(), unwanted),
                         request_.headers.end());
  return std::nullopt;
}

std::optional<Refusal> FrontConnection::check_body() {
  const std::size_t limit = front_.body_limit(request_.path);
  const auto length = parser_->content_length();
  if (length && *length > limit) return too_large(limit, "content_length_exceeded");
  const std::size_t reserve = parser_->is_done() ? 0
                              : length           ? static_cast<std::size_t>(*length)
                                                 : limit;
  if (front_.body_bytes_ + reserve > front_.options_.max_body_bytes_total)
    return overloaded(request_.request_id);
  body_reserved_ = reserve;
  front_.body_bytes_ += reserve;
  parser_->body_limit(limit);
  parser_->eager(true);
  return std::nullopt;
}

void FrontConnection::take_request() {
  if (auto refusal = read_request()) return refuse(std::move(*refusal), After::close);
  if (const SocketEndpoint* endpoint = front_.sockets_.find(request_.path)) {
    const bool bodyless = parser_->is_done();
    if (bodyless && boost::beast::websocket::is_upgrade(parser_->get())) return upgrade(*endpoint);
    return refuse(
        {.status = 426,
         .code = "upgrade_required",
         .message = request_.path +
                    " is a WebSocket; connect with a WebSocket client, and let any proxy on the "
                    "way pass the Upgrade and Connection headers on",
         .request_id = request_.request_id,
         .details = "{}",
         .headers = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}},
        bodyless && parser_->keep_alive() ? After::keep_alive : After::close);
  }
  late_ = front_.find_late(request_);
  if (late_ == nullptr || !late_->admit) return begin_body();
  park(late_->admit, kCheckTime, [this](const Response& response) {
    if (response.status == 100) return begin_body();
    answer(response,
           parser_->is_done() && parser_->keep_alive() ? After::keep_alive : After::close);
  });
}

void FrontConnection::begin_body() {
  if (auto refusal = check_body()) return refuse(std::move(*refusal), After::close);
  const bool expects =
      boost::beast::iequals(parser_->get()[beast_http::field::expect], "100-continue");
  phase_ = Phase::body;
  set_deadline(std::chrono::seconds(front_.options_.request_body_timeout_s));
  if (parser_->is_done() || in_.size() > 0 || !expects || parser_->get().version() < 11)
    return take_body();
  boost::asio::async_write(stream_,
                           boost::asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n")),
                           [self = shared_from_this()](ErrorCode error, std::size_t) {
                             if (error) return self->abort();
                             if (self->phase_ == Phase::body) self->take_body();
                           });
}

void FrontConnection::take_body() {
  while (!parser_->is_done() && in_.size() > 0) {
    ErrorCode error;
    const std::size_t used = parser_->put(in_.data(), error);
    in_.consume(used);
    if (error == beast_http::error::need_more) break;
    if (error == beast_http::error::body_limit) {
      return refuse(too_large(front_.body_limit(request_.path), "streamed_body_exceeded"),
                    After::close);
    }
    if (error)
      return refuse(
          bad_request("the request body is malformed: " + error.message(), request_.request_id),
          After::close);
    if (used == 0) break;
  }
  if (parser_->is_done()) return relay();
  // What is left over is a chunk's head or the trailer, which have no business being long.
  if (in_.size() > front_.options_.max_head_bytes) {
    return refuse(bad_request("the request body is malformed: a chunk's head is too long",
                              request_.request_id),
                  After::close);
  }
  read_more(kBodyReadBytes);
}

void FrontConnection::relay() {
  keep_ = parser_->keep_alive();
  request_.body = std::move(parser_->get().body());
  if (late_ != nullptr) {
    park(late_->handle, std::chrono::seconds(late_->timeout_s), [this](const Response& response) {
      answer(response, keep_ ? After::keep_alive : After::close);
    });
    request_.body = std::string();
    return;
  }
  std::string frame;
  append_relay_frame(frame, request_);
  request_.body = std::string();
  std::string wire =
      "POST /relay HTTP/1.1\r\nHost: front\r\nContent-Type: "
      "application/octet-stream\r\nContent-Length: " +
      std::to_string(frame.size()) + "\r\n\r\n";
  wire += frame;
  phase_ = Phase::waiting;
  set_deadline(std::chrono::seconds(front_.options_.wait_timeout_s));
  auto relay = front_.upstream_.submit(std::move(wire), head_only_, shared_from_this());
  if (!relay)
    return refuse(overloaded(request_.request_id), keep_ ? After::keep_alive : After::close);
  relay_ = std::move(relay);
}

void FrontConnection::upgrade(const SocketEndpoint& endpoint) {
  Response response;
  response.status = 101;
  if (endpoint.upgrade) {
    try {
      response = endpoint.upgrade(request_);
    } catch (const std::exception& error) {
      front_.log_.error("socket upgrade check failed",
                        {{"path", endpoint.path}, {"error", error.what()}});
      response = failed(request_.request_id);
    }
  }
  if (response.status != 101 || !endpoint.check) return end_upgrade(endpoint, response);
  park(endpoint.check, kCheckTime,
       [this, &endpoint](const Response& late) { end_upgrade(endpoint, late); });
}

void FrontConnection::end_upgrade(const SocketEndpoint& endpoint, const Response& response) {
  if (response.status != 101)
    return answer(response, parser_->keep_alive() ? After::keep_alive : After::close);
  accept_socket(endpoint, response.headers);
}

void FrontConnection::park(const LateHandler& handler, std::chrono::seconds patience,
                           std::function<void(const Response&)> resume) {
  phase_ = Phase::parked;
  set_deadline(patience);
  parked_self_ = shared_from_this();
  resume_ = std::move(resume);
  const std::uint64_t ticket = ++tickets_;
  try {
    handler(request_, [door = front_.door_, weak = weak_from_this(), ticket](Response response) {
      door->post([weak, ticket, response = std::move(response)] {
        if (const auto self = weak.lock()) self->unpark(ticket, response);
      });
    });
  } catch (const std::exception& error) {
    front_.log_.error("late handler failed", {{"path", request_.path}, {"error", error.what()}});
    unpark(ticket, failed(request_.request_id));
  }
}

void FrontConnection::unpark(std::uint64_t ticket, const Response& response) {
  if (phase_ != Phase::parked || ticket != tickets_) return;
  const auto self = std::move(parked_self_);
  const auto resume = std::move(resume_);
  resume_ = nullptr;
  resume(response);
}

void FrontConnection::accept_socket(const SocketEndpoint& endpoint,
                                    std::vector<std::pair<std::string, std::string>> headers) {
  std::vector<std::pair<std::string, std::string>> extra{{"X-Request-Id", request_.request_id}};
  extra.insert(extra.end(), std::make_move_iterator(headers.begin()),
               std::make_move_iterator(headers.end()));
  phase_ = Phase::gone;
  deadline_ = std::chrono::steady_clock::time_point::max();
  stream_.put_back(std::string(static_cast<const char*>(in_.data().data()), in_.size()));
  front_.sockets_.accept(endpoint, std::move(stream_), parser_->release(), std::move(request_),
                         std::move(extra));
}

void FrontConnection::refuse(Refusal refusal, After after) {
  ++front_.counters_->requests_refused;
  answer(to_response(refusal), after);
}

void FrontConnection::answer(const Response& response, After after) {
  if (front_.stopping_) after = After::close;
  keep_ = after == After::keep_alive;
  chunked_ = false;
  out_ += write_response(response, after, !head_only_);
  ended_ = true;
  phase_ = Phase::answering;
  pump();
}

void FrontConnection::pump() {
  if (writing_ || phase_ == Phase::gone) return;
  if (out_.empty()) {
    if (ended_) return finish_answer();
    set_deadline(std::chrono::seconds(front_.options_.request_timeout_s));
    if (relay_) relay_->resume();
    return;
  }
  writing_ = true;
  writing_text_.swap(out_);
  out_.clear();
  set_deadline(std::chrono::seconds(front_.options_.write_timeout_s));
  boost::asio::async_write(stream_, boost::asio::buffer(writing_text_),
                           [self = shared_from_this()](ErrorCode error, std::size_t) {
                             self->writing_ = false;
                             if (error) return self->abort();
                             self->writing_text_.clear();
                             if (self->relay_ && self->relay_wants_more()) self->relay_->resume();
                             self->pump();
                           });
}

void FrontConnection::finish_answer() {
  ++front_.counters_->requests;
  writing_text_ = std::string();
  out_ = std::string();
  if (keep_) return next_request();
  linger();
}

void FrontConnection::linger() {
  phase_ = Phase::lingering;
  set_deadline(kLingerTime);
  stream_.shutdown_send();
  drain();
}

// Reads on for a moment: closing with unread bytes would reset the connection and could take the
// answer away from the peer before it has read it.
void FrontConnection::drain() {
  if (lingered_ > kMaxLingerBytes) return abort();
  if (reading_) return;
  in_.consume(in_.size());
  read_more(kReadBytes);
}

void FrontConnection::on_deadline() {
  switch (phase_) {
    case Phase::handshake:
    case Phase::lingering:
    case Phase::gone:
      return abort();
    case Phase::idle:
      return linger();
    case Phase::head:
      return refuse(too_slow("head"), After::close);
    case Phase::body:
      return refuse(too_slow("body"), After::close);
    case Phase::parked: {
      const auto self = std::move(parked_self_);
      resume_ = nullptr;
      const bool whole = parser_->is_done() && parser_->keep_alive();
      return refuse(overloaded(request_.request_id), whole ? After::keep_alive : After::close);
    }
    case Phase::waiting:
    case Phase::relaying: {
      const bool waited = phase_ == Phase::waiting;
      if (const auto relay = std::move(relay_)) relay->abandon();
      relay_.reset();
      if (waited)
        return refuse(overloaded(request_.request_id), keep_ ? After::keep_alive : After::close);
      return refuse({.status = 504,
                     .code = "request_timeout",
                     .message = "the answer took longer than " +
                                std::to_string(front_.options_.request_timeout_s) + " s",
                     .request_id = request_.request_id,
                     .details = "{}",
                     .headers = {}},
                    keep_ ? After::keep_alive : After::close);
    }
    case Phase::answering:
      return abort();
  }
}

void FrontConnection::stop_soon() {
  if (phase_ == Phase::idle || phase_ == Phase::handshake) abort();
  if (phase_ == Phase::parked) on_deadline();
}

void FrontConnection::abort() {
  if (phase_ == Phase::gone) return;
  phase_ = Phase::gone;
  deadline_ = std::chrono::steady_clock::time_point::max();
  const auto self = shared_from_this();
  parked_self_.reset();
  stream_.close();
  if (const auto relay = std::move(relay_)) relay->abandon();
  relay_.reset();
}

void FrontConnection::relay_started() {
  phase_ = Phase::relaying;
  set_deadline(std::chrono::seconds(front_.options_.request_timeout_s));
}

void FrontConnection::relay_head(RelayedHead head) {
  phase_ = Phase::answering;
  const bool old = parser_->get().version() < 11;
  const bool bodyless = head_only_ || head.status == 204 || head.status == 304;
  chunked_ = !bodyless && !head.content_length && !old;
  if (front_.stopping_ || (!bodyless && !head.content_length && old)) keep_ = false;
  out_ += "HTTP/1.1 " + std::to_string(head.status) + " ";
  out_ += reason_phrase(head.status);
  out_ += "\r\n";
  out_ += head.fields;
  if (head.content_length && head.status != 204 && head.status != 304) {
    out_ += "Content-Length: " + std::to_string(*head.content_length) + "\r\n";
  }
  if (chunked_) out_ += "Transfer-Encoding: chunked\r\n";
  if (!keep_) out_ += "Connection: close\r\n";
  if (keep_ && old) out_ += "Connection: keep-alive\r\n";
  out_ += "\r\n";
}

void FrontConnection::relay_data(std::string_view data) {
  if (chunked_) {
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", data.size());
    out_ += size;
  }
  out_ += data;
  if (chunked_) out_ += "\r\n";
}

void FrontConnection::relay_end() {
  if (chunked_) out_ += "0\r\n\r\n";
  ended_ = true;
  relay_.reset();
}

void FrontConnection::relay_failed() {
  relay_.reset();
  if (phase_ != Phase::relaying) return abort();  // cut short: the peer must see it
  refuse({.status = 502,
          .code = "internal_error",
          .message = "the API gave no answer",
          .request_id = request_.request_id,
          .details = "{}",
          .headers = {}},
         After::close);
}

void FrontConnection::relay_flush() { pump(); }

bool FrontConnection::relay_wants_more() const {
  return out_.size() + writing_text_.size() < kMaxAnswerAhead;
}

}  // namespace z4j::net
