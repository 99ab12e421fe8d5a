#include "plugin/storage_client.hpp"

#include <future>
#include <utility>

#include "plugin/crossing.hpp"

namespace z4j::plugin {
namespace {

constexpr std::size_t kMaxSinkBytes = 8u << 20;
constexpr z4j_status kThrown = -1;  // never crosses: the call let an exception out

base::Error driver_stopped() {
  return host_error(base::Code::unavailable, "the storage driver is not running",
                    "see its instance on the plugins page");
}

base::Error driver_threw(std::string what, base::Code code) {
  return host_error(code, std::move(what), "the instance was disabled; restart it");
}

// In the registry exactly until it is closed.
void close_session(Instance& instance, z4j_session* session) {
  {
    const std::lock_guard lock(instance.sessions_mutex);
    if (instance.sessions_open.erase(session) == 0) return;
  }
  instance.call("session_close", 0, [&] { instance.storage->session_close(session); });
}

// Holds what a commit points to. When the driver answers after the time-out, the session it blocked
// is closed, on the strand: the answer may come from anywhere inside the driver.
struct Held {
  Held(Instance& i, z4j_session* s, std::shared_ptr<void> k)
      : instance(i), session(s), keep(std::move(k)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (!poisoned || session == nullptr) return;
    instance.post_serial("session_close", 30'000, [i = &instance, s = session] {
      if (const auto pass = i->sessions.enter()) close_session(*i, s);
    });
  }
  Instance& instance;
  z4j_session* const session;
  std::shared_ptr<void> keep;
  std::atomic<bool> poisoned{false};
};

struct Outcome {
  base::Result<std::string> result;
  OpTable::How how;
};

// Makes one call that takes an op and waits for its answer. Inside the sessions gate.
template <class F>
Outcome call_with_op(Instance& instance, const char* function, int deadline_ms,
                     const std::shared_ptr<Held>& held, F&& f) {
  auto promise = std::make_shared<std::promise<Outcome>>();
  std::future<Outcome> answered = promise->get_future();
  const base::Error expired =
      host_error(base::Code::unknown,
                 std::string(function) + "() was not answered within " +
                     std::to_string(deadline_ms) + " ms: it may have happened",
                 "look before trying again");
  auto op = instance.ops().open(
      &instance, deadline_ms, expired,
      [promise, held](base::Result<std::string> result, OpTable::How how, z4j_op) {
        // Before the waiting caller learns of it.
        if (how != OpTable::How::answered) held->poisoned = true;
        promise->set_value(Outcome{std::move(result), how});
      },
      held);
  if (!op) return Outcome{std::move(op).error(), OpTable::How::answered};
  if (!instance.ops().begin(*op, expired)) return answered.get();
  z4j_error error = blank_error();
  z4j_status status = kThrown;
  std::string what;
  instance.call(
      function, *op, [&] { status = f(*op, &error); }, &what);
  if (status == Z4J_PENDING) {
    Outcome outcome = answered.get();  // the op table answers at the deadline at the latest
    if (outcome.how == OpTable::How::expired) instance.hint_cancel(*op);
    return outcome;
  }
  base::Result<std::string> result = std::string();
  if (status == kThrown)
    result = driver_threw(std::move(what), base::Code::unknown);
  else if (status != Z4J_OK)
    result = error_from(status, &error);
  // Returned, so nothing is owed, even if it took longer than the deadline.
  const OpTable::Verdict verdict = instance.ops().complete(&instance, *op, result);
  if (verdict == OpTable::Verdict::again && status != kThrown) {
    instance.fault(std::string(function) + "() answered its operation and then returned a code",
                   Fault::counted);
  }
  if (!result) instance.count_error();
  held->poisoned = false;
  return Outcome{std::move(result), OpTable::How::answered};
}

class PluginSession final : public StorageClient::Session {
 public:
  PluginSession(Instance& instance, z4j_session* session)
      : instance_(instance), session_(session) {}
  PluginSession(const PluginSession&) = delete;
  PluginSession& operator=(const PluginSession&) = delete;
  ~PluginSession() override {
    if (poisoned_) return;  // the driver may still use it; see Held
    if (const auto pass = instance_.sessions.enter()) close_session(instance_, session_);
  }

  base::Status commit(z4j_commit& commit, int deadline_ms, std::shared_ptr<void> keep) override {
    return finish("commit", deadline_ms, std::move(keep), [&](z4j_op op, z4j_error* error) {
      return instance_.storage->commit(session_, op, &commit, error);
    });
  }

