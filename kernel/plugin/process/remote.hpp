// A plugin in a process of its own, as the kernel calls it: the same tables as a mapped file has,
// whose functions send frames to z4j-plugin-host and wait for the reply.
//
// Made for one instance. What comes from the process is hostile: frames and their contents are
// checked, calls have deadlines, queues have bounds. Whoever breaks the rules of the frames, does
// not return in time or uses more than it may is ended. What it asks of the host goes through the
// host table of its instance, as if it were mapped.
//
// Thread-safe. Three kinds of threads of its own: one reads, one hands on answers, few serve what
// may block.
#pragma once

#include <z4j/abi.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/result.hpp"
#include "plugin/loader.hpp"
#include "plugin/pool.hpp"
#include "plugin/process/batch.hpp"
#include "plugin/process/channel.hpp"
#include "plugin/process/child.hpp"
#include "plugin/process/messages.hpp"

namespace z4j::plugin::process {

struct Declaration;

class Remote {
 public:
  struct Options {
    std::string program;  // z4j-plugin-host
    std::string instance;
    CheckedFile file;
    Sandbox sandbox;
    std::uint32_t cpu_percent = 200;  // of one processor, over a minute; 0: no bound
    int start_ms = 15'000, stop_ms = 10'000, op_ms = 30'000;  // the host's deadlines
  };
  // Starts the process and has it map the file. The same steps as map_file(); "process" when the
  // process did not come that far. Blocks for start_ms at most.
  [[nodiscard]] static std::shared_ptr<Remote> launch(Options options, Refusal& refusal);
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;
  ~Remote();  // shut_down()

  // Valid as long as this.
  [[nodiscard]] const LoadedFile& file() const { return file_; }
  [[nodiscard]] const void* interface_of(std::string_view id) const;
  [[nodiscard]] z4j_status validate(z4j_str config_json, const z4j_sink& problems,
                                    z4j_error& error);

  // Who hears of it: that it ended without being told to (once, on the reading thread, before
  // calls under way return), and of rules that were broken. Set before create().
  struct Listener {
    std::function<void(const std::string& why)> died;
    std::function<void(const std::string& what, bool is_fatal)> fault;
  };
  void listen(Listener listener);

  // Ends the process, without word to the listener, and waits for that. Idempotent; not from a
  // callback.
  void shut_down();
  // No call gets through any more.
  [[nodiscard]] bool is_over() const { return channel_ == nullptr || channel_->is_over(); }
  [[nodiscard]] std::string why() const;  // it died; "" while it runs
  [[nodiscard]] const std::string& sandbox() const;
  struct Facts {
    int pid = 0;
    Child::Use use;
    std::optional<std::int64_t> cpu_percent;  // of one processor, over the last minute at most
  };
  [[nodiscard]] Facts facts() const;  // zeros when it is over

 private:
  friend struct Functions;
  explicit Remote(Options options);

  struct Wait {
    Remote* remote;
    std::uint64_t id;
  };
  enum class Owes { nothing, an_answer };
  // One call into the plugin. Throws what the plugin threw. With an answer owed and the process
  // gone, the call is pending: its operation is answered as lost.
  z4j_status ask(Kind kind, std::string_view payload, int deadline_ms, z4j_error* error,
                 std::string* body = nullptr, Owes owes = Owes::nothing);
  z4j_status ask_for(Kind kind, z4j_op op, std::string_view payload, z4j_error* error);
  z4j_status gone(z4j_error* error) const;
  z4j_status create(const z4j_host* host, z4j_str config_json, z4j_error* error);
  // Nobody waits for how it ends.
  void tell(Kind kind, std::string_view payload, int deadline_ms);
  // Nor for its return: the thread is one that all instances share.
  void hand_on(Kind kind, std::string_view payload);

  void read();
  std::string take(const Header& header, std::string payload);
  std::string take_service(const z4j_host& host, const Header& header, std::string payload);
  std::string take_complete(const z4j_host& host, std::string payload);
  std::string take_post(const z4j_host& host, const Header& header, std::string_view payload);
  void emit(const z4j_host& host, const Header& header, std::uint64_t offset, std::uint64_t bytes);
  Outcome http_call(const z4j_host& host, std::string_view payload);
  Outcome submit(const z4j_host& host, std::string_view payload);
  Outcome serve(const z4j_host& host, Kind kind, std::string_view payload);
  Outcome serve_store(const z4j_host& host, Kind kind, std::string_view payload);
  void wait_for_answers();
  void answer(const Header& header, const Outcome& outcome);
  void slow_down_a_flood();
  void look_at_use();
  void broke_a_rule(const std::string& what, bool is_fatal);

  const Options options_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<Channel> channel_;
  const Declaration* declaration_ = nullptr;
  LoadedFile file_;
  std::atomic<const z4j_host*> host_{nullptr};
  FlatBatch batch_;  // of the reading thread, as are the next
  std::int64_t frames_since_ms_ = 0;
  int frames_ = 0;
  CpuBudget cpu_budget_;
  std::atomic<std::int64_t> cpu_percent_{-1};  // -1: not known yet

  std::optional<Pool> pool_;  // until it is shut down
  Strand answers_, services_;
  std::atomic<int> services_open_{0};
  std::atomic<std::size_t> service_bytes_{0};  // of their arguments

  mutable std::mutex mutex_;
  std::condition_variable taken_;
  std::size_t answer_bytes_ = 0;  // guarded by mutex_, as are the next
  Listener listener_;
  std::string why_;
  int pid_ = 0;

  std::mutex joining_;
  std::thread reader_;  // guarded by joining_
};

}  // namespace z4j::plugin::process
