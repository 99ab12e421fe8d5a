#include "misdeeds.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace z4j::testing {
namespace {

// 0, or why it was refused.
int attempt(const std::string& what, const std::string& path) {
  const auto result = [](long returned) { return returned < 0 ? errno : 0; };
  const auto opened = [&](int flags) {
    const int fd = ::open(path.c_str(), flags, 0600);
    const int error = result(fd);
    if (fd >= 0) ::close(fd);
    return error;
  };
  if (what == "exec") {
    ::execl("/bin/true", "true", nullptr);
    return errno;
  }
  if (what == "fork") {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    const int error = result(child);
    if (child > 0) ::waitpid(child, nullptr, 0);
    return error;
  }
  if (what == "kill") return result(::kill(::getppid(), 0));
  if (what == "socket-packet") return result(::socket(AF_PACKET, SOCK_RAW, 0));
  if (what == "ptrace") return result(::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr));
  if (what == "mount") return result(::mount("none", "/mnt", "tmpfs", 0, nullptr));
  if (what == "setuid") return result(::setuid(1));
  if (what == "read") return opened(O_RDONLY);
  if (what == "write") return opened(O_WRONLY | O_CREAT);
  if (what == "unlink") return result(::unlink(path.c_str()));
  if (what == "memory-of-parent") {
    const std::string memory = "/proc/" + std::to_string(::getppid()) + "/mem";
    const int fd = ::open(memory.c_str(), O_RDONLY);
    const int error = result(fd);
    if (fd >= 0) ::close(fd);
    return error;
  }
  if (what == "connect") {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int error = result(fd);
    if (fd >= 0) ::close(fd);
    return error;
  }
  // Memory that no limit counts.
  if (what == "memory-file") {
    const int fd = ::memfd_create("unbounded", 0);
    const int error = result(fd);
    if (fd >= 0) ::close(fd);
    return error;
  }
  if (what == "processors-of-parent") {
    cpu_set_t any;
    CPU_ZERO(&any);
    CPU_SET(0, &any);
    return result(::sched_setaffinity(::getppid(), sizeof any, &any));
  }
  if (what == "thread") {
    std::thread([] {}).join();
    return 0;
  }
  if (what == "limit") {
    const rlimit wanted{1024, 1024};
    return result(::setrlimit(RLIMIT_NOFILE, &wanted));
  }
  return ENOSYS;
}

// Kept and touched.
void leak(std::size_t mib) {
  static auto& held = *new std::vector<std::unique_ptr<char[]>>();
  for (std::size_t i = 0; i < mib; ++i) {
    constexpr std::size_t kMib = 1u << 20;
    auto& one = held.emplace_back(new char[kMib]);
    std::memset(one.get(), static_cast<int>(i) + 1, kMib);
  }
}

// Threads that do nothing, each with a small stack.
void spawn(std::int64_t count) {
  pthread_attr_t small;
  ::pthread_attr_init(&small);
  ::pthread_attr_setstacksize(&small, 64u << 10);
  for (pthread_t thread; count > 0; --count) {
    const auto rest = [](void*) -> void* {
      for (;;) ::pause();
    };
    if (::pthread_create(&thread, &small, rest, nullptr) != 0) break;
  }
  ::pthread_attr_destroy(&small);
}

}  // namespace

json::Object misbehave(std::string_view what, const json::Object& args, const z4j_host* host) {
  if (what == "crash") {
    ::raise(SIGSEGV);
  } else if (what == "abort") {
    std::abort();
  } else if (what == "exit") {
    ::_exit(static_cast<int>(json::integer(args, "code")));
  } else if (what == "throw-in-thread") {
    std::thread([] { throw std::runtime_error("thrown in a thread of the plugin"); }).join();
  } else if (what == "leak") {
    leak(static_cast<std::size_t>(json::integer(args, "mib")));
  } else if (what == "spin") {
    std::thread([] {
      static std::atomic<unsigned> turns{0};
      for (;;) ++turns;
    }).detach();
  } else if (what == "spawn") {
    spawn(json::integer(args, "threads"));
  } else if (what == "say") {
    const std::string text = std::string(json::text(args, "text")) + "\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  } else if (what == "call-for-ever") {
    std::thread([host] {
      for (;;) {
        host->health(host->ctx, Z4J_HEALTH_DEGRADED, {"late", 4});
        host->op_complete(host->ctx, 77, Z4J_OK, nullptr, {});
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }).detach();
  } else if (what == "try") {
    return {{"errno", attempt(std::string(json::text(args, "what")),
                              std::string(json::text(args, "path")))}};
  }
  return {};
}

}  // namespace z4j::testing
