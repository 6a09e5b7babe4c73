#include "daemon/yaml/document.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "daemon/core/utf8.h"
#include "daemon/yaml/tree_builder.h"

namespace keywatch {
namespace yaml {
namespace {

constexpr size_t kMaxFileBytes = 16 * 1024 * 1024;
constexpr char kByteOrderMark[] = "\xef\xbb\xbf";

// Finds the first byte that no YAML may contain. yaml-cpp takes some of the
// control characters for its own marks (0x04 ends its input).
bool FindBadByte(absl::string_view text, size_t* position, bool* control) {
  size_t i = 0;
  while (i < text.size()) {
    const uint8_t c = static_cast<uint8_t>(text[i]);
    if (c >= 0x20 && c < 0x7f) {
      ++i;
      continue;
    }
    if (c == '\n' || c == '\t' || c == '\r') {
      ++i;
      continue;
    }
    const size_t length = Utf8CharLength(text.substr(i));
    if (c < 0x80 || length == 0) {
      *position = i;
      *control = c < 0x80;
      return true;
    }
    i += length;
  }
  return false;
}

size_t CountCharacters(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xc0) != 0x80; });
}

// The byte of the character `column` (from 1) of `line`.
size_t ByteOfColumn(absl::string_view line, int column) {
  size_t i = 0;
  for (int left = column - 1; left > 0 && i < line.size(); --left) {
    ++i;
    while (i < line.size() && (line[i] & 0xc0) == 0x80) ++i;
  }
  return i;
}

// How many characters of `line`, from its byte `begin` on, show `node`.
int UnderlineLength(const Node& node, absl::string_view line, size_t begin) {
  const Node& shown =
      node.is_map() && !node.map.empty() ? node.map.front().first : node;
  if (!shown.is_scalar() || begin >= line.size()) return 1;
  const absl::string_view rest = line.substr(begin);
  if (shown.quoted && (rest[0] == '"' || rest[0] == '\'')) {
    for (size_t i = 1; i < rest.size(); ++i) {
      if (rest[0] == '"' && rest[i] == '\\') {
        ++i;
      } else if (rest[i] == rest[0]) {
        return static_cast<int>(CountCharacters(rest.substr(0, i + 1)));
      }
    }
    return static_cast<int>(CountCharacters(rest));
  }
  if (rest[0] == '|' || rest[0] == '>') return 1;
  const size_t bytes = std::min(rest.size(), shown.text.size());
  return std::max<int>(
      1, static_cast<int>(CountCharacters(rest.substr(0, bytes))));
}

Issue FileIssue(const std::string& path, std::string code,
                std::string message) {
  Issue issue;
  issue.code = std::move(code);
  issue.where.file = path;
  issue.message = std::move(message);
  return issue;
}

}  // namespace

const Node* Node::Find(absl::string_view key) const {
  for (const auto& entry : map) {
    if (entry.first.text == key) return &entry.second;
  }
  return nullptr;
}

const Node* Node::FindKey(absl::string_view key) const {
  for (const auto& entry : map) {
    if (entry.first.text == key) return &entry.first;
  }
  return nullptr;
}

absl::string_view KindName(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kBool:
      return "true or false";
    case Node::Kind::kInt:
    case Node::Kind::kDouble:
      return "a number";
    case Node::Kind::kString:
      return "text";
    case Node::Kind::kList:
      return "a list";
    case Node::Kind::kMap:
      return "a map";
  }
  return "";
}

File File::Parse(std::string name, absl::string_view text, IssueList* issues) {
  File file;
  file.name_ = std::move(name);
  if (absl::StartsWith(text, kByteOrderMark)) text.remove_prefix(3);
  std::string normalised;
  if (text.find('\r') != absl::string_view::npos) {
    normalised = absl::StrReplaceAll(text, {{"\r\n", "\n"}, {"\r", "\n"}});
    text = normalised;
  }
  file.lines_ = absl::StrSplit(text, '\n');

  size_t bad = 0;
  bool control = false;
  if (FindBadByte(text, &bad, &control)) {
    const absl::string_view before = text.substr(0, bad);
    const size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
    Issue issue = FileIssue(file.name_, "bad-character", "");
    issue.where.line =
        1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
    issue.where.column =
        1 + static_cast<int>(CountCharacters(before.substr(line_begin)));
    // The line itself cannot be shown: it is not text.
    if (control) {
      issue.message = absl::StrFormat("control character 0x%02x",
                                      static_cast<uint8_t>(text[bad]));
      issue.hint = "write it as an escape in double quotes";
      issue.line_text = file.Line(issue.where.line);
    } else {
      issue.message = "not valid UTF-8";
      issue.hint = "save the file as UTF-8";
    }
    issues->Add(std::move(issue));
    return file;
  }

  std::vector<TreeIssue> found;
  file.documents_ = BuildTrees(text, &found);
  for (TreeIssue& mistake : found) {
    Issue issue = FileIssue(file.name_, std::move(mistake.code),
                            std::move(mistake.message));
    issue.where.line = mistake.line;
    issue.where.column = mistake.column;
    issue.where.length = mistake.length;
    issue.hint = std::move(mistake.hint);
    issue.line_text = file.Line(mistake.line);
    issues->Add(std::move(issue));
  }
  return file;
}

File File::Read(const std::string& path, IssueList* issues) {
  File file;
  file.name_ = path;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    issues->Add(FileIssue(path, "unreadable",
                          absl::StrCat("cannot be read: ", strerror(errno))));
    return file;
  }
  std::string text;
  ssize_t got = 0;
  do {
    char buffer[64 * 1024];
    got = read(fd, buffer, sizeof(buffer));
    if (got > 0) text.append(buffer, got);
  } while ((got > 0 || (got < 0 && errno == EINTR)) &&
           text.size() <= kMaxFileBytes);
  const int error = got < 0 ? errno : 0;
  close(fd);
  if (error != 0) {
    issues->Add(FileIssue(path, "unreadable",
                          absl::StrCat("cannot be read: ", strerror(error))));
    return file;
  }
  if (text.size() > kMaxFileBytes) {
    issues->Add(FileIssue(path, "too-large", "larger than 16 MiB"));
    return file;
  }
  return Parse(path, text, issues);
}

Issue File::At(const Node& node, Issue::Severity severity, std::string code,
               std::string message, std::string hint) const {
  Issue issue;
  issue.severity = severity;
  issue.code = std::move(code);
  issue.where.file = name_;
  issue.where.line = node.line;
  issue.where.column = node.column;
  issue.line_text = Line(node.line);
  issue.where.length = UnderlineLength(
      node, issue.line_text, ByteOfColumn(issue.line_text, node.column));
  issue.message = std::move(message);
  issue.hint = std::move(hint);
  return issue;
}

std::string File::Line(int line) const {
  if (line < 1 || static_cast<size_t>(line) > lines_.size()) return "";
  return lines_[line - 1];
}

}  // namespace yaml
}  // namespace keywatch
