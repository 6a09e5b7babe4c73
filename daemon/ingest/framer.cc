#include "daemon/ingest/framer.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "daemon/ingest/json_scanner.h"

namespace keywatch {
namespace {

// The beginning of a long record that is kept.
constexpr size_t kSampleBytes = 16 << 10;
// A first line longer than that is no line of a log.
constexpr size_t kDecideBytes = 64 << 10;
constexpr size_t kPadding = 64;
constexpr uint32_t kMaxDepth = 64;
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// True when `text` is a part of the mark, and the rest may still come.
bool BeginsByteOrderMark(absl::string_view text) {
  return text.size() < kByteOrderMark.size() &&
         kByteOrderMark.substr(0, text.size()) == text;
}

}  // namespace

Framer::Framer(const Framing& framing, int64_t max_record_bytes)
    : framing_(framing),
      max_record_bytes_(static_cast<size_t>(max_record_bytes)),
      mode_(framing.kind == Framing::Kind::kLines ? Mode::kLines
                                                  : Mode::kUndecided) {}

void Framer::Restart() {
  scanned_ = 0;
  skipped_ = 0;
  sample_.clear();
  place_ = Place::kBetween;
  depth_ = 0;
}

size_t Framer::Cut(absl::string_view text, bool final, size_t max_records,
                   std::vector<Record>* records) {
  if (mode_ == Mode::kUndecided) Decide(text, final);
  switch (mode_) {
    case Mode::kUndecided:
      return 0;
    case Mode::kLines:
      return CutLines(text, final, max_records, records);
    case Mode::kValues:
      return CutValues(text, final, max_records, records);
  }
  return 0;
}

void Framer::Emit(absl::string_view text, size_t begin, size_t end, size_t next,
                  std::vector<Record>* records) {
  Record record;
  record.begin = begin;
  record.size = end - begin;
  record.next = next;
  record.length = skipped_ + static_cast<int64_t>(record.size);
  if (skipped_ > 0 || record.size > max_record_bytes_) {
    GiveUp(text, begin, end);
    record.truncated = true;
    record.sample = std::move(sample_);
    sample_.clear();
    skipped_ = 0;
  }
  records->push_back(std::move(record));
}

void Framer::GiveUp(absl::string_view text, size_t begin, size_t end) {
  if (sample_.size() < kSampleBytes) {
    const size_t n = std::min(kSampleBytes - sample_.size(), end - begin);
    sample_.append(text.data() + begin, n);
  }
  skipped_ += static_cast<int64_t>(end - begin);
}

size_t Framer::CutLines(absl::string_view text, bool final, size_t max_records,
                        std::vector<Record>* records) {
  size_t begin = 0;
  for (size_t n = 0; n < max_records; ++n) {
    const size_t from = std::max(begin, scanned_);
    const void* found =
        from < text.size()
            ? std::memchr(text.data() + from, '\n', text.size() - from)
            : nullptr;
    if (found == nullptr) {
      scanned_ = text.size();
      break;
    }
    const size_t end =
        static_cast<size_t>(static_cast<const char*>(found) - text.data());
    Emit(text, begin, end, end + 1, records);
    begin = end + 1;
    if (n + 1 == max_records) scanned_ = begin;
  }
  if (final && scanned_ == text.size() &&
      (begin < text.size() || skipped_ > 0)) {
    Emit(text, begin, text.size(), text.size(), records);
    begin = text.size();
  } else if (scanned_ == text.size() &&
             (skipped_ > 0 || text.size() - begin > max_record_bytes_)) {
    GiveUp(text, begin, text.size());
    begin = text.size();
  }
  scanned_ -= std::min(scanned_, begin);
  return begin;
}

void Framer::Decide(absl::string_view text, bool final) {
  if (!final && BeginsByteOrderMark(text)) return;
  absl::ConsumePrefix(&text, kByteOrderMark);
  text = absl::StripLeadingAsciiWhitespace(text);
  if (text.empty()) {
    if (final) mode_ = Mode::kLines;
    return;
  }
  if (text[0] != '{') {
    mode_ = text[0] == '[' ? Mode::kValues : Mode::kLines;
    return;
  }
  const size_t wrapper = WrapperLength(text);
  if (wrapper == absl::string_view::npos && !final) return;
  if (wrapper > 0 && wrapper != absl::string_view::npos) {
    mode_ = Mode::kValues;
    return;
  }
  const size_t line_end = text.find('\n');
  if (line_end == absl::string_view::npos || line_end + 1 == text.size()) {
    const absl::string_view line = text.substr(0, line_end);
    if (!final && text.size() < kDecideBytes &&
        line_end == absl::string_view::npos) {
      return;
    }
    // The one line there is: a whole value, or the beginning of one.
    std::string padded(line);
    padded.append(kPadding, '\0');
    JsonScanner scanner(absl::string_view(padded.data(), line.size()));
    if (scanner.Skip(kMaxDepth)) {
      mode_ = Mode::kLines;
    } else if (scanner.at_end() &&
               (final || line_end == absl::string_view::npos)) {
      mode_ = Mode::kValues;
    } else if (!scanner.at_end() || final) {
      mode_ = Mode::kLines;
    }
    return;
  }
  std::string line(text.substr(0, line_end));
  const size_t size = line.size();
  line.append(kPadding, '\0');
  JsonScanner scanner(absl::string_view(line.data(), size));
  if (scanner.Skip(kMaxDepth) || !scanner.at_end()) {
    mode_ = Mode::kLines;
    return;
  }
  // The value goes on in the next line, or its line was cut off and the next
  // one begins a value of its own.
  const absl::string_view first =
      absl::StripTrailingAsciiWhitespace(text.substr(0, line_end));
  const bool may_nest = first.back() == ':' || first.back() == '[';
  mode_ = text[line_end + 1] == '{' && !may_nest ? Mode::kLines : Mode::kValues;
}

size_t Framer::WrapperLength(absl::string_view text) const {
  if (framing_.records.empty()) return 0;
  size_t i = 0;
  const auto blank = [&] {
    while (i < text.size() && IsBlank(text[i])) ++i;
    return i < text.size();
  };
  const auto take = [&](absl::string_view token) {
    const size_t n = std::min(token.size(), text.size() - i);
    if (text.substr(i, n) != token.substr(0, n)) return false;
    i += n;
    return true;
  };
  const std::string key = '"' + framing_.records + '"';
  for (absl::string_view token :
       {absl::string_view("{"), absl::string_view(key), absl::string_view(":"),
        absl::string_view("[")}) {
    if (!blank()) return absl::string_view::npos;
    const size_t left = text.size() - i;
    if (!take(token)) return 0;
    if (left < token.size()) return absl::string_view::npos;
  }
  return i;
}

bool Framer::ScanValue(absl::string_view text, size_t* end) {
  size_t i = scanned_;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    switch (place_) {
      case Place::kString:
        if (c == '"') {
          place_ = Place::kValue;
        } else if (c == '\\') {
          place_ = Place::kEscape;
        } else if (c == '\n') {
          // No string holds a line break: the value is broken, and the next
          // line is as good a place to go on as there is.
          place_ = Place::kJunk;
          *end = i;
          return true;
        }
        break;
      case Place::kEscape:
        place_ = Place::kString;
        break;
      case Place::kJunk:
        if (c == '\n') {
          *end = i;
          return true;
        }
        break;
      default:
        if (c == '"') {
          place_ = Place::kString;
        } else if (c == '{' || c == '[') {
          ++depth_;
        } else if ((c == '}' || c == ']') && --depth_ == 0) {
          *end = i + 1;
          return true;
        }
    }
  }
  scanned_ = i;
  return false;
}

