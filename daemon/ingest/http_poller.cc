#include "daemon/ingest/http_poller.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <fstream>
#include <random>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/ingest/http_list.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

constexpr char kStream[] = "list";
constexpr absl::Duration kFirstBackoff = absl::Seconds(1);
constexpr size_t kPadding = 64;

// Where a list stands between two rounds; in the cursor's attributes.
struct Place {
  // The newest ids seen, oldest first.
  std::deque<std::string> recent;
  // The id to ask on from, or the URL, while a round goes on.
  std::string anchor;
  std::string next_url;
  bool begun = false;

  std::string Encode() const {
    nlohmann::json json;
    json["recent"] = recent;
    json["anchor"] = anchor;
    json["next_url"] = next_url;
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  static Place Decode(const std::string& text) {
    Place place;
    const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return place;
    place.begun = true;
    if (auto it = json.find("recent"); it != json.end() && it->is_array()) {
      for (const nlohmann::json& id : *it) {
        if (id.is_string()) place.recent.push_back(id.get<std::string>());
      }
    }
    auto text_of = [&json](const char* name) {
      auto it = json.find(name);
      return it != json.end() && it->is_string() ? it->get<std::string>()
                                                 : std::string();
    };
    place.anchor = text_of("anchor");
    place.next_url = text_of("next_url");
    return place;
  }
};

absl::StatusOr<std::string> ReadFirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return absl::UnauthenticatedError(
        absl::StrCat("cannot read a token from ", path,
                     ": it must be a file whose first line is the token"));
  }
  return std::string(absl::StripAsciiWhitespace(line));
}

}  // namespace

class HttpPoller::Impl {
 public:
  Impl(HttpPollerOptions options, HttpClient* client, Clock* clock)
      : options_(std::move(options)),
        client_(client),
        clock_(clock),
        pause_(options_.interval),
        random_(std::hash<std::string>()(options_.url)) {}

  absl::StatusOr<Page> Fetch(const Cursor& cursor) {
    StreamPosition known;
    Place place;
    for (const StreamPosition& stream : cursor.streams) {
      if (stream.stream != kStream) continue;
      known = stream;
      place = Place::Decode(stream.attributes);
    }
    absl::StatusOr<Page> page = FetchFrom(known.position, std::move(place));
    if (page.ok()) {
      // Where nothing moved there is nothing to commit.
      if (page->records.empty() && page->streams.size() == 1 &&
          page->streams[0].position == known.position &&
          page->streams[0].attributes == known.attributes) {
        page->streams.clear();
      }
      failures_ = 0;
      pause_ = page->more ? absl::ZeroDuration() : Jittered(options_.interval);
      return page;
    }
    // No failure of the peer's: the round goes on at the next call.
    if (absl::IsCancelled(page.status())) return page;
    // What was collected of this round is asked for again.
    collected_.clear();
    collecting_url_.clear();
    pages_ = 0;
    pause_ = std::max(Backoff(), retry_after_);
    retry_after_ = absl::ZeroDuration();
    return page;
  }

  absl::Duration pause() const { return pause_; }
  void Wake() { woken_ = true; }

 private:
  bool newest_first() const {
    return options_.order == HttpPollerOptions::Order::kNewestFirst;
  }
  // Newest-first lists are read towards newer records only by last id; and by
  // then the first records must be known.
  bool Collects(const Place& place) const {
    return newest_first() &&
           (options_.paging == HttpPollerOptions::Paging::kNextUrl ||
            !place.begun);
  }

