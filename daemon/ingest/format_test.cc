#include "daemon/ingest/format.h"

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/ingest/fake_rule_set.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Decodes texts of one format and shows what came of them.
class Bench {
 public:
  Bench(std::shared_ptr<const Format> format,
        const std::vector<std::string>& fields, FormatOverrides overrides = {},
        DecodeLimits limits = {})
      : format_(std::move(format)),
        rules_(std::make_shared<FakeRuleSet>(fields)),
        decoder_(format_->Bind(rules_, &redactor_, limits, overrides)) {}
  Bench(const char* shipped, const std::vector<std::string>& fields)
      : Bench(Format::Shipped(shipped), fields) {}

  // The events that `text` adds.
  size_t Decode(absl::string_view text) {
    auto page = std::make_shared<std::string>(text);
    page->append(64, 'x');
    batch_.Keep(page);
    Record record;
    record.bytes = absl::string_view(page->data(), text.size());
    record.begin = position_;
    record.end = position_ += static_cast<int64_t>(text.size()) + 1;
    first_ = batch_.size();
    rejects_.clear();
    decoder_->Decode(record, true, &batch_, &rejects_);
    return batch_.size() - first_;
  }
  // The one event of `text`.
  const Event& One(absl::string_view text) {
    const size_t n = Decode(text);
    EXPECT_EQ(n, 1u) << text << ": "
                     << (rejects_.empty() ? "" : rejects_[0].detail);
    static const Event none;
    return n == 1 ? batch_.at(first_) : none;
  }
  const Event& event(size_t i = 0) { return batch_.at(first_ + i); }
  // A field of an event as text; "<absent>", "<null>", "[a,b]" for lists.
  std::string Get(const Event& event, absl::string_view name) {
    const Slot slot = rules_->fields().Find(name);
    const Value& value = event.at(slot);
    switch (value.type()) {
      case Value::Type::kAbsent:
        return "<absent>";
      case Value::Type::kNull:
        return "<null>";
      case Value::Type::kList:
        return absl::StrCat("[", ValueText(value), "]");
      default:
        return ValueText(value);
    }
  }
  std::string Get(absl::string_view name) { return Get(event(), name); }
  Value::Type TypeOf(absl::string_view name) {
    return event().at(rules_->fields().Find(name)).type();
  }

  const std::vector<Reject>& rejects() const { return rejects_; }
  // The reason why `text` gives no event.
  std::string WhyNot(absl::string_view text) {
    EXPECT_EQ(Decode(text), 0u) << text;
    return rejects_.size() == 1 ? rejects_[0].reason
                                : absl::StrCat(rejects_.size(), " rejects");
  }
  const DecodeCounts& counts() const { return decoder_->counts(); }
  EventBatch& batch() { return batch_; }
  const Redactor& redactor() const { return redactor_; }

 private:
  const Redactor redactor_{Secret("pepper")};
  std::shared_ptr<const Format> format_;
  std::shared_ptr<FakeRuleSet> rules_;
  std::unique_ptr<RecordDecoder> decoder_;
  EventBatch batch_;
  size_t first_ = 0;
  int64_t position_ = 0;
  std::vector<Reject> rejects_;
};

std::shared_ptr<const Format> Plain() {
  IssueList issues;
  auto format = Format::Parse("plain.yaml",
                              "name: plain\n"
                              "time: t\n"
                              "id: id\n"
                              "key: k\n",
                              &issues);
  EXPECT_TRUE(issues.empty()) << FormatIssues(issues);
  return format;
}

// A record of the plain format with `rest` in it.
std::string With(absl::string_view rest) {
  return absl::StrCat(R"({"t":"2026-08-03T14:00:00Z","id":"e1",)", rest, "}");
}

// --- Values.

TEST(DecodeTest, NestedMapsAndDottedKeysReachTheSamePath) {
  Bench bench(Plain(), {"a.b.c", "a.b.d"});
  for (const char* text :
       {R"("a":{"b":{"c":1,"d":"x"}})", R"("a.b":{"c":1,"d":"x"})",
        R"("a":{"b.c":1,"b.d":"x"})", R"("a.b.c":1,"a.b.d":"x")",
        R"("a.b.c":1,"a":{"b":{"d":"x"}})",
        R"("\u0061.b.c":1,"a.b.\u0064":"x")"}) {
    bench.One(With(text));
    EXPECT_EQ(bench.Get("a.b.c"), "1") << text;
    EXPECT_EQ(bench.Get("a.b.d"), "x") << text;
  }
}

TEST(DecodeTest, EveryTypeOfValueKeepsItsType) {
  Bench bench(Plain(), {"s", "i", "d", "b", "n", "l", "m", "none"});
  bench.One(With(R"("s":"text","i":-7,"d":1.5,"b":true,"n":null,)"
                 R"("l":[1,"two",[3,[null]],{"x":4}],"m":{"x":[1,2]})"));
  EXPECT_EQ(bench.Get("s"), "text");
  EXPECT_EQ(bench.Get("i"), "-7");
  EXPECT_EQ(bench.TypeOf("i"), Value::Type::kInt);
  EXPECT_EQ(bench.Get("d"), "1.5");
  EXPECT_EQ(bench.TypeOf("d"), Value::Type::kDouble);
  EXPECT_EQ(bench.TypeOf("b"), Value::Type::kBool);
  EXPECT_EQ(bench.Get("n"), "<null>");
  // Nested lists are flattened, maps within lists left out.
  EXPECT_EQ(bench.Get("l"), "[1,two,3,]");
  // A map is its text.
  EXPECT_EQ(bench.Get("m"), R"({"x":[1,2]})");
  EXPECT_EQ(bench.Get("none"), "<absent>");
}

