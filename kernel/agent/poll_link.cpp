// Long polls: frames go up by POST, commands come down by GET; no handshake, no event_batch_ack.
//
// Two threads, one for each direction, each with a connection of its own. Frames are signed when
// they are posted, and again when they must be posted again: the brain takes no number twice.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "agent/link.hpp"
#include "base/crypto.hpp"
#include "base/json.hpp"
#include "base/uuid.hpp"
#include "net/http_client.hpp"
#include "wire/refusal.hpp"

namespace z4j::agent {
namespace {

namespace json = base::json;

constexpr const char* kUpPath = "/api/v1/agent/events";
constexpr const char* kDownPath = "/api/v1/agent/commands";
constexpr int kPostMs = 15'000, kPollSeconds = 30, kPollSlackMs = 10'000;
constexpr std::size_t kPostFrames = 500, kPostBytes = std::size_t{4} << 20;
constexpr std::size_t kPostRoomFrames = 600, kPostRoomBytes = std::size_t{8} << 20;
constexpr int kMostTries = 20;
constexpr std::int64_t kPostPauseMs = 500, kMostPostPauseMs = 5'000, kMostRetryAfterMs = 30'000;
constexpr std::size_t kMostAnswer = std::size_t{32} << 20;

class PollLink final : public Link {
 public:
  PollLink(Options options, Callbacks callbacks, const base::Clock& clock)
      : options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        clock_(clock),
        nonce_(base::base64url(base::random_bytes(16))),
        up_(options_.target, kMostAnswer),
        down_(options_.target, kMostAnswer) {}

  ~PollLink() override {
    end();
    up_.cancel();
    if (poller_.joinable()) poller_.join();
    if (poster_.joinable()) poster_.join();
  }

  void start() {
    poller_ = std::thread([this] { poll(); });
  }

  bool has_room() const override {
    const std::lock_guard lock(mutex_);
    return queue_.size() < kPostRoomFrames && queued_bytes_ < kPostRoomBytes;
  }

  bool send(wire::FrameType type, const std::string& id, const json::Object& payload) override {
    Waiting frame{type, id, payload, json::write(payload).size() + kEnvelopeBytes};
    if (frame.bytes > wire::kMaxFrameBytes) return false;
    const std::lock_guard lock(mutex_);
    if (is_over_ || is_closing_) return false;
    queued_bytes_ += frame.bytes;
    queue_.push_back(std::move(frame));
    changed_.notify_all();
    return true;
  }

  void close(std::uint16_t, std::string_view) override {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    changed_.notify_all();
    down_.cancel();
  }

 private:
  static constexpr std::size_t kEnvelopeBytes = 400;
  struct Waiting {
    wire::FrameType type;
    std::string id;
    json::Object payload;
    std::size_t bytes;
  };

  [[nodiscard]] net::HeaderList headers() const {
    net::HeaderList out{{"Authorization", "Bearer " + options_.token},
                        {"User-Agent", options_.user_agent},
                        {"X-Z4J-Session-Nonce", nonce_}};
    std::string features, contracts;
    for (const std::string& each : options_.hello.runtime_features)
      features += (features.empty() ? "" : ",") + each;
    for (const std::string& each : options_.hello.engines)
      contracts += (contracts.empty() ? "" : ",") + each + "=1";
    out.emplace_back("X-Z4J-Runtime-Features", features);
    out.emplace_back("X-Z4J-Retry-Contracts", contracts);
    return out;
  }

  // --- down -------------------------------------------------------------------------------------

  [[nodiscard]] std::variant<net::HttpAnswer, net::ClientFailure> get(int wait_s, int frames) {
    net::HttpQuestion question;
    question.path = std::string(kDownPath) + "?wait=" + std::to_string(wait_s) +
                    "&max_frames=" + std::to_string(frames);
    question.headers = headers();
    question.timeout_ms = wait_s * 1000 + kPollSlackMs;
    return down_.ask(question);
  }

