#include "gateway/gateway.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "base/crypto.hpp"
#include "core/refusal.hpp"
#include "gateway/poll_session.hpp"
#include "gateway/socket_session.hpp"
#include "gateway/state_round.hpp"
#include "wire/action.hpp"
#include "wire/external_schedule.hpp"
#include "wire/keys.hpp"
#include "wire/refusal.hpp"
#include "wire/version.hpp"

namespace z4j::gateway {
namespace {

namespace json = base::json;

constexpr std::int64_t kHelloMs = 10'000;
constexpr std::size_t kMaxSecrets = 10'000;
constexpr std::size_t kMaxPolls = 4096, kMaxPollsPerAgent = 16, kMaxNonceBytes = 128;
constexpr int kMaxPollWait = 60, kUsualPollWait = 30, kMaxPollFrames = 500, kUsualPollFrames = 50;
constexpr std::size_t kMaxUnsentBytes = std::size_t{4} << 20;  // to one agent
constexpr int kReceiveBufferBytes = 64 << 10;
constexpr auto kLookEvery = std::chrono::milliseconds(250);
constexpr std::int64_t kSessionsEveryMs = 1000;
constexpr wire::Version kKnowsDeliveryTokens{1, 8, 0};

base::Error not_connected() {
  return core::refuse::error(base::Code::unavailable, core::refuse::kAgentOffline,
                             "this agent is not connected; nothing was sent");
}

// A whole number of the query in its range; none when it is not.
std::optional<int> query_number(const std::vector<std::pair<std::string, std::string>>& query,
                                std::string_view name, int usual, int most) {
  for (const auto& [key, value] : query) {
    if (key != name) continue;
    if (value.empty() || value.size() > 4 ||
        value.find_first_not_of("0123456789") != std::string::npos)
      return std::nullopt;
    const int number = std::stoi(value);
    return number <= most ? std::optional(number) : std::nullopt;
  }
  return usual;
}

// A process that tells neither its number nor its start is another one with each connection.
std::string process_of(const Session& session, const Facts& facts) {
  if (!facts.worker_pid && !facts.worker_started_at) return session.id().text();
  return facts.host_name + "\n" + facts.worker_id.value_or("") + "\n" +
         std::to_string(facts.worker_pid.value_or(0)) + "\n" +
         std::to_string(facts.worker_started_at.value_or(0));
}

net::Response detail(int status, std::string_view text) {
  net::Response response;
  response.status = status;
  response.body = json::write(json::Object{{"detail", text}});
  return response;
}

Ledger::Options ledger_options(const Gateway::Options& o, const Roster& roster,
                               std::function<void(const base::Uuid&)> on_gone) {
  Ledger::Options out;
  out.store = o.store;
  out.roster = &roster;
  out.redact = o.redact;
  out.brain = o.brain;
  out.offline_timeout_s = o.offline_timeout_s;
  out.on_changed = o.on_changed;
  out.on_held = o.on_held;
  out.on_gone = std::move(on_gone);
  return out;
}

}  // namespace

Gateway::Gateway(Options options)
    : options_(std::move(options)),
      clock_(*options_.clock),
      log_(*options_.log),
      door_(clock_, log_, options_.door),
      errands_(clock_),
      roster_(options_.connections_per_agent),
      ledger_(clock_, log_,
              ledger_options(options_, roster_, [this](const base::Uuid& id) { revoke(id); })),
      around_{clock_,
              log_,
              [this](const base::Uuid& project) { return secret_of(project); },
              options_.push,
              errands_,
              roster_,
              ledger_,
              options_.take_schedules,
              options_.heartbeat_s,
              options_.max_frame_bytes,
              figures_} {
  Z4J_CHECK(options_.push != nullptr && options_.desks > 0);
  for (unsigned i = 0; i < options_.desks; ++i) desks_.push_back(std::make_unique<Desk>(clock_));
}

Gateway::~Gateway() { stop(); }

// --- the server's side --------------------------------------------------------------------------

std::vector<net::SocketEndpoint> Gateway::sockets() {
  net::SocketEndpoint agents;
  agents.path = "/ws/agent";
  agents.outgoing = net::Outgoing::binary;
  agents.max_message_bytes = options_.max_frame_bytes;
  agents.max_unsent_bytes = kMaxUnsentBytes;
  agents.receive_buffer_bytes = kReceiveBufferBytes;
  agents.idle_timeout_s = options_.idle_timeout_s;
  agents.check = [this](const net::Request& request, net::LateAnswer answer) {
    door_.ask(request, [answer = std::move(answer)](const base::Result<Identity>& who) {
      net::Response response;
      response.status = 101;
      answer(who ? std::move(response) : Door::refusal(who.error()));
    });
  };
  agents.open = [this](net::SocketId socket, const net::Request& request) {
    open(socket, request);
  };
  agents.message = [this](net::SocketId socket, std::string_view text) { message(socket, text); };
  agents.closed = [this](net::SocketId socket, std::uint16_t code) { closed(socket, code); };
  return {std::move(agents)};
}

void Gateway::open(net::SocketId socket, const net::Request& request) {
  const auto who = door_.known(request);
  if (!who) return sender_->close(socket, wire::close::kUnauthorized, "invalid agent token");
  auto session = std::make_shared<SocketSession>(next_desk(), around_, *who, request.client_ip,
                                                 *sender_, socket);
  const std::lock_guard lock(mutex_);
  sessions_.emplace(socket, std::move(session));
}

void Gateway::message(net::SocketId socket, std::string_view text) {
  if (const SocketPtr session = find(socket))
    session->arrived({std::string(text), clock_.now(), clock_.steady_ms()});
}

void Gateway::closed(net::SocketId socket, std::uint16_t code) {
  SocketPtr session;
  {
    const std::lock_guard lock(mutex_);
    const auto at = sessions_.find(socket);
    if (at == sessions_.end()) return;
    session = std::move(at->second);
    sessions_.erase(at);
  }
  session->closed(code);
}

Gateway::SocketPtr Gateway::find(net::SocketId socket) const {
  const std::lock_guard lock(mutex_);
  const auto at = sessions_.find(socket);
  return at == sessions_.end() ? nullptr : at->second;
}

// --- agents that poll ---------------------------------------------------------------------------

std::vector<net::LateRoute> Gateway::late_routes() {
  const auto admit = [this](const net::Request& request, net::LateAnswer answer) {
    door_.ask(request, [answer = std::move(answer)](const base::Result<Identity>& who) {
      net::Response response;
      response.status = 100;
      answer(who ? std::move(response) : Door::refusal(who.error()));
    });
  };
  net::LateRoute posts;
  posts.method = "POST";
  posts.path = "/api/v1/agent/events";
  posts.admit = admit;
  posts.handle = [this](const net::Request& request, net::LateAnswer answer) {
    post(request, std::move(answer));
  };
  net::LateRoute polls;
  polls.method = "GET";
  polls.path = "/api/v1/agent/commands";
  polls.admit = admit;
  polls.handle = [this](const net::Request& request, net::LateAnswer answer) {
    poll(request, std::move(answer));
  };
  polls.timeout_s = kMaxPollWait + 5;
  return {std::move(posts), std::move(polls)};
}

void Gateway::post(const net::Request& request, net::LateAnswer answer) {
  const auto who = door_.known(request);
  if (!who) return answer(detail(401, "invalid agent token"));
  const PollPtr session = poll_session(request, *who);
  if (!session) return answer(detail(429, "too many connections of this agent"));
  session->post(request.body, std::move(answer));
}

void Gateway::poll(const net::Request& request, net::LateAnswer answer) {
  const auto who = door_.known(request);
  if (!who) return answer(detail(401, "invalid agent token"));
  const auto query = net::parse_query(request.query);
  const auto wait_s = query_number(query, "wait", kUsualPollWait, kMaxPollWait);
  const auto frames = query_number(query, "max_frames", kUsualPollFrames, kMaxPollFrames);
  if (!wait_s || !frames)
    return answer(detail(422, "wait must be 0 to 60 seconds, max_frames 0 to 500"));
  const PollPtr session = poll_session(request, *who);
  if (!session) return answer(detail(429, "too many connections of this agent"));
  session->poll(*wait_s, static_cast<std::size_t>(*frames), std::move(answer));
}

Gateway::PollPtr Gateway::poll_session(const net::Request& request, const Identity& who) {
  const std::string nonce(request.header("x-z4j-session-nonce").substr(0, kMaxNonceBytes));
  PollPtr session, crowded_out, spoilt;
  {
    const std::lock_guard lock(mutex_);
    if (is_stopping_) return nullptr;
    const auto at = polls_.find({who.agent_id, nonce});
    if (at != polls_.end() && !at->second->is_spoilt() && !at->second->is_over()) return at->second;
    if (at != polls_.end()) {
      spoilt = std::move(at->second);
      polls_.erase(at);
    }
    // The one that came last the longest ago makes room.
    std::size_t own = 0;
    auto oldest_own = polls_.end(), oldest = polls_.end();
    const auto older = [&](auto one, auto than) {
      return than == polls_.end() || one->second->idle_ms() > than->second->idle_ms();
    };
    const bool is_full = polls_.size() >= kMaxPolls;
    for (auto one = polls_.lower_bound({who.agent_id, ""});
         one != polls_.end() && one->first.first == who.agent_id; ++one, ++own) {
      if (older(one, oldest_own)) oldest_own = one;
    }
    for (auto one = polls_.begin(); is_full && one != polls_.end(); ++one) {
      if (older(one, oldest)) oldest = one;
    }
    const auto out = own >= kMaxPollsPerAgent ? oldest_own : is_full ? oldest : polls_.end();
    if (out != polls_.end()) {
      crowded_out = std::move(out->second);
      polls_.erase(out);
    }
    session = std::make_shared<PollSession>(next_desk(), around_, who, request.client_ip, nonce,
                                            request.header("x-z4j-runtime-features"),
                                            request.header("x-z4j-retry-contracts"),
                                            std::vector<std::pair<std::string, std::string>>{
                                                {"X-Z4J-LongPoll-Worker", options_.brain.text()},
                                                {"X-Z4J-Agent-Id", who.agent_id.text()},
                                                {"X-Z4J-Project-Id", who.project_id.text()}});
    polls_[{who.agent_id, nonce}] = session;
  }
  if (spoilt) spoilt->end(wire::close::kNotVerified, "a frame was refused");
  if (crowded_out) crowded_out->end(wire::close::kTooMany, "newer connections of this agent");
  if (session->sit()) return session;
  const std::lock_guard lock(mutex_);
  polls_.erase({who.agent_id, nonce});
  return nullptr;
}

void Gateway::end_idle_polls() {
  std::vector<PollPtr> ended, left;
  const std::int64_t most_ms = std::int64_t{options_.idle_timeout_s} * 1000;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = polls_.begin(); at != polls_.end();) {
      const bool is_idle = at->second->idle_ms() > most_ms;
      (is_idle ? ended : left).push_back(at->second);
      at = is_idle ? polls_.erase(at) : std::next(at);
    }
  }
  for (const PollPtr& session : left) session->look();
  for (const PollPtr& session : ended) session->end(wire::close::kIdle, "idle");
}

