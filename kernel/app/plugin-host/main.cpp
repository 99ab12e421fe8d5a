// z4j-plugin-host: runs one plugin file for z4j-brain, in a process of its own.
#include <unistd.h>

#include "plugin/process/child.hpp"
#include "plugin/process/runner.hpp"

int main() {
  namespace process = z4j::plugin::process;
  // Without destructors: threads of the plugin may still run.
  ::_exit(process::run_plugin(process::kSocketFd, process::kRingFd, process::kFileFd));
}
