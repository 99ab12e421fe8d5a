// A courier that keeps what it is given and answers as told: for unit tests.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "core/courier.hpp"
#include "core/refusal.hpp"

namespace z4j::core::testing {

class FakeCourier final : public Courier {
 public:
  struct Letter {
    std::string type;
    base::json::Object config;
    CourierMessage message;
    unsigned attempt = 0;
  };

  std::vector<Type> types() override {
    const std::lock_guard lock(mutex_);
    return types_;
  }
  base::Status check_target(const std::string& host) override {
    if (host == "localhost" || host.starts_with("10.") || host.starts_with("127."))
      return refuse::invalid("target", "the host is not a public one");
    return {};
  }
  Carried carry(const std::string& type, const base::json::Object& config,
                const CourierMessage& message, unsigned attempt, int) override {
    const std::lock_guard lock(mutex_);
    letters_.push_back({type, config, message, attempt});
    if (answers_.empty()) return sent();
    Carried out = answers_.front();
    answers_.pop_front();
    return out;
  }

  [[nodiscard]] static Carried sent() {
    Carried out;
    out.is_sent = true;
    out.code = 200;
    out.reply = "ok";
    return out;
  }
  // A refusal that may pass: greylisting, a busy server.
  [[nodiscard]] static Carried busy(std::int64_t code, std::int64_t retry_after_ms = 0) {
    Carried out;
    out.code = code;
    out.error = "try again later";
    out.may_retry = true;
    out.retry_after_ms = retry_after_ms;
    return out;
  }
  [[nodiscard]] static Carried unreachable() {
    Carried out;
    out.error = "nobody answers at 10.1.2.3:25";
    out.may_retry = true;
    return out;
  }
  [[nodiscard]] static Carried refused(std::int64_t code) {
    Carried out;
    out.code = code;
    out.error = "no such user";
    return out;
  }

  void answer(std::deque<Carried> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }
  void serve(std::vector<Type> types) {
    const std::lock_guard lock(mutex_);
    types_ = std::move(types);
  }
  // What was carried since the last time.
  std::vector<Letter> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(letters_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Type> types_{{"webhook", "hooks", ""},   {"email", "mail", ""},
                           {"slack", "hooks", ""},     {"telegram", "hooks", ""},
                           {"pagerduty", "hooks", ""}, {"discord", "hooks", ""},
                           {"teams", "hooks", ""}};
  std::vector<Letter> letters_;
  std::deque<Carried> answers_;
};

}  // namespace z4j::core::testing