TEST(DecodeTest, ListsOfMapsGiveTheListOfWhatIsBelow) {
  Bench bench(Plain(), {"resources.ARN", "resources.tags.k", "resources"});
  bench.One(With(R"("resources":[{"ARN":"a","tags":[{"k":1},{"k":2}]},)"
                 R"({"other":0},{"ARN":"b","tags":{"k":3}}])"));
  EXPECT_EQ(bench.Get("resources.ARN"), "[a,b]");
  EXPECT_EQ(bench.Get("resources.tags.k"), "[1,2,3]");
  EXPECT_EQ(bench.Get("resources"), "[]");
  bench.One(With(R"("resources":[])"));
  EXPECT_EQ(bench.Get("resources"), "[]");
  EXPECT_EQ(bench.Get("resources.ARN"), "<absent>");
}

TEST(DecodeTest, TheLastOfEqualKeysCounts) {
  Bench bench(Plain(), {"a", "b.c"});
  bench.One(With(R"("a":1,"a":[2,3],"a":"4","b":{"c":1},"b.c":2)"));
  EXPECT_EQ(bench.Get("a"), "4");
  EXPECT_EQ(bench.Get("b.c"), "2");
  bench.One(With(R"("a":"4","a":[])"));
  EXPECT_EQ(bench.Get("a"), "[]");
}

