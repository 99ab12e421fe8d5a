// The other side of a Remote: loads one plugin file and lets the kernel call it.
#pragma once

namespace z4j::plugin::process {

// All that z4j-plugin-host does. Takes the descriptors; returns the exit code: 0 when the kernel
// closed the socket. Call it on the main thread of a process that has no other.
[[nodiscard]] int run_plugin(int socket_fd, int ring_fd, int file_fd);

}  // namespace z4j::plugin::process
