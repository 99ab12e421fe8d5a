// A RabbitMQ server of a test's own; see rabbitmq.py, which runs it. Starting one takes many
// seconds: a test program has one, and a vhost for each test that wants the broker for itself.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace z4j::testing {

class RabbitMQ {
 public:
  // A user with rights on "/" and on the vhosts v0, v1, ... With the files of a certificate and its
  // key it is served over TLS too, under the name localhost. `policies` as in rabbitmq.py; the
  // management API takes some seconds more, and is served over TLS.
  enum class Management { none, served };
  explicit RabbitMQ(int vhosts, const std::string& certificate = {}, const std::string& key = {},
                    const std::vector<std::string>& policies = {},
                    Management management = Management::none) {
    std::vector<std::string> words = {"/usr/bin/python3", "-B",
                                      Z4J_SOURCE_DIR "/tests/support/rabbitmq.py"};
    for (int i = 0; i < vhosts; ++i) words.push_back("--vhost=v" + std::to_string(i));
    for (const std::string& policy : policies) words.push_back("--policy=" + policy);
    if (management == Management::served) words.emplace_back("--management");
    if (!certificate.empty()) words.insert(words.end(), {"--certificate", certificate, key});
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw std::runtime_error("socketpair");
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      ::dup2(ends[1], 0);
      ::dup2(ends[1], 1);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    line_ = ends[0];
    const std::string about = read_line();
    user_ = text(about, "user");
    password_ = text(about, "password");
    port_ = number(about, "port");
    tls_port_ = number(about, "tls_port");
    management_port_ = number(about, "management_tls_port");
  }
  RabbitMQ(const RabbitMQ&) = delete;
  RabbitMQ& operator=(const RabbitMQ&) = delete;
  ~RabbitMQ() {
    ::close(line_);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] std::string url(const std::string& vhost = {}) const {
    return "amqp://" + user_ + ":" + password_ + "@127.0.0.1:" + port_ + "/" + vhost;
  }
  [[nodiscard]] std::string secure_url(const std::string& host = "localhost") const {
    return "amqps://" + user_ + ":" + password_ + "@" + host + ":" + tls_port_ + "/";
  }
  [[nodiscard]] std::string management_url(const std::string& password) const {
    return "https://" + user_ + ":" + password + "@localhost:" + management_port_;
  }
  [[nodiscard]] const std::string& password() const { return password_; }
  [[nodiscard]] const std::string& port() const { return port_; }

  // What was declared durable or confirmed before is there again after start().
  void kill() { tell("kill\n"); }
  void start() { tell("start\n"); }

 private:
  void tell(const std::string& word) {
    if (::write(line_, word.data(), word.size()) != static_cast<ssize_t>(word.size()))
      throw std::runtime_error("the broker's keeper is gone");
    static_cast<void>(read_line());
  }
  std::string read_line() const {
    std::string out;
    char c = 0;
    while (::read(line_, &c, 1) == 1) {
      if (c == '\n') return out;
      out += c;
    }
    throw std::runtime_error("the broker does not start; its reason stands above");
  }
  static std::string text(const std::string& line, const std::string& name) {
    const std::string start = "\"" + name + "\": \"";
    const std::size_t at = line.find(start) + start.size();
    return line.substr(at, line.find('"', at) - at);
  }
  static std::string number(const std::string& line, const std::string& name) {
    const std::string start = "\"" + name + "\": ";
    const std::size_t at = line.find(start) + start.size();
    return line.substr(at, line.find_first_of(",}", at) - at);
  }

  pid_t pid_ = -1;
  int line_ = -1;
  std::string user_, password_, port_, tls_port_, management_port_;
};

}  // namespace z4j::testing
