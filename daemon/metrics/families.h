#ifndef DAEMON_METRICS_FAMILIES_H_
#define DAEMON_METRICS_FAMILIES_H_

#include "daemon/metrics/catalogue.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace keywatch {

// Families of the catalogue's metrics, registered in `registry` and owned by
// it.

inline prometheus::Family<prometheus::Counter>* CounterFamily(
    prometheus::Registry* registry, const MetricSpec& spec) {
  return &prometheus::BuildCounter().Name(spec.name).Help(spec.help).Register(
      *registry);
}

inline prometheus::Family<prometheus::Gauge>* GaugeFamily(
    prometheus::Registry* registry, const MetricSpec& spec) {
  return &prometheus::BuildGauge().Name(spec.name).Help(spec.help).Register(
      *registry);
}

inline prometheus::Family<prometheus::Histogram>* HistogramFamily(
    prometheus::Registry* registry, const MetricSpec& spec) {
  return &prometheus::BuildHistogram().Name(spec.name).Help(spec.help).Register(
      *registry);
}

}  // namespace keywatch

#endif  // DAEMON_METRICS_FAMILIES_H_
