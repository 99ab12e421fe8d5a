#include "net/upstream.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>

namespace z4j::net {
namespace {

namespace http = boost::beast::http;
using LinkSocket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol,
                                                    boost::asio::io_context::executor_type>;
using LinkError = boost::system::error_code;

constexpr std::size_t kLinkReadBytes = 32u << 10;
// Well below the API server's own keep-alive time-out, so that it never closes a link we just took.
constexpr std::chrono::seconds kLinkIdle{20};

bool is_framing(http::field name) noexcept {
  return name == http::field::connection || name == http::field::keep_alive ||
         name == http::field::transfer_encoding || name == http::field::content_length ||
         name == http::field::upgrade;
}

}  // namespace

struct UpstreamLink {
  explicit UpstreamLink(boost::asio::io_context& loop) : socket(loop.get_executor()) {}
  LinkSocket socket;
  boost::beast::flat_buffer buffer;
  bool used = false;
  std::chrono::steady_clock::time_point idle_since;
};

struct Relay::Parsing {
  http::response_parser<http::string_body> parser;
  bool head_told = false;
  bool any_byte = false;
};

UpstreamPool::UpstreamPool(boost::asio::io_context& loop, std::string socket_path,
                           std::size_t max_links, std::size_t max_waiting)
    : loop_(loop),
      socket_path_(std::move(socket_path)),
      max_links_(max_links),
      max_waiting_(max_waiting) {}

UpstreamPool::~UpstreamPool() = default;

std::shared_ptr<Relay> UpstreamPool::submit(std::string frame, bool head_only,
                                            std::shared_ptr<RelaySink> sink) {
  if (closed_) return nullptr;
  const bool free_link = !idle_.empty() || links_ < max_links_;
  if (!free_link && waiting_.size() >= max_waiting_) return nullptr;
  auto relay = std::make_shared<Relay>(*this, std::move(frame), head_only, std::move(sink));
  waiting_.push_back(relay);
  start_waiting();
  return relay;
}

void UpstreamPool::start_waiting() {
  while (!closed_ && !waiting_.empty() && (!idle_.empty() || links_ < max_links_)) {
    auto relay = std::move(waiting_.front());
    waiting_.pop_front();
    std::unique_ptr<UpstreamLink> link;
    if (!idle_.empty()) {
      link = std::move(idle_.back());
      idle_.pop_back();
    } else {
      link = std::make_unique<UpstreamLink>(loop_);
      ++links_;
    }
    running_.insert(relay.get());
    if (relay->sink_) relay->sink_->relay_started();
    relay->begin(std::move(link));
  }
}

void UpstreamPool::give_back(std::unique_ptr<UpstreamLink> link, bool reusable) {
  if (reusable && !closed_) {
    link->used = true;
    link->idle_since = std::chrono::steady_clock::now();
    idle_.push_back(std::move(link));
  } else {
    --links_;
  }
  start_waiting();
}

void UpstreamPool::forget(Relay* relay) {
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const auto& entry) { return entry.get() == relay; });
  if (found != waiting_.end()) waiting_.erase(found);
}

void UpstreamPool::close_idle(std::chrono::steady_clock::time_point now) {
  const auto stale = std::remove_if(idle_.begin(), idle_.end(), [&](const auto& link) {
    return now - link->idle_since > kLinkIdle;
  });
  links_ -= static_cast<std::size_t>(idle_.end() - stale);
  idle_.erase(stale, idle_.end());
}

void UpstreamPool::close_all() {
  closed_ = true;
  links_ -= idle_.size();
  idle_.clear();
  waiting_.clear();
  for (Relay* relay : running_) {
    LinkError ignored;
    if (relay->link_) relay->link_->socket.close(ignored);
  }
}

Relay::Relay(UpstreamPool& pool, std::string frame, bool head_only, std::shared_ptr<RelaySink> sink)
    : pool_(pool), frame_(std::move(frame)), head_only_(head_only), sink_(std::move(sink)) {}

Relay::~Relay() = default;

