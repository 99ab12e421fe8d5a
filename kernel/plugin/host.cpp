#include "plugin/host.hpp"

#include <algorithm>
#include <future>
#include <map>
#include <set>

#include "config/schema.hpp"
#include "plugin/instance.hpp"
#include "plugin/loader.hpp"
#include "plugin/op_table.hpp"

namespace z4j::plugin {
namespace {

std::string_view read(z4j_str s) { return s.ptr != nullptr ? std::string_view(s.ptr, s.len) : std::string_view(); }
z4j_str lend(std::string_view s) { return z4j_str{s.data(), s.size()}; }

z4j_error blank_error() {
  z4j_error e{};
  e.struct_size = sizeof e;
  return e;
}

base::Error host_error(base::Code code, std::string message, std::string hint = {}) {
  return base::Error{.code = code, .message = std::move(message), .where = {}, .hint = std::move(hint)};
}

base::Error from_plugin(z4j_status status, const z4j_error& e) {
  base::Error out;
  out.code = status >= 100 && status < 400 ? static_cast<base::Code>(status) : base::Code::internal;
  out.message = e.message[0] != '\0' ? std::string(e.message) : std::string("the plugin answered ") + base::to_string(out.code);
  out.where = e.where;
  out.retry_after_ms = e.retry_after_ms;
  return out;
}

}  // namespace

struct Host::Inside {
  Options options;
  Callbacks callbacks;
  base::Log& log;
  const base::Clock& clock;
  Loader loader;
  OpTable ops;

  mutable std::mutex mutex;
  std::vector<std::shared_ptr<Instance>> order;              // started, in order of start
  std::map<std::string, std::shared_ptr<Instance>> current;  // the newest of each name
  std::map<std::string, Report> refused;                     // names without an instance
  std::vector<std::shared_ptr<Instance>> tombstones;         // stuck or faulted, replaced
  std::set<std::string> starting;

  Inside(Options o, Callbacks c, base::Log& l, const base::Clock& k)
      : options(std::move(o)), callbacks(std::move(c)), log(l), clock(k), loader(options.directories), ops(k) {}

  std::shared_ptr<Instance> find(const std::string& name) const {
    const std::lock_guard lock(mutex);
    const auto at = current.find(name);
    return at == current.end() ? nullptr : at->second;
  }

  base::Status refuse(const config::PluginEntry& entry, Report report, base::Error error) {
    report.name = entry.name;
    report.plugin = entry.plugin;
    report.project = entry.project;
    report.required = entry.required;
    report.state = State::refused;
    report.health = Health::failing;
    report.why = error.message;
    report.what_to_do = error.hint;
    if (error.where.empty()) error.where = entry.where;
    log.error("plugin refused", {{"instance", entry.name}, {"step", report.step}, {"reason", error.message}, {"what_to_do", error.hint}, {"where", entry.where}});
    const std::lock_guard lock(mutex);
    if (const auto at = current.find(entry.name); at != current.end()) {
      tombstones.push_back(at->second);
      current.erase(at);
    }
    refused[entry.name] = std::move(report);
    return error;
  }

