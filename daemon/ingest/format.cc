#include "daemon/ingest/format.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/ingest/format_decoder.h"
#include "daemon/ingest/format_spec.h"
#include "daemon/ingest/shipped_formats.h"

namespace keywatch {
namespace {

class YamlFormat : public Format {
 public:
  explicit YamlFormat(std::shared_ptr<const FormatSpec> spec)
      : spec_(std::move(spec)) {}

  const std::string& name() const override { return spec_->name; }
  const LogSourceSpec& logsource() const override { return spec_->logsource; }
  const Framing& framing() const override { return spec_->framing; }

  std::vector<std::string> field_names() const override {
    std::vector<std::string> names = {field::kTimestamp, field::kEventId};
    const auto add = [&names](std::initializer_list<const char*> more) {
      names.insert(names.end(), more.begin(), more.end());
    };
    if (!spec_->key_paths.empty()) add({field::kKeyId});
    for (const FormatSpec::Field& field : spec_->fields) {
      names.push_back(field.name);
    }
    for (const FormatSpec::Constant& c : spec_->constants) {
      names.push_back(c.name);
    }
    if (spec_->derive_url) add({field::kPath, field::kQuery});
    if (spec_->derive_operation) add({field::kOperation, "api.resource.id"});
    if (spec_->derive_outcome) add({field::kEventOutcome});
    if (spec_->derive_key_kind) add({field::kKeyKind, "api.key.livemode"});
    if (spec_->derive_permission) add({"error.permission"});
    if (spec_->derive_stripe) {
      add({"stripe.expand", field::kSensitiveFields,
           "stripe.file_link.ttl_seconds", "stripe.verification.age_seconds"});
    }
    names.insert(names.end(), DeclaredFieldNames().begin(),
                 DeclaredFieldNames().end());
    return names;
  }

  std::unique_ptr<RecordDecoder> Bind(std::shared_ptr<const RuleSet> rules,
                                      const Redactor* redactor,
                                      const DecodeLimits& limits,
                                      const FormatOverrides& overrides,
                                      const Enricher* enricher) const override {
    return std::make_unique<FormatDecoder>(spec_, std::move(rules), redactor,
                                           limits, overrides, enricher);
  }

 private:
  const std::shared_ptr<const FormatSpec> spec_;
};

}  // namespace

std::shared_ptr<const Format> Format::Load(const std::string& path,
                                           IssueList* issues) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || in.bad()) {
    Issue issue;
    issue.code = "unreadable";
    issue.where.file = path;
    issue.message =
        absl::StrCat("the format file cannot be read: ", std::strerror(errno));
    issue.hint = absl::StrCat("shipped formats are named without a path: ",
                              absl::StrJoin(ShippedNames(), ", "));
    issues->Add(std::move(issue));
    return nullptr;
  }
  return Parse(path, text.str(), issues);
}

std::shared_ptr<const Format> Format::Parse(const std::string& name,
                                            absl::string_view text,
                                            IssueList* issues) {
  absl::optional<FormatSpec> spec = ParseFormatSpec(name, text, issues);
  if (!spec.has_value()) return nullptr;
  return std::make_shared<YamlFormat>(
      std::make_shared<const FormatSpec>(*std::move(spec)));
}

std::shared_ptr<const Format> Format::Shipped(absl::string_view name) {
  for (size_t i = 0; i < kShippedFormatCount; ++i) {
    const ShippedFormat& format = kShippedFormats[i];
    if (name != format.name) continue;
    IssueList issues;
    return Parse(absl::StrCat(name, ".yaml"),
                 absl::string_view(format.text, format.size), &issues);
  }
  return nullptr;
}

std::vector<std::string> Format::ShippedNames() {
  std::vector<std::string> names;
  for (size_t i = 0; i < kShippedFormatCount; ++i) {
    names.emplace_back(kShippedFormats[i].name);
  }
  return names;
}

}  // namespace keywatch