  base::Status backup(const std::string& target, int deadline_ms) override {
    if (!Z4J_HAS(instance_.storage, z4j_storage, backup)) {
      return host_error(base::Code::unsupported, "this storage driver makes no native copy");
    }
    const auto text = std::make_shared<std::string>(target);
    return finish("backup", deadline_ms, text, [&](z4j_op op, z4j_error* error) {
      return instance_.storage->backup(session_, op, lend(*text), error);
    });
  }

  base::Status read(const z4j_query& query, std::uint32_t batch_rows,
                    const std::function<bool(const z4j_rows&)>& rows) override {
    const Use use(*this);
    if (!use) return use.why();
    z4j_error error = blank_error();
    z4j_cursor* cursor = nullptr;
    const z4j_storage& driver = *instance_.storage;
    std::string what;
    z4j_status status = kThrown;
    instance_.call(
        "read_open", 0, [&] { status = driver.read_open(session_, &query, &cursor, &error); },
        &what);
    if (status != Z4J_OK) return failed(status, error, std::move(what));
    if (cursor == nullptr) {
      return host_error(base::Code::internal, "read_open() answered ok without a cursor");
    }
    struct Closing {
      Instance& instance;
      z4j_cursor* cursor;
      ~Closing() {
        instance.call("read_close", 0, [&] { instance.storage->read_close(cursor); });
      }
    } closing{instance_, cursor};
    for (;;) {
      const z4j_rows* page = nullptr;
      status = kThrown;
      instance_.call(
          "read_next", 0, [&] { status = driver.read_next(cursor, batch_rows, &page, &error); },
          &what);
      if (status == Z4J_END) return {};
      if (status != Z4J_OK) return failed(status, error, std::move(what));
      if (!Z4J_REACHES(page, z4j_rows, bytes) || (page->col_count > 0 && page->cols == nullptr)) {
        instance_.fault("read_next() answered ok without rows", Fault::counted);
        return host_error(base::Code::internal, "read_next() answered ok without rows");
      }
      if (!rows(*page)) return {};
    }
  }

  base::Result<std::string> stats() override {
    if (!Z4J_HAS(instance_.storage, z4j_storage, stats)) {
      return host_error(base::Code::unsupported, "this storage driver gives no figures");
    }
    return collect("stats", [&](const z4j_sink* sink, z4j_error* error) {
      return instance_.storage->stats(session_, sink, error);
    });
  }

  base::Result<std::string> explain(const z4j_query& query) override {
    if (!Z4J_HAS(instance_.storage, z4j_storage, explain)) {
      return host_error(base::Code::unsupported, "this storage driver does not explain");
    }
    return collect("explain", [&](const z4j_sink* sink, z4j_error* error) {
      return instance_.storage->explain(session_, &query, sink, error);
    });
  }

 private:
  // One call at a time, into a driver that runs.
  class Use {
   public:
    explicit Use(PluginSession& session)
        : session_(session), pass_(session.instance_.sessions.enter()) {
      if (session.poisoned_) {
        why_ = host_error(base::Code::unavailable,
                          "an earlier call on this storage session was not answered in time",
                          "open a new session");
      } else if (!pass_ || session.instance_.state() != State::started) {
        why_ = driver_stopped();
      } else if (session.in_use_.exchange(true)) {
        why_ = host_error(base::Code::bad_state, "the storage session is in use",
                          "use one session per lane");
      } else {
        mine_ = true;
      }
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      if (mine_) session_.in_use_ = false;
    }
    explicit operator bool() const { return mine_; }
    [[nodiscard]] const base::Error& why() const { return why_; }

   private:
    PluginSession& session_;
    const Gate::Pass pass_;
    base::Error why_;
    bool mine_ = false;
  };

  base::Error failed(z4j_status status, const z4j_error& error, std::string what) {
    if (status == kThrown) return driver_threw(std::move(what), base::Code::internal);
    instance_.count_error();
    return error_from(status, &error);
  }

  template <class F>
  base::Status finish(const char* function, int deadline_ms, std::shared_ptr<void> keep, F&& f) {
    const Use use(*this);
    if (!use) return use.why();
    const auto held = std::make_shared<Held>(instance_, session_, std::move(keep));
    Outcome outcome = call_with_op(instance_, function, deadline_ms, held, std::forward<F>(f));
    if (outcome.how != OpTable::How::answered) {
      poisoned_ = true;
      const std::lock_guard lock(instance_.sessions_mutex);
      const auto at = instance_.sessions_open.find(session_);
      if (at != instance_.sessions_open.end()) at->second = true;
    }
    if (outcome.result) return {};
    return outcome.result.error();
  }