  // Runs `f` on the strand and waits; nothing when the deadline passed.
  std::optional<z4j_status> on_strand(const std::shared_ptr<Instance>& instance, const char* function, int deadline_ms,
                                      const std::shared_ptr<z4j_error>& error, std::function<z4j_status(z4j_error*)> f) {
    auto promise = std::make_shared<std::promise<z4j_status>>();
    auto answered = promise->get_future();
    const bool posted = instance->post([instance, function, error, f = std::move(f), promise] {
      promise->set_value(instance->call(function, static_cast<z4j_status>(Z4J_INTERNAL), [&] { return f(error.get()); }));
    });
    if (!posted) return Z4J_BAD_STATE;
    if (answered.wait_for(std::chrono::milliseconds(deadline_ms)) != std::future_status::ready) return std::nullopt;
    return answered.get();
  }
};

Host::Host(Options options, Callbacks callbacks, base::Log& log, const base::Clock& clock)
    : inside_(std::make_unique<Inside>(std::move(options), std::move(callbacks), log, clock)) {}

Host::~Host() { stop_all(); }

std::vector<std::pair<std::string, std::string>> Host::offered() const { return inside_->loader.offered(); }

base::Result<Host::Described> Host::describe(const std::string& plugin) {
  std::string step;
  auto loaded = inside_->loader.load(plugin, {}, step);
  if (!loaded) return std::move(loaded).error();
  const z4j_plugin& d = *(*loaded)->descriptor;
  Described out{(*loaded)->path, std::string(read(d.id)), std::string(read(d.version)), std::string(read(d.name)),
                std::string(read(d.summary)), std::string(read(d.kinds)), std::string(read(d.config_schema_json)), {}};
  if (const auto* engine = static_cast<const z4j_engine*>(d.get_interface(lend(Z4J_IFACE_ENGINE)))) out.engine_name = read(engine->engine_name);
  return out;
}

base::Status Host::start(const config::PluginEntry& entry) {
  {
    const std::lock_guard lock(inside_->mutex);
    const auto known = inside_->current.find(entry.name);
    if (known != inside_->current.end() && known->second->state() == State::started) return {};
    if (!inside_->starting.insert(entry.name).second) return host_error(base::Code::busy, "instance \"" + entry.name + "\" is being started already");
  }
  struct Finally {
    Inside& in;
    const std::string& name;
    ~Finally() {
      const std::lock_guard lock(in.mutex);
      in.starting.erase(name);
    }
  } finally{*inside_, entry.name};

  Report report;
  auto loaded = inside_->loader.load(entry.plugin, entry.sha256, report.step);
  if (!loaded) return inside_->refuse(entry, report, std::move(loaded).error());
  const LoadedFile& file = **loaded;
  const z4j_plugin& d = *file.descriptor;
  report.plugin_id = read(d.id);
  report.version = read(d.version);
  report.kinds = read(d.kinds);
  report.file = file.path;

  config::Checked checked = config::check_settings(read(d.config_schema_json), entry.settings);
  const std::string config_json = base::json::write(checked.value);
  if (checked.problems.empty() && d.validate != nullptr) {
    const z4j_sink sink{sizeof(z4j_sink), 0, &checked.problems, [](void* ctx, z4j_str bytes) -> z4j_status {
      auto parsed = base::json::parse(read(bytes));
      if (!parsed || !parsed->is_object()) return Z4J_INVALID;
      const base::json::Object& o = parsed->get_object();
      static_cast<std::vector<config::Problem>*>(ctx)->push_back(config::Problem{
          std::string(base::json::text(o, "at")), std::string(base::json::text(o, "message")), {}, std::string(base::json::text(o, "hint"))});
      return Z4J_OK;
    }};
    z4j_error e = blank_error();
    z4j_status status = Z4J_INTERNAL;
    try {
      status = d.validate(lend(config_json), &sink, &e);
    } catch (...) {
      e = blank_error();
    }
    if (status != Z4J_OK && checked.problems.empty()) {
      checked.problems.push_back(config::Problem{e.where, from_plugin(status, e).message, {}, {}});
    }
  }
  if (!checked.problems.empty()) {
    std::string all;
    for (const config::Problem& problem : checked.problems) {
      const auto place = entry.setting_where.find(problem.where);
      all += (all.empty() ? "" : "; ") + (place != entry.setting_where.end() ? place->second + " " : std::string()) + problem.text();
    }
    report.step = "config";
    report.problems = checked.problems;
    return inside_->refuse(entry, report, base::Error{.code = base::Code::bad_config, .message = all, .where = entry.where,
                                                      .hint = "see: z4j-brain plugin describe " + entry.plugin});
  }

  auto instance = std::make_shared<Instance>(entry, file, inside_->options.host_version, inside_->ops, inside_->callbacks, inside_->log, inside_->clock);
  instance->engine = static_cast<const z4j_engine*>(d.get_interface(lend(Z4J_IFACE_ENGINE)));
  instance->storage = static_cast<const z4j_storage*>(d.get_interface(lend(Z4J_IFACE_STORAGE)));
  auto error = std::make_shared<z4j_error>(blank_error());
  auto config_text = std::make_shared<const std::string>(config_json);
  const auto fail_step = [&](const char* step, std::optional<z4j_status> status) -> base::Status {
    report.step = step;
    base::Error reason = status ? from_plugin(*status, *error)
                                : host_error(base::Code::timeout, std::string(step) + " did not return within " + std::to_string(inside_->options.start_deadline_ms) + " ms",
                                             "the instance is left behind; restart the brain to be rid of it");
    if (!status) {
      instance->kill();
      instance->set_state(State::stuck, reason.message, step, reason.hint);
    } else {
      instance->kill();
      instance->end_strand(1000);
    }
    {
      const std::lock_guard lock(inside_->mutex);
      inside_->tombstones.push_back(instance);
    }
    return inside_->refuse(entry, report, std::move(reason));
  };

  auto status = inside_->on_strand(instance, "create", inside_->options.start_deadline_ms, error,
                                   [instance, config_text](z4j_error* e) { return instance->file.descriptor->create(instance->table(), lend(*config_text), &instance->raw, e); });
  if (!status || *status != Z4J_OK || instance->raw == nullptr) return fail_step("create", status);
  instance->set_state(State::created);
  status = inside_->on_strand(instance, "start", inside_->options.start_deadline_ms, error,
                              [instance](z4j_error* e) { return instance->file.descriptor->start(instance->raw, e); });
  if (!status || *status != Z4J_OK) {
    if (status) {
      inside_->on_strand(instance, "destroy", 5000, error, [instance](z4j_error*) { instance->file.descriptor->destroy(instance->raw); return Z4J_OK; });
    }
    return fail_step("start", status);
  }
  instance->set_state(State::started);
  inside_->log.info("plugin started", {{"instance", entry.name}, {"plugin", report.plugin_id}, {"version", report.version}, {"file", file.path}});
  const std::lock_guard lock(inside_->mutex);
  if (const auto old = inside_->current.find(entry.name); old != inside_->current.end()) inside_->tombstones.push_back(old->second);
  inside_->current[entry.name] = instance;
  inside_->refused.erase(entry.name);
  std::erase_if(inside_->order, [&](const auto& i) { return i->entry.name == entry.name; });
  inside_->order.push_back(instance);
  return {};
}

base::Status Host::stop(const std::string& name) {
  const std::shared_ptr<Instance> instance = inside_->find(name);
  if (!instance) return {};
  const State state = instance->state();
  if (state != State::started && state != State::faulted) return {};
  instance->set_state(State::draining);
  const int deadline = inside_->options.stop_deadline_ms;
  inside_->ops.cancel_all(instance.get());
  auto error = std::make_shared<z4j_error>(blank_error());
  const auto stopped = inside_->on_strand(instance, "stop", deadline, error, [instance, deadline](z4j_error* e) {
    return instance->file.descriptor->stop(instance->raw, static_cast<uint32_t>(deadline), e);
  });
  const bool owes = inside_->ops.counts(instance.get()).open > 0;
  inside_->ops.abandon(instance.get(), host_error(base::Code::cancelled, "instance \"" + name + "\" was stopped"));
  if (!stopped || owes) {
    const std::string why = !stopped ? "stop did not return within " + std::to_string(deadline) + " ms" : std::string("it stopped with operations unanswered");
    instance->kill();
    instance->set_state(State::stuck, why, "stop", "it is left behind; a new instance may be started beside it");
    inside_->log.error("plugin stuck", {{"instance", name}, {"why", why}});
    return host_error(base::Code::timeout, "instance \"" + name + "\": " + why, "it is left behind; a new instance may be started beside it");
  }
  inside_->on_strand(instance, "destroy", deadline, error, [instance](z4j_error*) {
    instance->file.descriptor->destroy(instance->raw);
    return Z4J_OK;
  });
  instance->kill();
  instance->end_strand(deadline);
  instance->raw = nullptr;
  instance->set_state(State::destroyed);
  inside_->log.info("plugin stopped", {{"instance", name}});
  return {};
}

void Host::stop_all() {
  std::vector<std::shared_ptr<Instance>> order;
  {
    const std::lock_guard lock(inside_->mutex);
    order = inside_->order;
  }
  for (auto at = order.rbegin(); at != order.rend(); ++at) {
    [[maybe_unused]] const base::Status stopped = stop((*at)->entry.name);
  }
}

std::vector<Report> Host::reports() const {
  std::vector<Report> out;
  const std::lock_guard lock(inside_->mutex);
  for (const auto& entry : inside_->current) {
    const std::shared_ptr<Instance>& instance = entry.second;
    Report r = instance->report();
    if (instance->engine != nullptr && r.state == State::started) {
      r.capabilities = instance->call("capabilities", std::uint64_t{0}, [&] { return instance->engine->capabilities(instance->raw); });
    }
    out.push_back(std::move(r));
  }
  for (const auto& [name, report] : inside_->refused) out.push_back(report);
  std::sort(out.begin(), out.end(), [](const Report& a, const Report& b) { return a.name < b.name; });
  return out;
}

base::Result<Report> Host::report(const std::string& name) const {
  for (Report& r : reports()) {
    if (r.name == name) return std::move(r);
  }
  return host_error(base::Code::not_found, "no plugin instance \"" + name + "\"");
}

void Host::command(const std::string& name, std::uint64_t verb, std::string target, std::string args_json, int deadline_ms, Answer answer) {
  const std::shared_ptr<Instance> instance = inside_->find(name);
  if (!instance || instance->engine == nullptr || instance->state() != State::started) {
    answer(host_error(base::Code::unavailable, "engine instance \"" + name + "\" is not running"));
    return;
  }
  const std::uint64_t able = instance->call("capabilities", std::uint64_t{0}, [&] { return instance->engine->capabilities(instance->raw); });
  if ((able & verb) == 0) {
    answer(host_error(base::Code::unsupported, "engine instance \"" + name + "\" can't do this now"));
    return;
  }
  auto op = inside_->ops.open(instance.get(), deadline_ms,
                              host_error(base::Code::unknown, "no answer within " + std::to_string(deadline_ms) + " ms: it may have happened",
                                         "look at the task before trying again"), answer);
  if (!op) {
    answer(std::move(op).error());
    return;
  }
  const z4j_op id = *op;
  const bool posted = instance->post([instance, id, verb, target = std::move(target), args = std::move(args_json)] {
    z4j_error e = blank_error();
    const z4j_status status = instance->call("command", static_cast<z4j_status>(Z4J_UNKNOWN), [&] {
      return instance->engine->command(instance->raw, id, verb, lend(target), lend(args), &e);
    });
    if (status == Z4J_PENDING) return;
    if (status == Z4J_OK) instance->ops.complete(instance.get(), id, std::string());
    else instance->ops.complete(instance.get(), id, from_plugin(status, e));
  });
  if (!posted) instance->ops.complete(instance.get(), id, host_error(base::Code::unavailable, "engine instance \"" + name + "\" is stopping"));
}

void Host::snapshot(const std::string& name, std::string what, std::string page_json, int deadline_ms, Answer answer) {
  const std::shared_ptr<Instance> instance = inside_->find(name);
  if (!instance || instance->engine == nullptr || instance->state() != State::started) {
    answer(host_error(base::Code::unavailable, "engine instance \"" + name + "\" is not running"));
    return;
  }
  auto op = inside_->ops.open(instance.get(), deadline_ms, host_error(base::Code::timeout, "no answer within " + std::to_string(deadline_ms) + " ms"), answer);
  if (!op) {
    answer(std::move(op).error());
    return;
  }
  const z4j_op id = *op;
  const bool posted = instance->post([instance, id, what = std::move(what), page = std::move(page_json)] {
    z4j_error e = blank_error();
    const z4j_status status = instance->call("snapshot", static_cast<z4j_status>(Z4J_INTERNAL), [&] {
      return instance->engine->snapshot(instance->raw, id, lend(what), lend(page), &e);
    });
    if (status == Z4J_PENDING) return;
    if (status == Z4J_OK) instance->ops.complete(instance.get(), id, std::string());
    else instance->ops.complete(instance.get(), id, from_plugin(status, e));
  });
  if (!posted) instance->ops.complete(instance.get(), id, host_error(base::Code::unavailable, "engine instance \"" + name + "\" is stopping"));
}

namespace {

// What a driver that never answered may still read: held until the process ends, on purpose.
void keep_for_ever(std::shared_ptr<void> held) {
  static std::mutex mutex;
  static std::vector<std::shared_ptr<void>> all;
  const std::lock_guard lock(mutex);
  all.push_back(std::move(held));
}

// What a waiting caller and a late answer share.
struct Waiting {
  std::promise<base::Result<std::string>> promise;
};

class PluginSession final : public StorageClient::Session {
 public:
  PluginSession(std::shared_ptr<Instance> instance, z4j_session* session) : instance_(std::move(instance)), session_(session) {}
  ~PluginSession() override {
    if (poisoned_ || !instance_->alive()) return;  // the driver may still use it
    instance_->call("session_close", 0, [&] { instance_->storage->session_close(session_); return 0; });
  }

