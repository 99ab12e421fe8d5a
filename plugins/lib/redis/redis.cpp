#include "lib/redis/redis.hpp"

#include "lib/redis/resp.hpp"
#include "lib/redis/stream.hpp"

#include <z4j/plugin.hpp>

#include <openssl/evp.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <deque>
#include <random>
#include <unordered_map>
#include <utility>

namespace z4j::redis {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kQuietBeforePing = std::chrono::seconds(15);
constexpr std::size_t kMaxPendingPushes = 100'000;
constexpr std::size_t kMaxScripts = 256;

std::string sha1_hex(std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) != 1) {
    throw Error(Z4J_INTERNAL, "SHA-1 is not available in this OpenSSL");
  }
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += "0123456789abcdef"[digest[i] >> 4];
    out += "0123456789abcdef"[digest[i] & 15];
  }
  return out;
}

bool has_prefix(const Reply& r, std::string_view word) {
  return r.is_error() && r.text.size() >= word.size() &&
         std::string_view(r.text).substr(0, word.size()) == word;
}

// The server repeats arguments of commands it does not know, and those may be secret.
std::string server_text(const Reply& r) {
  return "Redis answered: " +
         r.text.substr(0, std::min<std::size_t>(r.text.find(", with args"), 300));
}

bool role_or_state_error(const Reply& r) {
  for (const std::string_view word :
       {"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY "}) {
    if (has_prefix(r, word)) return true;
  }
  return false;
}

[[noreturn]] void throw_error_reply(const Reply& r) {
  if (has_prefix(r, "WRONGPASS") || has_prefix(r, "NOPERM"))
    throw Error(Z4J_DENIED, server_text(r));
  if (has_prefix(r, "NOAUTH"))
    throw Error(Z4J_DENIED, "Redis asks for a password; give one in the URL");
  if (role_or_state_error(r)) throw Error(Z4J_UNAVAILABLE, server_text(r));
  throw Error(Z4J_INVALID, server_text(r));
}

}  // namespace

struct Connection::Wire {
  explicit Wire(Options o)
      : options(std::move(o)),
        wake_fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
        stream(wake_fd),
        reader(options.max_reply_bytes) {
    if (wake_fd < 0) throw Error(Z4J_INTERNAL, "cannot make an event descriptor");
  }
  ~Wire() {
    stream.close();
    ::close(wake_fd);
  }

  Options options;
  int wake_fd;
  Stream stream;
  RespReader reader;
  std::atomic<bool> interrupted{false};
  bool ready = false;  // connected, and the peer is Redis
  bool subscribed = false;
  std::deque<Reply> pushes;
  Clock::time_point last_heard, ping_sent;
  bool ping_open = false;
  std::unordered_map<std::string, std::string> scripts;  // text to SHA-1

  void close() noexcept {
    stream.close();
    reader = RespReader(options.max_reply_bytes);
    ready = subscribed = ping_open = false;
    pushes.clear();
  }
  void throw_if_interrupted() const {
    if (interrupted.load()) throw Error(Z4J_CANCELLED, "the call was interrupted");
  }

  void ensure_open();
  void open_server(const Endpoint* to, Deadline deadline);
  void hello(const std::string& user, const std::string& password, Deadline deadline);
  void open_through_sentinel(Deadline deadline);
  std::optional<Endpoint> ask_sentinel(const Endpoint& sentinel, Deadline deadline);

  // Writes `request` and reads `count` replies. The connection is closed on any failure.
  std::vector<Reply> exchange(const std::string& request, std::size_t count, Deadline deadline);
  Reply exchange_one(const Args& args, Deadline deadline);
  void write_all(const std::string& request, Deadline deadline);
  void keep_push(Reply reply);
};

