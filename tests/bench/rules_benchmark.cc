// What matching an event costs as the number of rules grows, in three mixes:
//
//   routed      rules of four log sources, each event sees those of its own
//   one source  the same kinds of rules, but every event sees all of them
//   worst       one source, and half of the rules ask for nothing rare: address
//               ranges, numbers, expressions without a fixed text, `not` alone,
//               texts of two bytes, words that every event has
//
// Prints a table for each: nanoseconds for an event, and how often that is the
// cost with 100 rules. Times are of the processor, so that a busy machine
// changes little.
//
//   bazel run //tests/bench:rules_benchmark -- [--quick] [--json] [--limit X]
//       [MIX]...
//
//   --quick    100 and 3,000 rules only, and fewer events
//   --limit X  exit code 1 when 3,000 rules cost more than X times 100

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {
namespace {

double CpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

// A log source and the fields of its events, by what they are.
struct Source {
  LogSourceSpec spec;
  const char* name;    // one word: an operation
  const char* path;    // words, the first ones few
  const char* text;    // a hundred bytes of words
  const char* agent;   // one of forty
  const char* ip;      // in 10.0.0.0/8
  const char* status;  // few numbers
  const char* size;    // any number, small ones mostly
  const char* method;  // few words
  const char* error;   // seldom there
  const char* path_root;
  char separator;
};

const Source kSources[] = {
    {{"stripe", "", "api"},
     "event.action",
     "url.path",
     "url.query",
     "user_agent.original",
     "source.ip",
     "http.response.status_code",
     "http.response.body.bytes",
     "http.request.method",
     "error.code",
     "/v1/",
     '/'},
    {{"", "webserver", ""},
     "cs-host",
     "cs-uri-stem",
     "cs-uri-query",
     "cs-user-agent",
     "c-ip",
     "sc-status",
     "sc-bytes",
     "cs-method",
     "sc-substatus",
     "/app/",
     '/'},
    {{"aws", "", "cloudtrail"},
     "eventName",
     "resources.ARN",
     "requestParameters.text",
     "userAgent",
     "sourceIPAddress",
     "responseElements.code",
     "additionalEventData.bytes",
     "readOnly",
     "errorCode",
     "arn:aws:",
     ':'},
    {{"windows", "process_creation", ""},
     "OriginalFileName",
     "Image",
     "CommandLine",
     "ParentImage",
     "SourceIp",
     "ExitCode",
     "ImageSize",
     "IntegrityLevel",
     "RuleName",
     "C:\\Windows\\",
     '\\'},
};

enum class Mix { kRouted, kOneSource, kWorst };
constexpr Mix kMixes[] = {Mix::kRouted, Mix::kOneSource, Mix::kWorst};

const char* NameOf(Mix mix) {
  switch (mix) {
    case Mix::kRouted:
      return "routed";
    case Mix::kOneSource:
      return "one source";
    case Mix::kWorst:
      return "worst";
  }
  return "";
}

// Makes rules and events of the same vocabulary, of which few words are common
// and most are rare; the same ones every time.
class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {
    std::mt19937 letters(1);
    while (words_.size() < kWords) {
      std::string word;
      for (size_t i = 5 + letters() % 5; i > 0; --i) {
        word += static_cast<char>('a' + letters() % 26);
      }
      words_.push_back(word);
    }
  }

  // The `i`-th rule.
  std::string Rule(Mix mix, int i) {
    const Source& s = mix == Mix::kWorst ? kSources[0] : kSources[i % 4];
    const int kind = i / 4 % 10;
    const std::string detection = mix == Mix::kWorst && i % 2 == 0
                                      ? HardDetection(s, kind)
                                      : Detection(s, kind);
    std::string source;
    for (const auto& [key, value] :
         {std::make_pair("product", &s.spec.product),
          std::make_pair("category", &s.spec.category),
          std::make_pair("service", &s.spec.service)}) {
      if (!value->empty()) {
        absl::StrAppend(&source, source.empty() ? "" : ", ", key, ": ", *value);
      }
    }
    return absl::StrCat("title: Rule ", i, "\nid: rule-", i, "\nlogsource: {",
                        source, "}\ndetection:\n", detection);
  }

  TestEvent Event(const Source& s) {
    TestEvent event;
    const auto text = [&](const char* field, const std::string& value) {
      TestValue v;
      v.type = Value::Type::kString;
      v.text = value;
      event.fields.push_back({field, v});
    };
    const auto number = [&](const char* field, int64_t value) {
      TestValue v;
      v.type = Value::Type::kInt;
      v.integer = value;
      event.fields.push_back({field, v});
    };
    const std::string sep(1, s.separator);
    text(s.name, Common());
    text(s.path, absl::StrCat(s.path_root, Common(), sep, "x_", Digits(12), sep,
                              Common()));
    std::string long_text;
    for (size_t k = 6 + Below(8); k > 0; --k) {
      absl::StrAppend(&long_text, Common(), k % 2 == 0 ? "=" : "&",
                      k % 3 == 0 ? Digits(9) : "");
    }
    text(s.text, long_text);
    const size_t agent = Below(40);
    text(s.agent, absl::StrCat(words_[agent * 7], "/", agent, ".1 (",
                               words_[agent * 3], "; bindings)"));
    text(s.ip, absl::StrCat("10.", Below(256), ".", Below(256), ".", Below(9)));
    static constexpr int kStatus[] = {200, 200, 200, 200, 200, 200, 200,
                                      201, 400, 401, 403, 404, 500, 200};
    number(s.status, kStatus[Below(std::size(kStatus))]);
    number(s.size, static_cast<int64_t>(std::exp(Share() * 13)));
    static constexpr const char* kMethods[] = {"GET", "GET", "GET", "POST",
                                               "DELETE"};
    text(s.method, kMethods[Below(std::size(kMethods))]);
    if (Below(20) == 0) text(s.error, Common());
    return event;
  }

  size_t Below(size_t n) { return random_() % n; }

 private:
  static constexpr size_t kWords = 20'000;

  double Share() { return static_cast<double>(random_()) / 4294967296.0; }
  // A word of rules: any.
  const std::string& Rare() { return words_[Below(kWords)]; }
  // A word of events: half of all are one of 140.
  const std::string& Common() {
    return words_[static_cast<size_t>(std::pow(kWords, Share())) - 1];
  }
  std::string Digits(size_t count) {
    std::string digits;
    while (digits.size() < count) digits += "0123456789abcdef"[Below(16)];
    return digits;
  }
  std::string List(const std::string& before, const std::string& after,
                   size_t count) {
    std::vector<std::string> values;
    while (values.size() < count) {
      values.push_back(absl::StrCat("'", before, Rare(), after, "'"));
    }
    return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
  }
  std::string Range() {
    return absl::StrCat("10.", Below(256), ".", Below(256), ".0/24");
  }

  // As in public collections: something rare, something common, a filter.
  std::string Detection(const Source& s, int kind) {
    const std::string sep(1, s.separator);
    switch (kind) {
      case 0:
      case 1:
        return absl::StrCat(
            "  sel: {", s.path, "|startswith: ", List(s.path_root, sep, 3),
            ", ", s.method, ": GET}\n  filter: {", s.agent,
            "|contains: bindings2}\n  condition: sel and not filter\n");
      case 2:
        return absl::StrCat("  sel: {", s.path, "|endswith: ", List(sep, "", 2),
                            "}\n  all: {", s.text,
                            "|contains|all: ", List("", "", 2),
                            "}\n  condition: sel and all\n");
      case 3:
      case 4:
        return absl::StrCat("  sel: {", s.text, "|contains: ", List("", "", 8),
                            "}\n  filter: {", s.ip,
                            "|cidr: [10.1.0.0/16, 10.2.0.0/16]}\n"
                            "  condition: sel and not filter\n");
      case 5:
        return absl::StrCat("  sel: {", s.text, "|re: '", Rare(),
                            "[=&][0-9a-f]{8,}', ", s.size,
                            "|gte: 100}\n  condition: sel\n");
      case 6:
      case 7:
        return absl::StrCat("  sel: {", s.name, ": ", List("", "", 4),
                            "}\n  error: {", s.error,
                            "|exists: true}\n  bad: {", s.status,
                            ": [401, 403]}\n"
                            "  condition: sel and (error or not bad)\n");
      case 8:
        return absl::StrCat(
            "  sel: {", s.ip, "|cidr: [", Range(), ", ", Range(), "], ", s.path,
            "|startswith: ", List(s.path_root, "", 2), "}\n  condition: sel\n");
      default:
        return absl::StrCat("  words: ", List("", "", 3), "\n  big: {", s.size,
                            "|gt: 1000}\n  condition: words and big\n");
    }
  }

  // Nothing rare that an index of texts could find.
  std::string HardDetection(const Source& s, int kind) {
    switch (kind) {
      case 0:
      case 1:
        return absl::StrCat("  sel: {", s.ip, "|cidr: [", Range(), ", ",
                            Range(), ", ", Range(), "]}\n  filter: {", s.method,
                            ": DELETE}\n  condition: sel and not filter\n");
      case 2:
      case 3:
        return absl::StrCat("  sel: {", s.size,
                            "|gt: ", 300'000 + Below(140'000), "}\n  ok: {",
                            s.status, ": 200}\n  condition: sel and not ok\n");
      case 4:
        return absl::StrCat("  sel: {", s.text, "|re: '[0-9a-f]{",
                            10 + Below(9), ",}[;,!",
                            std::string(1, "ghijklmnopqrstuvwxyz"[Below(20)]),
                            "]'}\n  condition: sel\n");
      case 5:
        return absl::StrCat("  ok: {", s.path, "|startswith: '", s.path_root,
                            "'}\n  filter: {", s.agent,
                            "|contains: ", List("", "", 2), "}\n",
                            "  condition: not ok and not filter\n");
      case 6:
        return absl::StrCat("  sel: {", s.text, "|contains: '",
                            Rare().substr(0, 2), "', ", s.path, "|contains: '",
                            Rare().substr(1, 2), "', ", s.size,
                            "|lt: ", Below(9), "}\n  condition: sel\n");
      case 7:
        return absl::StrCat("  sel: {", s.method, ": GET, ", s.status,
                            ": 200, ", s.text, "|contains: '", Common(),
                            "'}\n  filter: {", s.size,
                            "|lt: ", 100'000 + Below(99'999),
                            "}\n  condition: sel and not filter\n");
      case 8:
        return absl::StrCat("  sel: {", s.error, "|exists: true}\n  big: {",
                            s.size, "|gte: ", Below(400'000), "}\n  get: {",
                            s.method,
                            ": [GET, POST]}\n"
                            "  condition: sel and big and not get\n");
      default:
        return absl::StrCat("  get: {", s.method, ": [GET, POST, DELETE]}\n",
                            "  filter: {", s.size, "|lt: ", Below(1000),
                            "}\n  condition: not get and not filter\n");
    }
  }

  std::vector<std::string> words_;
  std::mt19937 random_;
};

