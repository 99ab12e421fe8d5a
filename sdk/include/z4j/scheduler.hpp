// z4j/scheduler.hpp - the C++17 face of schedulers: the plugin's side, and the host services
// "z4j.submit/1" and "z4j.schedule-store/1". The JSON is that of docs/abi/scheduler.md.
#ifndef Z4J_SCHEDULER_HPP
#define Z4J_SCHEDULER_HPP

#if !defined(__cpp_exceptions)
#error "z4j/scheduler.hpp throws z4j::Error: build with exceptions, or use z4j/abi.h"
#endif

#include <z4j/plugin.hpp>

#include <algorithm>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace z4j {

// --- a scheduler -------------------------------------------------------------------------------

// The years 1 to 9999, which is what calendars know: preview() is asked for times within them.
constexpr int64_t kFirstUs = -62'135'596'800'000'000, kLastUs = 253'402'300'799'999'999;

// The slots of z4j_scheduler for a class with
//   uint64_t capabilities()
//   void list(Op&, std::string_view page_json)
//   void put(Op&, std::string_view schedule_json, std::string_view etag)
//   void remove(Op&, std::string_view id, std::string_view etag)
//   void trigger(Op&, std::string_view id)
//   uint32_t preview(std::string_view schedule_json, int64_t from_us, int64_t* out, uint32_t most)
// All but capabilities() may be missing: their slots are then null. preview() comes from any
// thread, at any time; the others as engine calls do.
template <class T>
struct SchedulerGlue {
  static uint64_t capabilities(z4j_instance* i) {
    uint64_t bits = 0;
    guard(nullptr, [&]() -> z4j_status {
      bits = box<T>(i)->obj.capabilities();
      return Z4J_OK;
    });
    return bits;
  }

  template <class U>
  static constexpr auto list_of(int)
      -> decltype(std::declval<U&>().list(std::declval<Op&>(), std::string_view()),
                  decltype(z4j_scheduler::list)()) {
    return [](z4j_instance* i, z4j_op op, z4j_str page, z4j_error* e) -> z4j_status {
      return answer_once<U>(i, op, e, [&](Op& o) { box<U>(i)->obj.list(o, view(page)); });
    };
  }
  template <class>
  static constexpr decltype(z4j_scheduler::list) list_of(long) {
    return nullptr;
  }

  template <class U>
  static constexpr auto put_of(int)
      -> decltype(std::declval<U&>().put(std::declval<Op&>(), std::string_view(),
                                         std::string_view()),
                  decltype(z4j_scheduler::put)()) {
    return
        [](z4j_instance* i, z4j_op op, z4j_str schedule, z4j_str etag, z4j_error* e) -> z4j_status {
          return answer_once<U>(i, op, e,
                                [&](Op& o) { box<U>(i)->obj.put(o, view(schedule), view(etag)); });
        };
  }
  template <class>
  static constexpr decltype(z4j_scheduler::put) put_of(long) {
    return nullptr;
  }

  template <class U>
  static constexpr auto remove_of(int)
      -> decltype(std::declval<U&>().remove(std::declval<Op&>(), std::string_view(),
                                            std::string_view()),
                  decltype(z4j_scheduler::remove)()) {
    return [](z4j_instance* i, z4j_op op, z4j_str id, z4j_str etag, z4j_error* e) -> z4j_status {
      return answer_once<U>(i, op, e,
                            [&](Op& o) { box<U>(i)->obj.remove(o, view(id), view(etag)); });
    };
  }
  template <class>
  static constexpr decltype(z4j_scheduler::remove) remove_of(long) {
    return nullptr;
  }

  template <class U>
  static constexpr auto trigger_of(int)
      -> decltype(std::declval<U&>().trigger(std::declval<Op&>(), std::string_view()),
                  decltype(z4j_scheduler::trigger)()) {
    return [](z4j_instance* i, z4j_op op, z4j_str id, z4j_error* e) -> z4j_status {
      return answer_once<U>(i, op, e, [&](Op& o) { box<U>(i)->obj.trigger(o, view(id)); });
    };
  }
  template <class>
  static constexpr decltype(z4j_scheduler::trigger) trigger_of(long) {
    return nullptr;
  }

  template <class U>
  static constexpr auto preview_of(int)
      -> decltype(std::declval<U&>().preview(std::string_view(), int64_t(),
                                             std::declval<int64_t*>(), uint32_t()),
                  decltype(z4j_scheduler::preview)()) {
    return [](z4j_instance* i, z4j_str schedule, int64_t from_us, int64_t* out, uint32_t* n,
              z4j_error* e) -> z4j_status {
      return guard(e, [&]() -> z4j_status {
        const int64_t from = std::clamp(from_us, kFirstUs, kLastUs);
        *n = box<U>(i)->obj.preview(view(schedule), from, out, *n);
        return Z4J_OK;
      });
    };
  }
  template <class>
  static constexpr decltype(z4j_scheduler::preview) preview_of(long) {
    return nullptr;
  }