std::vector<Reply> Connection::Wire::exchange(const std::string& request, std::size_t count,
                                              Deadline deadline) {
  std::vector<Reply> replies;
  replies.reserve(std::min<std::size_t>(count, 4096));
  std::size_t written = 0, received = 0;
  std::string chunk;
  const bool was_ready = ready;  // the handshake changes nothing: a line lost there is unavailable
  const auto may_have_run = [&] { return count > 1 ? written > 0 : written == request.size(); };
  try {
    while (replies.size() < count) {
      throw_if_interrupted();
      bool moved = false;
      if (written < request.size()) {
        const std::size_t n = stream.write(std::string_view(request).substr(written));
        written += n;
        moved = n > 0;
      }
      chunk.clear();
      if (stream.read(chunk) > 0) {
        moved = true;
        received += chunk.size();
        if (received > options.max_reply_bytes + (64u << 10)) {
          throw Error(Z4J_TOO_LARGE, "the replies of Redis are larger than " +
                                         std::to_string(options.max_reply_bytes) + " bytes");
        }
        reader.feed(chunk);
        while (replies.size() < count) {
          std::optional<Reply> reply = reader.next();
          if (!reply) break;
          replies.push_back(std::move(*reply));
        }
      }
      if (moved || replies.size() == count) continue;
      switch (stream.wait(written < request.size(), deadline)) {
        case Stream::Wake::ready:
          break;
        case Stream::Wake::interrupted:
          throw Error(Z4J_CANCELLED, "the call was interrupted");
        case Stream::Wake::timed_out:
          throw Error(Z4J_UNAVAILABLE, "Redis did not answer in time");
      }
    }
  } catch (const Error& e) {
    close();
    const bool lost = e.code == Z4J_UNAVAILABLE || e.code == Z4J_BAD_CONFIG;
    if (was_ready && lost && may_have_run())
      throw Error(Z4J_UNKNOWN, std::string(e.what()) + "; the request may have run");
    throw;
  }
  return replies;
}

Reply Connection::Wire::exchange_one(const Args& args, Deadline deadline) {
  std::string request;
  append_command(request, args);
  return std::move(exchange(request, 1, deadline).front());
}

void Connection::Wire::write_all(const std::string& request, Deadline deadline) {
  std::size_t written = 0;
  while (written < request.size()) {
    throw_if_interrupted();
    const std::size_t n = stream.write(std::string_view(request).substr(written));
    written += n;
    if (n > 0) continue;
    const Stream::Wake wake = stream.wait(true, deadline);
    if (wake == Stream::Wake::interrupted) throw Error(Z4J_CANCELLED, "the call was interrupted");
    if (wake == Stream::Wake::timed_out) throw Error(Z4J_UNAVAILABLE, "Redis did not read in time");
  }
}

void Connection::Wire::hello(const std::string& user, const std::string& password,
                             Deadline deadline) {
  if (!password.empty()) {
    const Reply r = exchange_one(
        user.empty() ? Args{"AUTH", password} : Args{"AUTH", user, password}, deadline);
    if (r.is_error()) {
      if (role_or_state_error(r)) throw Error(Z4J_UNAVAILABLE, server_text(r));
      if (r.text.find("without any password") != std::string::npos ||
          r.text.find("no password is set") != std::string::npos) {
        throw Error(Z4J_DENIED, "Redis has no password set, but the URL gives one");
      }
      throw Error(Z4J_DENIED, "Redis refuses the user or password of the URL");
    }
  }
  const Reply r = exchange_one({"PING"}, deadline);
  if (has_prefix(r, "NOPERM")) return;
  if (r.is_error()) throw_error_reply(r);
  if (r.type != Reply::Type::status || r.text != "PONG") {
    throw Error(Z4J_BAD_CONFIG,
                "the peer is not Redis: it does not answer PING with PONG; check host and port");
  }
}

void Connection::Wire::open_server(const Endpoint* to, Deadline deadline) {
  if (to == nullptr) {
    stream.open_unix(options.unix_path, deadline);
  } else {
    stream.open(*to, options, deadline);
  }
  hello(options.user, options.password, deadline);
  if (options.database != 0) {
    const Reply r = exchange_one({"SELECT", std::to_string(options.database)}, deadline);
    if (r.is_error() && has_prefix(r, "ERR")) {
      throw Error(Z4J_BAD_CONFIG, "Redis has no database " + std::to_string(options.database));
    }
    if (r.is_error()) throw_error_reply(r);
  }
}

std::optional<Endpoint> Connection::Wire::ask_sentinel(const Endpoint& sentinel,
                                                       Deadline deadline) {
  stream.open(sentinel, options, deadline);
  hello({}, options.sentinel_password, deadline);
  const Reply r =
      exchange_one({"SENTINEL", "get-master-addr-by-name", options.sentinel_master}, deadline);
  close();
  if (r.is_error()) throw_error_reply(r);
  if (r.type != Reply::Type::array || r.items.size() != 2) return std::nullopt;
  unsigned port = 0;
  const std::string& text = r.items[1].text;
  std::from_chars(text.data(), text.data() + text.size(), port);
  if (port == 0 || port > 65535 || r.items[0].text.empty()) return std::nullopt;
  return Endpoint{r.items[0].text, static_cast<std::uint16_t>(port)};
}

