#include "daemon/app/enrichment.h"

#include <utility>

namespace keywatch {

absl::StatusOr<std::unique_ptr<Enricher>> NewEnricher(const Config& config) {
  std::unique_ptr<Enricher> enricher;
  const EnrichmentConfig& databases = config.enrichment;
  if (!databases.city_database.empty() || !databases.asn_database.empty()) {
    absl::StatusOr<std::unique_ptr<Enricher>> places =
        NewGeoEnricher(databases.city_database, databases.asn_database);
    if (!places.ok()) return places.status();
    enricher = *std::move(places);
  }
  if (!config.keys.empty()) {
    enricher = NewKeyEnricher(std::move(enricher), config.keys);
  }
  return enricher;
}

}  // namespace keywatch