  void poll() {
    auto answer = get(0, 0);  // claims nothing
    if (const auto* first = std::get_if<net::HttpAnswer>(&answer); first && first->status == 422)
      answer = get(0, 1);  // a brain before 1.7.1 knows no such question
    if (!open(answer)) return;
    poster_ = std::thread([this] { post(); });
    int failures = 0;
    for (;;) {
      if (const auto* good = std::get_if<net::HttpAnswer>(&answer); good && good->status == 200) {
        failures = 0;
        if (!take(good->body)) return;
      }
      {
        std::unique_lock lock(mutex_);
        if (failures > 0)
          changed_.wait_for(lock, std::chrono::milliseconds(kPostPauseMs),
                            [this] { return is_over_ || is_closing_; });
        if (is_over_ || is_closing_) return;
      }
      answer = get(kPollSeconds, 50);
      if (must_end(answer, ++failures)) return;
    }
  }

  // The first answer: who we are. False: the link is over.
  bool open(const std::variant<net::HttpAnswer, net::ClientFailure>& answer) {
    if (must_end(answer, kMostTries)) return false;
    const auto& first = std::get<net::HttpAnswer>(answer);
    Opened opened;
    opened.ids.agent_id = std::string(first.header("x-z4j-agent-id"));
    opened.ids.project_id = std::string(first.header("x-z4j-project-id"));
    opened.ids.session_id = nonce_;
    if (opened.ids.agent_id.empty()) opened.ids.agent_id = options_.agent_id;
    if (opened.ids.project_id.empty() && base::Uuid::parse(options_.project))
      opened.ids.project_id = options_.project;
    if (opened.ids.agent_id.empty() || opened.ids.project_id.empty()) {
      finish(FailureClass::protocol,
             "the brain does not tell the ids that frames are signed with: set Z4J_AGENT_ID and "
             "Z4J_PROJECT_ID to the UUIDs, or use transport ws");
      return false;
    }
    signer_.emplace(options_.key, opened.ids);
    verifier_.emplace(options_.key, opened.ids);
    callbacks_.opened(std::move(opened));
    return true;
  }

  // False: the link is over.
  bool take(const std::string& body) {
    const auto answer = json::parse(body, {kMostAnswer, 8});
    const json::Array* frames =
        answer && answer->is_object() ? json::array(answer->get_object(), "frames") : nullptr;
    if (frames == nullptr) {
      finish(FailureClass::protocol, "what answers there is no brain");
      return false;
    }
    for (const json::Value& text : *frames) {
      if (!text.is_string()) continue;
      auto frame = verifier_->open(text.get_string(), clock_.now(), clock_.steady_ms());
      if (frame) {
        callbacks_.frame(std::move(frame).value());
        continue;
      }
      if (frame.error().where == wire::kType) continue;  // of a newer brain
      finish(FailureClass::connection,
             "a frame of the brain is not to be trusted: " + frame.error().message);
      return false;
    }
    return true;
  }

  // --- up ---------------------------------------------------------------------------------------

  void post() {
    std::size_t most = kPostFrames;
    int tries = 0;
    for (;;) {
      const std::size_t count = wait_for_frames(most);
      if (count == 0) return;
      net::HttpQuestion question;
      question.method = "POST";
      question.path = kUpPath;
      question.headers = headers();
      question.headers.emplace_back("Content-Type", "application/json");
      question.body = body_of(count);
      question.timeout_ms = kPostMs;
      const auto answer = up_.ask(question);
      const auto* good = std::get_if<net::HttpAnswer>(&answer);
      if (good != nullptr && good->status == 200 && accepted(good->body) == count) {
        settle(count);
        tries = 0;
        most = kPostFrames;
        continue;
      }
      const bool is_refused =
          good != nullptr && (good->status == 413 || good->status == 415 || good->status == 422);
      if (is_refused && count > 1) {
        most = std::max<std::size_t>(1, count / 2);  // looks for the one that is not taken
        continue;
      }
      if (is_refused) {
        settle(count);
        most = kPostFrames;
        continue;
      }
      if (must_end(answer, ++tries)) return;
      if (tries >= kMostTries)
        return finish(FailureClass::connection,
                      "the brain does not take our frames: is Z4J_HMAC_SECRET the one shown with "
                      "the token, and do both clocks agree within 60 s?");
      if (!pause(answer, tries)) return;
    }
  }

  // How many may be posted now; 0: the link is over.
  std::size_t wait_for_frames(std::size_t most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_over_ || is_closing_ || !queue_.empty(); });
    if (is_over_) return 0;
    if (queue_.empty()) {
      lock.unlock();
      finish(FailureClass::connection, "closed by us");
      return 0;
    }
    std::size_t count = 0, bytes = 0;
    while (count < queue_.size() && count < most &&
           (count == 0 || bytes + queue_[count].bytes <= kPostBytes))
      bytes += queue_[count++].bytes;
    return count;
  }

