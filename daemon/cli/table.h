#ifndef DAEMON_CLI_TABLE_H_
#define DAEMON_CLI_TABLE_H_

#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "daemon/cli/style.h"

namespace keywatch {

// Table prints rows in aligned columns. Cells hold plain, sanitised text; a
// colour is given beside it, so that it does not count as width.
// Thread-compatible.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    // Cut off when the table is wider than the terminal.
    bool flexible = false;
    // Left out before anything is cut off, the greatest first; 0 never.
    int dispensable = 0;
  };
  struct Cell {
    Cell(std::string text_in) : text(std::move(text_in)) {}  // NOLINT: implicit
    Cell(std::string text_in, std::function<std::string(const std::string&)> in)
        : text(std::move(text_in)), color(std::move(in)) {}
    std::string text;
    std::function<std::string(const std::string&)> color;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns.
  void Add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  // `width` 0 cuts off only what is longer than anybody reads. Lines begin with
  // `indent` blanks.
  void Print(std::ostream& out, const Style& style, size_t width,
             size_t indent = 0) const;

 private:
  struct Layout {
    std::vector<size_t> columns;  // that are shown
    std::vector<size_t> widths;   // of all columns
  };
  Layout MakeLayout(size_t available) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace keywatch

#endif  // DAEMON_CLI_TABLE_H_
