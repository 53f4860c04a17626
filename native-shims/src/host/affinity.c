/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "host-error.h"
#include "rfaas_host.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The system calls themselves: glibc's cpu_set_t ends at 1,024 processors, the kernel's masks do not. */

int rfaas_set_affinity(int32_t thread, const uint64_t *mask, uint32_t words) {
  if (mask == NULL || words == 0) {
    return rfaas_host_fail(EINVAL, "cannot bind thread %d to processors: the mask is empty", thread);
  }
  if (syscall(SYS_sched_setaffinity, thread, (size_t)words * sizeof *mask, mask) != 0) {
    int error = errno;
    return rfaas_host_fail(
        error,
        "cannot bind thread %d to processors (sched_setaffinity: %s); the mask must name a processor "
        "that is online and in this process's cpuset",
        thread, strerror(error));
  }
  return 0;
}

int rfaas_get_affinity(int32_t thread, uint64_t *mask, uint32_t words) {
  if (mask == NULL || words == 0) {
    return rfaas_host_fail(EINVAL, "cannot read the processors of thread %d: no room for the mask", thread);
  }
  memset(mask, 0, (size_t)words * sizeof *mask);
  long bytes = syscall(SYS_sched_getaffinity, thread, (size_t)words * sizeof *mask, mask);
  if (bytes < 0) {
    int error = errno;
    return rfaas_host_fail(error, "cannot read the processors of thread %d (sched_getaffinity: %s)%s", thread,
                           strerror(error), error == EINVAL ? "; the mask is too small for this host" : "");
  }
  return (int)(((size_t)bytes + sizeof *mask - 1) / sizeof *mask);
}

int rfaas_thread_id(void) {
  return (int)syscall(SYS_gettid);
}

int rfaas_die_with_parent(int32_t signal) {
  if (signal < 0 || signal >= NSIG) {
    return rfaas_host_fail(EINVAL, "cannot ask for signal %d at the parent's end: no such signal", signal);
  }
  if (prctl(PR_SET_PDEATHSIG, (unsigned long)signal, 0ul, 0ul, 0ul) != 0) {
    int error = errno;
    return rfaas_host_fail(error, "cannot ask for signal %d at the parent's end (prctl: %s)", signal, strerror(error));
  }
  return 0;
}
