#include "daemon/rules/literal_index.h"

namespace keywatch {

void LiteralIndex::Add(Mode mode, absl::string_view text, uint32_t id) {
  has_[static_cast<int>(mode)] = true;
  switch (mode) {
    case Mode::kEqual:
      equal_.Add(text, id);
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
  equal_.Build();
  prefixes_.Build();
  suffixes_.Build();
  contains_.Build();
}

}  // namespace keywatch