TEST(DecodeTest, LayoutThatChangesFromRecordToRecordIsReadRight) {
  Bench bench(Plain(), {"a", "b", "c"});
  const std::vector<std::string> parts = {R"("a":1)", R"("b":2)", R"("c":3)",
                                          R"("x":{"a":9})", R"("y":[{"b":9}])"};
  std::vector<int> order = {0, 1, 2, 3, 4};
  do {
    for (size_t used = 1; used <= order.size(); ++used) {
      std::vector<std::string> some;
      std::string want[3] = {"<absent>", "<absent>", "<absent>"};
      for (size_t i = 0; i < used; ++i) {
        some.push_back(parts[order[i]]);
        if (order[i] < 3) want[order[i]] = absl::StrCat(order[i] + 1);
      }
      bench.One(With(absl::StrJoin(some, ",")));
      ASSERT_EQ(bench.Get("a"), want[0]) << absl::StrJoin(some, ",");
      ASSERT_EQ(bench.Get("b"), want[1]) << absl::StrJoin(some, ",");
      ASSERT_EQ(bench.Get("c"), want[2]) << absl::StrJoin(some, ",");
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(DecodeTest, NumbersBeyondTheirTypesAreKeptAsNearAsTheyGo) {
  Bench bench(Plain(), {"n"});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"0", "0"},
      {"-0", "0"},
      {"1e3", "1000"},
      {"1E-2", "0.01"},
      {"123456789012345678", "123456789012345678"},
      // As text: no number holds it.
      {"1e400", "1e400"},
      {"-1e400", "-1e400"},
      {"1e-400", "0"},
  };
  for (const auto& [number, text] : cases) {
    bench.One(With(absl::StrCat("\"n\":", number)));
    EXPECT_EQ(bench.Get("n"), text) << number;
  }
  for (const char* number :
       {"9223372036854775808", "-9223372036854775809", "18446744073709551616",
        "100000000000000000000000000000"}) {
    bench.One(With(absl::StrCat("\"n\":", number)));
    EXPECT_EQ(bench.TypeOf("n"), Value::Type::kDouble) << number;
  }
}

TEST(DecodeTest, EscapesOfStringsAreUndone) {
  Bench bench(Plain(), {"s"});
  bench.One(With(R"("s":"a\"\\\/\b\f\n\r\t\u00e9\u20ac\ud83d\ude00z")"));
  EXPECT_EQ(bench.Get("s"),
            "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
  // Halves of surrogate pairs alone.
  bench.One(With(R"("s":"\ud83d|\ude00|\ud83d\u0041|\ud83d")"));
  EXPECT_EQ(bench.Get("s"),
            "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd"
            "A|\xef\xbf\xbd");
  bench.One(With(R"("s":"a\u0000b")"));
  EXPECT_EQ(bench.Get("s"), std::string("a\0b", 3));
}

TEST(DecodeTest, EverySyntaxErrorIsAReject) {
  Bench bench(Plain(), {"a"});
  for (const char* rest :
       {R"("a")",          R"("a":)",           R"("a":1,)",
        R"("a" 1)",        R"("a":NaN)",        R"("a":Infinity)",
        R"("a":01)",       R"("a":1.)",         R"("a":.5)",
        R"("a":1e)",       R"("a":-)",          R"("a":+1)",
        R"("a":tru)",      R"("a":"x)",         R"("a":"\x41")",
        R"("a":"\u12g4")", R"("a":[1,])",       R"("a":[1 2])",
        R"("a":{,})",      R"("a":{"b"})",      R"("a":1}})",
        R"(a:1)",          R"('a':1)",          "\"a\":\"x\ny\"",
        "\"a\":\"tab\t\"", R"("z":{"y":[01]})", R"("z":"\q")"}) {
    EXPECT_EQ(bench.WhyNot(With(rest)), "malformed") << rest;
  }
  EXPECT_EQ(bench.WhyNot(With("\"a\":1") + "x"), "malformed");
  EXPECT_EQ(bench.WhyNot(absl::string_view("{\"a\":\0}", 7)), "malformed");
  EXPECT_EQ(bench.WhyNot("not json"), "malformed");
  EXPECT_EQ(bench.WhyNot("7"), "not-object");
  EXPECT_EQ(bench.WhyNot("\"text\""), "not-object");
}

TEST(DecodeTest, ARecordCutAnywhereIsRejectedAndNeverRead) {
  Bench bench(Plain(), {"a", "l"});
  const std::string text =
      With(R"("a":"x\u0041y","l":[1,{"q":null}],"z":-1.5e3)");
  bench.One(text);
  for (size_t size = 1; size < text.size(); ++size) {
    EXPECT_EQ(bench.WhyNot(text.substr(0, size)), "malformed") << size;
  }
}

TEST(DecodeTest, NestingHasALimit) {
  Bench bench(Plain(), {"a"});
  const auto nested = [](int depth) {
    return With(absl::StrCat("\"x\":", std::string(depth, '['),
                             std::string(depth, ']')));
  };
  bench.One(nested(63));
  EXPECT_EQ(bench.WhyNot(nested(64)), "too-deep");
  EXPECT_EQ(bench.WhyNot(nested(100000)), "too-deep");
  std::string maps = "\"x\":";
  for (int i = 0; i < 100; ++i) maps += "{\"a\":";
  EXPECT_EQ(bench.WhyNot(With(maps)), "too-deep");
}

TEST(DecodeTest, HugeListsAreCutAndCounted) {
  Bench bench(Plain(), {"l"});
  std::string list = "0";
  for (int i = 1; i < 3000; ++i) absl::StrAppend(&list, ",", i);
  bench.One(With(absl::StrCat("\"l\":[", list, "]")));
  EXPECT_EQ(bench.event().at(0).list_size(), 1024u);
  EXPECT_EQ(bench.counts().values_cut, 3000 - 1024);
}

TEST(DecodeTest, LongValuesAreCutBetweenCharacters) {
  Bench bench(Plain(), {"s"}, {}, [] {
    DecodeLimits limits;
    limits.max_value_bytes = 24;
    return limits;
  }());
  bench.One(With(R"("s":"123456789012345678901234")"));
  EXPECT_EQ(bench.counts().values_cut, 0);
  bench.One(With("\"s\":\"12345678901234567890123\xc3\xa9x\""));
  EXPECT_EQ(bench.Get("s"), "12345678901234567890123");
  EXPECT_EQ(bench.counts().values_cut, 1);
  bench.One(With(R"("s":"12345678901234567890123\u00e9x")"));
  EXPECT_EQ(bench.Get("s"), "12345678901234567890123");
  EXPECT_EQ(bench.counts().values_cut, 2);
}

TEST(DecodeTest, InvalidUtf8IsReplacedAndCountedAndTheEventStays) {
  Bench bench(Plain(), {"s"});
  bench.One(With("\"s\":\"a\xff\xc3(\xed\xa0\x80z\""));
  EXPECT_TRUE(IsValidUtf8(bench.Get("s")));
  EXPECT_TRUE(absl::StartsWith(bench.Get("s"), "a\xef\xbf\xbd"));
  EXPECT_EQ(bench.counts().invalid_utf8, 1);
  EXPECT_TRUE(IsValidUtf8(bench.event().raw));
  // Within a reject, too.
  bench.WhyNot("\xff\xfe broken");
  EXPECT_TRUE(IsValidUtf8(bench.rejects()[0].sample));
  EXPECT_TRUE(IsValidUtf8(bench.rejects()[0].detail));
}

TEST(DecodeTest, BlankLinesByteOrderMarksAndCarriageReturnsAreNoTrouble) {
  Bench bench(Plain(), {"a"});
  bench.One(absl::StrCat("\xef\xbb\xbf", With(R"("a":1)"), "\r"));
  EXPECT_EQ(bench.Get("a"), "1");
  for (const char* blank : {"", "\r", "   ", "\t"}) {
    EXPECT_EQ(bench.Decode(blank), 0u);
    EXPECT_THAT(bench.rejects(), IsEmpty());
  }
}

TEST(DecodeTest, OversizedRecordsKeepABoundedSampleWithoutSecrets) {
  Bench bench(Plain(), {"a"});
  const std::string big = With(absl::StrCat("\"a\":\"sk_live_51HxQ2vLkdIwHu7ix",
                                            std::string(10 << 20, 'x'), "\""));
  EXPECT_EQ(bench.WhyNot(big), "oversized");
  EXPECT_LE(bench.rejects()[0].sample.size(), 512u);
  EXPECT_THAT(bench.rejects()[0].sample, Not(HasSubstr("HxQ2vLkd")));
  EXPECT_THAT(bench.rejects()[0].sample, HasSubstr("sk_live:"));
}

TEST(DecodeTest, KeywordSearchSeesEveryString) {
  Bench bench(Plain(), {FieldTable::kAllStrings, "a"});
  bench.One(With(R"("a":"one","x":{"y":["two",3,{"z":"\u0066our"}]})"));
  EXPECT_EQ(bench.Get(FieldTable::kAllStrings),
            "[2026-08-03T14:00:00Z,e1,one,two,four]");
  EXPECT_EQ(bench.Get("a"), "one");
}

// --- Time, id, key.

TEST(DecodeTest, TimeIsReadInEveryUsualForm) {
  Bench bench(Plain(), {"a"});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"("2026-08-03T14:00:00.250Z")", "2026-08-03T14:00:00.250Z"},
      {R"("2026-08-03 16:00:00.250999+02:00")", "2026-08-03T14:00:00.250Z"},
      {"1790000000", "2026-09-21T14:13:20.000Z"},
      {"1790000000.123", "2026-09-21T14:13:20.123Z"},
      {"1790000000123", "2026-09-21T14:13:20.123Z"},
      {"1790000000123456", "2026-09-21T14:13:20.123Z"},
      {"1790000000123456789", "2026-09-21T14:13:20.123Z"},
      {R"("1790000000.123")", "2026-09-21T14:13:20.123Z"},
      {R"("17/May/2015:10:05:03 +0000")", "2015-05-17T10:05:03.000Z"},
      {R"("17/May/2015:10:05:03 -0530")", "2015-05-17T15:35:03.000Z"},
  };
  for (const auto& [text, want] : cases) {
    const Event& event = bench.One(absl::StrCat("{\"t\":", text, "}"));
    EXPECT_EQ(FormatTime(event.time_ms), want) << text;
  }
}

