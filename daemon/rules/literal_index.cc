#include "daemon/rules/literal_index.h"

namespace keywatch {

void LiteralIndex::Add(Mode mode, absl::string_view text, uint32_t id) {
  switch (mode) {
    case Mode::kEqual:
      equal_[std::string(text)] = id;
      lengths_ |= uint64_t{1} << (text.size() < 63 ? text.size() : 63);
      break;
    case Mode::kPrefix:
      prefixes_.Add(text, id);
      break;
    case Mode::kSuffix:
      suffixes_.Add(text, id);
      break;
    case Mode::kContains:
      contains_.Add(text, id);
      break;
  }
}

void LiteralIndex::Build() {
  prefixes_.Build();
  suffixes_.Build();
  contains_.Build();
}

}  // namespace keywatch