Desk& Gateway::next_desk() { return *desks_[next_desk_++ % desks_.size()]; }

std::string Gateway::secret_of(const base::Uuid& project) {
  const std::lock_guard lock(secrets_mutex_);
  if (secrets_.size() >= kMaxSecrets) secrets_.clear();
  const auto [at, is_new] = secrets_.try_emplace(project);
  if (is_new) at->second = wire::project_secret(options_.secret, project);
  return at->second;
}

void Gateway::revoke(const base::Uuid& agent_id) {
  door_.forget(agent_id);
  // Not the roster's alone: one may be about to say hello.
  std::vector<SessionPtr> ending;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [socket, session] : sessions_) {
      if (session->who().agent_id == agent_id) ending.push_back(session);
    }
    for (auto at = polls_.lower_bound({agent_id, ""});
         at != polls_.end() && at->first.first == agent_id; at = polls_.erase(at))
      ending.push_back(at->second);
  }
  for (const SessionPtr& session : ending)
    session->end(wire::close::kRevoked, "the agent's token was revoked");
}

// --- commands -----------------------------------------------------------------------------------

std::vector<core::EngineRoute> Gateway::routes(const base::Uuid& project) {
  std::map<std::pair<base::Uuid, std::string>, core::EngineRoute> found;
  const base::TimeUs silent_since =
      clock_.now() - static_cast<base::TimeUs>(options_.offline_timeout_s) * base::kSecondUs;
  for (const SessionPtr& session : roster_.all()) {
    if (session->who().project_id != project) continue;
    const bool is_online = session->is_paused() || session->heard_at() >= silent_since;
    for (const auto& [engine, bits] : session->engines()) {
      core::EngineRoute& route = found[{session->who().agent_id, engine}];
      route.agent_id = session->who().agent_id;
      route.engine = engine;
      route.capabilities |= bits;
      route.is_online = route.is_online || is_online;
    }
  }
  std::vector<core::EngineRoute> out;
  for (auto& [key, route] : found) out.push_back(std::move(route));
  return out;
}

