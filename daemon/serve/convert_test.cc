#include "daemon/serve/convert.h"

#include <string>

#include "daemon/core/time.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr EventTime kTime = 1785765600250;  // 2026-08-03T14:00:00.250Z

Alert FullAlert() {
  Alert alert;
  alert.id = AlertId("0123456789abcdef0123456789abcdef");
  alert.rule_id = RuleId("r-1");
  alert.rule_name = "key_probing";
  alert.title = "Key is probed";
  alert.level = Level::kCritical;
  alert.stage = Stage::kPage;
  alert.key = KeyId("mk_A");
  alert.group = {{"api.key.id", "mk_A"}, {"source.ip", "192.0.2.1"}};
  alert.fingerprint = "00ff";
  alert.first_fire_ms = kTime;
  alert.first_event_ms = kTime - 1000;
  alert.last_event_ms = kTime + 1000;
  alert.ended_ms = kTime + 2000;
  alert.count = 412;
  alert.late_events = 3;
  alert.explanation = "6 events in 15m, threshold >= 6";
  alert.description = "what";
  alert.playbook = "do";
  alert.tags = {"attack.t1552"};
  alert.evidence = {{"ev1", kTime, {{"url.path", "/v1/payouts"}}}};
  alert.notify = {"oncall"};
  alert.state = AlertState::kAcknowledged;
  alert.state_by = "alice";
  alert.state_at_ms = kTime + 5000;
  alert.note = "looking";
  alert.version = 7;
  return alert;
}

TEST(ConvertTest, EveryFieldOfAnAlertArrives) {
  v1::Alert out;
  ToProto(FullAlert(), AlertView::kFull, &out);
  // A field that was added to the message and forgotten here shows.
  const auto* type = out.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    const auto* reflection = out.GetReflection();
    EXPECT_TRUE(field->is_repeated() ? reflection->FieldSize(out, field) > 0
                                     : reflection->HasField(out, field))
        << field->name();
  }
  EXPECT_EQ(out.level(), v1::LEVEL_CRITICAL);
  EXPECT_EQ(out.group(1).value(), "192.0.2.1");
  EXPECT_EQ(out.first_fire_time().seconds(), 1785765600);
  EXPECT_EQ(out.first_fire_time().nanos(), 250'000'000);
  EXPECT_EQ(out.evidence(0).fields(0).name(), "url.path");
}

TEST(ConvertTest, SummaryLeavesTheEvidenceOut) {
  v1::Alert out;
  ToProto(FullAlert(), AlertView::kSummary, &out);
  EXPECT_EQ(out.evidence_size(), 0);
  EXPECT_EQ(out.count(), 412);
}

TEST(ConvertTest, TimesThatNeverWereAreUnset) {
  Alert alert = FullAlert();
  alert.ended_ms = 0;
  alert.state_at_ms = 0;
  v1::Alert out;
  ToProto(alert, AlertView::kFull, &out);
  EXPECT_FALSE(out.has_ended_time());
  EXPECT_FALSE(out.has_state_time());
  v1::Gap gap;
  ToProto(Gap{SourceId("s"), kMinEventTime, kTime, "down"}, &gap);
  EXPECT_FALSE(gap.has_from_time());
  EXPECT_TRUE(gap.has_to_time());
}

TEST(ConvertTest, BrokenUtf8NeverReachesTheWire) {
  Alert alert = FullAlert();
  alert.title = "a\xff";
  alert.evidence[0].fields[0].second = "\xc3(";
  v1::Alert out;
  ToProto(alert, AlertView::kFull, &out);
  v1::Alert parsed;
  EXPECT_TRUE(parsed.ParseFromString(out.SerializeAsString()));
  EXPECT_EQ(parsed.title(), "a\xef\xbf\xbd");
}

TEST(ConvertTest, TimesRoundTripBeforeAndAfterTheEpoch) {
  for (const EventTime time :
       {EventTime{-1}, EventTime{-1001}, kTime, EventTime{1}, EventTime{999}}) {
    google::protobuf::Timestamp out;
    ToProto(time, &out);
    EXPECT_GE(out.nanos(), 0);
    const auto back = FromProto(out);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, time);
  }
}

