#include "daemon/app/lifecycle_source.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

constexpr char kStream[] = "lifecycle";
constexpr int kMaxEvents = 1000;
// What a page owes the JSON parser after its last record.
constexpr size_t kPadding = 64;

constexpr char kFormat[] = R"(
name: keywatch_lifecycle
description: Key-lifecycle actions that Keywatch records itself.
logsource: {product: keywatch, category: key_lifecycle, service: lifecycle}
framing: lines
time: {field: '@timestamp', format: rfc3339}
id: event.id
key: api.key.id
)";

std::string ToRecord(const LifecycleEvent& event) {
  nlohmann::ordered_json json;
  json["@timestamp"] = FormatTime(event.time_ms);
  json["event.id"] = absl::StrCat("lifecycle-", event.sequence);
  json["event.action"] = event.action;
  json["api.key.id"] = event.key.str();
  json["api.key.replaced_by"] = event.new_key.str();
  json["keywatch.roll.id"] = event.roll.str();
  json["user.name"] = event.actor;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<Page> LifecycleSource::Fetch(const Cursor& cursor,
                                            absl::Time /*deadline*/) {
  int64_t after = 0;
  for (const StreamPosition& stream : cursor.streams) {
    if (stream.stream == kStream) after = stream.position;
  }
  absl::StatusOr<std::vector<LifecycleEvent>> events =
      store_->LifecycleAfter(after, ToEventTime(clock_->Now()), kMaxEvents);
  if (!events.ok()) return events.status();

  auto data = std::make_shared<std::string>();
  std::vector<std::pair<size_t, size_t>> spans;
  for (const LifecycleEvent& event : *events) {
    const std::string record = ToRecord(event);
    spans.emplace_back(data->size(), record.size());
    absl::StrAppend(data.get(), record, "\n");
  }
  data->append(kPadding, '\0');

  Page page;
  for (size_t i = 0; i < events->size(); ++i) {
    Record record;
    record.bytes =
        absl::string_view(data->data() + spans[i].first, spans[i].second);
    record.begin = after;
    record.end = (*events)[i].sequence;
    after = record.end;
    page.records.push_back(record);
  }
  page.data = std::move(data);
  // A page that names its stream is not empty, and is followed by another at
  // once.
  if (!events->empty()) page.streams.push_back({kStream, after, ""});
  page.more = events->size() == kMaxEvents;
  return page;
}

std::shared_ptr<const Format> LifecycleFormat() {
  IssueList issues;
  return Format::Parse("keywatch_lifecycle.yaml", kFormat, &issues);
}

}  // namespace keywatch
