/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "../shm/sealed-memory.h"
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define ALL_ACCESS (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC)
#define ALL_FLAGS (SHIM_REGION_FILE | SHIM_REGION_GUARD)

static int allocate(struct shim_region *region, uint32_t flags) {
  bool guard = (flags & SHIM_REGION_GUARD) != 0;
  if ((flags & SHIM_REGION_FILE) == 0)
    return shm_memory_map(-1, region->pages, true, guard, &region->address, &region->mapped_length);
  int fd = shm_memory_file(region->pages, "a memory region");
  if (fd < 0)
    return fd;
  int error = shm_memory_map(fd, region->pages, true, guard, &region->address, &region->mapped_length);
  if (error != 0) {
    (void)close(fd);
    return error;
  }
  region->fd = fd;
  return 0;
}

static int device_access(uint32_t access) {
  int granted = 0;
  /* Whoever lets peers write must be able to write: a rule of verbs. */
  if ((access & (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_ATOMIC)) != 0)
    granted |= IBV_ACCESS_LOCAL_WRITE;
  if ((access & SHIM_REMOTE_WRITE) != 0)
    granted |= IBV_ACCESS_REMOTE_WRITE;
  if ((access & SHIM_REMOTE_READ) != 0)
    granted |= IBV_ACCESS_REMOTE_READ;
  if ((access & SHIM_REMOTE_ATOMIC) != 0)
    granted |= IBV_ACCESS_REMOTE_ATOMIC;
  return granted;
}

static int cannot_register(const struct shim_region *region, int error) {
  struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
  (void)getrlimit(RLIMIT_MEMLOCK, &limit);
  if ((error == ENOMEM || error == EPERM || error == EAGAIN) && limit.rlim_cur != RLIM_INFINITY)
    return shim_fail(error,
                     "cannot register %llu bytes with the RDMA device (%s): this process may lock %llu KiB. Raise it: "
                     "\"ulimit -l unlimited\", or memlock in /etc/security/limits.conf",
                     (unsigned long long)region->length, shim_errno_name(error),
                     (unsigned long long)limit.rlim_cur / 1024u);
  return shim_fail(error, "cannot register %llu bytes with the RDMA device (ibv_reg_mr: %s)",
                   (unsigned long long)region->length, shim_errno_name(error));
}

static int add(struct shim_region *region, uint32_t flags) {
  int error = allocate(region, flags);
  if (error != 0)
    return error;
  /* The function, not the macro, which wants to know flags that are not used here. */
  region->mr = (ibv_reg_mr)(region->domain->pd, region->address, region->length, device_access(region->access));
  if (region->mr == NULL) {
    error = cannot_register(region, errno);
    (void)munmap(region->address, region->mapped_length);
    if (region->fd >= 0)
      (void)close(region->fd);
    return error;
  }
  region->lkey = region->mr->lkey;
  verbs_lock(region->domain);
  shim_list_append(&region->domain->regions, &region->link);
  verbs_unlock(region->domain);
  return 0;
}

int shim_region_open(struct shim_domain *domain, uint64_t length, uint32_t access, uint32_t flags,
                     struct shim_region **opened) {
  if (length == 0 || length > INT64_MAX / 2)
    return shim_fail(EINVAL, "a region of %llu bytes cannot be opened; ask for 1 byte or more",
                     (unsigned long long)length);
  if ((access & ~(uint32_t)ALL_ACCESS) != 0 || (flags & ~(uint32_t)ALL_FLAGS) != 0)
    return shim_fail(EINVAL, "unknown access 0x%x or flags 0x%x of a region", access, flags);
  if ((access & SHIM_REMOTE_ATOMIC) != 0 && domain->device.atomic_cap == IBV_ATOMIC_NONE)
    return shim_fail(EOPNOTSUPP, "RDMA device %s has no atomic operations",
                     ibv_get_device_name(domain->context->device));
  struct shim_region *region = calloc(1, sizeof *region);
  if (region == NULL)
    return shim_fail(ENOMEM, "no memory for a region");
  uint64_t page = shm_page_bytes();
  region->domain = domain;
  region->length = length;
  region->access = access;
  region->pages = (length + page - 1u) / page * page;
  region->fd = -1;
  int error = add(region, flags);
  if (error != 0) {
    free(region);
    return error;
  }
  *opened = region;
  return 0;
}

int shim_region_query(struct shim_region *region, struct shim_region_info *info) {
  *info = (struct shim_region_info){
      .address = (uint64_t)(uintptr_t)region->address,
      .length = region->length,
      .mapped_length = region->mapped_length,
      .remote_address = (uint64_t)(uintptr_t)region->address,
      .rkey = region->mr->rkey,
      .fd = region->fd,
      .access = region->access,
  };
  return 0;
}

int shim_region_close(struct shim_region *region) {
  struct shim_domain *domain = region->domain;
  int error = ibv_dereg_mr(region->mr);
  if (error != 0)
    return shim_fail(error, "cannot deregister %llu bytes from the RDMA device (ibv_dereg_mr: %s)",
                     (unsigned long long)region->length, shim_errno_name(error));
  verbs_lock(domain);
  shim_list_remove(&region->link);
  verbs_unlock(domain);
  shm_memory_blank(region->address, region->pages);
  if (region->fd >= 0)
    (void)close(region->fd);
  free(region);
  return 0;
}

int shim_unmap(uint64_t address, uint64_t mapped_length) {
  if (mapped_length == 0)
    return 0;
  if (munmap((void *)(uintptr_t)address, mapped_length) != 0)
    return shim_fail(errno, "cannot unmap %llu bytes at 0x%llx (munmap: %s)", (unsigned long long)mapped_length,
                     (unsigned long long)address, shim_errno_name(errno));
  return 0;
}