TEST(DecodeTest, RecordsWithoutAUsableTimeAreRejected) {
  Bench bench(Plain(), {"a"});
  EXPECT_EQ(bench.WhyNot(R"({"id":"x"})"), "no-time");
  EXPECT_EQ(bench.WhyNot(R"({"t":null})"), "no-time");
  EXPECT_EQ(bench.WhyNot(R"({"t":""})"), "no-time");
  for (const char* time : {R"("yesterday")", R"("2026-13-01T00:00:00Z")", "7",
                           "-1", "1e300", R"("1e400")", "true", "[1790000000]",
                           R"("1969-12-31T23:59:59Z")", R"("nan")", "1e400"}) {
    EXPECT_EQ(bench.WhyNot(absl::StrCat("{\"t\":", time, "}")), "bad-time")
        << time;
  }
}

TEST(DecodeTest, IdComesFromTheRecordOrElseFromItsText) {
  Bench bench(Plain(), {"event.id"});
  EXPECT_EQ(bench.One(With(R"("a":1)")).id, "e1");
  EXPECT_FALSE(bench.event().id_is_position);
  EXPECT_EQ(bench.Get("event.id"), "e1");
  EXPECT_EQ(bench.One(R"({"t":1790000000,"id":42})").id, "42");

  const std::string first(bench.One(R"({"t":1790000000,"a":1})").id);
  EXPECT_TRUE(bench.event().id_is_position);
  EXPECT_EQ(first.size(), 16u);
  EXPECT_EQ(bench.Get("event.id"), first);
  EXPECT_NE(bench.One(R"({"t":1790000000,"a":2})").id, first);
  // The same record has the same id wherever it is read again.
  EXPECT_EQ(bench.One(R"({"t":1790000000,"a":1})").id, first);

  const Event& hostile = bench.One(
      absl::StrCat(R"({"t":1790000000,"id":")", std::string(5000, 'i'), "\"}"));
  EXPECT_EQ(hostile.id.size(), 16u);
  EXPECT_FALSE(hostile.id_is_position);
}

TEST(DecodeTest, OverridesSayWhereTimeIdAndKeyAre) {
  FormatOverrides overrides;
  overrides.time_field = "when";
  overrides.id_field = "none";
  overrides.key_field = "user.name";
  Bench bench(Plain(), {"api.key.id"}, overrides);
  const Event& event = bench.One(
      R"({"t":"x","when":1790000000,"id":"e1","k":"no","user":{"name":"yes"}})");
  EXPECT_TRUE(event.id_is_position);
  EXPECT_EQ(bench.Get("api.key.id"), "yes");
}

TEST(DecodeTest, KeysAreNames) {
  Bench bench(Plain(), {"api.key.id", "k"});
  const auto key = [&](absl::string_view json) {
    bench.One(With(absl::StrCat("\"k\":", json)));
    return bench.Get("api.key.id");
  };
  EXPECT_EQ(key("\"mk_1\""), "mk_1");
  EXPECT_EQ(key("12345"), "12345");
  EXPECT_EQ(key("[\"mk_1\",\"mk_2\"]"), "mk_1");
  const std::string secret = "rk_live_51HxQ2vLkdIwHu7ixZWtGY6bTqW4ie";
  const std::string name = bench.redactor().Fingerprint(secret);
  EXPECT_EQ(key(absl::StrCat("\"", secret, "\"")), name);
  EXPECT_EQ(key(absl::StrCat("\"Bearer ", secret, "\"")), name);
  EXPECT_EQ(
      key("\"Basic cmtfbGl2ZV81MUh4UTJ2TGtkSXdIdTdpeFpXdEdZNmJUcVc0aWU6\""),
      name);
  // The raw field is a field as any other, without the secret.
  EXPECT_EQ(bench.Get("k"), absl::StrCat("Basic ", name));
}

TEST(DecodeTest, NoSecretPasses) {
  Bench bench(Plain(), {"a", "b", FieldTable::kAllStrings});
  bench.One(With(
      R"("a":"\u0073k_live_51HxQ2vLkdIwHu7ix","b":"x?key=rk_live_51HxQ2vLkdIwHu7ix",)"
      R"("sk_live_51HxQ2vLkdIwHu7ix":1)"));
  EXPECT_EQ(bench.counts().secrets, 3);
  EXPECT_THAT(bench.Get("a"),
              AllOf(HasSubstr("sk_live:"), Not(HasSubstr("HxQ2"))));
  EXPECT_THAT(bench.Get("b"),
              AllOf(HasSubstr("x?key=rk_live:"), Not(HasSubstr("HxQ2"))));
  EXPECT_THAT(std::string(bench.event().raw), Not(HasSubstr("HxQ2")));
  EXPECT_EQ(bench.WhyNot("{sk_live_51HxQ2vLkdIwHu7ix"), "malformed");
  EXPECT_THAT(bench.rejects()[0].sample, Not(HasSubstr("HxQ2")));
  EXPECT_EQ(bench.WhyNot(R"({"t":"sk_live_51HxQ2vLkdIwHu7ix"})"), "bad-time");
  EXPECT_THAT(bench.rejects()[0].detail, Not(HasSubstr("HxQ2")));
}

// --- Many records in one.

TEST(DecodeTest, ListsOfRecordsGiveAnEventEach) {
  Bench bench(Plain(), {"a"});
  EXPECT_EQ(bench.Decode(R"([{"t":1790000000,"a":1}, {"t":1790000001,"a":2}])"),
            2u);
  EXPECT_EQ(bench.Get(bench.event(0), "a"), "1");
  EXPECT_EQ(bench.Get(bench.event(1), "a"), "2");
  EXPECT_EQ(bench.event(1).raw, R"({"t":1790000001,"a":2})");
  EXPECT_NE(bench.event(0).id, bench.event(1).id);
  EXPECT_EQ(bench.Decode("[]"), 0u);
  EXPECT_THAT(bench.rejects(), IsEmpty());
}

