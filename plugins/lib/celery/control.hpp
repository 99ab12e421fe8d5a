// Asks workers and gathers what they answer.
#pragma once

#include "lib/celery/pidbox.hpp"
#include "lib/celery/transport.hpp"

#include <functional>
#include <set>
#include <string>
#include <vector>

namespace z4j::celery {

// One thread at a time. Its mailbox at the broker is opened when first needed.
class Control {
 public:
  explicit Control(Transport& transport);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control() { close(); }

  struct Call {
    std::string method;
    json::Object arguments;
  };
  struct Asked {
    std::int64_t listeners = -1;              // of the broadcast; 0: nobody is there
    std::vector<std::vector<Reply>> replies;  // per call; in each at most one per worker
  };
  // Sends all calls at once and waits until every worker in `expected` has answered each, or
  // `timeout_ms` passed; a `destination` (empty: all) is expected by itself. With nobody to expect
  // it waits until replies have stopped coming for a while. `go_on` ends the wait early.
  Asked ask(const std::vector<Call>& calls, const std::vector<std::string>& destination,
            std::set<std::string> expected, int timeout_ms, const std::function<bool()>& go_on);

  // Takes the mailbox away from the broker.
  void close() noexcept;
  // The connection was lost: the mailbox must be opened anew.
  void lost() noexcept { open_ = false; }

 private:
  Transport& transport_;
  std::string oid_;
  bool open_ = false;
};

}  // namespace z4j::celery
