// What the process of a plugin may do: the limits it sets itself before the plugin's file is
// mapped, and can't lift again.
//
// No new privileges and no capability, no other program, no other process, no module, mount or
// clock of the system; sockets of the internet and of this machine, threads, and files to read.
// Nothing is written but to /dev/null. Where the kernel has Landlock, what lies in `hidden` can't
// be read either, and no memory of the processes around it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace z4j::plugin::process {

struct Limits {
  std::uint64_t memory_bytes = std::uint64_t{512} << 20;  // 0: none
  std::uint32_t open_files = 256;
};

struct Sandbox {
  Limits limits;
  std::vector<std::string> hidden;    // folders it can't read
  std::vector<std::string> readable;  // but these, if they lie within
};

// Of this process and all its threads to come; call it while there is one. Gives what holds, for
// people: "seccomp, landlock". The error is what the kernel did not take.
[[nodiscard]] base::Result<std::string> enter(const Sandbox& sandbox);

// Whether memory_bytes is held to: not in builds with a sanitizer, which takes address space by the
// terabyte.
[[nodiscard]] bool bounds_memory() noexcept;

}  // namespace z4j::plugin::process
