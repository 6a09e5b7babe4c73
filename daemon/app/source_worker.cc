#include "daemon/app/source_worker.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace keywatch {

PageReader::PageReader(uint32_t index, std::unique_ptr<LogSource> source,
                       const std::vector<StreamCursor>& cursors)
    : index_(index), source_(std::move(source)) {
  for (const StreamCursor& cursor : cursors) {
    cursor_.streams.push_back(
        {cursor.stream, cursor.position, cursor.attributes});
    read_before_[StreamIndex(cursor.stream)] = cursor.read;
  }
}

uint32_t PageReader::StreamIndex(const std::string& name) {
  auto [it, inserted] = stream_index_.try_emplace(
      name, static_cast<uint32_t>(stream_index_.size()));
  if (inserted) read_before_.resize(stream_index_.size(), 0);
  return it->second;
}

absl::StatusOr<FetchedPage> PageReader::Next(absl::Time deadline) {
  absl::StatusOr<Page> page = source_->Fetch(cursor_, deadline);
  if (!page.ok()) return page.status();

  FetchedPage out;
  out.page.source = index_;
  out.page.more = page->more;
  out.page.gaps = std::move(page->gaps);
  out.data = std::move(page->data);
  out.records = std::move(page->records);
  if (out.data != nullptr) {
    out.page.bytes = static_cast<int64_t>(out.data->size());
  }

  out.index_of.reserve(page->streams.size());
  for (StreamPosition& stream : page->streams) {
    const uint32_t index = StreamIndex(stream.stream);
    out.index_of.push_back(index);
    out.read_before.push_back(read_before_[index]);
    auto it = std::find_if(cursor_.streams.begin(), cursor_.streams.end(),
                           [&](const StreamPosition& known) {
                             return known.stream == stream.stream;
                           });
    if (it == cursor_.streams.end()) {
      cursor_.streams.push_back(stream);
    } else {
      *it = stream;
    }
    out.page.streams.push_back({index, std::move(stream.stream),
                                stream.position,
                                std::max(stream.position, read_before_[index]),
                                std::move(stream.attributes)});
  }
  for (std::string& name : page->ended) {
    cursor_.streams.erase(
        std::remove_if(
            cursor_.streams.begin(), cursor_.streams.end(),
            [&](const StreamPosition& known) { return known.stream == name; }),
        cursor_.streams.end());
    out.page.ended.push_back(std::move(name));
  }
  return out;
}

PageDecoder::PageDecoder(const Options& options, const Format& format,
                         std::shared_ptr<const RuleSet> rules,
                         const Redactor* redactor)
    : keep_raw_(options.keep_raw),
      decoder_(format.Bind(rules, redactor, options.limits, options.overrides,
                           options.enricher)),
      matcher_(NewMatcher(rules)) {}

DecodedPage PageDecoder::Decode(FetchedPage fetched) {
  DecodedPage out = std::move(fetched.page);
  out.batch = std::make_shared<EventBatch>();
  out.batch->Keep(fetched.data);
  EventBatch* batch = out.batch.get();
  for (const Record& record : fetched.records) {
    const uint32_t stream = fetched.index_of[record.stream];
    const bool reread = record.begin < fetched.read_before[record.stream];
    const size_t first = batch->size();
    const size_t rejects = out.rejects.size();
    decoder_->Decode(record, keep_raw_, batch, &out.rejects);
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
      event.source = out.source;
      event.stream = stream;
      event.reread = reread;
    }
    MatchEvents(first, batch);
  }
  return out;
}

void PageDecoder::MatchEvents(size_t first, EventBatch* batch) {
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

size_t PageDecoder::DecodePending(uint32_t source, absl::string_view record,
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
  decoder_->Decode(whole, keep_raw_, batch, &rejects);
  for (size_t i = first; i < batch->size(); ++i) {
    batch->at(i).source = source;
  }
  MatchEvents(first, batch);
  return batch->size() - first;
}

SourceWorker::SourceWorker(Options options, std::unique_ptr<LogSource> source,
                           const Format& format,
                           std::shared_ptr<const RuleSet> rules,
                           const Redactor* redactor,
                           const std::vector<StreamCursor>& cursors)
    : options_(std::move(options)),
      reader_(options_.index, std::move(source), cursors),
      decoder_(options_.decoder, format, std::move(rules), redactor) {}

absl::StatusOr<DecodedPage> SourceWorker::Next(absl::Time deadline) {
  absl::StatusOr<FetchedPage> page = reader_.Next(deadline);
  if (!page.ok()) return page.status();
  return decoder_.Decode(*std::move(page));
}

}  // namespace keywatch
