// One bulk job at work: private to BulkJobs. Lives on one thread.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/bulk_jobs.hpp"
#include "core/command_plan.hpp"

namespace z4j::core {

class BulkJobs::Run {
 public:
  Run(BulkJobs& of, BulkJob job);
  // As far as it goes: to the end, to a pause, until the brain stops or another one has the right.
  // False when there was nothing to do yet.
  bool go();

 private:
  // A task whose turn has come.
  struct Turned {
    SelectionItem item;
    std::optional<StoredTask> task;
    std::optional<EngineRoute> route;  // none: nothing is sent
    base::json::Object args;
    std::optional<CommandOutcome> outcome;  // none: its turn has not come, or comes again
    bool is_changed = false;
    bool was_unknown = false;  // and counted as such
  };
  // Tasks of one call to an engine, by their place in the piece.
  struct Call {
    EngineRoute route;
    bool takes_many = false;
    std::vector<std::size_t> places;
    std::size_t bytes = 0;  // of their arguments
  };
  struct Answers;  // outlives this object while engines owe some
  // A piece that is with its engines.
  struct Sent {
    std::vector<Turned> piece;
    std::vector<Call> calls;
    std::shared_ptr<Answers> answers;
    std::chrono::steady_clock::time_point until;
  };
  enum class Stored {
    yes,
    turned,        // the job does not run any more
    command_over,  // nor does its command
    lost,          // another brain has the right, or this one stops
  };

  [[nodiscard]] bool begin(const Selection& selection);
  [[nodiscard]] base::Result<std::optional<Selection>> selection();
  void run_pieces();
  [[nodiscard]] base::Result<std::vector<Turned>> next_piece(std::uint32_t most);
  void prepare(std::vector<Turned>& piece);
  void prepare_one(Turned& turned, const std::vector<EngineRoute>& routes);
  [[nodiscard]] base::json::Object arguments_of(const Turned& turned) const;
  [[nodiscard]] std::string new_id_of(const SelectionItem& item) const;
  [[nodiscard]] Sent send(std::vector<Turned> piece);
  // Moves what became of them to `over_`. False when the brain stops: it is not known yet.
  [[nodiscard]] bool take_back(std::optional<Sent>& sent);
  void give_back(std::vector<Turned> piece);  // to the selection: their turn comes again
  void take_answer(std::vector<Turned>& piece, const Call& call, base::Result<std::string> answer);
  // Stores what became of those in `over`, and marks those in `next` that are about to be sent.
  [[nodiscard]] Stored store(const std::vector<Turned>& over, const std::vector<Turned>* next);
  [[nodiscard]] Stored try_store(const std::vector<Turned>& over, const std::vector<Turned>* next);
  void add_results(Commit& commit, const std::vector<Turned>& over);
  void add_links(Commit& commit, const std::vector<Turned>& over);
  // After a commit whose fate is not known.
  [[nodiscard]] base::Result<bool> is_stored(const std::vector<Turned>& over,
                                             const std::vector<Turned>* next);
  // Until the rate allows the next piece.
  [[nodiscard]] bool wait_turn();
  // An engine that is away may come: it does after a start of the brain.
  [[nodiscard]] bool is_worth_waiting();
  [[nodiscard]] bool rest(std::chrono::milliseconds how_long);  // false: the brain stops
  // What was sent before somebody died, and what nobody knew the outcome of.
  [[nodiscard]] bool look_up(std::string_view outcome, bool asks_engine);
  [[nodiscard]] base::Status prove_by_store(std::vector<Turned>& of);
  void ask_engines(std::vector<Turned>& of);
  void judge(Turned& turned, std::string_view state, bool is_repetition);
  void pause(const std::string& why);
  void end(std::string_view state, const std::string& error);
  [[nodiscard]] base::Result<CommandOutcome> whole_outcome(std::string_view state,
                                                           const std::string& error);
  [[nodiscard]] base::json::Object counts() const;

  BulkJobs& of_;
  BulkJob job_;
  std::optional<Fence> fence_;
  std::int64_t from_ = 0;                // place of the first task whose turn may not have come
  bool is_of_command_ = false;           // of bulk-retry: see NewSelection
  bool is_named_ = false;                // its tasks were asked for by their ids
  std::optional<base::TimeUs> ends_at_;  // of its command
  std::vector<Turned> over_;             // not stored yet
  unsigned unknown_in_row_ = 0;
  std::string trouble_;  // why it is to be paused
  std::string away_;     // which engine does not answer now
  std::optional<std::chrono::steady_clock::time_point> away_since_;
  std::uint32_t busy_ms_ = 0;
  bool is_lost_ = false;  // it is not ours any more, or the store takes nothing
  std::chrono::steady_clock::time_point next_;
};

}  // namespace z4j::core
