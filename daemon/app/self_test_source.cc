#include "daemon/app/self_test_source.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

constexpr char kStream[] = "self-test";
// What a page owes the JSON parser after its last record.
constexpr size_t kPadding = 64;

constexpr char kFormat[] = R"(
name: keywatch_self_test
description: Events that Keywatch sends itself.
logsource: {product: keywatch, service: self_test}
framing: lines
time: {field: '@timestamp', format: rfc3339}
id: event.id
key: api.key.id
)";

constexpr char kRule[] = R"(
title: Self-test
id: RULE
name: keywatch_self_test
description: An event that Keywatch sent itself came through.
level: informational
logsource: {product: keywatch, service: self_test}
detection:
    selection: {event.action: self_test}
    condition: selection
)";

}  // namespace

absl::StatusOr<Page> SelfTestSource::Fetch(const Cursor& cursor,
                                           absl::Time /*deadline*/) {
  const absl::Time now = clock_->Now();
  const int64_t turn = (now - absl::UnixEpoch()) / interval_;
  // The turn that comes next; a clock that was set back must not end the test.
  int64_t next = turn;
  for (const StreamPosition& stream : cursor.streams) {
    if (stream.stream == kStream && stream.position <= turn + 1) {
      next = stream.position;
    }
  }
  Page page;
  auto data = std::make_shared<std::string>();
  if (next <= turn) {
    *data = absl::StrCat("{\"@timestamp\":\"", FormatTime(ToEventTime(now)),
                         "\",\"event.id\":\"self-test-", ToEventTime(now),
                         "\",\"event.action\":\"self_test\"}");
    Record record;
    const size_t size = data->size();
    data->append(kPadding, '\0');
    record.bytes = absl::string_view(data->data(), size);
    record.begin = turn;
    record.end = turn + 1;
    page.records.push_back(record);
    page.streams.push_back({kStream, record.end, ""});
  }
  page.data = std::move(data);
  return page;
}

absl::Duration SelfTestSource::pause() const {
  return std::min(absl::Seconds(1), interval_ / 4);
}

std::shared_ptr<const Format> SelfTestFormat() {
  IssueList issues;
  return Format::Parse("keywatch_self_test.yaml", kFormat, &issues);
}

std::pair<std::string, std::string> SelfTestRuleText() {
  std::string text = kRule;
  const size_t at = text.find("RULE");
  return {"(self-test)", text.replace(at, 4, kSelfTestRule)};
}

}  // namespace keywatch
