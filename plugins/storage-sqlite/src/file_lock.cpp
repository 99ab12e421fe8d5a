#include "file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <z4j/plugin.hpp>

namespace z4j::sqlite {
namespace {

[[noreturn]] void fail_to_open(const std::string& path, int error) {
  std::string hint = "check the path in the config";
  if (error == ENOENT)
    hint = "its folder does not exist: create it, or change the path in the config";
  if (error == EACCES || error == EPERM || error == EROFS)
    hint = "give this user the right to write the file and its folder";
  if (error == ENOSPC || error == EDQUOT) hint = "free some space";
  throw Error(Z4J_IO,
              "cannot open " + path + " for writing (" + std::strerror(error) + "): " + hint,
              "/path");
}

}  // namespace

FileLock::FileLock(const std::string& database) {
  const std::string path = database + ".lock";
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) fail_to_open(path, errno);
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    char owner[16] = {};
    const ssize_t n = ::pread(fd_, owner, sizeof owner - 1, 0);
    ::close(fd_);
    std::string pid = n > 0 ? std::string(owner, std::strspn(owner, "0123456789")) : std::string();
    if (pid.empty()) pid = "unknown";
    throw Error(Z4J_BUSY,
                "another brain uses this database (pid " + pid +
                    "): stop it, or give this one another path",
                "/path");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  // The pid is a courtesy to whoever is refused; the lock holds without it.
  if (::ftruncate(fd_, 0) == 0 && ::pwrite(fd_, pid.data(), pid.size(), 0) < 0) errno = 0;
}

FileLock::~FileLock() { ::close(fd_); }

void prepare_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) fail_to_open(path, errno);
  struct stat st {};
  const bool regular = ::fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  ::close(fd);
  if (!regular)
    throw Error(Z4J_IO, path + " is not a regular file: give the path of a database file", "/path");
}

}  // namespace z4j::sqlite
