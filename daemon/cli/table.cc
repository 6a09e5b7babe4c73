#include "daemon/cli/table.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/cli/terminal_text.h"

namespace keywatch {
namespace {

constexpr size_t kBetween = 2;
// A flexible column keeps this much, however narrow the terminal is.
constexpr size_t kLeastFlexible = 8;
// Where nothing is cut, longer cells do not widen their column.
constexpr size_t kWidestUncut = 80;

std::string Pad(const std::string& shown, size_t shown_width, size_t width,
                Table::Align align) {
  const std::string blanks(width - std::min(shown_width, width), ' ');
  return align == Table::Align::kRight ? blanks + shown : shown + blanks;
}

}  // namespace

std::vector<size_t> Table::Widths(size_t available) const {
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    widths.push_back(DisplayWidth(column.title));
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < widths.size(); ++i) {
      const size_t width = DisplayWidth(row[i].text);
      // What is not cut may be as long as an attacker likes: it makes its own
      // row long, and not every other one.
      if (available == 0 && width > kWidestUncut) continue;
      widths[i] = std::max(widths[i], width);
    }
  }
  if (available == 0) return widths;
  size_t total = kBetween * (widths.size() - 1);
  for (const size_t width : widths) total += width;
  // The widest flexible column gives, one character at a time, so that several
  // end up equally wide.
  while (total > available) {
    size_t widest = columns_.size();
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].flexible || widths[i] <= kLeastFlexible) continue;
      if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
    --total;
  }
  return widths;
}

void Table::Print(std::ostream& out, const Style& style, size_t width,
                  size_t indent) const {
  const size_t available =
      width == 0 ? 0 : std::max<size_t>(width, indent + 20) - indent;
  const std::vector<size_t> widths = Widths(available);
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
  for (size_t i = 0; i < columns_.size(); ++i) {
    const std::string title = CutToWidth(columns_[i].title, widths[i]);
    cells.push_back(
        Pad(style.Dim(title), DisplayWidth(title),
            i + 1 == columns_.size() && columns_[i].align == Align::kLeft
                ? 0
                : widths[i],
            columns_[i].align));
  }
  print(cells);
  for (const auto& row : rows_) {
    cells.clear();
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string text =
          available == 0 ? row[i].text : CutToWidth(row[i].text, widths[i]);
      cells.push_back(Pad(row[i].color ? row[i].color(text) : text,
                          DisplayWidth(text), widths[i], columns_[i].align));
    }
    print(cells);
  }
}

}  // namespace keywatch
