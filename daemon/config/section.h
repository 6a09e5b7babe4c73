#ifndef DAEMON_CONFIG_SECTION_H_
#define DAEMON_CONFIG_SECTION_H_

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/config/config.h"
#include "daemon/config/loader.h"
#include "daemon/yaml/document.h"

namespace keywatch {

// What all sections of one configuration share while it is read.
struct LoadContext {
  const yaml::File& file;
  const ConfigOptions& options;
  std::string directory;  // what relative paths count from
  IssueList* issues;
  std::set<std::string>* keys;  // dotted paths that were asked for
};

// Section reads one map of the configuration: a MapReader that knows where it
// stands ("sources[]"), resolves paths and checks the files behind them.
class Section {
 public:
  // `path` is "" for the document.
  Section(LoadContext* context, const yaml::Node* node, std::string path);

  yaml::MapReader& reader() { return reader_; }
  LoadContext& context() { return *context_; }

  // The map at `key`.
  Section Child(absl::string_view key);
  // Calls `read` for each map of the list at `key`.
  void ForEach(absl::string_view key,
               const std::function<void(Section*)>& read);
  // The map at `key` as pairs of name and value, in order.
  std::vector<std::pair<const yaml::Node*, const yaml::Node*>> Entries(
      absl::string_view key);
  // The scalars of the list at `key` (or the one scalar there), as nodes.
  std::vector<const yaml::Node*> Scalars(absl::string_view key);

  // Absolute, or relative to the working directory. "" with an issue when it
  // is empty or wants something expanded.
  std::string Resolve(const yaml::Node& node);
  // The path at `key`; "" when it is absent. kAny need not exist.
  enum class Kind { kAny, kFile, kFileOrDirectory };
  std::string Path(absl::string_view key, Kind kind,
                   absl::string_view fallback = "");
  // An issue when nothing is there, or not what it should be.
  void CheckPath(const yaml::Node& node, const std::string& path, Kind kind);

  // The secret at `key`: {file: PATH} or {credential: NAME}. Gives the path
  // that it is read from; "" when absent. The file must be there, closed to
  // everybody but its owner and group, and hold what `form` says.
  enum class SecretForm {
    kAny,      // a file of its own kind; not empty
    kLine,     // one line of text
    kWebhook,  // one line: whsec_ and base64
  };
  std::string SecretFile(absl::string_view key,
                         SecretForm form = SecretForm::kLine);
  std::string SecretFile(const yaml::Node& node, const std::string& path,
                         SecretForm form);

  // Header fields: name to value.
  std::vector<std::pair<std::string, std::string>> Headers(
      absl::string_view key);
  // An http or https URL with a host. With `carries_secret` plain http is
  // refused unless it stays on this machine.
  void CheckUrl(const yaml::Node& node, bool carries_secret);

  // An error at `node` from a status whose message is "what is wrong; what to
  // do".
  void StatusError(const yaml::Node& node, std::string code,
                   const absl::Status& status);
  // An error that does not show the line: what stands in it must not reach a
  // log.
  void HiddenError(const yaml::Node& node, std::string code,
                   std::string message, std::string hint);

  // Records the keys and reports the unknown ones.
  void Finish();
  // Records the keys only: after a mistake that makes all of them doubtful.
  void FinishUnchecked();

 private:
  void CheckSecret(const yaml::Node& named, const std::string& path,
                   SecretForm form);
  std::string KeyPath(absl::string_view key) const;

  LoadContext* const context_;
  const std::string path_;
  yaml::MapReader reader_;
};

// The sections, each in a file of its own.
void ReadListeners(Section* root, Config* config);
void ReadSources(Section* root, Config* config);
void ReadNotifiers(Section* root, Config* config);
void ReadRolls(Section* root, Config* config);
void ReadKeys(Section* root, Config* config);

// Whether `name` is made of a-z, 0-9, `_` and `-`, at most 64 of them: what
// sources, notifiers and providers are named.
bool IsPlainName(absl::string_view name);
// The name at `key`: present, plain and not yet in `taken`, which it joins.
std::string UniqueName(Section* section, absl::string_view key,
                       std::set<std::string>* taken);
// Names at `key` that must be notifiers of `config`.
std::vector<std::string> NotifierNames(Section* section, absl::string_view key,
                                       const Config& config);

}  // namespace keywatch

#endif  // DAEMON_CONFIG_SECTION_H_
