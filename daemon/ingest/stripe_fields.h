#ifndef DAEMON_INGEST_STRIPE_FIELDS_H_
#define DAEMON_INGEST_STRIPE_FIELDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"

namespace keywatch {

// What a request to Stripe asks for, as its URL and body show it. Pure
// functions; the log's own words come in, never a verification's values.

// The paths that a query or form asks to expand, in order, without repeats:
// `expand[]=a`, `expand[0]=a`, `expand%5B%5D=a` and `expand=a` are the same.
void AppendExpands(absl::string_view form, std::vector<std::string>* expands);

// The sensitive verification results that `expands` ask for, by the names of
// Stripe's access table ("verified_outputs.dob",
// "last_verification_report.document.number"), in order, without repeats.
// A list's `data.` in front makes no difference; in requests for reports
// (`path` tells) the names relative to a report count.
std::vector<std::string> SensitiveFields(
    absl::string_view path, const std::vector<std::string>& expands);

// A file link without expiry lives as long as its file.
constexpr int64_t kNeverExpires = 2147483647;

// For how many seconds the file link that a request creates or changes will
// work, counted from the request: 0 for `now`, kNeverExpires when a link is
// created without an expiry. nullopt for other requests, and when the
// parameters were not logged.
absl::optional<int64_t> FileLinkTtlSeconds(absl::string_view method,
                                           absl::string_view path,
                                           absl::string_view query,
                                           absl::string_view body,
                                           EventTime time);

// How many seconds before `time` the verification session or report that a
// request's `path` names was created, as its id tells: "vs_1NuNAILk...", a digit
// and five digits to the base 62 that count seconds. Stripe does not document
// that; its own examples and every id seen hold to it. A session is created
// before its verification is processed, a report when it is. nullopt for other
// paths, and for ids of another form.
absl::optional<int64_t> VerificationAgeSeconds(absl::string_view path,
                                               EventTime time);

// The permission that an error message says is missing: "product_write" of
// "... Having the 'rak_product_write' permission would allow ..."; "" when it
// names none.
absl::string_view PermissionIn(absl::string_view message);

}  // namespace keywatch

#endif  // DAEMON_INGEST_STRIPE_FIELDS_H_