  absl::StatusOr<Page> FetchFrom(int64_t position, Place place) {
    if (Collects(place)) return Collect(position, std::move(place));
    std::string url = options_.url;
    if (options_.paging == HttpPollerOptions::Paging::kNextUrl &&
        !place.next_url.empty()) {
      url = place.next_url;
    } else {
      url = FirstUrl();
      const std::string anchor = AnchorOf(place);
      if (!anchor.empty()) {
        url = AddQuery(url,
                       newest_first() ? options_.before_parameter
                                      : options_.after_parameter,
                       anchor);
      }
    }
    absl::StatusOr<HttpListPage> list = Get(url);
    if (!list.ok()) {
      const bool expired = absl::IsNotFound(list.status()) ||
                           absl::IsInvalidArgument(list.status());
      if (expired && (!place.recent.empty() || !place.next_url.empty())) {
        return StartAnew(position, list.status());
      }
      return list.status();
    }
    std::vector<HttpListPage::Item> items = std::move(list->items);
    if (newest_first()) std::reverse(items.begin(), items.end());
    const bool first_at_end =
        !place.begun && options_.start == HttpPollerOptions::Start::kEnd;
    const std::string newest = items.empty() ? "" : items.back().id;
    std::vector<HttpListPage::Item> fresh = Fresh(std::move(items), &place);
    place.begun = true;
    // With a next URL the page that has none is asked for again: it grows.
    if (options_.paging == HttpPollerOptions::Paging::kNextUrl) {
      place.next_url = list->next_url.empty() ? url : list->next_url;
    }
    const bool more =
        options_.paging == HttpPollerOptions::Paging::kNextUrl
            ? !list->next_url.empty()
            : list->has_more && !newest.empty() && newest != place.anchor;
    place.anchor = more ? newest : "";
    if (first_at_end) fresh.clear();
    return MakePage(position, place, fresh, more);
  }

  // One step of a round that goes from the newest record back to what is known:
  // nothing is given before the round is complete, because its oldest records
  // come last.
  absl::StatusOr<Page> Collect(int64_t position, Place place) {
    std::string url = collecting_url_.empty() ? FirstUrl() : collecting_url_;
    absl::StatusOr<HttpListPage> list = Get(url);
    if (!list.ok()) return list.status();
    ++pages_;
    const absl::flat_hash_set<std::string> known(place.recent.begin(),
                                                 place.recent.end());
    bool reached = false;
    for (HttpListPage::Item& item : list->items) {
      reached = reached || known.contains(item.id);
      collected_.push_back(std::move(item));
    }
    const bool first_at_end =
        !place.begun && options_.start == HttpPollerOptions::Start::kEnd;
    std::string next;
    if (options_.paging == HttpPollerOptions::Paging::kNextUrl) {
      next = list->next_url;
    } else if (list->has_more && !collected_.empty()) {
      next =
          AddQuery(FirstUrl(), options_.after_parameter, collected_.back().id);
    }
    if (!next.empty() && !reached && !first_at_end &&
        pages_ < options_.max_pages) {
      collecting_url_ = next;
      Page page;
      page.data = std::make_shared<std::string>(kPadding, '\0');
      page.more = true;
      return page;
    }
    const bool cut = !next.empty() && !reached && place.begun;
    std::vector<HttpListPage::Item> items(
        std::make_move_iterator(collected_.rbegin()),
        std::make_move_iterator(collected_.rend()));
    collected_.clear();
    collecting_url_.clear();
    pages_ = 0;
    std::vector<HttpListPage::Item> fresh = Fresh(std::move(items), &place);
    place.begun = true;
    if (first_at_end) fresh.clear();
    Page page = MakePage(position, place, fresh, false);
    if (cut) {
      page.gaps.push_back({absl::StrCat("more than ", options_.max_pages,
                                        " pages came since the last round"),
                           GapKind::kCursorExpired});
    }
    return page;
  }

  // The place is not known any more: says so, and goes on from the oldest that
  // the list has.
  Page StartAnew(int64_t position, const absl::Status& status) {
    Place anew;
    anew.begun = !newest_first();
    Page page = MakePage(position, anew, {}, true);
    page.streams[0].attributes = newest_first() ? "" : anew.Encode();
    page.gaps.push_back(
        {std::string(status.message()), GapKind::kCursorExpired});
    return page;
  }

  // Of `items`, oldest first, those that were not seen; they are known then.
  std::vector<HttpListPage::Item> Fresh(std::vector<HttpListPage::Item> items,
                                        Place* place) {
    absl::flat_hash_set<std::string> known(place->recent.begin(),
                                           place->recent.end());
    std::vector<HttpListPage::Item> fresh;
    for (HttpListPage::Item& item : items) {
      if (!item.id.empty() && !known.insert(item.id).second) continue;
      if (!item.id.empty()) place->recent.push_back(item.id);
      fresh.push_back(std::move(item));
    }
    // A round must reach what it knows: a page more than the overlap.
    const size_t keep =
        static_cast<size_t>(options_.overlap) + 1 +
        (options_.paging == HttpPollerOptions::Paging::kNextUrl
             ? static_cast<size_t>(std::max(options_.page_size, 0))
             : 0);
    while (place->recent.size() > keep) place->recent.pop_front();
    return fresh;
  }

