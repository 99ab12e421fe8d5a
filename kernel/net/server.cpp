#include "net/server.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/ThreadPool.h>
#include <Poco/Timespan.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/crypto.hpp"
#include "base/json.hpp"

namespace z4j::net {
namespace {

namespace pn = Poco::Net;

std::string new_request_id() { return "req_" + base::hex(base::random_bytes(8)); }

Response envelope(int status, const char* code, std::string message, const std::string& request_id, base::json::Object details = {}) {
  Response r;
  r.status = status;
  r.body = base::json::write(base::json::Object{{"error", code}, {"message", std::move(message)}, {"request_id", base::json::text_or_null(request_id)},
                                                {"details", std::move(details)}});
  return r;
}

void send(pn::HTTPServerResponse& out, const Response& r, const std::string& request_id, bool head_only) {
  out.setStatusAndReason(static_cast<pn::HTTPResponse::HTTPStatus>(r.status));
  out.setContentType(r.content_type);
  out.setContentLength64(static_cast<Poco::Int64>(r.body.size()));
  out.set("X-Request-Id", request_id);
  for (const auto& [name, value] : r.headers) out.add(name, value);
  std::ostream& body = out.send();
  if (!head_only) body.write(r.body.data(), static_cast<std::streamsize>(r.body.size()));
}

class RequestHandler final : public pn::HTTPRequestHandler {
 public:
  RequestHandler(const ServerOptions& options, const Handler& handler, base::Log& log) : options_(options), handler_(handler), log_(log) {}

  void handleRequest(pn::HTTPServerRequest& in, pn::HTTPServerResponse& out) override {
    Request request;
    request.method = in.getMethod();
    const std::string& uri = in.getURI();
    const std::size_t mark = uri.find('?');
    request.path = uri.substr(0, mark);
    if (mark != std::string::npos) request.query = uri.substr(mark + 1);
    for (const auto& [name, value] : in) {
      std::string key = name;
      std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
      request.headers.emplace_back(std::move(key), value);
    }
    request.client_ip = in.clientAddress().host().toString();
    request.host = in.getHost();
    request.request_id = acceptable_request_id(request.header("x-request-id")) ? std::string(request.header("x-request-id")) : new_request_id();
    const bool head_only = request.method == "HEAD";
    try {
      send(out, answer(in, request), request.request_id, head_only);
    } catch (const std::exception& e) {
      // The peer went away while it was answered.
      log_.debug("answer not delivered", {{"request_id", request.request_id}, {"why", e.what()}});
    }
  }

 private:
  Response answer(pn::HTTPServerRequest& in, Request& request) {
    const bool smuggled = in.has("Transfer-Encoding") && in.has("Content-Length");
    if (smuggled) return envelope(400, "invalid_request", "both Content-Length and Transfer-Encoding", request.request_id);
    if (in.hasContentLength() && in.getContentLength64() > static_cast<Poco::Int64>(options_.max_body_bytes)) {
      return envelope(413, "payload_too_large", "the body may have " + std::to_string(options_.max_body_bytes) + " bytes", {}, {{"reason", "content_length_exceeded"}});
    }
    char piece[4096];
    std::istream& body = in.stream();
    while (body.read(piece, sizeof piece) || body.gcount() > 0) {
      request.body.append(piece, static_cast<std::size_t>(body.gcount()));
      if (request.body.size() > options_.max_body_bytes) {
        return envelope(413, "payload_too_large", "the body may have " + std::to_string(options_.max_body_bytes) + " bytes", {}, {{"reason", "streamed_body_exceeded"}});
      }
    }
    try {
      return handler_(request);
    } catch (const std::exception& e) {
      log_.error("request failed", {{"request_id", request.request_id}, {"path", request.path}, {"why", e.what()}});
      return envelope(500, "internal_error", "the server failed to answer; its log tells why under this request id", request.request_id);
    }
  }

  const ServerOptions& options_;
  const Handler& handler_;
  base::Log& log_;
};

class Factory final : public pn::HTTPRequestHandlerFactory {
 public:
  Factory(const ServerOptions& options, const Handler& handler, base::Log& log) : options_(options), handler_(handler), log_(log) {}
  pn::HTTPRequestHandler* createRequestHandler(const pn::HTTPServerRequest&) override { return new RequestHandler(options_, handler_, log_); }

 private:
  const ServerOptions& options_;
  const Handler& handler_;
  base::Log& log_;
};

}  // namespace

bool acceptable_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

struct Server::Inside {
  ServerOptions options;
  Handler handler;
  base::Log& log;
  std::unique_ptr<Poco::ThreadPool> pool;
  std::unique_ptr<pn::HTTPServer> server;
  std::uint16_t port = 0;
};

Server::Server(ServerOptions options, Handler handler, base::Log& log)
    : inside_(std::make_unique<Inside>(Inside{std::move(options), std::move(handler), log, nullptr, nullptr, 0})) {}

Server::~Server() { stop(0); }

base::Status Server::start() {
  Inside& in = *inside_;
  const std::string address = in.options.bind_host + ":" + std::to_string(in.options.bind_port);
  try {
    pn::ServerSocket socket;
    socket.bind(pn::SocketAddress(in.options.bind_host, in.options.bind_port), true, false);  // no port sharing: a taken port is an error
    socket.listen(1024);
    in.port = socket.address().port();
    auto params = Poco::makeAuto<pn::HTTPServerParams>();
    params->setMaxThreads(static_cast<int>(in.options.threads));
    params->setMaxQueued(1000);
    params->setKeepAlive(true);
    params->setKeepAliveTimeout(Poco::Timespan(2, 0));
    params->setMaxKeepAliveRequests(1000);
    params->setTimeout(Poco::Timespan(in.options.request_timeout_s, 0));
    in.pool = std::make_unique<Poco::ThreadPool>(2, static_cast<int>(in.options.threads) + 1);
    in.server = std::make_unique<pn::HTTPServer>(new Factory(in.options, in.handler, in.log), *in.pool, socket, params);
    in.server->start();
  } catch (const Poco::Exception& e) {
    return base::Error{.code = base::Code::unavailable, .message = "can't listen on " + address + ": " + e.displayText(), .where = {},
                       .hint = "stop what uses that port, or choose another with server.port"};
  }
  return {};
}

void Server::stop(int grace_ms) {
  Inside& in = *inside_;
  if (!in.server) return;
  in.server->stop();
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(grace_ms);
  while (in.server->currentConnections() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  in.server->stopAll(true);
  in.server.reset();
  in.pool.reset();
}

std::uint16_t Server::port() const noexcept { return inside_->port; }

}  // namespace z4j::net
