#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/level.h"
#include "daemon/core/time.h"
#include "daemon/rules/rule_document.h"
#include "re2/re2.h"

namespace keywatch {
namespace {

// Every key that a document may have at top level; anything else is a custom
// attribute.
const std::vector<std::string>& TopLevelKeys() {
  static const auto* const kKeys = new std::vector<std::string>{
      "title",       "id",        "name",           "taxonomy",    "status",
      "description", "license",   "author",         "references",  "date",
      "modified",    "logsource", "detection",      "correlation", "filter",
      "anomaly",     "fields",    "falsepositives", "level",       "tags",
      "scope",       "related",   "response",       "stage",       "tests",
      "playbook",    "expires",   "owner",          "max-groups"};
  return *kKeys;
}

class HeaderParser {
 public:
  explicit HeaderParser(RuleDocument* document)
      : document_(*document), reporter_(document->reporter) {}

  void Parse() {
    Rule& rule = document_.rule;
    rule.id = RuleId(Text("id"));
    rule.name = Text("name");
    rule.title = Text("title");
    rule.description = Text("description");
    rule.author = Text("author");
    rule.playbook = Text("playbook");
    rule.tags = Texts("tags");
    rule.references = Texts("references");
    rule.false_positives = Texts("falsepositives");
    document_.fields = Texts("fields");
    document_.owner = Text("owner");
    ParseLevelAndStatus();
    ParseLogSource();
    ParseResponse();
    ParseMaxGroups();
    ParseExpires();
    WarnOfNearMisses();
    LintIdentity();
    if (const yaml::Node* tests = document_.node->Find("tests")) {
      ParseTests(*tests, &document_);
    }
  }

 private:
  const yaml::Node* Find(absl::string_view key) const {
    return document_.node->Find(key);
  }

  std::string Text(absl::string_view key) {
    const yaml::Node* node = Find(key);
    if (node == nullptr || node->is_null()) return "";
    if (!node->is_scalar()) {
      reporter_.Error(*node, "bad-value",
                      absl::StrCat("`", key, "` is text, not ",
                                   yaml::KindName(node->kind)));
      return "";
    }
    return node->text;
  }

  std::vector<std::string> Texts(absl::string_view key) {
    std::vector<std::string> texts;
    const yaml::Node* node = Find(key);
    if (node == nullptr || node->is_null()) return texts;
    const auto add = [&](const yaml::Node& item) {
      if (!item.is_scalar()) {
        reporter_.Error(item, "bad-value",
                        absl::StrCat("`", key, "` is a list of texts, not ",
                                     yaml::KindName(item.kind)));
      } else if (!item.is_null()) {
        texts.push_back(item.text);
      }
    };
    if (node->is_list()) {
      for (const yaml::Node& item : node->list) add(item);
    } else {
      add(*node);
    }
    return texts;
  }

  void ParseLevelAndStatus() {
    const std::string level = Text("level");
    if (!level.empty()) {
      const absl::optional<Level> parsed = ParseLevel(level);
      if (parsed) {
        document_.rule.level = *parsed;
        document_.has_level = true;
      } else {
        reporter_.Error(*Find("level"), "bad-value",
                        absl::StrCat("\"", level, "\" is no level"),
                        SuggestionHint(level, {"informational", "low", "medium",
                                               "high", "critical"}));
      }
    }
    const std::string status = Text("status");
    document_.rule.status = status;
    static const auto* const kStatus = new std::vector<std::string>{
        "stable", "test", "experimental", "deprecated", "unsupported"};
    if (!status.empty() &&
        std::find(kStatus->begin(), kStatus->end(), status) == kStatus->end()) {
      reporter_.Warning(*Find("status"), "bad-status",
                        absl::StrCat("\"", status, "\" is no status of Sigma"),
                        SuggestionHint(status, *kStatus));
    }
    const std::string stage = Text("stage");
    if (stage.empty()) return;
    const absl::optional<Stage> parsed = ParseStage(stage);
    if (parsed) {
      document_.rule.stage = *parsed;
    } else {
      reporter_.Error(*Find("stage"), "bad-value",
                      absl::StrCat("\"", stage, "\" is no stage"),
                      SuggestionHint(stage, {"shadow", "notify", "page"}));
    }
  }

