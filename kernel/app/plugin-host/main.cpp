// z4j-plugin-host: runs one plugin file for z4j-brain, in a process of its own.
#include <unistd.h>

#include "plugin/process/child.hpp"
#include "plugin/process/runner.hpp"

int main() {
  // Without destructors: threads of the plugin may still run.
  ::_exit(z4j::plugin::process::run_plugin(z4j::plugin::process::kSocketFd,
                                           z4j::plugin::process::kRingFd));
}
