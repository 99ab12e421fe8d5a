#include "agent/doctor.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "agent/engines.hpp"
#include "agent/greeting.hpp"
#include "agent/link.hpp"
#include "net/http_client.hpp"

namespace z4j::agent {
namespace {

namespace json = base::json;
using Verdict = DoctorStep::Verdict;

constexpr auto kAnswerTime = std::chrono::seconds(50);  // of name to signature
constexpr auto kBrokerTime = std::chrono::seconds(12);
constexpr auto kLook = std::chrono::milliseconds(100);
constexpr base::TimeUs kMostSkew = 60 * base::kSecondUs;  // what frames may be off

constexpr const char* kDialSteps[] = {"dns", "tcp", "proxy", "tls", "upgrade"};
constexpr const char* kClockHint =
    "let NTP set the clock: frames off by more than 60 s are refused";

std::string seconds_of(base::TimeUs skew) { return std::to_string(skew / base::kSecondUs) + " s"; }

// "Thu, 26 Nov 2026 16:22:00 GMT", as HTTP writes it; 0 when it is none.
base::TimeUs http_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || text.substr(26) != "GMT") return 0;
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return 0;
  const std::string number = std::to_string(month / 3 + 101).substr(1);
  const auto time = base::parse_time(std::string(text.substr(12, 4)) + "-" + number + "-" +
                                     std::string(text.substr(5, 2)) + "T" +
                                     std::string(text.substr(17, 8)) + "Z");
  return time ? *time : 0;
}

// One conversation up to the first thing that was stored, seen from a waiting thread.
class Call {
 public:
  Call(const Settings& settings, const wire::Hello& hello, bool with_websocket,
       const std::string& version, const base::Clock& clock) {
    Link::Options options;
    options.target = settings.target;
    options.token = settings.token;
    options.key = settings.key;
    options.hello = hello;
    options.agent_id = settings.id;
    options.project = settings.project;
    options.user_agent = "z4j-agent/" + version + " doctor";
    Link::Callbacks told;
    told.opened = [this](Opened opened) { set(opened_, std::move(opened)); };
    told.frame = [this](const wire::Frame& frame) {
      if (frame.type == wire::FrameType::event_batch_ack) set(stored_, true);
    };
    told.stored = [this](const std::vector<std::string>&) { set(stored_, true); };
    told.ended = [this](LinkEnd end) { set(end_, std::move(end)); };
    link_ = with_websocket ? open_socket_link(std::move(options), std::move(told), clock)
                           : open_poll_link(std::move(options), std::move(told), clock);
  }

  [[nodiscard]] std::optional<Opened> wait_open() { return wait(opened_); }
  // One signed frame without events: acknowledged like any other.
  [[nodiscard]] bool wait_stored() {
    (void)link_->send(wire::FrameType::event_batch, wire::frame_id("ev_", 32),
                      json::Object{{"events", json::Array()}});
    return wait(stored_).has_value();
  }
  [[nodiscard]] LinkEnd end() {
    const std::lock_guard lock(mutex_);
    if (end_) return *end_;
    LinkEnd silent;
    silent.step = opened_ ? net::DialStep::open : net::DialStep::upgrade;
    silent.cause = "no answer";
    return silent;
  }
  void hang_up() { link_->close(1000, "done"); }

 private:
  template <class T>
  void set(std::optional<T>& member, T value) {
    const std::lock_guard lock(mutex_);
    member = std::move(value);
    changed_.notify_all();
  }
  template <class T>
  std::optional<T> wait(const std::optional<T>& member) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until_, [&] { return member.has_value() || end_.has_value(); });
    return member;
  }

  const std::chrono::steady_clock::time_point until_ =
      std::chrono::steady_clock::now() + kAnswerTime;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Opened> opened_;  // guarded by mutex_, as are the two below
  std::optional<bool> stored_;
  std::optional<LinkEnd> end_;
  std::unique_ptr<Link> link_;  // last: its threads end first
};

class Examination {
 public:
  Examination(const Loaded& loaded, const Surroundings& around, DoctorWay way,
              const base::Clock& clock)
      : settings_(loaded.settings), loaded_(loaded), around_(around), clock_(clock) {
    with_websocket_ =
        way == DoctorWay::as_configured && settings_.transport == Transport::websocket;
  }

  DoctorReport run() {
    add("config", Verdict::good,
        "brain " + settings_.brain_url + ", project " + settings_.project + ", transport " +
            (with_websocket_ ? "ws" : "longpoll"));
    make_engines();
    look_at_clock();
    look_at_brain();
    look_at_brokers();
    sort();
    return std::move(report_);
  }

 private:
  void add(const char* name, Verdict verdict, std::string detail, std::string hint = {}) {
    report_.steps.push_back({name, verdict, std::move(detail), std::move(hint)});
  }

