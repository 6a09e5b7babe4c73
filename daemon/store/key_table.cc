#include "daemon/store/key_table.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/limits.h"
#include "daemon/store/page_token.h"
#include "daemon/store/record_codec.h"

namespace keywatch {
namespace {

absl::Status ReadProfile(const Statement& row, KeyProfile* profile) {
  profile->key = KeyId(row.Text(0));
  profile->kind = std::string(row.Text(1));
  profile->first_seen_ms = row.Int(2);
  profile->last_seen_ms = row.Int(3);
  profile->requests = row.Int(4);
  profile->denied = row.Int(5);
  profile->failed = row.Int(6);
  profile->last_success_ms = row.Int(7);
  profile->last_denied_ms = row.Int(8);
  return DecodeKeyLists(row.Bytes(9), profile);
}

}  // namespace

absl::Status WriteKeyProfiles(Connection& db,
                              const std::vector<KeyProfile>& profiles) {
  if (profiles.empty()) return absl::OkStatus();
  Statement put = db.Prepare(
      "INSERT INTO key_profile (key_id, kind, first_seen_ms, last_seen_ms, "
      "requests, denied, failed, last_success_ms, last_denied_ms, lists) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (key_id) DO UPDATE SET kind = excluded.kind, "
      "first_seen_ms = excluded.first_seen_ms, "
      "last_seen_ms = excluded.last_seen_ms, requests = excluded.requests, "
      "denied = excluded.denied, failed = excluded.failed, "
      "last_success_ms = excluded.last_success_ms, "
      "last_denied_ms = excluded.last_denied_ms, lists = excluded.lists");
  for (const KeyProfile& profile : profiles) {
    const std::string lists = EncodeKeyLists(profile);
    const absl::Status status = put.Run(
        profile.key.view(), profile.kind, profile.first_seen_ms,
        profile.last_seen_ms, profile.requests, profile.denied, profile.failed,
        profile.last_success_ms, profile.last_denied_ms, Blob{lists});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<KeyProfile> ReadKeyProfile(Connection& db, const KeyId& key) {
  Statement row = db.Prepare(
      "SELECT key_id, kind, first_seen_ms, last_seen_ms, requests, denied, "
      "failed, last_success_ms, last_denied_ms, lists FROM key_profile WHERE "
      "key_id = ?");
  row.Bind(key.view());
  if (row.Next()) {
    KeyProfile profile;
    if (absl::Status status = ReadProfile(row, &profile); !status.ok()) {
      return status;
    }
    return profile;
  }
  if (!row.status().ok()) return row.status();
  return absl::NotFoundError(absl::StrCat("no key ", key.view()));
}

absl::StatusOr<KeyPage> ListKeyProfiles(Connection& db,
                                        const KeyFilter& filter) {
  const std::string scope = absl::StrCat("keys\n", filter.prefix);
  const size_t limit = static_cast<size_t>(BoundedLimit(filter.limit));
  // Before the first key with the prefix, or at the last one given.
  std::string after;
  if (!filter.page_token.empty()) {
    absl::StatusOr<std::string> read = ReadPageToken(scope, filter.page_token);
    if (!read.ok()) return read.status();
    after = *std::move(read);
  }
  Statement rows =
      filter.page_token.empty()
          ? db.Prepare(
                "SELECT key_id, kind, first_seen_ms, last_seen_ms, "
                "requests, denied, failed, last_success_ms, last_denied_ms, "
                "lists FROM key_profile "
                "WHERE key_id >= ? ORDER BY key_id LIMIT ?")
          : db.Prepare(
                "SELECT key_id, kind, first_seen_ms, last_seen_ms, "
                "requests, denied, failed, last_success_ms, last_denied_ms, "
                "lists FROM key_profile "
                "WHERE key_id > ? ORDER BY key_id LIMIT ?");
  rows.Bind(filter.page_token.empty() ? filter.prefix : after, limit + 1);

  KeyPage page;
  while (rows.Next()) {
    // Keys with the prefix stand together.
    if (!absl::StartsWith(rows.Text(0), filter.prefix)) break;
    if (page.keys.size() == limit) {
      page.next_page_token = MakePageToken(scope, page.keys.back().key.view());
      break;
    }
    KeyProfile profile;
    if (absl::Status status = ReadProfile(rows, &profile); !status.ok()) {
      return status;
    }
    page.keys.push_back(std::move(profile));
  }
  if (!rows.status().ok()) return rows.status();
  return page;
}

}  // namespace keywatch
