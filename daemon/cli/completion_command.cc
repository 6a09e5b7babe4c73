#include <memory>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/option_checks.h"

namespace keywatch {
namespace {

// The words that may follow a command: its subcommands and its options with
// those of its parents.
std::vector<std::string> WordsAfter(const CLI::App* command) {
  std::vector<std::string> words;
  for (const CLI::App* sub : command->get_subcommands({})) {
    words.push_back(sub->get_name());
  }
  for (const CLI::App* at = command; at != nullptr; at = at->get_parent()) {
    for (const CLI::Option* option : at->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        const std::string word = absl::StrCat("--", name);
        // Every command has a --help of its own.
        if (at != command && (name == "help" || name == "version")) continue;
        words.push_back(word);
      }
    }
  }
  return words;
}

// One `case` arm for each command, named by its path: "alerts/list".
void AddArms(const CLI::App* command, const std::string& path,
             std::string* out) {
  absl::StrAppend(out, "    '", path, "') words='",
                  absl::StrJoin(WordsAfter(command), " "), "' ;;\n");
  for (const CLI::App* sub : command->get_subcommands({})) {
    AddArms(sub,
            path.empty() ? sub->get_name()
                         : absl::StrCat(path, "/", sub->get_name()),
            out);
  }
}

// Options whose next word is a value, not a command.
void AddValueOptions(const CLI::App* command, std::vector<std::string>* out) {
  for (const CLI::Option* option : command->get_options()) {
    if (option->get_items_expected_max() == 0) continue;
    for (const std::string& name : option->get_lnames()) {
      const std::string word = absl::StrCat("--", name);
      bool known = false;
      for (const std::string& other : *out) known = known || other == word;
      if (!known) out->push_back(word);
    }
  }
  for (const CLI::App* sub : command->get_subcommands({})) {
    AddValueOptions(sub, out);
  }
}

std::string BashScript(const CLI::App* root) {
  std::string arms;
  AddArms(root, "", &arms);
  std::vector<std::string> valued;
  AddValueOptions(root, &valued);
  return absl::StrCat(
      "# bash completion of keywatch; made by: keywatch completion bash\n"
      "_keywatch() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} path='' next words='' i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case ${COMP_WORDS[i]} in\n"
      "      ",
      absl::StrJoin(valued, "|"),
      ") ((i++)); continue ;;\n"
      "      -*) continue ;;\n"
      "    esac\n"
      "    next=${path:+$path/}${COMP_WORDS[i]}\n"
      "    _keywatch_words \"$next\" || break\n"
      "    path=$next\n"
      "  done\n"
      "  _keywatch_words \"$path\"\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
      "}\n"
      "\n"
      "# Sets `words` to what may follow the command; 1 when there is none.\n"
      "_keywatch_words() {\n"
      "  case $1 in\n",
      arms,
      "    *) return 1 ;;\n"
      "  esac\n"
      "}\n"
      "\n"
      "complete -o default -o bashdefault -F _keywatch keywatch\n");
}

std::string ZshScript(const CLI::App* root) {
  return absl::StrCat(
      "# zsh completion of keywatch; made by: keywatch completion zsh\n"
      "autoload -Uz bashcompinit && bashcompinit\n",
      BashScript(root));
}

}  // namespace

void AddCompletionCommand(CLI::App* root, CommandContext* context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = root->add_subcommand(
      "completion", "Print a script that completes commands in your shell");
  command->add_option("SHELL", *shell, "bash or zsh")
      ->required()
      ->check(OneOf({"bash", "zsh"}))
      ->type_name("");
  command->footer(
      "Examples:\n"
      "  source <(keywatch completion bash)\n"
      "  keywatch completion bash > "
      "/etc/bash_completion.d/keywatch\n");
  command->callback([root, context, shell] {
    context->run = [root, context, shell] {
      context->out() << (*shell == "zsh" ? ZshScript(root) : BashScript(root));
      return kExitOk;
    };
  });
}

}  // namespace keywatch
