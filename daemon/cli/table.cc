#include "daemon/cli/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/cli/terminal_text.h"

namespace keywatch {
namespace {

constexpr size_t kBetween = 2;
// A flexible column keeps this much, however narrow the terminal is.
constexpr size_t kLeastFlexible = 8;
// Where there is no terminal longer cells do not widen their column,
constexpr size_t kWidestUncut = 80;
// and still longer ones are cut: only an attacker makes them.
constexpr size_t kLongest = 256;

std::string Pad(const std::string& shown, size_t shown_width, size_t width,
                Table::Align align) {
  const std::string blanks(width - std::min(shown_width, width), ' ');
  return align == Table::Align::kRight ? blanks + shown : shown + blanks;
}

}  // namespace

Table::Layout Table::MakeLayout(size_t available) const {
  Layout layout;
  std::vector<size_t>& widths = layout.widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    layout.columns.push_back(i);
    widths.push_back(DisplayWidth(columns_[i].title));
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < widths.size(); ++i) {
      const size_t width = DisplayWidth(row[i].text);
      // What an attacker made long makes its own row long, and not every other
      // one.
      if (available == 0 && width > kWidestUncut) continue;
      widths[i] = std::max(widths[i], width);
    }
  }
  if (available == 0) return layout;
  const auto total = [&] {
    size_t sum = kBetween * (layout.columns.size() - 1);
    for (const size_t i : layout.columns) sum += widths[i];
    return sum;
  };
  while (total() > available) {
    const auto least = std::max_element(
        layout.columns.begin(), layout.columns.end(), [&](size_t a, size_t b) {
          return columns_[a].dispensable < columns_[b].dispensable;
        });
    if (columns_[*least].dispensable == 0) break;
    layout.columns.erase(least);
  }
  // The widest flexible column gives, one character at a time, so that several
  // end up equally wide.
  for (size_t sum = total(); sum > available; --sum) {
    size_t widest = columns_.size();
    for (const size_t i : layout.columns) {
      if (!columns_[i].flexible || widths[i] <= kLeastFlexible) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
  }
  return layout;
}

void Table::Print(std::ostream& out, const Style& style, size_t width,
                  size_t indent) const {
  const size_t available =
      width == 0 ? 0 : std::max<size_t>(width, indent + 20) - indent;
  const Layout layout = MakeLayout(available);
  const std::string margin(indent, ' ');

  const auto print = [&](const std::vector<std::string>& cells) {
    std::string line = margin;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line += std::string(kBetween, ' ');
      line += cells[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  };

  std::vector<std::string> cells;
  for (const size_t i : layout.columns) {
    const std::string title = CutToWidth(columns_[i].title, layout.widths[i]);
    cells.push_back(
        Pad(style.Dim(title), DisplayWidth(title),
            i == layout.columns.back() && columns_[i].align == Align::kLeft
                ? 0
                : layout.widths[i],
            columns_[i].align));
  }
  print(cells);
  for (const auto& row : rows_) {
    cells.clear();
    for (const size_t i : layout.columns) {
      const std::string text =
          CutToWidth(row[i].text, available == 0 ? kLongest : layout.widths[i]);
      cells.push_back(Pad(row[i].color ? row[i].color(text) : text,
                          DisplayWidth(text), layout.widths[i],
                          columns_[i].align));
    }
    print(cells);
  }
}

}  // namespace keywatch
