// Commands over the state's files.

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/cli/cli_fixture.h"
#include "daemon/store/sqlite_store.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

class BackupCommandsTest : public CliTest {
 protected:
  BackupCommandsTest()
      : directory_(absl::StrCat(::testing::TempDir(), "/cliXXXXXX")) {
    if (mkdtemp(&directory_[0]) == nullptr) abort();
    Fill(State(), "ann", 3);
  }
  ~BackupCommandsTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // A state with so many entries in its audit log.
  static void Fill(const std::string& state, const std::string& actor,
                   int entries) {
    SqliteStoreOptions options;
    options.directory = state;
    auto store = SqliteStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    AuditEntry entry;
    entry.actor = actor;
    entry.action = "rules.reload";
    for (int i = 0; i < entries; ++i) {
      EXPECT_TRUE((*store)->AppendAudit(entry).ok());
    }
  }
  std::string State() const { return directory_ + "/state"; }
  std::string Copy() const { return directory_ + "/copy"; }

  std::string directory_;
};

TEST_F(BackupCommandsTest, ABackupIsMadeAndRestored) {
  ASSERT_EQ(Run({"backup", Copy(), "--state", State()}), kExitOk) << err_;
  EXPECT_THAT(out_, HasSubstr(Copy()));
  EXPECT_THAT(out_, HasSubstr("audit log 3:"));
  const std::string other = directory_ + "/other";
  ASSERT_EQ(Run({"restore", Copy(), "--state", other, "--output", "json"}),
            kExitOk)
      << err_;
  const auto json = nlohmann::json::parse(out_);
  EXPECT_EQ(json["directory"], other);
  EXPECT_EQ(json["alerts"], 0);
  EXPECT_TRUE(std::filesystem::exists(other + "/keywatch.db"));
}

TEST_F(BackupCommandsTest, WhatIsThereIsNotReplaced) {
  ASSERT_EQ(Run({"backup", Copy(), "--state", State()}), kExitOk);
  EXPECT_EQ(Run({"backup", Copy(), "--state", State()}), kExitRefused);
  EXPECT_THAT(err_, HasSubstr("exists already"));
  EXPECT_EQ(Run({"restore", Copy(), "--state", State()}), kExitRefused);
  EXPECT_THAT(err_, HasSubstr("empty state directory"));
  EXPECT_EQ(Run({"backup", Copy() + "2", "--state", directory_ + "/no"}),
            kExitRefused);
  EXPECT_THAT(err_, HasSubstr("there is no"));
}

TEST_F(BackupCommandsTest, TheAuditLogIsProvedAgainstAnEarlierHead) {
  ASSERT_EQ(Run({"audit", "verify", "--state", State(), "--output", "json"}),
            kExitOk)
      << err_;
  const auto json = nlohmann::json::parse(out_);
  EXPECT_EQ(json["entries"], 3);
  const std::string head = json["head"];
  ASSERT_EQ(Run({"audit", "verify", "--state", State(), "--head", head}),
            kExitOk)
      << err_;
  EXPECT_THAT(out_, HasSubstr("3 entries, none changed or missing"));
  EXPECT_THAT(out_, HasSubstr("entry 3 is the known one"));
  EXPECT_EQ(Run({"audit", "verify", "--state", State(), "--head", "3:ab"}),
            kExitUsage);

  const std::string shorter = directory_ + "/shorter";
  Fill(shorter, "ann", 2);
  EXPECT_EQ(Run({"audit", "verify", "--state", shorter}), kExitOk);
  EXPECT_EQ(Run({"audit", "verify", "--state", shorter, "--head", head}),
            kExitFailure);
  EXPECT_THAT(err_, HasSubstr("shortened"));
  const std::string anew = directory_ + "/anew";
  Fill(anew, "eve", 3);
  EXPECT_EQ(Run({"audit", "verify", "--state", anew, "--head", head}),
            kExitFailure);
  EXPECT_THAT(err_, HasSubstr("replaced"));
}

}  // namespace
}  // namespace keywatch
