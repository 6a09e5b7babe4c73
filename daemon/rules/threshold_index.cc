#include "daemon/rules/threshold_index.h"

#include <algorithm>
#include <functional>

namespace keywatch {

void ThresholdIndex::Add(const Comparison& comparison, uint32_t id) {
  empty_ = false;
  const Threshold threshold = {comparison.number, id};
  switch (comparison.op) {
    case Comparison::Op::kGt:
      gt_.push_back(threshold);
      break;
    case Comparison::Op::kGte:
      gte_.push_back(threshold);
      break;
    case Comparison::Op::kLt:
      lt_.push_back(threshold);
      break;
    case Comparison::Op::kLte:
      lte_.push_back(threshold);
      break;
    case Comparison::Op::kEq:
    case Comparison::Op::kNeq:
      break;
  }
}

void ThresholdIndex::Build() {
  std::sort(gt_.begin(), gt_.end());
  std::sort(gte_.begin(), gte_.end());
  std::sort(lt_.begin(), lt_.end(), std::greater<Threshold>());
  std::sort(lte_.begin(), lte_.end(), std::greater<Threshold>());
}

}  // namespace keywatch
