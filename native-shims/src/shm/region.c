/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "internal.h"
#include "sealed-memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#define ALL_ACCESS (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC)
#define REMOTE_ACCESS (SHIM_REMOTE_WRITE | SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC)
#define CHANGING_ACCESS (SHIM_REMOTE_WRITE | SHIM_REMOTE_ATOMIC)

static int allocate(struct shim_region *region) {
  bool guard = (region->flags & SHIM_REGION_GUARD) != 0;
  bool remote = (region->access & REMOTE_ACCESS) != 0;
  if (!remote && (region->flags & SHIM_REGION_FILE) == 0)
    return shm_memory_map(-1, region->pages, true, guard, &region->address, &region->mapped_length);
  int fd = shm_memory_file(region->pages, "a memory region");
  if (fd < 0)
    return fd;
  int error = shm_memory_map(fd, region->pages, true, guard, &region->address, &region->mapped_length);
  if (error == 0) {
    error = shm_memory_seal(fd, (region->access & CHANGING_ACCESS) == 0);
    if (error != 0)
      (void)munmap(region->address, region->mapped_length);
  }
  if (error != 0) {
    (void)close(fd);
    return error;
  }
  region->fd = fd;
  return 0;
}

int shim_region_open(struct shim_domain *domain, uint64_t length, uint32_t access, uint32_t flags,
                     struct shim_region **opened) {
  if (length == 0 || length > INT64_MAX / 2)
    return shim_fail(EINVAL, "a region of %llu bytes cannot be opened; ask for 1 byte or more",
                     (unsigned long long)length);
  if ((access & ~(uint32_t)ALL_ACCESS) != 0 || (flags & ~(uint32_t)(SHIM_REGION_FILE | SHIM_REGION_GUARD)) != 0)
    return shim_fail(EINVAL, "unknown access 0x%x or flags 0x%x of a region", access, flags);
  struct shim_region *region = calloc(1, sizeof *region);
  if (region == NULL)
    return shim_fail(ENOMEM, "no memory for a region");
  region->domain = domain;
  region->length = length;
  region->access = access;
  region->flags = flags;
  region->pages = shm_round_up(length, shm_page_bytes());
  region->fd = -1;
  int error = allocate(region);
  if (error == 0 && getrandom(&region->rkey, sizeof region->rkey, 0) != (ssize_t)sizeof region->rkey) {
    error = shim_fail(EAGAIN, "no random key for a region (getrandom: %s)", shim_errno_name(errno));
    (void)munmap(region->address, region->mapped_length);
    if (region->fd >= 0)
      (void)close(region->fd);
  }
  if (error != 0) {
    free(region);
    return error;
  }
  shm_lock(domain);
  shim_list_append(&domain->regions, &region->link);
  shm_unlock(domain);
  *opened = region;
  return 0;
}

int shim_region_query(struct shim_region *region, struct shim_region_info *info) {
  *info = (struct shim_region_info){
      .address = (uint64_t)(uintptr_t)region->address,
      .length = region->length,
      .mapped_length = region->mapped_length,
      .remote_address = 0,
      .rkey = region->rkey,
      .fd = region->fd,
      .access = region->access,
  };
  return 0;
}

int shim_region_close(struct shim_region *region) {
  struct shim_domain *domain = region->domain;
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next)
    shm_receives_forget_region(SHIM_CONTAINER(node, struct shim_endpoint, link), region);
  shm_lock(domain);
  shim_list_remove(&region->link);
  shm_unlock(domain);
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
