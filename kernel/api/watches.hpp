// Pages of the task list that dashboards keep in sight: docs/reference/live.md.
//
// A change in a project marks its pages; a page is read again once for all who watch it, at most
// four times a second and never for more than a fifth of the time, and each socket gets the next
// frame of one of its watches, at most four a second. Without watches nothing is read and no
// thread wakes.
//
// Threads: watch(), unwatch(), drop() and changed() take notes on any thread; one thread of ours
// asks the store and sends. Whoever calls watch() has seen to it that the socket may read the
// project, and calls drop() when it may not any more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "api/watched_page.hpp"
#include "core/live.hpp"
#include "net/socket_hub.hpp"

namespace z4j::api {

struct Site;

class Watches {
 public:
  static constexpr std::size_t kMostOfSocket = 8, kMostOfUser = 100, kMostPages = 512;
  static constexpr std::size_t kMostBytes = 64u << 20;  // of rows kept
  static constexpr std::int64_t kFrameEveryMs = 250, kCountEveryMs = 2'000, kKeptMs = 60'000;

  explicit Watches(Site& site);
  ~Watches();  // stop()
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;

  void start(net::SocketSender& sender);
  // As start(), without its thread: for tests, which call work().
  void use(net::SocketSender& sender);
  void stop();

  // A `watch` or `unwatch` message of a socket that may read that project.
  void message(net::SocketId socket, const base::Uuid& user, const base::Uuid& project,
               std::string_view text);
  void drop(net::SocketId socket);
  // What Live tells goes to us when it is one of our subscribers.
  [[nodiscard]] static bool is_subscriber(core::Live::Subscriber id) noexcept;
  void changed(core::Live::Subscriber id);

  // One round of what the thread does. When the next is due, in steady milliseconds; nothing: when
  // something comes. For tests; else only the thread calls it.
  std::optional<std::int64_t> work();

 private:
  struct Page {
    explicit Page(WatchedQuery query) : rows(std::move(query)) {}
    WatchedPage rows;
    std::size_t watches = 0;
    bool is_dirty = true, is_count_dirty = true;
    std::int64_t read_due_ms = 0, count_due_ms = 0;
    std::int64_t left_ms = 0;  // when its last watch ended
  };
  using PageKey = std::pair<base::Uuid, std::string>;
  struct Watch {
    std::string id, id_json;
    Page* page = nullptr;
    WatchedPage::Place place;
    std::string after;  // a cursor to go on from, until the page was read
  };
  struct Socket {
    base::Uuid user, project;
    std::vector<Watch> watches;
    std::size_t turn = 0;  // which watch is next
    std::int64_t frame_due_ms = 0;
    std::int64_t paid_until_ms = 0;  // of new watches: see kWatchCostMs
  };
  struct Note {
    net::SocketId socket;
    base::Uuid user, project;
    std::string text;
    bool is_drop = false;
  };
  struct Project {
    core::Live::Subscriber subscriber;
    std::size_t pages = 0;
  };

  void run();
  void take(const Note& note, std::int64_t now_ms);
  void add(net::SocketId id, Socket& socket, const base::json::Object& said, std::int64_t now_ms);
  // Which page; the error says why not (reason: of `refused`).
  [[nodiscard]] base::Result<Page*> page_for(const Socket& socket, std::string_view query);
  [[nodiscard]] bool has_room();
  void end_watch(Socket& socket, std::size_t place, std::int64_t now_ms);
  void forget(std::map<PageKey, std::unique_ptr<Page>>::iterator page);
  void refuse(net::SocketId socket, std::string_view id, std::string_view reason,
              std::string_view message);
  void refuse_all(const Page& page, const base::Error& why, std::int64_t now_ms);
  void read(Page& page);
  void count(Page& page);
  void send_due(std::int64_t now_ms, std::optional<std::int64_t>& next_ms);

  Site& site_;
  core::Tasks tasks_;  // with less patience than people have

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Note> notes_;                        // guarded by mutex_, as are those below
  std::map<net::SocketId, std::size_t> waiting_;  // notes of a socket
  std::set<core::Live::Subscriber> changed_;
  net::SocketSender* sender_ = nullptr;
  bool is_stopping_ = false;
  std::thread thread_;

  // work()'s own.
  std::map<PageKey, std::unique_ptr<Page>> pages_;
  std::map<net::SocketId, Socket> sockets_;
  std::map<base::Uuid, Project> projects_;
  std::map<core::Live::Subscriber, base::Uuid> subscribers_;
  core::Live::Subscriber next_subscriber_;
};

}  // namespace z4j::api
