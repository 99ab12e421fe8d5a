#include "runner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "last_call.hpp"
#include "plugin/crossing.hpp"

namespace z4j::check {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutput = 64u << 10;
constexpr int kPollMs = 50, kPatienceMs = 500;

int ms_since(Clock::time_point since) {
  return static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count());
}

std::string in_last_call() {
  return *last_call() == '\0' ? std::string() : std::string(" in ") + last_call() + "()";
}

std::string signal_name(int number) {
  const char* const name = ::sigabbrev_np(number);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(number);
}

// A pipe's end that closes itself.
struct End {
  int fd = -1;
  ~End() { close(); }
  void close() {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

// What a child says: one letter for the outcome, then the message.
void tell(int fd, Outcome outcome, std::string_view message) {
  std::string line(1, outcome == Outcome::passed ? 'p' : outcome == Outcome::failed ? 'f' : 'n');
  line += plugin::cut(message, 4000);
  for (std::size_t at = 0; at < line.size();) {
    const ssize_t wrote = ::write(fd, line.data() + at, line.size() - at);
    if (wrote <= 0) return;
    at += static_cast<std::size_t>(wrote);
  }
}

void run_here(Subject& subject, const Case& each, Result& result) {
  try {
    each.run(subject);
    subject.verify();
    result.message = subject.told();
  } catch (const NotForThis& why) {
    result.outcome = Outcome::not_for_this;
    result.message = why.what();
    try {
      subject.verify();
    } catch (const Failed& failed) {
      result.outcome = Outcome::failed;
      result.message = failed.what();
    }
  } catch (const Failed& failed) {
    result.outcome = Outcome::failed;
    result.message = failed.what();
  } catch (const std::exception& thrown) {
    result.outcome = Outcome::failed;
    result.message = std::string("the trial ended early") + in_last_call() + ": " + thrown.what();
  }
}

[[noreturn]] void be_the_child(const Options& options, const Case& each, int result_fd,
                               int output_fd) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(SIGPIPE, SIG_IGN);
  ::dup2(output_fd, 1);
  ::dup2(output_fd, 2);
  ::close(output_fd);
  Subject subject(options, each.name);
  Result result;
  run_here(subject, each, result);
  tell(result_fd, result.outcome, result.message);
  // Threads of the plugin may outlive the case, so exit() is left to the cases that try it.
  if (subject.leaves_by_exit()) std::exit(0);
  ::_exit(0);
}

struct Ended {
  bool in_time = true;
  int status = 0;
};

// Reads both pipes until the child is gone or its time is over.
Ended watch(pid_t child, int result_fd, int output_fd, int deadline_ms, std::string& said,
            std::string& output) {
  const auto begin = Clock::now();
  Ended ended;
  bool is_gone = false, is_killed = false;
  Clock::time_point gone_at;
  pollfd fds[2] = {{result_fd, POLLIN, 0}, {output_fd, POLLIN, 0}};
  for (;;) {
    ::poll(fds, 2, kPollMs);
    for (pollfd& each : fds) {
      if (each.fd < 0 || (each.revents & (POLLIN | POLLHUP)) == 0) continue;
      char buffer[4096];
      const ssize_t got = ::read(each.fd, buffer, sizeof buffer);
      if (got <= 0) {
        each.fd = -1;
        continue;
      }
      std::string& into = &each == &fds[0] ? said : output;
      if (into.size() < kMostOutput) into.append(buffer, static_cast<std::size_t>(got));
    }
    if (!is_gone && ::waitpid(child, &ended.status, WNOHANG) == child) {
      is_gone = true;
      gone_at = Clock::now();
    }
    // Whoever it left behind may hold the pipes.
    if (is_gone && ((fds[0].fd < 0 && fds[1].fd < 0) || ms_since(gone_at) > kPatienceMs)) break;
    if (!is_killed && !is_gone && ms_since(begin) > deadline_ms) {
      ended.in_time = false;
      is_killed = true;
      ::kill(-child, SIGKILL);
      ::kill(child, SIGKILL);
    }
  }
  ::kill(-child, SIGKILL);
  return ended;
}

// The line of a sanitizer's report that says what it found; else the last line.
std::string gist_of(const std::string& output) {
  for (const char* mark : {"ERROR: AddressSanitizer", "runtime error:", "WARNING: ThreadSanitizer",
                           "ERROR: LeakSanitizer", "terminate called", "Assertion"}) {
    const std::size_t at = output.find(mark);
    if (at == std::string::npos) continue;
    const std::size_t end = output.find('\n', at);
    return output.substr(at, std::min<std::size_t>(end - at, 300));
  }
  return {};
}

}  // namespace

