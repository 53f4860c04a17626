/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "../shm/sealed-memory.h"
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ALL_ACCESS (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC)
#define ALL_FLAGS (SHIM_REGION_FILE | SHIM_REGION_GUARD)
#define KEY_ATTEMPTS 8

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

static uint64_t provider_access(uint32_t access) {
  uint64_t granted = FI_SEND | FI_RECV | FI_READ | FI_WRITE;
  if ((access & (SHIM_REMOTE_WRITE | SHIM_REMOTE_ATOMIC)) != 0)
    granted |= FI_REMOTE_WRITE;
  if ((access & (SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC)) != 0)
    granted |= FI_REMOTE_READ;
  return granted;
}

int fabric_register(struct shim_domain *domain, void *memory, uint64_t bytes, uint64_t access, struct fid_mr **mr) {
  size_t key_bytes = domain->info->domain_attr->mr_key_size;
  int answer = -FI_ENOKEY;
  /* A key that is taken already is unlikely, and refused. */
  for (int i = 0; i < KEY_ATTEMPTS && (answer == -FI_ENOKEY || answer == -EEXIST); i++) {
    uint64_t key;
    fabric_random(&key, sizeof key);
    if (key_bytes > 0 && key_bytes < sizeof key)
      key &= (UINT64_C(1) << (8u * key_bytes)) - 1u;
    answer = fi_mr_reg(domain->domain, memory, bytes, access, 0, key, 0, mr, NULL);
  }
  if (answer == 0 && domain->needs_endpoint_mr) {
    answer = fi_mr_bind(*mr, &domain->port.ep->fid, 0);
    if (answer == 0)
      answer = fi_mr_enable(*mr);
    if (answer != 0)
      (void)fi_close(&(*mr)->fid);
  }
  return answer;
}

static int add(struct shim_region *region, uint32_t flags) {
  struct shim_domain *domain = region->domain;
  int error = allocate(region, flags);
  if (error != 0)
    return error;
  fabric_lock(domain);
  int answer = fabric_register(domain, region->address, region->length, provider_access(region->access), &region->mr);
  if (answer == 0) {
    region->desc = fi_mr_desc(region->mr);
    bool virtual = (domain->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR) != 0;
    region->remote_address = virtual ? (uint64_t)(uintptr_t)region->address : 0;
    shim_list_append(&domain->regions, &region->link);
  }
  fabric_unlock(domain);
  if (answer == 0)
    return 0;
  (void)munmap(region->address, region->mapped_length);
  if (region->fd >= 0)
    (void)close(region->fd);
  return fabric_fail(domain, "fi_mr_reg", answer, "cannot register memory");
}

int shim_region_open(struct shim_domain *domain, uint64_t length, uint32_t access, uint32_t flags,
                     struct shim_region **opened) {
  if (length == 0 || length > INT64_MAX / 2)
    return shim_fail(EINVAL, "a region of %llu bytes cannot be opened; ask for 1 byte or more",
                     (unsigned long long)length);
  if ((access & ~(uint32_t)ALL_ACCESS) != 0 || (flags & ~(uint32_t)ALL_FLAGS) != 0)
    return shim_fail(EINVAL, "unknown access 0x%x or flags 0x%x of a region", access, flags);
  struct shim_region *region = calloc(1, sizeof *region);
  if (region == NULL)
    return shim_fail(ENOMEM, "no memory for a region");
  uint64_t page = shm_page_bytes();
  region->domain = domain;
  region->length = length;
  region->access = access;
  region->pages = (length + page - 1u) / page * page;
  region->fd = -1;
  shim_list_init(&region->link);
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
      .remote_address = region->remote_address,
      .rkey = fi_mr_key(region->mr),
      .fd = region->fd,
      .access = region->access,
  };
  return 0;
}

int shim_region_close(struct shim_region *region) {
  struct shim_domain *domain = region->domain;
  fabric_lock(domain);
  for (struct shim_list *node = domain->endpoints.next; node != &domain->endpoints; node = node->next)
    fabric_receives_forget(SHIM_CONTAINER(node, struct shim_endpoint, link), region);
  int answer = fi_close(&region->mr->fid);
  if (answer == 0) {
    shim_list_remove(&region->link);
    shm_memory_blank(region->address, region->pages);
  }
  fabric_unlock(domain);
  if (answer != 0)
    return fabric_fail(domain, "fi_close", answer, "cannot deregister memory");
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