  void make_engines() {
    Engines::Options options = engine_options(loaded_, around_);
    options.emit = [](const z4j_event_batch&) {};
    options.dropped = [](const std::string&, std::uint64_t) {};
    engines_ = std::make_unique<Engines>(std::move(options), clock_, base::Log::quiet());
    found_ = engines_->find();
    if (found_) engines_->start();
  }

  // By what an HTTP answer says the time is; the handshake's own time is used when there is one.
  void look_at_clock() {
    net::HttpClient client(settings_.target, std::size_t{1} << 20);
    net::HttpQuestion question;
    question.path = "/api/v1/health";
    question.headers = {{"User-Agent", "z4j-agent/" + around_.version + " doctor"}};
    const base::TimeUs before = clock_.now();
    const auto answer = client.ask(question);
    const auto* told = std::get_if<net::HttpAnswer>(&answer);
    const base::TimeUs theirs = told != nullptr ? http_date(told->header("date")) : 0;
    if (theirs != 0) skew_ = theirs + base::kSecondUs / 2 - (before + clock_.now()) / 2;
  }

  wire::Hello hello() {
    // The brain keeps what the last process of an agent said: say what the agent itself would.
    const auto until = std::chrono::steady_clock::now() + kBrokerTime;
    while (found_ && !engines_->were_tried() && std::chrono::steady_clock::now() < until) wait();
    Speaker speaker;
    speaker.name = settings_.name;
    speaker.role = "other";
    speaker.version = around_.version;
    speaker.worker_id = new_worker_id("doctor", clock_.now());
    speaker.started_at = clock_.now();
    return greeting(speaker, engines_->facts());
  }

  void look_at_brain() {
    Call call(settings_, hello(), with_websocket_, around_.version, clock_);
    const auto opened = call.wait_open();
    if (!opened) return tell_no_connection(call.end());
    pass_dial_steps(net::DialStep::open);
    add("token", Verdict::good,
        "the brain knows it: agent " + opened->ids.agent_id +
            (opened->brain_version.empty() ? "" : ", brain " + opened->brain_version));
    if (opened->brain_clock != 0) skew_ = opened->brain_clock - clock_.now();
    const bool is_clock_good = tell_clock();
    if (call.wait_stored())
      add("signature", Verdict::good, "a signed frame was accepted, and its answer is signed well");
    else
      add("signature", is_clock_good ? Verdict::failed : Verdict::skipped, call.end().cause,
          "Z4J_HMAC_SECRET must be the one shown with the token");
    call.hang_up();
  }

