#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "daemon/ingest/enricher.h"

namespace keywatch {
namespace {

class KeyEnricher : public Enricher {
 public:
  KeyEnricher(std::unique_ptr<Enricher> places, std::vector<DeclaredKey> keys)
      : places_(std::move(places)), keys_(std::move(keys)) {
    for (const DeclaredKey& key : keys_) {
      by_name_.emplace(key.id.str(), &key);
      for (const std::string& name : key.also_known_as) {
        by_name_.emplace(name, &key);
      }
    }
  }

  bool LookUp(absl::string_view ip, NetworkPlace* place) const override {
    return places_ != nullptr && places_->LookUp(ip, place);
  }
  const DeclaredKey* Declared(absl::string_view key) const override {
    const auto it = by_name_.find(key);
    return it == by_name_.end() ? nullptr : it->second;
  }
  bool declares_keys() const override { return !keys_.empty(); }

 private:
  const std::unique_ptr<Enricher> places_;
  const std::vector<DeclaredKey> keys_;
  absl::flat_hash_map<std::string, const DeclaredKey*> by_name_;
};

}  // namespace

std::unique_ptr<Enricher> NewKeyEnricher(std::unique_ptr<Enricher> places,
                                         std::vector<DeclaredKey> keys) {
  return std::make_unique<KeyEnricher>(std::move(places), std::move(keys));
}

}  // namespace keywatch
