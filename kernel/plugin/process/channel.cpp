#include "plugin/process/channel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

namespace z4j::plugin::process {
namespace {

constexpr int kWriteDeadlineMs = 10'000, kTickMs = 1000;
constexpr std::size_t kReadBytes = 64u << 10, kMostReadBytes = 256u << 10;

std::string reason(const char* what) {
  return std::string(what) + ": " + std::generic_category().message(errno);
}

}  // namespace

std::int64_t steady_now_ms() noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Channel::Channel(int fd, Way incoming) : fd_(fd), incoming_(incoming) {}

Channel::~Channel() {
  end("closed");
  close();
}

void Channel::close() {
  const std::lock_guard writing(writing_);
  const std::lock_guard lock(mutex_);
  is_over_ = true;
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Channel::end(std::string why) {
  {
    const std::lock_guard lock(mutex_);
    if (!why_) why_ = std::move(why);
    is_over_ = true;
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
  }
}

bool Channel::is_over() const {
  const std::lock_guard lock(mutex_);
  return is_over_;
}

bool Channel::write(std::string_view bytes) {
  const std::int64_t until = steady_now_ms() + kWriteDeadlineMs;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) {
      if (errno != EPIPE && errno != ECONNRESET) {
        end(reason("it can't be written to"));
        return false;
      }
      // The other side has closed it; what it wrote before is still to be read.
      const std::lock_guard lock(mutex_);
      if (!why_) why_.emplace();
      is_over_ = true;
      return false;
    }
    const std::int64_t left = until - steady_now_ms();
    if (left <= 0) {
      end("it does not read what it is sent");
      return false;
    }
    pollfd wait{fd_, POLLOUT, 0};
    ::poll(&wait, 1, static_cast<int>(left));
  }
  return true;
}

bool Channel::send(Kind kind, std::string_view payload, std::uint64_t id) {
  if (payload.size() > most_bytes(kind)) return false;
  const std::string header =
      header_bytes(Header{static_cast<std::uint32_t>(payload.size()), kind, id});
  const std::lock_guard lock(writing_);
  if (is_over()) return false;
  // One system call for what is short.
  if (payload.size() <= 4096) return write(header + std::string(payload));
  return write(header) && write(payload);
}

Channel::Got Channel::call(Kind kind, std::string_view payload, int deadline_ms,
                           std::string& reply) {
  Call call;
  call.kind = kind;
  call.since_ms = steady_now_ms();
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (is_over_) return Got::not_sent;
    if (calls_.size() >= kMostCalls) return Got::too_many;
    id = ++last_id_;
    calls_.emplace(id, &call);
  }
  const bool is_sent = send(kind, payload, id);
  std::unique_lock lock(mutex_);
  if (!is_sent) {
    calls_.erase(id);
    return Got::not_sent;
  }
  call.answered.wait_for(lock, std::chrono::milliseconds(deadline_ms),
                         [&] { return call.is_answered || has_given_up_; });
  calls_.erase(id);
  if (call.is_answered) {
    reply = std::move(call.reply);
    return Got::reply;
  }
  return has_given_up_ ? Got::ended : Got::late;
}

void Channel::give_up_calls() {
  const std::lock_guard lock(mutex_);
  is_over_ = has_given_up_ = true;
  for (const auto& [id, call] : calls_) call->answered.notify_all();
}

std::vector<Channel::Waiting> Channel::waiting() const {
  std::vector<Waiting> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, call] : calls_) out.push_back({call->kind, call->since_ms});
  return out;
}

std::string Channel::take_reply(const Header& header, std::string payload) {
  const std::lock_guard lock(mutex_);
  const auto at = calls_.find(header.id);
  if (at == calls_.end()) {
    return header.id <= last_id_
               ? std::string()
               : "a reply to call " + std::to_string(header.id) + ", which was not made";
  }
  if (at->second->is_answered) return {};  // the first one counts
  at->second->reply = std::move(payload);
  at->second->is_answered = true;
  at->second->answered.notify_all();
  return {};
}