struct Result {
  Mix mix;
  int rules = 0;
  double compile_seconds = 0;
  double event_ns = 0;
  double matches = 0;  // of an event
};

Result Measure(Mix mix, int count, int events) {
  Result result;
  result.mix = mix;
  result.rules = count;
  Generator generator(7);
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < count; ++i) {
    files.push_back({absl::StrCat(i, ".yml"), generator.Rule(mix, i)});
  }
  CompileOptions options;
  options.ignore_logsource = mix != Mix::kRouted;
  double begin = CpuSeconds();
  const CompileResult compiled = CompileRuleTexts(files, options);
  if (compiled.rules == nullptr) {
    std::fputs(FormatIssues(compiled.issues).c_str(), stderr);
    std::exit(1);
  }
  const std::unique_ptr<Matcher> matcher = NewMatcher(compiled.rules);
  result.compile_seconds = CpuSeconds() - begin;
  EventBatch batch;
  Generator event_generator(11);
  for (int i = 0; i < events; ++i) {
    const Source& source =
        kSources[mix == Mix::kWorst ? 0 : event_generator.Below(4)];
    EventBuilder builder(compiled.rules.get(),
                         compiled.rules->Route(source.spec));
    builder.Build(event_generator.Event(source), &batch);
  }
  std::vector<uint32_t> matches;
  // The first run makes the plans. Of the others the best: what disturbs only
  // adds.
  constexpr int kRuns = 5;
  double best = 1e18;
  for (int run = 0; run <= kRuns; ++run) {
    begin = CpuSeconds();
    size_t matched = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      matches.clear();
      matcher->Match(batch.at(i), &matches);
      matched += matches.size();
    }
    const double seconds = CpuSeconds() - begin;
    if (run == 0) {
      result.compile_seconds += seconds;
      continue;
    }
    best = std::min(best, seconds);
    result.matches = static_cast<double>(matched) / events;
  }
  result.event_ns = best * 1e9 / events;
  return result;
}

