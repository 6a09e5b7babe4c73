#include "daemon/yaml/syntax_error.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace keywatch {
namespace yaml {

TreeIssue ExplainSyntaxError(absl::string_view text,
                             const YAML::Exception& error) {
  TreeIssue issue;
  issue.code = "syntax";
  issue.message = error.msg;
  namespace msg = YAML::ErrorMsg;
  static const struct {
    const char* original;
    const char* message;
    const char* hint;
  } kMessages[] = {
      {msg::MAP_VALUE, "a \": \" is not allowed here",
       "quote the text if the colon belongs to it"},
      {msg::MAP_KEY, "a key is not allowed here", "check the indentation"},
      {msg::BLOCK_ENTRY, "a list element is not allowed here",
       "check the indentation"},
      {msg::END_OF_MAP, "this does not fit the map that it stands in",
       "check indentation, and that a colon follows the key"},
      {msg::END_OF_SEQ, "this does not fit the list that it stands in",
       "check the indentation; an element begins with -"},
      {msg::END_OF_MAP_FLOW, "the map is not closed", "a } or , is missing"},
      {msg::END_OF_SEQ_FLOW, "the list is not closed", "a ] or , is missing"},
      {msg::FLOW_END, "a closing bracket without an opening one", ""},
      {msg::EOF_IN_SCALAR, "the quoted text is not closed",
       "the closing quote is missing"},
      {msg::DOC_IN_SCALAR, "the document ends inside a quoted text",
       "the closing quote is missing"},
      {msg::UNKNOWN_TOKEN, "this character cannot begin a value",
       "quote the text"},
      {msg::CHAR_IN_BLOCK, "only |, >, +, - and a digit may begin a block text",
       "the text begins in the next line"},
      {msg::UNKNOWN_ANCHOR, "the alias names no anchor above it",
       "quote the text if the * belongs to it"},
      {msg::ALIAS_NOT_FOUND, "a * must be followed by the name of an anchor",
       "quote the text if the * belongs to it"},
      {msg::CHAR_IN_ALIAS, "this character cannot be in the name of an anchor",
       "quote the text if the * belongs to it"},
      {msg::ANCHOR_NOT_FOUND, "an & must be followed by a name",
       "quote the text if the & belongs to it"},
      {msg::TAB_IN_INDENTATION, "a tab in the indentation", "use spaces"},
  };
  for (const auto& known : kMessages) {
    if (!absl::StartsWith(issue.message, known.original)) continue;
    issue.message = known.message;
    issue.hint = known.hint;
    break;
  }
  if (absl::StartsWith(error.msg, msg::INVALID_ESCAPE)) {
    issue.hint = "in double quotes \\ begins an escape; use single quotes";
  }
  // Of the line with the mistake: is a tab in its indentation?
  const int column = std::max(0, error.mark.column);
  if (error.mark.pos >= column &&
      static_cast<size_t>(error.mark.pos) <= text.size()) {
    const absl::string_view line = text.substr(error.mark.pos - column);
    const size_t first = line.find_first_not_of(" \t");
    const size_t tab = line.find('\t');
    if (tab != absl::string_view::npos && first != absl::string_view::npos &&
        tab < first && line[first] != '\n') {
      issue.message = "a tab in the indentation";
      issue.hint = "use spaces";
      issue.line = error.mark.line + 1;
      issue.column = static_cast<int>(tab) + 1;
    }
  }
  return issue;
}

}  // namespace yaml
}  // namespace keywatch