// Reads what is there. What was taken is dropped from the buffer first.
Channel::Fill Channel::fill() {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  std::size_t want = kReadBytes;
  if (buffer_.size() >= kHeaderBytes) {
    // In the middle of a frame, whose header was found good.
    if (const auto header =
            read_header(std::string_view(buffer_).substr(0, kHeaderBytes), incoming_))
      // The room is cleared first: more than a socket holds would cost more than it gives.
      want = std::clamp(kHeaderBytes + header->bytes - buffer_.size(), want, kMostReadBytes);
  }
  const std::size_t before = buffer_.size();
  if (buffer_.capacity() > 4 * kReadBytes && before + want < kReadBytes * 2)
    buffer_.shrink_to_fit();
  buffer_.resize(before + want);
  const ssize_t got = ::recv(fd_, buffer_.data() + before, want, MSG_DONTWAIT);
  buffer_.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
  if (got > 0) return Fill::some;
  if (got == 0) return Fill::closed;
  if (errno == EAGAIN || errno == EINTR) return Fill::none;
  return errno == ECONNRESET ? Fill::closed : Fill::failed;
}

std::string Channel::take_frames(const Loop& loop) {
  while (buffer_.size() - at_ >= kHeaderBytes) {
    const std::string_view left = std::string_view(buffer_).substr(at_);
    const auto header = read_header(left.substr(0, kHeaderBytes), incoming_);
    if (!header) return header.error().message;
    if (left.size() - kHeaderBytes < header->bytes) break;
    std::string payload(left.substr(kHeaderBytes, header->bytes));
    at_ += kHeaderBytes + header->bytes;
    std::string wrong = header->kind == Kind::reply ? take_reply(*header, std::move(payload))
                                                    : loop.take(*header, std::move(payload));
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string Channel::run(const Loop& loop) {
  int beside = loop.beside;
  std::int64_t next_tick = steady_now_ms() + kTickMs;
  std::string wrong = take_frames(loop);
  while (wrong.empty()) {
    const Fill filled = fill();
    if (filled == Fill::closed) break;
    if (filled == Fill::failed) {
      end(reason("it can't be read"));
      break;
    }
    if (filled == Fill::some) {
      wrong = take_frames(loop);
    }
    const std::int64_t left = next_tick - steady_now_ms();
    if (left <= 0) {
      if (loop.tick) loop.tick();
      next_tick = steady_now_ms() + kTickMs;
    }
    if (filled == Fill::some && left > 0) continue;
    pollfd wait[2] = {{fd_, POLLIN, 0}, {beside, POLLIN, 0}};
    const auto patience = static_cast<int>(std::max<std::int64_t>(next_tick - steady_now_ms(), 0));
    if (::poll(wait, beside >= 0 ? 2 : 1, loop.tick ? patience : -1) <= 0) continue;
    if (beside >= 0 && wait[1].revents != 0 && !loop.readable()) beside = -1;
  }
  if (!wrong.empty()) end("it sent " + wrong);
  const std::lock_guard lock(mutex_);
  is_over_ = true;
  return why_.value_or(std::string());
}

base::Result<std::pair<Header, std::string>> Channel::read_one(int deadline_ms) {
  const auto broken = [](std::string message) {
    return base::Error{
        .code = base::Code::unavailable, .message = std::move(message), .where = {}, .hint = {}};
  };
  const std::int64_t until = steady_now_ms() + deadline_ms;
  for (;;) {
    const std::string_view left = std::string_view(buffer_).substr(at_);
    if (left.size() >= kHeaderBytes) {
      const auto header = read_header(left.substr(0, kHeaderBytes), incoming_);
      if (!header) return header.error();
      if (left.size() - kHeaderBytes >= header->bytes) {
        std::string payload(left.substr(kHeaderBytes, header->bytes));
        at_ += kHeaderBytes + header->bytes;
        return std::pair(*header, std::move(payload));
      }
    }
    switch (fill()) {
      case Fill::some:
        continue;
      case Fill::closed:
      case Fill::failed:
        return broken("the other side closed the socket");
      case Fill::none:
        break;
    }
    const std::int64_t patience = until - steady_now_ms();
    if (patience <= 0) return broken("nothing came in time");
    pollfd wait{fd_, POLLIN, 0};
    ::poll(&wait, 1, static_cast<int>(patience));
  }
}

}  // namespace z4j::plugin::process
