#include "app/brain/command_line.hpp"

#include <signal.h>

#include <cstdio>

#include "app/brain/brain.hpp"
#include "app/brain/database.hpp"
#include "app/brain/storage_commands.hpp"
#include "plugin/host.hpp"

namespace z4j::app {
namespace {

Given given(const std::string& file) {
  std::vector<config::Problem> problems;
  Given out;
  out.environment = read_environment(problems);
  out.loaded = load_config(file, out.environment, std::move(problems));
  return out;
}

}  // namespace

bool is_usable(const config::Loaded& loaded) {
  for (const std::string& warning : loaded.warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  for (const config::Problem& problem : loaded.problems)
    std::fprintf(stderr, "%s\n", problem.text().c_str());
  if (!loaded.problems.empty())
    std::fprintf(stderr, "z4j-brain: %zu problem(s) in the config; nothing was started\n",
                 loaded.problems.size());
  return loaded.problems.empty();
}

std::string shown(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  constexpr unsigned char kDelete = 0x7f, kC1Lead = 0xc2, kC1First = 0x80, kC1Last = 0x9f;
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    const bool is_c1 = byte == kC1Lead && next >= kC1First && next <= kC1Last;
    if (is_c1) {
      byte = next;
      ++i;
    }
    if (byte < ' ' || byte == kDelete || is_c1) {
      out += "\\u00";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += text[i];
    }
  }
  return out;
}

CommandLine::CommandLine() : app_("z4j: a control plane for background tasks", "z4j-brain") {
  app_.set_version_flag("--version,-V", "z4j-brain " + program_version());
  app_.require_subcommand(1);
}

CLI::App& CommandLine::group(const std::string& word, const std::string& help) {
  for (CLI::App* known : app_.get_subcommands([](CLI::App*) { return true; }))
    if (known->get_name() == word) return *known;
  CLI::App* made = app_.add_subcommand(word, help);
  made->require_subcommand(1);
  return *made;
}

CLI::App& CommandLine::command(const std::string& word, const std::string& help,
                               const std::string& exit_codes) {
  return command(app_, word, help, exit_codes);
}

CLI::App& CommandLine::command(CLI::App& parent, const std::string& word, const std::string& help,
                               const std::string& exit_codes) {
  CLI::App* made = parent.add_subcommand(word, help);
  made->add_option("--config", file_,
                   "TOML file; else $Z4J_CONFIG, else z4j.toml in the home folder");
  if (!exit_codes.empty()) made->footer("Exit codes: " + exit_codes);
  return *made;
}

void CommandLine::run(CLI::App& command, std::function<int()> what) {
  command.callback([this, what = std::move(what)] { result_ = what(); });
}

void CommandLine::run_with_config(CLI::App& command, std::function<int(Given&)> what) {
  run(command, [this, what = std::move(what)] {
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ,
           SIG_IGN);  // a file-size limit is an error of the write, not the end of the process
    Given config = given(file_);
    return what(config);
  });
}

void CommandLine::run_with_settings(CLI::App& command, std::function<int(const Given&)> what,
                                    int unusable) {
  run_with_config(command, [what = std::move(what), unusable](Given& config) {
    return is_usable(config.loaded) ? what(config) : unusable;
  });
}

void CommandLine::run_with_store(CLI::App& command,
                                 std::function<int(const Given&, core::Store&)> what,
                                 int unusable) {
  run_with_settings(
      command,
      [what = std::move(what), unusable](const Given& config) {
        const config::Settings& settings = config.loaded.settings;
        if (auto key = need_master_key(settings); !key) return (void)tell(key.error()), unusable;
        const base::SystemClock clock;
        const auto host = make_host(settings, {}, base::Log::quiet(), clock);
        auto store = open_store(*host, settings);
        if (!store) return (void)tell(store.error()), unusable;
        return what(config, **store);
      },
      unusable);
}

int CommandLine::main(int argc, char** argv) {
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_.exit(error) == 0 ? kDone : kWrongUsage;
  }
  return result_;
}

}  // namespace z4j::app
