// What a shared library says of itself, read from the file without running any of it. Takes
// hostile bytes: every offset and count is checked, and what is read has a ceiling.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin {

struct ElfSymbol {
  std::string name;
  std::uint64_t size = 0;
  bool is_data = false;    // an object, no function
  bool is_unique = false;  // one for the whole process (STB_GNU_UNIQUE)
  bool is_weak = false;
};

struct ElfFile {
  std::string path;
  std::vector<ElfSymbol> exports, wants;  // wants: defined elsewhere
  std::vector<std::string> needed;        // libraries by their soname
  std::vector<std::string> run_paths;     // where it looks for them first
  bool is_program = false;
  bool has_executable_stack = false;
  bool has_writable_code = false;  // a segment for both, or code that is changed when loaded
};

// The error says what is no shared library of this machine, in one sentence without the path.
[[nodiscard]] base::Result<ElfFile> read_elf(const std::string& path);
// The same of an open file, which stays open; `path` is where it lies, to people and to libraries
// that it looks for beside itself.
[[nodiscard]] base::Result<ElfFile> read_elf(int file, const std::string& path);

}  // namespace z4j::plugin