TEST(DecodeTest, OneBadRecordOfAListLeavesTheOthers) {
  Bench bench(Plain(), {"a"});
  EXPECT_EQ(bench.Decode(
                R"([{"t":1790000000,"a":1},7,{"a":2},{"t":1790000000,"a":3}])"),
            2u);
  ASSERT_THAT(bench.rejects(), SizeIs(2));
  EXPECT_EQ(bench.rejects()[0].reason, "not-object");
  EXPECT_EQ(bench.rejects()[1].reason, "no-time");
  EXPECT_EQ(bench.Decode(R"([{"t":1790000000,"a":1},{"t":17900)"), 1u);
  ASSERT_THAT(bench.rejects(), SizeIs(1));
  EXPECT_EQ(bench.rejects()[0].reason, "malformed");
}

// --- Shipped formats.

TEST(ShippedFormatTest, EachIsReadWithoutAnIssue) {
  EXPECT_THAT(Format::ShippedNames(),
              ElementsAre("cloudtrail", "combined", "envoy_api", "envoy_json",
                          "json", "keywatch", "nginx_api", "nginx_json",
                          "stripe_activity", "stripe_cli"));
  for (const std::string& name : Format::ShippedNames()) {
    const auto format = Format::Shipped(name);
    ASSERT_NE(format, nullptr) << name;
    EXPECT_EQ(format->name(), name);
  }
  EXPECT_EQ(Format::Shipped("nothing"), nullptr);
}

TEST(ShippedFormatTest, KeywatchReadsTheFieldNamesOfTheEventModel) {
  Bench bench(
      "keywatch",
      {"api.key.id", "api.key.kind", "api.operation", "event.outcome",
       "http.response.status_code", "source.ip", "source.as.number", "url.path",
       "url.query", "stripe.expand", "stripe.sensitive_fields",
       "error.permission", "api.resource.id", "stripe.file_link.ttl_seconds"});
  const Event& event = bench.One(
      R"({"@timestamp":"2026-08-03T14:00:00Z","event":{"id":"req_1"},)"
      R"("api":{"key":{"id":"mk_1","kind":"restricted"}},)"
      R"("http":{"request":{"method":"GET"},"response":{"status_code":403}},)"
      R"("url":{"path":"/v1/identity/verification_sessions/vs_1PabcDEF",)"
      R"("query":"expand%5B%5D=verified_outputs.dob&expand[1]=last_verification_report"},)"
      R"("source":{"ip":"192.0.2.1","as":{"number":64496}},)"
      R"("error":{"message":"Having the 'rak_identity_product_read' permission would"}})");
  EXPECT_EQ(event.id, "req_1");
  EXPECT_EQ(bench.Get("api.key.id"), "mk_1");
  EXPECT_EQ(bench.Get("api.key.kind"), "restricted");
  EXPECT_EQ(bench.Get("api.operation"),
            "GET /v1/identity/verification_sessions/:id");
  EXPECT_EQ(bench.Get("api.resource.id"), "vs_1PabcDEF");
  EXPECT_EQ(bench.Get("event.outcome"), "failure");
  EXPECT_EQ(bench.Get("stripe.expand"),
            "[verified_outputs.dob,last_verification_report]");
  EXPECT_EQ(bench.Get("stripe.sensitive_fields"), "[verified_outputs.dob]");
  EXPECT_EQ(bench.Get("error.permission"), "identity_product_read");
  EXPECT_EQ(bench.Get("stripe.file_link.ttl_seconds"), "<absent>");
}

TEST(ShippedFormatTest, FieldsThatTheRecordHasAreNotDerived) {
  Bench bench("keywatch", {"api.operation", "event.outcome", "api.key.kind"});
  bench.One(
      R"({"@timestamp":"2026-08-03T14:00:00Z","api.key.id":"rk_live_x","api.key.kind":"mine",)"
      R"("api.operation":"own","event.outcome":"unknown","http.response.status_code":500,)"
      R"("http.request.method":"GET","url.path":"/v1/x"})");
  EXPECT_EQ(bench.Get("api.operation"), "own");
  EXPECT_EQ(bench.Get("event.outcome"), "unknown");
  EXPECT_EQ(bench.Get("api.key.kind"), "mine");
}

TEST(ShippedFormatTest, FileLinksTellHowLongTheyLive) {
  Bench bench("keywatch", {"stripe.file_link.ttl_seconds"});
  const auto ttl = [&](absl::string_view path, absl::string_view body) {
    bench.One(absl::StrCat(
        R"({"@timestamp":"2026-09-21T14:13:20Z","http.request.method":"POST","url.path":")",
        path, R"(","http.request.body":{)", body, "}}"));
    return bench.Get("stripe.file_link.ttl_seconds");
  };
  EXPECT_EQ(
      ttl("/v1/file_links", R"("content":"file=file_1&expires_at=1790000030")"),
      "30");
  EXPECT_EQ(
      ttl("/v1/file_links", R"("content":"file=file_1&expires_at=1790000000")"),
      "0");
  EXPECT_EQ(ttl("/v1/file_links", R"("content":"file=file_1&expires_at=5")"),
            "0");
  EXPECT_EQ(ttl("/v1/file_links", R"("content":"file=file_1")"), "2147483647");
  EXPECT_EQ(ttl("/v1/file_links", R"("file":"file_1","expires_at":1790000090)"),
            "90");
  EXPECT_EQ(ttl("/v1/file_links", R"("file":"file_1")"), "2147483647");
  EXPECT_EQ(ttl("/v1/file_links/link_1Pabc", R"("content":"expires_at=now")"),
            "0");
  EXPECT_EQ(ttl("/v1/file_links/link_1Pabc", R"("content":"metadata[a]=b")"),
            "<absent>");
  EXPECT_EQ(ttl("/v1/file_links", ""), "<absent>");
  EXPECT_EQ(ttl("/v1/files", R"("content":"file=file_1")"), "<absent>");
}

