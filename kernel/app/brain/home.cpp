#include "app/brain/home.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/crypto.hpp"

extern char** environ;

namespace z4j::app {
namespace {

constexpr std::size_t kMaxSecretBytes = 64 * 1024, kMostHosts = 256;

base::Error home_error(base::Code code, std::string message, std::string hint) {
  return base::Error{
      .code = code, .message = std::move(message), .where = {}, .hint = std::move(hint)};
}

}  // namespace

base::Status write_private_file(const std::string& path, std::string_view text) {
  const std::string next = path + ".new";
  const int fd = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  bool is_good = fd >= 0 && ::fchmod(fd, 0600) == 0;
  while (is_good && !text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    is_good = n > 0;
    if (is_good) text.remove_prefix(static_cast<std::size_t>(n));
  }
  is_good = is_good && ::fsync(fd) == 0;
  const int why = errno;
  if (fd >= 0) ::close(fd);
  if (is_good && ::rename(next.c_str(), path.c_str()) == 0) return {};
  const int cause = is_good ? errno : why;
  ::unlink(next.c_str());
  return home_error(base::Code::io, "can't write " + path + ": " + std::strerror(cause),
                    "check the folder's permissions and free space");
}

base::Status write_env_file(const std::string& path, const Environment& variables) {
  std::string text =
      "# Made at first start. Without Z4J_SECRET the audit log can't be verified: keep a copy in a "
      "safe place.\n";
  for (const auto& [name, value] : variables) text += name + "=\"" + value + "\"\n";
  return write_private_file(path, text);
}

std::string allowed_hosts_file(const std::string& home) { return home + "/allowed-hosts"; }

bool is_host_name(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == ':' || c == '[' || c == ']';
  });
}

std::vector<std::string> read_allowed_hosts(const std::string& home) {
  std::vector<std::string> hosts;
  std::ifstream in(allowed_hosts_file(home));
  for (std::string line; hosts.size() < kMostHosts && std::getline(in, line);)
    if (is_host_name(line)) hosts.push_back(line);
  return hosts;
}

Environment read_environment(std::vector<config::Problem>& problems) {
  config::LoadOptions options;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view pair(*at);
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = pair.substr(0, equals);
    if (name == "HOME" || name.starts_with("Z4J_"))
      options.environment.emplace(name, pair.substr(equals + 1));
  }
  const std::string home = config::home_directory(options);
  for (const auto& [file, kind] : {std::pair{"config.env", config::EnvFileKind::plain},
                                   {"secret.env", config::EnvFileKind::secret}}) {
    auto read = config::read_env_file(home + "/" + file, kind);
    if (read) {
      options.environment.merge(*read);  // what is there already stays
    } else if (read.error().code != base::Code::not_found) {
      problems.push_back({read.error().where, read.error().message, {}, read.error().hint});
    }
  }
  return std::move(options.environment);
}

config::Loaded load_config(const std::string& file, const Environment& environment,
                           std::vector<config::Problem> problems) {
  config::LoadOptions options;
  options.environment = environment;
  options.file = file;
  if (options.file.empty() && environment.contains("Z4J_CONFIG"))
    options.file = environment.at("Z4J_CONFIG");
  config::Loaded loaded = config::load(options);
  for (const std::string& host : read_allowed_hosts(loaded.settings.home))
    loaded.settings.allowed_hosts.push_back(host);
  loaded.problems.insert(loaded.problems.begin(), problems.begin(), problems.end());
  return loaded;
}

base::Status make_home(const std::string& home) {
  std::error_code ec;
  std::filesystem::create_directories(home, ec);
  if (!ec) ::chmod(home.c_str(), 0700);
  if (!ec && ::access(home.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  return home_error(
      base::Code::io,
      "can't use the home folder " + home + ": " + (ec ? ec.message() : std::strerror(errno)),
      "set Z4J_HOME to a folder that you may write");
}

base::Result<HomeLock> HomeLock::take(const std::string& home) {
  const std::string path = home + "/brain.lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return home_error(base::Code::io, "can't open " + path + ": " + std::strerror(errno),
                      "check the folder's permissions and free space");
  HomeLock lock(fd);
  char pid[16] = {};
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const ssize_t n = ::pread(fd, pid, sizeof pid - 1, 0);
    const std::string owner(pid, n > 0 ? std::strspn(pid, "0123456789") : 0);
    return home_error(base::Code::busy,
                      "another brain uses the home folder " + home + " (pid " +
                          (owner.empty() ? "unknown" : owner) + ")",
                      "stop it, or give this one another folder by Z4J_HOME");
  }
  // The pid is a courtesy to whoever is refused; the lock holds without it.
  const std::string mine = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) == 0 && ::pwrite(fd, mine.data(), mine.size(), 0) < 0) errno = 0;
  return lock;
}

HomeLock::~HomeLock() {
  if (fd_ >= 0) ::close(fd_);
}

base::Status mint_secrets(config::Settings& settings) {
  const std::string path = settings.home + "/secret.env";
  Environment kept;
  if (auto read = config::read_env_file(path, config::EnvFileKind::secret))
    kept = std::move(read).value();
  else if (read.error().code != base::Code::not_found)
    return std::move(read).error();
  bool is_new = false;
  const auto mint = [&](std::string& value, const char* variable) {
    if (!value.empty()) return;
    value = base::random_token();
    kept[variable] = value;
    is_new = true;
  };
  mint(settings.secret, "Z4J_SECRET");
  mint(settings.session_secret, "Z4J_SESSION_SECRET");
  mint(settings.audit_signing_key, "Z4J_AUDIT_SIGNING_KEY");
  if (!settings.metrics_public) mint(settings.metrics_auth_token, "Z4J_METRICS_AUTH_TOKEN");
  if (!is_new) return {};
  return write_env_file(path, kept);
}

base::Result<std::string> read_secret(const std::string& home, const Environment& environment,
                                      std::string_view name) {
  const bool is_good = !name.empty() && name.size() <= 64 && name.front() != '.' &&
                       std::all_of(name.begin(), name.end(), [](char c) {
                         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
                       });
  if (!is_good)
    return home_error(base::Code::invalid,
                      "a secret's name holds letters, digits, '_', '-' and '.', at most 64", {});
  for (const config::KnownSetting& setting : config::known_settings()) {
    if (setting.variable == name)
      return home_error(base::Code::denied,
                        "a plugin can't have the brain's own setting " + std::string(name),
                        "use a variable or a file of another name");
  }
  if (const auto found = environment.find(std::string(name)); found != environment.end())
    return found->second;
  const std::string path = home + "/secrets/" + std::string(name);
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return home_error(
        base::Code::not_found,
        "no secret \"" + std::string(name) + "\": neither a variable nor the file " + path,
        "make the file, readable by the brain alone");
  }
  std::string text(kMaxSecretBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMaxSecretBytes)
    return home_error(base::Code::too_large, path + " is larger than 64 KiB", {});
  if (!text.empty() && text.back() == '\n') text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
  return text;
}

}  // namespace z4j::app
