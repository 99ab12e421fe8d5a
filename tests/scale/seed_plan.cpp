#include "seed_plan.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <z4j/abi.h>

#include "core/fingerprint.hpp"

namespace z4j::scale {
namespace {

constexpr std::uint64_t kUnderWay = 200;
constexpr std::string_view kRareName = "ledger.close_quarter", kOldName = "legacy.import_chunk";

constexpr std::array<std::string_view, 38> kNames = {"shop.orders.place",
                                                     "shop.orders.confirm",
                                                     "shop.orders.cancel",
                                                     "shop.orders.split",
                                                     "shop.cart.expire",
                                                     "shop.cart.remind",
                                                     "shop.stock.reserve",
                                                     "shop.stock.release",
                                                     "shop.stock.recount",
                                                     "shop.prices.refresh",
                                                     "payments.charge",
                                                     "payments.refund",
                                                     "payments.settle",
                                                     "payments.dispute",
                                                     "mail.send_receipt",
                                                     "mail.send_newsletter",
                                                     "mail.bounce",
                                                     "search.index_product",
                                                     "search.drop_product",
                                                     "search.rebuild_facets",
                                                     "images.resize",
                                                     "images.watermark",
                                                     "images.purge_cdn",
                                                     "reports.daily_sales",
                                                     "reports.weekly_margin",
                                                     "reports.export_csv",
                                                     "shipping.book_parcel",
                                                     "shipping.track_parcel",
                                                     "shipping.print_label",
                                                     "shipping.customs_form",
                                                     "crm.sync_contact",
                                                     "crm.score_lead",
                                                     "crm.merge_duplicates",
                                                     "fraud.check_order",
                                                     "fraud.train_model",
                                                     "housekeeping.vacuum_sessions",
                                                     "housekeeping.rotate_logs",
                                                     "housekeeping.probe_partners"};
constexpr std::array<std::string_view, 12> kQueues = {
    "orders", "cart",    "stock",    "payments", "mail",  "search",
    "images", "reports", "shipping", "crm",      "fraud", "housekeeping"};
constexpr std::array<std::string_view, 20> kWorkers = {
    "celery@north-01", "celery@north-02", "celery@north-03", "celery@north-04", "celery@north-05",
    "celery@south-01", "celery@south-02", "celery@south-03", "celery@south-04", "celery@south-05",
    "celery@east-01",  "celery@east-02",  "celery@east-03",  "celery@east-04",  "celery@east-05",
    "rq-west-01",      "rq-west-02",      "rq-west-03",      "rq-west-04",      "rq-west-05"};
constexpr std::size_t kCeleryWorkers = 15;
// With four engines: those beyond Celery and RQ, and their workers.
constexpr std::array<std::string_view, 2> kMoreEngines = {"arq", "dramatiq"};
constexpr std::array<std::string_view, 9> kMoreWorkers = {
    "arq-hill-01",      "arq-hill-02",      "arq-hill-03",      "arq-hill-04",     "arq-hill-05",
    "dramatiq-lake-01", "dramatiq-lake-02", "dramatiq-lake-03", "dramatiq-lake-04"};
constexpr std::size_t kArqWorkers = 5;
constexpr std::array<std::string_view, 4> kErrors = {
    "ValueError('order is not payable')", "TimeoutError('the partner did not answer in 30 s')",
    "KeyError('warehouse')", "ConnectionResetError(104, 'Connection reset by peer')"};

// Each name fails in its own place: "shop.orders.place" in place() of shop/orders.py.
std::string traceback_of(std::string_view name, std::string_view why) {
  const std::size_t dot = std::min(name.rfind('.'), name.size());
  std::string file(name.substr(0, dot));
  std::replace(file.begin(), file.end(), '.', '/');
  const std::string_view function = dot < name.size() ? name.substr(dot + 1) : "run";
  return "Traceback (most recent call last):\n  File \"/srv/" + file + ".py\", line 81, in " +
         std::string(function) + "\n    step(order)\n" + std::string(why);
}

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

std::string id_of(std::uint64_t number) {
  base::Uuid id;
  for (std::size_t half = 0; half < 2; ++half) {
    const std::uint64_t word = mix(number * 2 + half + 1'000'003);
    for (std::size_t i = 0; i < 8; ++i)
      id.bytes[half * 8 + i] = static_cast<unsigned char>(word >> (8 * i) & 0xFF);
  }
  return id.text();
}

std::string_view queue_of(std::string_view name) {
  const auto found = std::find_if(kQueues.begin(), kQueues.end(), [name](std::string_view queue) {
    return name.find(queue) != std::string_view::npos;
  });
  return found == kQueues.end() ? "stock" : *found;
}

std::string_view engine_of(std::string_view queue) {
  if (queue == "images" || queue == "reports") return "rq";
  if (queue == "fraud") return "arq";
  return queue == "housekeeping" ? "dramatiq" : "celery";
}

}  // namespace

enum class SeedTask::End : std::uint8_t {
  succeeded,
  failed,
  retried,  // fails once, then succeeds
  revoked,
  rejected,
  pending,
  received,
  started,
  retrying
};

base::TimeUs SeedPlan::starts(std::uint64_t task) const {
  const double share = static_cast<double>(task) / static_cast<double>(tasks);
  const base::TimeUs span = days * base::kDayUs;
  return until - span + static_cast<base::TimeUs>(share * static_cast<double>(span));
}

SeedTask::SeedTask(const SeedPlan& plan, std::uint64_t number, const core::EventSource& source)
    : number_(number), dice_(mix(number)), taken_at_(plan.until), source_(source) {
  // The smaller of two dice: some names run often, some seldom.
  const std::size_t name = std::min(dice_ % kNames.size(), (dice_ >> 16) % kNames.size());
  name_ = kNames[name];
  queue_ = kQueues[name % kQueues.size()];
  // A workflow stays in one engine, a quarter of all in RQ.
  const bool is_rq = mix(number / 40) % 4 == 0;
  engine_ = is_rq ? "rq" : "celery";
  worker_ = is_rq ? kWorkers[kCeleryWorkers + (dice_ >> 32) % (kWorkers.size() - kCeleryWorkers)]
                  : kWorkers[(dice_ >> 32) % kCeleryWorkers];
  if (plan.engines == 4) choose_among_four(name);
  if (number % 50'000 == 777) name_ = kRareName;
  if (number < plan.tasks / 33 && number % 2 == 0) name_ = kOldName;
  constexpr std::array<std::string_view, 3> kTiers = {"basic", "silver", "gold"};
  tier_ = number % 20'000 == 5 ? "platinum" : kTiers[(dice_ >> 40) % kTiers.size()];
  id_ = id_of(number);
  if (number % 40 < 4) {  // one root and three below it
    root_ = id_of(number - number % 40);
    if (number % 40 != 0) parent_ = root_;
  }
  const std::uint64_t luck = mix(dice_) % 1000;
  End end = luck < 910   ? End::succeeded
            : luck < 970 ? End::failed
            : luck < 985 ? End::retried
            : luck < 990 ? End::revoked
            : luck < 992 ? End::rejected
            : luck < 996 ? End::pending
            : luck < 997 ? End::received
            : luck < 998 ? End::started
                         : End::retrying;
  if (number + kUnderWay >= plan.tasks) end = number % 2 == 0 ? End::started : End::received;
  live(plan.starts(number), end);
}

// A queue belongs to one engine then, and is called as the tasks in it are.
void SeedTask::choose_among_four(std::size_t name) {
  const std::uint64_t die = (mix(number_ / 40) >> 8) % 20;
  engine_ = die < 12 ? "celery" : die < 16 ? "rq" : kMoreEngines[die % 2];
  while (engine_of(queue_of(kNames[name])) != engine_) name = (name + 1) % kNames.size();
  name_ = kNames[name];
  queue_ = queue_of(name_);
  const std::uint64_t w = dice_ >> 32;
  worker_ = engine_ == "celery" ? kWorkers[w % kCeleryWorkers]
            : engine_ == "rq"   ? kWorkers[kCeleryWorkers + w % (kWorkers.size() - kCeleryWorkers)]
            : engine_ == "arq"
                ? kMoreWorkers[w % kArqWorkers]
                : kMoreWorkers[kArqWorkers + w % (kMoreWorkers.size() - kArqWorkers)];
}

std::string SeedTask::kwargs() const {
  return R"({"order_id":)" + std::to_string(number_) + R"(,"customer":{"id":)" +
         std::to_string(dice_ % 50'000) + R"(,"tier":")" + std::string(tier_) + R"("},"express":)" +
         (dice_ % 7 == 0 ? "true" : "false") + R"(,"warehouse":"hall-)" +
         std::to_string(dice_ % 9) + R"("})";
}