TEST(ShippedFormatTest, NginxJsonIsRead) {
  Bench bench("nginx_json",
              {"api.key.id", "api.key.kind", "api.operation", "source.ip",
               "http.response.status_code", "user_agent.original", "url.path",
               "url.query", "args", "http.response.body.bytes"});
  const Event& event = bench.One(
      R"({"time":"2026-08-03T14:00:00+00:00","msec":1785765600.250,)"
      R"("request_id":"0123456789abcdef0123456789abcdef","remote_addr":"10.0.0.1",)"
      R"("method":"GET","path":"/v1/charges/ch_3Pabc","args":"limit=3","status":200,)"
      R"("bytes":512,"request_time":0.12,"ua":"-",)"
      R"("key_id":"rk_live:4f1c09aa3be2d871:W4ie"})");
  EXPECT_EQ(FormatTime(event.time_ms), "2026-08-03T14:00:00.250Z");
  EXPECT_EQ(event.id, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(bench.Get("api.key.id"), "rk_live:4f1c09aa3be2d871:W4ie");
  EXPECT_EQ(bench.Get("api.key.kind"), "restricted");
  EXPECT_EQ(bench.Get("api.operation"), "GET /v1/charges/:id");
  EXPECT_EQ(bench.Get("user_agent.original"), "<absent>");
  EXPECT_EQ(bench.Get("url.query"), "limit=3");
  EXPECT_EQ(bench.Get("args"), "limit=3");
}

TEST(ShippedFormatTest, EnvoyJsonIsRead) {
  Bench bench("envoy_json",
              {"api.key.id", "api.operation", "source.ip", "url.query",
               "http.response.status_code", "error.code", "event.outcome"});
  bench.One(
      R"({"start_time":"2026-08-03T14:00:00.250Z","method":"POST",)"
      R"("path":"/v1/refunds?expand%5B%5D=charge","response_code":"401","duration":12,)"
      R"("request_id":"r1","downstream_remote_address":"10.0.0.1:43210","key_id":"mk_1"})");
  EXPECT_EQ(bench.Get("source.ip"), "10.0.0.1");
  EXPECT_EQ(bench.Get("url.query"), "expand%5B%5D=charge");
  EXPECT_EQ(bench.Get("http.response.status_code"), "401");
  EXPECT_EQ(bench.TypeOf("http.response.status_code"), Value::Type::kInt);
  EXPECT_EQ(bench.Get("api.operation"), "POST /v1/refunds");
  EXPECT_EQ(bench.Get("event.outcome"), "failure");
}

TEST(ShippedFormatTest, StripeCliIsRead) {
  Bench bench("stripe_cli",
              {"api.operation", "error.type", "error.message", "error.code",
               "http.response.status_code", "api.key.livemode", "url.path",
               "stripe.sensitive_fields", "event.outcome"});
  const Event& event = bench.One(
      R"({"livemode":false,"method":"GET","url":"/v1/identity/verification_sessions/vs_123?expand[0]=data.verified_outputs.id_number",)"
      R"("status":403,"request_id":"req_ThPfR1VDD4B7gp","created_at":1790000000,)"
      R"("error":{"type":"invalid_request_error","charge":"","code":"","message":"no"}})");
  EXPECT_EQ(event.id, "req_ThPfR1VDD4B7gp");
  EXPECT_EQ(bench.Get("api.operation"),
            "GET /v1/identity/verification_sessions/:id");
  EXPECT_EQ(bench.Get("error.type"), "invalid_request_error");
  EXPECT_EQ(bench.Get("api.key.livemode"), "false");
  EXPECT_EQ(bench.Get("stripe.sensitive_fields"),
            "[verified_outputs.id_number]");
  bench.One(
      R"({"method":"GET","url":"","status":200,"request_id":"req_2","created_at":1790000001,"error":null})");
  EXPECT_EQ(bench.Get("event.outcome"), "success");
  EXPECT_EQ(bench.Get("error.type"), "<absent>");
}

TEST(ShippedFormatTest, StripeActivityTellsWhatWasDoneToAKey) {
  Bench bench("stripe_activity",
              {"api.key.id", "event.action", "user.id", "http.request.id",
               "api.key.replaced_by", "organization.id", "api.operation"});
  const Event& event = bench.One(
      R"({"id":"accact_1S","object":"v2.iam.activity_log","created":"2026-09-20T12:00:00.000Z",)"
      R"("type":"api_key_updated","livemode":true,"context":"acct_123",)"
      R"("actor":{"type":"user","user":{"email":"ops@example.com"}},"request":{"id":"req_abc"},)"
      R"("details":{"type":"api_key","api_key":{"id":"mk_old","name":"identity-reader","new_key":"mk_new"}}})");
  EXPECT_EQ(event.id, "accact_1S");
  EXPECT_EQ(FormatTime(event.time_ms), "2026-09-20T12:00:00.000Z");
  EXPECT_EQ(bench.Get("api.key.id"), "mk_old");
  EXPECT_EQ(bench.Get("api.key.replaced_by"), "mk_new");
  EXPECT_EQ(bench.Get("event.action"), "api_key_updated");
  EXPECT_EQ(bench.Get("user.id"), "ops@example.com");
  EXPECT_EQ(bench.Get("organization.id"), "acct_123");
  // It is no request that was made with the key.
  EXPECT_EQ(bench.Get("api.operation"), "<absent>");
  EXPECT_EQ(Format::Shipped("stripe_activity")->logsource().category,
            "key_lifecycle");
}

// The rules for any API saw no log of nginx and Envoy: all their formats spoke
// of Stripe.
TEST(ShippedFormatTest, ProxiesOfAnyApiHaveFormatsOfTheirOwn) {
  for (const char* name : {"nginx_api", "envoy_api"}) {
    const auto format = Format::Shipped(name);
    const LogSourceSpec& source = format->logsource();
    EXPECT_EQ(source.category, "webserver") << name;
    EXPECT_EQ(source.product, "") << name;
  }
  Bench nginx("nginx_api", {"api.key.id", "api.operation", "source.ip",
                            "http.response.status_code"});
  nginx.One(
      R"({"msec":1790000000.5,"request_id":"r1","remote_addr":"192.0.2.1","method":"GET",)"
      R"("path":"/invoices/4711","args":"","status":200,"key_id":"k1"})");
  EXPECT_EQ(nginx.Get("api.key.id"), "k1");
  EXPECT_EQ(nginx.Get("api.operation"), "GET /invoices/:id");
  Bench envoy("envoy_api", {"api.key.id", "api.operation", "source.ip",
                            "http.response.status_code"});
  envoy.One(
      R"({"start_time":"2026-08-03T14:00:00Z","request_id":"r1","method":"GET","path":"/invoices/4711?x=1",)"
      R"("response_code":"403","downstream_remote_address":"192.0.2.1:4711","key_id":"k1"})");
  EXPECT_EQ(envoy.Get("api.operation"), "GET /invoices/:id");
  EXPECT_EQ(envoy.Get("source.ip"), "192.0.2.1");
  EXPECT_EQ(envoy.Get("http.response.status_code"), "403");
}

constexpr char kTrail[] =
    R"({"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accessKeyId":"AKIAEXAMPLE","userName":"ann"},)"
    R"("eventTime":"2026-07-10T11:42:18Z","eventSource":"s3.amazonaws.com","eventName":"GetObject",)"
    R"("sourceIPAddress":"192.0.2.1","userAgent":"x","requestParameters":{"bucketName":"b"},"responseElements":null,)"
    R"("errorCode":"AccessDenied","eventID":"875240ac","recipientAccountId":"123"})";

TEST(ShippedFormatTest, CloudTrailIsReadByLinesAndByRecordsLists) {
  Bench bench("cloudtrail",
              {"api.key.id", "api.operation", "event.action", "event.outcome",
               "userIdentity.accessKeyId", "requestParameters.bucketName",
               "eventName", "responseElements", "api.key.kind"});
  for (const std::string& text :
       {std::string(kTrail), absl::StrCat("{\"Records\":[", kTrail, "]}"),
        absl::StrCat("{ \"Records\" : [ ", kTrail, " ] , \"x\" : 1 }")}) {
    EXPECT_EQ(bench.One(text).id, "875240ac");
    EXPECT_EQ(bench.Get("api.key.id"), "AKIAEXAMPLE");
    EXPECT_EQ(bench.Get("userIdentity.accessKeyId"), "AKIAEXAMPLE");
    EXPECT_EQ(bench.Get("api.key.kind"), "access_key");
    EXPECT_EQ(bench.Get("api.operation"), "s3.amazonaws.com:GetObject");
    EXPECT_EQ(bench.Get("event.action"), "GetObject");
    EXPECT_EQ(bench.Get("eventName"), "GetObject");
    EXPECT_EQ(bench.Get("event.outcome"), "failure");
    EXPECT_EQ(bench.Get("requestParameters.bucketName"), "b");
    EXPECT_EQ(bench.Get("responseElements"), "<null>");
  }
  EXPECT_EQ(
      bench.Decode(absl::StrCat("{\"Records\":[", kTrail, ",", kTrail, "]}")),
      2u);
}

TEST(ShippedFormatTest, CombinedLinesAreRead) {
  Bench bench("combined",
              {"api.key.id", "source.ip", "http.request.method", "url.path",
               "url.query", "http.response.status_code", "user_agent.original",
               "http.request.referrer", "api.operation", "event.outcome",
               "http.response.body.bytes", "remote_user"});
  const Event& event = bench.One(
      R"(192.0.2.1 - mk_1 [17/May/2015:10:05:03 +0000] "GET /v1/x?a=b HTTP/1.1" 404 203 "-" "curl/8 \"x\"")");
  EXPECT_EQ(FormatTime(event.time_ms), "2015-05-17T10:05:03.000Z");
  EXPECT_EQ(bench.Get("api.key.id"), "mk_1");
  EXPECT_EQ(bench.Get("url.path"), "/v1/x");
  EXPECT_EQ(bench.Get("url.query"), "a=b");
  EXPECT_EQ(bench.Get("http.response.status_code"), "404");
  EXPECT_EQ(bench.Get("user_agent.original"), "curl/8 \"x\"");
  EXPECT_EQ(bench.Get("http.request.referrer"), "<absent>");
  EXPECT_EQ(bench.Get("event.outcome"), "failure");
  // The common format, a request line that is none, a user with a blank.
  bench.One(R"(::1 - a b [17/May/2015:10:05:03 +0000] "\x16\x03" 400 -)");
  EXPECT_EQ(bench.Get("api.key.id"), "a b");
  EXPECT_EQ(bench.Get("url.path"), "<absent>");
  EXPECT_EQ(bench.Get("http.response.body.bytes"), "<absent>");
  // An agent that the server cut off.
  bench.One(
      R"(1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "Moz (x)");
  EXPECT_EQ(bench.Get("user_agent.original"), "Moz (x");
  for (const char* text :
       {"x", "1 - - [", R"(1 - - [17/May/2015:10:05:03 +0000] "GET)",
        R"(1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1")",
        R"(1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 x y)"}) {
    EXPECT_EQ(bench.WhyNot(text), "malformed") << text;
  }
  EXPECT_EQ(bench.WhyNot(
                R"(1 - - [99/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1)"),
            "bad-time");
}