  base::Status commit(z4j_commit& commit, int deadline_ms, std::shared_ptr<void> keep) override {
    return finish("commit", deadline_ms, std::move(keep), [&](z4j_op op, z4j_error* e) { return instance_->storage->commit(session_, op, &commit, e); });
  }

  base::Status read(const z4j_query& query, std::uint32_t batch_rows, const std::function<bool(const z4j_rows&)>& rows) override {
    if (auto good = usable(); !good) return good;
    z4j_error e = blank_error();
    z4j_cursor* cursor = nullptr;
    z4j_status status = instance_->call("read_open", static_cast<z4j_status>(Z4J_INTERNAL), [&] { return instance_->storage->read_open(session_, &query, &cursor, &e); });
    if (status != Z4J_OK) return from_plugin(status, e);
    struct Close {
      Instance& i;
      z4j_cursor* c;
      ~Close() { i.call("read_close", 0, [&] { i.storage->read_close(c); return 0; }); }
    } close{*instance_, cursor};
    for (;;) {
      const z4j_rows* page = nullptr;
      status = instance_->call("read_next", static_cast<z4j_status>(Z4J_INTERNAL), [&] { return instance_->storage->read_next(cursor, batch_rows, &page, &e); });
      if (status == Z4J_END) return {};
      if (status != Z4J_OK || page == nullptr) return from_plugin(status, e);
      if (!rows(*page)) return {};
    }
  }

