#include "net/http_client.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <atomic>
#include <chrono>
#include <optional>

#include "base/ascii.hpp"
#include "net/client_dial.hpp"

namespace z4j::net {
namespace {

namespace http = boost::beast::http;

constexpr std::uint32_t kMaxAnswerHead = 32u << 10;

}  // namespace

std::string_view HttpAnswer::header(std::string_view name) const {
  for (const auto& [each, value] : headers) {
    if (each == name) return value;
  }
  return {};
}

struct HttpClient::Inside {
  using Timer = boost::asio::basic_waitable_timer<
      std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, LoopExecutor>;
  using Parser = http::response_parser<http::string_body>;

  const ClientTarget target;
  const std::size_t max_body_bytes;
  boost::asio::io_context loop{1};
  std::optional<FrontStream> stream;
  boost::beast::flat_buffer buffer;
  Timer timer{loop.get_executor()};
  std::atomic<bool> is_cancelled{false};

  std::optional<ClientFailure> failure;  // of what is under way

  Inside(ClientTarget t, std::size_t most) : target(std::move(t)), max_body_bytes(most) {}

  void fail(DialStep step, std::string why) {
    if (failure) return;
    failure.emplace();
    failure->step = step;
    failure->why = std::move(why);
  }
  void drop() {
    if (stream) stream->close();
    stream.reset();
    buffer.clear();
  }

  // Runs what was begun to its end. cancel() closes what it waits for.
  void run() {
    loop.restart();
    loop.run();
    if (is_cancelled) fail(DialStep::open, "cancelled");
  }

  bool connect() {
    Dial::Done done;
    done.connected = [this](FrontStream made) { stream.emplace(std::move(made)); };
    done.failed = [this](ClientFailure why) { failure = std::move(why); };
    Dial::start(loop, target, std::move(done));
    run();
    return stream.has_value() && !failure;
  }

  std::optional<HttpAnswer> exchange(const HttpQuestion& question) {
    http::request<http::string_body> request(http::string_to_verb(question.method),
                                             target.url.path + question.path, 11);
    request.set(http::field::host, target.url.authority());
    for (const auto& [name, value] : question.headers) request.set(name, value);
    request.body() = question.body;
    request.prepare_payload();
    Parser parser;
    parser.header_limit(kMaxAnswerHead);
    parser.body_limit(max_body_bytes);
    timer.expires_after(std::chrono::milliseconds(question.timeout_ms));
    timer.async_wait([this](ErrorCode error) {
      if (error || !stream) return;
      fail(DialStep::open, "no answer within the time allowed");
      stream->close();
    });
    bool is_done = false;
    const auto ended = [&](const ErrorCode& error) {
      timer.cancel();
      if (error)
        fail(DialStep::open, error.message());
      else
        is_done = true;
    };
    http::async_write(*stream, request, [&](ErrorCode error, std::size_t) {
      if (error) return ended(error);
      http::async_read(*stream, buffer, parser,
                       [&](ErrorCode read_error, std::size_t) { ended(read_error); });
    });
    run();
    if (!is_done || failure) {
      drop();
      return std::nullopt;
    }
    HttpAnswer answer;
    auto message = parser.release();
    answer.status = static_cast<int>(message.result_int());
    for (const auto& field : message) {
      const auto name = field.name_string();
      const auto value = field.value();
      answer.headers.emplace_back(base::ascii_lower({name.data(), name.size()}),
                                  std::string(value.data(), value.size()));
    }
    answer.body = std::move(message.body());
    if (!message.keep_alive()) drop();
    return answer;
  }
};

HttpClient::HttpClient(ClientTarget target, std::size_t max_body_bytes)
    : inside_(std::make_unique<Inside>(std::move(target), max_body_bytes)) {}

HttpClient::~HttpClient() = default;

std::variant<HttpAnswer, ClientFailure> HttpClient::ask(const HttpQuestion& question) {
  Inside& in = *inside_;
  for (const bool may_be_stale : {in.stream.has_value(), false}) {
    in.failure.reset();
    if (in.is_cancelled) in.fail(DialStep::open, "cancelled");
    if (in.failure || (!in.stream && !in.connect())) return *in.failure;
    const auto begun = std::chrono::steady_clock::now();
    if (auto answer = in.exchange(question)) return std::move(*answer);
    const auto took = std::chrono::steady_clock::now() - begun;
    if (!may_be_stale || took > std::chrono::seconds(1)) break;
  }
  return *in.failure;
}

void HttpClient::cancel() {
  inside_->is_cancelled = true;
  boost::asio::post(inside_->loop, [in = inside_.get()] {
    in->timer.cancel();
    if (in->stream) in->stream->close();
    in->loop.stop();
  });
}

}  // namespace z4j::net
