#include "daemon/rules/pattern.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "daemon/rules/case_fold.h"

namespace keywatch {
namespace {

using Kind = Pattern::Part::Kind;

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' ||
         c == '-' || c == '.' || (static_cast<unsigned char>(c) & 0x80);
}

}  // namespace

Pattern Pattern::Parse(absl::string_view text) {
  Pattern pattern;
  std::string literal;
  const auto flush = [&] {
    if (literal.empty()) return;
    pattern.Append({Kind::kText, literal});
    literal.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size() &&
        (text[i + 1] == '*' || text[i + 1] == '?' || text[i + 1] == '\\')) {
      literal.push_back(text[++i]);
    } else if (c == '*') {
      flush();
      pattern.Append({Kind::kAnyRun, ""});
    } else if (c == '?') {
      flush();
      pattern.Append({Kind::kAnyCharacter, ""});
    } else {
      literal.push_back(c);
    }
  }
  flush();
  return pattern;
}

Pattern Pattern::Text(absl::string_view text) {
  Pattern pattern;
  pattern.AppendText(text);
  return pattern;
}

void Pattern::Append(Part part) {
  if (part.kind == Kind::kText && part.text.empty()) return;
  if (!parts_.empty()) {
    Part& last = parts_.back();
    if (last.kind == Kind::kText && part.kind == Kind::kText) {
      last.text += part.text;
      return;
    }
    // `**` is `*`, and `*?` is `?*`: one form for one meaning.
    if (last.kind == Kind::kAnyRun && part.kind == Kind::kAnyRun) return;
    if (last.kind == Kind::kAnyRun && part.kind == Kind::kAnyCharacter) {
      parts_.insert(parts_.end() - 1, std::move(part));
      return;
    }
  }
  parts_.push_back(std::move(part));
}

void Pattern::Append(const Pattern& other) {
  for (const Part& part : other.parts_) Append(part);
}

void Pattern::AppendText(absl::string_view text) {
  Append({Kind::kText, std::string(text)});
}

void Pattern::OpenStart() {
  if (starts_with_any_run()) return;
  Pattern opened;
  opened.Append({Kind::kAnyRun, ""});
  opened.Append(*this);
  *this = std::move(opened);
}

void Pattern::OpenEnd() { Append({Kind::kAnyRun, ""}); }

bool Pattern::starts_with_any_run() const {
  return !parts_.empty() && parts_.front().kind == Kind::kAnyRun;
}

bool Pattern::ends_with_any_run() const {
  return !parts_.empty() && parts_.back().kind == Kind::kAnyRun;
}

bool Pattern::has_wildcards() const {
  for (const Part& part : parts_) {
    if (part.kind == Kind::kAnyRun || part.kind == Kind::kAnyCharacter) {
      return true;
    }
  }
  return false;
}

bool Pattern::has_placeholders() const {
  for (const Part& part : parts_) {
    if (part.kind == Kind::kPlaceholder) return true;
  }
  return false;
}

Pattern::Shape Pattern::shape() const {
  const auto is = [&](size_t i, Kind kind) { return parts_[i].kind == kind; };
  switch (parts_.size()) {
    case 0:
      return Shape::kEqual;
    case 1:
      if (is(0, Kind::kText)) return Shape::kEqual;
      return is(0, Kind::kAnyRun) ? Shape::kAnything : Shape::kGeneral;
    case 2:
      if (is(0, Kind::kText) && is(1, Kind::kAnyRun)) return Shape::kPrefix;
      if (is(0, Kind::kAnyRun) && is(1, Kind::kText)) return Shape::kSuffix;
      return Shape::kGeneral;
    case 3:
      if (is(0, Kind::kAnyRun) && is(1, Kind::kText) && is(2, Kind::kAnyRun)) {
        return Shape::kContains;
      }
      return Shape::kGeneral;
    default:
      return Shape::kGeneral;
  }
}