void Print(const Result& r, double ratio, bool json, bool first) {
  if (json) {
    std::printf(
        "%s{\"mix\":\"%s\",\"rules\":%d,\"compile_seconds\":%.2f,"
        "\"event_ns\":%.0f,\"of_100\":%.2f,\"matches\":%.3f}",
        first ? "[" : ",\n", NameOf(r.mix), r.rules, r.compile_seconds,
        r.event_ns, ratio, r.matches);
  } else {
    if (first) {
      std::printf("%-12s %8s %10s %10s %8s %14s\n", "mix", "rules", "compile s",
                  "ns/event", "of 100", "matches/event");
    }
    std::printf("%-12s %8d %10.2f %10.0f %8.2f %14.3f\n", NameOf(r.mix),
                r.rules, r.compile_seconds, r.event_ns, ratio, r.matches);
  }
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  bool quick = false;
  bool json = false;
  double limit = 0;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--limit") == 0 && i + 1 < argc) {
      limit = std::atof(argv[++i]);
    } else {
      wanted.push_back(argv[i]);
    }
  }
  const std::vector<int> sizes = quick ? std::vector<int>{100, 3000}
                                       : std::vector<int>{10, 100, 1000, 3000};
  bool first = true;
  bool slow = false;
  for (const Mix mix : kMixes) {
    if (!wanted.empty() &&
        std::find(wanted.begin(), wanted.end(), NameOf(mix)) == wanted.end()) {
      continue;
    }
    std::vector<Result> results;
    double of_100 = 1;
    for (const int size : sizes) {
      results.push_back(Measure(mix, size, quick ? 5'000 : 20'000));
      if (size == 100) of_100 = results.back().event_ns;
    }
    for (const Result& result : results) {
      const double ratio = result.event_ns / of_100;
      Print(result, ratio, json, first);
      first = false;
      slow = slow || (limit > 0 && ratio > limit);
    }
  }
  if (json) std::printf("%s]\n", first ? "[" : "");
  if (slow) std::fputs("3,000 rules cost more than the limit\n", stderr);
  return slow ? 1 : 0;
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) { return keywatch::Main(argc, argv); }