  static constexpr z4j_scheduler table(z4j_str name) {
    return z4j_scheduler{sizeof(z4j_scheduler),
                         0,
                         name,
                         &capabilities,
                         list_of<T>(0),
                         put_of<T>(0),
                         remove_of<T>(0),
                         trigger_of<T>(0),
                         preview_of<T>(0)};
  }
};

// --- sending a task -----------------------------------------------------------------------------

struct Submission {
  std::string project;  // slug; "": the instance's own
  std::string engine, task;
  std::string queue, priority;         // "": the engine's own
  std::string args_json, kwargs_json;  // "": none
  std::string idempotency_key;         // the same key sends nothing twice
  std::string more_json;               // "": none; "headers" and "periodic_task_name" of ENQUEUE
  int64_t eta_us = 0;                  // 0: at once
  uint32_t deadline_ms = 0;            // 0: the host's default
};

// Copyable; valid as long as the Host it was made from.
class Submit {
 public:
  // Throws Error (Z4J_UNSUPPORTED) when this host has no such service.
  explicit Submit(Host host)
      : ctx_(host.raw()->ctx),
        table_(static_cast<const z4j_submit*>(host.service(Z4J_SERVICE_SUBMIT))) {
    if (!Z4J_HAS(table_, z4j_submit, submit))
      throw Error(Z4J_UNSUPPORTED, "this host has no service " Z4J_SERVICE_SUBMIT);
  }

  // Any thread, returns at once. `done` is called exactly once, on a thread of the host, and must
  // not throw; the answer is gone when it returns. Throws Error when the host does not take it:
  // then `done` is never called, and nothing was sent.
  void send(const Submission& asked,
            std::function<void(z4j_status, std::string_view answer_json)> done) const {
    z4j_submission s;
    std::memset(&s, 0, sizeof s);
    s.struct_size = sizeof s;
    s.deadline_ms = asked.deadline_ms;
    s.project = str(asked.project);
    s.engine = str(asked.engine);
    s.task = str(asked.task);
    s.queue = str(asked.queue);
    s.priority = str(asked.priority);
    s.args_json = str(asked.args_json);
    s.kwargs_json = str(asked.kwargs_json);
    s.idempotency_key = str(asked.idempotency_key);
    s.eta_us = asked.eta_us;
    s.more_json = str(asked.more_json);
    using Done = std::function<void(z4j_status, std::string_view)>;
    auto kept = std::make_unique<Done>(std::move(done));
    z4j_error e = empty_error();
    const z4j_status st = table_->submit(
        ctx_, &s,
        [](void* arg, z4j_status status, z4j_str answer) {
          const std::unique_ptr<Done> f(static_cast<Done*>(arg));
          (*f)(status, view(answer));
        },
        kept.get(), &e);
    if (st != Z4J_PENDING) throw Error(st, e.message, e.where, e.retry_after_ms);
    (void)kept.release();
  }

 private:
  void* ctx_;
  const z4j_submit* table_;
};

// --- the schedules that the kernel keeps --------------------------------------------------------

// Copyable; valid as long as the Host it was made from. Everything but now_us() and watch() blocks
// on the store. Any thread. Throws Error with the store's code, Z4J_UNAVAILABLE while it is away.
class ScheduleStore {
 public:
  // Throws Error (Z4J_UNSUPPORTED) when this host has no such service.
  explicit ScheduleStore(Host host)
      : ctx_(host.raw()->ctx),
        table_(static_cast<const z4j_schedule_store*>(host.service(Z4J_SERVICE_SCHEDULE_STORE))) {
    if (!Z4J_HAS(table_, z4j_schedule_store, fire))
      throw Error(Z4J_UNSUPPORTED, "this host has no service " Z4J_SERVICE_SCHEDULE_STORE);
  }

  // Where a page ended: its last row's time and id. No id: from that time on.
  struct Place {
    int64_t us = 0;
    const uint8_t* id = nullptr;
  };
  // Of each row, valid during the call; false ends it. What it throws comes out of the call.
  using Each = std::function<bool(const z4j_stored_schedule&)>;

  int64_t now_us() const noexcept { return table_->now_us(ctx_); }

