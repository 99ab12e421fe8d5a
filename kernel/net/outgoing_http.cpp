#include "net/outgoing_http.hpp"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/NetSSL.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "net/client_url.hpp"

namespace z4j::net {
namespace {

namespace poco = Poco::Net;
using OutTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kMaxUrl = 8192, kMaxOutHeaders = 64, kMaxOutValue = 8192;
constexpr std::size_t kMaxWhy = 300;
constexpr const char* kUserAgent = "z4j-brain";
// What frames or routes a message is ours alone.
constexpr std::array<std::string_view, 12> kOwnHeaders = {"host",
                                                          "content-length",
                                                          "transfer-encoding",
                                                          "connection",
                                                          "keep-alive",
                                                          "upgrade",
                                                          "te",
                                                          "trailer",
                                                          "expect",
                                                          "proxy-authorization",
                                                          "proxy-connection",
                                                          "proxy-authenticate"};

base::Error out_error(base::Code code, std::string message, std::string hint = {}) {
  return base::Error{
      .code = code, .message = std::move(message), .where = {}, .hint = std::move(hint)};
}

std::string lower_out(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

bool is_header_name(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && std::strchr("!#$%&'*+-.^_`|~", c) != nullptr);
  });
}

bool is_header_value(std::string_view text) {
  return text.size() <= kMaxOutValue && std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
         });
}

base::Status check_request(const OutgoingRequest& request) {
  const bool is_method = !request.method.empty() && request.method.size() <= 16 &&
                         std::all_of(request.method.begin(), request.method.end(),
                                     [](char c) { return c >= 'A' && c <= 'Z'; }) &&
                         request.method != "CONNECT" && request.method != "TRACE";
  if (!is_method) return out_error(base::Code::invalid, "this method is not sent");
  if (request.headers.size() > kMaxOutHeaders)
    return out_error(base::Code::invalid, "more than 64 headers");
  for (const auto& [name, value] : request.headers) {
    if (!is_header_name(name) || !is_header_value(value))
      return out_error(base::Code::invalid, "a header has a bad name or value");
    const std::string low = lower_out(name);
    if (std::find(kOwnHeaders.begin(), kOwnHeaders.end(), low) != kOwnHeaders.end())
      return out_error(base::Code::invalid, "header " + low + " is not for the caller to set");
  }
  return {};
}

int left_ms(OutTime until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

std::string why_of(const Poco::Exception& error) {
  std::string text = error.displayText().substr(0, kMaxWhy);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

}  // namespace

std::string_view OutgoingAnswer::header(std::string_view name) const {
  for (const auto& [each, value] : headers) {
    if (each == name) return value;
  }
  return {};
}

base::Result<OutgoingUrl> parse_outgoing_url(std::string_view url, bool allow_http) {
  if (url.size() > kMaxUrl || !std::all_of(url.begin(), url.end(), [](char c) {
        return c > 0x20 && c < 0x7f && c != '\\';
      }))
    return out_error(base::Code::invalid,
                     "the URL is too long or has characters that are none of one");
  const std::size_t mark = url.find("://");
  const std::string scheme = lower_out(url.substr(0, std::min(mark, url.size())));
  if (mark == std::string_view::npos || (scheme != "https" && scheme != "http"))
    return out_error(base::Code::invalid, "the URL must begin with https://");
  if (scheme == "http" && !allow_http)
    return out_error(base::Code::denied, "plain http is not dialled",
                     "an operator can allow it: notifications.allow_http");
  const std::string_view rest = url.substr(mark + 3);
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  auto parsed = parse_client_url(scheme + "://" + std::string(rest.substr(0, end)));
  if (!parsed) return out_error(base::Code::invalid, parsed.error().message);
  OutgoingUrl out;
  out.is_tls = parsed->is_tls;
  out.host = parsed->host;
  out.port = parsed->port;
  out.authority = out.host.find(':') == std::string::npos ? out.host : "[" + out.host + "]";
  if (out.port != (out.is_tls ? 443 : 80)) out.authority += ":" + std::to_string(out.port);
  std::string_view target = rest.substr(end);
  target = target.substr(0, target.find('#'));
  out.target = (target.starts_with('/') ? "" : "/") + std::string(target);
  return out;
}

struct OutgoingHttp::Inside {
  struct Waiting {
    OutgoingRequest request;
    Done done;
  };

  Inside(Options o, DialGuard& g) : options(std::move(o)), guard(g) {}

  const Options options;
  DialGuard& guard;
  poco::Context::Ptr tls;

  std::mutex mutex;
  std::condition_variable work, watch_wake;
  // Guarded by mutex, as is all below.
  std::deque<Waiting> waiting;
  std::vector<std::thread> threads;
  unsigned idle = 0;
  std::multimap<OutTime, int> watched;  // when a connection's time is over, and its descriptor
  bool is_stopping = false;
  std::thread watcher;

  // Shuts a connection down when its time is over or everything ends. It has a descriptor of its
  // own, so that it never meets one that was closed and given to somebody else.
  class Watch {
   public:
    Watch(Inside& inside, int fd, OutTime until) : inside_(inside), fd_(::dup(fd)) {
      const std::lock_guard lock(inside_.mutex);
      at_ = inside_.watched.emplace(until, fd_);
      if (inside_.is_stopping) ::shutdown(fd_, SHUT_RDWR);
      inside_.watch_wake.notify_one();
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      const std::lock_guard lock(inside_.mutex);
      inside_.watched.erase(at_);
      if (fd_ >= 0) ::close(fd_);
    }

   private:
    Inside& inside_;
    const int fd_;
    std::multimap<OutTime, int>::iterator at_;
  };

  void watch() {
    std::unique_lock lock(mutex);
    while (!is_stopping) {
      const auto now = std::chrono::steady_clock::now();
      auto next = now + std::chrono::hours(1);
      for (const auto& [until, fd] : watched) {
        if (until > now) {
          next = until;
          break;
        }
        ::shutdown(fd, SHUT_RDWR);
      }
      // What is over is shut down again until its thread is through with it: it may not have been
      // connected yet.
      if (!watched.empty() && watched.begin()->first <= now)
        next = std::min(next, now + std::chrono::milliseconds(100));
      watch_wake.wait_until(lock, next);
    }
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!is_stopping) {
      if (waiting.empty()) {
        ++idle;
        work.wait(lock);
        --idle;
        continue;
      }
      Waiting job = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      job.done(ask(job.request));
      job = Waiting{};
      lock.lock();
    }
  }

  base::Result<OutgoingAnswer> ask(const OutgoingRequest& request);
  base::Result<OutgoingAnswer> ask_once(const OutgoingRequest& request, const OutgoingUrl& url,
                                        OutTime until);
  static OutgoingAnswer exchange(const OutgoingRequest& request, const OutgoingUrl& url,
                                 poco::HTTPClientSession& session);
};

