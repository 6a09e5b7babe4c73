#ifndef DAEMON_RULES_THRESHOLD_INDEX_H_
#define DAEMON_RULES_THRESHOLD_INDEX_H_

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "daemon/rules/rule_set.h"

namespace keywatch {

// ThresholdIndex finds which of many comparisons a number satisfies, at a cost
// that grows with those that it does. Thread-compatible while filled, safe to
// read from any thread then.
class ThresholdIndex {
 public:
  // Whether the comparison has an order: equality has none.
  static bool Takes(const Comparison& comparison) {
    return comparison.op != Comparison::Op::kEq &&
           comparison.op != Comparison::Op::kNeq &&
           !std::isnan(comparison.number);
  }
  // One that it takes.
  void Add(const Comparison& comparison, uint32_t id);
  // After the last Add.
  void Build();
  bool empty() const { return empty_; }

  // Calls `emit(id)` for every comparison that `x` satisfies.
  template <typename F>
  void Find(double x, F emit) const {
    for (const Threshold& t : gt_) {
      if (!(x > t.first)) break;
      emit(t.second);
    }
    for (const Threshold& t : gte_) {
      if (!(x >= t.first)) break;
      emit(t.second);
    }
    for (const Threshold& t : lt_) {
      if (!(x < t.first)) break;
      emit(t.second);
    }
    for (const Threshold& t : lte_) {
      if (!(x <= t.first)) break;
      emit(t.second);
    }
  }

 private:
  using Threshold = std::pair<double, uint32_t>;

  // Each with the one first that is satisfied most easily.
  std::vector<Threshold> gt_;
  std::vector<Threshold> gte_;
  std::vector<Threshold> lt_;
  std::vector<Threshold> lte_;
  bool empty_ = true;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_THRESHOLD_INDEX_H_
