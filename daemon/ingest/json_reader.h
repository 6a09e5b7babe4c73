#ifndef DAEMON_INGEST_JSON_READER_H_
#define DAEMON_INGEST_JSON_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "daemon/ingest/json_layouts.h"
#include "daemon/ingest/json_scanner.h"
#include "daemon/ingest/path_tree.h"
#include "daemon/ingest/record_reader.h"
#include "daemon/ingest/redactor.h"

namespace keywatch {

// JsonReader reads JSON objects in one walk. A record that is laid out like an
// earlier one is compared with it up to each of its values (JsonLayouts); one
// that is not is parsed. Both give the same.
//
//   - The last of several equal keys counts; a key with dots and nested maps
//     are the same path.
//   - Lists: what stands at the path in each element, in order; nested lists
//     are flattened, maps within lists give what is wanted below them.
//   - A map that is wanted itself is its JSON text.
//   - Strings are cut to the limit between two characters.
class JsonReader : public RecordReader {
 public:
  // `strings_cell`: the cell for the list of every string, or PathTree::kNone.
  // `redactor` must outlive the reader.
  JsonReader(PathTree tree, int strings_cell, const DecodeLimits& limits,
             const Redactor* redactor);

  bool Read(absl::string_view text, EventBatch* batch, Value* cells,
            ReadProblem* problem) override;

 private:
  static constexpr uint32_t kUnknown = 0xffffffff;
  // A key that was seen in a map, where it leads, and the key that came after
  // it the last time.
  struct KnownKey {
    std::string text;  // as it stands between its quotes
    int node;
    uint32_t next;
  };
  struct MapKeys {
    std::vector<KnownKey> keys;
    absl::flat_hash_map<std::string, uint32_t> index;
    uint32_t first = kUnknown;
  };

  void Begin(absl::string_view text);
  bool Parse(ReadProblem* problem);
  // Reads a record of a known layout; false when it is not one, or not whole.
  bool ReadKnown(absl::string_view text);
  bool AnyValue(int node, uint32_t depth);
  // What AnyValue reads: a list or a scalar.
  bool ListOrScalar(char c, int node, int cell, uint32_t depth);
  bool Map(int node, uint32_t depth);
  bool List(int node, uint32_t depth);
  // Reads the key behind its quote: the node it leads to. `*last` is the link
  // that should have named it, and becomes the link to the key after it.
  bool Key(int map, uint32_t** last, int* node);
  Value MakeString(absl::string_view raw, bool escaped) {
    return !escaped && raw.size() <= limits_.max_value_bytes
               ? Value::String(raw)
               : MakeOtherString(raw, escaped);
  }
  Value MakeOtherString(absl::string_view raw, bool escaped);
  void Put(int node, int cell, const Value& value) {
    if (list_depth_ == 0) {
      cells_[cell] = value;
    } else {
      PutIntoList(node, value);
    }
  }
  void PutIntoList(int node, const Value& value);
  void EndList();

  const PathTree tree_;
  const int strings_cell_;
  const DecodeLimits limits_;
  const Redactor* const redactor_;
  std::vector<MapKeys> keys_;  // by node
  JsonLayouts layouts_;

  // Of the record that is read.
  JsonScanner scanner_;
  EventBatch* batch_ = nullptr;
  Value* cells_ = nullptr;
  uint32_t list_depth_ = 0;
  std::vector<std::vector<Value>> lists_;  // by node, while in a list
  std::vector<int> touched_;               // nodes with a list
  std::vector<Value> strings_;
  std::vector<JsonLayouts::Place> places_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_JSON_READER_H_