const std::string& Pattern::literal() const {
  static const std::string* const kEmpty = new std::string;
  for (const Part& part : parts_) {
    if (part.kind == Kind::kText) return part.text;
  }
  return *kEmpty;
}

absl::string_view Pattern::LongestText() const {
  absl::string_view longest;
  for (const Part& part : parts_) {
    if (part.kind == Kind::kText && part.text.size() > longest.size()) {
      longest = part.text;
    }
  }
  return longest;
}

void Pattern::InsertPlaceholders() {
  Pattern result;
  for (const Part& part : parts_) {
    if (part.kind != Kind::kText) {
      result.Append(part);
      continue;
    }
    const absl::string_view text = part.text;
    std::string literal;
    size_t i = 0;
    while (i < text.size()) {
      if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '%') {
        literal.push_back('%');
        i += 2;
        continue;
      }
      if (text[i] == '%') {
        size_t end = i + 1;
        while (end < text.size() && IsNameCharacter(text[end])) ++end;
        if (end > i + 1 && end < text.size() && text[end] == '%') {
          result.AppendText(literal);
          literal.clear();
          result.Append({Kind::kPlaceholder,
                         std::string(text.substr(i + 1, end - i - 1))});
          i = end + 1;
          continue;
        }
      }
      literal.push_back(text[i++]);
    }
    result.AppendText(literal);
  }
  *this = std::move(result);
}

bool Pattern::Matches(absl::string_view text) const {
  size_t part = 0;
  size_t at = 0;
  // Where to go on after a mismatch: behind the last `*`, one character later.
  size_t retry_part = parts_.size() + 1;
  size_t retry_at = 0;
  for (;;) {
    bool ok = false;
    if (part == parts_.size()) {
      if (at == text.size()) return true;
    } else {
      const Part& p = parts_[part];
      switch (p.kind) {
        case Kind::kAnyRun:
          if (part + 1 == parts_.size()) return true;
          retry_part = ++part;
          retry_at = at;
          continue;
        case Kind::kAnyCharacter:
          if (at < text.size()) {
            NextCharacter(text, &at);
            ok = true;
          }
          break;
        case Kind::kText:
          if (text.substr(at, p.text.size()) == p.text) {
            at += p.text.size();
            ok = true;
          }
          break;
        case Kind::kPlaceholder:
          break;
      }
    }
    if (ok) {
      ++part;
      continue;
    }
    if (retry_part > parts_.size() || retry_at >= text.size()) return false;
    // The next place where the part behind the `*` can begin.
    NextCharacter(text, &retry_at);
    if (parts_[retry_part].kind == Kind::kText) {
      retry_at = text.find(parts_[retry_part].text, retry_at);
      if (retry_at == absl::string_view::npos) return false;
    }
    part = retry_part;
    at = retry_at;
  }
}

std::string Pattern::ToString() const {
  std::string out;
  for (size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    switch (part.kind) {
      case Kind::kAnyRun:
        out += "*";
        break;
      case Kind::kAnyCharacter:
        out += "?";
        break;
      case Kind::kPlaceholder:
        out += "%" + part.text + "%";
        break;
      case Kind::kText:
        for (size_t j = 0; j < part.text.size(); ++j) {
          const char c = part.text[j];
          // A backslash needs a second one where it would escape what follows.
          const bool last = j + 1 == part.text.size();
          const char next = last ? '*' : part.text[j + 1];
          const bool escapes = next == '*' || next == '?' || next == '\\';
          const bool at_end = last && i + 1 == parts_.size();
          if (c == '*' || c == '?' || (c == '\\' && escapes && !at_end)) {
            out += '\\';
          }
          out += c;
        }
        break;
    }
  }
  return out;
}

Pattern Pattern::Folded() const {
  Pattern folded;
  for (Part part : parts_) {
    if (part.kind == Kind::kText) part.text = FoldCase(part.text);
    folded.Append(std::move(part));
  }
  return folded;
}

}  // namespace keywatch
