#include "daemon/metrics/process_collector.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

#include "daemon/metrics/catalogue.h"

namespace keywatch {
namespace {

prometheus::MetricFamily Single(const MetricSpec& spec,
                                prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  prometheus::MetricFamily family;
  family.name = spec.name;
  family.help = spec.help;
  family.type = type;
  family.metric.push_back(metric);
  return family;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) / 1e6;
}

// Pages of virtual and resident memory.
bool ReadMemory(int64_t* virtual_pages, int64_t* resident_pages) {
  FILE* file = std::fopen("/proc/self/statm", "re");
  if (file == nullptr) return false;
  long all = 0;
  long resident = 0;
  const int read = std::fscanf(file, "%ld %ld", &all, &resident);
  std::fclose(file);
  *virtual_pages = all;
  *resident_pages = resident;
  return read == 2;
}

int CountOpenFiles() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(directory);
  return count - 1;  // one of them was the directory
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families;

  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    families.push_back(
        Single(metric::kProcessCpu, MetricType::Counter,
               Seconds(usage.ru_utime) + Seconds(usage.ru_stime)));
  }
  int64_t virtual_pages = 0;
  int64_t resident_pages = 0;
  if (ReadMemory(&virtual_pages, &resident_pages)) {
    const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
    families.push_back(Single(metric::kProcessResident, MetricType::Gauge,
                              static_cast<double>(resident_pages) * page));
    families.push_back(Single(metric::kProcessVirtual, MetricType::Gauge,
                              static_cast<double>(virtual_pages) * page));
  }
  const int open_files = CountOpenFiles();
  if (open_files >= 0) {
    families.push_back(
        Single(metric::kProcessOpenFds, MetricType::Gauge, open_files));
  }
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    families.push_back(Single(metric::kProcessMaxFds, MetricType::Gauge,
                              static_cast<double>(limit.rlim_cur)));
  }
  families.push_back(Single(metric::kProcessStart, MetricType::Gauge,
                            absl::ToDoubleSeconds(start_ - absl::UnixEpoch())));
  return families;
}

}  // namespace keywatch