TEST(ConvertTest, TimesBeyondTheCalendarAreRefused) {
  google::protobuf::Timestamp time;
  time.set_seconds(253402300800);
  EXPECT_FALSE(FromProto(time).ok());
  time.set_seconds(0);
  time.set_nanos(-1);
  EXPECT_FALSE(FromProto(time).ok());
}

TEST(ConvertTest, EveryLevelRoundTrips) {
  for (const Level level : {Level::kInformational, Level::kLow, Level::kMedium,
                            Level::kHigh, Level::kCritical}) {
    EXPECT_EQ(*FromProto(ToProto(level)), level);
  }
  EXPECT_FALSE(FromProto(static_cast<v1::Level>(99)).ok());
}

TEST(ConvertTest, FilterKeepsEveryCondition) {
  v1::AlertFilter in;
  in.set_state(v1::ALERT_STATE_ACKNOWLEDGED);
  in.set_key_id("mk_A");
  in.set_rule_id("r-1");
  in.set_min_level(v1::LEVEL_HIGH);
  ToProto(kTime, in.mutable_since_time());
  const auto filter = FromProto(in);
  ASSERT_TRUE(filter.ok());
  EXPECT_TRUE(Matches(*filter, FullAlert()));

  const auto excludes = [&filter](void (*change)(Alert*)) {
    Alert alert = FullAlert();
    change(&alert);
    return !Matches(*filter, alert);
  };
  EXPECT_TRUE(excludes([](Alert* a) { a->state = AlertState::kOpen; }));
  EXPECT_TRUE(excludes([](Alert* a) { a->key = KeyId("mk_B"); }));
  EXPECT_TRUE(excludes([](Alert* a) { a->rule_id = RuleId("r-2"); }));
  EXPECT_TRUE(excludes([](Alert* a) { a->level = Level::kMedium; }));
  EXPECT_TRUE(excludes([](Alert* a) { a->first_fire_ms = kTime - 1; }));
}

TEST(ConvertTest, UnresolvedLeavesOutWhatIsResolved) {
  v1::AlertFilter in;
  in.set_unresolved_only(true);
  const auto filter = FromProto(in);
  ASSERT_TRUE(filter.ok());
  Alert alert = FullAlert();
  EXPECT_TRUE(Matches(*filter, alert));
  alert.state = AlertState::kResolved;
  EXPECT_FALSE(Matches(*filter, alert));
}

TEST(ConvertTest, UnknownStateIsRefused) {
  v1::AlertFilter in;
  in.set_state(static_cast<v1::AlertState>(42));
  EXPECT_FALSE(FromProto(in).ok());
}

TEST(ConvertTest, KeySummaryHasTotalsAndNoValues) {
  KeyProfile profile;
  profile.key = KeyId("mk_A");
  profile.requests = 9;
  profile.operations = {{"GET /b", 1, kTime, kTime},
                        {"GET /a", 8, kTime, kTime}};
  profile.operations_overflow = 4;
  v1::Key summary;
  ToProto(profile, KeyView::kSummary, &summary);
  EXPECT_EQ(summary.requests(), 9);
  EXPECT_FALSE(summary.has_operations());
  v1::Key full;
  ToProto(profile, KeyView::kFull, &full);
  ASSERT_EQ(full.operations().values_size(), 2);
  EXPECT_EQ(full.operations().values(0).value(), "GET /a");
  EXPECT_EQ(full.operations().overflow(), 4);
  EXPECT_FALSE(full.has_last_success_time());
}

TEST(ConvertTest, IssueCarriesTheTextThatPeopleRead) {
  Issue issue;
  issue.severity = Issue::Severity::kWarning;
  issue.code = "unknown-key";
  issue.where = {"a.yml", 3, 5, 2};
  issue.message = "unknown key";
  v1::Issue out;
  ToProto(issue, &out);
  EXPECT_EQ(out.severity(), v1::SEVERITY_WARNING);
  EXPECT_EQ(out.line(), 3);
  EXPECT_NE(out.text().find("a.yml:3:5: warning: unknown key"),
            std::string::npos);
}

}  // namespace
}  // namespace keywatch
