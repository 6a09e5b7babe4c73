// Whatever a record of JSON is, every format makes events of it or rejects it:
// texts are valid UTF-8, times are in range, and a secret that stands in it does
// not come out. The first byte of the input chooses the format.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/utf8.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/redactor.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/explain.h"
#include "tests/fuzz/target.h"

namespace keywatch {
namespace fuzz {
namespace {

constexpr char kRules[] = R"(title: t
detection:
    sel: {userIdentity.accessKeyId|startswith: AK, a.b|contains: x}
    status: {http.response.status_code|gte: 400}
    list: {l: [1, a, null]}
    words: [Error, 'p?th']
    condition: 1 of them
fields: [url.path, api.key.id, source.ip, user_agent.original, l.m, a.b.c]
)";

void CheckText(absl::string_view text) {
  Require(IsValidUtf8(text), "a text of an event is UTF-8");
}

void CheckValue(const Value& value) {
  if (value.is_string()) CheckText(value.string_value());
  if (!value.is_list()) return;
  for (uint32_t i = 0; i < value.list_size(); ++i) {
    CheckValue(value.list_at(i));
  }
}

struct Bound {
  std::shared_ptr<const RuleSet> rules;
  Redactor redactor{Secret("fuzz")};
  std::vector<std::unique_ptr<RecordDecoder>> decoders;
};

Bound& TheBound() {
  static auto* const kBound = [] {
    auto* bound = new Bound;
    bound->rules = CompileRuleTexts({{"r.yml", kRules}}, {}).rules;
    Require(bound->rules != nullptr, "the rules load");
    DecodeLimits limits;
    limits.max_value_bytes = 64;
    limits.max_depth = 16;
    limits.max_list = 8;
    for (const std::string& name : Format::ShippedNames()) {
      bound->decoders.push_back(Format::Shipped(name)->Bind(
          bound->rules, &bound->redactor, limits, FormatOverrides()));
    }
    return bound;
  }();
  return *kBound;
}

}  // namespace

void RunOne(absl::string_view input) {
  if (input.empty()) return;
  Bound& bound = TheBound();
  RecordDecoder& decoder =
      *bound.decoders[static_cast<unsigned char>(input[0]) %
                      bound.decoders.size()];
  input.remove_prefix(1);
  auto page = std::make_shared<std::string>(input);
  page->append(64, ' ');
  EventBatch batch;
  batch.Keep(page);
  Record record;
  record.bytes = absl::string_view(page->data(), input.size());
  record.end = static_cast<int64_t>(input.size());
  std::vector<Reject> rejects;
  decoder.Decode(record, /*keep_raw=*/true, &batch, &rejects);
  for (const Reject& reject : rejects) {
    Require(!reject.reason.empty(), "a reject has its reason");
    CheckText(reject.sample);
    CheckText(reject.detail);
  }
  const std::unique_ptr<Matcher> matcher = NewMatcher(bound.rules);
  for (size_t i = 0; i < batch.size(); ++i) {
    const Event& event = batch.at(i);
    CheckText(event.id);
    CheckText(event.raw);
    Require(!absl::StrContains(event.raw, "sk_live_51Hfuzzfuzzfuzzfuzzfuzz99"),
            "a secret is not in the event");
    Require(event.time_ms > kMinEventTime && event.time_ms < kMaxEventTime,
            "a time is in range");
    for (uint32_t slot = 0; slot < event.slot_count; ++slot) {
      CheckValue(event.slots[slot]);
    }
    std::vector<uint32_t> matches;
    matcher->Match(event, &matches);
    Require(matches.empty() != DetectionMatches(*bound.rules, 0, event),
            "the matcher finds what holds");
  }
}

std::vector<std::string> Seeds() {
  const std::string records[] = {
      R"({"@timestamp":"2026-08-03T14:00:00Z","event":{"id":"e1"},"api":{"key":{"id":"mk_1"}},"http":{"response":{"status_code":403}},"url":{"path":"/v1/a?b=c"},"l":[1,"a",null,{"m":2.5}]})",
      R"({"eventTime":"2026-08-03T14:00:00Z","eventID":"1","userIdentity":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","type":"Root"},"eventName":"GetObject","errorCode":"AccessDenied","sourceIPAddress":"10.0.0.1","resources":[{"ARN":"arn:aws:s3:::b"}]})",
      R"({"time":1785765600.25,"key":"Bearer sk_live_51Hfuzzfuzzfuzzfuzzfuzz99","a":{"b":"x\u00e9\ud83d\ude00","a.b":true},"a.b.c":[[[]]],"status":"500"})",
      R"({"Records":[{"eventTime":"2026-08-03T14:00:00Z","eventID":"1","eventName":"Error"},{"eventTime":"x"}]})",
      R"(10.0.0.1 - mk_1 [03/Aug/2026:14:00:00 +0000] "GET /v1/a HTTP/1.1" 403 12 "-" "curl/8")"};
  std::vector<std::string> seeds;
  const size_t formats = Format::ShippedNames().size();
  for (size_t format = 0; format < formats; ++format) {
    for (const std::string& record : records) {
      seeds.push_back(
          absl::StrCat(std::string(1, static_cast<char>(format)), record));
    }
  }
  return seeds;
}

std::vector<std::string> Words() {
  return {"{",
          "}",
          "[",
          "]",
          "\"",
          ":",
          ",",
          "null",
          "true",
          "1e308",
          "-0",
          "\\u0000",
          "\\ud800",
          "\\",
          "\xff",
          "\xed\xa0\x80",
          "0x1",
          "1e",
          "[[[[[[",
          "{\"a\":",
          "\"a.b\":1,",
          "@timestamp",
          "9223372036854775808",
          "2026-13-40T99:99:99Z",
          "sk_live_51Hfuzzfuzzfuzzfuzzfuzz99",
          "\n"};
}

}  // namespace fuzz
}  // namespace keywatch
