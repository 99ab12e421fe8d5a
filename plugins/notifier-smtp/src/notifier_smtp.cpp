// The plugin: mails wait in a line for a few threads, because Poco's sockets block.
#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/NetSSL.h>
#include <unistd.h>
#include <z4j/http_client.hpp>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "src/delivery.hpp"
#include "src/schema.hpp"
#include "src/settings.hpp"

namespace z4j::smtp {
namespace {

constexpr std::size_t kMostThreads = 16, kMostWaiting = 256;

std::string own_name(const Settings& settings) {
  if (!settings.helo_name.empty()) return settings.helo_name;
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  std::string out(name);
  const auto is_foreign = [](char c) {
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '-' || c == '.');
  };
  if (out.empty() || std::any_of(out.begin(), out.end(), is_foreign)) return "localhost";
  return out;
}

Poco::Net::Context::Ptr make_context(const Settings& settings) {
  try {
    Poco::Net::initializeSSL();
    Poco::Net::Context::Ptr context = new Poco::Net::Context(
        Poco::Net::Context::TLS_CLIENT_USE, settings.ca_file, Poco::Net::Context::VERIFY_STRICT, 9,
        true, "ALL:!ADH:!LOW:!EXP:!MD5:@STRENGTH");
    context->requireMinimumProtocol(Poco::Net::Context::PROTO_TLSV1_2);
    return context;
  } catch (const Poco::Exception& e) {
    throw Error(Z4J_BAD_CONFIG,
                "cannot read TLS authorities " + settings.ca_file + ": " + e.displayText(),
                "/ca_file");
  }
}

std::string message_id(std::string_view id, const std::string& from) {
  std::string out;
  for (const char c : id.substr(0, 100)) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-')
      out += c;
  }
  return (out.empty() ? "z4j" : out) + from.substr(from.find('@'));
}

}  // namespace

class NotifierSmtp {
 public:
  NotifierSmtp(Host host, std::string_view settings_json)
      : host_(host), settings_(read_settings(settings_json)) {}
  ~NotifierSmtp() { end(); }
  NotifierSmtp(const NotifierSmtp&) = delete;
  NotifierSmtp& operator=(const NotifierSmtp&) = delete;

  void start() {
    around_.tls = make_context(settings_);
    around_.helo_name = own_name(settings_);
    around_.addresses = [host = host_](const std::string& name, std::uint16_t port,
                                       std::uint32_t deadline_ms) {
      return addresses(host, name, port, deadline_ms);
    };
    limits_ = std::make_unique<TimeLimits>();
  }
  void stop(std::uint32_t) { end(); }

  void send(Op& op, const z4j_notification& n) {
    Job job{Op(nullptr, 0), read_relay(settings_, view(n.target_json)), {}, {}, n.is_test != 0};
    job.mail.from = job.relay.from;
    job.mail.to = job.relay.to;
    job.mail.subject = view(n.title);
    job.mail.text = view(n.body_text);
    if (const std::string_view url = view(n.url);
        !url.empty() && job.mail.text.find(url) == std::string::npos)
      job.mail.text += "\n\n" + std::string(url);
    job.mail.message_id = message_id(view(n.id), job.mail.from);
    job.mail.date_s = static_cast<std::int64_t>(::time(nullptr));
    job.until = std::chrono::steady_clock::now() +
                std::chrono::milliseconds(std::max<std::int64_t>(op.remaining_ms() - 200, 1));
    const std::lock_guard lock(mutex_);
    if (!limits_ || is_stopping_) throw Error(Z4J_BAD_STATE, "the instance is not started");
    if (jobs_.size() >= kMostWaiting) throw Error(Z4J_BUSY, "too many mails wait", {}, 5000);
    job.op = std::move(op);
    jobs_.push_back(std::move(job));
    if (idle_ < jobs_.size() && threads_.size() < kMostThreads)
      threads_.emplace_back([this] { run(); });
    wake_.notify_one();
  }

 private:
  struct Job {
    Op op;
    Relay relay;
    Mail mail;
    TimeLimits::Time until;
    bool is_test;
  };

  void run() {
    std::unique_lock lock(mutex_);
    while (!is_stopping_) {
      if (jobs_.empty()) {
        ++idle_;
        wake_.wait(lock);
        --idle_;
        continue;
      }
      Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      try {
        const Outcome outcome = deliver(job.relay, job.mail, around_, *limits_, job.until);
        job.op.ok(json::write(outcome.to_json(job.is_test)));
      } catch (const std::exception& e) {
        job.op.fail(Z4J_INTERNAL, e.what());
      }
      lock.lock();
    }
  }

  void end() {
    std::deque<Job> left;
    std::vector<std::thread> threads;
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
      left.swap(jobs_);
      threads.swap(threads_);
      if (limits_) limits_->stop();
      wake_.notify_all();
    }
    for (Job& job : left) job.op.fail(Z4J_CANCELLED, "the instance is stopping");
    for (std::thread& thread : threads) thread.join();
    limits_.reset();
  }

  Host host_;
  Settings settings_;
  Surroundings around_;
  std::unique_ptr<TimeLimits> limits_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;  // guarded by mutex_, as are those below
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool is_stopping_ = false;
};

}  // namespace z4j::smtp

Z4J_NOTIFIER_PLUGIN_OF_TYPES(z4j::smtp::NotifierSmtp, "org.z4j.notifier-smtp", "0.1.0", "Mail",
                             "Sends mail through an SMTP relay.", Z4J_SMTP_SETTINGS, "",
                             Z4J_SMTP_TYPES)
