// A: the file. The rules are the loader's; what loading does to a process is tried besides.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "plugin/rules.hpp"
#include "subject.hpp"

namespace z4j::check {
namespace {

std::string whole_environment() {
  std::string out;
  for (char** at = environ; *at != nullptr; ++at) out += std::string(*at) + "\n";
  return out;
}

// What a library must leave as it is: it belongs to the whole process.
struct ProcessState {
  std::vector<const void*> handlers;
  sigset_t mask{};
  std::string locale = std::setlocale(LC_ALL, nullptr),
              folder = std::filesystem::current_path().string(), environment = whole_environment();
  mode_t umask = 0;

  ProcessState() {
    for (int number = 1; number < 32; ++number) {
      struct sigaction now {};
      ::sigaction(number, nullptr, &now);
      handlers.push_back(reinterpret_cast<const void*>(now.sa_handler));
    }
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    // Libraries that write to sockets block it when they are loaded; no host waits for it.
    ::sigdelset(&mask, SIGPIPE);
    umask = ::umask(022);
    ::umask(umask);
  }
  void expect_as_before(const std::string& after) const {
    const ProcessState now;
    expect(now.handlers == handlers, after + " changed how the process takes signals");
    expect(std::memcmp(&now.mask, &mask, sizeof mask) == 0,
           after + " changed which signals are blocked");
    expect(now.locale == locale,
           after + " changed the locale from " + locale + " to " + now.locale);
    expect(now.folder == folder, after + " changed the working folder to " + now.folder);
    expect(now.environment == environment, after + " changed the environment of the process");
    expect(now.umask == umask, after + " changed the umask");
  }
};

void leaves_the_process_as_it_was(Subject& subject) {
  const ProcessState before;
  (void)subject.entry();
  before.expect_as_before("loading it");
}

void life_leaves_the_process_as_it_was(Subject& subject) {
  (void)subject.entry();
  const ProcessState before;
  CheckedHost& host = subject.host();
  Instance instance(subject, host);
  const CallError started = instance.try_start();
  before.expect_as_before("start()");
  if (started.ok()) (void)instance.stop();
  instance.destroy();
  before.expect_as_before("the life of an instance");
}

// Runs `act` with standard output and error in a file; gives what was written.
std::string written_by(Subject& subject, const std::function<void()>& act) {
  const std::string path = subject.fresh_folder() + "/output";
  std::cout.flush();
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const int out = ::dup(1), error = ::dup(2);
  ::dup2(file, 1);
  ::dup2(file, 2);
  std::exception_ptr thrown;
  try {
    act();
  } catch (...) {
    thrown = std::current_exception();
  }
  std::fflush(nullptr);
  ::dup2(out, 1);
  ::dup2(error, 2);
  ::close(out);
  ::close(error);
  std::string text(200, '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), 0);
  ::close(file);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (thrown) std::rethrow_exception(thrown);
  return text;
}

}  // namespace

void add_file_cases(Cases& cases) {
  for (const plugin::Rule<plugin::ElfFile>& rule : plugin::file_rules()) {
    cases.push_back(
        {"A." + std::string(rule.name), std::string(rule.what), [&rule](Subject& subject) {
           if (const auto good = rule.check(subject.elf()); !good)
             throw Failed(good.error().message + ": " + good.error().hint);
         }});
  }
  cases.push_back({"A.load", "can be loaded", [](Subject& subject) { (void)subject.entry(); }});
  cases.push_back({"A.load-time", "loads (its time is told, not judged)", [](Subject& subject) {
                     const auto begin = std::chrono::steady_clock::now();
                     (void)subject.entry();
                     const auto took = std::chrono::duration<double, std::milli>(
                         std::chrono::steady_clock::now() - begin);
                     subject.tell(std::to_string(static_cast<int>(took.count())) + " ms");
                   }});
  cases.push_back(
      {"A.load-quiet", "writes nothing to the terminal when it is loaded", [](Subject& subject) {
         const std::string text = written_by(subject, [&] { (void)subject.entry(); });
         expect(text.empty(), "loading it wrote: " + text);
       }});
  cases.push_back({"A.load-threads", "starts no thread when it is loaded", [](Subject& subject) {
                     const std::size_t before = threads_now();
                     (void)subject.entry();
                     expect(threads_now() == before, "loading it started " +
                                                         std::to_string(threads_now() - before) +
                                                         " threads");
                   }});
  cases.push_back({"A.load-descriptors", "opens nothing when it is loaded", [](Subject& subject) {
                     (void)subject.elf();
                     const std::size_t before = descriptors_now();
                     (void)subject.entry();
                     expect(descriptors_now() == before,
                            "loading it left " + std::to_string(descriptors_now() - before) +
                                " descriptors open");
                   }});
  cases.push_back({"A.load-process",
                   "leaves signals, locale, folder and environment alone when loaded",
                   leaves_the_process_as_it_was});
  cases.push_back({"A.life-process",
                   "leaves signals, locale, folder and environment alone while it lives",
                   life_leaves_the_process_as_it_was});
  cases.push_back(
      {"A.life-quiet", "writes nothing to the terminal while it lives", [](Subject& subject) {
         const std::string text = written_by(subject, [&] {
           Instance instance(subject, subject.host());
           const CallError started = instance.try_start();
           if (started.ok()) (void)instance.stop();
         });
         expect(text.empty(), "it wrote to the terminal instead of log(): " + text);
       }});
  cases.push_back(
      {"A.exit", "lets the process end cleanly once it is loaded", [](Subject& subject) {
         (void)subject.entry();
         subject.leave_by_exit();
       }});
  cases.push_back(
      {"A.exit-after-life", "lets the process end cleanly after an instance", [](Subject& subject) {
         {
           Instance instance(subject, subject.host());
           const CallError started = instance.try_start();
           if (started.ok()) (void)instance.stop();
         }
         subject.leave_by_exit();
       }});
}

}  // namespace z4j::check
