// engine-toy: an engine whose broker is a folder of files. The smallest whole engine.
#include <z4j/json.hpp>
#include <z4j/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr char kSettings[] =
    R"({"type": "object", "additionalProperties": false, "required": ["folder"], "properties": {
  "folder": {"type": "string", "minLength": 1, "maxLength": 4096,
             "description": "where tasks lie: NAME.task waits, NAME.done and NAME.failed are over"}}})";

constexpr char kQueue[] = "folder";
constexpr std::uint32_t kLookEveryMs = 500;
constexpr std::int64_t kMostItems = 500;
constexpr std::size_t kMostTasks = 100'000;

// All that the contract knows; what is missing in kCan is impossible here.
constexpr std::string_view kActions[] = {
    "submit_task",         "retry_task",        "retry_edited",    "bulk_retry",
    "cancel_waiting",      "terminate_running", "purge_queue",     "purge_with_copy",
    "requeue_dead_letter", "rate_limit",        "time_limit",      "pool_resize",
    "autoscale",           "add_consumer",      "cancel_consumer", "restart_worker",
    "shutdown_worker",     "pause_queue",       "pause_engine",    "list_queues",
    "list_waiting",        "list_workers",      "task_registry",   "reconcile_task",
    "result_value",        "delete_task"};
constexpr std::string_view kCan[] = {"submit_task", "cancel_waiting", "list_queues", "list_waiting",
                                     "reconcile_task"};

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Names of files, never paths.
bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 100 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

struct Task {
  std::string name, state;  // state: the file's ending
};

class ToyEngine {
 public:
  ToyEngine(z4j::Host host, std::string_view settings_json) : host_(host) {
    folder_ = z4j::json::Reader(settings_json).text("/folder");
    if (folder_.empty()) throw z4j::Error(Z4J_BAD_CONFIG, "folder is missing", "/folder");
  }

  void start() {
    if (!fs::is_directory(folder_))
      throw z4j::Error(Z4J_UNAVAILABLE, "there is no folder " + folder_.string() + ": make it");
    look();
  }
  // What was posted is dropped by the host, and every operation is answered at once.
  void stop(std::uint32_t) {}

  std::uint64_t capabilities() const {
    return Z4J_ENGINE_EVENTS | Z4J_ENGINE_SNAPSHOT | Z4J_ENGINE_ENQUEUE | Z4J_ENGINE_REVOKE;
  }

  void command(z4j::Op& op, std::uint64_t verb, std::string_view target,
               std::string_view args_json) {
    const z4j::json::Reader args(args_json);
    switch (verb) {
      case Z4J_ENGINE_ENQUEUE:
        return op.ok(enqueue(target, args.text("/task_id")));
      case Z4J_ENGINE_REVOKE:
        return op.ok(revoke(target));
      default:
        throw z4j::Error(Z4J_UNSUPPORTED, "a folder can't do that");
    }
  }

  void snapshot(z4j::Op& op, std::string_view what, std::string_view page_json) {
    const z4j::json::Reader page(page_json);
    std::vector<std::string> items;
    if (what == "queues") {
      items.push_back(R"({"name":"folder","pending":)" + std::to_string(waiting().size()) +
                      R"(,"paused":false,"broker_type":"folder"})");
    } else if (what == "waiting") {
      if (page.text("/queue", kQueue) == kQueue) items = waiting();
    } else if (what == "state") {
      items = states(page);
    } else if (what == "abilities") {
      items = abilities();
    } else if (what != "workers" && what != "registry") {  // nobody knows who runs the files
      throw z4j::Error(Z4J_UNSUPPORTED, "a folder can't show that");
    }
    op.ok(paged(items, page));
  }

 private:
  // NAME -> task, of all files there.
  std::map<std::string, Task> tasks() const {
    std::map<std::string, Task> out;
    std::error_code ec;
    for (fs::directory_iterator at(folder_, ec), end; !ec && at != end; at.increment(ec)) {
      const std::string id = at->path().stem().string(), ending = at->path().extension().string();
      if (!is_id(id) || out.size() == kMostTasks) continue;
      if (ending != ".task" && ending != ".done" && ending != ".failed") continue;
      std::string name;
      std::getline(std::ifstream(at->path()), name);
      // What is written there is anybody's: only plain words become a task's name.
      out[id] = {is_id(name) ? name : "toy", ending};
    }
    if (ec) throw z4j::Error(Z4J_UNAVAILABLE, "the folder can't be read");
    return out;
  }

