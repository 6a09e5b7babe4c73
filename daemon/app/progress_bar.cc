#include "daemon/app/progress_bar.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace keywatch {
namespace {

constexpr int kWidth = 30;
constexpr absl::Duration kPatience = absl::Milliseconds(300);
constexpr absl::Duration kBetween = absl::Milliseconds(100);

}  // namespace

void ProgressBar::Show(double share, int64_t count, absl::string_view unit) {
  if (!on_) return;
  const absl::Time now = clock_->Now();
  if (now - begin_ < kPatience || now - shown_ < kBetween) return;
  shown_ = now;
  share = std::min(1.0, std::max(0.0, share));
  const int filled = static_cast<int>(share * kWidth);
  const double seconds = absl::ToDoubleSeconds(now - begin_);
  *err_ << "\r[" << std::string(filled, '#')
        << std::string(kWidth - filled, '.') << "] "
        << absl::StrFormat("%3d %%  %d %s  %.0f/s ",
                           static_cast<int>(share * 100), count, unit,
                           static_cast<double>(count) / seconds)
        << std::flush;
}

void ProgressBar::End() {
  if (shown_ == absl::InfinitePast()) return;
  *err_ << "\r\033[K" << std::flush;
  shown_ = absl::InfinitePast();
}

}  // namespace keywatch
