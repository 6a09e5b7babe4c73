#include <cmath>

#include "absl/strings/str_cat.h"
#include "daemon/engine/baseline_evaluator.h"
#include "daemon/engine/evaluators.h"
#include "daemon/engine/recent_set.h"

namespace keywatch {
namespace {

constexpr size_t kMaxPlaces = 256;
constexpr double kEarthRadiusKm = 6371;

struct Place {
  double latitude = 0;
  double longitude = 0;
};

// Great-circle distance (haversine).
double DistanceKm(const Place& a, const Place& b) {
  constexpr double kRadians = 3.14159265358979323846 / 180;
  const double dlat = (b.latitude - a.latitude) * kRadians;
  const double dlon = (b.longitude - a.longitude) * kRadians;
  const double h =
      std::pow(std::sin(dlat / 2), 2) + std::cos(a.latitude * kRadians) *
                                            std::cos(b.latitude * kRadians) *
                                            std::pow(std::sin(dlon / 2), 2);
  return 2 * kEarthRadiusKm * std::asin(std::sqrt(std::min(1.0, h)));
}

// Places are told apart by whole degrees: some 100 km.
uint64_t Cell(const Place& place) {
  const auto latitude = static_cast<int64_t>(std::floor(place.latitude)) + 90;
  const auto longitude =
      static_cast<int64_t>(std::floor(place.longitude)) + 180;
  return static_cast<uint64_t>(latitude * 1000 + longitude);
}

struct TravelState {
  static constexpr int kParts = 1;
  Learning learning;
  Place last;
  EventTime last_ms = 0;
  RecentSet places;

  void Reset() {
    learning.Reset();
    places.Reset();
  }
  size_t HeapBytes() const { return places.HeapBytes(); }
  void Encode(Encoder* out) const {
    learning.Encode(out);
    out->Double(last.latitude);
    out->Double(last.longitude);
    out->Signed(last_ms);
    places.Encode(out);
  }
  bool Decode(Decoder* in) {
    learning.Decode(in);
    last.latitude = in->Double();
    last.longitude = in->Double();
    last_ms = in->Signed();
    return places.Decode(in, kMaxPlaces);
  }
};

// travel: from the group's last place to this one in less time than anyone
// needs. With known-places an arrival at a place that the group is known from
// does not count; while an episode is open, every event from an unknown place
// counts for it and teaches nothing. The value fields are latitude and
// longitude.
class TravelEvaluator : public BaselineEvaluator<TravelState> {
 public:
  TravelEvaluator(EngineContext* context, uint32_t rule)
      : BaselineEvaluator(
            context, rule,
            context->rules().rule(rule).anomaly.baseline.forget_after_ms) {}

 protected:
  void OnInput(const Input& input, const GroupName& group) override {
    const Signal& signal = *input.signal;
    const EventTime now = signal.time_ms;
    const std::vector<FieldRef>& refs = rule().value_refs[input.input];
    Place here;
    if (!FieldNumber(refs[0], signal, &here.latitude) ||
        !FieldNumber(refs[1], signal, &here.longitude) ||
        std::fabs(here.latitude) > 90 || std::fabs(here.longitude) > 180) {
      return;
    }
    Record* record = GetLearning(group, now);
    if (!FirstOfEvent(record)) return;
    TravelState& state = record->state;
    state.places.DropBefore(now - baseline().history_ms);
    const bool ready = UpdateReady(record, now);
    const bool known = state.places.Contains(Cell(here));
    const bool unknown_counts = rule().anomaly.known_places && !known;
    bool counts = false;
    if (state.learning.events > 0 && ready &&
        !(rule().anomaly.known_places && known)) {
      const double distance = DistanceKm(state.last, here);
      // Events of one instant are a second apart: speeds stay finite.
      const double hours =
          static_cast<double>(std::max<int64_t>(1000, now - state.last_ms)) /
          3'600'000;
      if (distance >= rule().anomaly.floor_distance_km &&
          ConditionHolds(rule().condition, distance / hours)) {
        counts = true;
        if (record->episode == nullptr) {
          Fire(record, signal, here, distance, hours);
        } else {
          record->episode->hold_until_ms = now;
          Fold(record, signal);
        }
      }
    }
    if (!counts && record->episode != nullptr && unknown_counts) {
      counts = true;
      record->episode->hold_until_ms = now;
      Fold(record, signal);
    }
    if (!counts || known || !baseline().learn_from_unalerted_only) {
      state.places.See(Cell(here), now, kMaxPlaces);
    }
    ++state.learning.events;
    state.last = here;
    state.last_ms = now;
    Touch(record, now);
    Reschedule(record);
  }

 private:
  static std::string Show(const Place& place) {
    return absl::StrCat(FormatNumber(place.latitude), ",",
                        FormatNumber(place.longitude));
  }

  void Fire(Record* record, const Signal& signal, const Place& here,
            double distance, double hours) {
    const TravelState& state = record->state;
    Firing firing;
    firing.time_ms = signal.time_ms;
    firing.cause = &signal;
    firing.first_event_ms = signal.time_ms;
    firing.last_event_ms = signal.time_ms;
    firing.hold_until_ms = signal.time_ms;
    firing.count = 1;
    Start(record, firing, [&] {
      return absl::StrCat(
          FormatNumber(std::round(distance)), " km in ",
          FormatMillis(std::max<int64_t>(1000, signal.time_ms - state.last_ms)),
          " = ", FormatNumber(std::round(distance / hours)), " km/h (",
          FormatCondition(rule().condition), "; at least ",
          FormatNumber(rule().anomaly.floor_distance_km), " km): from ",
          Show(state.last), " at ", FormatTime(state.last_ms), " to ",
          Show(here));
    });
  }
};

}  // namespace

std::unique_ptr<Evaluator> NewTravelEvaluator(EngineContext* context,
                                              uint32_t rule) {
  return std::make_unique<TravelEvaluator>(context, rule);
}

}  // namespace keywatch
