// Section's part that looks at files.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "daemon/config/section.h"
#include "daemon/core/secret.h"

namespace keywatch {
namespace {

using Files = ConfigOptions::Files;

constexpr size_t kMaxSecretBytes = 64 * 1024;
// As Standard Webhooks says.
constexpr size_t kMinWebhookBytes = 24;
constexpr size_t kMaxWebhookBytes = 64;

// Whether `error` may only mean that this user is not the daemon's.
bool MayBeHidden(int error, Files files) {
  return files == Files::kRequireVisible && (error == EACCES || error == EPERM);
}

void Report(yaml::MapReader* reader, const yaml::Node& node, bool warning,
            std::string code, std::string message, std::string hint) {
  if (warning) {
    reader->WarningAt(node, std::move(code), std::move(message),
                      std::move(hint));
  } else {
    reader->ErrorAt(node, std::move(code), std::move(message), std::move(hint));
  }
}

// What is wrong with the text of a secret's file, and what to do; "" nothing.
std::pair<std::string, std::string> WrongWith(absl::string_view text,
                                              Section::SecretForm form) {
  if (text.size() > kMaxSecretBytes) {
    return {"is too large for a secret", "64 KiB at most"};
  }
  absl::string_view line = absl::StripAsciiWhitespace(text);
  if (line.empty() || std::any_of(line.begin(), line.end(), [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
      })) {
    return {"holds no secret", "one line of text"};
  }
  if (form != Section::SecretForm::kWebhook) return {};
  std::string bytes;
  const bool good = absl::ConsumePrefix(&line, "whsec_") &&
                    absl::Base64Unescape(line, &bytes) &&
                    bytes.size() >= kMinWebhookBytes &&
                    bytes.size() <= kMaxWebhookBytes;
  const Secret decoded(std::move(bytes));
  if (good) return {};
  return {"holds no webhook secret",
          "whsec_ and 24 to 64 bytes in base64: echo whsec_$(openssl rand "
          "-base64 32)"};
}

}  // namespace

std::string Section::Resolve(const yaml::Node& node) {
  const std::string& path = node.text;
  if (path.empty() || path.find('\0') != std::string::npos) {
    reader_.ErrorAt(node, "bad-path", "the path is empty",
                    "remove it, or write one");
    return "";
  }
  if (path[0] == '~') {
    reader_.ErrorAt(node, "bad-path", "~ is not expanded in paths",
                    "write the directory in full");
    return "";
  }
  if (path[0] == '$' || absl::StrContains(path, "${")) {
    reader_.ErrorAt(node, "bad-path", "variables are not expanded in paths",
                    "write the directory in full");
    return "";
  }
  if (path[0] == '/' || context_->directory.empty()) return path;
  return (std::filesystem::path(context_->directory) / path)
      .lexically_normal()
      .string();
}

std::string Section::Path(absl::string_view key, Kind kind,
                          absl::string_view fallback) {
  const bool given = !reader_.String(key).empty();
  if (!given) {
    const yaml::Node* node = reader_.Get(key);
    // "" is no path, unlike an absent key.
    if (node != nullptr && node->is_scalar() && !node->is_null()) {
      Resolve(*node);
    }
    return std::string(fallback);
  }
  const yaml::Node& node = *reader_.Get(key);
  const std::string path = Resolve(node);
  if (!path.empty()) CheckPath(node, path, kind);
  return path;
}

void Section::CheckPath(const yaml::Node& node, const std::string& path,
                        Kind kind) {
  const Files files = context_->options.files;
  if (kind == Kind::kAny || files == Files::kIgnore) return;
  struct stat status;
  if (stat(path.c_str(), &status) != 0) {
    const int error = errno;
    Report(
        &reader_, node, MayBeHidden(error, files), "no-such-file",
        absl::StrCat("\"", node.text, "\" cannot be used: ", strerror(error)),
        path == node.text
            ? "relative paths count from the directory of this file"
            : absl::StrCat("looked for ", path));
    return;
  }
  if (kind == Kind::kFile && !S_ISREG(status.st_mode)) {
    reader_.ErrorAt(node, "no-such-file",
                    absl::StrCat("\"", node.text, "\" is not a file"),
                    "neither a directory nor a device will do");
  }
}

std::string Section::SecretFile(absl::string_view key, SecretForm form) {
  const yaml::Node* node = reader_.Get(key);
  if (node == nullptr) return "";
  return SecretFile(*node, KeyPath(key), form);
}

std::string Section::SecretFile(const yaml::Node& node, const std::string& path,
                                SecretForm form) {
  if (!node.is_map()) {
    HiddenError(node, "secret-in-config",
                "a secret stands in a file, not in the configuration",
                "write {file: PATH} or {credential: NAME}");
    return "";
  }
  Section section(context_, &node, path);
  yaml::MapReader& reader = section.reader();
  const Files files = context_->options.files;
  const yaml::Node* file_node = reader.Get("file");
  const yaml::Node* credential_node = reader.Get("credential");
  section.Finish();
  if ((file_node != nullptr) == (credential_node != nullptr)) {
    reader_.ErrorAt(node, "bad-secret",
                    "a secret has either a file or a credential",
                    "{file: PATH} or {credential: NAME}");
    return "";
  }
  const yaml::Node& named =
      file_node != nullptr ? *file_node : *credential_node;
  if (!named.is_scalar() || named.is_null()) {
    reader_.ErrorAt(
        named, "wrong-type",
        absl::StrCat("must be text, not ", yaml::KindName(named.kind)),
        "{file: PATH} or {credential: NAME}");
    return "";
  }
  std::string secret_path;
  if (file_node != nullptr) {
    secret_path = section.Resolve(named);
    if (secret_path.empty()) return "";
  } else {
    if (named.text.empty() || named.text[0] == '.' ||
        absl::StrContains(named.text, "/")) {
      reader_.ErrorAt(
          named, "bad-secret",
          absl::StrCat("\"", named.text, "\" is no name of a credential"),
          "the name in the unit's LoadCredential=NAME:PATH");
      return "";
    }
    const std::string& directory = context_->options.credentials_directory;
    secret_path = absl::StrCat(directory, "/", named.text);
    if (directory.empty()) {
      if (files != Files::kIgnore) {
        Report(
            &reader_, named, files == Files::kRequireVisible, "no-credentials",
            absl::StrCat("the credential \"", named.text,
                         "\" cannot be looked up: no $CREDENTIALS_DIRECTORY"),
            "systemd sets it for a unit with LoadCredential=");
      }
      return "";
    }
  }
  if (files == Files::kIgnore) return secret_path;

  struct stat status;
  if (stat(secret_path.c_str(), &status) != 0) {
    const int error = errno;
    Report(
        &reader_, named, MayBeHidden(error, files), "no-such-file",
        absl::StrCat("\"", named.text, "\" cannot be used: ", strerror(error)),
        secret_path == named.text
            ? "relative paths count from the directory of this file"
            : absl::StrCat("looked for ", secret_path));
    return secret_path;
  }
  if (!S_ISREG(status.st_mode)) {
    reader_.ErrorAt(named, "no-such-file",
                    absl::StrCat("\"", named.text, "\" is not a file"),
                    "neither a directory nor a device will do");
    return secret_path;
  }
  if ((status.st_mode & 0007) != 0) {
    reader_.ErrorAt(named, "exposed-secret",
                    absl::StrFormat("\"%s\" is open to every user (mode %04o)",
                                    named.text, status.st_mode & 07777),
                    absl::StrCat("chmod o= ", secret_path));
    return secret_path;
  }
  if (status.st_size == 0) {
    reader_.ErrorAt(named, "empty-secret",
                    absl::StrCat("\"", named.text, "\" is empty"),
                    "put the secret into it");
    return secret_path;
  }
  if (access(secret_path.c_str(), R_OK) != 0) {
    const int error = errno;
    Report(
        &reader_, named, MayBeHidden(error, files), "no-such-file",
        absl::StrCat("\"", named.text, "\" cannot be read: ", strerror(error)),
        "");
    return secret_path;
  }
  CheckSecret(named, secret_path, form);
  return secret_path;
}

// What a notifier refuses when it is made, or a request when it is sent, is a
// mistake that shows here.
void Section::CheckSecret(const yaml::Node& named, const std::string& path,
                          SecretForm form) {
  if (form == SecretForm::kAny) return;
  std::string text(kMaxSecretBytes + 1, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(&text[0], static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  const auto [message, hint] = WrongWith(text, form);
  const Secret read_text(std::move(text));  // overwritten when it goes
  if (message.empty()) return;
  reader_.ErrorAt(named, "bad-secret",
                  absl::StrCat("\"", named.text, "\" ", message), hint);
}

}  // namespace keywatch
