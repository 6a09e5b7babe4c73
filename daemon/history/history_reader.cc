#include "daemon/history/history_reader.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/history/block.h"

namespace keywatch {

absl::StatusOr<HistoryReader> HistoryReader::Open(const std::string& directory,
                                                  EventTime since,
                                                  EventTime until) {
  absl::StatusOr<std::vector<Segment>> segments = ListSegments(directory);
  if (!segments.ok()) return segments.status();
  HistoryReader reader;
  reader.since_ = since;
  reader.until_ = until;
  // All events of a segment are at or before the begin of the next one.
  size_t first = 0;
  while (first + 1 < segments->size() &&
         (*segments)[first + 1].begin_ms < since) {
    ++first;
  }
  reader.segments_.assign(segments->begin() + static_cast<int64_t>(first),
                          segments->end());
  for (const Segment& segment : reader.segments_) {
    reader.bytes_total_ += segment.bytes;
  }
  return reader;
}

absl::StatusOr<HistoryPage> HistoryReader::Next() {
  while (true) {
    HistoryPage page;
    if (offset_ >= bytes_.size()) {
      if (!OpenSegment()) return page;
      continue;
    }
    if (ReadBlock(&page) && !page.events.empty()) return page;
  }
}

bool HistoryReader::OpenSegment() {
  if (next_segment_ == segments_.size()) return false;
  const Segment& segment = segments_[next_segment_++];
  last_segment_ = next_segment_ == segments_.size();
  std::ifstream file(segment.path, std::ios::binary);
  bytes_.assign(std::istreambuf_iterator<char>(file),
                std::istreambuf_iterator<char>());
  if (file.bad() || (!file.is_open() && segment.bytes > 0)) {
    problems_.push_back(absl::StrCat(segment.path, " cannot be read"));
    bytes_.clear();
  }
  offset_ = 0;
  schema_ = nullptr;
  bytes_done_ += segment.bytes;
  return true;
}

bool HistoryReader::ReadBlock(HistoryPage* page) {
  const absl::string_view rest = absl::string_view(bytes_).substr(offset_);
  const absl::optional<BlockHeader> header = ParseBlockHeader(rest);
  if (!header || rest.size() - kBlockHeaderBytes < header->stored_bytes) {
    SkipDamage();
    return false;
  }
  const size_t size = kBlockHeaderBytes + header->stored_bytes;
  const bool wanted =
      header->kind == BlockKind::kSchema ||
      (header->newest_ms >= since_ && header->oldest_ms < until_);
  if (!wanted) {
    offset_ += size;
    return true;
  }
  auto payload = std::make_shared<std::string>();
  if (!UnpackBlock(*header,
                   rest.substr(kBlockHeaderBytes, header->stored_bytes),
                   payload.get())) {
    SkipDamage();
    return false;
  }
  if (header->kind == BlockKind::kSchema) {
    absl::optional<HistorySchema> schema = DecodeSchema(*payload);
    if (!schema) {
      SkipDamage();
      return false;
    }
    schema_ = std::make_shared<HistorySchema>(*std::move(schema));
  } else if (header->kind == BlockKind::kEvents) {
    page->batch = std::make_shared<EventBatch>();
    page->batch->Keep(payload);
    absl::optional<std::vector<HistoryEvent>> events;
    if (schema_ != nullptr) {
      events = DecodeEvents(*payload, *schema_, page->batch.get());
    }
    if (!events) {
      SkipDamage();
      return false;
    }
    page->schema = schema_;
    for (HistoryEvent& event : *events) {
      if (event.time_ms < since_ || event.time_ms >= until_) continue;
      page->events.push_back(std::move(event));
    }
  }
  // A block of another kind is of a later version: nothing that events need.
  offset_ += size;
  return true;
}

void HistoryReader::SkipDamage() {
  const size_t begin = offset_;
  size_t next = begin;
  do {
    next = bytes_.find(kBlockMagic, next + 1, 4);
    if (next == std::string::npos) next = bytes_.size();
  } while (next < bytes_.size() &&
           !ParseBlockHeader(absl::string_view(bytes_).substr(next)));
  offset_ = next;
  // The end of the last segment may be in the middle of being written.
  if (last_segment_ && next == bytes_.size()) return;
  problems_.push_back(absl::StrCat(segments_[next_segment_ - 1].path,
                                   ": damaged at byte ", begin, "; ",
                                   next - begin, " bytes were skipped"));
}

}  // namespace keywatch
