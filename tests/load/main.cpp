// z4j-agents: many agents in one process, for loading a brain on this machine. See README.md.
#include <sys/resource.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdio>
#include <deque>
#include <exception>

#include "agent.hpp"

using namespace z4j;
using namespace z4j::load;

namespace {

namespace json = base::json;

constexpr std::chrono::milliseconds kTick{5};
constexpr std::int64_t kConnectMs = 300'000, kDrainMs = 30'000;

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

// Connects all, loads for the time asked, waits for the last acks. Tells when all that were lost at
// once are back.
class Run {
 public:
  Run(const Options& options, asio::io_context& io, asio::ssl::context* tls)
      : options_(options),
        io_(io),
        timer_(io),
        shared_{options_, figures_, clock_,
                io,       tls,      {asio::ip::make_address(options.host), options.port}} {
    for (std::size_t i = 0; i < options.agents; ++i) agents_.emplace_back(shared_, i);
    began_ms_ = clock_.steady_ms();
    tick();
  }

  void stop() { is_stopped_ = true; }
  [[nodiscard]] bool is_good() const { return was_complete_ && unacked() == 0; }

  void print() {
    const auto times = [](const Times& t) {
      return json::Object{{"count", t.count()},
                          {"p50_ms", t.percentile_ms(50)},
                          {"p95_ms", t.percentile_ms(95)},
                          {"p99_ms", t.percentile_ms(99)},
                          {"max_ms", t.percentile_ms(100)}};
    };
    json::Object failures;
    for (const auto& [why, count] : figures_.failures) failures[why] = count;
    const json::Object report{
        {"agents", static_cast<std::int64_t>(options_.agents)},
        {"connected", connected_},
        {"connect_s", connect_s_},
        {"load_s", load_s_},
        {"frames", figures_.frames},
        {"events", figures_.events},
        {"events_per_s", load_s_ > 0 ? static_cast<double>(figures_.events) / load_s_ : 0.0},
        {"acks", figures_.acks},
        {"unacked", unacked()},
        {"foreign_acks", figures_.foreign_acks},
        {"held", figures_.held},
        {"refused_frames", figures_.refused_frames},
        {"losses", figures_.losses},
        {"failures", std::move(failures)},
        {"frame_to_ack", times(figures_.acked)},
        {"frame_to_ack_of_flood", times(figures_.acked_flood)},
        {"client_late", times(figures_.late)},
        {"outages", outages_}};
    if (options_.json) {
      std::puts(json::write(report).c_str());
      return;
    }
    for (const auto& member : report)
      std::printf("%-24s %s\n", member.key_c_str(), json::write(member.value()).c_str());
  }

 private:
  [[nodiscard]] std::int64_t unacked() const {
    std::size_t n = 0;
    for (const Agent& a : agents_) n += a.unacked();
    return static_cast<std::int64_t>(n);
  }

  void tick() {
    const std::int64_t now = clock_.steady_ms();
    // Connections of this tick: the rate asked, and no burst after a pause.
    may_connect_ = std::min(may_connect_ + static_cast<double>(now - ticked_ms_) *
                                               static_cast<double>(options_.connect_rate) / 1000,
                            static_cast<double>(options_.connect_rate) / 10 + 1);
    ticked_ms_ = now;
    std::int64_t connected = 0;
    for (Agent& a : agents_) {
      const bool connects = may_connect_ >= 1 && a.wants_to_connect(now);
      if (connects) may_connect_ -= 1;
      a.tick(now, connects);
      connected += a.is_connected() ? 1 : 0;
    }
    watch(now, connected);
    if (step(now, connected)) {
      for (Agent& a : agents_) a.close();
      return io_.stop();
    }
    timer_.expires_after(kTick);
    timer_.async_wait([this](boost::system::error_code ec) {
      if (ec) return;
      figures_.late.add(std::chrono::duration_cast<std::chrono::microseconds>(
                            std::chrono::steady_clock::now() - timer_.expiry())
                            .count());
      tick();
    });
  }

