// The plugin under check, as the process of one case sees it: its file, its table, settings for it,
// and instances of it.
#pragma once

#include <z4j/abi.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "case.hpp"
#include "checked_host.hpp"
#include "plugin/elf_file.hpp"

namespace z4j::check {

namespace json = base::json;

struct Options {
  std::string file;
  std::optional<json::Object> config;  // of --config: what an operator would write
  std::uint64_t seed = 1;
  std::string folder;  // of this run, private
};

// A whole error, checked: a code of the ABI, and with a failure a message that is text.
struct CallError {
  z4j_status status = Z4J_OK;
  std::string message, where;
  [[nodiscard]] bool ok() const { return status == Z4J_OK; }
  [[nodiscard]] std::string text() const;
};

class Subject {
 public:
  Subject(const Options& options, std::string case_name);
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] std::mt19937_64& dice() { return dice_; }  // by seed and case
  [[nodiscard]] std::size_t below(std::size_t n) { return static_cast<std::size_t>(dice_() % n); }
  // A folder of this case alone, and a word that no other store has.
  [[nodiscard]] std::string fresh_folder();
  [[nodiscard]] std::string fresh_word();

  [[nodiscard]] const plugin::ElfFile& elf();
  [[nodiscard]] const z4j_plugin_entry& entry();  // maps the file
  [[nodiscard]] const z4j_plugin& plugin();
  [[nodiscard]] std::string_view kinds();
  [[nodiscard]] bool is_a(std::string_view kind);
  // Throws NotForThis when the plugin is none of that kind.
  template <class T>
  [[nodiscard]] const T& table(std::string_view kind, std::string_view interface) {
    if (!is_a(kind)) throw NotForThis("this is no " + std::string(kind));
    return *static_cast<const T*>(interface_of(interface));
  }
  [[nodiscard]] const z4j_engine& engine();
  [[nodiscard]] const z4j_scheduler& scheduler();
  [[nodiscard]] const z4j_notifier& notifier();
  [[nodiscard]] const z4j_storage& storage();
  [[nodiscard]] const z4j_http& http();

  [[nodiscard]] std::string_view schema();
  // What an operator would set: --config with its placeholders filled, or made from the schema.
  [[nodiscard]] json::Object settings();
  // Complete, as the plugin gets it. Throws NotForThis when the schema takes no made-up ones.
  [[nodiscard]] std::string config();
  [[nodiscard]] std::string complete(const json::Object& settings);

  // A host that lives as long as the process and is looked at when the case is over.
  CheckedHost& host(CheckedHost::Shape shape = {});
  // Throws Failed with the first promise that a host saw broken.
  void verify();

  // What the report says of a case that passes.
  void tell(std::string measured) { told_ = std::move(measured); }
  [[nodiscard]] const std::string& told() const { return told_; }
  // The process of this case ends by exit(), with all that the plugin registered for it.
  void leave_by_exit() { leaves_by_exit_ = true; }
  [[nodiscard]] bool leaves_by_exit() const { return leaves_by_exit_; }

  // Runs one call of the plugin's: noted for a crash report; an exception is a failure.
  void call(const char* function, const std::function<void()>& act);
  [[nodiscard]] CallError status_of(const char* function,
                                    const std::function<z4j_status(z4j_error*)>& act);

 private:
  [[nodiscard]] const void* interface_of(std::string_view id);

  const Options& options_;
  const std::string case_name_;
  std::mt19937_64 dice_;
  std::optional<plugin::ElfFile> elf_;
  const z4j_plugin_entry* entry_ = nullptr;
  std::vector<CheckedHost*> hosts_;
  unsigned folders_ = 0;
  std::string told_;
  bool leaves_by_exit_ = false;
};

// Destroyed, and stopped before if it was started, when it goes out of sight.
class Instance {
 public:
  // Throws Failed when create() fails.
  Instance(Subject& subject, CheckedHost& host) : Instance(subject, host, subject.config()) {}
  Instance(Subject& subject, CheckedHost& host, const std::string& config);
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;
  ~Instance();

  [[nodiscard]] z4j_instance* get() const { return instance_; }
  [[nodiscard]] CheckedHost& host() const { return host_; }
  [[nodiscard]] Subject& subject() const { return subject_; }
  [[nodiscard]] CallError try_start();
  // Throws NotForThis when the world is not there (say no broker), Failed for the plugin's faults.
  void start();
  [[nodiscard]] CallError stop(std::uint32_t deadline_ms = 10'000);
  void destroy();

 private:
  Subject& subject_;
  CheckedHost& host_;
  z4j_instance* instance_ = nullptr;
  bool is_started_ = false;
};

// One that runs.
struct Running {
  explicit Running(Subject& subject, CheckedHost::Shape shape = {})
      : host(subject.host(std::move(shape))), instance(subject, host) {
    instance.start();
  }
  CheckedHost& host;
  Instance instance;
};

// What this process holds.
[[nodiscard]] std::size_t threads_now();
[[nodiscard]] std::size_t descriptors_now();
// Of them files and sockets: not what only wakes threads of this process.
[[nodiscard]] std::size_t files_now();
[[nodiscard]] std::optional<std::size_t> heap_now();  // none: this build can't tell

// Waits until `good` or throws Failed.
void wait_for(int ms, const std::function<bool()>& good, const std::string& otherwise);

// Is it a JSON value (of that kind, "" any)?
[[nodiscard]] json::Value parsed(std::string_view text, const std::string& what);
[[nodiscard]] const json::Object& object_of(const json::Value& value, const std::string& what);

}  // namespace z4j::check
