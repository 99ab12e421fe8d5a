// version, completion, man: what the program says of itself, made from the tree of commands.
#include <cstdio>
#include <memory>
#include <sstream>
#include <vector>

#include "app/brain/brain.hpp"
#include "app/brain/command_line.hpp"

namespace z4j::app {
namespace {

std::vector<const CLI::App*> children_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string path_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name()
                                     : path_of(*app.get_parent()) + " " + app.get_name();
}

std::vector<std::string> words_of(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* child : children_of(app)) words.push_back(child->get_name());
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  return words;
}

// Every command with the words that may follow it: "z4j-brain audit" -> "verify --config ...".
void each_command(const CLI::App& app, const std::function<void(const CLI::App&)>& tell) {
  tell(app);
  for (const CLI::App* child : children_of(app)) each_command(*child, tell);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string bash_completion(const CLI::App& root) {
  std::ostringstream out;
  out << "# bash completion for z4j-brain: source it, or put it into /etc/bash_completion.d\n"
         "_z4j_brain() {\n"
         "  local path=z4j-brain word\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    [[ $word == -* ]] || path+=\" $word\"\n"
         "  done\n"
         "  local words=\"\"\n"
         "  case $path in\n";
  each_command(root, [&out](const CLI::App& app) {
    out << "    \"" << path_of(app) << "\"" << (children_of(app).empty() ? "*" : "") << ") words=\""
        << joined(words_of(app)) << "\" ;;\n";
  });
  out << "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "
         "\"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -F _z4j_brain z4j-brain z4j\n";
  return out.str();
}

std::string zsh_completion(const CLI::App& root) {
  return "#compdef z4j-brain z4j\nautoload -U +X bashcompinit && bashcompinit\n" +
         bash_completion(root);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("\\'") : std::string(1, c);
  return out + "'";
}

std::string fish_completion(const CLI::App& root) {
  std::ostringstream out;
  out << "# fish completion for z4j-brain: put it into ~/.config/fish/completions/z4j-brain.fish\n";
  each_command(root, [&out, &root](const CLI::App& app) {
    const std::string where =
        &app == &root ? "__fish_use_subcommand" : "__fish_seen_subcommand_from " + app.get_name();
    for (const CLI::App* child : children_of(app))
      out << "complete -c z4j-brain -f -n " << quoted(where) << " -a " << child->get_name()
          << " -d " << quoted(child->get_description()) << "\n";
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames())
        out << "complete -c z4j-brain -n " << quoted(where) << " -l " << name << " -d "
            << quoted(option->get_description()) << "\n";
  });
  return out.str();
}

std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
      out += std::string("\\&") + c;
    else
      out += c;
  }
  return out;
}

std::string man_page(const CLI::App& root) {
  std::ostringstream out;
  out << ".TH Z4J\\-BRAIN 1 \"\" \"z4j " << roff(program_version())
      << "\" \"User commands\"\n.SH NAME\nz4j\\-brain \\- " << roff(root.get_description())
      << "\n.SH SYNOPSIS\n.B z4j\\-brain\n.I command\n[options]\n.SH COMMANDS\n";
  each_command(root, [&out, &root](const CLI::App& app) {
    if (&app == &root || !children_of(app).empty()) return;
    out << ".SS " << roff(path_of(app)) << "\n" << roff(app.get_description()) << "\n";
    for (const CLI::Option* option : app.get_options()) {
      if (option->get_name() == "--help" || option->get_name().empty()) continue;
      out << ".TP\n.B " << roff(option->get_name(true, true)) << "\n"
          << roff(option->get_description()) << "\n";
    }
    if (!app.get_footer().empty()) out << ".PP\n" << roff(app.get_footer()) << "\n";
  });
  out << ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, unless a command says otherwise.\n"
         ".SH FILES\n$Z4J_HOME (else ~/.z4j): z4j.toml, config.env, secret.env, secrets/, "
         "brain.sqlite\n";
  return out.str();
}

}  // namespace

void add_help_commands(CommandLine& line) {
  CLI::App& version = *line.root().add_subcommand("version", "print the version");
  line.run(version, [] {
    return std::printf("z4j-brain %s\n", program_version().c_str()) > 0 ? kDone : kFailed;
  });

  auto shell = std::make_shared<std::string>();
  CLI::App& completion =
      *line.root().add_subcommand("completion", "print a shell's completion of these commands");
  completion.add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  line.run(completion, [&line, shell] {
    const CLI::App& root = line.root();
    const std::string text = *shell == "bash"  ? bash_completion(root)
                             : *shell == "zsh" ? zsh_completion(root)
                                               : fish_completion(root);
    return std::fputs(text.c_str(), stdout) >= 0 ? kDone : kFailed;
  });

  CLI::App& man =
      *line.root().add_subcommand("man", "print the manual page: z4j-brain man | man -l -");
  line.run(man, [&line] {
    return std::fputs(man_page(line.root()).c_str(), stdout) >= 0 ? kDone : kFailed;
  });
}

}  // namespace z4j::app
