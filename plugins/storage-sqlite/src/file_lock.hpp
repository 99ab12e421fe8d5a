// Keeps a second process off a database file: an flock() on "<path>.lock", which holds the owner's
// pid.
#pragma once

#include <string>

namespace z4j::sqlite {

class FileLock {
 public:
  // Throws z4j::Error: Z4J_BUSY when taken, Z4J_IO when the lock file cannot be made.
  explicit FileLock(const std::string& database);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_;
};

// Makes sure the file is there, private to its owner, and can be written. Throws z4j::Error with a
// way out.
void prepare_file(const std::string& path);

}  // namespace z4j::sqlite
