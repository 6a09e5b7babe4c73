#ifndef DAEMON_INGEST_COMPRESS_FIXTURE_H_
#define DAEMON_INGEST_COMPRESS_FIXTURE_H_

#include <zlib.h>
#include <zstd.h>

#include <string>

namespace keywatch {

// What gzip and zstd make of `text`, for tests of what reads it.
inline std::string Gzip(const std::string& text) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(&out[0], out.size(), text.data(), text.size(), 1));
  return out;
}

}  // namespace keywatch

#endif  // DAEMON_INGEST_COMPRESS_FIXTURE_H_