  template <class F>
  base::Result<std::string> collect(const char* function, F&& f) {
    const Use use(*this);
    if (!use) return use.why();
    std::string out;
    const z4j_sink sink{sizeof(z4j_sink), 0, &out, [](void* ctx, z4j_str bytes) -> z4j_status {
                          auto& text = *static_cast<std::string*>(ctx);
                          if (bytes.len > kMaxSinkBytes - text.size()) return Z4J_TOO_LARGE;
                          try {
                            text.append(text_of(bytes));
                          } catch (...) {
                            return Z4J_NO_MEMORY;
                          }
                          return Z4J_OK;
                        }};
    z4j_error error = blank_error();
    z4j_status status = kThrown;
    std::string what;
    instance_.call(
        function, 0, [&] { status = f(&sink, &error); }, &what);
    if (status != Z4J_OK) return failed(status, error, std::move(what));
    return out;
  }

  Instance& instance_;
  z4j_session* const session_;
  std::atomic<bool> in_use_{false}, poisoned_{false};
};

class PluginStorage final : public StorageClient {
 public:
  explicit PluginStorage(Instance& instance) : instance_(instance) {}

  z4j_store_info info() override {
    z4j_store_info info{};
    info.struct_size = sizeof info;
    const auto pass = instance_.sessions.enter();
    if (pass && instance_.state() == State::started) {
      instance_.call("info", 0, [&] { instance_.storage->info(instance_.raw, &info); });
    }
    return info;
  }

  base::Result<std::string> migrate(const z4j_schema& schema, bool dry_run,
                                    int deadline_ms) override {
    const auto pass = instance_.sessions.enter();
    if (!pass || instance_.state() != State::started) return driver_stopped();
    const auto held = std::make_shared<Held>(instance_, nullptr, nullptr);
    return call_with_op(instance_, "migrate", deadline_ms, held,
                        [&](z4j_op op, z4j_error* error) {
                          return instance_.storage->migrate(instance_.raw, op, &schema,
                                                            dry_run ? 1 : 0, error);
                        })
        .result;
  }

  base::Result<std::unique_ptr<Session>> open(std::uint32_t flags) override {
    const auto pass = instance_.sessions.enter();
    if (!pass || instance_.state() != State::started) return driver_stopped();
    z4j_session* session = nullptr;
    z4j_error error = blank_error();
    z4j_status status = kThrown;
    std::string what;
    instance_.call(
        "session_open", 0,
        [&] { status = instance_.storage->session_open(instance_.raw, flags, &session, &error); },
        &what);
    if (status == kThrown) return driver_threw(std::move(what), base::Code::internal);
    if (status != Z4J_OK) {
      instance_.count_error();
      return error_from(status, &error);
    }
    if (session == nullptr) {
      return host_error(base::Code::internal, "session_open() answered ok without a session");
    }
    {
      const std::lock_guard lock(instance_.sessions_mutex);
      instance_.sessions_open[session] = false;
    }
    return std::unique_ptr<Session>(std::make_unique<PluginSession>(instance_, session));
  }

  base::Status listen(const std::vector<std::string>& channels) override {
    const auto pass = instance_.sessions.enter();
    if (!pass || instance_.state() != State::started) return driver_stopped();
    if (!Z4J_HAS(instance_.storage, z4j_storage, listen))
      return host_error(base::Code::unsupported, "this storage driver knows no notices");
    std::vector<z4j_str> lent;
    for (const std::string& channel : channels) lent.push_back(lend(channel));
    z4j_error error = blank_error();
    z4j_status status = kThrown;
    std::string what;
    instance_.call(
        "listen", 0,
        [&] {
          status = instance_.storage->listen(instance_.raw, lent.data(),
                                             static_cast<std::uint32_t>(lent.size()), &error);
        },
        &what);
    if (status == kThrown) return driver_threw(std::move(what), base::Code::internal);
    if (status == Z4J_OK) return {};
    instance_.count_error();
    return error_from(status, &error);
  }

 private:
  Instance& instance_;
};

}  // namespace

std::shared_ptr<StorageClient> make_storage_client(Instance& instance) {
  return std::make_shared<PluginStorage>(instance);
}

void close_sessions(Instance& instance) {
  std::vector<z4j_session*> left;
  {
    const std::lock_guard lock(instance.sessions_mutex);
    for (const auto& [session, poisoned] : instance.sessions_open) {
      if (!poisoned) left.push_back(session);
    }
  }
  for (z4j_session* session : left) close_session(instance, session);
}

}  // namespace z4j::plugin
