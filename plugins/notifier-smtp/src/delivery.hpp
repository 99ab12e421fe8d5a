// One mail to one relay: the dialogue from the name's look-up to QUIT.
#pragma once

#include <Poco/Net/Context.h>
#include <z4j/plugin.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lib/json/json.hpp"
#include "src/mail.hpp"
#include "src/settings.hpp"
#include "src/time_limit.hpp"

namespace z4j::smtp {

struct Step {
  std::string name;  // dns, tcp, tls, greeting, ehlo, starttls, auth, mail from, rcpt to, data
  bool is_good = true;
  std::string text;
};

struct Outcome {
  enum class Verdict { sent, retry, failed } verdict = Verdict::failed;
  int code = 0;       // of the relay's last reply
  std::string reply;  // and its words
  std::string error;
  std::string stage;  // the step where it ended
  std::vector<std::string>
      refused;  // recipients that the relay did not take, though it took others
  std::vector<Step> steps;

  // As the host wants to hear it (docs/abi/notifier.md).
  [[nodiscard]] json::Object to_json(bool with_steps) const;
};

struct Surroundings {
  // The addresses that may be dialled. Throws Error.
  std::function<std::vector<std::string>(const std::string& host, std::uint16_t port,
                                         std::uint32_t deadline_ms)>
      addresses;
  Poco::Net::Context::Ptr tls;
  std::string helo_name;
};

// Blocks until `until` at the latest. Never throws for what the world does.
[[nodiscard]] Outcome deliver(const Relay& relay, const Mail& mail, const Surroundings& around,
                              TimeLimits& limits, TimeLimits::Time until);

}  // namespace z4j::smtp
