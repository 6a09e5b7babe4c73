#ifndef DAEMON_ENGINE_EVALUATORS_H_
#define DAEMON_ENGINE_EVALUATORS_H_

#include <cstdint>
#include <memory>

#include "daemon/engine/engine_context.h"
#include "daemon/engine/evaluator.h"

namespace keywatch {

// One function per kind of rule; what each means is said in its file. The rule
// must be one that EngineSupports accepts.

std::unique_ptr<Evaluator> NewDetectionEvaluator(EngineContext* context,
                                                 uint32_t rule);

// Sigma correlations.
std::unique_ptr<Evaluator> NewEventCountEvaluator(EngineContext* context,
                                                  uint32_t rule);
std::unique_ptr<Evaluator> NewValueCountEvaluator(EngineContext* context,
                                                  uint32_t rule);
// event_count, value_count and value_sum with conditions that are judged at
// the window's end (JudgedAtEnd).
std::unique_ptr<Evaluator> NewWindowEndEvaluator(EngineContext* context,
                                                 uint32_t rule);
std::unique_ptr<Evaluator> NewTemporalEvaluator(EngineContext* context,
                                                uint32_t rule);
// temporal with `not`.
std::unique_ptr<Evaluator> NewTemporalAbsenceEvaluator(EngineContext* context,
                                                       uint32_t rule);
std::unique_ptr<Evaluator> NewTemporalOrderedEvaluator(EngineContext* context,
                                                       uint32_t rule);
// value_sum, value_avg, value_percentile, value_median.
std::unique_ptr<Evaluator> NewValueStatisticEvaluator(EngineContext* context,
                                                      uint32_t rule);

// Anomalies.
std::unique_ptr<Evaluator> NewNewTermEvaluator(EngineContext* context,
                                               uint32_t rule);
std::unique_ptr<Evaluator> NewRareTermEvaluator(EngineContext* context,
                                                uint32_t rule);
std::unique_ptr<Evaluator> NewDormantEvaluator(EngineContext* context,
                                               uint32_t rule);
std::unique_ptr<Evaluator> NewAbsenceEvaluator(EngineContext* context,
                                               uint32_t rule);
std::unique_ptr<Evaluator> NewTravelEvaluator(EngineContext* context,
                                              uint32_t rule);
std::unique_ptr<Evaluator> NewRateEvaluator(EngineContext* context,
                                            uint32_t rule);
std::unique_ptr<Evaluator> NewRatioEvaluator(EngineContext* context,
                                             uint32_t rule);

}  // namespace keywatch

#endif  // DAEMON_ENGINE_EVALUATORS_H_
