#ifndef DAEMON_INGEST_PAGE_BUILDER_H_
#define DAEMON_INGEST_PAGE_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/ingest/framer.h"
#include "daemon/ingest/log_source.h"

namespace keywatch {

// PageBuilder collects the records of one page: bytes are read straight into
// the page's memory and cut there. Thread-compatible.
class PageBuilder {
 public:
  // Room for `size` bytes more at the end; valid until the next call.
  char* Extend(size_t size) {
    data_->reserve(data_->size() + size + kPadding);
    data_->resize(data_->size() + size);
    return &(*data_)[data_->size() - size];
  }
  // Gives back the last `size` bytes.
  void Shrink(size_t size) { data_->resize(data_->size() - size); }
  size_t size() const { return data_->size(); }
  absl::string_view Since(size_t offset) const {
    return absl::string_view(*data_).substr(offset);
  }

  // Adds records that a framer cut from Since(`offset`), whose first byte
  // stands at `position` of stream `stream`.
  void Add(const std::vector<Framer::Record>& records, size_t offset,
           int64_t position, uint32_t stream);
  size_t record_count() const { return spans_.size(); }

  // The page of what was added. The builder is then used up.
  Page Finish() &&;

  Page* page() { return &page_; }

 private:
  // What a page owes to those who read its last record in large steps.
  static constexpr size_t kPadding = 64;

  struct Span {
    size_t offset;
    size_t size;
  };
  std::shared_ptr<std::string> data_ = std::make_shared<std::string>();
  std::vector<Span> spans_;  // of page_.records, while the memory moves
  std::vector<std::string> samples_;  // by record; empty for most
  Page page_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_PAGE_BUILDER_H_