  std::string body_of(std::size_t count) {
    std::vector<Waiting> frames;
    {
      const std::lock_guard lock(mutex_);
      frames.assign(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
    }
    json::Array texts;
    for (const Waiting& frame : frames)
      texts.emplace_back(signer_->sign(frame.type, frame.id, frame.payload, clock_.now()));
    return json::write(json::Object{{"frames", std::move(texts)}});
  }

  static std::size_t accepted(const std::string& body) {
    const auto answer = json::parse(body);
    if (!answer || !answer->is_object()) return 0;
    return static_cast<std::size_t>(
        std::max<std::int64_t>(0, json::integer(answer->get_object(), "accepted")));
  }

  void settle(std::size_t count) {
    std::vector<std::string> stored;
    {
      const std::lock_guard lock(mutex_);
      for (std::size_t i = 0; i < count; ++i) {
        if (queue_.front().type == wire::FrameType::event_batch)
          stored.push_back(queue_.front().id);
        queued_bytes_ -= queue_.front().bytes;
        queue_.pop_front();
      }
    }
    callbacks_.stored(std::move(stored));
  }

  // False: the link is over.
  bool pause(const std::variant<net::HttpAnswer, net::ClientFailure>& answer, int tries) {
    std::int64_t ms = std::min(kMostPostPauseMs, kPostPauseMs << std::min(tries - 1, 4));
    if (const auto* told = std::get_if<net::HttpAnswer>(&answer)) {
      const std::string_view after = told->header("retry-after");
      std::int64_t seconds = 0;
      const auto read = std::from_chars(after.data(), after.data() + after.size(), seconds);
      if (read.ec == std::errc() && seconds > 0)
        ms = std::max(ms, std::min(kMostRetryAfterMs, seconds * 1000));
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(ms), [this] { return is_over_; });
    return !is_over_;
  }

  // --- both -------------------------------------------------------------------------------------

  // Ends the link when the answer leaves nothing to try again.
  bool must_end(const std::variant<net::HttpAnswer, net::ClientFailure>& answer, int tries) {
    net::ClientFailure failure;
    bool is_final = tries >= kMostTries;
    if (const auto* told = std::get_if<net::HttpAnswer>(&answer)) {
      if (told->status == 200) return false;
      failure.step = net::DialStep::upgrade;
      failure.http_status = told->status;
      failure.why = "the answer is HTTP " + std::to_string(told->status);
      is_final = is_final || told->status == 401 || told->status == 403;
    } else {
      failure = std::get<net::ClientFailure>(answer);
    }
    {
      const std::lock_guard lock(mutex_);
      if (is_closing_ && !is_final) return false;
    }
    if (!is_final) return false;
    LinkEnd over = explain(failure, signer_.has_value());
    if (failure.http_status == 403) over.kind = FailureClass::auth;
    finish(std::move(over));
    return true;
  }

  void finish(FailureClass kind, std::string cause) {
    LinkEnd over;
    over.kind = kind;
    over.cause = std::move(cause);
    over.step = net::DialStep::open;
    finish(std::move(over));
  }
  void finish(LinkEnd over) {
    if (end()) callbacks_.ended(std::move(over));
  }
  // True the first time.
  bool end() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_over_, true)) return false;
    changed_.notify_all();
    down_.cancel();
    return true;
  }

  const Options options_;
  const Callbacks callbacks_;
  const base::Clock& clock_;
  const std::string nonce_;
  net::HttpClient up_, down_;
  std::optional<wire::Signer> signer_;      // of the poster, once it runs
  std::optional<wire::Verifier> verifier_;  // of the poller

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Waiting> queue_;  // guarded by mutex_, as is all below
  std::size_t queued_bytes_ = 0;
  bool is_over_ = false, is_closing_ = false;

  std::thread poller_, poster_;
};

}  // namespace

std::unique_ptr<Link> open_poll_link(Link::Options options, Link::Callbacks callbacks,
                                     const base::Clock& clock) {
  auto link = std::make_unique<PollLink>(std::move(options), std::move(callbacks), clock);
  link->start();
  return link;
}

}  // namespace z4j::agent
