/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "sealed-memory.h"

#include "../common/error-text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

uint64_t shm_page_bytes(void) {
  return (uint64_t)sysconf(_SC_PAGESIZE);
}

int shm_memory_file(uint64_t bytes, const char *what) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur)
    return shim_fail(EFBIG,
                     "%s needs a memory file of %llu bytes, but this process may make files of %llu bytes at most; "
                     "raise \"ulimit -f\"",
                     what, (unsigned long long)bytes, (unsigned long long)limit.rlim_cur);
  if (bytes > INT64_MAX)
    return shim_fail(ENOMEM, "%s of %llu bytes is larger than any file", what, (unsigned long long)bytes);
  int fd = memfd_create("rdmalib-shm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) {
    int error = errno;
    return shim_fail(error, "cannot make a memory file for %s (memfd_create: %s)%s", what, shim_errno_name(error),
                     error == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
  }
  if (ftruncate(fd, (off_t)bytes) != 0) {
    int error = errno;
    (void)close(fd);
    return shim_fail(error, "cannot give the memory file of %s %llu bytes (ftruncate: %s)", what,
                     (unsigned long long)bytes, shim_errno_name(error));
  }
  return fd;
}

int shm_memory_seal(int fd, bool read_only) {
  /* Kernels before 5.1 have no FUTURE_WRITE: there, a peer could map writable what it should only read. */
  if (read_only && fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0 && errno != EINVAL)
    return shim_fail(errno, "cannot seal a memory file against writing (F_ADD_SEALS: %s)", shim_errno_name(errno));
  if (fcntl(fd, F_ADD_SEALS, SIZE_SEALS) != 0)
    return shim_fail(errno, "cannot seal the size of a memory file (F_ADD_SEALS: %s)", shim_errno_name(errno));
  return 0;
}

int shm_memory_verify(int fd, uint64_t bytes) {
  int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0)
    return shim_fail(EPROTO, "the peer sent a descriptor that is no memory file (F_GET_SEALS: %s)",
                     shim_errno_name(errno));
  if ((seals & SIZE_SEALS) != SIZE_SEALS)
    return shim_fail(EPROTO, "the peer sent memory whose size it could still change (seals 0x%x)", (unsigned)seals);
  struct statx status;
  if (statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &status) != 0)
    return shim_fail(EPROTO, "cannot ask the size of the peer's memory (statx: %s)", shim_errno_name(errno));
  if (status.stx_size != bytes)
    return shim_fail(EPROTO, "the peer announced memory of %llu bytes and sent %llu", (unsigned long long)bytes,
                     (unsigned long long)status.stx_size);
  return 0;
}

int shm_memory_map(int fd, uint64_t pages, bool writable, bool guard, uint8_t **address, uint64_t *mapped_length) {
  uint64_t length = pages + (guard ? shm_page_bytes() : 0u);
  int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  uint8_t *base = mmap(NULL, length, guard ? PROT_NONE : protection,
                       guard ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : flags, guard ? -1 : fd, 0);
  if (base == MAP_FAILED)
    return shim_fail(errno, "cannot map %llu bytes (mmap: %s)", (unsigned long long)length, shim_errno_name(errno));
  if (guard && mmap(base, pages, protection, flags | MAP_FIXED, fd, 0) == MAP_FAILED) {
    int error = errno;
    (void)munmap(base, length);
    return shim_fail(error, "cannot map %llu bytes (mmap: %s)", (unsigned long long)pages, shim_errno_name(error));
  }
  *address = base;
  *mapped_length = length;
  return 0;
}

void shm_memory_blank(uint8_t *address, uint64_t pages) {
  /* A failure (ENOMEM in bookkeeping) leaves the old pages in place: readable still, which is what matters. */
  (void)mmap(address, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}