void Gateway::command(const base::Uuid& agent_id, const std::string& engine, std::uint64_t verb,
                      std::string target, std::string args_json, int deadline_ms,
                      plugin::Answer answer) {
  command_of(base::Uuid::random(), agent_id, engine, verb, std::move(target), std::move(args_json),
             deadline_ms, std::move(answer));
}

void Gateway::command_of(const base::Uuid& id, const base::Uuid& agent_id,
                         const std::string& engine, std::uint64_t verb, std::string target,
                         std::string args_json, int deadline_ms, plugin::Answer answer) {
  const SessionPtr session = roster_.choose(agent_id, engine);
  if (!session) return answer(not_connected());
  auto args = json::parse(args_json.empty() ? "{}" : args_json);
  if (!args || !args->is_object()) {
    return answer(core::refuse::error(base::Code::invalid, "args",
                                      "the command's arguments are no JSON object"));
  }
  const auto facts = session->facts();
  wire::Peer peer;
  peer.agent_version = facts->agent_version;
  if (const auto told = facts->capabilities.find(engine); told != facts->capabilities.end())
    peer.capabilities = told->second;
  if (facts->is_asked) {
    for (const std::string_view name : wire::capability_names(kAskedBits))
      peer.capabilities.emplace_back(name);
  }
  peer.secret = secret_of(session->who().project_id);
  peer.queue_depth = ledger_.queue_depth(agent_id, engine, target);
  const json::Object& given = args->get_object();
  if (verb == Z4J_ENGINE_PURGE && !peer.queue_depth && !json::boolean(given, "force") &&
      json::text(given, "confirm_token").empty()) {
    return answer(core::refuse::error(
        base::Code::invalid, "force",
        "the depth of queue \"" + target +
            "\" is not known yet, and without it the agent asks for a confirmation",
        "give force: true or a confirm_token; some agents never report depths"));
  }
  auto action = wire::to_action(
      wire::EngineCall{engine, verb, std::move(target), std::move(args->get_object())}, peer,
      clock_.now());
  if (!action) return answer(action.error());
  send(session, std::move(action).value(), deadline_ms, id, std::move(answer));
}

