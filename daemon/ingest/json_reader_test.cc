#include "daemon/ingest/json_reader.h"

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// Reads records of one log, and shows what came of each.
class Reader {
 public:
  explicit Reader(int strings_cell = PathTree::kNone) {
    PathTree tree;
    const char* const paths[] = {"time", "key.id",    "http.status", "path",
                                 "list", "list.name", "late"};
    uint32_t cell = 0;
    for (const char* path : paths) tree.Add(path, cell++);
    cells_.resize(cell + 1);
    limits_.max_value_bytes = 40;
    limits_.max_depth = 5;
    limits_.max_list = 4;
    reader_ = std::make_unique<JsonReader>(
        std::move(tree),
        strings_cell == PathTree::kNone ? strings_cell : static_cast<int>(cell),
        limits_, &redactor_);
  }

  std::string Read(absl::string_view record) {
    auto page = std::make_shared<std::string>(record);
    page->append(64, '"');
    batch_.Keep(page);
    for (Value& value : cells_) value = Value();
    ReadProblem problem;
    const absl::string_view text(page->data(), record.size());
    if (!reader_->Read(text, &batch_, cells_.data(), &problem)) {
      return absl::StrCat(problem.reason, ": ", problem.detail);
    }
    std::string out;
    for (const Value& value : cells_) {
      absl::StrAppend(&out, static_cast<int>(value.type()), ":",
                      ValueText(value), " ");
    }
    return absl::StrCat(out, reader_->map_cells().size());
  }
  const DecodeCounts& counts() const { return reader_->counts(); }

 private:
  DecodeLimits limits_;
  const Redactor redactor_{Secret("pepper")};
  EventBatch batch_;
  std::vector<Value> cells_;
  std::unique_ptr<JsonReader> reader_;
};

// Records of a log whose writer has a few layouts, some of them broken.
class Writer {
 public:
  explicit Writer(uint32_t seed) : random_(seed) {}

  std::string Record() {
    std::string record = Layout(random_() % 6);
    if (random_() % 8 == 0 && !record.empty()) {
      switch (random_() % 4) {
        case 0:
          record.resize(random_() % record.size());
          break;
        case 1:
          record[random_() % record.size()] = "{}[]\",:\\ 0a"[random_() % 11];
          break;
        case 2:
          record.insert(random_() % record.size(), 1, ' ');
          break;
        default:
          record.erase(random_() % record.size(), 1);
      }
    }
    return record;
  }

 private:
  std::string Layout(uint32_t layout) {
    switch (layout) {
      case 0:
        return absl::StrCat(R"({"time":)", Scalar(), R"(,"key":{"id":)",
                            Scalar(), R"(,"x":)", Scalar(), R"(},"path":)",
                            Scalar(), "}");
      case 1:  // begins as the first one does
        return absl::StrCat(R"({"time":)", Scalar(), R"(,"key":{"id":)",
                            Scalar(), R"(},"http.status":)", Scalar(), "}");
      case 2:  // blanks, a list, and a key twice
        return absl::StrCat(R"({ "time" : )", Scalar(), R"( , "list": )",
                            List(), R"(, "time": )", Scalar(), " }");
      case 3:
        return absl::StrCat(R"({"late":)", Scalar(), R"(,"other":{},"deep":)",
                            R"({"a":{"b":{"c":)", Scalar(), "}}}}");
      case 4:  // what is a value elsewhere is a map
        return absl::StrCat(R"({"time":{"at":)", Scalar(), R"(},"path":)",
                            Scalar(), "}");
      default:
        return absl::StrCat(R"({"list":[{"name":)", Scalar(), R"(},{"name":)",
                            Scalar(), R"(}],"late":)", Scalar(), "}");
    }
  }
  std::string List() {
    std::vector<std::string> values(random_() % 6);
    for (std::string& value : values) value = Scalar();
    return absl::StrCat("[", absl::StrJoin(values, ","), "]");
  }
  std::string Scalar() {
    static const char* const kScalars[] = {
        "0",
        "-0",
        "200",
        "-17",
        "01",
        "1.5",
        "1e3",
        "9223372036854775807",
        "123456789012345678",
        "1234567890123456789012",
        "true",
        "null",
        "nul",
        R"("")",
        R"("a")",
        R"("exactly sixteen.")",
        R"("a \"quote\" within")",
        R"("\u00e9\ud83d\ude00")",
        R"("\x")",
        R"("a text that is longer than the values that are kept whole")",
        R"("rk\u005flive_51Habcdefghijklmnopqrstuv")",
        R"("{\"time\":1}")"};
    return kScalars[random_() % (sizeof(kScalars) / sizeof(kScalars[0]))];
  }

  std::mt19937 random_;
};

// Regression: what is read does not depend on what was read before.
TEST(JsonReaderTest, ARecordOfAKnownLayoutIsReadAsAnyOther) {
  for (const int strings : {PathTree::kNone, 0}) {
    Writer writer(7);
    Reader reader(strings);
    DecodeCounts counts;
    for (int i = 0; i < 20000; ++i) {
      const std::string record = writer.Record();
      // Read twice, it surely is of a known layout.
      for (int j = 0; j < 2; ++j) {
        Reader fresh(strings);
        ASSERT_EQ(reader.Read(record), fresh.Read(record)) << record;
        counts.values_cut += fresh.counts().values_cut;
        counts.secrets += fresh.counts().secrets;
        ASSERT_EQ(reader.counts().values_cut, counts.values_cut) << record;
        ASSERT_EQ(reader.counts().secrets, counts.secrets) << record;
      }
    }
    EXPECT_GT(counts.secrets, 0);
  }
}

TEST(JsonReaderTest, CountsOfARecordThatIsReadTwiceAreItsOwn) {
  Reader reader;
  const std::string record = absl::StrCat(
      R"({"time":1,"path":")", std::string(100, 'x'), R"(","late":2})");
  const std::string other = absl::StrCat(
      R"({"time":1,"path":")", std::string(100, 'x'), R"(","late":2,"x":3})");
  reader.Read(record);
  reader.Read(record);
  EXPECT_EQ(reader.counts().values_cut, 2);
  // It is compared up to its end first, and then parsed.
  reader.Read(other);
  EXPECT_EQ(reader.counts().values_cut, 3);
}

TEST(JsonReaderTest, ALogThatMakesUpKeysIsStillRead) {
  Reader reader;
  for (int i = 0; i < 30000; ++i) {
    const std::string record =
        absl::StrCat(R"({"k)", i, R"(":1,"time":)", i, R"(,"z)", i * 7,
                     R"(":"x","path":"/v1"})");
    Reader fresh;
    ASSERT_EQ(reader.Read(record), fresh.Read(record));
  }
}

TEST(JsonLayoutsTest, IsBounded) {
  JsonLayouts layouts;
  for (int i = 0; i < 100000; ++i) {
    const std::string record =
        absl::StrCat(R"({"k)", i % 7, R"(":1,"l)", i, R"(":2})");
    const size_t second = record.size() - 2;
    layouts.Learn(record,
                  {{record.find(':') + 1, record.find(':') + 2, 5, 0, 0},
                   {second, second + 1, 5, 0, 0}});
  }
  EXPECT_LE(layouts.size(), 4096u);
  EXPECT_GE(layouts.size(), 7u);
}

}  // namespace
}  // namespace keywatch