base::Result<OutgoingAnswer> OutgoingHttp::Inside::ask(const OutgoingRequest& given) {
  if (auto good = check_request(given); !good) return std::move(good).error();
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max(given.deadline_ms, 1));
  OutgoingRequest request = given;
  for (unsigned hops = 0;; ++hops) {
    const auto url = parse_outgoing_url(request.url, options.allow_http);
    if (!url) return url.error();
    auto answer = ask_once(request, *url, until);
    if (!answer || hops >= given.max_redirects) return answer;
    const int status = answer->status;
    const std::string where(answer->header("location"));
    if ((status != 301 && status != 302 && status != 303 && status != 307 && status != 308) ||
        where.empty())
      return answer;
    std::string next = where;
    if (where.starts_with("//"))
      next = std::string(url->is_tls ? "https:" : "http:") + where;
    else if (where.starts_with('/'))
      next = std::string(url->is_tls ? "https://" : "http://") + url->authority + where;
    const auto to = parse_outgoing_url(next, options.allow_http && !url->is_tls);
    if (!to)
      return out_error(base::Code::denied,
                       "redirected to where it must not go: " + to.error().message);
    if (to->authority != url->authority) request.headers.clear();
    if (status < 307 && request.method != "GET" && request.method != "HEAD") {
      request.method = "GET";
      request.body.clear();
    }
    request.url = std::move(next);
  }
}

base::Result<OutgoingAnswer> OutgoingHttp::Inside::ask_once(const OutgoingRequest& request,
                                                            const OutgoingUrl& url, OutTime until) {
  const auto addresses = guard.addresses(url.host, url.port, left_ms(until));
  if (!addresses) return addresses.error();
  std::string why = "there was no time left";
  const auto overdue = [&] { return left_ms(until) == 0; };
  for (const Address& address : *addresses) {
    if (overdue()) break;
    try {
      const Poco::Net::IPAddress ip(address.text());
      poco::StreamSocket plain(ip.family());
      const Watch watch(*this, plain.impl()->sockfd(), until);
      const Poco::Timespan each(std::int64_t{1000} * std::min(options.connect_ms, left_ms(until)));
      try {
        plain.connect(poco::SocketAddress(ip, url.port), each);
      } catch (const Poco::Exception& error) {
        why = "no connection to " + url.host + ": " + why_of(error);
        continue;
      }
      const Poco::Timespan rest(std::int64_t{1000} * std::max(left_ms(until), 1));
      plain.setReceiveTimeout(rest);
      plain.setSendTimeout(rest);
      // Poco's session for TLS can't be given a connection; the plain one takes both kinds.
      poco::StreamSocket socket = plain;
      if (url.is_tls) socket = poco::SecureStreamSocket::attach(plain, url.host, tls);
      poco::HTTPClientSession session(socket);
      auto answer = exchange(request, url, session);
      // A head that the end of the time cut off looks like a whole one.
      if (!answer.body.empty() || !overdue()) return answer;
    } catch (const Poco::Exception& error) {
      // Something may have arrived: another address would be asked a second time.
      if (overdue()) break;
      return out_error(base::Code::unavailable, url.host + ": " + why_of(error));
    }
  }
  {
    const std::lock_guard lock(mutex);
    if (is_stopping) return out_error(base::Code::cancelled, "the brain stops");
  }
  if (overdue()) return out_error(base::Code::timeout, url.host + " did not answer in time");
  return out_error(base::Code::unavailable, why);
}