TEST(ShippedFormatTest, JsonFindsTimeIdAndKeyByTheirUsualNames) {
  Bench bench("json", {"api.key.id", "source.ip", "url.path", "path", "key_id",
                       "user_agent", "user_agent.original", "status",
                       "http.response.status_code"});
  const Event& event = bench.One(
      R"({"time":"2026-01-05T00:00:00.001Z","request_id":"req_a","account":"acct_1","key_id":"mk_1",)"
      R"("method":"GET","path":"/v1/charges","status":200,"source_ip":"10.0.0.1","user_agent":"sqlmap"})");
  EXPECT_EQ(event.id, "req_a");
  EXPECT_EQ(FormatTime(event.time_ms), "2026-01-05T00:00:00.001Z");
  EXPECT_EQ(bench.Get("api.key.id"), "mk_1");
  EXPECT_EQ(bench.Get("key_id"), "mk_1");
  EXPECT_EQ(bench.Get("user_agent"), "sqlmap");
  EXPECT_EQ(bench.Get("user_agent.original"), "sqlmap");
  EXPECT_EQ(bench.Get("status"), "200");
  EXPECT_EQ(bench.Get("http.response.status_code"), "200");
  EXPECT_EQ(bench.Get("url.path"), "/v1/charges");
  // A time that is none does not hide the one that is.
  bench.One(R"({"time":"soon","ts":1790000000})");
}

