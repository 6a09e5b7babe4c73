#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/config/section.h"

namespace keywatch {
namespace {

// A label name as Prometheus has them; `__` belongs to itself.
bool IsLabelName(absl::string_view name) {
  return !name.empty() && !absl::ascii_isdigit(name[0]) &&
         !absl::StartsWith(name, "__") &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

void ReadUrls(Section* section, NotifierConfig* notifier) {
  yaml::MapReader& reader = section->reader();
  const bool webhook = notifier->type == NotifierType::kWebhook;
  const char* key = webhook ? "url" : "urls";
  for (const yaml::Node* node : section->Scalars(key)) {
    section->CheckUrl(*node, reader.Has("bearer"));
    notifier->urls.push_back(node->text);
  }
  if (notifier->urls.empty()) {
    if (reader.Require(key) != nullptr) {
      reader.Error(key, "empty-value",
                   absl::StrCat("\"", key, "\" names no receiver"),
                   "http://127.0.0.1:9093");
    }
  } else if (webhook && notifier->urls.size() > 1) {
    reader.Error(key, "wrong-type", "a webhook has one URL",
                 "make a notifier of each");
  }
}

void ReadAlertmanager(Section* section, NotifierConfig* notifier) {
  yaml::MapReader& reader = section->reader();
  for (const auto& entry : section->Entries("labels")) {
    if (!IsLabelName(entry.first->text)) {
      reader.ErrorAt(
          *entry.first, "bad-label",
          absl::StrCat("\"", entry.first->text, "\" is no label name"),
          "letters, digits and _, as in Prometheus");
    } else if (!entry.second->is_scalar() || entry.second->text.empty()) {
      reader.ErrorAt(*entry.second, "bad-label", "a label's value is text",
                     "name: value");
    } else {
      notifier->labels.emplace_back(entry.first->text, entry.second->text);
    }
  }
  notifier->resend_interval =
      reader.Duration("resend_interval", notifier->resend_interval,
                      absl::Seconds(1), absl::Hours(1));
  notifier->console_url = reader.String("console_url");
  if (!notifier->console_url.empty()) {
    section->CheckUrl(*reader.Get("console_url"), false);
  }
}

void ReadWebhook(Section* section, NotifierConfig* notifier) {
  yaml::MapReader& reader = section->reader();
  const yaml::Node* secrets = reader.Get("secrets");
  if (secrets == nullptr) return;
  if (!secrets->is_list()) {
    reader.ErrorAt(*secrets, "wrong-type",
                   "\"secrets\" must be a list, the current one first",
                   "each element is {file: PATH} or {credential: NAME}");
    return;
  }
  for (const yaml::Node& secret : secrets->list) {
    const std::string path = section->SecretFile(
        secret, "notifiers[].secrets[]", Section::SecretForm::kWebhook);
    if (!path.empty()) notifier->secret_files.push_back(path);
  }
}

void ReadNotifier(Section* section, std::set<std::string>* names,
                  Config* config) {
  yaml::MapReader& reader = section->reader();
  NotifierConfig notifier;
  notifier.name = UniqueName(section, "name", names);
  const int type = reader.Choice("type", {"alertmanager", "webhook"}, -1);
  if (type < 0 && !reader.Has("type")) {
    reader.Error("type", "missing-key", "\"type\" is missing",
                 "known: alertmanager, webhook");
  }
  notifier.timeout = reader.Duration("timeout", notifier.timeout,
                                     absl::Milliseconds(100), absl::Minutes(5));
  notifier.bearer_file = section->SecretFile("bearer");
  notifier.headers = section->Headers("headers");
  if (type < 0) {
    section->FinishUnchecked();
  } else {
    notifier.type =
        type == 1 ? NotifierType::kWebhook : NotifierType::kAlertmanager;
    ReadUrls(section, &notifier);
    if (type == 0) ReadAlertmanager(section, &notifier);
    if (type == 1) ReadWebhook(section, &notifier);
    section->Finish();
  }
  config->notifiers.push_back(std::move(notifier));
}

void ReadOutbox(Section* root, ResponderConfig* outbox) {
  Section section = root->Child("outbox");
  yaml::MapReader& reader = section.reader();
  outbox->poll_interval =
      reader.Duration("poll_interval", outbox->poll_interval,
                      absl::Milliseconds(10), absl::Minutes(10));
  outbox->initial_backoff =
      reader.Duration("initial_backoff", outbox->initial_backoff,
                      absl::Milliseconds(10), absl::Hours(1));
  outbox->max_backoff =
      reader.Duration("max_backoff", outbox->max_backoff,
                      absl::Milliseconds(10), absl::Hours(24));
  if (outbox->max_backoff < outbox->initial_backoff) {
    reader.Error("max_backoff", "out-of-range",
                 "\"max_backoff\" is shorter than \"initial_backoff\"",
                 "the wait grows from the one to the other");
  }
  outbox->give_up_after =
      reader.Duration("give_up_after", outbox->give_up_after, absl::Minutes(1),
                      absl::Hours(24 * 365));
  outbox->min_attempts = static_cast<int>(
      reader.Int("min_attempts", outbox->min_attempts, 1, 1'000'000));
  section.Finish();
}

}  // namespace

void ReadNotifiers(Section* root, Config* config) {
  std::set<std::string> names;
  root->ForEach("notifiers", [&](Section* section) {
    ReadNotifier(section, &names, config);
  });
  Section alerts = root->Child("alerts");
  config->default_notify = NotifierNames(&alerts, "default_notify", *config);
  alerts.Finish();
  ReadOutbox(root, &config->outbox);
}

}  // namespace keywatch
