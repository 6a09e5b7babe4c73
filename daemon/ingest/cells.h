#ifndef DAEMON_INGEST_CELLS_H_
#define DAEMON_INGEST_CELLS_H_

#include "absl/strings/string_view.h"
#include "daemon/core/field_table.h"
#include "daemon/core/value.h"

namespace keywatch {

// Looks into the cells of an event that is being made. A cell may be kNoSlot:
// nobody needs it, and there is nothing in it.

inline bool HasCell(const Value* cells, Slot cell) {
  return cell != kNoSlot && !cells[cell].absent() &&
         cells[cell].type() != Value::Type::kNull;
}
// A cell that somebody wants and the record did not fill.
inline bool Misses(const Value* cells, Slot cell) {
  return cell != kNoSlot && !HasCell(cells, cell);
}
inline absl::string_view Text(const Value* cells, Slot cell) {
  return cell != kNoSlot && cells[cell].is_string() ? cells[cell].string_value()
                                                    : absl::string_view();
}

}  // namespace keywatch

#endif  // DAEMON_INGEST_CELLS_H_
