#ifndef DAEMON_INGEST_HTTP_POLLER_H_
#define DAEMON_INGEST_HTTP_POLLER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/core/clock.h"
#include "daemon/http/http_client.h"
#include "daemon/ingest/log_source.h"

namespace keywatch {

struct HttpPollerOptions {
  // The list's URL, without the paging parameters.
  std::string url;
  // A file whose first line is sent as bearer; read again when it changes.
  // Empty sends none.
  std::string bearer_file;
  std::vector<std::pair<std::string, std::string>> headers;

  // The list of records in the response, as a dotted path; "" when the response
  // is the list.
  std::string records_path = "data";
  // Dotted path of a record's id in the record.
  std::string id_path = "id";
  // Parameter and number of records per page; "" sends none.
  std::string page_size_parameter = "limit";
  int page_size = 100;

  // How the next page is asked for.
  enum class Paging {
    // By the id of the last record that was seen: `after_parameter` pages on in
    // the direction of the list (towards older records in a newest-first list,
    // towards newer ones in an oldest-first list); `before_parameter` asks for
    // records newer than an id and is used in newest-first lists.
    kLastId,
    // By a URL in the body (`next_url_path`) or in the header `Link`.
    kNextUrl,
  };
  Paging paging = Paging::kLastId;
  std::string after_parameter = "starting_after";
  std::string before_parameter = "ending_before";
  std::string next_url_path = "next_page_url";
  // Dotted path of a boolean that says that there is another page; when the
  // response has none, a full page means more.
  std::string has_more_path = "has_more";
  enum class Order { kNewestFirst, kOldestFirst };
  Order order = Order::kNewestFirst;

  // How many of the newest records already seen are asked for again, because
  // lists show records late; the pipeline drops what it has seen.
  int overlap = 20;
  // Pages asked for in one round at most; a round that ends so is a gap in a
  // newest-first list, whose older part is not reached any more.
  int max_pages = 100;

  absl::Duration interval = absl::Seconds(10);
  // Share of the interval by which it varies at random, so that many pollers
  // do not march in step.
  double jitter = 0.1;
  absl::Duration backoff_max = absl::Minutes(5);
  absl::Duration timeout = absl::Seconds(30);
  int64_t max_response_bytes = 16 << 20;
  int64_t max_record_bytes = 1 << 20;
  // Where to begin without a cursor: at the newest record, or at the oldest
  // that the list still has.
  enum class Start { kBeginning, kEnd };
  Start start = Start::kEnd;
};

// HttpPoller polls a list of records over HTTP: Stripe's v1 lists (last id),
// v2 lists (next URL) and what is like them. The stream's position counts
// records; its attributes hold the ids that the next round needs, so that a
// restart goes on where the last one stood.
//
// A round that fails gives nothing and moves nothing. pause() is the interval,
// or after failures an exponential backoff with jitter, and never less than
// the peer's `Retry-After`. Thread-compatible.
class HttpPoller : public LogSource {
 public:
  // INVALID_ARGUMENT for options that make no sense. `client` and `clock` must
  // outlive the poller.
  static absl::StatusOr<std::unique_ptr<HttpPoller>> Create(
      HttpPollerOptions options, HttpClient* client, Clock* clock);
  ~HttpPoller() override;

  // One request, which Wake breaks off (CANCELLED). UNAUTHENTICATED for 401, PERMISSION_DENIED for 403, NOT_FOUND
  // for 404 and 410, RESOURCE_EXHAUSTED for 429, UNAVAILABLE for 5xx, DATA_LOSS
  // for a body that is not the JSON it should be, and the client's errors.
  absl::StatusOr<Page> Fetch(const Cursor& cursor,
                             absl::Time deadline) override;
  bool rereadable() const override { return false; }
  absl::Duration pause() const override;
  void Wake() override;

 private:
  class Impl;
  explicit HttpPoller(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_HTTP_POLLER_H_
