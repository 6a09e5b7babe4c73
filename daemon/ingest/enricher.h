#ifndef DAEMON_INGEST_ENRICHER_H_
#define DAEMON_INGEST_ENRICHER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace keywatch {

// What is known of the network and place of an address. Text points into the
// enricher's memory.
struct NetworkPlace {
  int64_t as_number = 0;  // 0: unknown
  absl::string_view as_organization;
  absl::string_view country_iso_code;
  // Both or none.
  absl::optional<double> latitude;
  absl::optional<double> longitude;
};

// Enricher looks up the network and place of an address. Immutable and safe
// from any thread.
class Enricher {
 public:
  virtual ~Enricher() = default;
  // False when nothing is known of `ip` (IPv4 or IPv6 text), or it is no
  // address.
  virtual bool LookUp(absl::string_view ip, NetworkPlace* place) const = 0;
};

// An enricher over databases in MaxMind's format: a city or country database
// and an ASN database; either may be "". NOT_FOUND when a file is missing,
// INVALID_ARGUMENT when it is no such database.
absl::StatusOr<std::unique_ptr<Enricher>> NewGeoEnricher(
    const std::string& city_database, const std::string& asn_database);

}  // namespace keywatch

#endif  // DAEMON_INGEST_ENRICHER_H_
