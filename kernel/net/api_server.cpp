#include "net/api_server.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/ThreadPool.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <exception>

#include "net/refusal.hpp"
#include "net/relay_frame.hpp"

namespace z4j::net {
namespace {

namespace poco = Poco::Net;

constexpr std::size_t kMaxFrameBytes = std::size_t{256} << 20;  // far over any body limit

// What every handler of the pool shares; outlives the pool.
struct Shared {
  Handler handler;
  Server::Observe observe;
  base::Log& log;
};

Response failed_response(const Request& request) {
  Refusal refusal;
  refusal.status = 500;
  refusal.code = "internal_error";
  refusal.message = "an internal error occurred";
  refusal.request_id = request.request_id;
  return to_response(refusal);
}

void fill_head(poco::HTTPServerResponse& out, const Response& response, const Request& request,
               base::Log& log) {
  out.setStatusAndReason(static_cast<poco::HTTPResponse::HTTPStatus>(response.status),
                         std::string(reason_phrase(response.status)));
  if (!response.content_type.empty() && is_safe_header("Content-Type", response.content_type)) {
    out.setContentType(response.content_type);
  }
  bool has_id = false;
  for (const auto& [name, value] : response.headers) {
    if (!is_safe_header(name, value)) {
      log.error("response header left out: it can't stand on one line", {{"path", request.path}});
      continue;
    }
    if (Poco::icompare(name, "X-Request-Id") == 0) has_id = true;
    out.add(name, value);
  }
  if (!has_id) out.add("X-Request-Id", request.request_id);
}

void write_stream(poco::HTTPServerResponse& out, const Response& response) {
  out.setChunkedTransferEncoding(true);
  std::ostream& to = out.send();
  std::string piece;
  bool more = true;
  while (more && to.good()) {
    piece.clear();
    more = response.stream(piece);
    to.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    to.flush();
  }
}

void write_answer(poco::HTTPServerResponse& out, const Response& response, const Request& request,
                  base::Log& log) {
  fill_head(out, response, request, log);
  const bool bodyless = response.status == 204 || response.status == 304;
  const bool head_only = request.method == "HEAD";
  if (bodyless) {
    out.setContentLength64(0);
    out.send().flush();
  } else if (head_only && response.stream) {
    out.setKeepAlive(false);  // Poco ends even an empty stream with a chunk that HEAD must not have
    out.setChunkedTransferEncoding(true);
    out.send().flush();
  } else if (head_only) {
    out.setContentLength64(static_cast<Poco::Int64>(response.body.size()));
    out.send().flush();
  } else if (response.stream) {
    write_stream(out, response);
  } else {
    out.sendBuffer(response.body.data(), response.body.size());
  }
}

class RelayHandler final : public poco::HTTPRequestHandler {
 public:
  explicit RelayHandler(Shared& shared) : shared_(shared) {}

  void handleRequest(poco::HTTPServerRequest& in, poco::HTTPServerResponse& out) override {
    const auto begun = std::chrono::steady_clock::now();
    auto request = read(in);
    if (!request) {
      shared_.log.error("private socket got a request that isn't the front's",
                        {{"error", request.error().text()}});
      out.setStatusAndReason(poco::HTTPResponse::HTTP_BAD_REQUEST);
      out.setKeepAlive(false);
      out.sendBuffer("", 0);
      return;
    }
    Response response = call(*request);
    try {
      write_answer(out, response, *request, shared_.log);
    } catch (const Poco::Exception& error) {
      cut_off(*request, error.displayText());
      throw;  // the connection ends, so that the front sees an answer cut short
    } catch (const std::exception& error) {
      cut_off(*request, error.what());
      throw;
    }
    observe(*request, response, begun);
  }

 private:
  base::Result<Request> read(poco::HTTPServerRequest& in) {
    const Poco::Int64 length = in.getContentLength64();
    if (length < 0 || static_cast<std::size_t>(length) > kMaxFrameBytes) {
      return base::Error{base::Code::invalid, "relay frame has no length or is too long",
                         "private socket", ""};
    }
    std::string frame(static_cast<std::size_t>(length), '\0');
    in.stream().read(frame.data(), static_cast<std::streamsize>(length));
    if (in.stream().gcount() != static_cast<std::streamsize>(length)) {
      return base::Error{base::Code::invalid, "relay frame is cut short", "private socket", ""};
    }
    return read_relay_frame(frame);
  }

