#include "plugin/process/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/descriptor.hpp"
#include "plugin/crossing.hpp"
#include "plugin/process/batch.hpp"

namespace z4j::plugin::process {
namespace {

constexpr std::size_t kTailBytes = 4096, kShownTail = 600;
constexpr int kKilledPatienceMs = 10'000;
constexpr std::int64_t kCpuWindowMs = 60'000;
constexpr const char* kEnvironment[] = {
    "LANG",          "LANGUAGE",     "LC_ALL",       "LC_CTYPE",     "TZ",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};

base::Error failed(const std::string& what, int error = errno) {
  return host_error(base::Code::unavailable, what + ": " + std::generic_category().message(error),
                    "try again");
}

using base::Descriptor;

// On its way to a child a descriptor must not lie where the child's will.
Descriptor out_of_the_way(int fd) { return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 16)); }

std::vector<std::string> environment() {
  std::vector<std::string> out;
  for (const char* name : kEnvironment) {
    if (const char* value = std::getenv(name); value != nullptr)
      out.push_back(std::string(name) + "=" + value);
  }
  return out;
}

struct Handed {
  int socket, errors, ring, file;
};

int start(const std::string& program, const std::string& instance, const Handed& handed,
          pid_t& pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  if (::posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
  if (::posix_spawnattr_init(&attributes) != 0) {
    ::posix_spawn_file_actions_destroy(&files);
    return ENOMEM;
  }
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&files, handed.errors, STDERR_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, handed.socket, kSocketFd);
  ::posix_spawn_file_actions_adddup2(&files, handed.ring, kRingFd);
  ::posix_spawn_file_actions_adddup2(&files, handed.file, kFileFd);
  // Whatever this program does with signals, and what a terminal sends its group, is not its own.
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string name = program, argument = instance;
  char* const arguments[] = {name.data(), argument.data(), nullptr};
  std::vector<std::string> variables = environment();
  std::vector<char*> pointers;
  for (std::string& variable : variables) pointers.push_back(variable.data());
  pointers.push_back(nullptr);
  const int error =
      ::posix_spawn(&pid, program.c_str(), &files, &attributes, arguments, pointers.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  return error;
}

}  // namespace