Result run_case(const Options& options, const Case& each, Isolation isolation) {
  Result result;
  result.name = each.name;
  result.what = each.what;
  const auto begin = Clock::now();
  note_last_call("");
  if (isolation == Isolation::in_process) {
    Subject subject(options, each.name);
    run_here(subject, each, result);
    result.took_ms = ms_since(begin);
    return result;
  }
  int results[2], outputs[2];
  if (::pipe2(results, O_CLOEXEC) != 0 || ::pipe2(outputs, O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe for a child process");
  End result_in{results[0]}, result_out{results[1]}, output_in{outputs[0]}, output_out{outputs[1]};
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("no child process: " + std::string(std::strerror(errno)));
  if (child == 0) be_the_child(options, each, results[1], outputs[1]);
  ::setpgid(child, child);
  result_out.close();
  output_out.close();
  std::string said, output;
  const Ended ended = watch(child, result_in.fd, output_in.fd, each.deadline_ms, said, output);
  result.took_ms = ms_since(begin);
  result.outcome = Outcome::failed;
  if (!ended.in_time) {
    result.message =
        "it did not end within " + std::to_string(each.deadline_ms / 1000) + " s" + in_last_call();
  } else if (WIFSIGNALED(ended.status)) {
    result.message = "it crashed" + in_last_call() + ": " + signal_name(WTERMSIG(ended.status));
  } else if (said.empty() || WEXITSTATUS(ended.status) != 0) {
    result.message = "it ended the process" + in_last_call() + ": exit code " +
                     std::to_string(WEXITSTATUS(ended.status));
  } else {
    result.outcome = said[0] == 'p'   ? Outcome::passed
                     : said[0] == 'f' ? Outcome::failed
                                      : Outcome::not_for_this;
    result.message = said.substr(1);
  }
  if (result.outcome == Outcome::failed) {
    if (const std::string gist = gist_of(output); !gist.empty())
      result.message += " (" + gist + ")";
  }
  return result;
}

Facts find_facts(const Options& options, Isolation isolation, int deadline_ms) {
  Case look;
  look.name = "facts";
  look.deadline_ms = deadline_ms;
  Facts facts;
  look.run = [](Subject& subject) {
    const z4j_plugin_entry& entry = subject.entry();
    json::Object out{{"abi_major", entry.abi_major}, {"abi_minor", entry.abi_minor}};
    const auto clean = [](z4j_str s) { return std::string(plugin::cut(plugin::text_of(s), 200)); };
    const z4j_plugin& p = subject.plugin();
    if (Z4J_REACHES(&p, z4j_plugin, get_interface)) {
      out["id"] = clean(p.id);
      out["name"] = clean(p.name);
      out["version"] = clean(p.version);
      out["kinds"] = clean(p.kinds);
    }
    out["build_info"] = clean(entry.build_info);
    throw NotForThis(json::write(out));
  };
  const Result result = run_case(options, look, isolation);
  const auto said = json::parse(result.message);
  if (result.outcome != Outcome::not_for_this || !said || !said->is_object()) {
    facts.trouble = result.message;
    return facts;
  }
  const json::Object& o = said->get_object();
  facts.id = json::text(o, "id");
  facts.name = json::text(o, "name");
  facts.version = json::text(o, "version");
  facts.kinds = json::text(o, "kinds");
  facts.build_info = json::text(o, "build_info");
  facts.abi_major = static_cast<unsigned>(json::integer(o, "abi_major"));
  facts.abi_minor = static_cast<unsigned>(json::integer(o, "abi_minor"));
  return facts;
}

}  // namespace z4j::check
