// A PostgreSQL server of a test's own: Debian's, in a temporary folder, on a Unix socket, ended
// with the test.
//
// Runs as the user `postgres` when the test runs as root, which PostgreSQL itself refuses to do.
// Data is not synced to disk unless asked for: a server that is killed recovers, a machine that is
// switched off need not.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace z4j::testing {

class PrivatePostgres {
 public:
  // Settings like "fsync=on", beyond or instead of those for a quick start. Throws
  // std::runtime_error with the reason.
  explicit PrivatePostgres(std::vector<std::string> settings = {})
      : settings_(std::move(settings)) {
    folder_ = (std::filesystem::temp_directory_path() / "z4j_pg_XXXXXX").string();
    if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("mkdtemp");
    find_user();
    password_ = random_word();
    write("password", password_ + "\n");
    run({"initdb", "-D", folder_ + "/data", "-U", "z4j", "--auth=scram-sha-256",
         "--pwfile=" + folder_ + "/password", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"});
    start();
  }
  ~PrivatePostgres() {
    stop(SIGQUIT);
    std::error_code ec;
    std::filesystem::remove_all(folder_, ec);
  }
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // One for the whole test program.
  static PrivatePostgres& shared() {
    static PrivatePostgres server;
    return server;
  }

  [[nodiscard]] std::string url(const std::string& database = "postgres") const {
    return url_with(password_, database);
  }
  [[nodiscard]] std::string url_with(const std::string& password,
                                     const std::string& database = "postgres") const {
    return "postgresql://z4j:" + password + "@/" + database + "?host=" + folder_;
  }
  [[nodiscard]] const std::string& password() const { return password_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] pid_t pid() const { return server_; }

  // Ends the server: SIGINT as an operator would, SIGKILL as a fault (its children notice and
  // leave).
  void stop(int signal) {
    if (server_ <= 0) return;
    ::kill(server_, signal);
    ::waitpid(server_, nullptr, 0);
    server_ = 0;
  }
  // Starts it (again) and waits until it answers.
  void start() {
    std::vector<std::string> argv{"postgres", "-D", folder_ + "/data", "-k", folder_};
    for (const char* setting : {"listen_addresses=", "fsync=off", "full_page_writes=off",
                                "max_connections=300", "logging_collector=off"}) {
      argv.insert(argv.end(), {"-c", setting});
    }
    for (const std::string& setting : settings_) argv.insert(argv.end(), {"-c", setting});
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    server_ = spawn(argv, Ends::with_us);
    while (!answers()) {
      int status = 0;
      if (::waitpid(server_, &status, WNOHANG) == server_) {
        // Children of a server that was killed may still hold its memory.
        if (std::chrono::steady_clock::now() > deadline)
          throw std::runtime_error("postgres does not start: " + log());
        server_ = spawn(argv, Ends::with_us);
      }
      if (std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("postgres does not answer: " + log());
      ::poll(nullptr, 0, 20);
    }
  }
  // Runs SQL as the owner and answers what psql prints, unaligned.
  std::string sql(const std::string& text, const std::string& database = "postgres") const {
    return run(
        {"psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url(database), "-c", text});
  }
  [[nodiscard]] std::string log() const { return read(folder_ + "/log"); }

 private:
  enum class Ends { by_itself, with_us };

  static std::string random_word() {
    std::random_device random;
    std::string out;
    while (out.size() < 20) out += static_cast<char>('a' + random() % 26);
    return out;
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name) << text;
    if (user_ != 0 && ::chown((folder_ + "/" + name).c_str(), user_, group_) != 0)
      throw std::runtime_error("chown");
  }
  void find_user() {
    if (::geteuid() != 0) return;
    const passwd* found = ::getpwnam("postgres");
    if (found == nullptr)
      throw std::runtime_error("no user postgres: install Debian's package postgresql");
    user_ = found->pw_uid;
    group_ = found->pw_gid;
    if (::chown(folder_.c_str(), user_, group_) != 0) throw std::runtime_error("chown");
    ::chmod(folder_.c_str(), 0711);
  }
  // The newest version that is installed.
  static std::string program(const std::string& name) {
    std::string best;
    std::error_code ec;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ec)) {
      const std::string path = entry.path().string() + "/bin/" + name;
      if (std::filesystem::exists(path) && path > best) best = path;
    }
    if (best.empty())
      throw std::runtime_error(name + " is not there: install Debian's package postgresql");
    return best;
  }
  pid_t spawn(const std::vector<std::string>& argv, Ends ends,
              const std::string& output = "log") const {
    const std::string path = program(argv[0]), out = folder_ + "/" + output;
    std::vector<char*> raw;
    for (const std::string& a : argv) raw.push_back(const_cast<char*>(a.c_str()));
    raw.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) throw std::runtime_error("fork");
    if (child > 0) return child;
    const int fd =
        ::open(out.c_str(), O_WRONLY | O_CREAT | (output == "log" ? O_APPEND : O_TRUNC), 0666);
    if (fd >= 0) {
      ::dup2(fd, 1);
      ::dup2(fd, 2);
    }
    if (user_ != 0 && (::setgid(group_) != 0 || ::setuid(user_) != 0)) ::_exit(126);
    if (ends == Ends::with_us) {
      ::prctl(PR_SET_PDEATHSIG, SIGINT);
      if (::getppid() != parent) ::_exit(125);
    }
    if (::chdir(folder_.c_str()) != 0) ::_exit(124);
    ::execv(path.c_str(), raw.data());
    ::_exit(127);
  }
  std::string run(const std::vector<std::string>& argv) const {
    const std::string output = "out_" + random_word();
    const pid_t child = spawn(argv, Ends::by_itself, output);
    int status = 0;
    ::waitpid(child, &status, 0);
    std::string said = read(folder_ + "/" + output);
    ::unlink((folder_ + "/" + output).c_str());
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
      throw std::runtime_error(argv[0] + ": " + said);
    while (!said.empty() && said.back() == '\n') said.pop_back();
    return said;
  }
  bool answers() const {
    const pid_t child = spawn({"pg_isready", "-q", "-h", folder_}, Ends::by_itself, "ready");
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  std::vector<std::string> settings_;
  std::string folder_, password_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t server_ = 0;
};

}  // namespace z4j::testing
