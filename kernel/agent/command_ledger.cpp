#include "agent/command_ledger.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/json.hpp"

namespace z4j::agent {
namespace {

namespace json = base::json;

constexpr std::size_t kMostEntries = 10'000;
constexpr std::size_t kMostFileBytes = std::size_t{64} << 20;
constexpr std::size_t kKeptPayload = 2048;  // of a result that was told
constexpr std::size_t kSlackLines = 1000;
constexpr std::int64_t kToldAgainMs = 10'000;

std::string line_of(const std::string& id, base::TimeUs at, const char* state,
                    const std::string& payload) {
  json::Object line{{"id", id}, {"at", at}, {"state", state}};
  if (!payload.empty()) line["payload"] = payload;
  return json::write(line) + "\n";
}

bool write_line(int fd, std::string_view line) {
  // One write: a line is whole or torn at the end of the file, never mixed.
  return ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

CommandLedger::CommandLedger(std::string path, const base::Clock& clock, base::Log& log)
    : path_(std::move(path)), clock_(clock), log_(log) {}

CommandLedger::~CommandLedger() {
  if (file_ >= 0) ::close(file_);
}

base::Result<std::unique_ptr<CommandLedger>> CommandLedger::open(std::string path,
                                                                 const base::Clock& clock,
                                                                 base::Log& log) {
  std::unique_ptr<CommandLedger> ledger(new CommandLedger(std::move(path), clock, log));
  if (auto loaded = ledger->load(); !loaded) return loaded.error();
  return ledger;
}

base::Status CommandLedger::load() {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0) {
    std::string text;
    char bytes[65536];
    ssize_t n = 0;
    while (text.size() < kMostFileBytes && (n = ::read(fd, bytes, sizeof bytes)) > 0)
      text.append(bytes, static_cast<std::size_t>(n));
    ::close(fd);
    std::string_view left = text;
    for (std::size_t end = 0; (end = left.find('\n')) != std::string_view::npos;) {
      take_line(left.substr(0, end));
      left.remove_prefix(end + 1);
    }
    forget_old();
  }
  if (rewrite()) return {};
  return base::Error{
      .code = base::Code::bad_config,
      .message = std::string("can't keep what became of commands: ") + std::strerror(errno),
      .where = path_,
      .hint = "make its folder writable for this user"};
}

void CommandLedger::take_line(std::string_view line) {
  const auto value = json::parse(line);
  if (!value || !value->is_object()) return;
  const json::Object& told = value->get_object();
  const std::string id(json::text(told, "id"));
  const std::string_view state = json::text(told, "state");
  if (id.empty()) return;
  const auto [at, is_new] = entries_.try_emplace(id);
  if (is_new) {
    order_.push_back(id);
    at->second.at = json::integer(told, "at");
  }
  Entry& entry = at->second;
  entry.is_finished = entry.is_finished || state == "finished" || state == "sent";
  entry.is_sent = entry.is_sent || state == "sent";
  if (told.contains("payload")) entry.payload = std::string(json::text(told, "payload"));
}

void CommandLedger::forget_old() {
  const base::TimeUs horizon = clock_.now() - base::kDayUs;
  while (!order_.empty()) {
    const Entry& oldest = entries_.at(order_.front());
    if (order_.size() <= kMostEntries && (oldest.at >= horizon || !oldest.is_finished)) return;
    entries_.erase(order_.front());
    order_.pop_front();
  }
}

bool CommandLedger::append(const std::string& id, const Entry& entry) {
  const char* state = entry.is_sent ? "sent" : entry.is_finished ? "finished" : "begun";
  const bool with_payload = entry.is_finished && !entry.is_sent;
  const bool done =
      file_ >= 0 &&
      write_line(file_, line_of(id, entry.at, state, with_payload ? entry.payload : std::string()));
  if (!done && !is_failing_)
    log_.error("what became of commands can't be kept",
               {{"file", path_}, {"why", std::strerror(errno)}});
  is_failing_ = !done;
  if (done && ++lines_ > 3 * entries_.size() + kSlackLines) {
    forget_old();
    (void)rewrite();
  }
  return done;
}

bool CommandLedger::rewrite() {
  const std::string next = path_ + ".new";
  const int fd =
      ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  bool is_good = true;
  for (const std::string& id : order_) {
    const Entry& entry = entries_.at(id);
    const char* state = entry.is_sent ? "sent" : entry.is_finished ? "finished" : "begun";
    is_good = is_good && write_line(fd, line_of(id, entry.at, state, entry.payload));
  }
  is_good = is_good && ::fdatasync(fd) == 0 && ::rename(next.c_str(), path_.c_str()) == 0;
  if (!is_good) {
    const int why = errno;
    ::close(fd);
    ::unlink(next.c_str());
    errno = why;
    return false;
  }
  if (file_ >= 0) ::close(file_);
  file_ = fd;
  lines_ = order_.size();
  return true;
}

CommandLedger::Seen CommandLedger::begin(const std::string& id) {
  if (const auto at = entries_.find(id); at != entries_.end()) {
    if (at->second.is_finished) return Seen::finished;
    return at->second.is_ours ? Seen::running : Seen::interrupted;
  }
  Entry entry;
  entry.at = clock_.now();
  entry.is_ours = true;
  if (!append(id, entry)) return Seen::not_kept;
  entries_.emplace(id, std::move(entry));
  order_.push_back(id);
  forget_old();
  return Seen::fresh;
}

void CommandLedger::finish(const std::string& id, std::string payload) {
  const auto at = entries_.find(id);
  if (at == entries_.end()) return;
  at->second.is_finished = true;
  at->second.payload = std::move(payload);
  (void)append(id, at->second);
}

std::optional<std::string> CommandLedger::result(const std::string& id) const {
  const auto at = entries_.find(id);
  if (at == entries_.end() || !at->second.is_finished) return std::nullopt;
  return at->second.payload;
}

std::vector<std::pair<std::string, std::string>> CommandLedger::unsent() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& id : order_) {
    const Entry& entry = entries_.at(id);
    if (entry.is_finished && !entry.is_sent) out.emplace_back(id, entry.payload);
  }
  return out;
}

void CommandLedger::sent(const std::string& id) {
  const auto at = entries_.find(id);
  if (at == entries_.end() || !at->second.is_finished) return;
  at->second.is_sent = true;
  at->second.sent_ms = clock_.steady_ms();
  (void)append(id, at->second);
}

void CommandLedger::connection_lost() {
  const std::int64_t now = clock_.steady_ms();
  for (auto& [id, entry] : entries_) {
    if (entry.is_sent && entry.is_ours && now - entry.sent_ms < kToldAgainMs) entry.is_sent = false;
    if (entry.is_sent && entry.payload.size() > kKeptPayload)
      entry.payload = R"({"status":"success","result":{"deduplicated":true},"error":null})";
  }
}

}  // namespace z4j::agent