  void ParseLogSource() {
    const yaml::Node* node = Find("logsource");
    if (node == nullptr || node->is_null()) return;
    if (!node->is_map()) {
      reporter_.Error(*node, "bad-value",
                      absl::StrCat("`logsource` is a map, not ",
                                   yaml::KindName(node->kind)));
      return;
    }
    for (const auto& entry : node->map) {
      const std::string& key = entry.first.text;
      std::string* target = key == "product"    ? &document_.logsource.product
                            : key == "category" ? &document_.logsource.category
                            : key == "service"  ? &document_.logsource.service
                                                : nullptr;
      if (target == nullptr) {
        const std::string nearest =
            NearestWord(key, {"product", "category", "service", "definition"});
        if (!nearest.empty() && key != "definition") {
          reporter_.Warning(entry.first, "near-miss",
                            absl::StrCat("`", key, "` selects no log source"),
                            absl::StrCat("did you mean \"", nearest, "\"?"));
        }
        continue;
      }
      if (entry.second.is_null()) continue;
      if (!entry.second.is_scalar()) {
        reporter_.Error(entry.second, "bad-value",
                        absl::StrCat("`", key, "` is text, not ",
                                     yaml::KindName(entry.second.kind)));
        continue;
      }
      *target = entry.second.text;
    }
  }

  void ParseResponse() {
    const yaml::Node* node = Find("response");
    if (node == nullptr) return;
    Response& response = document_.rule.response;
    yaml::MapReader reader(reporter_.file(), node, reporter_.issues());
    response.notify_set = reader.Has("notify");
    response.notify = reader.Strings("notify");
    if (const yaml::Node* roll = reader.Get("roll")) {
      yaml::MapReader roll_reader(reporter_.file(), roll, reporter_.issues());
      response.roll = static_cast<Response::RollMode>(roll_reader.Choice(
          "mode", {"never", "propose", "approve", "auto"}, 0));
      if (response.roll > Response::RollMode::kPropose) {
        roll_reader.Warning("mode", "unsupported",
                            "Keywatch rolls no key by itself: the alert "
                            "proposes the roll, and a person starts it",
                            "mode: propose");
        response.roll = Response::RollMode::kPropose;
      }
      response.approvals =
          static_cast<int>(roll_reader.Int("approvals", 1, 1, 10));
      response.roll_expire = roll_reader.String("expire", "now");
      if (response.roll_expire != "now" &&
          !ParseDuration(response.roll_expire).ok()) {
        roll_reader.Error("expire", "bad-value",
                          "`expire` is `now` or a duration like 12h");
      }
      roll_reader.Finish();
    }
    reader.Finish();
  }

  void ParseMaxGroups() {
    const yaml::Node* node = Find("max-groups");
    if (node == nullptr) return;
    if (node->kind != yaml::Node::Kind::kInt || node->integer < 1 ||
        node->integer > 100'000'000) {
      reporter_.Error(*node, "bad-value",
                      "`max-groups` is a number from 1 to 100,000,000");
      return;
    }
    document_.rule.max_groups = static_cast<uint32_t>(node->integer);
  }

  void ParseExpires() {
    // Of filters; to other rules it is a custom attribute.
    if (Find("filter") == nullptr) return;
    const std::string text = Text("expires");
    if (text.empty()) return;
    absl::StatusOr<EventTime> time = ParseTime(text);
    // A date alone is the moment when its day begins.
    if (!time.ok()) time = ParseTime(absl::StrCat(text, "T00:00:00Z"));
    if (!time.ok()) {
      reporter_.Error(
          *Find("expires"), "bad-value",
          absl::StrCat("\"", text, "\" is no date like 2026-12-31"));
      return;
    }
    document_.expires_ms = *time;
  }

  // Anomalies are nobody else's.
  void LintIdentity() {
    if (document_.kind == RuleDocument::Kind::kUnknown ||
        document_.kind == RuleDocument::Kind::kAnomaly) {
      return;
    }
    static const auto* const kUuid =
        new re2::RE2("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
    const yaml::Node* id = Find("id");
    if (id != nullptr && !id->text.empty() &&
        !re2::RE2::FullMatch(id->text, *kUuid)) {
      reporter_.Lint(*id, "portability",
                     "other Sigma tools take nothing but a UUID here",
                     "a name to refer to goes under `name`");
    }
  }

  // `lvel: high` would silently be a custom attribute.
  void WarnOfNearMisses() {
    // What is no rule at all has been told so already.
    if (document_.kind == RuleDocument::Kind::kUnknown) return;
    for (const auto& entry : document_.node->map) {
      const std::string& key = entry.first.text;
      const auto& known = TopLevelKeys();
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      const std::string nearest = NearestWord(key, known);
      if (nearest.empty() || document_.node->Find(nearest) != nullptr) {
        continue;
      }
      reporter_.Warning(
          entry.first, "near-miss",
          absl::StrCat("`", key, "` is a custom attribute without effect"),
          absl::StrCat("did you mean \"", nearest, "\"?"));
    }
  }

  RuleDocument& document_;
  Reporter& reporter_;
};

}  // namespace

void ParseHeader(RuleDocument* document) { HeaderParser(document).Parse(); }

}  // namespace keywatch