void Relay::begin(std::unique_ptr<UpstreamLink> link) {
  link_ = std::move(link);
  parsing_ = std::make_unique<Parsing>();
  parsing_->parser.body_limit(boost::none);
  parsing_->parser.header_limit(256u << 10);
  parsing_->parser.eager(true);
  parsing_->parser.skip(head_only_);
  if (link_->used) return send();
  link_->socket.async_connect(boost::asio::local::stream_protocol::endpoint(pool_.socket_path_),
                              [self = shared_from_this()](LinkError error) {
                                if (error) return self->fail();
                                self->send();
                              });
}

void Relay::send() {
  boost::asio::async_write(link_->socket, boost::asio::buffer(frame_),
                           [self = shared_from_this()](LinkError error, std::size_t) {
                             if (error) return self->fail();
                             self->read();
                           });
}

void Relay::read() {
  reading_ = true;
  link_->socket.async_read_some(link_->buffer.prepare(kLinkReadBytes),
                                [self = shared_from_this()](LinkError error, std::size_t size) {
                                  self->reading_ = false;
                                  if (!self->link_) return;
                                  if (error) return self->fail();
                                  self->parsing_->any_byte = true;
                                  self->link_->buffer.commit(size);
                                  self->take();
                                });
}

void Relay::take() {
  auto& parser = parsing_->parser;
  auto& buffer = link_->buffer;
  while (buffer.size() > 0 && !parser.is_done()) {
    LinkError error;
    const std::size_t used = parser.put(buffer.data(), error);
    buffer.consume(used);
    if (error == http::error::need_more) break;
    if (error) return fail();
    if (used == 0) break;
  }
  if (parser.is_header_done() && !parsing_->head_told) {
    parsing_->head_told = true;
    if (!sink_) return finish(parser.is_done() && buffer.size() == 0 ? Again::yes : Again::no);
    frame_ = std::string();
    RelayedHead head;
    head.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
      if (is_framing(field.name())) continue;
      head.fields.append(field.name_string().data(), field.name_string().size()).append(": ");
      head.fields.append(field.value().data(), field.value().size()).append("\r\n");
    }
    if (const auto length = parser.content_length()) head.content_length = *length;
    sink_->relay_head(std::move(head));
  }
  std::string& body = parser.get().body();
  if (sink_ && !body.empty()) sink_->relay_data(body);
  body.clear();
  if (parser.is_done()) {
    auto sink = std::move(sink_);
    finish(parser.keep_alive() && buffer.size() == 0 ? Again::yes : Again::no);
    if (sink) {
      sink->relay_end();
      sink->relay_flush();
    }
    return;
  }
  if (sink_) sink_->relay_flush();
  if (link_ && !reading_ && (!sink_ || sink_->relay_wants_more())) read();
}

void Relay::resume() {
  if (link_ && !reading_ && parsing_ && parsing_->head_told) read();
}

void Relay::abandon() {
  sink_.reset();
  if (!link_) return pool_.forget(this);
  // The handler still runs: read() sees its answer and gives the connection back.
  if (parsing_->head_told) finish(Again::no);
}

void Relay::finish(Again reuse) {
  if (!link_) return;
  pool_.running_.erase(this);
  if (reuse == Again::no) {
    LinkError ignored;
    link_->socket.close(ignored);
  }
  pool_.give_back(std::move(link_), reuse == Again::yes);
}

void Relay::fail() {
  if (!link_) return;
  // A kept connection that ended without one byte of an answer: the server had closed it while
  // idle.
  if (link_->used && !parsing_->any_byte && !retried_ && !pool_.closed_ && sink_) {
    retried_ = true;
    auto fresh = std::make_unique<UpstreamLink>(pool_.loop_);
    LinkError ignored;
    link_->socket.close(ignored);
    return begin(std::move(fresh));
  }
  auto sink = std::move(sink_);
  finish(Again::no);
  if (sink) {
    sink->relay_failed();
    sink->relay_flush();
  }
}

}  // namespace z4j::net
