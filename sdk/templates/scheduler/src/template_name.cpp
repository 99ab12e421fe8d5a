// template-name: lists the schedules of a file, each line: ID NAME SECONDS ENGINE TASK.
//
// Put your scheduler's own store where the file is. Without put() and remove() its schedules are
// shown and not edited; add them when your store can take a change safely.
#include <z4j/json.hpp>
#include <z4j/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr char kSettings[] =
    R"({"type": "object", "additionalProperties": false, "required": ["path"],
  "properties": {
  "path": {"type": "string", "minLength": 1, "maxLength": 4000, "description": "the file of schedules"}}})";
constexpr std::size_t kMost = 10'000, kMostBytes = 4u << 20;  // schedules of one file, its bytes

int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct Line {
  std::string id, name, engine, task;
  int64_t seconds = 0;
};

class TemplateName {
 public:
  TemplateName(z4j::Host host, std::string_view settings_json)
      : host_(host), path_(z4j::json::Reader(settings_json).text("/path")) {}

  void start() { read(); }  // throws when the file can't be read
  void stop(uint32_t) {}

  uint64_t capabilities() const { return Z4J_SCHED_READ | Z4J_SCHED_TRIGGER | Z4J_SCHED_INTERVAL; }

  // Every schedule, or an error: what is missing is taken for gone. One page is enough here.
  void list(z4j::Op& op, std::string_view) {
    std::string items;
    for (const Line& line : read()) {
      const std::string seconds = std::to_string(line.seconds);
      items += items.empty() ? "" : ",";
      items += z4j::json::Writer()
                   .text("id", line.id)
                   .text("etag", line.name + "/" + seconds + "/" + line.engine + "/" + line.task)
                   .text("name", line.name)
                   .text("engine", line.engine)
                   .text("task", line.task)
                   .raw("args", "[]")
                   .raw("kwargs", "{}")
                   .text("kind", "interval")
                   .text("expression", seconds)
                   .text("timezone", "UTC")
                   .boolean("is_enabled", true)
                   .boolean("read_only", true)
                   .text("read_only_reason", "declared_in_code: it stands in " + path_)
                   .raw("capabilities", R"(["trigger"])")
                   .object();
    }
    op.ok(R"({"items":[)" + items + R"(],"next":null})");
  }

  // Sends the task now, through the engine that runs it.
  void trigger(z4j::Op& op, std::string_view id) {
    for (const Line& line : read()) {
      if (line.id != id) continue;
      z4j::Submission task;
      task.engine = line.engine;
      task.task = line.task;
      // Operations are numbered anew when the brain starts: the time tells them apart.
      task.idempotency_key = "trigger-" + std::to_string(op.id()) + "-" + std::to_string(now_us());
      const auto held = std::make_shared<z4j::Op>(std::move(op));
      try {
        z4j::Submit(host_).send(task, [held](z4j_status status, std::string_view answer) {
          if (status == Z4J_OK)
            held->ok(answer);
          else
            held->fail(status, "the task was not sent");
        });
      } catch (const z4j::Error& e) {
        held->fail(e.code, e.what(), e.retry_after_ms);
      }
      return;
    }
    throw z4j::Error(Z4J_NOT_FOUND, "there is no such schedule");
  }

  // The next due times behind from_us. A pure function: it comes from any thread, at any time.
  static uint32_t preview(std::string_view schedule_json, int64_t from_us, int64_t* out,
                          uint32_t most) {
    const std::string expression = z4j::json::Reader(schedule_json).text("/expression");
    char* end = nullptr;
    const int64_t seconds = std::strtoll(expression.c_str(), &end, 10);
    if (*end != '\0' || seconds < 1 || seconds > 366 * 86'400)
      throw z4j::Error(Z4J_INVALID, "expected a number of seconds", "/expression");
    const int64_t every_us = seconds * 1'000'000;
    constexpr int64_t kYear10000Us = 253'402'300'800'000'000;
    if (from_us > kYear10000Us) return 0;
    for (uint32_t i = 0; i < most; ++i) out[i] = (from_us / every_us + 1 + i) * every_us;
    return most;
  }

 private:
  std::vector<Line> read() const {
    std::ifstream file(path_);
    if (!file) throw z4j::Error(Z4J_IO, path_ + " can't be read: make it, or check its rights");
    std::string whole(kMostBytes + 1, '\0');
    file.read(whole.data(), static_cast<std::streamsize>(whole.size()));
    whole.resize(static_cast<std::size_t>(file.gcount()));
    if (whole.size() > kMostBytes) throw z4j::Error(Z4J_TOO_LARGE, path_ + " is larger than 4 MiB");
    std::vector<Line> out;
    std::istringstream lines(whole);
    for (std::string text; std::getline(lines, text);) {
      if (text.empty()) continue;
      std::istringstream words(text);
      Line line;
      if (!(words >> line.id >> line.name >> line.seconds >> line.engine >> line.task) ||
          line.seconds < 1)
        throw z4j::Error(Z4J_CORRUPT, path_ + ": a line is no schedule");
      if (out.size() == kMost) throw z4j::Error(Z4J_TOO_LARGE, path_ + " has over 10,000 lines");
      out.push_back(std::move(line));
    }
    return out;
  }

  z4j::Host host_;
  std::string path_;
};

}  // namespace

Z4J_SCHEDULER_PLUGIN(TemplateName, "org.example.template-name", "0.1.0", "template-name",
                     "Lists the schedules of a file.", "template-name", kSettings, "")
