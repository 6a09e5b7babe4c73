#include "daemon/ingest/combined_reader.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/utf8.h"
#include "daemon/ingest/escapes.h"

namespace keywatch {
namespace {

constexpr const char* kNames[] = {
    "remote_addr",     "remote_user",  "time_local",      "request",
    "request_method",  "request_uri",  "server_protocol", "status",
    "body_bytes_sent", "http_referer", "http_user_agent",
};

// The text up to a blank; steps over it and the blank.
bool Word(absl::string_view* rest, absl::string_view* word) {
  const size_t end = std::min(rest->find(' '), rest->size());
  *word = rest->substr(0, end);
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return !word->empty();
}

// A text in brackets or quotes; steps over it and the blank after it.
bool Enclosed(absl::string_view* rest, char open, char close,
              absl::string_view* inside) {
  if (rest->empty() || rest->front() != open) return false;
  for (size_t i = 1; i < rest->size(); ++i) {
    if ((*rest)[i] == '\\') {
      ++i;
    } else if ((*rest)[i] == close) {
      if (i + 1 < rest->size() && (*rest)[i + 1] != ' ') return false;
      *inside = rest->substr(1, i - 1);
      rest->remove_prefix(std::min(i + 2, rest->size()));
      return true;
    }
  }
  return false;
}

std::string Unescape(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    const char c = text[++i];
    if (c == 'x' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
        HexDigit(text[i + 2]) >= 0) {
      out.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 +
                                      HexDigit(text[i + 2])));
      i += 2;
    } else {
      out.push_back(c == 'n' ? '\n' : c == 't' ? '\t' : c);
    }
  }
  return ToValidUtf8(out);
}

}  // namespace

CombinedReader::CombinedReader(const PathTree& tree, int strings_cell,
                               const DecodeLimits& limits,
                               const Redactor* redactor)
    : strings_cell_(strings_cell), limits_(limits), redactor_(redactor) {
  for (int i = 0; i < kParts; ++i) cell_of_[i] = tree.FindCell(kNames[i]);
}

void CombinedReader::Put(Part part, absl::string_view text, EventBatch* batch,
                         Value* cells) {
  const int cell = cell_of_[part];
  if (cell == PathTree::kNone || text.empty() || text == "-") return;
  if (absl::StrContains(text, "\\")) {
    text = batch->CopyText(redactor_->Redact(Unescape(text), &counts_.secrets));
  }
  if (text.size() > limits_.max_value_bytes) {
    text = TruncateUtf8(text, limits_.max_value_bytes);
    ++counts_.values_cut;
  }
  cells[cell] = Value::String(text);
}

void CombinedReader::PutNumber(Part part, absl::string_view text,
                               EventBatch* batch, Value* cells) {
  const int cell = cell_of_[part];
  int64_t number;
  if (cell != PathTree::kNone && absl::SimpleAtoi(text, &number)) {
    cells[cell] = Value::Int(number);
  } else {
    Put(part, text, batch, cells);
  }
}

bool CombinedReader::Read(absl::string_view text, EventBatch* batch,
                          Value* cells, ReadProblem* problem) {
  absl::string_view rest = text;
  absl::string_view address, identity, user, time, request, status, bytes;
  absl::string_view referer, agent;
  // A user name may hold blanks: it ends where the time begins.
  const size_t bracket = rest.find(" [");
  bool ok = Word(&rest, &address) && Word(&rest, &identity) &&
            bracket != absl::string_view::npos &&
            bracket >= text.size() - rest.size();
  if (ok) {
    user = rest.substr(0, bracket - (text.size() - rest.size()));
    rest = text.substr(bracket + 1);
    ok = Enclosed(&rest, '[', ']', &time) &&
         Enclosed(&rest, '"', '"', &request) && Word(&rest, &status) &&
         Word(&rest, &bytes) && status.size() == 3;
  }
  if (ok && !rest.empty()) {
    ok = Enclosed(&rest, '"', '"', &referer);
    if (ok && !rest.empty() && rest.front() == '"' &&
        !Enclosed(&rest, '"', '"', &agent)) {
      // Some servers cut long agents off, and the quote with them.
      agent = rest.substr(1);
    }
  }
  if (!ok) {
    problem->reason = "malformed";
    problem->detail = absl::StrCat("not a combined log line from byte ",
                                   text.size() - rest.size());
    return false;
  }
  Put(kAddress, address, batch, cells);
  Put(kUser, user, batch, cells);
  Put(kTime, time, batch, cells);
  Put(kRequest, request, batch, cells);
  // Scanners send what is no request line: its parts are then not known.
  const size_t first = request.find(' ');
  const size_t last = request.rfind(' ');
  if (first != absl::string_view::npos) {
    Put(kMethod, request.substr(0, first), batch, cells);
    const bool protocol =
        last > first && absl::StartsWith(request.substr(last + 1), "HTTP/");
    Put(kUri,
        protocol ? request.substr(first + 1, last - first - 1)
                 : request.substr(first + 1),
        batch, cells);
    if (protocol) Put(kProtocol, request.substr(last + 1), batch, cells);
  }
  PutNumber(kStatus, status, batch, cells);
  PutNumber(kBytes, bytes, batch, cells);
  Put(kReferer, referer, batch, cells);
  Put(kAgent, agent, batch, cells);

  if (strings_cell_ != PathTree::kNone) {
    // The line itself is what a keyword is looked for in.
    Value* list = batch->NewValues(1);
    list[0] = Value::String(text);
    cells[strings_cell_] = Value::List(list, 1);
  }
  return true;
}

}  // namespace keywatch
