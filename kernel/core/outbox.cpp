#include "core/outbox.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/crypto.hpp"
#include "core/deliveries.hpp"
#include "core/text.hpp"

namespace z4j::core {
namespace {

namespace outbox_col = model::outbox;
namespace json = base::json;

constexpr std::string_view kOutboxLabel = "z4j-outbox-v1";
constexpr std::uint32_t kDueRows = 64;
constexpr base::TimeUs kHeldFor = 30 * base::kSecondUs;  // beyond the try's deadline
constexpr base::TimeUs kCrowdedFor = base::kSecondUs, kRestsFor = 30 * base::kSecondUs;
constexpr base::TimeUs kMillisecondUs = 1'000;
constexpr std::int64_t kLongestPatienceMs = 6 * 3'600'000;
constexpr std::array<std::int64_t, 4> kDelaysS{30, 120, 600, 3'600};  // after the first try, ...
constexpr std::chrono::milliseconds kOutboxRound{2'000}, kCrowdedRound{1'000}, kIdleRound{60'000};
constexpr int kSettleTries = 5;
constexpr std::chrono::milliseconds kSettlePause{500};
constexpr std::int64_t kCountEveryMs = 10'000;
constexpr std::uint32_t kMailProjects = 50, kMailChannels = 5;
constexpr std::string_view kGone = "the channel does not exist any more";
constexpr std::string_view kSilent = "the channel is switched off";
constexpr std::string_view kNoWay =
    "there is no way out for mails: neither [smtp] settings nor an e-mail channel";

}  // namespace

// A row that this brain may send now.
struct Outbox::Job {
  ChannelMessage message;
  json::Object body;
  std::int64_t attempt = 1;  // this one
  base::TimeUs expires_at = 0;
  bool is_mail = false;
  bool is_expired = false;
  std::string last_error;
  std::optional<std::int64_t> last_code;

  // Whose place it takes.
  [[nodiscard]] std::string channel_key() const {
    if (message.channel_id) return message.channel_id->text();
    if (message.user_channel_id) return message.user_channel_id->text();
    return "mail";
  }
};

Outbox::Outbox(Store& store, Channels& channels, Courier& courier, const Sealer& sealer,
               const base::Clock& clock, base::Log& log, Options options)
    : store_(store),
      channels_(channels),
      courier_(courier),
      sealer_(sealer),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      sent_("z4j_notifications_sent_total", "messages that left, or could not",
            {"project", "channel_type", "status"}) {}

Outbox::~Outbox() { stop(); }

// --- queueing -----------------------------------------------------------------------------------

void Outbox::insert(Commit& commit, const ChannelMessage& m, const json::Object& body) const {
  const base::TimeUs now = clock_.now();
  Rows rows(Table::outbox);
  const auto id = [&rows](std::uint16_t column, const std::optional<base::Uuid>& value) {
    if (value)
      rows.uuid(column, *value);
    else
      rows.null(column);
  };
  rows.begin().uuid(outbox_col::id, m.id);
  id(outbox_col::project_id, m.project_id);
  id(outbox_col::subscription_id, m.subscription_id);
  id(outbox_col::channel_id, m.channel_id);
  id(outbox_col::user_channel_id, m.user_channel_id);
  id(outbox_col::user_id, m.user_id);
  id(outbox_col::triggered_by_user_id, m.triggered_by_user_id);
  rows.text(outbox_col::trigger, m.trigger)
      .text_or_null(outbox_col::task_id, m.task_id)
      .text_or_null(outbox_col::task_name, m.task_name)
      .text_or_null(outbox_col::channel_name, m.channel_name)
      .text_or_null(outbox_col::channel_type, m.channel_type)
      .text(outbox_col::message, sealer_.seal(kOutboxLabel, m.id.text(), json::write(body)))
      .num(outbox_col::attempts, 0)
      .num(outbox_col::next_attempt_at, now)
      .num(outbox_col::expires_at, now + m.lives_s * base::kSecondUs)
      .num(outbox_col::created_at, now);
  commit.insert(std::move(rows));
  if (options_.tell_others) options_.tell_others(commit);
}

void Outbox::queue(Commit& commit, const ChannelMessage& message) const {
  insert(commit, message, message.message.to_json());
}

void Outbox::queue_mail(Commit& commit, const Mail& mail) const {
  ChannelMessage m;
  m.project_id = mail.project_id;
  m.user_id = mail.user_id;
  m.trigger = mail.trigger;
  m.channel_type = "email";
  m.lives_s = mail.lives_s;
  m.message.dedup_key = mail.trigger;
  m.message.title = mail.subject;
  m.message.text = mail.text;
  m.message.severity = "info";
  m.message.context = {{"trigger", mail.trigger}};
  json::Object body = m.message.to_json();
  body["to"] = mail.to;
  insert(commit, m, body);
}

base::Result<bool> Outbox::can_mail(const std::optional<base::Uuid>& project,
                                    const std::optional<base::Uuid>& user) {
  auto found = mail_channel(project, user);
  if (!found) return std::move(found).error();
  return found->has_value();
}

void Outbox::look() {
  const std::lock_guard lock(mutex_);
  is_poked_ = true;
  wake_.notify_one();
}

// --- ways out -----------------------------------------------------------------------------------

// The settings' first; else an e-mail channel of the project, or of one that the user is in.
base::Result<std::optional<OpenChannel>> Outbox::mail_channel(
    const std::optional<base::Uuid>& project, const std::optional<base::Uuid>& user) {
  const std::vector<Courier::Type> types = courier_.types();
  const bool is_served = std::any_of(types.begin(), types.end(),
                                     [](const auto& type) { return type.name == "email"; });
  if (!is_served) return std::optional<OpenChannel>{};
  if (!options_.smtp.empty()) {
    OpenChannel own;
    own.name = "[smtp]";
    own.type = "email";
    own.config = options_.smtp;
    return std::optional<OpenChannel>(std::move(own));
  }
  std::vector<base::Uuid> projects;
  if (project) projects.push_back(*project);
  if (user) {
    namespace m = model::memberships;
    Query query(Table::memberships);
    query.where.eq(m::user_id, *user);
    auto read = store_.each(query.columns({m::project_id}).limit(kMailProjects),
                            [&projects](const Row& row) {
                              projects.push_back(row.uuid(m::project_id));
                              return true;
                            });
    if (!read) return std::move(read).error();
  }
  auto found = channels_.active_of_type(projects, "email", kMailChannels);
  if (!found) return std::move(found).error();
  if (found->empty()) return std::optional<OpenChannel>{};
  return std::optional<OpenChannel>(std::move(found->front()));
}

base::Result<std::optional<OpenChannel>> Outbox::channel_of(const Job& job) {
  const ChannelMessage& m = job.message;
  if (job.is_mail) {
    auto channel = mail_channel(m.project_id, m.user_id);
    if (channel && channel->has_value()) {
      (*channel)->config["to_addrs"] = json::Array{json::Value(json::text(job.body, "to"))};
    }
    return channel;
  }
  auto channel = m.channel_id
                     ? channels_.open(ChannelOwner::Kind::project, *m.channel_id)
                     : channels_.open(ChannelOwner::Kind::user, m.user_channel_id.value_or(m.id));
  if (!channel || !channel->has_value()) return channel;
  // Whose it is now: ids come from rows that other people's changes may have overtaken.
  const base::Uuid owner = (*channel)->owner.id;
  const bool is_theirs = m.channel_id ? owner == m.project_id : owner == m.user_id;
  if (!is_theirs) return std::optional<OpenChannel>{};
  return channel;
}

Carried Outbox::carry(const Job& job) {
  Carried out;
  auto channel = channel_of(job);
  if (!channel) {
    out.error = channel.error().message;
    out.may_retry = channel.error().is_world();
    return out;
  }
  if (!channel->has_value()) {
    out.error = job.is_mail ? kNoWay : kGone;
    out.may_retry = job.is_mail;
    return out;
  }
  if (!(*channel)->is_active) {
    out.error = kSilent;
    return out;
  }
  CourierMessage message = CourierMessage::from_json(job.body);
  message.id = job.message.id.text();
  out = courier_.carry((*channel)->type, (*channel)->config, message,
                       static_cast<unsigned>(job.attempt), options_.deadline_ms);
  out.error = cleaned_reply(out.error, (*channel)->config);
  out.reply = cleaned_reply(out.reply, (*channel)->config);
  return out;
}

// --- claiming -----------------------------------------------------------------------------------

std::vector<Outbox::Job> Outbox::claim(std::size_t most) {
  std::vector<Job> out;
  std::optional<Fence> fence;
  if (options_.may_work && !(fence = options_.may_work())) return out;
  const base::TimeUs now = clock_.now();
  Query query(Table::outbox);
  query.where.le(outbox_col::next_attempt_at, now);
  query.all().order({outbox_col::next_attempt_at, outbox_col::id}).limit(kDueRows);
  auto due = store_.read(query);
  if (!due) {
    log_.warn("outbox not read", {{"why", due.error().text()}});
    return out;
  }
  if (due->empty()) return out;

  Commit commit;
  if (fence) fence->guard(commit);
  struct Step {
    std::size_t step;
    Job job;
  };
  std::vector<Step> steps;
  std::map<base::TimeUs, std::vector<Cell>> put_off;  // rows by when they are looked at again
  const base::TimeUs held_until = now + options_.deadline_ms * kMillisecondUs + kHeldFor;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(resting_, [now](const auto& one) { return one.second <= now; });
    std::map<std::string, std::size_t> taken;
    for (const Row& row : *due) {
      Job job;
      ChannelMessage& m = job.message;
      m.id = row.uuid(outbox_col::id);
      if (under_way_.contains(m.id)) continue;
      m.project_id = row.uuid_or_none(outbox_col::project_id);
      m.subscription_id = row.uuid_or_none(outbox_col::subscription_id);
      m.channel_id = row.uuid_or_none(outbox_col::channel_id);
      m.user_channel_id = row.uuid_or_none(outbox_col::user_channel_id);
      m.user_id = row.uuid_or_none(outbox_col::user_id);
      m.triggered_by_user_id = row.uuid_or_none(outbox_col::triggered_by_user_id);
      job.is_mail = !m.channel_id && !m.user_channel_id;
      job.expires_at = row.num(outbox_col::expires_at);
      job.is_expired = job.expires_at <= now;
      const std::string key = job.channel_key();
      if (const auto rests = resting_.find(key); rests != resting_.end() && !job.is_expired) {
        put_off[std::min(rests->second, job.expires_at)].emplace_back(m.id);
        continue;
      }
      const auto busy = per_channel_.find(key);
      if ((busy == per_channel_.end() ? 0 : busy->second) + taken[key] >= kMostPerChannel) {
        put_off[now + kCrowdedFor].emplace_back(m.id);
        continue;
      }
      if (steps.size() == most) continue;
      ++taken[key];
      m.trigger = row.text(outbox_col::trigger);
      m.task_id = row.text(outbox_col::task_id);
      m.task_name = row.text(outbox_col::task_name);
      m.channel_name = row.text(outbox_col::channel_name);
      m.channel_type = row.text(outbox_col::channel_type);
      job.attempt = row.num(outbox_col::attempts) + 1;
      job.last_error = row.text(outbox_col::last_error);
      job.last_code = row.num_or_none(outbox_col::response_code);
      const auto text = sealer_.open(kOutboxLabel, m.id.text(), row.text(outbox_col::message));
      const auto body = text ? json::parse(*text) : base::Result<json::Value>(base::Error{});
      if (body && body->is_object())
        job.body = body->get_object();
      else
        job.is_expired = true, job.last_error = "it was sealed with another secret";
      Where self;
      self.eq(outbox_col::id, m.id)
          .eq(outbox_col::attempts, job.attempt - 1)
          .eq(outbox_col::next_attempt_at, row.num(outbox_col::next_attempt_at));
      const std::size_t step = commit.steps();
      commit.update(
          Table::outbox, std::move(self),
          {{outbox_col::attempts, job.attempt}, {outbox_col::next_attempt_at, held_until}});
      steps.push_back({step, std::move(job)});
    }
  }
  for (auto& [until, ids] : put_off) {
    Where rows;
    rows.in(outbox_col::id, std::move(ids)).le(outbox_col::next_attempt_at, now);
    commit.update(Table::outbox, std::move(rows), {{outbox_col::next_attempt_at, until}});
  }
  if (commit.steps() == (fence ? 1u : 0u)) return out;
  if (auto done = store_.commit(commit); !done) {
    if (done.error().code != base::Code::conflict)
      log_.warn("outbox not claimed", {{"why", done.error().text()}});
    return out;
  }
  const std::lock_guard lock(mutex_);
  for (Step& one : steps) {
    if (commit.affected(one.step) != 1) continue;
    under_way_.insert(one.job.message.id);
    ++per_channel_[one.job.channel_key()];
    out.push_back(std::move(one.job));
  }
  return out;
}

// --- what became of it --------------------------------------------------------------------------

base::Status Outbox::finish(const Job& job, std::string_view status, const Carried& done) {
  const ChannelMessage& m = job.message;
  Delivery delivery;
  delivery.id = m.id;
  delivery.project_id = m.project_id;
  delivery.subscription_id = m.subscription_id;
  delivery.channel_id = m.channel_id;
  delivery.user_channel_id = m.user_channel_id;
  delivery.user_id = m.user_id;
  delivery.triggered_by_user_id = m.triggered_by_user_id;
  delivery.trigger = m.trigger;
  delivery.task_id = m.task_id;
  delivery.task_name = m.task_name;
  delivery.channel_name = m.channel_name;
  delivery.channel_type = m.channel_type;
  delivery.status = status;
  delivery.response_code = done.code;
  delivery.response_body = done.reply;
  delivery.error = done.error;
  delivery.attempts = job.attempt;
  delivery.sent_at = clock_.now();
  Commit commit;
  insert_delivery(commit, delivery);
  Where self;
  self.eq(outbox_col::id, m.id);
  commit.erase(Table::outbox, std::move(self));
  return store_.commit(commit);
}

base::Status Outbox::put_off(const Job& job, const Carried& done, base::TimeUs until) {
  Commit commit;
  Where self;
  self.eq(outbox_col::id, job.message.id).eq(outbox_col::attempts, job.attempt);
  commit.update(Table::outbox, std::move(self),
                {{outbox_col::next_attempt_at, until},
                 {outbox_col::last_error, Cell::text_or_null(clean_text(done.error, 500))},
                 {outbox_col::response_code, done.code ? Cell(*done.code) : Cell()}});
  return store_.commit(commit);
}

// What waits for the same channel waits with it, and costs no tries.
void Outbox::rest(const Job& job, base::TimeUs until) {
  const std::lock_guard lock(mutex_);
  base::TimeUs& rests = resting_[job.channel_key()];
  rests = std::max(rests, until);
}

void Outbox::settle(const Job& job, const Carried& done) {
  const base::TimeUs now = clock_.now();
  base::TimeUs next = 0;  // 0: no other try
  if (!done.is_sent && done.may_retry && job.attempt < kMostTries) {
    const auto place = static_cast<std::size_t>(job.attempt - 1);
    const double extra = options_.jitter
                             ? options_.jitter()
                             : static_cast<unsigned char>(base::random_bytes(1)[0]) / 256.0;
    const base::TimeUs usual = kDelaysS[std::min(place, kDelaysS.size() - 1)] * base::kSecondUs;
    next = now + usual + static_cast<base::TimeUs>(static_cast<double>(usual) * extra / 5);
    const base::TimeUs asked =
        std::clamp<std::int64_t>(done.retry_after_ms, 0, kLongestPatienceMs) * kMillisecondUs;
    next = std::max(next, now + asked);
    if (next >= job.expires_at) next = 0;
    // Nobody there, or one who asked for patience.
    if (!done.code || asked > 0) rest(job, now + std::max(asked, kRestsFor));
  }
  for (int i = 0;; ++i) {
    const base::Status written =
        next > 0 ? put_off(job, done, next) : finish(job, done.is_sent ? kSent : kFailed, done);
    if (written) break;
    if (i == kSettleTries || !written.error().is_world()) {
      log_.error("what became of a message is not written, so it may be sent again",
                 {{"why", written.error().text()}, {"trigger", job.message.trigger}});
      break;
    }
    std::unique_lock lock(mutex_);
    work_.wait_for(lock, kSettlePause, [this] { return is_stopping_; });
  }
  if (next == 0) {
    const auto& project = job.message.project_id;
    sent_.add({project ? project->text() : std::string(), job.message.channel_type,
               done.is_sent ? kSent : kFailed});
  }
  const std::lock_guard lock(mutex_);
  if (next > 0) {
    ++stats_.retried;
    return;
  }
  ++(done.is_sent ? stats_.sent : stats_.failed);
}

void Outbox::run_job(const Job& job) {
  Carried done;
  if (job.is_expired) {
    done.error = job.last_error.empty() ? "it expired before it could be sent" : job.last_error;
    done.code = job.last_code;
  } else {
    done = carry(job);
  }
  if (!done.is_sent) {
    log_.warn("message not delivered", {{"trigger", job.message.trigger},
                                        {"channel_type", job.message.channel_type},
                                        {"channel", job.channel_key()},
                                        {"try", job.attempt},
                                        {"why", done.error}});
  }
  settle(job, done);
  let_go(job);
}

void Outbox::let_go(const Job& job) {
  const std::lock_guard lock(mutex_);
  under_way_.erase(job.message.id);
  const auto busy = per_channel_.find(job.channel_key());
  if (busy != per_channel_.end() && --busy->second == 0) per_channel_.erase(busy);
  is_poked_ = true;
  wake_.notify_one();
}

// Claimed and not tried: as if nothing had been.
void Outbox::give_back(const Job& job) {
  Commit commit;
  Where self;
  self.eq(outbox_col::id, job.message.id).eq(outbox_col::attempts, job.attempt);
  commit.update(
      Table::outbox, std::move(self),
      {{outbox_col::attempts, job.attempt - 1}, {outbox_col::next_attempt_at, clock_.now()}});
  if (auto done = store_.commit(commit); !done)
    log_.debug("a message waits longer than it must", {{"why", done.error().text()}});
  let_go(job);
}

// --- threads ------------------------------------------------------------------------------------

bool Outbox::work() {
  const std::vector<Job> jobs = claim(kMostAtOnce);
  for (const Job& job : jobs) run_job(job);
  return !jobs.empty();
}

void Outbox::start() {
  if (thread_.joinable()) return;
  is_stopping_ = false;
  thread_ = std::thread([this] { run(); });
}

void Outbox::run() {
  std::int64_t next_count_ms = 0;
  for (;;) {
    std::size_t room = 0;
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_) return;
      if (std::exchange(is_poked_, false)) next_count_ms = 0;
      room = kMostAtOnce - std::min(kMostAtOnce, under_way_.size());
    }
    if (clock_.steady_ms() >= next_count_ms) {
      next_count_ms = clock_.steady_ms() + kCountEveryMs;
      if (auto waiting = store_.count(Table::outbox, {}, kMostWaiting)) waiting_ = *waiting;
    }
    std::vector<Job> jobs;
    if (room > 0 && waiting_ > 0) jobs = claim(room);
    std::unique_lock lock(mutex_);
    const bool has_more = jobs.size() == room && room > 0;
    for (Job& job : jobs) {
      jobs_.push_back(std::move(job));
      if (idle_senders_ < jobs_.size() && senders_.size() < kMostAtOnce)
        senders_.emplace_back([this] { send_loop(); });
    }
    work_.notify_all();
    if (has_more) continue;
    const auto pause = !per_channel_.empty() ? kCrowdedRound
                       : waiting_ > 0        ? kOutboxRound
                                             : kIdleRound;
    wake_.wait_for(lock, pause, [this] { return is_stopping_ || is_poked_; });
  }
}

void Outbox::send_loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_senders_;
    work_.wait(lock, [this] { return is_stopping_ || !jobs_.empty(); });
    --idle_senders_;
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool begins = !is_stopping_;
    lock.unlock();
    if (begins)
      run_job(job);
    else
      give_back(job);
    lock.lock();
  }
}

void Outbox::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  work_.notify_all();
  if (thread_.joinable()) thread_.join();
  work_.notify_all();
  for (std::thread& sender : senders_) sender.join();
  senders_.clear();
}

Outbox::Stats Outbox::stats() const {
  const std::lock_guard lock(mutex_);
  Stats out = stats_;
  out.waiting = waiting_;
  out.under_way = under_way_.size();
  return out;
}

void Outbox::write(MetricText& out) const {
  const Stats s = stats();
  out.family("z4j_notifications_waiting", "gauge",
             "messages that wait to be sent, where this brain sends them")
      .sample({}, static_cast<std::int64_t>(s.waiting));
  out.family("z4j_notifications_retried_total", "counter", "tries that will be repeated")
      .sample({}, static_cast<std::int64_t>(s.retried));
  sent_.write(out);
}

}  // namespace z4j::core