// A log of ECS lines was taken for JSON of any kind, and its map `url` for the
// path of the request.
TEST(ShippedFormatTest, JsonTakesTheRecordsOwnFieldFirst) {
  Bench bench("json", {"api.key.id", "url.path", "url.query", "api.operation",
                       "http.request.method", "url", "user_agent.original",
                       "source.ip"});
  bench.One(
      R"({"time":"2026-01-05T00:00:00Z","key":"other","method":"POST",)"
      R"("api":{"key":{"id":"mk_1"}},"http":{"request":{"method":"GET"}},)"
      R"("url":{"path":"/v1/payouts","query":"limit=10"},)"
      R"("user_agent":{"name":"curl"},"ip":{"v4":"10.0.0.1"}})");
  EXPECT_EQ(bench.Get("api.key.id"), "mk_1");
  EXPECT_EQ(bench.Get("url.path"), "/v1/payouts");
  EXPECT_EQ(bench.Get("url.query"), "limit=10");
  EXPECT_EQ(bench.Get("api.operation"), "GET /v1/payouts");
  // No field is made of a map, but a rule may look at one by its path.
  EXPECT_EQ(bench.Get("user_agent.original"), "<absent>");
  EXPECT_EQ(bench.Get("source.ip"), "<absent>");
  EXPECT_EQ(bench.Get("url"), R"({"path":"/v1/payouts","query":"limit=10"})");
}

TEST(SniffTest, TellsTheFormatByTheBeginning) {
  EXPECT_EQ(SniffFormat(kTrail), "cloudtrail");
  EXPECT_EQ(SniffFormat(absl::StrCat("\n {\"Records\":[\n", kTrail)),
            "cloudtrail");
  EXPECT_EQ(SniffFormat("{\"time\":1}"), "json");
  EXPECT_EQ(SniffFormat(R"({"@timestamp":"x","api":{"key":{"id":"mk_A"}}})"),
            "keywatch");
  EXPECT_EQ(SniffFormat("\n{\"api.key.id\":\"mk_A\",\"@timestamp\":1}\n{"),
            "keywatch");
  EXPECT_EQ(SniffFormat(R"({"@timestamp":1,"api":"x","key":"mk_A"})"), "json");
  EXPECT_EQ(SniffFormat("{\"@timestamp\":1,\n\"api.key.id\":\"mk_A\"}"),
            "json");
  EXPECT_EQ(SniffFormat(""), "json");
  EXPECT_EQ(SniffFormat("garbage"), "json");
  EXPECT_EQ(SniffFormat("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / "
                        "HTTP/1.1\" 200 1\n"),
            "combined");
}

// --- The language of format files.

TEST(FormatFileTest, EveryMistakeIsShownAtItsPlace) {
  IssueList issues;
  EXPECT_EQ(
      Format::Parse(
          "f.yaml",
          "name: f\n"
          "tiem: x\n"
          "logsource: {prodct: aws}\n"
          "framing: {kind: lines, records: R}\n"
          "fields: {url.path: a..b, x: {template: '{a'}, '@timestamp': t}\n"
          "derive: [urll]\n"
          "constants: {a: [1]}\n",
          &issues),
      nullptr);
  const std::string shown = FormatIssues(issues);
  for (const char* part :
       {"f.yaml:2:1", "f.yaml:3:13", "f.yaml:4:33",
        "\"a..b\" has an empty name", "braces must come in pairs",
        "use time:, id: and key:", "did you mean \"url\"", "a constant is"}) {
    EXPECT_THAT(shown, HasSubstr(part));
  }
}

TEST(FormatFileTest, ConstantsFillWhatTheRecordLacks) {
  IssueList issues;
  const auto format =
      Format::Parse("f.yaml",
                    "name: f\ntime: t\n"
                    "constants: {cloud.provider: aws, n: 5, b: true}\n",
                    &issues);
  ASSERT_NE(format, nullptr) << FormatIssues(issues);
  Bench bench(format, {"cloud.provider", "n", "b"});
  bench.One(R"({"t":1790000000,"n":7})");
  EXPECT_EQ(bench.Get("cloud.provider"), "aws");
  EXPECT_EQ(bench.Get("n"), "7");
  EXPECT_EQ(bench.Get("b"), "true");
}

TEST(FormatFileTest, AFileThatCannotBeReadIsAnIssue) {
  IssueList issues;
  EXPECT_EQ(Format::Load("/nonexistent/f.yaml", &issues), nullptr);
  EXPECT_THAT(FormatIssues(issues), HasSubstr("keywatch"));
}

}  // namespace
}  // namespace keywatch