  base::Result<std::string> stats() override {
    if (!Z4J_HAS(instance_->storage, z4j_storage, stats)) return host_error(base::Code::unsupported, "this driver keeps no figures");
    return collect("stats", [&](const z4j_sink* sink, z4j_error* e) { return instance_->storage->stats(session_, sink, e); });
  }
  base::Result<std::string> explain(const z4j_query& query) override {
    if (!Z4J_HAS(instance_->storage, z4j_storage, explain)) return host_error(base::Code::unsupported, "this driver does not explain");
    return collect("explain", [&](const z4j_sink* sink, z4j_error* e) { return instance_->storage->explain(session_, &query, sink, e); });
  }
  base::Status backup(const std::string& target, int deadline_ms) override {
    if (!Z4J_HAS(instance_->storage, z4j_storage, backup)) return host_error(base::Code::unsupported, "this driver makes no native copy");
    auto held = std::make_shared<const std::string>(target);
    return finish("backup", deadline_ms, std::const_pointer_cast<std::string>(held), [&](z4j_op op, z4j_error* e) { return instance_->storage->backup(session_, op, lend(*held), e); });
  }

 private:
  base::Status usable() const {
    if (poisoned_) return host_error(base::Code::unavailable, "this session's driver did not answer in time");
    if (!instance_->alive()) return host_error(base::Code::unavailable, "the storage driver has stopped");
    return {};
  }