size_t Framer::CutValues(absl::string_view text, bool final, size_t max_records,
                         std::vector<Record>* records) {
  size_t begin = 0;  // of the value, or of what comes before the next one
  size_t cut = 0;
  while (true) {
    if (place_ == Place::kBetween) {
      while (begin < text.size() &&
             (IsBlank(text[begin]) || text[begin] == ',' ||
              text[begin] == '[' || text[begin] == ']' || text[begin] == '}')) {
        ++begin;
      }
      if (absl::StartsWith(text.substr(begin), kByteOrderMark)) {
        begin += kByteOrderMark.size();
        continue;
      }
      scanned_ = begin;
      if (begin == text.size() || cut == max_records) break;
      if (!final && BeginsByteOrderMark(text.substr(begin))) break;
      if (text[begin] == '{') {
        const size_t wrapper = WrapperLength(text.substr(begin));
        if (wrapper == absl::string_view::npos && !final) break;
        if (wrapper > 0 && wrapper != absl::string_view::npos) {
          begin += wrapper;
          continue;
        }
        place_ = Place::kValue;
        depth_ = 0;
      } else {
        place_ = Place::kJunk;
      }
    }
    size_t end = 0;
    if (!ScanValue(text, &end)) {
      if (final) {
        Emit(text, begin, text.size(), text.size(), records);
        begin = text.size();
        place_ = Place::kBetween;
      } else if (text.size() - begin > max_record_bytes_ || skipped_ > 0) {
        GiveUp(text, begin, text.size());
        begin = text.size();
      }
      break;
    }
    Emit(text, begin, end, end, records);
    ++cut;
    place_ = Place::kBetween;
    begin = scanned_ = end;
  }
  scanned_ -= std::min(scanned_, begin);
  return begin;
}

}  // namespace keywatch
