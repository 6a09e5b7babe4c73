#include "daemon/app/config_changes.h"

#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace keywatch {
namespace {

// The lines of each section, by its name.
std::map<std::string, std::string> Sections(absl::string_view text) {
  std::map<std::string, std::string> sections;
  std::string name = "the configuration";
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const absl::string_view word = absl::StripAsciiWhitespace(line);
    if (word.empty() || word[0] == '#') continue;
    if (absl::ascii_isalpha(line[0])) {
      const size_t colon = line.find(':');
      if (colon != absl::string_view::npos) {
        name = std::string(line.substr(0, colon));
      }
    }
    absl::StrAppend(&sections[name], absl::StripTrailingAsciiWhitespace(line),
                    "\n");
  }
  return sections;
}

}  // namespace

std::vector<std::string> ChangedSections(absl::string_view before,
                                         absl::string_view after) {
  const std::map<std::string, std::string> old_sections = Sections(before);
  const std::map<std::string, std::string> new_sections = Sections(after);
  std::set<std::string> changed;
  for (const auto& [one, other] :
       {std::make_pair(&old_sections, &new_sections),
        std::make_pair(&new_sections, &old_sections)}) {
    for (const auto& [name, text] : *one) {
      const auto found = other->find(name);
      if (found == other->end() || found->second != text) changed.insert(name);
    }
  }
  return std::vector<std::string>(changed.begin(), changed.end());
}

}  // namespace keywatch
