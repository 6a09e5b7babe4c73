#include "daemon/ingest/http_list.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "daemon/core/utf8.h"
#include "daemon/ingest/json_scanner.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

constexpr uint32_t kMaxDepth = 64;
// What JsonScanner may read past the end of its text.
constexpr size_t kPadding = 64;

// Steps into the value of `key` of the map at the scanner's place.
bool EnterKey(JsonScanner* scanner, absl::string_view key) {
  if (!scanner->Take('{')) return false;
  if (scanner->Peek() == '}') return false;
  while (true) {
    absl::string_view raw;
    bool escaped = false;
    scanner->Peek();
    if (!scanner->String(&raw, &escaped) || !scanner->Take(':')) return false;
    if (raw == key) return true;
    scanner->Peek();
    if (!scanner->Skip(kMaxDepth)) return false;
    if (!scanner->Take(',')) return false;
  }
}

// The text of the value at a dotted path in `text`; "" when there is none.
// `text` must be padded.
absl::string_view ValueAt(absl::string_view text, absl::string_view path) {
  JsonScanner scanner(text);
  if (!path.empty()) {
    for (absl::string_view key : absl::StrSplit(path, '.')) {
      if (!EnterKey(&scanner, key)) return absl::string_view();
    }
  }
  scanner.Peek();
  const char* begin = scanner.place();
  if (!scanner.Skip(kMaxDepth)) return absl::string_view();
  return absl::string_view(begin, static_cast<size_t>(scanner.place() - begin));
}

// A scalar as text: a string without quotes and escapes, or as it stands.
std::string ScalarAt(absl::string_view text, absl::string_view path) {
  const absl::string_view value = ValueAt(text, path);
  if (value.empty() || value == "null" || value[0] == '{' || value[0] == '[') {
    return "";
  }
  if (value[0] != '"') return std::string(value);
  std::string out(value.size(), '\0');
  out.resize(UnescapeJson(value.substr(1, value.size() - 2), &out[0]));
  return out;
}

// "scheme://host:port" of a URL.
absl::string_view OriginOf(absl::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return absl::string_view();
  return url.substr(0, url.find_first_of("/?#", scheme + 3));
}

absl::StatusOr<std::string> Resolve(absl::string_view base,
                                    const std::string& url) {
  const absl::string_view origin = OriginOf(base);
  if (url.empty()) return url;
  if (url[0] == '/' && !absl::StartsWith(url, "//")) {
    return absl::StrCat(origin, url);
  }
  if (url[0] == '?') {
    return absl::StrCat(base.substr(0, base.find_first_of("?#")), url);
  }
  if (OriginOf(url) != origin) {
    return absl::DataLossError(
        "the next page is on another host; it is not asked for");
  }
  return url;
}

// The target of `rel="next"` in a Link header (RFC 8288).
std::string NextOfLink(absl::string_view header) {
  for (absl::string_view part : absl::StrSplit(header, ',')) {
    const size_t open = part.find('<');
    const size_t close = part.find('>');
    if (open == absl::string_view::npos || close == absl::string_view::npos ||
        close < open) {
      continue;
    }
    const absl::string_view rest = part.substr(close + 1);
    if (absl::StrContains(rest, "rel=\"next\"") ||
        absl::StrContains(rest, "rel=next")) {
      return std::string(part.substr(open + 1, close - open - 1));
    }
  }
  return "";
}

std::string PercentEncode(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
        absl::StrContains("-_.~[]", absl::string_view(&c, 1))) {
      out += c;
    } else {
      absl::StrAppendFormat(&out, "%%%02X", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<HttpListPage> ParseHttpList(const HttpResponse& response,
                                           const HttpPollerOptions& options,
                                           absl::string_view url) {
  std::string body = ToValidUtf8(response.body);
  const size_t size = body.size();
  body.append(kPadding, '\0');
  const absl::string_view text(body.data(), size);
  const absl::string_view list = ValueAt(text, options.records_path);
  if (list.empty() || list[0] != '[') {
    return absl::DataLossError(
        absl::StrCat("the response has no list of records",
                     options.records_path.empty()
                         ? ""
                         : absl::StrCat(" at \"", options.records_path, "\"")));
  }
  HttpListPage page;
  JsonScanner scanner(list);
  scanner.Take('[');
  while (scanner.Peek() != ']') {
    const char* begin = scanner.place();
    if (!scanner.Skip(kMaxDepth)) {
      return absl::DataLossError("the list of records is broken");
    }
    HttpListPage::Item item;
    const absl::string_view record(
        begin, static_cast<size_t>(scanner.place() - begin));
    item.text = std::string(record);
    item.id = ScalarAt(record, options.id_path);
    page.items.push_back(std::move(item));
    if (!scanner.Take(',')) break;
  }
  const std::string more = ScalarAt(text, options.has_more_path);
  page.has_more = more.empty() ? options.page_size > 0 &&
                                     static_cast<int>(page.items.size()) >=
                                         options.page_size
                               : more == "true";
  std::string next = ScalarAt(text, options.next_url_path);
  if (next.empty()) next = NextOfLink(response.header("link"));
  absl::StatusOr<std::string> resolved = Resolve(url, next);
  if (!resolved.ok()) return resolved.status();
  page.next_url = *std::move(resolved);
  return page;
}

absl::Status HttpStatusError(int code) {
  if (code >= 200 && code < 300) return absl::OkStatus();
  const std::string text = absl::StrCat("HTTP ", code);
  switch (code) {
    case 401:
      return absl::UnauthenticatedError(
          absl::StrCat(text, ": the token is not accepted"));
    case 403:
      return absl::PermissionDeniedError(
          absl::StrCat(text, ": the token may not read this"));
    case 400:
      return absl::InvalidArgumentError(text);
    case 404:
    case 410:
      return absl::NotFoundError(text);
    case 429:
      return absl::ResourceExhaustedError(
          absl::StrCat(text, ": asked to slow down"));
    default:
      return absl::UnavailableError(text);
  }
}

std::string AddQuery(absl::string_view url, absl::string_view name,
                     absl::string_view value) {
  return absl::StrCat(url, absl::StrContains(url, "?") ? "&" : "?",
                      PercentEncode(name), "=", PercentEncode(value));
}

}  // namespace keywatch
