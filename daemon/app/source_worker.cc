#include "daemon/app/source_worker.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace keywatch {

SourceWorker::SourceWorker(Options options, std::unique_ptr<LogSource> source,
                           const Format& format,
                           std::shared_ptr<const RuleSet> rules,
                           const Redactor* redactor,
                           const std::vector<StreamCursor>& cursors)
    : options_(std::move(options)),
      source_(std::move(source)),
      rules_(std::move(rules)),
      decoder_(format.Bind(rules_, redactor, options_.limits,
                           options_.overrides, options_.enricher)),
      matcher_(NewMatcher(rules_)) {
  for (const StreamCursor& cursor : cursors) {
    cursor_.streams.push_back(
        {cursor.stream, cursor.position, cursor.attributes});
    const uint32_t index = StreamIndex(cursor.stream);
    read_before_[index] = cursor.read;
  }
}

uint32_t SourceWorker::StreamIndex(const std::string& name) {
  auto [it, inserted] = stream_index_.try_emplace(
      name, static_cast<uint32_t>(stream_index_.size()));
  if (inserted) read_before_.resize(stream_index_.size(), 0);
  return it->second;
}

absl::StatusOr<DecodedPage> SourceWorker::Next(absl::Time deadline) {
  absl::StatusOr<Page> page = source_->Fetch(cursor_, deadline);
  if (!page.ok()) return page.status();

  DecodedPage out;
  out.source = options_.index;
  out.batch = std::make_shared<EventBatch>();
  out.batch->Keep(page->data);
  out.more = page->more;
  out.gaps = std::move(page->gaps);
  if (page->data != nullptr) {
    out.bytes = static_cast<int64_t>(page->data->size());
  }

  std::vector<uint32_t> index_of;  // page stream -> stable index
  index_of.reserve(page->streams.size());
  for (StreamPosition& stream : page->streams) {
    const uint32_t index = StreamIndex(stream.stream);
    index_of.push_back(index);
    auto it = std::find_if(cursor_.streams.begin(), cursor_.streams.end(),
                           [&](const StreamPosition& known) {
                             return known.stream == stream.stream;
                           });
    if (it == cursor_.streams.end()) {
      cursor_.streams.push_back(stream);
    } else {
      *it = stream;
    }
    out.streams.push_back({index, std::move(stream.stream), stream.position,
                           std::max(stream.position, read_before_[index]),
                           std::move(stream.attributes)});
  }

  EventBatch* batch = out.batch.get();
  for (const Record& record : page->records) {
    const uint32_t stream = index_of[record.stream];
    const bool reread = record.begin < read_before_[stream];
    const size_t first = batch->size();
    const size_t rejects = out.rejects.size();
    decoder_->Decode(record, options_.keep_raw, batch, &out.rejects);
    if (reread) {
      out.rejects.resize(rejects);
    } else {
      ++out.records;
    }
    for (size_t i = rejects; i < out.rejects.size(); ++i) {
      out.rejects[i].stream = stream;
      out.rejects_at.push_back(first);
    }
    for (size_t i = first; i < batch->size(); ++i) {
      Event& event = batch->at(i);
      event.source = options_.index;
      event.stream = stream;
      event.reread = reread;
    }
    MatchEvents(first, batch);
  }

  for (std::string& name : page->ended) {
    cursor_.streams.erase(
        std::remove_if(
            cursor_.streams.begin(), cursor_.streams.end(),
            [&](const StreamPosition& known) { return known.stream == name; }),
        cursor_.streams.end());
    out.ended.push_back(std::move(name));
  }
  return out;
}

void SourceWorker::MatchEvents(size_t first, EventBatch* batch) {
  for (size_t i = first; i < batch->size(); ++i) {
    Event& event = batch->at(i);
    matches_.clear();
    matcher_->Match(event, &matches_);
    if (matches_.empty()) continue;
    uint32_t* copy = reinterpret_cast<uint32_t*>(
        batch->Allocate(matches_.size() * sizeof(uint32_t)));
    std::memcpy(copy, matches_.data(), matches_.size() * sizeof(uint32_t));
    event.matches = absl::MakeConstSpan(copy, matches_.size());
  }
}

size_t SourceWorker::DecodePending(absl::string_view record,
                                   EventBatch* batch) {
  // The JSON parser reads some bytes past the end.
  constexpr size_t kPadding = 64;
  auto bytes = std::make_shared<std::string>(record);
  bytes->append(kPadding, '\0');
  batch->Keep(bytes);
  Record whole;
  whole.bytes = absl::string_view(bytes->data(), record.size());
  const size_t first = batch->size();
  std::vector<Reject> rejects;
  decoder_->Decode(whole, options_.keep_raw, batch, &rejects);
  for (size_t i = first; i < batch->size(); ++i) {
    batch->at(i).source = options_.index;
  }
  MatchEvents(first, batch);
  return batch->size() - first;
}

}  // namespace keywatch