void SeedTask::event(std::uint16_t kind, base::TimeUs at, std::uint32_t attempt,
                     std::string payload) {
  core::Event e;
  e.project_id = source_.project_id;
  e.agent_id = source_.agent_id;
  e.at = at;
  e.taken_at = taken_at_;
  e.kind = kind;
  e.attempt = attempt;
  e.engine = engine_;
  e.task = name_;
  e.queue = queue_;
  if (kind != Z4J_EV_SENT) e.worker = worker_;
  e.task_id = id_;
  e.parent_id = parent_;
  e.root_id = root_;
  e.payload = std::move(payload);
  core::RawEvent raw;
  raw.kind = kind;
  raw.engine = engine_;
  raw.task_id = id_;
  e.id = core::event_id(raw, source_, at);
  if (const std::string_view now = core::kind_name(kind); kind != Z4J_EV_SENT)
    state_ = now == "task.succeeded" ? "success"
             : now == "task.failed"  ? "failure"
             : now == "task.retried" ? "retry"
                                     : now.substr(now.find('.') + 1);
  events_.push_back(std::move(e));
}

void SeedTask::live(base::TimeUs at, End end) {
  const std::string where = R"({"hostname":")" + std::string(worker_) + R"(","pid":4711,"clock":)" +
                            std::to_string(number_ * 4) +
                            R"(,"sw_ident":"py-celery","sw_ver":"5.2.7","utcoffset":0})";
  const std::int64_t runtime_us =
      2'000 + static_cast<std::int64_t>((dice_ >> 8) % 1000 * ((dice_ >> 20) % 1000));
  event(Z4J_EV_SENT, at, 1,
        R"({"args":[)" + std::to_string(number_) + R"(,"eu-west"],"kwargs":)" + kwargs() + "}");
  core::TaskFacts& facts = events_.back().facts;
  facts.args = "[" + std::to_string(number_) + R"(,"eu-west"])";
  facts.kwargs = kwargs();
  facts.priority = dice_ % 50 == 0 ? "high" : "normal";
  if (end == End::pending) return;
  std::uint32_t attempt = 1;
  const auto begin = [&] {
    event(Z4J_EV_RECEIVED, at += 20'000, attempt, where);
    if (end == End::received || end == End::revoked || end == End::rejected) return;
    event(Z4J_EV_STARTED, at += 3'000, attempt, where);
  };
  const auto fail = [&](std::uint16_t kind) {
    const std::string_view why = kErrors[(dice_ >> 12) % kErrors.size()];
    event(kind, at += runtime_us, attempt,
          R"({"exception":")" + std::string(why) + R"(","hostname":")" + std::string(worker_) +
              R"(","pid":4711})");
    core::TaskFacts& failure = events_.back().facts;
    failure.exception = why;
    failure.traceback = traceback_of(name_, why);
    failure.fingerprint = core::fingerprint(failure.exception, failure.traceback);
    if (kind == Z4J_EV_FAILED) events_.back().runtime_us = runtime_us;
  };
  begin();
  if (end == End::retried || end == End::retrying) {
    fail(Z4J_EV_RETRIED);
    if (end == End::retrying) return;
    ++attempt;
    begin();
  }
  if (end == End::revoked) event(Z4J_EV_REVOKED, at += 1'000, attempt, R"({"terminated":false})");
  if (end == End::rejected) event(Z4J_EV_REJECTED, at += 1'000, attempt, R"({"requeue":false})");
  if (end == End::failed) fail(Z4J_EV_FAILED);
  if (end == End::succeeded || end == End::retried) {
    event(Z4J_EV_SUCCEEDED, at += runtime_us, attempt,
          R"({"result":{"ok":true,"lines":)" + std::to_string(dice_ % 30) +
              R"(,"invoice":"R-2026-)" + std::to_string(number_) + R"("},"hostname":")" +
              std::string(worker_) + R"("})");
    events_.back().facts.result = R"({"ok":true,"lines":)" + std::to_string(dice_ % 30) + "}";
    events_.back().runtime_us = runtime_us;
  }
}