OutgoingAnswer OutgoingHttp::Inside::exchange(const OutgoingRequest& request,
                                              const OutgoingUrl& url,
                                              poco::HTTPClientSession& session) {
  poco::HTTPRequest head(request.method, url.target, poco::HTTPMessage::HTTP_1_1);
  head.set("Host", url.authority);
  head.set("User-Agent", kUserAgent);
  for (const auto& [name, value] : request.headers) head.set(name, value);
  head.setKeepAlive(false);
  const bool has_body =
      !request.body.empty() || (request.method != "GET" && request.method != "HEAD");
  if (has_body) head.setContentLength64(static_cast<Poco::Int64>(request.body.size()));
  session.setKeepAlive(false);
  std::ostream& out = session.sendRequest(head);
  out.write(request.body.data(), static_cast<std::streamsize>(request.body.size()));
  out.flush();
  poco::HTTPResponse response;
  std::istream& in = session.receiveResponse(response);
  OutgoingAnswer answer;
  answer.status = response.getStatus();
  for (const auto& [name, value] : response) answer.headers.emplace_back(lower_out(name), value);
  // A body that ends early or late changes nothing about the answer.
  std::array<char, 4096> part{};
  while (in.good() && answer.body.size() <= request.max_answer_bytes) {
    in.read(part.data(), static_cast<std::streamsize>(part.size()));
    answer.body.append(part.data(), static_cast<std::size_t>(in.gcount()));
  }
  answer.is_cut = answer.body.size() > request.max_answer_bytes || in.bad();
  answer.body.resize(std::min(answer.body.size(), request.max_answer_bytes));
  return answer;
}

base::Result<std::unique_ptr<OutgoingHttp>> OutgoingHttp::make(Options options, DialGuard& guard) {
  auto inside = std::make_unique<Inside>(std::move(options), guard);
  try {
    poco::initializeSSL();
    inside->tls = new poco::Context(poco::Context::TLS_CLIENT_USE, inside->options.ca_file,
                                    poco::Context::VERIFY_STRICT, 9, true,
                                    "ALL:!ADH:!LOW:!EXP:!MD5:@STRENGTH");
    inside->tls->requireMinimumProtocol(poco::Context::PROTO_TLSV1_2);
  } catch (const Poco::Exception& error) {
    return out_error(
        base::Code::bad_config,
        "cannot read TLS authorities " + inside->options.ca_file + ": " + why_of(error),
        "it must be a PEM file with their certificates, readable by this user");
  }
  inside->watcher = std::thread([raw = inside.get()] { raw->watch(); });
  return std::unique_ptr<OutgoingHttp>(new OutgoingHttp(std::move(inside)));
}

OutgoingHttp::OutgoingHttp(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

OutgoingHttp::~OutgoingHttp() { stop(); }

base::Result<OutgoingAnswer> OutgoingHttp::ask(const OutgoingRequest& request) {
  return inside_->ask(request);
}

base::Status OutgoingHttp::send(OutgoingRequest request, Done done) {
  Inside& in = *inside_;
  const std::lock_guard lock(in.mutex);
  if (in.is_stopping) return out_error(base::Code::cancelled, "the brain stops");
  if (in.waiting.size() >= in.options.max_waiting)
    return out_error(base::Code::busy, "too many calls wait to be sent", "try again");
  in.waiting.push_back({std::move(request), std::move(done)});
  if (in.idle < in.waiting.size() && in.threads.size() < in.options.threads)
    in.threads.emplace_back([raw = inside_.get()] { raw->run(); });
  in.work.notify_one();
  return {};
}

void OutgoingHttp::stop() {
  Inside& in = *inside_;
  std::deque<Inside::Waiting> left;
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(in.mutex);
    in.is_stopping = true;
    left.swap(in.waiting);
    threads.swap(in.threads);
    for (const auto& [until, fd] : in.watched) ::shutdown(fd, SHUT_RDWR);
    in.work.notify_all();
    in.watch_wake.notify_all();
  }
  for (Inside::Waiting& job : left) job.done(out_error(base::Code::cancelled, "the brain stops"));
  for (std::thread& thread : threads) thread.join();
  if (in.watcher.joinable()) in.watcher.join();
}

}  // namespace z4j::net