void Gateway::send(const SessionPtr& session, wire::Action action, int deadline_ms,
                   const base::Uuid& id, plugin::Answer answer) {
  Errand errand{id, session->who().agent_id, std::move(action), clock_.steady_ms() + deadline_ms};
  errand.action.timeout_seconds =
      std::clamp((deadline_ms + 999) / 1000, 1, wire::kMaxCommandSeconds);
  if (wire::is_at_least(session->facts()->agent_version, kKnowsDeliveryTokens))
    errand.action.delivery_token = base::random_token();
  if (!errands_.add(errand, answer)) {
    return answer(base::Error{.code = base::Code::busy,
                              .message = "this agent has too many commands open",
                              .where = {},
                              .hint = "try again in a moment",
                              .retry_after_ms = 1000});
  }
  session->send(errand);
}

std::vector<HeldScheduler> Gateway::schedulers() const {
  std::map<std::pair<base::Uuid, std::string>, std::pair<base::TimeUs, HeldScheduler>> found;
  for (const SessionPtr& session : roster_.all()) {
    if (session->is_over()) continue;
    const auto facts = session->facts();
    for (const std::string& scheduler : facts->schedulers) {
      auto& [heard_at, held] = found[{session->who().agent_id, scheduler}];
      if (!held.scheduler.empty() && session->heard_at() <= heard_at) continue;
      heard_at = session->heard_at();
      held.agent_id = session->who().agent_id;
      held.project_id = session->who().project_id;
      held.session = session->id();
      held.agent_name = session->who().name;
      held.scheduler = scheduler;
      held.process = process_of(*session, *facts);
      const auto told = facts->capabilities.find(scheduler);
      held.capabilities =
          told != facts->capabilities.end() ? told->second : std::vector<std::string>();
      held.tells_on_demand = std::find(facts->features.begin(), facts->features.end(),
                                       wire::kExternalScheduleFeature) != facts->features.end();
    }
  }
  std::vector<HeldScheduler> out;
  for (auto& [key, each] : found) out.push_back(std::move(each.second));
  return out;
}

