#include "agent/runtime.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <optional>

#include "agent/buffer.hpp"
#include "agent/collector.hpp"
#include "agent/command_ledger.hpp"
#include "agent/commands.hpp"
#include "agent/engines.hpp"
#include "agent/losses.hpp"
#include "agent/session.hpp"
#include "base/crypto.hpp"
#include "core/redaction.hpp"
#include "wire/version.hpp"

namespace z4j::agent {
namespace {

constexpr std::size_t kIdBytes = 16;

// A name for what lies in the folder, as old as the folder.
std::string buffer_id_of(const std::string& folder) {
  const std::string path = folder + "/buffer-id";
  char text[2 * kIdBytes] = {};
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  const bool is_whole = fd >= 0 && ::read(fd, text, sizeof text) == sizeof text;
  if (fd >= 0) ::close(fd);
  if (is_whole && base::unhex({text, sizeof text})) return std::string(text, sizeof text);
  std::string made = base::hex(base::random_bytes(kIdBytes));
  fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    if (::write(fd, made.data(), made.size()) < 0) ::unlink(path.c_str());
    ::close(fd);
  }
  return made;
}

}  // namespace

struct Runtime::Parts {
  Loaded loaded;
  Surroundings around;
  const base::Clock& clock;
  base::Log& log;

  // In the order they are made; each knows only those before it.
  std::optional<core::Redactor> redactor;
  std::unique_ptr<Buffer> buffer;
  std::unique_ptr<Losses> losses;
  std::unique_ptr<CommandLedger> ledger;
  std::unique_ptr<Collector> collector;
  std::unique_ptr<Engines> engines;
  std::unique_ptr<Commands> commands;
  std::unique_ptr<Session> session;

  Parts(Loaded l, Surroundings a, const base::Clock& c, base::Log& g)
      : loaded(std::move(l)), around(std::move(a)), clock(c), log(g) {}

  base::Status keep();
  base::Status watch();
  void talk();
};

// What outlives the process.
base::Status Runtime::Parts::keep() {
  const Settings& settings = loaded.settings;
  core::Redactor::Options rules;
  rules.extra_keys = settings.redaction_extra_keys;
  rules.extra_values = settings.redaction_extra_values;
  rules.max_string_bytes = settings.max_string_bytes;
  auto made = core::Redactor::make(rules);
  if (!made) return std::move(made).error();
  redactor.emplace(std::move(made).value());

  Buffer::Options keeping;
  keeping.folder = settings.state;
  keeping.max_bytes = settings.buffer_bytes;
  keeping.max_events = static_cast<std::uint64_t>(settings.buffer_events);
  keeping.log = &log;
  keeping.clock = &clock;
  auto opened = Buffer::open(std::move(keeping));
  if (!opened) return std::move(opened).error();
  buffer = std::move(opened).value();
  losses = std::make_unique<Losses>(
      buffer_id_of(settings.state),
      base::hex(base::random_bytes(kIdBytes)) + ":" + std::to_string(::getpid()));
  auto remembered = CommandLedger::open(settings.state + "/commands.log", clock, log);
  if (!remembered) return std::move(remembered).error();
  ledger = std::move(remembered).value();
  return {};
}

base::Status Runtime::Parts::watch() {
  collector = std::make_unique<Collector>(*buffer, *redactor, [this] {
    if (session) session->poke();
  });
  Engines::Options watching = engine_options(loaded, around);
  watching.emit = [this](const z4j_event_batch& batch) { collector->take(batch); };
  watching.dropped = [this](const std::string& engine, std::uint64_t events) {
    losses->dropped(engine, events);
  };
  watching.scrub = [this](base::json::Value& value) { redactor->scrub(value); };
  engines = std::make_unique<Engines>(std::move(watching), clock, log);
  return engines->find();
}

void Runtime::Parts::talk() {
  const Settings& settings = loaded.settings;
  Commands::Options obeying;
  obeying.key = settings.key;
  obeying.purge_threshold = settings.purge_threshold;
  obeying.accept_legacy_purge_token = settings.accept_legacy_purge_token;
  commands = std::make_unique<Commands>(*engines, clock, std::move(obeying));
  Session::Options talking;
  talking.link.target = settings.target;
  talking.link.token = settings.token;
  talking.link.key = settings.key;
  talking.link.agent_id = settings.id;
  talking.link.project = settings.project;
  talking.link.user_agent = "z4j-agent/" + around.version;
  talking.transport = settings.transport;
  talking.brain_url = settings.brain_url;
  talking.speaker.name = settings.name;
  talking.speaker.role = settings.worker_role;
  talking.speaker.version = around.version;
  talking.speaker.worker_id = new_worker_id("z4j-agent", clock.now());
  talking.speaker.started_at = clock.now();
  talking.heartbeat = settings.heartbeat;
  talking.agent_status = settings.agent_status;
  session = std::make_unique<Session>(std::move(talking), *engines, *buffer, *ledger, *commands,
                                      *losses, clock, log);
}

Engines::Options engine_options(const Loaded& loaded, const Surroundings& around) {
  const std::string& directory = loaded.settings.plugin_directory;
  Engines::Options options;
  options.plugins = loaded.plugins;
  options.host = around.host;
  if (!directory.empty()) options.host.directories = {directory};
  options.host.signatures = plugin::SignaturePolicy::of(loaded.settings.plugin_trusted_keys,
                                                        loaded.settings.plugin_require_signature);
  options.host.host_version = around.version;
  options.host.hidden_folders = {loaded.settings.home, loaded.settings.state};
  options.secret = around.secret;
  return options;
}

Runtime::Runtime(Loaded loaded, Surroundings around, const base::Clock& clock, base::Log& log)
    : parts_(std::make_unique<Parts>(std::move(loaded), std::move(around), clock, log)) {}

Runtime::~Runtime() { stop(0); }

base::Status Runtime::start() {
  Parts& p = *parts_;
  if (auto kept = p.keep(); !kept) return kept;
  if (auto found = p.watch(); !found) return found;
  std::string names;
  for (const Engines::Fact& fact : p.engines->facts())
    names += (names.empty() ? "" : ", ") + fact.engine;
  p.log.info("z4j-agent starts", {{"version", p.around.version},
                                  {"protocol_of", wire::kUpstreamLevel},
                                  {"engines", names},
                                  {"brain", p.loaded.settings.brain_url}});
  p.talk();
  p.engines->start();
  p.session->start();
  return {};
}

void Runtime::stop(int drain_ms) {
  Parts& p = *parts_;
  if (p.engines) p.engines->stop();
  if (p.session) p.session->stop(drain_ms);
}

void Runtime::skip_wait() {
  if (parts_->session) parts_->session->skip_wait();
}

}  // namespace z4j::agent
