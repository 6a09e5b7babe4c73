#include "daemon/ingest/page_builder.h"

namespace keywatch {

void PageBuilder::Add(const std::vector<Framer::Record>& records, size_t offset,
                      int64_t position, uint32_t stream) {
  for (const Framer::Record& cut : records) {
    Record record;
    record.stream = stream;
    record.end = position + static_cast<int64_t>(cut.next);
    record.begin =
        position + static_cast<int64_t>(cut.begin + cut.size) - cut.length;
    record.truncated = cut.truncated;
    if (cut.truncated) {
      // Put into the page at the end: the bytes of the page stay where they
      // are until then.
      samples_.push_back(cut.sample);
      spans_.push_back({samples_.size() - 1, 0});
    } else {
      spans_.push_back({offset + cut.begin, cut.size});
    }
    page_.records.push_back(record);
  }
}

Page PageBuilder::Finish() && {
  for (size_t i = 0; i < spans_.size(); ++i) {
    if (!page_.records[i].truncated) continue;
    const std::string& sample = samples_[spans_[i].offset];
    spans_[i] = {data_->size(), sample.size()};
    data_->append(sample);
  }
  data_->append(kPadding, '\0');
  for (size_t i = 0; i < spans_.size(); ++i) {
    page_.records[i].bytes =
        absl::string_view(data_->data() + spans_[i].offset, spans_[i].size);
  }
  page_.data = std::move(data_);
  return std::move(page_);
}

}  // namespace keywatch
