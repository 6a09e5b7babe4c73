#include "daemon/ingest/push_source.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keywatch {
namespace {

constexpr char kStream[] = "push";
constexpr int64_t kPageBytes = 256 << 10;
constexpr absl::Duration kWait = absl::Milliseconds(200);
// What a page owes the JSON parser after its last record.
constexpr size_t kPadding = 64;

}  // namespace

absl::StatusOr<Page> PushSource::Fetch(const Cursor& cursor,
                                       absl::Time /*deadline*/) {
  int64_t position = 0;
  for (const StreamPosition& stream : cursor.streams) {
    if (stream.stream == kStream) position = stream.position;
  }
  const std::vector<PushQueue::Records> batches =
      queue_->Take(kPageBytes, position, kWait);
  Page page;
  page.more = queue_->HasMore();
  const size_t longest = static_cast<size_t>(max_record_bytes_);
  size_t bytes = 0;
  for (const PushQueue::Records& records : batches) {
    for (const std::string& text : *records) {
      bytes += std::min(text.size(), longest);
    }
  }
  auto data = std::make_shared<std::string>();
  data->reserve(bytes + kPadding);
  for (const PushQueue::Records& records : batches) {
    for (const std::string& text : *records) {
      Record record;
      const size_t begin = data->size();
      data->append(text, 0, longest);
      record.bytes =
          absl::string_view(data->data() + begin, data->size() - begin);
      record.truncated = text.size() > longest;
      record.begin = position++;
      record.end = position;
      page.records.push_back(record);
    }
  }
  data->append(kPadding, '\0');
  page.data = std::move(data);
  if (!batches.empty()) page.streams.push_back({kStream, position, ""});
  return page;
}

}  // namespace keywatch
