// test-scheduler: a scheduler that says what it was asked, and uses the host's services for
// schedulers when its settings say so. README.md lists the words.
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/json/json.hpp"

namespace z4j::testing {
namespace {

constexpr char kSettings[] = R"({"type":"object","additionalProperties":false,"properties":{
"capabilities":{"type":"integer","minimum":0,"maximum":1023,"default":511,
"description":"Z4J_SCHED_* bits it says it has."},
"uses_store":{"type":"boolean","default":false,
"description":"start() leads, reads, plans and fires, and tells of it by metrics; edits are watched."},
"preview_ms":{"type":"integer","minimum":0,"maximum":60000,"default":0,
"description":"So long preview() takes."}}})";

class Scheduler {
 public:
  Scheduler(Host host, std::string_view config)
      : host_(host), settings_(json::parse(config).as_object()) {}

  void start() {
    if (!json::boolean(settings_, "uses_store")) return;
    store_.emplace(host_);
    store_->watch(
        [](void* arg, const uint8_t* id) {
          static_cast<Scheduler*>(arg)->host_.metric(id != nullptr ? "edited" : "edited_many", "",
                                                     1, 0);
        },
        this);
    work();
  }
  void stop(uint32_t) {
    if (store_) store_->watch(nullptr, nullptr);
  }

  uint64_t capabilities() const {
    return static_cast<uint64_t>(json::integer(settings_, "capabilities"));
  }
  void list(Op& op, std::string_view page) { op.ok(page); }
  void put(Op& op, std::string_view schedule, std::string_view etag) {
    if (etag == "old") throw Error(Z4J_CONFLICT, "somebody else changed it");
    op.ok(std::string(R"({"schedule":)") + std::string(schedule) + "}");
  }
  void remove(Op& op, std::string_view id, std::string_view) {
    if (id == "never") return (void)kept_.emplace(std::move(op));
    op.ok("{}");
  }
  void trigger(Op& op, std::string_view id) {
    Submission submission;
    submission.engine = "celery";
    submission.task = std::string(id);
    submission.more_json = R"({"periodic_task_name":"nightly"})";
    submission.idempotency_key = "k-" + std::string(id);
    auto kept = std::make_shared<Op>(std::move(op));
    Submit(host_).send(submission, [kept](z4j_status status, std::string_view answer) {
      if (status == Z4J_OK)
        kept->ok(answer);
      else
        kept->fail(status, "not sent");
    });
  }
  uint32_t preview(std::string_view schedule, int64_t from_us, int64_t* out, uint32_t most) {
    if (schedule.empty()) throw Error(Z4J_INVALID, "no schedule", "/expression");
    std::this_thread::sleep_for(std::chrono::milliseconds(json::integer(settings_, "preview_ms")));
    for (uint32_t i = 0; i < most; ++i) out[i] = from_us + (i + 1) * 1'000'000;
    return most;
  }

 private:
  void work() {
    const auto fence = store_->lead(5'000);
    host_.metric("leads", "", fence ? 1 : 0, 0);
    if (!fence) return;
    std::vector<z4j_fire> fires;
    store_->due(store_->now_us(), {}, 100, [&](const z4j_stored_schedule& row) {
      z4j_fire fire;
      std::memset(&fire, 0, sizeof fire);
      std::memcpy(fire.id, row.id, sizeof fire.id);
      fire.revision = row.revision;
      fire.due_us = row.next_run_us;
      fires.push_back(fire);
      return true;
    });
    std::vector<uint8_t> outcomes;
    const bool leads = store_->fire(*fence, fires, outcomes);
    host_.metric("fired", "",
                 leads ? static_cast<double>(
                             std::count(outcomes.begin(), outcomes.end(), uint8_t{Z4J_FIRED}))
                       : -1,
                 0);
  }

  Host host_;
  json::Object settings_;
  std::optional<ScheduleStore> store_;
  std::optional<Op> kept_;
};

}  // namespace
}  // namespace z4j::testing

Z4J_SCHEDULER_PLUGIN(z4j::testing::Scheduler, "org.z4j.test-scheduler", "1.0.0", "test-scheduler",
                     "does what its settings say", "test-beat", z4j::testing::kSettings, "")