base::json::Object told(const SeedPlan& plan, const core::EventSource& source) {
  std::map<std::string_view, std::map<std::string, std::int64_t>> counts;
  std::int64_t events = 0;
  base::json::Object samples;
  for (std::uint64_t i = 0; i < plan.tasks; ++i) {
    const SeedTask task(plan, i, source);
    events += static_cast<std::int64_t>(task.events().size());
    ++counts["by_state"][std::string(task.state())];
    ++counts["by_name"][std::string(task.name())];
    ++counts["by_queue"][std::string(task.queue())];
    ++counts["by_worker"][std::string(task.events().size() > 1 ? task.worker() : "")];
    ++counts["by_engine"][std::string(task.engine())];
    ++counts["by_tier"][std::string(task.tier())];
    ++counts["by_day"][std::to_string((plan.until - plan.starts(i)) / base::kDayUs)];
    if (i == plan.tasks / 2 / 40 * 40) {  // a root with tasks below it
      samples = {{"id", task.id()},
                 {"engine", task.engine()},
                 {"order_id", i},
                 {"at", base::format_time(plan.starts(i))},
                 {"events", task.events().size()}};
    }
  }
  base::json::Object out{{"tasks", plan.tasks},
                         {"events", events},
                         {"days", plan.days},
                         {"until", base::format_time(plan.until)},
                         {"sample", std::move(samples)}};
  for (const auto& [what, by] : counts) {
    base::json::Object of;
    for (const auto& [key, n] : by) of[key] = n;
    out[what] = std::move(of);
  }
  return out;
}

}  // namespace z4j::scale
