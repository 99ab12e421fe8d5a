// The host in checked mode: a z4j_host table that notes every promise a plugin breaks. Its services
// stay within the process: they reach no other machine.
//
// Thread-safe. Hosts are never freed, since a plugin's thread may call late: that call is noted.
// The strand of the instance is the thread that waits in await() or pump().
#pragma once

#include <z4j/abi.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "guarded.hpp"

namespace z4j::check {

// What came of one operation.
struct Answer {
  bool is_there = false;
  z4j_status status = Z4J_PENDING;
  std::string message, where, result;
  std::uint32_t retry_after_ms = 0;
  int took_ms = 0;
};

// What the http-client service answers a call with.
struct HttpAnswer {
  z4j_status status = Z4J_UNAVAILABLE;
  std::uint32_t http_status = 0;
  std::string body;
  bool never = false;  // not before the host stops
};
struct HttpCall {
  std::string method, url, body;
  std::uint32_t deadline_ms = 0;
  std::vector<std::pair<std::string, std::string>> headers;
};

// What a reply of an http plugin came to.
struct Reply {
  int begun = 0;
  std::uint32_t code = 0;
  std::string type, headers, body;
};

class CheckedHost {
 public:
  struct Shape {
    bool has_services = true;
    std::int32_t log_level = Z4J_LOG_TRACE;
    z4j_status emit = Z4J_OK;
    std::uint32_t trap_bytes = 0;  // behind the table: functions that must not be called
    std::uint16_t abi_minor = Z4J_ABI_MINOR;
    bool is_tight = false;               // nothing readable behind the table
    std::int64_t remaining_ms = 30'000;  // what op_remaining_ms answers; <= 0: expired
    bool cancels = false;                // op_cancelled answers 1
    bool refuses_answers = false;        // op_complete answers Z4J_BAD_STATE, as for a late one
    bool judges_texts = true;  // else any bytes may be logged: they were handed over as hostile
    std::string instance = "checked";
  };
  CheckedHost() : CheckedHost(Shape()) {}
  explicit CheckedHost(Shape shape);
  CheckedHost(const CheckedHost&) = delete;
  CheckedHost& operator=(const CheckedHost&) = delete;

  [[nodiscard]] const z4j_host* table() const { return table_; }
  Shape& shape() { return shape_; }  // between calls only

  // The instance's life, as the case goes through it: some calls are allowed in some of it only.
  enum class Life { created, starting, started, stopping, stopped, destroyed };
  void enter(Life life);

  [[nodiscard]] z4j_op open_operation();
  // Runs what was posted until the answer is there.
  Answer await(z4j_op op, int deadline_ms);
  [[nodiscard]] Answer answer_of(z4j_op op) const;
  // An answer that the function itself returned.
  void answered_at_once(z4j_op op, z4j_status status, const z4j_error& error);
  [[nodiscard]] std::size_t open_operations() const;
  // Runs what was posted and is due, for that long.
  void pump(int ms);
  // As the host does before stop(): what was posted is dropped, calls of services end.
  void drain();
  void cancel_all();             // op_cancelled answers 1 from now on
  void trust_foreign_answers();  // the case makes them itself

  std::function<HttpAnswer(const HttpCall&)> http;  // set before create()
  [[nodiscard]] std::vector<HttpCall> http_calls() const;
  [[nodiscard]] Reply reply_of(z4j_op op) const;
  [[nodiscard]] std::vector<std::string> submissions() const;
  [[nodiscard]] std::vector<std::string> notices() const;

  struct StoredSchedule {
    std::uint8_t id[16] = {};
    std::string json;
    std::int64_t next_run_us = 0;
    std::uint64_t revision = 1;
    bool is_enabled = true;
  };
  void store_schedule(StoredSchedule schedule);
  struct Fired {
    std::uint8_t id[16];
    std::int64_t due_us;
  };
  [[nodiscard]] std::vector<Fired> fired() const;

  [[nodiscard]] std::uint64_t emitted_rows() const;
  [[nodiscard]] std::uint64_t emit_calls() const;
  [[nodiscard]] std::uint64_t log_lines() const;
  // Everything that the plugin said: logs, health, metrics, answers.
  [[nodiscard]] std::string said() const;
  [[nodiscard]] std::vector<std::string> faults() const;
  void fault(std::string sentence);

 private:
  struct Operation {
    Answer answer;
    std::chrono::steady_clock::time_point since;
  };
  struct Posted {
    std::chrono::steady_clock::time_point due;
    void (*fn)(void*);
    void (*drop)(void*);
    void* arg;
  };
  struct Ending {  // a call of a service that is to end on a thread of ours
    std::function<void()> run;
    std::function<void()> cancel;
    bool never = false;
  };
  void note(std::string_view kind, std::string_view text);
  void admit(const char* function);
  void text(const char* function, const char* member, z4j_str s, std::size_t most, bool is_json);
  void fill_table();
  void fill_services();
  void fill_schedule_store();
  void serve();
  const void* service(std::string_view id);

  Shape shape_;
  z4j_host* table_ = nullptr;
  std::vector<std::unique_ptr<Guarded>> memory_;
  z4j_notices* notices_table_ = nullptr;
  z4j_http_client* http_client_ = nullptr;
  z4j_resolver* resolver_ = nullptr;
  z4j_submit* submit_ = nullptr;
  z4j_schedule_store* schedule_store_ = nullptr;
  z4j_http_reply* http_reply_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Life life_ = Life::created;
  bool cancelled_ = false, trusts_foreign_ = false, drained_ = false;
  z4j_op next_op_ = (z4j_op{7} << 32) | 1;
  std::map<z4j_op, Operation> operations_;
  std::vector<Posted> posted_;
  std::deque<Ending> endings_;
  std::vector<std::string> faults_, submissions_, heard_;
  std::vector<HttpCall> calls_;
  std::map<z4j_op, Reply> replies_;
  std::vector<StoredSchedule> schedules_;
  std::vector<Fired> fired_;
  std::uint64_t rows_ = 0, emits_ = 0, lines_ = 0;
  std::string said_;
  std::thread server_;  // of services; runs as long as the process
};

}  // namespace z4j::check
