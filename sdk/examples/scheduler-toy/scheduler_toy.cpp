// scheduler-toy: a scheduler whose schedules are lines of a file. The smallest whole scheduler.
#include <z4j/json.hpp>
#include <z4j/scheduler.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr char kSettings[] =
    R"({"type": "object", "additionalProperties": false, "required": ["file"], "properties": {
  "file": {"type": "string", "minLength": 1, "maxLength": 4096,
           "description": "one schedule a line: name, seconds, on or off, engine, task, with tabs between"}}})";

constexpr std::int64_t kMostItems = 500, kMostSeconds = 366 * 86'400;
constexpr std::size_t kMostSchedules = 10'000, kMostName = 200;

struct Schedule {
  std::string name, engine, task;
  std::int64_t seconds = 0;
  bool is_enabled = false;

  std::string line() const {
    return name + "\t" + std::to_string(seconds) + "\t" + (is_enabled ? "on" : "off") + "\t" +
           engine + "\t" + task;
  }
  // Changes when anything of the line does.
  std::string etag() const { return std::to_string(std::hash<std::string>{}(line())); }
  std::string json() const {
    const auto text = [](std::string_view s) { return z4j::json::quoted(s); };
    return R"({"id":)" + text(name) + R"(,"etag":)" + text(etag()) + R"(,"name":)" + text(name) +
           R"(,"engine":)" + text(engine) + R"(,"task":)" + text(task) +
           R"(,"args":[],"kwargs":{},"kind":"interval","expression":)" +
           text(std::to_string(seconds)) + R"(,"timezone":"UTC","is_enabled":)" +
           (is_enabled ? "true" : "false") +
           R"(,"read_only":false,"capabilities":["update","delete","enable","trigger"]})";
  }
};

// "300", "30s", "5m", "2h", "1d" in seconds. Throws for anything else.
std::int64_t seconds_of(std::string_view expression) {
  std::int64_t n = 0;
  const char* const end = expression.data() + expression.size();
  const auto [at, error] = std::from_chars(expression.data(), end, n);
  const std::string_view unit(at, static_cast<std::size_t>(end - at));
  const std::int64_t each = unit.empty() || unit == "s" ? 1
                            : unit == "m"               ? 60
                            : unit == "h"               ? 3600
                            : unit == "d"               ? 86'400
                                                        : 0;
  if (error != std::errc() || each == 0 || n < 1 || n > kMostSeconds / each)
    throw z4j::Error(Z4J_INVALID,
                     "an interval is a number of seconds, or one with s, m, h or d behind it",
                     "/expression");
  return n * each;
}

std::string word_of(const z4j::json::Reader& schedule, const char* pointer,
                    std::string_view fallback) {
  const std::string word(schedule.text(pointer, fallback));
  if (word.empty() || word.size() > kMostName || std::any_of(word.begin(), word.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      })) {
    throw z4j::Error(Z4J_INVALID, "a text of 1 to 200 bytes without control characters is expected",
                     pointer);
  }
  return word;
}

class ToyScheduler {
 public:
  ToyScheduler(z4j::Host host, std::string_view settings_json)
      : host_(host), file_(z4j::json::Reader(settings_json).text("/file")) {
    if (file_.empty()) throw z4j::Error(Z4J_BAD_CONFIG, "file is missing", "/file");
  }

  void start() {
    if (!fs::is_directory(file_.parent_path()))
      throw z4j::Error(Z4J_UNAVAILABLE,
                       "there is no folder " + file_.parent_path().string() + ": make it");
    submit_ = std::make_unique<z4j::Submit>(host_);
  }
  void stop(std::uint32_t) { submit_.reset(); }

  std::uint64_t capabilities() const {
    return Z4J_SCHED_READ | Z4J_SCHED_WRITE | Z4J_SCHED_TRIGGER | Z4J_SCHED_INTERVAL;
  }

  void list(z4j::Op& op, std::string_view page_json) {
    const z4j::json::Reader page(page_json);
    const std::int64_t limit =
        std::clamp<std::int64_t>(page.integer("/limit", kMostItems), 1, kMostItems);
    const std::string behind(page.text("/cursor"));  // the last name of the page before
    const std::vector<std::string_view> wanted = page.items("/ids");
    std::string items, next = "null", last;
    std::int64_t n = 0;
    for (const Schedule& s : read()) {
      const auto is_it = [&](std::string_view id) {
        return id.front() == '"' && z4j::json::Reader(id).text("") == s.name;
      };
      if (s.name <= behind ||
          (page.has("/ids") && std::none_of(wanted.begin(), wanted.end(), is_it)))
        continue;
      if (n == limit) {
        next = z4j::json::quoted(last);
        break;
      }
      items += (n++ > 0 ? "," : "") + s.json();
      last = s.name;
    }
    op.ok(R"({"items":[)" + items + R"(],"next":)" + next + "}");
  }

