#include "daemon/ingest/json_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/utf8.h"

namespace keywatch {
namespace {

// Keys of one map that are remembered, and how long they may be: a log that
// makes up keys must not make the memory grow.
constexpr size_t kMaxKnownKeys = 1024;
constexpr size_t kMaxKnownKeyBytes = 256;
// Strings of one record that a keyword search sees.
constexpr size_t kMaxStrings = 1 << 16;

}  // namespace

JsonReader::JsonReader(PathTree tree, int strings_cell,
                       const DecodeLimits& limits, const Redactor* redactor)
    : tree_(std::move(tree)),
      strings_cell_(strings_cell),
      limits_(limits),
      redactor_(redactor),
      keys_(tree_.size()),
      lists_(tree_.size()) {}

bool JsonReader::Read(absl::string_view text, EventBatch* batch, Value* cells,
                      ReadProblem* problem) {
  batch_ = batch;
  cells_ = cells;
  const bool try_known = layouts_.worth_trying();
  bool known = false;
  if (try_known) {
    const DecodeCounts before = counts_;
    Begin(text);
    known = ReadKnown(text);
    layouts_.Tried(known);
    // What it put into cells is put there again.
    if (!known) counts_ = before;
  }
  if (!known) {
    Begin(text);
    if (!Parse(problem)) return false;
    if (try_known && map_cells_.empty()) layouts_.Learn(text, places_);
  }
  if (strings_cell_ != PathTree::kNone) {
    Value* copy = batch_->NewValues(strings_.size());
    std::copy(strings_.begin(), strings_.end(), copy);
    cells_[strings_cell_] =
        Value::List(copy, static_cast<uint32_t>(strings_.size()));
  }
  return true;
}

void JsonReader::Begin(absl::string_view text) {
  scanner_ = JsonScanner(text);
  list_depth_ = 0;
  for (int node : touched_) lists_[node].clear();
  touched_.clear();
  strings_.clear();
  map_cells_.clear();
  places_.clear();
}

bool JsonReader::Parse(ReadProblem* problem) {
  if (scanner_.Peek() != '{') {
    const bool json = scanner_.Skip(limits_.max_depth) &&
                      scanner_.Peek() == '\0' && scanner_.at_end();
    problem->reason = json ? "not-object" : "malformed";
    problem->detail = json ? "a record must be a JSON object"
                           : "not JSON: a record begins with {";
    return false;
  }
  if (!Map(PathTree::kRoot, limits_.max_depth)) {
    if (scanner_.too_deep()) {
      problem->reason = "too-deep";
      problem->detail = absl::StrCat("nested deeper than ", limits_.max_depth);
    } else {
      problem->reason = "malformed";
      problem->detail =
          absl::StrCat(scanner_.at_end() ? "JSON ends early, at byte "
                                         : "not JSON from byte ",
                       scanner_.offset());
    }
    return false;
  }
  scanner_.Peek();
  if (!scanner_.at_end()) {
    problem->reason = "malformed";
    problem->detail = absl::StrCat("text after the JSON object, from byte ",
                                   scanner_.offset());
    return false;
  }
  return true;
}

bool JsonReader::ReadKnown(absl::string_view text) {
  const bool collect = strings_cell_ != PathTree::kNone;
  JsonScanner scanner(text);
  uint32_t index = JsonLayouts::kStart;
  while (true) {
    index = layouts_.Follow(index, scanner.place(), scanner.left());
    if (index == 0) return false;
    const JsonLayouts::Step& step = layouts_.step(index);
    scanner.Move(step.size);
    if (step.end) return true;
    absl::string_view raw;
    int64_t number;
    if (scanner.TakePlainString(&raw)) {
      if (step.cell == PathTree::kNone && !collect) continue;
      const Value value = MakeString(raw, false);
      if (step.cell != PathTree::kNone) cells_[step.cell] = value;
      if (collect && strings_.size() < kMaxStrings) strings_.push_back(value);
    } else if (scanner.TakePlainInteger(&number)) {
      if (step.cell != PathTree::kNone) cells_[step.cell] = Value::Int(number);
    } else {
      scanner_ = scanner;
      if (scanner.left() == 0 ||
          !ListOrScalar(*scanner.place(), step.node, step.cell, step.depth)) {
        return false;
      }
      scanner = scanner_;
    }
  }
}

bool JsonReader::Map(int node, uint32_t depth) {
  if (depth == 0) {
    scanner_.set_too_deep();
    return false;
  }
  scanner_.Take('{');
  if (scanner_.Take('}')) return true;
  const bool wanted = node != PathTree::kNone && tree_.has_children(node);
  uint32_t* last = wanted ? &keys_[node].first : nullptr;
  while (true) {
    if (!scanner_.Take('"')) return false;
    int child = PathTree::kNone;
    if (wanted) {
      if (!Key(node, &last, &child)) return false;
    } else {
      absl::string_view raw;
      bool escaped;
      if (!scanner_.RestOfString(&raw, &escaped)) return false;
    }
    if (!scanner_.Take(':')) return false;
    if (!AnyValue(child, depth - 1)) return false;
    if (scanner_.Take(',')) continue;
    return scanner_.Take('}');
  }
}

bool JsonReader::Key(int map, uint32_t** last, int* node) {
  MapKeys& layout = keys_[map];
  if (*last != nullptr && **last != kUnknown) {
    KnownKey& guess = layout.keys[**last];
    if (scanner_.TakeRestOfString(guess.text)) {
      *node = guess.node;
      *last = &guess.next;
      return true;
    }
  }
  absl::string_view raw;
  bool escaped;
  if (!scanner_.RestOfString(&raw, &escaped)) return false;
  auto found = layout.index.find(raw);
  uint32_t index;
  if (found != layout.index.end()) {
    index = found->second;
  } else {
    std::string unescaped(raw.size(), '\0');
    unescaped.resize(UnescapeJson(raw, &unescaped[0]));
    *node = tree_.Find(map, unescaped);
    if (layout.keys.size() >= kMaxKnownKeys || raw.size() > kMaxKnownKeyBytes) {
      *last = nullptr;
      return true;
    }
    index = static_cast<uint32_t>(layout.keys.size());
    // The link may stand in the vector that grows.
    if (*last != nullptr) **last = index;
    *last = nullptr;
    layout.keys.push_back({std::string(raw), *node, kUnknown});
    layout.index.emplace(raw, index);
  }
  if (*last != nullptr) **last = index;
  *node = layout.keys[index].node;
  *last = &layout.keys[index].next;
  return true;
}

bool JsonReader::AnyValue(int node, uint32_t depth) {
  const int cell = node == PathTree::kNone ? PathTree::kNone : tree_.cell(node);
  const char c = scanner_.Peek();
  if (c == '{') {
    if (cell == PathTree::kNone || list_depth_ > 0) return Map(node, depth);
    const char* const first = scanner_.place();
    if (!Map(node, depth)) return false;
    Put(node, cell,
        MakeString(absl::string_view(
                       first, static_cast<size_t>(scanner_.place() - first)),
                   false));
    map_cells_.push_back({static_cast<uint32_t>(cell), first});
    return true;
  }
  if (list_depth_ > 0) return ListOrScalar(c, node, cell, depth);
  const size_t begin = scanner_.offset();
  if (!ListOrScalar(c, node, cell, depth)) return false;
  places_.push_back({begin, scanner_.offset(), depth, node, cell});
  return true;
}

bool JsonReader::ListOrScalar(char c, int node, int cell, uint32_t depth) {
  if (c == '"') {
    absl::string_view raw;
    bool escaped;
    if (!scanner_.String(&raw, &escaped)) return false;
    const bool collect =
        strings_cell_ != PathTree::kNone && strings_.size() < kMaxStrings;
    if (cell == PathTree::kNone && !collect) return true;
    const Value value = MakeString(raw, escaped);
    if (cell != PathTree::kNone) Put(node, cell, value);
    if (collect) strings_.push_back(value);
    return true;
  }
  if (c == '[') return List(node, depth);
  Value value;
  const bool literal = c == 't' || c == 'f' || c == 'n';
  if (!(literal ? scanner_.Literal(&value) : scanner_.Number(&value))) {
    return false;
  }
  if (cell != PathTree::kNone) Put(node, cell, value);
  return true;
}

bool JsonReader::List(int node, uint32_t depth) {
  if (depth == 0) {
    scanner_.set_too_deep();
    return false;
  }
  scanner_.Take('[');
  if (node != PathTree::kNone && tree_.cell(node) != PathTree::kNone &&
      list_depth_ == 0) {
    // So that an empty list is a list.
    touched_.push_back(node);
  }
  ++list_depth_;
  if (!scanner_.Take(']')) {
    do {
      if (!AnyValue(node, depth - 1)) return false;
    } while (scanner_.Take(','));
    if (!scanner_.Take(']')) return false;
  }
  if (--list_depth_ == 0) EndList();
  return true;
}

void JsonReader::EndList() {
  for (int node : touched_) {
    std::vector<Value>& list = lists_[node];
    Value* copy = batch_->NewValues(list.size());
    std::copy(list.begin(), list.end(), copy);
    cells_[tree_.cell(node)] =
        Value::List(copy, static_cast<uint32_t>(list.size()));
    list.clear();
  }
  touched_.clear();
}

void JsonReader::PutIntoList(int node, const Value& value) {
  std::vector<Value>& list = lists_[node];
  if (list.size() >= limits_.max_list) {
    ++counts_.values_cut;
    return;
  }
  if (list.empty() &&
      std::find(touched_.begin(), touched_.end(), node) == touched_.end()) {
    touched_.push_back(node);
  }
  list.push_back(value);
}

Value JsonReader::MakeOtherString(absl::string_view raw, bool escaped) {
  absl::string_view text = raw;
  if (escaped) {
    char* out = batch_->Allocate(raw.size());
    text = absl::string_view(out, UnescapeJson(raw, out));
    if (redactor_->Finds(text)) {
      text = batch_->CopyText(redactor_->Redact(text, &counts_.secrets));
    }
  }
  if (text.size() > limits_.max_value_bytes) {
    text = TruncateUtf8(text, limits_.max_value_bytes);
    ++counts_.values_cut;
  }
  return Value::String(text);
}

}  // namespace keywatch
