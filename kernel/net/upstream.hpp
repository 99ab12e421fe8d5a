// The way from the front to the API server: a bounded set of connections to the private socket, one
// per API thread, and a bounded line of requests that wait for one.
//
// In Poco a kept-alive connection owns a thread; so there are never more connections than threads,
// and each carries one request at a time. A request whose client has given up keeps its connection
// until the handler has returned, because until then it also keeps the thread. Loop thread only.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace z4j::net {

class Relay;

// The head of the API's answer; `fields` are whole header lines without framing and connection
// ones.
struct RelayedHead {
  int status = 0;
  std::string fields;
  std::optional<std::uint64_t> content_length;
};

// Who gets the answer. Calls come in order: started, head, data..., end; or failed at any point.
// After each burst of calls comes flush(). None of them is called from inside submit(), except
// started().
class RelaySink {
 public:
  virtual ~RelaySink() = default;
  virtual void relay_started() = 0;
  virtual void relay_head(RelayedHead head) = 0;
  virtual void relay_data(std::string_view data) = 0;
  virtual void relay_end() = 0;
  virtual void relay_failed() = 0;
  virtual void relay_flush() = 0;
  // False: reading stops until Relay::resume().
  [[nodiscard]] virtual bool relay_wants_more() const = 0;
};

struct UpstreamLink;

class UpstreamPool {
 public:
  UpstreamPool(boost::asio::io_context& loop, std::string socket_path, std::size_t max_links,
               std::size_t max_waiting);
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  // Sends `frame` (see relay_frame.hpp) when a connection is free. Null: the line is full.
  [[nodiscard]] std::shared_ptr<Relay> submit(std::string frame, bool head_only,
                                              std::shared_ptr<RelaySink> sink);
  void close_idle(std::chrono::steady_clock::time_point now);
  // Closes everything; requests under way fail.
  void close_all();

 private:
  friend class Relay;
  void give_back(std::unique_ptr<UpstreamLink> link, bool reusable);
  void start_waiting();
  void forget(Relay* relay);

  boost::asio::io_context& loop_;
  const std::string socket_path_;
  const std::size_t max_links_;
  const std::size_t max_waiting_;
  std::size_t links_ = 0;  // idle ones and those in use
  bool closed_ = false;
  std::vector<std::unique_ptr<UpstreamLink>> idle_;
  std::deque<std::shared_ptr<Relay>> waiting_;
  std::unordered_set<Relay*> running_;
};

// One request on its way.
class Relay : public std::enable_shared_from_this<Relay> {
 public:
  Relay(UpstreamPool& pool, std::string frame, bool head_only, std::shared_ptr<RelaySink> sink);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void resume();
  // The sink hears no more.
  void abandon();

 private:
  friend class UpstreamPool;
  struct Parsing;
  enum class Again { no, yes };

  void begin(std::unique_ptr<UpstreamLink> link);
  void send();
  void read();
  void take();
  void finish(Again reuse);
  void fail();

  UpstreamPool& pool_;
  std::string frame_;
  const bool head_only_;
  std::shared_ptr<RelaySink> sink_;
  std::unique_ptr<UpstreamLink> link_;
  std::unique_ptr<Parsing> parsing_;
  bool reading_ = false;
  bool retried_ = false;
};

}  // namespace z4j::net
