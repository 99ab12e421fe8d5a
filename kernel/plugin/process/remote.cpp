#include "plugin/process/remote.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/crypto.hpp"
#include "plugin/crossing.hpp"
#include "plugin/instance.hpp"
#include "plugin/rules.hpp"

namespace z4j::plugin::process {
namespace {

constexpr int kQuickMs = 5'000, kAnswerMs = 10'000, kGraceMs = 5'000, kEndMs = 2'000;
constexpr std::uint64_t kMemorySlack = std::uint64_t{128} << 20;  // code, and the shared memory
// Of a process: the system has so many for this program and its processes together.
constexpr std::uint64_t kMostThreads = 1000;
constexpr std::size_t kMostAnswerBytes = 32u << 20;  // taken and not handed on
constexpr int kMostServices = 64;
constexpr std::size_t kMostServiceBytes = 32u << 20;    // of their arguments
constexpr std::size_t kMostDeclaredBytes = 256u << 20;  // of all declarations, which are kept
constexpr int kFloodMs = 100, kMostFrames = 5000;       // so many within that time
constexpr std::size_t kMostStoreBytes = 4u << 20;
constexpr const char* kStopped = "stopped";

template <class T>
const T* service(const z4j_host& host, const char* id) {
  return static_cast<const T*>(host.service(host.ctx, lend(id)));
}

Outcome refusal_of(z4j_status status, std::string message) {
  Outcome out;
  out.status = status;
  out.message = std::move(message);
  return out;
}
Outcome no_service(const char* id) {
  return refusal_of(Z4J_UNSUPPORTED, std::string("this host has no ") + id);
}

Remote& remote_of(z4j_instance* i) { return *reinterpret_cast<Remote*>(i); }

std::string nonsense(Kind kind) {
  return std::string("a frame \"") + to_string(kind) + "\" that can't be read";
}

}  // namespace

// The functions behind the tables; an instance is its Remote.
struct Functions {
  static const void* no_interface(z4j_str) { return nullptr; }  // see Remote::interface_of
  static z4j_status create(const z4j_host* host, z4j_str config, z4j_instance** out,
                           z4j_error* error) {
    Remote& remote = *static_cast<Instance*>(host->ctx)->file.remote;
    const z4j_status status = remote.create(host, config, error);
    if (status == Z4J_OK) *out = reinterpret_cast<z4j_instance*>(&remote);
    return status;
  }
  static z4j_status start(z4j_instance* i, z4j_error* error) {
    Remote& remote = remote_of(i);
    return remote.ask(Kind::start, {}, remote.options_.start_ms, error);
  }
  static z4j_status stop(z4j_instance* i, std::uint32_t deadline_ms, z4j_error* error) {
    Remote& remote = remote_of(i);
    // Gone is stopped too.
    if (remote.is_over()) return Z4J_OK;
    const z4j_status status =
        remote.ask(Kind::stop, pack(deadline_ms), remote.options_.stop_ms, error);
    remote.wait_for_answers();
    return status;
  }
  static void destroy(z4j_instance* i) {
    Remote& remote = remote_of(i);
    if (!remote.is_over()) remote.ask(Kind::destroy, {}, remote.options_.stop_ms, nullptr);
  }
  static void cancel(z4j_instance* i, z4j_op op) {
    remote_of(i).channel_->send(Kind::cancel, pack(op));
  }
  static std::uint64_t bits(z4j_instance* i, Kind kind) {
    std::string body;
    std::uint64_t out = 0;
    if (remote_of(i).ask(kind, {}, kQuickMs, nullptr, &body) != Z4J_OK) return 0;
    return unpack(body, out) ? out : 0;
  }
  static std::uint64_t engine_capabilities(z4j_instance* i) {
    return bits(i, Kind::engine_capabilities);
  }
  static std::uint64_t scheduler_capabilities(z4j_instance* i) {
    return bits(i, Kind::scheduler_capabilities);
  }