  // Counts, and the time of an outage that took at least half of them.
  void watch(std::int64_t now, std::int64_t connected) {
    const auto all = static_cast<std::int64_t>(agents_.size());
    if (was_complete_ && lost_ms_ == 0 && connected < all / 2) {
      lost_ms_ = now;
      first_back_ms_ = 0;
    }
    if (lost_ms_ != 0 && connected == 0) first_back_ms_ = 0;
    if (lost_ms_ != 0 && first_back_ms_ == 0 && connected > 0) first_back_ms_ = now;
    if (lost_ms_ != 0 && connected == all) {
      outages_.push_back(
          json::Object{{"lost_to_all_back_s", static_cast<double>(now - lost_ms_) / 1000},
                       {"first_to_all_back_s", static_cast<double>(now - first_back_ms_) / 1000}});
      std::fprintf(stderr, "all %lld back %.1f s after the loss, %.1f s after the first\n",
                   static_cast<long long>(all), static_cast<double>(now - lost_ms_) / 1000,
                   static_cast<double>(now - first_back_ms_) / 1000);
      lost_ms_ = 0;
    }
    connected_ = connected;
    if (now - told_ms_ < 5000) return;
    told_ms_ = now;
    std::fprintf(stderr, "%lld of %lld connected, %llu events, %llu acks, %lld waiting\n",
                 static_cast<long long>(connected), static_cast<long long>(all),
                 static_cast<unsigned long long>(figures_.events),
                 static_cast<unsigned long long>(figures_.acks), static_cast<long long>(unacked()));
  }

  // True at the end.
  bool step(std::int64_t now, std::int64_t connected) {
    if (is_stopped_) return true;
    if (!was_complete_) {
      if (connected == static_cast<std::int64_t>(agents_.size())) {
        was_complete_ = true;
        connect_s_ = static_cast<double>(now - began_ms_) / 1000;
        loaded_ms_ = now;
        for (Agent& a : agents_) a.start_events(now);
        std::fprintf(stderr, "all connected after %.1f s\n", connect_s_);
      }
      return now - began_ms_ > kConnectMs;
    }
    if (now - loaded_ms_ < options_.seconds * std::int64_t{1000}) return false;
    if (drain_ms_ == 0) {
      drain_ms_ = now;
      load_s_ = static_cast<double>(now - loaded_ms_) / 1000;
      for (Agent& a : agents_) a.stop_events();
    }
    return unacked() == 0 || now - drain_ms_ > kDrainMs;
  }

  const Options options_;
  asio::io_context& io_;
  base::SystemClock clock_;
  Figures figures_;
  asio::steady_timer timer_;
  Shared shared_;
  std::deque<Agent> agents_;
  std::int64_t began_ms_ = 0, loaded_ms_ = 0, drain_ms_ = 0, ticked_ms_ = 0, told_ms_ = 0;
  std::int64_t lost_ms_ = 0, first_back_ms_ = 0, connected_ = 0;
  double may_connect_ = 0, connect_s_ = 0, load_s_ = 0;
  json::Array outages_;
  bool was_complete_ = false, is_stopped_ = false;
};

}  // namespace

int main(int count, char** words) {
  const auto options = parse_options(count, words);
  if (!options) {
    std::fprintf(stderr, "%s\n%s", options.error().text().c_str(), usage());
    return 2;
  }
  raise_file_limit();
  try {
    asio::io_context io(1);
    asio::ssl::context tls(asio::ssl::context::tls_client);
    if (!options->ca_file.empty()) {
      tls.load_verify_file(options->ca_file);
      tls.set_verify_mode(asio::ssl::verify_peer);
    }
    Run run(*options, io, options->tls ? &tls : nullptr);
    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&run](boost::system::error_code ec, int) {
      if (!ec) run.stop();
    });
    io.run();
    run.print();
    return run.is_good() ? 0 : 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 3;
  }
}