  void put(z4j::Op& op, std::string_view schedule_json, std::string_view etag) {
    const z4j::json::Reader wanted(schedule_json);
    std::vector<Schedule> all = read();
    Schedule s;
    const auto at = std::find_if(all.begin(), all.end(), [&](const Schedule& each) {
      return each.name == wanted.text(etag.empty() ? "/name" : "/id");
    });
    if (etag.empty() && at != all.end())
      throw z4j::Error(Z4J_CONFLICT, "there is a schedule of that name", "/name");
    if (!etag.empty()) {
      if (at == all.end()) throw z4j::Error(Z4J_NOT_FOUND, "there is no such schedule", "/id");
      if (at->etag() != etag)
        throw z4j::Error(Z4J_CONFLICT, "it was edited meanwhile: read it again");
      s = *at;
    }
    if (wanted.text("/kind", "interval") != "interval")
      throw z4j::Error(Z4J_INVALID, "this scheduler knows intervals only", "/kind");
    const std::string name = word_of(wanted, "/name", s.name);
    if (!etag.empty() && name != s.name)
      throw z4j::Error(Z4J_INVALID, "a schedule keeps its name here", "/name");
    s.name = name;
    s.engine = word_of(wanted, "/engine", s.engine);
    s.task = word_of(wanted, "/task", s.task);
    s.seconds = seconds_of(wanted.text("/expression", std::to_string(s.seconds)));
    s.is_enabled = wanted.boolean("/is_enabled", s.is_enabled);
    if (etag.empty()) {
      if (all.size() == kMostSchedules)
        throw z4j::Error(Z4J_TOO_LARGE, "the file holds 10,000 schedules");
      all.push_back(s);
    } else {
      *at = s;
    }
    write(all);
    op.ok(R"({"schedule":)" + s.json() + "}");
  }

  void remove(z4j::Op& op, std::string_view id, std::string_view etag) {
    std::vector<Schedule> all = read();
    const auto at = named(all, id);
    if (at->etag() != etag)
      throw z4j::Error(Z4J_CONFLICT, "it was edited meanwhile: read it again");
    all.erase(at);
    write(all);
    op.ok("{}");
  }

  void trigger(z4j::Op& op, std::string_view id) {
    std::vector<Schedule> all = read();
    const auto at = named(all, id);
    z4j::Submission task;
    task.engine = at->engine;
    task.task = at->task;
    // Each press of the button is a task of its own.
    const auto now = std::chrono::system_clock::now().time_since_epoch().count();
    task.idempotency_key = "toy-" + std::to_string(now) + "-" + std::to_string(op.id());
    // The host calls back once, at the latest when the instance stops.
    auto owed = std::make_shared<z4j::Op>(std::move(op));
    submit_->send(task, [owed](z4j_status status, std::string_view answer) {
      if (status == Z4J_OK) return owed->ok(answer);
      owed->fail(status, "the task was not sent");
    });
  }

  std::uint32_t preview(std::string_view schedule_json, std::int64_t from_us, std::int64_t* out,
                        std::uint32_t most) const {
    const z4j::json::Reader schedule(schedule_json);
    if (schedule.text("/kind") != "interval")
      throw z4j::Error(Z4J_INVALID, "this scheduler knows intervals only", "/kind");
    const std::int64_t step = seconds_of(schedule.text("/expression")) * 1'000'000;
    // Times are multiples of the interval since 1970, so that everybody counts alike.
    std::int64_t due = from_us / step * step;
    if (from_us < 0 && due != from_us && due > std::numeric_limits<std::int64_t>::min() + step)
      due -= step;
    std::uint32_t n = 0;
    while (n < most && due <= std::numeric_limits<std::int64_t>::max() - step) {
      due += step;
      if (due > from_us) out[n++] = due;
    }
    return n;
  }

 private:
  static std::vector<Schedule>::iterator named(std::vector<Schedule>& all, std::string_view id) {
    const auto at =
        std::find_if(all.begin(), all.end(), [&](const Schedule& s) { return s.name == id; });
    if (at == all.end()) throw z4j::Error(Z4J_NOT_FOUND, "there is no such schedule");
    return at;
  }

  // By name. A line that is none of ours fails the whole: a page never leaves schedules out.
  std::vector<Schedule> read() const {
    std::vector<Schedule> all;
    if (!fs::exists(file_)) return all;
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) {
      std::vector<std::string> parts(1);
      for (const char c : line) {
        if (c == '\t')
          parts.emplace_back();
        else
          parts.back() += c;
      }
      if (parts.size() != 5 || all.size() == kMostSchedules)
        throw z4j::Error(Z4J_CORRUPT,
                         "the file of schedules is damaged at \"" + parts[0].substr(0, 40) + "\"");
      all.push_back({parts[0], parts[3], parts[4], seconds_of(parts[1]), parts[2] == "on"});
    }
    if (in.bad()) throw z4j::Error(Z4J_UNAVAILABLE, "the file of schedules can't be read");
    std::sort(all.begin(), all.end(),
              [](const Schedule& a, const Schedule& b) { return a.name < b.name; });
    return all;
  }

  void write(const std::vector<Schedule>& all) const {
    const fs::path draft = file_.string() + ".new";
    std::ofstream out(draft);
    for (const Schedule& s : all) out << s.line() << '\n';
    out.close();
    std::error_code ec;
    fs::rename(draft, file_, ec);
    if (!out || ec) throw z4j::Error(Z4J_IO, "the file of schedules can't be written");
  }

  z4j::Host host_;
  fs::path file_;
  std::unique_ptr<z4j::Submit> submit_;
};

}  // namespace

Z4J_SCHEDULER_PLUGIN(ToyScheduler, "org.example.scheduler-toy", "1.0.0", "Toy scheduler",
                     "Schedules are lines of a file.", "toy", kSettings, Z4J_SERVICE_SUBMIT)