  // Calls with an operation: its id and what is left of its time go before the arguments.
  template <class... Arguments>
  static z4j_status with_op(z4j_instance* i, Kind kind, z4j_op op, z4j_error* error,
                            const Arguments&... arguments) {
    Remote& remote = remote_of(i);
    const z4j_host& host = *remote.host_.load();
    const std::int64_t left = host.op_remaining_ms(host.ctx, op);
    return remote.ask_for(kind, op, pack(op, left, arguments...), error);
  }
  static z4j_status command(z4j_instance* i, z4j_op op, std::uint64_t verb, z4j_str target,
                            z4j_str args, z4j_error* error) {
    return with_op(i, Kind::command, op, error, verb, text_of(target), text_of(args));
  }
  static z4j_status snapshot(z4j_instance* i, z4j_op op, z4j_str what, z4j_str page,
                             z4j_error* error) {
    return with_op(i, Kind::snapshot, op, error, text_of(what), text_of(page));
  }
  static z4j_status list(z4j_instance* i, z4j_op op, z4j_str page, z4j_error* error) {
    return with_op(i, Kind::list, op, error, text_of(page));
  }
  static z4j_status put(z4j_instance* i, z4j_op op, z4j_str schedule, z4j_str etag,
                        z4j_error* error) {
    return with_op(i, Kind::put, op, error, text_of(schedule), text_of(etag));
  }
  static z4j_status remove(z4j_instance* i, z4j_op op, z4j_str id, z4j_str etag, z4j_error* error) {
    return with_op(i, Kind::remove, op, error, text_of(id), text_of(etag));
  }
  static z4j_status trigger(z4j_instance* i, z4j_op op, z4j_str id, z4j_error* error) {
    return with_op(i, Kind::trigger, op, error, text_of(id));
  }
  static z4j_status preview(z4j_instance* i, z4j_str schedule, std::int64_t from_us,
                            std::int64_t* out, std::uint32_t* n, z4j_error* error) {
    std::string body;
    const std::uint32_t most = *n;
    *n = 0;
    const z4j_status status = remote_of(i).ask(
        Kind::preview, pack(text_of(schedule), from_us, most), kAnswerMs, error, &body);
    if (status != Z4J_OK) return status;
    Reader in(body);
    std::uint32_t count = 0;
    in.take(count);
    for (std::uint32_t at = 0; at < std::min(count, most); ++at) in.take(out[at]);
    if (in.is_good()) *n = std::min(count, most);
    return status;
  }
  static z4j_status send(z4j_instance* i, z4j_op op, const z4j_notification* n, z4j_error* error) {
    return with_op(i, Kind::send, op, error, n->severity, n->is_test, n->attempt, text_of(n->id),
                   text_of(n->dedup_key), text_of(n->title), text_of(n->body_text), text_of(n->url),
                   text_of(n->target_type), text_of(n->target_json), text_of(n->context_json));
  }
  // A driver can be described from here, not run: who starts it refuses.
  static constexpr z4j_storage kNoDriver = {
      sizeof(z4j_storage),
      0,
      [](z4j_instance*, z4j_store_info*) {},
      [](z4j_instance*, z4j_op, const z4j_schema*, std::int32_t, z4j_error*) -> z4j_status {
        return Z4J_UNSUPPORTED;
      },
      [](z4j_instance*, std::uint32_t, z4j_session**, z4j_error*) -> z4j_status {
        return Z4J_UNSUPPORTED;
      },
      [](z4j_session*) {},
      [](z4j_session*, z4j_op, z4j_commit*, z4j_error*) -> z4j_status { return Z4J_UNSUPPORTED; },
      [](z4j_session*, const z4j_query*, z4j_cursor**, z4j_error*) -> z4j_status {
        return Z4J_UNSUPPORTED;
      },
      [](z4j_cursor*, std::uint32_t, const z4j_rows**, z4j_error*) -> z4j_status {
        return Z4J_UNSUPPORTED;
      },
      [](z4j_cursor*) {},
      nullptr,
      nullptr,
      nullptr,
      nullptr};
  static z4j_status handle(z4j_instance* i, z4j_op op, const z4j_http_request* r,
                           z4j_error* error) {
    return with_op(i, Kind::handle, op, error, r->route, text_of(r->path), text_of(r->query),
                   text_of(r->body), text_of(r->content_type), text_of(r->params_json),
                   text_of(r->headers_json), text_of(r->user_id), text_of(r->permissions_json),
                   text_of(r->trace_id));
  }
};

// The tables of what a process declared. They live as long as this process, like those of a mapped
// file; the same words are kept once.
struct Declaration {
  explicit Declaration(Declared declared) : d(std::move(declared)) {
    plugin.struct_size = sizeof plugin;
    plugin.flags = d.flags;
    plugin.id = lend(d.id);
    plugin.version = lend(d.version);
    plugin.name = lend(d.name);
    plugin.summary = lend(d.summary);
    plugin.vendor = lend(d.vendor);
    plugin.license = lend(d.license);
    plugin.url = lend(d.url);
    plugin.kinds = lend(d.kinds);
    plugin.config_schema_json = lend(d.schema);
    plugin.needs = lend(d.needs);
    plugin.create = Functions::create;
    plugin.start = Functions::start;
    plugin.stop = Functions::stop;
    plugin.destroy = Functions::destroy;
    plugin.cancel = Functions::cancel;
    plugin.get_interface = Functions::no_interface;

    engine.struct_size = sizeof engine;
    engine.engine_name = lend(d.engine_name);
    engine.capabilities = Functions::engine_capabilities;
    engine.command = Functions::command;
    engine.snapshot = Functions::snapshot;

    scheduler.struct_size = sizeof scheduler;
    scheduler.scheduler_name = lend(d.scheduler_name);
    scheduler.capabilities = Functions::scheduler_capabilities;
    if (has(Declared::kList)) scheduler.list = Functions::list;
    if (has(Declared::kPut)) scheduler.put = Functions::put;
    if (has(Declared::kRemove)) scheduler.remove = Functions::remove;
    if (has(Declared::kTrigger)) scheduler.trigger = Functions::trigger;
    if (has(Declared::kPreview)) scheduler.preview = Functions::preview;

    notifier.struct_size = sizeof notifier;
    notifier.max_body_bytes = d.max_body_bytes;
    notifier.capabilities = d.notifier_capabilities;
    notifier.target_schema_json = lend(d.target_schema);
    notifier.types_json = lend(d.types);
    notifier.send = Functions::send;

    for (const Declared::Route& route : d.routes)
      routes.push_back({lend(route.method), lend(route.path), lend(route.permission), route.flags,
                        route.max_body});
    for (const Declared::Asset& asset : d.assets)
      assets.push_back(
          {lend(asset.path), lend(asset.content_type), lend(asset.etag), lend(asset.bytes)});
    http.struct_size = sizeof http;
    http.route_count = static_cast<std::uint32_t>(routes.size());
    http.routes = routes.data();
    http.asset_count = static_cast<std::uint32_t>(assets.size());
    http.assets = assets.data();
    http.handle = Functions::handle;
  }
  Declaration(const Declaration&) = delete;
  Declaration& operator=(const Declaration&) = delete;