  // While a round goes on, its last id; at its beginning one that is older than
  // the newest, because lists show records late.
  static std::string AnchorOf(const Place& place) {
    if (!place.anchor.empty()) return place.anchor;
    return place.recent.empty() ? "" : place.recent.front();
  }

  std::string FirstUrl() const {
    return options_.page_size_parameter.empty()
               ? options_.url
               : AddQuery(options_.url, options_.page_size_parameter,
                          absl::StrCat(options_.page_size));
  }

  absl::StatusOr<HttpListPage> Get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    request.headers = options_.headers;
    request.timeout = options_.timeout;
    request.max_response_bytes = options_.max_response_bytes;
    request.cancel = &woken_;
    if (!options_.bearer_file.empty()) {
      absl::StatusOr<std::string> token = ReadFirstLine(options_.bearer_file);
      if (!token.ok()) return token.status();
      request.bearer = Secret(*std::move(token));
    }
    absl::StatusOr<HttpResponse> response = client_->Send(request);
    if (absl::IsCancelled(response.status())) woken_ = false;
    if (!response.ok()) return response.status();
    absl::Status status = HttpStatusError(response->status);
    if (!status.ok()) {
      retry_after_ = RetryAfter(*response, clock_->Now());
      return status;
    }
    return ParseHttpList(*response, options_, url);
  }

  Page MakePage(int64_t position, const Place& place,
                const std::vector<HttpListPage::Item>& items, bool more) {
    auto data = std::make_shared<std::string>();
    size_t bytes = 0;
    for (const HttpListPage::Item& item : items) {
      bytes += std::min<size_t>(item.text.size(), options_.max_record_bytes);
    }
    data->reserve(bytes + kPadding);
    Page page;
    for (const HttpListPage::Item& item : items) {
      Record record;
      const size_t size =
          std::min<size_t>(item.text.size(), options_.max_record_bytes);
      record.truncated = size < item.text.size();
      const size_t begin = data->size();
      data->append(item.text, 0, size);
      record.bytes = absl::string_view(data->data() + begin, size);
      record.begin = position++;
      record.end = position;
      page.records.push_back(record);
    }
    data->append(kPadding, '\0');
    page.data = std::move(data);
    page.streams.push_back({kStream, position, place.Encode()});
    page.more = more;
    return page;
  }

  absl::Duration Jittered(absl::Duration duration) {
    std::uniform_real_distribution<double> spread(-options_.jitter,
                                                  options_.jitter);
    return duration * (1.0 + spread(random_));
  }

  absl::Duration Backoff() {
    absl::Duration wait = kFirstBackoff;
    for (int i = 0; i < failures_ && wait < options_.backoff_max; ++i) {
      wait *= 2;
    }
    ++failures_;
    return Jittered(std::min(wait, options_.backoff_max));
  }

  const HttpPollerOptions options_;
  HttpClient* const client_;
  Clock* const clock_;
  absl::Duration pause_;
  absl::Duration retry_after_ = absl::ZeroDuration();
  int failures_ = 0;
  std::mt19937_64 random_;
  std::atomic<bool> woken_{false};
  // A round that goes backwards; see Collect.
  std::vector<HttpListPage::Item> collected_;
  std::string collecting_url_;
  int pages_ = 0;
};

absl::StatusOr<std::unique_ptr<HttpPoller>> HttpPoller::Create(
    HttpPollerOptions options, HttpClient* client, Clock* clock) {
  if (options.url.rfind("http://", 0) != 0 &&
      options.url.rfind("https://", 0) != 0) {
    return absl::InvalidArgumentError("the URL must begin with https://");
  }
  if (options.page_size < 1 || options.max_pages < 1 || options.overlap < 0 ||
      options.jitter < 0 || options.jitter > 1 ||
      options.interval <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        "page size, pages and interval must be positive, jitter a share");
  }
  return std::unique_ptr<HttpPoller>(new HttpPoller(
      std::make_unique<Impl>(std::move(options), client, clock)));
}

HttpPoller::HttpPoller(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpPoller::~HttpPoller() = default;

absl::StatusOr<Page> HttpPoller::Fetch(const Cursor& cursor,
                                       absl::Time /*deadline*/) {
  return impl_->Fetch(cursor);
}

absl::Duration HttpPoller::pause() const { return impl_->pause(); }
void HttpPoller::Wake() { impl_->Wake(); }

}  // namespace keywatch