  Response call(const Request& request) {
    try {
      Response response = shared_.handler(request);
      if (response.status >= 200 && response.status <= 599) return response;
      shared_.log.error("request handler gave a status that ends no request",
                        {{"path", request.path}, {"status", response.status}});
    } catch (const std::exception& error) {
      shared_.log.error("request handler failed", {{"method", request.method},
                                                   {"path", request.path},
                                                   {"request_id", request.request_id},
                                                   {"error", error.what()}});
    } catch (...) {
      shared_.log.error("request handler failed", {{"method", request.method},
                                                   {"path", request.path},
                                                   {"request_id", request.request_id},
                                                   {"error", "not a std::exception"}});
    }
    return failed_response(request);
  }

  void cut_off(const Request& request, const std::string& why) {
    shared_.log.info("answer cut short",
                     {{"path", request.path}, {"request_id", request.request_id}, {"error", why}});
  }

  void observe(const Request& request, const Response& response,
               std::chrono::steady_clock::time_point begun) {
    if (!shared_.observe) return;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    try {
      shared_.observe(request.method, response.route, response.status, took.count());
    } catch (const std::exception& error) {
      shared_.log.error("request observer failed", {{"error", error.what()}});
    }
  }

  Shared& shared_;
};

class RelayHandlerFactory final : public poco::HTTPRequestHandlerFactory {
 public:
  explicit RelayHandlerFactory(Shared& shared) : shared_(shared) {}
  poco::HTTPRequestHandler* createRequestHandler(const poco::HTTPServerRequest&) override {
    return new RelayHandler(shared_);
  }

 private:
  Shared& shared_;
};

}  // namespace

struct ApiServer::Inside {
  Inside(const ServerOptions& o, Handler handler, Server::Observe observe, base::Log& log)
      : path(o.private_socket),
        api_threads(static_cast<int>(o.api_threads)),
        timeout_s(o.request_timeout_s),
        shared{std::move(handler), std::move(observe), log} {}

  const std::string path;
  const int api_threads;
  const int timeout_s;
  Shared shared;
  std::unique_ptr<Poco::ThreadPool> pool;
  std::unique_ptr<poco::HTTPServer> server;
};

ApiServer::ApiServer(const ServerOptions& options, Handler handler, Server::Observe observe,
                     base::Log& log)
    : inside_(std::make_unique<Inside>(options, std::move(handler), std::move(observe), log)) {}

ApiServer::~ApiServer() { stop(); }

base::Status ApiServer::start() {
  Inside& in = *inside_;
  const auto refused = [&](const std::string& why) {
    return base::Error{
        base::Code::bad_config, "cannot make private socket " + in.path + ": " + why, "",
        "its folder must exist, be writable by this user only, and have a short path"};
  };
  if (in.path.empty() || in.path.size() >= sizeof(sockaddr_un::sun_path)) {
    return refused("the path must have 1 to " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                   " bytes");
  }
  struct stat found {};
  if (lstat(in.path.c_str(), &found) == 0) {
    if (!S_ISSOCK(found.st_mode)) return refused("something else has this name");
    unlink(in.path.c_str());
  }
  try {
    // Some room above the front's connections: a thread may still be ending the one it just left.
    in.pool = std::make_unique<Poco::ThreadPool>("z4j-api", 2, in.api_threads + 4, 60);
    poco::HTTPServerParams::Ptr params = new poco::HTTPServerParams;
    params->setMaxThreads(in.api_threads + 2);
    params->setMaxQueued(1024);
    params->setKeepAlive(true);
    params->setMaxKeepAliveRequests(0);
    params->setKeepAliveTimeout(Poco::Timespan(60, 0));
    params->setTimeout(Poco::Timespan(in.timeout_s, 0));
    poco::ServerSocket socket(poco::SocketAddress(poco::SocketAddress::UNIX_LOCAL, in.path), 256);
    if (chmod(in.path.c_str(), S_IRUSR | S_IWUSR) != 0) return refused("its mode can't be set");
    in.server = std::make_unique<poco::HTTPServer>(new RelayHandlerFactory(in.shared), *in.pool,
                                                   socket, params);
    in.server->start();
  } catch (const Poco::Exception& error) {
    in.server.reset();
    return refused(error.displayText());
  }
  return {};
}

void ApiServer::stop() {
  Inside& in = *inside_;
  if (!in.server) return;
  in.server->stopAll(true);
  in.pool->joinAll();
  in.server.reset();
  unlink(in.path.c_str());
}

unsigned ApiServer::threads() const {
  return inside_->pool ? static_cast<unsigned>(inside_->pool->allocated()) : 0;
}

}  // namespace z4j::net