void Connection::Wire::open_through_sentinel(Deadline deadline) {
  std::string why = "no sentinel is configured";
  z4j_status code = Z4J_UNAVAILABLE;
  for (const Endpoint& sentinel : options.endpoints) {
    try {
      const Deadline own = std::min(deadline, deadline_in(options.connect_timeout_ms));
      const std::optional<Endpoint> master = ask_sentinel(sentinel, own);
      if (!master) {
        why = "sentinel " + sentinel.host + " knows no master named " + options.sentinel_master;
        continue;
      }
      open_server(&*master, std::min(deadline, deadline_in(options.connect_timeout_ms)));
      const Reply role = exchange_one({"ROLE"}, deadline);
      if (role.type == Reply::Type::array && !role.items.empty() && role.items[0].text == "master")
        return;
      close();
      why = role.is_error()
                ? server_text(role)
                : "the server named by sentinel " + sentinel.host + " is not a master now";
    } catch (const Error& e) {
      close();
      if (e.code == Z4J_CANCELLED) throw;
      why = e.what();
      code = e.code;
    }
  }
  throw Error(code, why);
}

void Connection::Wire::ensure_open() {
  throw_if_interrupted();
  if (ready && !subscribed && (!reader.idle() || stream.stale())) close();
  if (ready) return;
  close();
  try {
    if (!options.sentinel_master.empty()) {
      const int tries = 2 * static_cast<int>(std::max<std::size_t>(options.endpoints.size(), 1));
      open_through_sentinel(deadline_in(options.connect_timeout_ms * tries));
    } else if (!options.unix_path.empty()) {
      open_server(nullptr, deadline_in(options.connect_timeout_ms));
    } else if (options.endpoints.empty()) {
      throw Error(Z4J_BAD_CONFIG, "no Redis server is configured");
    } else {
      for (std::size_t i = 0; i < options.endpoints.size(); ++i) {
        try {
          open_server(&options.endpoints[i], deadline_in(options.connect_timeout_ms));
          break;
        } catch (const Error& e) {
          if (e.code == Z4J_CANCELLED || i + 1 == options.endpoints.size()) throw;
          close();
        }
      }
    }
  } catch (...) {
    close();
    throw;
  }
  ready = true;
  last_heard = Clock::now();
}

void Connection::Wire::keep_push(Reply reply) {
  if (pushes.size() >= kMaxPendingPushes) {
    close();
    throw Error(Z4J_UNAVAILABLE, "too many messages arrived while subscribing");
  }
  pushes.push_back(std::move(reply));
}

Connection::Connection(Options options) : wire_(std::make_unique<Wire>(std::move(options))) {}
Connection::~Connection() = default;

void Connection::connect() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wire_->wake_fd, &count, sizeof count);
  wire_->interrupted.store(false);
  wire_->ensure_open();
}

bool Connection::connected() const noexcept { return wire_->ready; }
void Connection::close() noexcept { wire_->close(); }

void Connection::interrupt() noexcept {
  wire_->interrupted.store(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wire_->wake_fd, &one, sizeof one);
}

Reply Connection::command(const Args& args) {
  Wire& w = *wire_;
  if (w.subscribed) throw Error(Z4J_BAD_STATE, "the connection is in subscribe mode");
  w.ensure_open();
  Reply r = w.exchange_one(args, deadline_in(w.options.io_timeout_ms));
  if (r.is_error()) {
    if (has_prefix(r, "READONLY")) w.close();
    throw_error_reply(r);
  }
  return r;
}

std::vector<Reply> Connection::pipeline(const std::vector<Args>& commands) {
  Wire& w = *wire_;
  if (w.subscribed) throw Error(Z4J_BAD_STATE, "the connection is in subscribe mode");
  if (commands.empty()) return {};
  w.ensure_open();
  std::string request;
  for (const Args& args : commands) append_command(request, args);
  return w.exchange(request, commands.size(), deadline_in(w.options.io_timeout_ms));
}

Reply Connection::eval(std::string_view script, const Args& keys, const Args& args) {
  Wire& w = *wire_;
  if (w.subscribed) throw Error(Z4J_BAD_STATE, "the connection is in subscribe mode");
  if (w.scripts.size() > kMaxScripts) w.scripts.clear();
  auto [at, fresh] = w.scripts.try_emplace(std::string(script));
  if (fresh) at->second = sha1_hex(script);
  Args request = {"EVALSHA", at->second, std::to_string(keys.size())};
  request.insert(request.end(), keys.begin(), keys.end());
  request.insert(request.end(), args.begin(), args.end());
  w.ensure_open();
  Reply r = w.exchange_one(request, deadline_in(w.options.io_timeout_ms));
  if (has_prefix(r, "NOSCRIPT")) {
    request[0] = "EVAL";
    request[1] = std::string(script);
    r = w.exchange_one(request, deadline_in(w.options.io_timeout_ms));
  }
  if (r.is_error()) {
    if (has_prefix(r, "READONLY")) w.close();
    throw_error_reply(r);
  }
  return r;
}

