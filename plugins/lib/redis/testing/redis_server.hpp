// A real redis-server for tests: a free port, a temporary folder, gone with the object. Test
// programs only.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace z4j::redis::testing {

inline std::string make_temp_dir() {
  std::string name = (std::filesystem::temp_directory_path() / "z4j-redis-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
  return name;
}

inline int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool ok = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!ok) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

// One child process; killed and reaped with the object.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { stop(SIGKILL); }

  // The words and the additional "NAME=value" settings are prepared before the fork. `out_fd`, when
  // given, becomes its standard output and error.
  void start(const std::vector<std::string>& words, int out_fd = -1, const std::string& folder = {},
             const std::vector<std::string>& environment = {}) {
    std::vector<char*> argv, envp;
    for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
    argv.push_back(nullptr);
    for (const std::string& e : environment) envp.push_back(const_cast<char*>(e.c_str()));
    for (char** e = environ; *e != nullptr; ++e) envp.push_back(*e);
    envp.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);
    if (out_fd >= 0) {
      ::dup2(out_fd, 1);
      ::dup2(out_fd, 2);
    }
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(126);
    ::execvpe(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  void stop(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    if (signal == SIGKILL) ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ::kill(-pid_, SIGKILL);
    pid_ = -1;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class RedisServer {
 public:
  explicit RedisServer(std::vector<std::string> arguments = {}, bool sentinel = false)
      : arguments_(std::move(arguments)),
        sentinel_(sentinel),
        folder_(make_temp_dir()),
        port_(free_port()) {
    start();
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;
  ~RedisServer() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  // On the same port again, with the data of before (saved by stop()). Returns when it is ready.
  void start() {
    std::vector<std::string> words = {"redis-server"};
    if (sentinel_) {
      const std::string file = folder_ + "/sentinel.conf";
      FILE* f = std::fopen(file.c_str(), "w");
      if (f == nullptr) throw std::runtime_error("cannot write " + file);
      for (const std::string& line : arguments_) std::fprintf(f, "%s\n", line.c_str());
      std::fclose(f);
      words.insert(words.end(), {file, "--sentinel", "--port", std::to_string(port_)});
    } else {
      words.insert(words.end(), {"--save", "3600 100000", "--dir", folder_, "--bind", "127.0.0.1",
                                 "--unixsocket", folder_ + "/redis.sock"});
      bool own_port = false;
      for (const std::string& a : arguments_) own_port = own_port || a == "--port";
      if (!own_port) words.insert(words.end(), {"--port", std::to_string(port_)});
      for (const std::string& a : arguments_)
        words.push_back(a == "PORT" ? std::to_string(port_) : a);
    }
    int pipe_fds[2];
    if (::pipe(pipe_fds) != 0) throw std::runtime_error("cannot make a pipe");
    child_.start(words, pipe_fds[1]);
    ::close(pipe_fds[1]);
    const bool ready =
        wait_for(pipe_fds[0], sentinel_ ? "+monitor" : "Ready to accept connections");
    out_.reset(pipe_fds[0]);
    if (!ready) throw std::runtime_error("redis-server does not start: " + log_);
  }
  void stop() { child_.stop(SIGTERM); }
  void kill() { child_.stop(SIGKILL); }
  void signal(int number) const { ::kill(child_.pid(), number); }

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string url(int database = 0) const {
    return "redis://127.0.0.1:" + std::to_string(port_) + "/" + std::to_string(database);
  }

 private:
  struct Descriptor {
    int fd = -1;
    ~Descriptor() { reset(-1); }
    void reset(int other) {
      if (fd >= 0) ::close(fd);
      fd = other;
    }
  };
  bool wait_for(int fd, const std::string& text) {
    log_.clear();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (log_.find(text) == std::string::npos) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      pollfd p{fd, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&p, 1, static_cast<int>(left.count())) <= 0) return false;
      char chunk[4096];
      const ssize_t n = ::read(fd, chunk, sizeof chunk);
      if (n <= 0) return false;
      log_.append(chunk, static_cast<std::size_t>(n));
    }
    return true;
  }

  std::vector<std::string> arguments_;
  bool sentinel_;
  std::string folder_;
  int port_;
  std::string log_;
  Descriptor out_;
  Child child_;
};

}  // namespace z4j::redis::testing
