#include "daemon/cli/event_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/ingest/replay_source.h"

namespace keywatch {
namespace {

absl::StatusOr<std::unique_ptr<ReplaySource>> Open(const std::string& path) {
  ReplaySourceOptions options;
  options.paths = {path};
  return ReplaySource::Create(std::move(options));
}

}  // namespace

// Fingerprints need not agree with those of a daemon: nothing is stored.
EventLog::EventLog(std::shared_ptr<const RuleSet> rules,
                   std::shared_ptr<const Format> format,
                   const Enricher* enricher)
    : rules_(std::move(rules)),
      format_(std::move(format)),
      redactor_(Secret("explain")),
      decoder_(format_->Bind(rules_, &redactor_, DecodeLimits(),
                             FormatOverrides(), enricher)),
      matcher_(NewMatcher(rules_)) {}

absl::Status EventLog::Read(const std::string& path, bool only_matched) {
  absl::StatusOr<std::unique_ptr<ReplaySource>> source = Open(path);
  if (!source.ok()) return source.status();
  (*source)->SetFraming(format_->framing());
  for (;;) {
    absl::StatusOr<Page> page =
        (*source)->Fetch(Cursor(), absl::InfiniteFuture());
    if (!page.ok()) return page.status();
    if (page->records.empty() && (*source)->done()) return absl::OkStatus();
    auto batch = std::make_unique<EventBatch>();
    batch->Keep(page->data);
    for (const Record& record : page->records) {
      decoder_->Decode(record, /*keep_raw=*/false, batch.get(), &rejects_);
    }
    bool kept = false;
    std::vector<uint32_t> found;
    for (size_t i = 0; i < batch->size(); ++i) {
      Event& event = batch->at(i);
      found.clear();
      matcher_->Match(event, &found);
      if (only_matched && found.empty()) continue;
      matches_.push_back(found);
      event.matches = matches_.back();
      events_.push_back(&event);
      kept = true;
    }
    // Pages without anything of use need not be held.
    if (kept) batches_.push_back(std::move(batch));
  }
}

absl::StatusOr<std::shared_ptr<const Format>> FindFormat(
    const std::string& name, const std::string& path) {
  if (name.empty()) {
    absl::StatusOr<std::unique_ptr<ReplaySource>> source = Open(path);
    if (!source.ok()) return source.status();
    constexpr size_t kHead = 64 * 1024;
    const absl::StatusOr<std::string> head = (*source)->Peek(kHead);
    return Format::Shipped(SniffFormat(head.ok() ? *head : std::string()));
  }
  std::shared_ptr<const Format> format = Format::Shipped(name);
  if (format != nullptr) return format;
  if (name.find('/') == std::string::npos &&
      name.find('.') == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("no format \"", name, "\"; ",
                     SuggestionHint(name, Format::ShippedNames()),
                     " (or the path of a format file)"));
  }
  IssueList issues;
  format = Format::Load(name, &issues);
  if (format == nullptr) {
    return absl::InvalidArgumentError(FormatIssues(issues));
  }
  return format;
}

}  // namespace keywatch
