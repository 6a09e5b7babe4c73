#include "daemon/respond/webhook_body.h"

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/respond/sample_alert.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

Notification SampleNotification() {
  Notification notification;
  notification.event = NotificationEvent::kOpen;
  notification.alert = SampleAlert();
  notification.idempotency_key = "key";
  notification.created = FromEventTime(kSampleTime + 2'000);
  notification.now = FromEventTime(kSampleTime + 9'000);
  return notification;
}

TEST(WebhookBodyTest, IsStable) {
  EXPECT_EQ(
      WebhookBody(SampleNotification()),
      R"({"type":"alert.opened","timestamp":"2026-08-03T14:00:02.000Z","data":{)"
      R"("id":"0123456789abcdef0123456789abcdef",)"
      R"("rule_id":"8d7d2a1c-0000-4000-8000-000000000001",)"
      R"("rule_name":"permission_probing","title":"Permission probing",)"
      R"("level":"high","stage":"page","state":"open","key_id":"mk_1Abc",)"
      R"("group":[{"field":"api.key.id","value":"mk_1Abc"}],)"
      R"("fingerprint":"fedcba9876543210","count":6,"late_events":1,)"
      R"("first_fire_time":"2026-08-03T14:00:00.000Z",)"
      R"("first_event_time":"2026-08-03T13:59:00.000Z",)"
      R"("last_event_time":"2026-08-03T14:00:01.500Z","ended_time":null,)"
      R"("explanation":"6 events in 15m, threshold >= 6",)"
      R"("description":"Many different endpoints answered 403.",)"
      R"("playbook":"Roll the key.",)"
      R"("tags":["attack.t1552","attack.discovery"],)"
      R"("evidence":[{"event_id":"req_1","time":"2026-08-03T13:59:00.000Z",)"
      R"("fields":[{"field":"url.path","value":"/v1/payouts"}]}],)"
      R"("state_by":"","state_time":null,"note":"","version":1}})");
}

TEST(WebhookBodyTest, NamesTheEvent) {
  Notification notification = SampleNotification();
  notification.event = NotificationEvent::kEscalate;
  EXPECT_EQ(WebhookBody(notification).find(R"({"type":"alert.escalated")"), 0u);
  notification.event = NotificationEvent::kResolve;
  EXPECT_EQ(WebhookBody(notification).find(R"({"type":"alert.resolved")"), 0u);
}

TEST(WebhookBodyTest, IsValidUtf8WhateverTheLogHeld) {
  Notification notification = SampleNotification();
  notification.alert.title = "\xff\xc3(";
  notification.alert.group = {{"user_agent.original", "a\x80\n\"b"}};
  notification.alert.note = std::string("nul\0l", 5);
  const std::string body = WebhookBody(notification);
  EXPECT_TRUE(IsValidUtf8(body));
  EXPECT_NE(body.find(R"("value":"a)"
                      "\xef\xbf\xbd"
                      R"(\n\"b")"),
            std::string::npos)
      << body;
}

}  // namespace
}  // namespace keywatch