bool Gateway::is_connected(const base::Uuid& agent_id, const base::Uuid& session) const {
  const std::vector<SessionPtr> all = roster_.of(agent_id);
  return std::any_of(all.begin(), all.end(), [&](const SessionPtr& each) {
    return each->id() == session && !each->is_over();
  });
}

void Gateway::order(const base::Uuid& agent_id, const std::string& scheduler, wire::Action action,
                    int deadline_ms, plugin::Answer answer,
                    const std::optional<base::Uuid>& session) {
  SessionPtr best;
  for (const SessionPtr& each : roster_.of(agent_id)) {
    if (each->is_over() || (session && each->id() != *session)) continue;
    const auto facts = each->facts();
    if (std::find(facts->schedulers.begin(), facts->schedulers.end(), scheduler) ==
        facts->schedulers.end())
      continue;
    if (!best || each->heard_at() > best->heard_at()) best = each;
  }
  if (!best) return answer(not_connected());
  send(best, std::move(action), deadline_ms, base::Uuid::random(), std::move(answer));
}

void Gateway::read_states(const base::Uuid& agent_id, const std::string& page_json, int deadline_ms,
                          plugin::Answer answer) {
  StateQuestion question;
  question.agent_id = agent_id;
  question.deadline_ms = deadline_ms;
  const auto page = json::parse(page_json);
  if (page && page->is_object()) {
    question.engine = json::text(page->get_object(), "engine");
    if (const json::Array* ids = json::array(page->get_object(), "task_ids")) {
      for (const json::Value& id : *ids) {
        if (id.is_string()) question.task_ids.emplace_back(id.get_string());
      }
    }
  }
  ask_states(errands_, roster_, clock_, std::move(question), std::move(answer));
}

