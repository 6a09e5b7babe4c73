#ifndef DAEMON_INGEST_HTTP_LIST_H_
#define DAEMON_INGEST_HTTP_LIST_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "daemon/http/http_client.h"
#include "daemon/ingest/http_poller.h"

namespace keywatch {

// One page of a list of records, as an HTTP API gives it.
struct HttpListPage {
  struct Item {
    std::string id;
    std::string text;  // the record's own bytes
  };
  std::vector<Item> items;  // in the response's order
  bool has_more = false;
  std::string next_url;  // absolute; "" when there is none
};

// Reads a response as the options say. `url` is the one that was asked for,
// against which a relative next URL is resolved; one that leads to another
// host is refused, because the bearer would go there. DATA_LOSS for a body that
// is not the JSON it should be.
absl::StatusOr<HttpListPage> ParseHttpList(const HttpResponse& response,
                                           const HttpPollerOptions& options,
                                           absl::string_view url);

// The status of a response by its HTTP code; OK for 2xx.
absl::Status HttpStatusError(int code);

// `url` with `name=value` added to its query; both are percent-encoded.
std::string AddQuery(absl::string_view url, absl::string_view name,
                     absl::string_view value);

}  // namespace keywatch

#endif  // DAEMON_INGEST_HTTP_LIST_H_
