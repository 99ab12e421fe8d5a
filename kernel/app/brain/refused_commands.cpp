// Commands that scripts may know from elsewhere and that have no meaning here: each says in one
// sentence what to do instead, and ends with the code that tells such a script that nothing was
// done.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "app/brain/command_line.hpp"

namespace z4j::app {
namespace {

struct Refused {
  const char *group, *word, *help, *sentence;
  std::vector<const char*> options, flags;  // taken and not used
};

const std::vector<Refused>& all_refused() {
  static const std::vector<Refused> all{
      {"projects",
       "rewrite-scheduler",
       "refused: schedules apply says where each schedule belongs",
       "schedules are not moved in the database, where their scheduler would not see it; write "
       "them "
       "with schedules export, change \"scheduler\" there, and give the file to schedules apply",
       {"--slug", "--from", "--to"},
       {"--all-sources", "--dry-run"}},
      {"",
       "mint-scheduler-cert",
       "refused: the scheduler is part of the brain",
       "the scheduler is part of the brain and speaks to nobody over the network, so it needs no "
       "certificate",
       {"--name", "--ca-cert", "--ca-key", "--out-dir", "--validity-days"},
       {}},
      {"",
       "upgrade",
       "refused: programs are installed by the system",
       "this program does not replace itself; install the newer package and start it again, and "
       "migrate --dry-run tells before what becomes of the database",
       {"--timeout"},
       {"--apply", "--json"}},
  };
  return all;
}

}  // namespace

void add_refused_commands(CommandLine& line) {
  for (const Refused& one : all_refused()) {
    CLI::App& parent = std::string(one.group).empty()
                           ? line.root()
                           : line.group(one.group, "what separates people and tasks");
    CLI::App& command = line.command(parent, one.word, one.help, "always 2");
    const auto unused = std::make_shared<std::string>();
    const auto unset = std::make_shared<bool>(false);
    for (const char* option : one.options)
      command.add_option(option, *unused, "taken and not used");
    for (const char* flag : one.flags) command.add_flag(flag, *unset, "taken and not used");
    line.run(command, [unused, unset, sentence = one.sentence] {
      std::fprintf(stderr, "z4j-brain: %s\n", sentence);
      return kWrongUsage;
    });
  }
}

}  // namespace z4j::app