void Gateway::read(const base::Uuid& agent_id, std::string_view what, std::string page_json,
                   int deadline_ms, plugin::Answer answer) {
  const std::vector<SessionPtr> sessions = roster_.of(agent_id);
  if (sessions.empty()) return answer(not_connected());
  if (what == "facts") {
    const json::Object versions = sessions.front()->facts()->versions;
    json::Array engines;
    for (const auto& [engine, bits] : roster_.engines(agent_id)) {
      json::Array names;
      for (const std::string_view name : wire::capability_names(bits)) names.emplace_back(name);
      const std::string_view version = json::text(versions, engine);
      engines.push_back(json::Object{{"name", engine},
                                     {"version", json::text_or_null(version)},
                                     {"state", "running"},
                                     {"health", "ok"},
                                     {"reason", nullptr},
                                     {"capabilities", std::move(names)}});
    }
    return answer(json::write(
        json::Object{{"engines", std::move(engines)}, {"connections", sessions.size()}}));
  }
  if (what == "state") return read_states(agent_id, page_json, deadline_ms, std::move(answer));
  answer(core::refuse::error(base::Code::unsupported, "what",
                             "an agent elsewhere can't be asked this"));
}

// --- deadlines ----------------------------------------------------------------------------------

void Gateway::look_around() {
  errands_.sweep();
  end_idle_polls();
  const std::int64_t now_ms = clock_.steady_ms();
  if (now_ms < next_look_ms_) return;
  next_look_ms_ = now_ms + kSessionsEveryMs;
  const base::TimeUs now = clock_.now();
  std::vector<SocketPtr> late, expired;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [socket, session] : sessions_) {
      if (!session->is_greeted() && now_ms - session->opened_ms() >= kHelloMs)
        late.push_back(session);
      if (session->who().until && *session->who().until <= now) expired.push_back(session);
    }
  }
  for (const SocketPtr& session : late)
    session->end(wire::close::kBadFrame, "no hello within 10 s");
  for (const SocketPtr& session : expired)
    session->end(wire::close::kRevoked, "the agent's token was replaced");
}

bool Gateway::work() {
  look_around();
  bool any = door_.work();
  for (const auto& desk : desks_) any = desk->work() || any;
  return ledger_.work() || any;
}

void Gateway::start(net::SocketSender& sender) {
  begin(sender);
  door_.start();
  for (const auto& desk : desks_) desk->start("z4j-agents");
  ledger_.start();
  thread_ = std::thread([this] { run(); });
}

void Gateway::run() {
  pthread_setname_np(pthread_self(), "z4j-gateway");
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLookEvery, [this] { return is_stopping_; })) {
    lock.unlock();
    look_around();
    lock.lock();
  }
}

void Gateway::stop() {
  std::vector<net::SocketId> open;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_stopping_, true)) return;
    for (const auto& [socket, session] : sessions_) open.push_back(socket);
  }
  wake_.notify_all();
  for (const net::SocketId socket : open)
    sender_->close(socket, wire::close::kGoingAway, "the brain is stopping");
  door_.stop();
  if (thread_.joinable()) thread_.join();
  std::map<PollKey, PollPtr> polls;
  {
    const std::lock_guard lock(mutex_);
    polls.swap(polls_);
  }
  errands_.stop();
  for (const auto& desk : desks_) desk->stop();
  for (const SessionPtr& session : roster_.all()) {
    roster_.unseat(*session);
    ledger_.departed(*session, wire::close::kGoingAway, "the brain stopped");
  }
  ledger_.stop();
}

Gateway::Stats Gateway::stats() const {
  Stats out;
  out.agents = roster_.agents().size();
  out.connections = roster_.size();
  out.frames = figures_.frames;
  out.events = figures_.events;
  out.repeated_frames = figures_.repeated_frames;
  out.refused_frames = figures_.refused_frames;
  out.acks = figures_.acks;
  out.late_results = errands_.late_results();
  return out;
}

}  // namespace z4j::gateway
