#ifndef DAEMON_APP_ENRICHMENT_H_
#define DAEMON_APP_ENRICHMENT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/config/config.h"
#include "daemon/ingest/enricher.h"

namespace keywatch {

// What the configuration knows beside the logs: databases of networks and
// places, and what is declared of keys. Null when it knows nothing; the
// database's own error when one cannot be opened.
absl::StatusOr<std::unique_ptr<Enricher>> NewEnricher(const Config& config);

}  // namespace keywatch

#endif  // DAEMON_APP_ENRICHMENT_H_