  template <class F>
  base::Status finish(const char* function, int deadline_ms, std::shared_ptr<void> keep, F&& f) {
    if (auto good = usable(); !good) return good;
    auto waiting = std::make_shared<Waiting>();
    auto answer = waiting->promise.get_future();
    auto op = instance_->ops.open(instance_.get(), deadline_ms, host_error(base::Code::unknown, std::string(function) + " was not answered in time"),
                                  [waiting](base::Result<std::string> r) { waiting->promise.set_value(std::move(r)); });
    if (!op) return std::move(op).error();
    z4j_error e = blank_error();
    const z4j_status status = instance_->call(function, static_cast<z4j_status>(Z4J_INTERNAL), [&] { return f(*op, &e); });
    if (status != Z4J_PENDING) {
      instance_->ops.complete(instance_.get(), *op, std::string());
      if (status == Z4J_OK) return {};
      return from_plugin(status, e);
    }
    auto result = answer.get();
    if (result) return {};
    if (result.error().code == base::Code::unknown && instance_->ops.remaining_ms(*op) <= 0) {
      poisoned_ = true;
      keep_for_ever(std::move(keep));
    }
    return std::move(result).error();
  }

  template <class F>
  base::Result<std::string> collect(const char* function, F&& f) {
    if (auto good = usable(); !good) return good.error();
    std::string out;
    const z4j_sink sink{sizeof(z4j_sink), 0, &out, [](void* ctx, z4j_str bytes) -> z4j_status {
      static_cast<std::string*>(ctx)->append(bytes.ptr, bytes.len);
      return Z4J_OK;
    }};
    z4j_error e = blank_error();
    const z4j_status status = instance_->call(function, static_cast<z4j_status>(Z4J_INTERNAL), [&] { return f(&sink, &e); });
    if (status != Z4J_OK) return from_plugin(status, e);
    return out;
  }

