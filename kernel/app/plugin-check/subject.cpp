#include "subject.hpp"

#include <dlfcn.h>
#include <malloc.h>

#include <filesystem>

#include "config/schema.hpp"
#include "last_call.hpp"
#include "plugin/crossing.hpp"
#include "plugin/rules.hpp"
#include "samples.hpp"

namespace z4j::check {
namespace {

namespace fs = std::filesystem;
using plugin::lend;
using plugin::text_of;

std::size_t entries_of(const char* folder) {
  std::size_t n = 0;
  std::error_code ec;
  for (fs::directory_iterator at(folder, ec), end; !ec && at != end; at.increment(ec)) ++n;
  return n;
}

// "{folder}" and "{word}" in texts of --config: each store gets its own.
void fill_places(json::Value& value, const std::string& folder, const std::string& word) {
  if (value.is_string()) {
    std::string text(value.get_string());
    for (const auto& [place, with] : {std::pair{"{folder}", folder}, {"{word}", word}}) {
      for (std::size_t at; (at = text.find(place)) != std::string::npos;)
        text.replace(at, std::string_view(place).size(), with);
    }
    value = text;
  } else if (value.is_array()) {
    for (json::Value& each : value.get_array()) fill_places(each, folder, word);
  } else if (value.is_object()) {
    for (auto& [name, each] : value.get_object()) fill_places(each, folder, word);
  }
}

bool is_the_worlds(z4j_status status) {
  return (status >= 200 && status < 300) || status == Z4J_BAD_CONFIG || status == Z4J_NOT_FOUND ||
         status == Z4J_DENIED || status == Z4J_UNSUPPORTED;
}

}  // namespace

std::string CallError::text() const {
  return "code " + std::to_string(status) + (message.empty() ? "" : ", \"" + message + "\"") +
         (where.empty() ? "" : " at " + where);
}

Subject::Subject(const Options& options, std::string case_name)
    : options_(options),
      case_name_(std::move(case_name)),
      dice_(options.seed ^ std::hash<std::string>{}(case_name_)) {}

std::string Subject::fresh_folder() {
  const std::string folder = options_.folder + "/" + fresh_word();
  fs::create_directories(folder);
  return folder;
}

std::string Subject::fresh_word() {
  std::uint64_t hash = std::hash<std::string>{}(case_name_ + options_.folder) ^ ++folders_;
  std::string out = "c";
  for (int i = 0; i < 12; ++i, hash >>= 5) out += "abcdefghijklmnopqrstuvwxyz234567"[hash & 31u];
  return out + std::to_string(folders_);
}

const plugin::ElfFile& Subject::elf() {
  if (!elf_) {
    auto read = plugin::read_elf(options_.file);
    if (!read) throw Failed(read.error().message);
    elf_ = std::move(read).value();
  }
  return *elf_;
}

const z4j_plugin_entry& Subject::entry() {
  if (entry_ != nullptr) return *entry_;
  note_last_call("the loading of the file");
  void* const library = ::dlopen(fs::absolute(options_.file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* const why = ::dlerror();
    throw Failed(std::string("it can't be loaded: ") + (why != nullptr ? why : "no reason given"));
  }
  entry_ = static_cast<const z4j_plugin_entry*>(::dlsym(library, Z4J_PLUGIN_SYMBOL));
  if (entry_ == nullptr) throw Failed("it exports no " Z4J_PLUGIN_SYMBOL);
  note_last_call("");
  return *entry_;
}

const z4j_plugin& Subject::plugin() {
  const z4j_plugin_entry& e = entry();
  if (e.plugin_count < 1 || e.plugins == nullptr || e.plugins[0] == nullptr)
    throw Failed("its entry lists no plugin");
  return *e.plugins[0];
}

std::string_view Subject::kinds() { return text_of(plugin().kinds); }
bool Subject::is_a(std::string_view kind) { return plugin::has_word(kinds(), kind); }

const void* Subject::interface_of(std::string_view id) {
  const void* found = nullptr;
  call("get_interface", [&] { found = plugin().get_interface(lend(id)); });
  if (found == nullptr) throw Failed("it has no " + std::string(id));
  return found;
}

const z4j_engine& Subject::engine() { return table<z4j_engine>("engine", Z4J_IFACE_ENGINE); }
const z4j_scheduler& Subject::scheduler() {
  return table<z4j_scheduler>("scheduler", Z4J_IFACE_SCHEDULER);
}
const z4j_notifier& Subject::notifier() {
  return table<z4j_notifier>("notifier", Z4J_IFACE_NOTIFIER);
}
const z4j_storage& Subject::storage() { return table<z4j_storage>("storage", Z4J_IFACE_STORAGE); }
const z4j_http& Subject::http() { return table<z4j_http>("http", Z4J_IFACE_HTTP); }

std::string_view Subject::schema() { return text_of(plugin().config_schema_json); }

json::Object Subject::settings() {
  if (options_.config) {
    json::Value value = *options_.config;
    fill_places(value, fresh_folder(), fresh_word());
    return value.get_object();
  }
  auto made = sample_settings(schema());
  if (!made)
    throw NotForThis("no settings that its schema takes could be made up: give some with --config");
  return std::move(*made);
}

std::string Subject::complete(const json::Object& settings) {
  const config::Checked checked = config::check_settings(schema(), settings);
  if (!checked.problems.empty()) {
    const config::Problem& first = checked.problems.front();
    throw NotForThis("its schema refuses the settings: " + first.where + " " + first.message);
  }
  return json::write(checked.value);
}

std::string Subject::config() { return complete(settings()); }

CheckedHost& Subject::host(CheckedHost::Shape shape) {
  hosts_.push_back(new CheckedHost(std::move(shape)));  // for ever: see the class
  return *hosts_.back();
}

void Subject::verify() {
  for (const CheckedHost* each : hosts_) {
    const auto faults = each->faults();
    if (!faults.empty()) {
      throw Failed(faults.front() + (faults.size() > 1
                                         ? " (and " + std::to_string(faults.size() - 1) + " more)"
                                         : ""));
    }
  }
}

void Subject::call(const char* function, const std::function<void()>& act) {
  note_last_call(function);
  try {
    act();
  } catch (const Failed&) {  // our own words about what was seen meanwhile
    throw;
  } catch (const NotForThis&) {
    throw;
  } catch (const std::exception& thrown) {
    throw Failed(std::string("an exception crossed the boundary in ") + function +
                 "(): " + thrown.what());
  } catch (...) {
    throw Failed(std::string("an exception crossed the boundary in ") + function + "()");
  }
}

CallError Subject::status_of(const char* function,
                             const std::function<z4j_status(z4j_error*)>& act) {
  // Nothing readable behind it: who writes more than it is told dies.
  const GuardedStruct<z4j_error> memory(plugin::blank_error());
  z4j_error& error = *memory.get();
  CallError out;
  call(function, [&] { out.status = act(&error); });
  const std::string in = std::string(function) + "()";
  if (error.struct_size != sizeof error) throw Failed(in + " changed the size of the error");
  if (std::memchr(error.message, 0, sizeof error.message) == nullptr ||
      std::memchr(error.where, 0, sizeof error.where) == nullptr)
    throw Failed(in + " filled an error whose text has no end");
  out.message = error.message;
  out.where = error.where;
  const bool is_failure = out.status >= 100;
  if (out.status < 0 || out.status > 2) {
    const bool known = (out.status >= Z4J_INVALID && out.status <= Z4J_TOO_LARGE) ||
                       (out.status >= Z4J_BUSY && out.status <= Z4J_UNKNOWN) ||
                       (out.status >= Z4J_INTERNAL && out.status <= Z4J_CORRUPT);
    if (!known)
      throw Failed(in + " returned " + std::to_string(out.status) +
                   ", which is no code of the ABI");
  }
  if (is_failure && out.message.empty())
    throw Failed(in + " returned " + std::to_string(out.status) + " without a message");
  if (!json::parse(json::write(json::Value(out.message))))
    throw Failed(in + " filled an error with a message that is not UTF-8");
  if (is_failure && error.code != out.status)
    throw Failed(in + " returned " + std::to_string(out.status) + " but its error says " +
                 std::to_string(error.code));
  return out;
}

Instance::Instance(Subject& subject, CheckedHost& host, const std::string& config)
    : subject_(subject), host_(host) {
  host_.enter(CheckedHost::Life::created);
  const Guarded text(config);
  const CallError made = subject_.status_of("create", [&](z4j_error* e) {
    return subject_.plugin().create(host_.table(), text.text(), &instance_, e);
  });
  // The text is gone when create() has returned: `text` takes its memory back here.
  if (!made.ok()) {
    // What a schema can't say, validate() or create() may: made-up settings are not everybody's.
    if (!subject_.options().config && made.status >= 100 && made.status < 300)
      throw NotForThis("settings made from its schema are not enough (give --config): " +
                       made.text());
    throw Failed("create() refused settings that pass its schema: " + made.text());
  }
  if (instance_ == nullptr) throw Failed("create() returned Z4J_OK without an instance");
}

CallError Instance::try_start() {
  host_.enter(CheckedHost::Life::starting);
  const CallError started = subject_.status_of(
      "start", [&](z4j_error* e) { return subject_.plugin().start(instance_, e); });
  if (started.ok()) {
    is_started_ = true;
    host_.enter(CheckedHost::Life::started);
  }
  return started;
}

void Instance::start() {
  const CallError started = try_start();
  if (started.ok()) return;
  if (is_the_worlds(started.status))
    throw NotForThis("it does not start here: " + started.text() +
                     (subject_.options().config ? "" : "; give --config"));
  throw Failed("start() failed: " + started.text());
}

CallError Instance::stop(std::uint32_t deadline_ms) {
  is_started_ = false;
  host_.enter(CheckedHost::Life::stopping);
  host_.drain();
  const CallError stopped = subject_.status_of(
      "stop", [&](z4j_error* e) { return subject_.plugin().stop(instance_, deadline_ms, e); });
  host_.enter(CheckedHost::Life::stopped);
  return stopped;
}

void Instance::destroy() {
  if (instance_ == nullptr) return;
  z4j_instance* const gone = instance_;
  instance_ = nullptr;
  // destroy() itself may still log; what comes after it is a fault.
  host_.enter(CheckedHost::Life::stopping);
  subject_.call("destroy", [&] { subject_.plugin().destroy(gone); });
  host_.enter(CheckedHost::Life::destroyed);
}

Instance::~Instance() {
  if (instance_ == nullptr) return;
  try {
    if (is_started_) (void)stop();
    destroy();
  } catch (const Failed& failed) {
    host_.fault(failed.what());
  }
}

std::size_t threads_now() { return entries_of("/proc/self/task"); }
std::size_t descriptors_now() { return entries_of("/proc/self/fd") - 1; }  // without our own look

std::size_t files_now() {
  std::size_t n = 0;
  std::error_code ec;
  for (fs::directory_iterator at("/proc/self/fd", ec), end; !ec && at != end; at.increment(ec)) {
    std::error_code gone;
    const std::string to = fs::read_symlink(at->path(), gone).string();
    if (!gone && to.rfind("anon_inode:", 0) != 0 && to.rfind("pipe:", 0) != 0) ++n;
  }
  return n;
}

std::optional<std::size_t> heap_now() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return std::nullopt;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  return std::nullopt;
#endif
#endif
  const struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

void wait_for(int ms, const std::function<bool()>& good, const std::string& otherwise) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (!good()) {
    if (std::chrono::steady_clock::now() > deadline) throw Failed(otherwise);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

json::Value parsed(std::string_view text, const std::string& what) {
  auto value = json::parse(text);
  if (!value) throw Failed(what + " is not JSON: " + std::string(plugin::cut(text, 120)));
  return std::move(value).value();
}

const json::Object& object_of(const json::Value& value, const std::string& what) {
  if (!value.is_object()) throw Failed(what + " is no JSON object");
  return value.get_object();
}

}  // namespace z4j::check