  // The fence; none: somebody else leads.
  std::optional<uint64_t> lead(uint32_t ttl_ms) const {
    uint64_t fence = 0;
    if (!is_mine([&](z4j_error* e) { return table_->lead(ctx_, ttl_ms, &fence, e); }))
      return std::nullopt;
    return fence;
  }
  void resign(uint64_t fence) const noexcept { table_->resign(ctx_, fence); }

  void due(int64_t until_us, Place after, uint32_t limit, const Each& each) const {
    page(each, [&](const z4j_schedule_rows* rows, z4j_error* e) {
      return table_->due(ctx_, until_us, after.us, after.id, limit, rows, e);
    });
  }
  void changed(Place since, uint32_t limit, const Each& each) const {
    page(each, [&](const z4j_schedule_rows* rows, z4j_error* e) {
      return table_->changed(ctx_, since.us, since.id, limit, rows, e);
    });
  }
  // `ids`: 16 bytes each, at most 1,000. Those that are gone come with is_deleted.
  void read(const uint8_t* ids, uint32_t count, const Each& each) const {
    page(each, [&](const z4j_schedule_rows* rows, z4j_error* e) {
      return table_->read(ctx_, ids, count, rows, e);
    });
  }

  // fn(arg, id) after an edit, on any brain; id null: look at all. fn null ends it, and none comes
  // after that returned. fn is quick and calls nothing back.
  void watch(void (*fn)(void* arg, const uint8_t* id), void* arg) const {
    const z4j_status st = table_->watch(ctx_, fn, arg);
    if (st != Z4J_OK) throw Error(st, "the host does not tell of edits");
  }

  // One outcome each. False: the fence is over, nothing happened.
  bool plan(uint64_t fence, const std::vector<z4j_plan>& plans,
            std::vector<uint8_t>& outcomes) const {
    outcomes.assign(plans.size(), 0);
    return is_mine([&](z4j_error* e) {
      return table_->plan(ctx_, fence, plans.data(), static_cast<uint32_t>(plans.size()),
                          outcomes.data(), e);
    });
  }
  bool fire(uint64_t fence, const std::vector<z4j_fire>& fires,
            std::vector<uint8_t>& outcomes) const {
    outcomes.assign(fires.size(), 0);
    return is_mine([&](z4j_error* e) {
      return table_->fire(ctx_, fence, fires.data(), static_cast<uint32_t>(fires.size()),
                          outcomes.data(), e);
    });
  }

 private:
  struct Page {
    const Each* each;
    std::exception_ptr thrown;
  };

  template <class F>
  void page(const Each& each, F&& call) const {
    Page page{&each, nullptr};
    const z4j_schedule_rows rows{sizeof(z4j_schedule_rows), 0, &page,
                                 [](void* ctx, const z4j_stored_schedule* row) -> z4j_status {
                                   auto& to = *static_cast<Page*>(ctx);
                                   try {
                                     return (*to.each)(*row) ? Z4J_OK : Z4J_END;
                                   } catch (...) {
                                     to.thrown = std::current_exception();
                                     return Z4J_END;
                                   }
                                 }};
    z4j_error e = empty_error();
    const z4j_status st = call(&rows, &e);
    if (page.thrown) std::rethrow_exception(page.thrown);
    if (st != Z4J_OK && st != Z4J_END) throw Error(st, e.message, e.where, e.retry_after_ms);
  }

  template <class F>
  bool is_mine(F&& call) const {
    z4j_error e = empty_error();
    const z4j_status st = call(&e);
    if (st == Z4J_CONFLICT) return false;
    if (st != Z4J_OK) throw Error(st, e.message, e.where, e.retry_after_ms);
    return true;
  }

  void* ctx_;
  const z4j_schedule_store* table_;
};

}  // namespace z4j

// A whole scheduler plugin of one class. needs_: host services that it can't do without, by id,
// spaces between; one of the kernel's store names Z4J_SERVICE_SCHEDULE_STORE.
#define Z4J_SCHEDULER_PLUGIN(T, id_, version_, name_, summary_, scheduler_name_, schema_, needs_) \
  namespace {                                                                                     \
  constexpr z4j_scheduler z4j_scheduler_of_this_file =                                            \
      ::z4j::SchedulerGlue<T>::table(::z4j::lit(scheduler_name_));                                \
  const void* z4j_interface_of_this_file(z4j_str id) {                                            \
    return ::z4j::same(id, Z4J_IFACE_SCHEDULER) ? &z4j_scheduler_of_this_file : nullptr;          \
  }                                                                                               \
  }                                                                                               \
  Z4J_DESCRIPTOR_OF_NEEDS(T, id_, version_, name_, summary_, "scheduler", schema_, 0, needs_,     \
                          z4j_interface_of_this_file)                                             \
  Z4J_PLUGIN_ENTRY(z4j_descriptor_of_this_file)

#endif