  std::shared_ptr<Instance> instance_;
  z4j_session* session_;
  bool poisoned_ = false;
};

class PluginStorage final : public StorageClient {
 public:
  explicit PluginStorage(std::shared_ptr<Instance> instance) : instance_(std::move(instance)) {}

  z4j_store_info info() override {
    z4j_store_info info{};
    info.struct_size = sizeof info;
    instance_->call("info", 0, [&] { instance_->storage->info(instance_->raw, &info); return 0; });
    return info;
  }

  base::Result<std::string> migrate(const z4j_schema& schema, bool dry_run, int deadline_ms) override {
    auto waiting = std::make_shared<Waiting>();
    auto answer = waiting->promise.get_future();
    auto op = instance_->ops.open(instance_.get(), deadline_ms, host_error(base::Code::unknown, "migration was not answered in time"),
                                  [waiting](base::Result<std::string> r) { waiting->promise.set_value(std::move(r)); });
    if (!op) return std::move(op).error();
    z4j_error e = blank_error();
    const z4j_status status = instance_->call("migrate", static_cast<z4j_status>(Z4J_INTERNAL),
                                              [&] { return instance_->storage->migrate(instance_->raw, *op, &schema, dry_run ? 1 : 0, &e); });
    if (status == Z4J_PENDING) return answer.get();
    instance_->ops.complete(instance_.get(), *op, std::string());
    if (status == Z4J_OK) return std::string("{}");
    return from_plugin(status, e);
  }

  base::Result<std::unique_ptr<Session>> open(std::uint32_t flags) override {
    if (!instance_->alive()) return host_error(base::Code::unavailable, "the storage driver has stopped");
    z4j_session* session = nullptr;
    z4j_error e = blank_error();
    const z4j_status status = instance_->call("session_open", static_cast<z4j_status>(Z4J_INTERNAL),
                                              [&] { return instance_->storage->session_open(instance_->raw, flags, &session, &e); });
    if (status != Z4J_OK || session == nullptr) return from_plugin(status, e);
    return std::unique_ptr<Session>(std::make_unique<PluginSession>(instance_, session));
  }

 private:
  std::shared_ptr<Instance> instance_;
};

}  // namespace

base::Result<std::shared_ptr<StorageClient>> Host::storage(const std::string& name) {
  const std::shared_ptr<Instance> instance = inside_->find(name);
  if (!instance || instance->state() != State::started) return host_error(base::Code::unavailable, "storage instance \"" + name + "\" is not running");
  if (instance->storage == nullptr) return host_error(base::Code::bad_config, "plugin instance \"" + name + "\" is no storage driver");
  return std::shared_ptr<StorageClient>(std::make_shared<PluginStorage>(instance));
}

}  // namespace z4j::plugin
