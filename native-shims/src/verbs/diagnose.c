/* SPDX-License-Identifier: BSD-3-Clause */
/* Why verbs cannot be used here: looked for from the kernel upwards, so that the first thing to mend is told. */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NO_DEVICE                                                                                                      \
  "this machine has no RDMA device. Look with \"rdma link\"; for Soft-RoCE, as root: modprobe rdma_rxe && rdma link "  \
  "add rxe0 type rxe netdev NETDEV"
#define CONNECTIONS "/dev/infiniband/rdma_cm"

/* The name of an RDMA device that the kernel has; false when it has none. */
static bool kernel_device(char *name, size_t bytes) {
  DIR *directory = opendir("/sys/class/infiniband");
  if (directory == NULL)
    return false;
  const struct dirent *entry;
  do
    entry = readdir(directory);
  while (entry != NULL && entry->d_name[0] == '.');
  if (entry != NULL)
    (void)snprintf(name, bytes, "%.*s", (int)bytes - 1, entry->d_name);
  (void)closedir(directory);
  return entry != NULL;
}

static int library_devices(void) {
  int count = 0;
  struct ibv_device **devices = ibv_get_device_list(&count);
  if (devices != NULL)
    ibv_free_device_list(devices);
  return count;
}

int verbs_unusable(const char *what, int error) {
  char name[IBV_SYSFS_NAME_MAX];
  if (!kernel_device(name, sizeof name))
    return shim_fail(ENODEV, NO_DEVICE);
  if (access("/sys/class/infiniband_verbs", F_OK) != 0)
    return shim_fail(ENODEV,
                     "RDMA device %s cannot be used: the kernel module ib_uverbs is not loaded. As root: "
                     "modprobe -a ib_uverbs rdma_ucm",
                     name);
  if (library_devices() == 0)
    return shim_fail(ENODEV,
                     "RDMA device %s cannot be used: libibverbs has no driver for it. Debian: apt-get install "
                     "ibverbs-providers",
                     name);
  if (access(CONNECTIONS, F_OK) != 0)
    return shim_fail(ENODEV,
                     "RDMA device %s cannot be used: the kernel module rdma_ucm is not loaded (no " CONNECTIONS
                     "). As root: modprobe rdma_ucm",
                     name);
  if (access(CONNECTIONS, R_OK | W_OK) != 0)
    return shim_fail(EACCES,
                     "RDMA device %s cannot be used: this user may not open " CONNECTIONS
                     "; as root make it readable and writable for the user or its group (udev: package rdma-core)",
                     name);
  return shim_fail(error, "%s (%s)%s", what, shim_errno_name(error),
                   error == EMFILE ? "; descriptors are exhausted, raise \"ulimit -n\"" : "");
}
