#include "src/job_stores.hpp"

#include <z4j/plugin.hpp>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace z4j::apscheduler {
namespace {

constexpr std::int64_t kMaxJobs = 100'000;

// KEYS: the hash, the sorted set. ARGV: the id, its state as it was read.
constexpr std::string_view kRemove = R"lua(
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1)lua";

class RedisJobs : public JobStore {
 public:
  explicit RedisJobs(const Settings& s)
      : redis_(s.redis), jobs_(s.jobs_key), run_times_(s.run_times_key) {}

  std::vector<StoredJob> after(const std::string& id, std::size_t most,
                               std::optional<std::string>& next) override {
    if (id.empty()) ids_ = all_ids();
    std::vector<std::string> wanted;
    auto at = id.empty() ? ids_.begin() : std::upper_bound(ids_.begin(), ids_.end(), id);
    for (; at != ids_.end() && wanted.size() < most; ++at) wanted.push_back(*at);
    if (at != ids_.end()) next = wanted.back();
    return of(wanted);
  }

  std::vector<StoredJob> of(const std::vector<std::string>& ids) override {
    std::vector<redis::Args> commands;
    for (const std::string& id : ids) {
      commands.push_back({"HGET", jobs_, id});
      commands.push_back({"ZSCORE", run_times_, id});
    }
    std::vector<StoredJob> out;
    if (commands.empty()) return out;
    const auto replies = redis_.pipeline(commands);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const redis::Reply &state = replies.at(2 * i), &due = replies.at(2 * i + 1);
      if (state.is_error() || due.is_error())
        throw Error(Z4J_BAD_CONFIG,
                    "the keys of the job store are of another kind: " +
                        (state.is_error() ? state.text : due.text),
                    "/jobs_key");
      if (state.is_nil()) continue;  // gone since
      out.push_back({ids[i], state.text, std::nullopt});
      if (!due.is_nil()) out.back().next_run_at = std::strtod(due.text.c_str(), nullptr);
    }
    return out;
  }

  bool remove(const StoredJob& job) override {
    return redis_.eval(kRemove, {jobs_, run_times_}, {job.id, job.state}).integer == 1;
  }
  void interrupt() noexcept override { redis_.interrupt(); }

 private:
  std::vector<std::string> all_ids() {
    if (redis_.command({"HLEN", jobs_}).integer > kMaxJobs)
      throw Error(Z4J_TOO_LARGE, "more than 100,000 jobs");
    std::vector<std::string> out;
    for (const redis::Reply& id : redis_.command({"HKEYS", jobs_}).items) out.push_back(id.text);
    std::sort(out.begin(), out.end());
    return out;
  }

  redis::Connection redis_;
  std::string jobs_, run_times_;
  std::vector<std::string> ids_;  // of the listing under way, sorted
};

std::string from_hex(const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return out;
}
std::string to_hex(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

class SqlJobs : public JobStore {
 public:
  explicit SqlJobs(const Settings& s) : db_(s.database), table_("\"" + s.table + "\"") {}

  std::vector<StoredJob> after(const std::string& id, std::size_t most,
                               std::optional<std::string>& next) override {
    auto rows = jobs(db_.read(
        select() + " WHERE id>:p1 ORDER BY id LIMIT " + std::to_string(most + 1), {id}, 3));
    if (rows.size() > most) {
      rows.pop_back();
      next = rows.back().id;
    }
    return rows;
  }
  std::vector<StoredJob> of(const std::vector<std::string>& ids) override {
    std::vector<StoredJob> out;
    for (const std::string& id : ids) {
      for (StoredJob& job : jobs(db_.read(select() + " WHERE id=:p1", {id}, 3)))
        out.push_back(std::move(job));
    }
    return out;
  }
  bool remove(const StoredJob& job) override {
    return db_.change("DELETE FROM " + table_ + " WHERE id=:p1 AND " + hex() + "=:p2",
                      {job.id, to_hex(job.state)}) == 1;
  }

 private:
  [[nodiscard]] std::string hex() const {
    return db_.is_sqlite() ? "lower(hex(job_state))" : "encode(job_state,'hex')";
  }
  [[nodiscard]] std::string select() const {
    return "SELECT id,CAST(next_run_time AS TEXT)," + hex() + " FROM " + table_;
  }
  static std::vector<StoredJob> jobs(const std::vector<database::Row>& rows) {
    std::vector<StoredJob> out;
    for (const database::Row& r : rows) {
      out.push_back({r[0].value_or(""), from_hex(r[2].value_or("")), std::nullopt});
      if (r[1]) out.back().next_run_at = std::strtod(r[1]->c_str(), nullptr);
    }
    return out;
  }

  database::Session db_;
  std::string table_;
};

}  // namespace

std::unique_ptr<JobStore> make_job_store(const Settings& settings) {
  if (settings.is_redis) return std::make_unique<RedisJobs>(settings);
  return std::make_unique<SqlJobs>(settings);
}

}  // namespace z4j::apscheduler