  [[nodiscard]] bool has(Declared::Function function) const {
    return (d.functions & function) != 0;
  }

  // Null: there is no room for another one.
  static const Declaration* keep(std::string_view bytes, Declared declared) {
    static std::mutex mutex;
    static auto& all = *new std::map<base::Digest, std::unique_ptr<const Declaration>>();
    static std::size_t kept_bytes = 0;
    const base::Digest digest = base::sha256(bytes);
    const std::lock_guard lock(mutex);
    if (const auto known = all.find(digest); known != all.end()) return known->second.get();
    if (bytes.size() > kMostDeclaredBytes - kept_bytes) return nullptr;
    kept_bytes += bytes.size();
    return all.emplace(digest, std::make_unique<const Declaration>(std::move(declared)))
        .first->second.get();
  }

  const Declared d;
  z4j_plugin plugin{};
  z4j_engine engine{};
  z4j_scheduler scheduler{};
  z4j_notifier notifier{};
  z4j_http http{};
  std::vector<z4j_route> routes;
  std::vector<z4j_asset> assets;
};

Remote::Remote(Options options)
    : options_(std::move(options)),
      cpu_budget_(options_.cpu_percent),
      pool_(Pool::Options{4, 4}),
      answers_(*pool_, 1),
      services_(*pool_, 3) {}

Remote::~Remote() { shut_down(); }

std::shared_ptr<Remote> Remote::launch(Options options, Refusal& refusal) {
  // Ours goes as soon as the process has it.
  auto file = std::make_optional(std::move(options.file.file));
  std::shared_ptr<Remote> remote(new Remote(std::move(options)));
  const Options& given = remote->options_;
  auto child = Child::spawn(given.program, given.instance, file->get());
  file.reset();
  if (!child) {
    refusal = Refusal{"process", std::move(child).error()};
    return nullptr;
  }
  remote->child_ = std::move(*child);
  remote->pid_ = remote->child_->pid();
  remote->channel_ = std::make_unique<Channel>(remote->child_->take_socket(), Way::from_plugin);
  {
    const std::lock_guard lock(remote->joining_);
    remote->reader_ = std::thread([self = remote.get()] { self->read(); });
  }
  std::string reply;
  Load load;
  load.path = given.file.path;
  load.sha256 = given.file.sha256;
  load.is_sealed = given.file.is_sealed;
  load.sandbox = given.sandbox;
  const auto got = remote->channel_->call(Kind::load, encode(load), given.start_ms, reply);
  std::optional<Declared> declared;
  if (got == Channel::Got::reply) declared = decode_declared(reply);
  if (!declared) {
    if (got == Channel::Got::late)
      remote->channel_->end("it was not loaded within " + std::to_string(given.start_ms) + " ms");
    if (got == Channel::Got::reply)
      remote->channel_->end("it sent a declaration that can't be read");
    remote->shut_down();
    refusal = Refusal{"process", host_error(base::Code::unavailable,
                                            "the process of " + given.file.path +
                                                " did not load it: " + remote->why(),
                                            "report it to the plugin's author")};
    return nullptr;
  }
  const auto refuse = [&](std::string step, base::Error error) {
    refusal = Refusal{std::move(step), std::move(error)};
    remote->shut_down();
    return nullptr;
  };
  if (!declared->refused_at.empty()) {
    z4j_error words = blank_error();
    const z4j_status status = end_call(declared->refusal, &words);
    base::Error error = error_from(status, &words);
    error.hint = cut(declared->what_to_do, 500);
    return refuse(std::string(cut(declared->refused_at, 20)), std::move(error));
  }
  // Nothing of it was seen by this process yet.
  if (declared->holds.size() > 100)
    return refuse("descriptor", host_error(base::Code::unsupported, "its sandbox has no name"));
  const std::string& path = given.file.path;
  remote->declaration_ = Declaration::keep(reply, std::move(*declared));
  if (remote->declaration_ == nullptr)
    return refuse("descriptor",
                  host_error(base::Code::too_large,
                             path + ": plugins of other processes have declared " +
                                 std::to_string(kMostDeclaredBytes >> 20) +
                                 " MiB in different words since this program started",
                             "one declares something else each time: find it, then restart z4j"));
  remote->file_ = LoadedFile{path,         nullptr,           &remote->declaration_->plugin,
                             remote.get(), given.file.sha256, given.file.signer};
  if (auto good = check_descriptor({remote->declaration_->plugin,
                                    [&](std::string_view id) { return remote->interface_of(id); }});
      !good) {
    base::Error error = good.error();
    error.message = path + ": " + error.message;
    return refuse("descriptor", std::move(error));
  }
  return remote;
}

const void* Remote::interface_of(std::string_view id) const {
  const Declaration& known = *declaration_;
  const std::string_view kinds = known.d.kinds;
  if (id == Z4J_IFACE_ENGINE && has_word(kinds, "engine")) return &known.engine;
  if (id == Z4J_IFACE_SCHEDULER && has_word(kinds, "scheduler")) return &known.scheduler;
  if (id == Z4J_IFACE_NOTIFIER && has_word(kinds, "notifier")) return &known.notifier;
  if (id == Z4J_IFACE_HTTP && has_word(kinds, "http")) return &known.http;
  if (id == Z4J_IFACE_STORAGE && has_word(kinds, "storage")) return &Functions::kNoDriver;
  return nullptr;
}

const std::string& Remote::sandbox() const { return declaration_->d.holds; }

std::string Remote::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

Remote::Facts Remote::facts() const {
  Facts out;
  const std::lock_guard lock(mutex_);
  if (pid_ == 0) return out;
  out.pid = pid_;
  out.use = child_->use();
  if (const std::int64_t percent = cpu_percent_; percent >= 0) out.cpu_percent = percent;
  return out;
}

void Remote::shut_down() {
  const std::lock_guard lock(joining_);
  if (!reader_.joinable()) return;
  channel_->end(kStopped);
  reader_.join();
  answers_.close(kEndMs);
  services_.close(kEndMs);
  // Instances, and this with them, live as long as the program: only words are kept.
  pool_.reset();
  channel_->close();
  child_.reset();
  batch_ = {};
}

// ---- Calls into the plugin.

void Remote::listen(Listener listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

void Remote::broke_a_rule(const std::string& what, bool is_fatal) {
  Listener listener;
  {
    const std::lock_guard lock(mutex_);
    listener = listener_;
  }
  if (listener.fault) listener.fault(what, is_fatal);
}

z4j_status Remote::gone(z4j_error* error) const {
  std::string why = this->why();
  if (why.empty()) why = "its process has ended";
  return write_error(error, host_error(base::Code::unavailable, why, "it is started again"));
}

z4j_status Remote::ask(Kind kind, std::string_view payload, int deadline_ms, z4j_error* error,
                       std::string* body, Owes owes) {
  if (payload.size() > most_bytes(kind)) {
    return write_error(error, host_error(base::Code::too_large,
                                         "a call of " + std::to_string(payload.size()) +
                                             " bytes into a plugin's process, expected at most " +
                                             std::to_string(most_bytes(kind))));
  }
  const bool owes_answer = owes == Owes::an_answer;
  std::string reply;
  switch (channel_->call(kind, payload, deadline_ms, reply)) {
    case Channel::Got::reply:
      break;
    case Channel::Got::too_many:
      return write_error(error,
                         host_error(base::Code::busy, "its process has enough calls under way"));
    case Channel::Got::not_sent:
      return gone(error);
    case Channel::Got::ended:
      return owes_answer ? static_cast<z4j_status>(Z4J_PENDING) : gone(error);
    case Channel::Got::late: {
      const std::string late = std::string(to_string(kind)) + "() did not return within " +
                               std::to_string(deadline_ms) + " ms";
      channel_->end(late);
      if (owes_answer) return Z4J_PENDING;
      return write_error(error, host_error(base::Code::timeout, late, "its process was ended"));
    }
  }
  auto outcome = decode_outcome(reply);
  if (!outcome) {
    channel_->end("it sent a reply that can't be read");
    return owes_answer ? static_cast<z4j_status>(Z4J_PENDING) : gone(error);
  }
  if (outcome->threw) throw std::runtime_error(outcome->message);
  if (body != nullptr) *body = std::move(outcome->body);
  return end_call(*outcome, error);
}

z4j_status Remote::ask_for(Kind kind, z4j_op op, std::string_view payload, z4j_error* error) {
  const z4j_host& host = *host_.load();
  const std::int64_t left = std::max<std::int64_t>(host.op_remaining_ms(host.ctx, op), 0);
  return ask(kind, payload, static_cast<int>(std::min<std::int64_t>(left, 86'400'000)) + kGraceMs,
             error, nullptr, Owes::an_answer);
}

void Remote::tell(Kind kind, std::string_view payload, int deadline_ms) {
  if (is_over()) return;
  ask(kind, payload, deadline_ms, nullptr);
}

void Remote::hand_on(Kind kind, std::string_view payload) { channel_->send(kind, payload); }

z4j_status Remote::validate(z4j_str config_json, const z4j_sink& problems, z4j_error& error) {
  if (!declaration_->has(Declared::kValidate)) return Z4J_OK;
  std::string body;
  const z4j_status status =
      ask(Kind::validate, pack(text_of(config_json)), options_.start_ms, &error, &body);
  Reader in(body);
  while (in.is_good() && !in.is_done()) {
    std::string_view problem;
    in.take(problem);
    if (!in.is_good() || problems.put(problems.ctx, lend(problem)) != Z4J_OK) break;
  }
  return status;
}

z4j_status Remote::create(const z4j_host* host, z4j_str config_json, z4j_error* error) {
  host_ = host;
  std::uint32_t services = 0;
  for (std::size_t i = 0; i < std::size(kServiceNames); ++i) {
    if (host->service(host->ctx, lend(kServiceNames[i])) != nullptr) services |= 1u << i;
  }
  return ask(Kind::create,
             pack(text_of(host->instance_id), text_of(host->host_version),
                  host->log_level(host->ctx), services, text_of(config_json)),
             options_.start_ms, error);
}

// ---- What comes from the process.

void Remote::read() {
  Channel::Loop loop;
  loop.take = [this](const Header& header, std::string payload) {
    return take(header, std::move(payload));
  };
  loop.beside = child_->errors();
  loop.readable = [this] { return child_->read_errors(); };
  loop.tick = [this] { look_at_use(); };
  const std::string ended = channel_->run(loop);
  const bool is_deliberate = ended == kStopped;
  if (!ended.empty() && !is_deliberate) child_->kill();
  const auto waiting = channel_->waiting();
  {
    const std::lock_guard lock(mutex_);
    pid_ = 0;
  }
  taken_.notify_all();
  const std::string how = child_->reap(kEndMs);
  if (!is_deliberate) {
    child_->read_errors();
    std::string why = ended.empty() ? "its process " + how : "its process was ended: " + ended;
    if (!waiting.empty()) why += std::string(" in ") + to_string(waiting.front().kind) + "()";
    if (const std::string words = child_->last_words(); !words.empty())
      why += "; its last words: " + words;
    Listener listener;
    {
      const std::lock_guard lock(mutex_);
      why_ = why;
      listener = listener_;
    }
    if (listener.died) listener.died(why);
  }
  channel_->give_up_calls();
}

void Remote::look_at_use() {
  const Child::Use use = child_->use();
  if (use.threads > kMostThreads)
    channel_->end("it runs " + std::to_string(use.threads) + " threads, its limit is " +
                  std::to_string(kMostThreads));
  const std::uint64_t memory = options_.sandbox.limits.memory_bytes;
  const auto mib = [](std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; };
  if (memory > 0 && use.memory_bytes > memory + kMemorySlack)
    channel_->end("it holds " + mib(use.memory_bytes) + " of memory, its limit is " + mib(memory));
  const bool may_go_on = cpu_budget_.allows(steady_now_ms(), use.cpu_ms);
  cpu_percent_ = cpu_budget_.percent();
  if (!may_go_on) {
    channel_->end("it used " + std::to_string(cpu_budget_.used_ms()) +
                  " ms of the processors within a minute, its limit is " +
                  std::to_string(cpu_budget_.allowed_ms()) + " ms");
  }
}

void Remote::answer(const Header& header, const Outcome& outcome) {
  channel_->reply(header, encode(outcome));
}

// Frames cost this program time, however little each does.
void Remote::slow_down_a_flood() {
  const std::int64_t now = steady_now_ms();
  if (now - frames_since_ms_ >= kFloodMs) {
    frames_since_ms_ = now;
    frames_ = 0;
  }
  if (++frames_ < kMostFrames) return;
  std::unique_lock lock(mutex_);
  taken_.wait_for(lock, std::chrono::milliseconds(frames_since_ms_ + kFloodMs - now),
                  [this] { return channel_->is_over(); });
}

std::string Remote::take(const Header& header, std::string payload) {
  slow_down_a_flood();
  const z4j_host* const table = host_.load();
  if (table == nullptr)
    return std::string("a call of ") + to_string(header.kind) + "() before create()";
  const z4j_host& host = *table;
  const std::string_view bytes = payload;
  switch (header.kind) {
    case Kind::log: {
      std::int32_t level = 0;
      std::string_view message, fields;
      if (!unpack(bytes, level, message, fields)) return nonsense(header.kind);
      host.log(host.ctx, level, lend(message), lend(fields));
      return {};
    }
    case Kind::fault: {
      std::uint8_t is_fatal = 0;
      std::string_view what;
      if (!unpack(bytes, is_fatal, what)) return nonsense(header.kind);
      broke_a_rule(std::string(cut(what, 1000)), is_fatal != 0);
      return {};
    }
    case Kind::complete:
      return take_complete(host, std::move(payload));
    case Kind::emit: {
      std::uint64_t offset = 0, size = 0;
      if (!unpack(bytes, offset, size)) return nonsense(header.kind);
      const std::size_t whole = child_->ring().size();
      if (offset % 8 != 0 || offset > whole || size > whole - offset)
        return "an event batch outside of the shared memory";
      emit(host, header, offset, size);
      return {};
    }
    case Kind::health: {
      std::int32_t state = 0;
      std::string_view why;
      if (!unpack(bytes, state, why)) return nonsense(header.kind);
      host.health(host.ctx, state, lend(why));
      return {};
    }
    case Kind::post:
      return take_post(host, header, bytes);
    case Kind::metric: {
      std::string_view name, labels;
      double value = 0;
      std::int32_t kind = 0;
      if (!unpack(bytes, name, labels, value, kind)) return nonsense(header.kind);
      host.metric(host.ctx, lend(name), lend(labels), value, kind);
      return {};
    }
    case Kind::notice:
    case Kind::notices_gap: {
      const auto* const notices = service<z4j_notices>(host, Z4J_SERVICE_NOTICES);
      std::string_view channel, text;
      if (header.kind == Kind::notice && !unpack(bytes, channel, text))
        return nonsense(header.kind);
      if (notices == nullptr) return {};
      if (header.kind == Kind::notice)
        notices->notice(host.ctx, lend(channel), lend(text));
      else
        notices->gap(host.ctx);
      return {};
    }
    case Kind::secret:
    case Kind::reply_begin:
    case Kind::reply_write:
    case Kind::store_now:
      answer(header, serve(host, header.kind, bytes));
      return {};
    default:
      return take_service(host, header, std::move(payload));
  }
}

// What it answered before it said that it has stopped counts.
void Remote::wait_for_answers() {
  std::unique_lock lock(mutex_);
  taken_.wait_for(lock, std::chrono::milliseconds(kEndMs), [this] { return answer_bytes_ == 0; });
}

// What may block, or call the plugin before it returns, runs elsewhere.
std::string Remote::take_service(const z4j_host& host, const Header& header, std::string payload) {
  const std::size_t size = payload.size();
  const int open = ++services_open_;
  const std::size_t bytes = service_bytes_ += size;
  if (open <= kMostServices && bytes <= kMostServiceBytes) {
    Strand::Task task;
    task.run = [this, &host, header, size, payload = std::move(payload)] {
      answer(header, serve(host, header.kind, payload));
      --services_open_;
      service_bytes_ -= size;
    };
    if (services_.post(std::move(task)) == Strand::Post::taken) return {};
  }
  --services_open_;
  service_bytes_ -= size;
  answer(header, refusal_of(Z4J_BUSY, "too many calls into the host are under way"));
  return {};
}

// Handed on elsewhere, in order: who hears the answer may call this plugin again.
std::string Remote::take_complete(const z4j_host& host, std::string payload) {
  const std::size_t size = payload.size();
  {
    std::unique_lock lock(mutex_);
    const bool has_room = taken_.wait_for(lock, std::chrono::milliseconds(kAnswerMs), [&] {
      return answer_bytes_ == 0 || answer_bytes_ + size <= kMostAnswerBytes;
    });
    if (!has_room) return "more answers than are taken";
    answer_bytes_ += size;
  }
  Strand::Task task;
  task.run = [this, &host, size, payload = std::move(payload)] {
    z4j_op op = 0;
    std::string_view ending, result;
    std::optional<Outcome> outcome;
    if (unpack(payload, op, ending, result)) outcome = decode_outcome(ending);
    if (outcome) {
      z4j_error error = blank_error();
      const z4j_status status = end_call(*outcome, &error);
      host.op_complete(host.ctx, op, status, status == Z4J_OK ? nullptr : &error, lend(result));
    } else {
      channel_->end("it sent " + nonsense(Kind::complete));
    }
    const std::lock_guard lock(mutex_);
    answer_bytes_ -= size;
    taken_.notify_all();
  };
  task.drop = [this, size] {
    const std::lock_guard lock(mutex_);
    answer_bytes_ -= size;
    taken_.notify_all();
  };
  answers_.post(std::move(task));
  return {};
}

void Remote::emit(const z4j_host& host, const Header& header, std::uint64_t offset,
                  std::uint64_t bytes) {
  const auto batch = batch_.copy(child_->ring().subspan(offset, bytes));
  if (!batch) {
    broke_a_rule(batch.error().message, false);
    return answer(header, refusal_of(Z4J_INVALID, batch.error().message));
  }
  z4j_error error = blank_error();
  const z4j_status status = host.emit(host.ctx, &*batch, &error);
  answer(header, outcome_of(status, error));
}

std::string Remote::take_post(const z4j_host& host, const Header& header,
                              std::string_view payload) {
  std::uint32_t delay_ms = 0;
  std::uint64_t id = 0;
  if (!unpack(payload, delay_ms, id)) return nonsense(Kind::post);
  const auto run = [](void* arg) {
    const std::unique_ptr<Wait> wait(static_cast<Wait*>(arg));
    wait->remote->tell(Kind::posted, pack(wait->id), wait->remote->options_.op_ms * 2);
  };
  const auto drop = [](void* arg) {
    const std::unique_ptr<Wait> wait(static_cast<Wait*>(arg));
    wait->remote->tell(Kind::dropped, pack(wait->id), kAnswerMs);
  };
  auto wait = std::make_unique<Wait>(Wait{this, id});
  const z4j_status status = host.post(host.ctx, delay_ms, run, drop, wait.get());
  if (status == Z4J_OK) (void)wait.release();
  answer(header, refusal_of(status, {}));
  return {};
}

Outcome Remote::http_call(const z4j_host& host, std::string_view payload) {
  std::uint64_t id = 0;
  Reader in(payload);
  in.take(id);
  const auto call = decode_http_call(in);
  if (!call) return refusal_of(Z4J_INVALID, nonsense(Kind::http_call));
  const auto* const client = service<z4j_http_client>(host, Z4J_SERVICE_HTTP_CLIENT);
  if (client == nullptr) return no_service(Z4J_SERVICE_HTTP_CLIENT);
  auto wait = std::make_unique<Wait>(Wait{this, id});
  z4j_error error = blank_error();
  z4j_http_call made = call->call;
  made.headers = call->headers.data();
  const z4j_status status = client->send(
      host.ctx, &made,
      [](void* arg, const z4j_http_answer* got) {
        const std::unique_ptr<Wait> done(static_cast<Wait*>(arg));
        Writer out;
        out.put(done->id);
        out.raw(encode(*got));
        done->remote->hand_on(Kind::http_answer, out.take());
      },
      wait.get(), &error);
  if (status == Z4J_PENDING) (void)wait.release();
  return outcome_of(status, error);
}

Outcome Remote::submit(const z4j_host& host, std::string_view payload) {
  std::uint64_t id = 0;
  z4j_submission asked{};
  asked.struct_size = sizeof asked;
  std::string_view project, engine, task, queue, priority, args, kwargs, key, more;
  if (!unpack(payload, id, asked.deadline_ms, asked.eta_us, project, engine, task, queue, priority,
              args, kwargs, key, more))
    return refusal_of(Z4J_INVALID, nonsense(Kind::submit));
  asked.project = lend(project);
  asked.engine = lend(engine);
  asked.task = lend(task);
  asked.queue = lend(queue);
  asked.priority = lend(priority);
  asked.args_json = lend(args);
  asked.kwargs_json = lend(kwargs);
  asked.idempotency_key = lend(key);
  asked.more_json = lend(more);
  const auto* const submit = service<z4j_submit>(host, Z4J_SERVICE_SUBMIT);
  if (submit == nullptr) return no_service(Z4J_SERVICE_SUBMIT);
  auto wait = std::make_unique<Wait>(Wait{this, id});
  z4j_error error = blank_error();
  const z4j_status status = submit->submit(
      host.ctx, &asked,
      [](void* arg, z4j_status ended, z4j_str json) {
        const std::unique_ptr<Wait> done(static_cast<Wait*>(arg));
        done->remote->hand_on(Kind::submit_answer, pack(done->id, ended, text_of(json)));
      },
      wait.get(), &error);
  if (status == Z4J_PENDING) (void)wait.release();
  return outcome_of(status, error);
}

namespace {

// Collects what a sink is given; the other side takes it apart again.
struct Collected {
  Writer bytes;
  std::size_t most;
  static z4j_status put(void* ctx, z4j_str one) {
    auto& self = *static_cast<Collected*>(ctx);
    if (one.len > self.most || self.bytes.size() > self.most - one.len) return Z4J_TOO_LARGE;
    self.bytes.put(text_of(one));
    return Z4J_OK;
  }
  [[nodiscard]] z4j_sink sink() { return {sizeof(z4j_sink), 0, this, &put}; }
};

struct CollectedRows {
  Writer rows;
  bool is_full = false;
  static z4j_status put(void* ctx, const z4j_stored_schedule* row) {
    auto& self = *static_cast<CollectedRows*>(ctx);
    if (self.rows.size() + row->schedule_json.len > kMostStoreBytes && self.rows.size() > 0) {
      self.is_full = true;
      return Z4J_TOO_LARGE;
    }
    put_schedule(self.rows, *row);
    return Z4J_OK;
  }
  [[nodiscard]] z4j_schedule_rows sink() { return {sizeof(z4j_schedule_rows), 0, this, &put}; }
};

}  // namespace

Outcome Remote::serve(const z4j_host& host, Kind kind, std::string_view payload) {
  const Outcome unreadable = refusal_of(Z4J_INVALID, nonsense(kind));
  z4j_error error = blank_error();
  const auto ended = [&](z4j_status status, std::string body = {}) {
    Outcome out = outcome_of(status, error);
    out.body = std::move(body);
    return out;
  };
  switch (kind) {
    case Kind::secret: {
      std::string_view name;
      if (!unpack(payload, name)) return unreadable;
      Collected value{{}, most_bytes(Kind::reply) / 2};
      const z4j_sink sink = value.sink();
      const z4j_status status = host.secret(host.ctx, lend(name), &sink, &error);
      return ended(status, status == Z4J_OK ? value.bytes.take() : std::string());
    }
    case Kind::http_call:
      return http_call(host, payload);
    case Kind::submit:
      return submit(host, payload);
    case Kind::addresses: {
      const auto* const resolver = service<z4j_resolver>(host, Z4J_SERVICE_RESOLVER);
      std::string_view name;
      std::uint32_t port = 0, deadline_ms = 0;
      if (!unpack(payload, name, port, deadline_ms)) return unreadable;
      if (resolver == nullptr) return no_service(Z4J_SERVICE_RESOLVER);
      Collected found{{}, 64u << 10};
      const z4j_sink sink = found.sink();
      const z4j_status status =
          resolver->addresses(host.ctx, lend(name), port, deadline_ms, &sink, &error);
      return ended(status, found.bytes.take());
    }
    case Kind::reply_begin:
    case Kind::reply_write: {
      const auto* const reply = service<z4j_http_reply>(host, Z4J_SERVICE_HTTP_REPLY);
      z4j_op op = 0;
      std::uint32_t code = 0;
      std::string_view first, second;
      if (kind == Kind::reply_begin ? !unpack(payload, op, code, first, second)
                                    : !unpack(payload, op, first))
        return unreadable;
      if (reply == nullptr) return no_service(Z4J_SERVICE_HTTP_REPLY);
      return ended(kind == Kind::reply_begin
                       ? reply->begin(host.ctx, op, code, lend(first), lend(second))
                       : reply->write(host.ctx, op, lend(first)));
    }
    default:
      return serve_store(host, kind, payload);
  }
}

Outcome Remote::serve_store(const z4j_host& host, Kind kind, std::string_view payload) {
  const auto* const store = service<z4j_schedule_store>(host, Z4J_SERVICE_SCHEDULE_STORE);
  if (store == nullptr) return no_service(Z4J_SERVICE_SCHEDULE_STORE);
  z4j_error error = blank_error();
  const auto ended = [&](z4j_status status, std::string body = {}) {
    Outcome out = outcome_of(status, error);
    out.body = std::move(body);
    return out;
  };
  // Rows, and whether they were cut off for their size.
  const auto rows = [&](auto&& call) {
    CollectedRows found;
    const z4j_schedule_rows sink = found.sink();
    z4j_status status = call(&sink);
    if (found.is_full) status = Z4J_OK;
    Writer body;
    body.put(static_cast<std::uint8_t>(found.is_full ? 1 : 0));
    body.raw(found.rows.take());
    return ended(status, body.take());
  };
  Reader in(payload);
  const auto id_of = [](std::string_view bytes) {
    return bytes.empty() ? nullptr : reinterpret_cast<const std::uint8_t*>(bytes.data());
  };
  switch (kind) {
    case Kind::store_now:
      return ended(Z4J_OK, pack(store->now_us(host.ctx)));
    case Kind::store_lead: {
      std::uint32_t ttl_ms = 0;
      std::uint64_t fence = 0;
      if (!unpack(payload, ttl_ms)) break;
      const z4j_status status = store->lead(host.ctx, ttl_ms, &fence, &error);
      return ended(status, pack(fence));
    }
    case Kind::store_resign: {
      std::uint64_t fence = 0;
      if (!unpack(payload, fence)) break;
      store->resign(host.ctx, fence);
      return ended(Z4J_OK);
    }
    case Kind::store_due: {
      std::int64_t until_us = 0, after_us = 0;
      std::string_view after;
      std::uint32_t limit = 0;
      if (!unpack(payload, until_us, after_us, after, limit) ||
          (!after.empty() && after.size() != 16))
        break;
      return rows([&](const z4j_schedule_rows* sink) {
        return store->due(host.ctx, until_us, after_us, id_of(after), limit, sink, &error);
      });
    }
    case Kind::store_changed: {
      std::int64_t since_us = 0;
      std::string_view after;
      std::uint32_t limit = 0;
      if (!unpack(payload, since_us, after, limit) || (!after.empty() && after.size() != 16)) break;
      return rows([&](const z4j_schedule_rows* sink) {
        return store->changed(host.ctx, since_us, id_of(after), limit, sink, &error);
      });
    }
    case Kind::store_read: {
      std::string_view ids;
      if (!unpack(payload, ids) || ids.size() % 16 != 0) break;
      return rows([&](const z4j_schedule_rows* sink) {
        return store->read(host.ctx, id_of(ids), static_cast<std::uint32_t>(ids.size() / 16), sink,
                           &error);
      });
    }
    case Kind::store_watch: {
      std::uint8_t is_on = 0;
      if (!unpack(payload, is_on)) break;
      if (is_on == 0) return ended(store->watch(host.ctx, nullptr, nullptr));
      return ended(store->watch(
          host.ctx,
          [](void* arg, const std::uint8_t* id) {
            const std::string_view which =
                id != nullptr ? std::string_view(reinterpret_cast<const char*>(id), 16)
                              : std::string_view();
            static_cast<Remote*>(arg)->tell(Kind::edited, pack(which), kAnswerMs);
          },
          this));
    }
    case Kind::store_plan:
    case Kind::store_fire: {
      // Copied for their alignment.
      std::uint64_t fence = 0;
      std::string_view items;
      const std::size_t size = kind == Kind::store_plan ? sizeof(z4j_plan) : sizeof(z4j_fire);
      if (!unpack(payload, fence, items) || items.size() % size != 0) break;
      const auto count = static_cast<std::uint32_t>(items.size() / size);
      std::vector<std::uint8_t> outcomes(std::max<std::size_t>(count, 1));
      z4j_status status = Z4J_INTERNAL;
      if (kind == Kind::store_plan) {
        std::vector<z4j_plan> plans(std::max<std::size_t>(count, 1));
        if (!items.empty()) std::memcpy(plans.data(), items.data(), items.size());
        status = store->plan(host.ctx, fence, plans.data(), count, outcomes.data(), &error);
      } else {
        std::vector<z4j_fire> fires(std::max<std::size_t>(count, 1));
        if (!items.empty()) std::memcpy(fires.data(), items.data(), items.size());
        status = store->fire(host.ctx, fence, fires.data(), count, outcomes.data(), &error);
      }
      outcomes.resize(count);
      return ended(status, std::string(outcomes.begin(), outcomes.end()));
    }
    default:
      break;
  }
  return refusal_of(Z4J_INVALID, nonsense(kind));
}

}  // namespace z4j::plugin::process
