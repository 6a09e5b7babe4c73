#include "daemon/store/fault_vfs.h"

#include <sqlite3.h>

#include <new>

namespace keywatch {
namespace {

struct Faults {
  int64_t operations = 0;
  int64_t fail_at = 0;  // 0: never
  int code = SQLITE_OK;
  bool lasting = false;
};
Faults faults;

int Next() {
  ++faults.operations;
  if (faults.fail_at == 0 || faults.operations < faults.fail_at ||
      (faults.operations > faults.fail_at && !faults.lasting)) {
    return SQLITE_OK;
  }
  return faults.code;
}

// SQLite allocates szOsFile bytes: this, and behind it the real file.
struct FaultFile {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* Real(sqlite3_file* file) {
  return reinterpret_cast<FaultFile*>(file)->real();
}

int Close(sqlite3_file* file) {
  return Real(file)->pMethods->xClose(Real(file));
}
int Read(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  return Real(file)->pMethods->xRead(Real(file), to, size, at);
}
int Write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  if (const int code = Next(); code != SQLITE_OK) {
    // A full disk takes what it can.
    Real(file)->pMethods->xWrite(Real(file), from, size / 2, at);
    return code;
  }
  return Real(file)->pMethods->xWrite(Real(file), from, size, at);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (const int code = Next(); code != SQLITE_OK) return code;
  return Real(file)->pMethods->xTruncate(Real(file), size);
}
int Sync(sqlite3_file* file, int flags) {
  if (const int code = Next(); code != SQLITE_OK) return code;
  return Real(file)->pMethods->xSync(Real(file), flags);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Real(file)->pMethods->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xLock(Real(file), level);
}
int Unlock(sqlite3_file* file, int level) {
  return Real(file)->pMethods->xUnlock(Real(file), level);
}
int CheckReservedLock(sqlite3_file* file, int* held) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), held);
}
int FileControl(sqlite3_file* file, int op, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), op, argument);
}
int SectorSize(sqlite3_file* file) {
  return Real(file)->pMethods->xSectorSize(Real(file));
}
int DeviceCharacteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend,
           void volatile** memory) {
  return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int n, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, n, flags);
}
void ShmBarrier(sqlite3_file* file) {
  Real(file)->pMethods->xShmBarrier(Real(file));
}
int ShmUnmap(sqlite3_file* file, int remove) {
  return Real(file)->pMethods->xShmUnmap(Real(file), remove);
}

// Version 2: no memory mapping, so that every write is seen here.
constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Unlock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         DeviceCharacteristics,
                                         ShmMap,
                                         ShmLock,
                                         ShmBarrier,
                                         ShmUnmap,
                                         nullptr,
                                         nullptr};

int Open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags,
         int* out_flags) {
  auto* const real_vfs = static_cast<sqlite3_vfs*>(vfs->pAppData);
  file->pMethods = nullptr;
  const int code =
      real_vfs->xOpen(real_vfs, name, Real(file), flags, out_flags);
  if (code == SQLITE_OK) file->pMethods = &kMethods;
  return code;
}

}  // namespace

void FaultVfs::Install() {
  static sqlite3_vfs* const kVfs = [] {
    sqlite3_vfs* real = sqlite3_vfs_find(nullptr);
    auto* vfs = new sqlite3_vfs(*real);
    vfs->szOsFile = static_cast<int>(sizeof(FaultFile)) + real->szOsFile;
    vfs->zName = "fault";
    vfs->pNext = nullptr;
    vfs->pAppData = real;
    vfs->xOpen = Open;
    return vfs;
  }();
  sqlite3_vfs_register(kVfs, 1);
}

void FaultVfs::Fail(int64_t nth, int code, bool lasting) {
  faults = {0, nth, code, lasting};
}

void FaultVfs::Heal() { faults = Faults(); }

int64_t FaultVfs::Operations() { return faults.operations; }

}  // namespace keywatch
