// template-name: follows a file in which each line is an event of a task: ID NAME STATE.
//
// Put your broker where the file is: connect in start(), read on a thread of your own, emit in
// batches.
#include <z4j/json.hpp>
#include <z4j/plugin.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>

namespace {

constexpr char kSettings[] =
    R"({"type": "object", "additionalProperties": false, "required": ["path"],
  "properties": {
  "path": {"type": "string", "minLength": 1, "maxLength": 4000, "description": "the file to follow"},
  "every": {"type": "string", "format": "duration", "default": "1s",
            "description": "how often it is looked at"}}})";
constexpr std::string_view kEngine = "template-name";  // what the API calls it
// Ceilings: of one batch, of one line, and of what is read before anything else gets its turn.
constexpr uint32_t kMostRows = 1000;
constexpr std::size_t kMostLine = 4000, kMostBytesAtOnce = 1u << 20;
constexpr int64_t kLeastEveryMs = 10;

int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

uint16_t kind_of(std::string_view state) {
  if (state == "received") return Z4J_EV_RECEIVED;
  if (state == "started") return Z4J_EV_STARTED;
  if (state == "succeeded") return Z4J_EV_SUCCEEDED;
  if (state == "failed") return Z4J_EV_FAILED;
  return Z4J_EV_UNKNOWN;
}

class TemplateName {
 public:
  TemplateName(z4j::Host host, std::string_view settings_json) : host_(host) {
    const z4j::json::Reader settings(settings_json);
    path_ = settings.text("/path");
    every_ = std::chrono::milliseconds(std::max(settings.integer("/every", 1000), kLeastEveryMs));
  }

  void start() {
    file_.open(path_);
    if (!file_) throw z4j::Error(Z4J_IO, path_ + " can't be read: make it, or check its rights");
    thread_ = std::thread([this] { run(); });
  }
  void stop(uint32_t) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      is_stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  // What it can do, now: the API offers nothing else. Add a bit with the verb in command().
  uint64_t capabilities() const { return Z4J_ENGINE_EVENTS | Z4J_ENGINE_SNAPSHOT; }

  void command(z4j::Op&, uint64_t, std::string_view, std::string_view) {
    throw z4j::Error(Z4J_UNSUPPORTED, "a file takes no commands");
  }
  // Pages of docs/abi/engine.md. A file knows no workers and no queues.
  void snapshot(z4j::Op& op, std::string_view, std::string_view) {
    op.ok(R"({"items":[],"next":null})");
  }

 private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!is_stopping_) {
      lock.unlock();
      read();
      emit();
      lock.lock();
      wake_.wait_for(lock, every_, [this] { return is_stopping_; });
    }
  }
  // What is new in the file, up to a batch. While the host is busy nothing is read: the file waits.
  void read() {
    std::size_t left = kMostBytesAtOnce;
    while (batch_.rows() < kMostRows && read_line(left)) {
      const bool is_whole = line_.size() <= kMostLine;
      std::istringstream words(is_whole ? line_ : std::string());
      std::string id, name, state;
      if (!(words >> id >> name >> state) || kind_of(state) == Z4J_EV_UNKNOWN) {
        host_.warn(is_whole ? "a line is no event" : "a line is too long",
                   z4j::json::Writer().text("line", line_.substr(0, 200)).object());
      } else {
        batch_.begin_row(now_us(), kind_of(state));
        batch_.engine(kEngine);
        batch_.task_id(id);
        batch_.task(name);
      }
      line_.clear();
    }
  }
  // False: the rest of the line is still to come. Of one that is too long the end is dropped.
  bool read_line(std::size_t& left) {
    for (char c; left > 0 && file_.get(c); --left) {
      if (c == '\n') return true;
      if (line_.size() <= kMostLine) line_ += c;
    }
    file_.clear();
    file_.seekg(0, std::ios::cur);  // some libraries read on behind an end only after a seek
    return false;
  }
  // The batch is kept until the host has copied it.
  void emit() {
    if (batch_.rows() == 0) return;
    z4j_error e = z4j::empty_error();
    const z4j_status st = host_.emit(batch_.batch(), e);
    if (st == Z4J_BUSY) return;
    if (st != Z4J_OK)
      host_.error("events were refused", z4j::json::Writer().text("why", e.message).object());
    batch_.clear();
  }

  z4j::Host host_;
  std::string path_;
  std::chrono::milliseconds every_{1000};
  std::ifstream file_;  // of the thread, once it runs, as are the next
  std::string line_;    // as much of the line as has come
  z4j::BatchBuilder batch_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool is_stopping_ = false;
};

}  // namespace

Z4J_ENGINE_PLUGIN(TemplateName, "org.example.template-name", "0.1.0", "template-name",
                  "Follows a file of events.", "template-name", kSettings)
