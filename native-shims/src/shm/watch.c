/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the bridge watches. An epoll event names a watch by its index and generation, so that one which was reported in
 * the same batch in which its object went away is recognised as stale.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct shm_watch *shm_watch_find(struct shim_domain *domain, uint64_t watch) {
  uint32_t index = (uint32_t)watch;
  if (index >= domain->watch_count)
    return NULL;
  struct shm_watch *found = &domain->watches[index];
  return found->object != NULL && found->generation == (uint32_t)(watch >> 32) ? found : NULL;
}

static int free_index(struct shim_domain *domain, uint32_t *index) {
  for (uint32_t i = 0; i < domain->watch_count; i++)
    if (domain->watches[i].object == NULL) {
      *index = i;
      return 0;
    }
  uint32_t count = domain->watch_count == 0 ? 16u : domain->watch_count * 2u;
  struct shm_watch *grown = realloc(domain->watches, count * sizeof *grown);
  if (grown == NULL)
    return shim_fail(ENOMEM, "no memory to watch %u descriptors", count);
  for (uint32_t i = domain->watch_count; i < count; i++)
    grown[i] = (struct shm_watch){.object = NULL, .generation = 0};
  *index = domain->watch_count;
  domain->watches = grown;
  domain->watch_count = count;
  return 0;
}

int shm_watch_add(struct shim_domain *domain, int fd, enum shm_watch_kind kind, void *object, uint64_t *watch) {
  uint32_t index = 0;
  int error = free_index(domain, &index);
  if (error != 0)
    return error;
  struct shm_watch *entry = &domain->watches[index];
  uint64_t token = (uint64_t)entry->generation << 32 | index;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = token};
  if (epoll_ctl(domain->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
    return shim_fail(errno, "cannot watch descriptor %d (epoll_ctl: %s)", fd, shim_errno_name(errno));
  entry->kind = kind;
  entry->object = object;
  *watch = token;
  return 0;
}

void shm_watch_remove(struct shim_domain *domain, int fd, uint64_t *watch) {
  struct shm_watch *entry = shm_watch_find(domain, *watch);
  *watch = SHM_NO_WATCH;
  if (entry == NULL)
    return;
  entry->object = NULL;
  entry->generation++;
  (void)epoll_ctl(domain->epoll, EPOLL_CTL_DEL, fd, NULL);
}