base::Result<std::unique_ptr<Child>> Child::spawn(const std::string& program,
                                                  const std::string& instance, int file) {
  std::unique_ptr<Child> child(new Child());
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return failed("no socket for a plugin's process");
  child->socket_ = pair[0];
  const Descriptor theirs = out_of_the_way(Descriptor(pair[1]).get());
  if (::pipe2(pair, O_CLOEXEC) != 0) return failed("no pipe for a plugin's process");
  child->errors_ = pair[0];
  const Descriptor errors = out_of_the_way(Descriptor(pair[1]).get());
  ::fcntl(child->errors_, F_SETFL, O_NONBLOCK);
  const Descriptor memory(::memfd_create("z4j-batches", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const Descriptor ring = out_of_the_way(memory.get());
  const Descriptor plugin = out_of_the_way(file);
  // Of that size for ever: a file made shorter would kill who reads behind its end.
  if (memory.get() < 0 || ::ftruncate(memory.get(), kRingBytes) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return failed("no memory to share with a plugin's process");
  void* const mapped = ::mmap(nullptr, kRingBytes, PROT_READ, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return failed("no memory to share with a plugin's process");
  child->ring_ = {static_cast<const char*>(mapped), kRingBytes};
  if (theirs.get() < 0 || errors.get() < 0 || ring.get() < 0 || plugin.get() < 0)
    return failed("no descriptor for a plugin's process");
  if (const int error = start(program, instance,
                              {theirs.get(), errors.get(), ring.get(), plugin.get()}, child->pid_);
      error != 0) {
    child->pid_ = -1;
    base::Error e = failed(program + " was not started", error);
    e.hint = "install z4j-plugin-host beside z4j-brain, or set isolation = \"inline\"";
    return e;
  }
  child->process_ = static_cast<int>(::syscall(SYS_pidfd_open, child->pid_, 0));
  if (child->process_ < 0) {  // it could neither be waited for nor be ended for sure
    base::Error e = failed("no descriptor for a plugin's process");
    ::kill(child->pid_, SIGKILL);
    (void)::waitpid(std::exchange(child->pid_, -1), nullptr, 0);
    return e;
  }
  return child;
}

Child::~Child() {
  if (pid_ > 0 && ended_.empty()) {
    kill();
    (void)reap(0);
  }
  for (const int fd : {process_, socket_, errors_}) {
    if (fd >= 0) ::close(fd);
  }
  if (!ring_.empty()) ::munmap(const_cast<char*>(ring_.data()), ring_.size());
}

bool Child::read_errors() {
  char bytes[4096];
  for (int reads = 0; reads < 16; ++reads) {
    const ssize_t got = ::read(errors_, bytes, sizeof bytes);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    tail_.append(bytes, static_cast<std::size_t>(got));
    if (tail_.size() > kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  }
  return true;
}

std::string Child::last_words() const {
  std::string out;
  for (const char c : tail_) {
    if (c == '\n') {
      if (!out.empty() && out.back() != ' ') out += " | ";
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
    }
  }
  while (out.ends_with(" ") || out.ends_with("|")) out.pop_back();
  if (out.size() > kShownTail) {
    out.erase(0, out.size() - kShownTail);
    // Not from the middle of a character on.
    while (!out.empty() && (static_cast<unsigned char>(out.front()) & 0xc0) == 0x80)
      out.erase(0, 1);
    out = "…" + out;
  }
  return out;
}

Child::Use Child::use() const {
  Use out;
  if (pid_ <= 0 || !ended_.empty()) return out;
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid_, &clock) == 0 && ::clock_gettime(clock, &used) == 0)
    out.cpu_ms = std::int64_t{used.tv_sec} * 1000 + used.tv_nsec / 1'000'000;
  const std::string place = "/proc/" + std::to_string(pid_);
  // The folder has a folder for each of them, beside itself and the one above.
  struct stat tasks {};
  if (::stat((place + "/task").c_str(), &tasks) == 0 && tasks.st_nlink > 2)
    out.threads = tasks.st_nlink - 2;
  if (std::FILE* const file = std::fopen((place + "/statm").c_str(), "re"); file != nullptr) {
    unsigned long long size = 0, resident = 0;
    if (std::fscanf(file, "%llu %llu", &size, &resident) == 2)
      out.memory_bytes = resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::fclose(file);
  }
  return out;
}

void Child::kill() const {
  if (process_ >= 0) ::syscall(SYS_pidfd_send_signal, process_, SIGKILL, nullptr, 0);
}

std::string Child::reap(int patience_ms) {
  if (!ended_.empty()) return ended_;
  const auto has_ended = [this](int patience) {
    pollfd wait{process_, POLLIN, 0};
    if (::poll(&wait, 1, patience) <= 0) return false;
    int status = 0;
    if (::waitpid(pid_, &status, 0) < 0)
      ended_ = "ended";
    else if (WIFSIGNALED(status))
      ended_ = "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" +
               ::strsignal(WTERMSIG(status)) + ")";
    else
      ended_ = "exited with code " + std::to_string(WEXITSTATUS(status));
    return true;
  };
  if (has_ended(patience_ms)) return ended_;
  kill();
  if (!has_ended(kKilledPatienceMs)) ended_ = "can't be killed";
  return ended_;
}

bool CpuBudget::allows(std::int64_t now_ms, std::int64_t cpu_ms) {
  samples_.emplace_back(now_ms, cpu_ms);
  while (samples_.front().first < now_ms - kCpuWindowMs) samples_.pop_front();
  used_ms_ = cpu_ms - samples_.front().second;
  return percent_ == 0 || used_ms_ <= allowed_ms();
}

std::int64_t CpuBudget::percent() const {
  if (samples_.empty()) return -1;
  const std::int64_t span_ms = samples_.back().first - samples_.front().first;
  return span_ms > 0 ? (used_ms_ * 100 + span_ms / 2) / span_ms : -1;
}

}  // namespace z4j::plugin::process