namespace {

bool confirms(const Reply& r, std::string_view verb) {
  return r.type == Reply::Type::array && r.items.size() == 3 && r.items[0].text == verb;
}

}  // namespace

void Connection::subscribe(const Args& channels) {
  subscribe_with("SUBSCRIBE", "subscribe", channels);
}
void Connection::psubscribe(const Args& patterns) {
  subscribe_with("PSUBSCRIBE", "psubscribe", patterns);
}

void Connection::subscribe_with(const char* verb, const char* confirmation, const Args& names) {
  Wire& w = *wire_;
  if (names.empty()) return;
  w.ensure_open();
  const Deadline deadline = deadline_in(w.options.io_timeout_ms);
  try {
    Args request = {verb};
    request.insert(request.end(), names.begin(), names.end());
    std::string bytes;
    append_command(bytes, request);
    w.write_all(bytes, deadline);
    std::size_t missing = names.size();
    std::string chunk;
    while (missing > 0) {
      std::optional<Reply> reply = w.reader.next();
      if (reply) {
        if (reply->is_error()) throw_error_reply(*reply);
        if (confirms(*reply, confirmation)) {
          --missing;
        } else {
          w.keep_push(std::move(*reply));
        }
        continue;
      }
      w.throw_if_interrupted();
      chunk.clear();
      if (w.stream.read(chunk) > 0) {
        w.reader.feed(chunk);
        continue;
      }
      const Stream::Wake wake = w.stream.wait(false, deadline);
      if (wake == Stream::Wake::interrupted) throw Error(Z4J_CANCELLED, "the call was interrupted");
      if (wake == Stream::Wake::timed_out)
        throw Error(Z4J_UNAVAILABLE, "Redis did not confirm the subscription in time");
    }
  } catch (const Error&) {
    w.close();
    throw;
  }
  w.subscribed = true;
  w.last_heard = Clock::now();
}

std::optional<Reply> Connection::read_push(int timeout_ms) {
  Wire& w = *wire_;
  if (w.interrupted.load()) return std::nullopt;
  if (!w.subscribed)
    throw Error(w.ready ? Z4J_BAD_STATE : Z4J_UNAVAILABLE,
                "the connection is not in subscribe mode");
  if (!w.pushes.empty()) {
    Reply first = std::move(w.pushes.front());
    w.pushes.pop_front();
    return first;
  }
  const Deadline deadline = deadline_in(timeout_ms);
  std::string chunk;
  try {
    for (;;) {
      while (std::optional<Reply> reply = w.reader.next()) {
        if (reply->is_error()) throw_error_reply(*reply);
        if (reply->type != Reply::Type::array || reply->items.empty() ||
            reply->items[0].text == "pong")
          continue;
        return reply;
      }
      if (w.interrupted.load()) return std::nullopt;
      chunk.clear();
      if (w.stream.read(chunk) > 0) {
        w.reader.feed(chunk);
        w.last_heard = Clock::now();
        w.ping_open = false;
        continue;
      }
      const auto now = Clock::now();
      if (!w.ping_open && now - w.last_heard >= kQuietBeforePing) {
        std::string ping;
        append_command(ping, {"PING"});
        w.write_all(ping, deadline_in(w.options.io_timeout_ms));
        w.ping_open = true;
        w.ping_sent = now;
      }
      const auto silence_ends =
          w.ping_open ? w.ping_sent + std::chrono::milliseconds(w.options.io_timeout_ms)
                      : w.last_heard + kQuietBeforePing;
      const Stream::Wake wake = w.stream.wait(false, std::min(deadline, silence_ends));
      if (wake == Stream::Wake::interrupted) return std::nullopt;
      if (wake == Stream::Wake::ready) continue;
      const auto later = Clock::now();
      if (w.ping_open && later >= silence_ends)
        throw Error(Z4J_UNAVAILABLE, "Redis has fallen silent");
      if (later >= deadline) return std::nullopt;
    }
  } catch (const Error& e) {
    w.close();
    if (e.code == Z4J_CANCELLED) return std::nullopt;
    throw;
  }
}

int Backoff::next_ms() {
  thread_local std::minstd_rand random{std::random_device{}()};
  const int full = std::min(10'000, 100 << std::min(step_, 7));
  if (step_ < 7) ++step_;
  return full - static_cast<int>(random() % static_cast<unsigned>(full / 5 + 1));
}

}  // namespace z4j::redis