  void pass_dial_steps(net::DialStep up_to) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(up_to) && i < std::size(kDialSteps); ++i) {
      const bool is_needless = (i == 2 && !settings_.target.proxy) ||
                               (i == 3 && !settings_.target.url.is_tls) ||
                               (i == 4 && !with_websocket_);
      const char* why = i == 2 ? "no proxy is configured" : i == 3 ? "plain text" : "not asked for";
      add(kDialSteps[i], is_needless ? Verdict::skipped : Verdict::good,
          is_needless ? why
          : i == 0    ? settings_.target.url.host
                      : "");
    }
  }

  void tell_no_connection(const LinkEnd& end) {
    const bool is_token =
        end.http_status == 401 || end.http_status == 403 || end.kind == FailureClass::auth;
    const bool is_late = end.step == net::DialStep::open || is_token;
    pass_dial_steps(is_late ? net::DialStep::open : end.step);
    if (is_token)
      add("token", Verdict::failed, end.cause,
          "mint a new token, or rotate this agent's, and set Z4J_TOKEN and Z4J_HMAC_SECRET");
    else if (is_late)
      add("token", Verdict::failed, end.cause, "see the brain's log");
    else
      add(kDialSteps[static_cast<std::size_t>(end.step)], Verdict::failed, end.cause,
          hint_of(end.step));
    (void)tell_clock();
    for (const char* name : {"tls", "upgrade", "token", "signature"}) {
      if (!has(name)) add(name, Verdict::skipped, "not reached");
    }
  }

  [[nodiscard]] const char* hint_of(net::DialStep step) const {
    switch (step) {
      case net::DialStep::resolve:
        return "correct the host in Z4J_BRAIN_URL, or this machine's DNS";
      case net::DialStep::connect:
        return "is the brain running there, is the port right, does a firewall let this host out?";
      case net::DialStep::proxy:
        return "correct HTTPS_PROXY, or except the brain by NO_PROXY";
      case net::DialStep::tls:
        return "name the authority's file in Z4J_CA_FILE, or use the host name of the certificate";
      case net::DialStep::upgrade:
      case net::DialStep::open:
        break;
    }
    return "let the proxy pass Upgrade and Connection on, or use Z4J_TRANSPORT=longpoll";
  }

  bool tell_clock() {
    if (!skew_) {
      add("clock", Verdict::skipped, "nobody told the time");
      return true;
    }
    const bool is_good = *skew_<kMostSkew&& * skew_> - kMostSkew;
    add("clock", is_good ? Verdict::good : Verdict::failed,
        "the brain's is " + seconds_of(*skew_) + " ahead of ours", is_good ? "" : kClockHint);
    return is_good;
  }

  void look_at_brokers() {
    if (engines_->facts().empty() && found_)
      return add("broker", Verdict::failed, "no engine is configured", std::string(kNoEngineHint));
    if (!found_)
      return add("broker", Verdict::failed, found_.error().text(), "correct the plugin's settings");
    const auto until = std::chrono::steady_clock::now() + kBrokerTime;
    const auto waits = [&] {
      const auto told = engines_->health();
      return std::any_of(told.begin(), told.end(),
                         [](const wire::EngineHealth& e) { return !*e.is_connected; });
    };
    while (waits() && std::chrono::steady_clock::now() < until) wait();
    const auto told = engines_->health();
    std::string good, bad;
    for (const Engines::Fact& fact : engines_->facts()) {
      const bool answers = std::any_of(told.begin(), told.end(), [&](const wire::EngineHealth& e) {
        return e.engine == fact.engine && *e.is_connected;
      });
      if (fact.is_started && answers)
        good += (good.empty() ? "" : ", ") + fact.engine;
      else
        bad += (bad.empty() ? "" : "; ") + fact.engine + ": " +
               (fact.why.empty() ? "no answer" : fact.why);
    }
    engines_->stop();
    if (bad.empty())
      add("broker", Verdict::good, good + " answers");
    else
      add("broker", Verdict::failed, bad, "is the broker up, and its URL the one workers use?");
  }

  void wait() {
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, kLook);
  }

  [[nodiscard]] bool has(std::string_view name) const {
    return std::any_of(report_.steps.begin(), report_.steps.end(),
                       [&](const DoctorStep& step) { return step.name == name; });
  }

  // In the order of the way to the brain, whatever was looked at first.
  void sort() {
    constexpr std::string_view kOrder[] = {"config",  "dns",   "tcp",   "proxy",     "tls",
                                           "upgrade", "token", "clock", "signature", "broker"};
    const auto place = [&](const DoctorStep& step) {
      return std::find(std::begin(kOrder), std::end(kOrder), step.name);
    };
    std::stable_sort(report_.steps.begin(), report_.steps.end(),
                     [&](const DoctorStep& a, const DoctorStep& b) { return place(a) < place(b); });
  }

  const Settings& settings_;
  const Loaded& loaded_;
  const Surroundings& around_;
  const base::Clock& clock_;
  bool with_websocket_ = true;
  DoctorReport report_;
  std::unique_ptr<Engines> engines_;
  base::Status found_;
  std::optional<base::TimeUs> skew_;
  std::mutex mutex_;
  std::condition_variable idle_;
};

const char* word_of(Verdict verdict) {
  return verdict == Verdict::good ? "ok" : verdict == Verdict::failed ? "failed" : "skipped";
}

}  // namespace

const DoctorStep* DoctorReport::first_failure() const {
  const auto found = std::find_if(steps.begin(), steps.end(), [](const DoctorStep& step) {
    return step.verdict == Verdict::failed;
  });
  return found != steps.end() ? &*found : nullptr;
}

DoctorReport examine(const Loaded& loaded, const Surroundings& around, DoctorWay way,
                     const base::Clock& clock) {
  return Examination(loaded, around, way, clock).run();
}

std::string text_of(const DoctorReport& report) {
  std::string out;
  for (const DoctorStep& step : report.steps) {
    std::string line = "[z4j] " + step.name;
    line.resize(std::max<std::size_t>(line.size(), 17), ' ');
    line += std::string(word_of(step.verdict));
    if (!step.detail.empty()) line += ": " + step.detail;
    if (step.verdict == Verdict::failed && !step.hint.empty()) line += " (" + step.hint + ")";
    out += line + "\n";
  }
  const DoctorStep* first = report.first_failure();
  out +=
      first == nullptr ? "[z4j] all is well\n" : "[z4j] the first failure: " + first->name + "\n";
  return out;
}

json::Object json_of(const DoctorReport& report) {
  json::Array steps;
  for (const DoctorStep& step : report.steps)
    steps.emplace_back(json::Object{
        {"name", step.name},
        {"result", word_of(step.verdict)},
        {"detail", json::text_or_null(step.detail)},
        {"hint", step.verdict == Verdict::failed ? json::text_or_null(step.hint) : json::Value()}});
  const DoctorStep* first = report.first_failure();
  return {{"ok", first == nullptr},
          {"first_failure", first != nullptr ? json::Value(first->name) : json::Value()},
          {"steps", std::move(steps)}};
}

}  // namespace z4j::agent
