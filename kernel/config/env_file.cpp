#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "config/config.hpp"

namespace z4j::config {
namespace {

constexpr std::size_t kMaxEnvFileBytes = 64 * 1024;

struct OwnedFd {
  int fd;
  ~OwnedFd() {
    if (fd >= 0) ::close(fd);
  }
};

base::Error env_file_error(base::Code code, std::string where, std::string message,
                           std::string hint = {}) {
  return base::Error{.code = code,
                     .message = std::move(message),
                     .where = std::move(where),
                     .hint = std::move(hint)};
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) return false;
  for (const char c : name) {
    if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
      return false;
  }
  return true;
}

std::string_view without_blanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

base::Result<std::map<std::string, std::string>> read_env_file(const std::string& path,
                                                               EnvFileKind kind) {
  // The open file is judged, not the path, so it can't be exchanged in between. O_NONBLOCK: a FIFO
  // must not hang us.
  const OwnedFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) {
    if (errno == ENOENT) return env_file_error(base::Code::not_found, path, "does not exist");
    return env_file_error(base::Code::io, path,
                          std::string("can't be read: ") + std::strerror(errno),
                          "check the path and its permissions");
  }
  struct stat facts {};
  if (::fstat(file.fd, &facts) != 0 || !S_ISREG(facts.st_mode))
    return env_file_error(base::Code::invalid, path, "is not a regular file");
  if (kind == EnvFileKind::secret) {
    if ((facts.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
      return env_file_error(base::Code::denied, path, "holds secrets and is open to other users",
                            "run: chmod 600 " + path);
    }
    if (facts.st_uid != ::geteuid() && facts.st_uid != 0) {
      return env_file_error(base::Code::denied, path, "holds secrets and belongs to another user",
                            "run: chown " + std::to_string(::geteuid()) + " " + path);
    }
  }
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(file.fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return env_file_error(base::Code::io, path,
                            std::string("can't be read: ") + std::strerror(errno));
    if (n == 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > kMaxEnvFileBytes)
      return env_file_error(base::Code::too_large, path, "is larger than 64 KiB");
  }
  std::map<std::string, std::string> out;
  std::size_t number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    std::string_view line = without_blanks(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::string where = path + ":" + std::to_string(++number);
    if (line.empty() || line.front() == '#') continue;
    if (line.rfind("export ", 0) == 0) line = without_blanks(line.substr(7));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos ||
        !is_variable_name(without_blanks(line.substr(0, equals)))) {
      return env_file_error(base::Code::invalid, where, "is not a KEY=VALUE line");
    }
    std::string_view value = without_blanks(line.substr(equals + 1));
    if (value.find('\0') != std::string_view::npos)
      return env_file_error(base::Code::invalid, where, "holds a NUL byte");
    if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
      if (value.size() < 2 || value.back() != value.front())
        return env_file_error(base::Code::invalid, where, "has a quote that does not close");
      value = value.substr(1, value.size() - 2);
    }
    const std::string name(without_blanks(line.substr(0, equals)));
    if (!out.emplace(name, value).second)
      return env_file_error(base::Code::invalid, where, name + " stands there twice",
                            "keep one of the two lines");
  }
  return out;
}

}  // namespace z4j::config
