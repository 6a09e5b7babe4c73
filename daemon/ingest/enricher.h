#ifndef DAEMON_INGEST_ENRICHER_H_
#define DAEMON_INGEST_ENRICHER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/config/declared_key.h"

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

// Enricher knows what records do not say: the network and place of an address,
// and what the owner of a key declared of it. Immutable and safe from any
// thread.
class Enricher {
 public:
  virtual ~Enricher() = default;
  // False when nothing is known of `ip` (IPv4 or IPv6 text), or it is no
  // address.
  virtual bool LookUp(absl::string_view ip, NetworkPlace* place) const = 0;
  // What was declared of the key that a log names `key`, by its id or another
  // of its names; null when nothing was.
  virtual const DeclaredKey* Declared(absl::string_view /*key*/) const {
    return nullptr;
  }
  // Whether anything was declared of any key.
  virtual bool declares_keys() const { return false; }
};

// An enricher over databases in MaxMind's format: a city or country database
// and an ASN database; either may be "". NOT_FOUND when a file is missing,
// INVALID_ARGUMENT when it is no such database.
absl::StatusOr<std::unique_ptr<Enricher>> NewGeoEnricher(
    const std::string& city_database, const std::string& asn_database);

// `places` (may be null: none are known) and what is declared of keys. Of two
// declarations of one name the first counts.
std::unique_ptr<Enricher> NewKeyEnricher(std::unique_ptr<Enricher> places,
                                         std::vector<DeclaredKey> keys);

}  // namespace keywatch

#endif  // DAEMON_INGEST_ENRICHER_H_