  // Tells what changed since the last look, and looks again later. Runs on the instance's strand.
  void look() {
    try {
      std::map<std::string, Task> now = tasks();
      z4j::BatchBuilder batch;
      for (const auto& [id, task] : now) {
        const auto before = known_.find(id);
        if (before != known_.end() && before->second.state == task.state) continue;
        batch.begin_row(now_us(), task.state == ".task"   ? Z4J_EV_SENT
                                  : task.state == ".done" ? Z4J_EV_SUCCEEDED
                                                          : Z4J_EV_FAILED);
        batch.engine("toy");
        batch.task_id(id);
        batch.task(task.name);
        batch.queue(kQueue);
      }
      z4j_error error = z4j::empty_error();
      // A host that is busy gets the same changes at the next look: they are known only once told.
      if (batch.rows() == 0 || host_.emit(batch.batch(), error) == Z4J_OK) known_ = std::move(now);
      host_.health(Z4J_HEALTH_OK, "");
    } catch (const z4j::Error& error) {
      host_.health(Z4J_HEALTH_FAILING, error.what());
    }
    const z4j_host* const raw = host_.raw();
    raw->post(
        raw->ctx, kLookEveryMs, [](void* self) { static_cast<ToyEngine*>(self)->look(); }, nullptr,
        this);
  }

  std::string enqueue(std::string_view name, const std::string& wanted_id) {
    const std::string id = wanted_id.empty() ? "t" + std::to_string(now_us()) : wanted_id;
    if (!is_id(name) || !is_id(id))
      throw z4j::Error(Z4J_INVALID, "a task's name and id are letters, digits, - and _ here");
    const fs::path file = folder_ / (id + ".task"), draft = folder_ / ("." + id);
    std::ofstream out(draft);
    out << name << '\n';
    out.close();
    std::error_code ec;
    fs::rename(draft, file, ec);
    if (!out || ec) throw z4j::Error(Z4J_IO, "the folder takes no file");
    return R"({"outcome":"done","new_task_id":)" + z4j::json::quoted(id) + "}";
  }

  std::string revoke(std::string_view id) {
    std::error_code ec;
    if (is_id(id) && fs::remove(folder_ / (std::string(id) + ".task"), ec) && !ec)
      return R"({"outcome":"done","was":"waiting","removed_from_queue":1})";
    return R"({"outcome":"refused","reason":"it does not wait here"})";
  }

  std::vector<std::string> waiting() const {
    std::vector<std::string> items;
    for (const auto& [id, task] : tasks()) {
      if (task.state != ".task") continue;
      items.push_back(R"({"task_id":)" + z4j::json::quoted(id) + R"(,"name":)" +
                      z4j::json::quoted(task.name) + R"(,"queue":"folder","position":)" +
                      std::to_string(items.size()) + "}");
    }
    return items;
  }

  std::vector<std::string> states(const z4j::json::Reader& page) const {
    const std::map<std::string, Task> all = tasks();
    std::vector<std::string> items;
    for (const std::string_view item : page.items("/task_ids")) {
      if (item.front() != '"' || items.size() == kMostItems) continue;
      const std::string id = z4j::json::Reader(item).text("");
      const auto at = all.find(id);
      const std::string state = at == all.end()               ? "unknown"
                                : at->second.state == ".task" ? "pending"
                                : at->second.state == ".done" ? "success"
                                                              : "failure";
      items.push_back(R"({"task_id":)" + z4j::json::quoted(id) + R"(,"state":")" + state +
                      R"(","evidence":"the file in the folder"})");
    }
    return items;
  }

  static std::vector<std::string> abilities() {
    std::vector<std::string> items;
    for (const std::string_view action : kActions) {
      const bool can = std::find(std::begin(kCan), std::end(kCan), action) != std::end(kCan);
      items.push_back(
          R"({"action":")" + std::string(action) +
          (can ? R"(","how":"native","available":true})"
               : R"(","how":"impossible","available":false,"reason":"a folder can't do that"})"));
    }
    return items;
  }

  // The page that is asked for; the cursor is the place of its first item.
  static std::string paged(const std::vector<std::string>& items, const z4j::json::Reader& page) {
    const std::int64_t limit =
        std::clamp<std::int64_t>(page.integer("/limit", kMostItems), 1, kMostItems);
    const std::string cursor = page.text("/cursor");
    std::size_t at = 0;
    if (!cursor.empty()) {
      if (cursor.size() > 9 || cursor.find_first_not_of("0123456789") != std::string::npos)
        throw z4j::Error(Z4J_INVALID, "the cursor is none of ours", "/cursor");
      at = std::stoul(cursor);
    }
    std::string out = R"({"items":[)";
    const std::size_t end = std::min(items.size(), at + static_cast<std::size_t>(limit));
    for (std::size_t i = at; i < end; ++i) out += (i > at ? "," : "") + items[i];
    return out + R"(],"next":)" +
           (end < items.size() ? "\"" + std::to_string(end) + "\"" : "null") + "}";
  }

  z4j::Host host_;
  fs::path folder_;
  std::map<std::string, Task> known_;  // as told
};

}  // namespace

Z4J_ENGINE_PLUGIN(ToyEngine, "org.example.engine-toy", "1.0.0", "Toy engine",
                  "Tasks are files in a folder.", "toy", kSettings)
