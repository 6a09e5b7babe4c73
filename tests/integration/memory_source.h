#ifndef TESTS_INTEGRATION_MEMORY_SOURCE_H_
#define TESTS_INTEGRATION_MEMORY_SOURCE_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/ingest/log_source.h"

namespace keywatch {

// Lines in memory, as streams that grow; shared by the instances of the source
// that come after each other in a test.
struct MemoryStreams {
  std::vector<std::vector<std::string>> streams;
};

// MemorySource reads MemoryStreams, `page_lines` at a time, stream by stream in
// turn. Positions are line numbers. Not thread-safe.
class MemorySource : public LogSource {
 public:
  MemorySource(const MemoryStreams* data, size_t page_lines, bool rereadable)
      : data_(data), page_lines_(page_lines), rereadable_(rereadable) {}

  absl::StatusOr<Page> Fetch(const Cursor& cursor,
                             absl::Time /*deadline*/) override {
    Page page;
    auto bytes = std::make_shared<std::string>();
    std::vector<std::pair<size_t, size_t>> spans;
    const size_t streams = data_->streams.size();
    for (size_t i = 0; i < streams && page.records.size() < page_lines_; ++i) {
      const size_t index = turn_++ % streams;
      const std::vector<std::string>& lines = data_->streams[index];
      const std::string name = "stream" + std::to_string(index);
      int64_t position = 0;
      for (const StreamPosition& known : cursor.streams) {
        if (known.stream == name) position = known.position;
      }
      const int64_t end = std::min<int64_t>(
          lines.size(), position + page_lines_ - page.records.size());
      if (position >= end) continue;
      page.streams.push_back({name, end, ""});
      for (int64_t line = position; line < end; ++line) {
        Record record;
        record.stream = static_cast<uint32_t>(page.streams.size() - 1);
        record.begin = line;
        record.end = line + 1;
        spans.emplace_back(bytes->size(), lines[line].size());
        *bytes += lines[line] + "\n";
        page.records.push_back(record);
      }
    }
    bytes->append(64, '\0');
    for (size_t i = 0; i < spans.size(); ++i) {
      page.records[i].bytes =
          absl::string_view(bytes->data() + spans[i].first, spans[i].second);
    }
    page.data = std::move(bytes);
    page.more = !page.records.empty();
    return page;
  }

  bool rereadable() const override { return rereadable_; }
  absl::Duration pause() const override { return absl::Milliseconds(1); }

 private:
  const MemoryStreams* const data_;
  const size_t page_lines_;
  const bool rereadable_;
  size_t turn_ = 0;
};

}  // namespace keywatch

#endif  // TESTS_INTEGRATION_MEMORY_SOURCE_H_
