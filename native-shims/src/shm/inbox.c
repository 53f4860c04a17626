/* SPDX-License-Identifier: BSD-3-Clause */
/* The shared memory of a connection: each endpoint makes its inbox and maps its peer's as its outbox. */
#include "internal.h"
#include "sealed-memory.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

bool shm_entries_valid(uint32_t entries) {
  return entries >= 1u && entries <= SHM_MAX_ENTRIES && (entries & (entries - 1u)) == 0u;
}

static uint64_t memory_bytes(uint32_t entries) {
  return shm_round_up(shm_inbox_bytes(entries), shm_page_bytes());
}

int shm_inbox_open(struct shim_endpoint *endpoint) {
  uint32_t entries = 1;
  while (entries < endpoint->receive_depth)
    entries *= 2u;
  uint64_t bytes = memory_bytes(entries);
  int fd = shm_memory_file(bytes, "an endpoint's receive queue");
  if (fd < 0)
    return fd;
  uint8_t *address;
  uint64_t mapped;
  int error = shm_memory_seal(fd, false);
  if (error == 0)
    error = shm_memory_map(fd, bytes, true, false, &address, &mapped);
  if (error != 0) {
    (void)close(fd);
    return error;
  }
  endpoint->inbox_fd = fd;
  endpoint->inbox_bytes = mapped;
  endpoint->consumer = (struct shm_consumer){.inbox = (struct shm_inbox *)(void *)address, .mask = entries - 1u};
  return 0;
}

int shm_outbox_map(struct shim_endpoint *endpoint, int fd, uint32_t entries) {
  if (!shm_entries_valid(entries))
    return shim_fail(EPROTO, "the peer announced a receive queue of %u entries", entries);
  uint64_t bytes = memory_bytes(entries);
  int error = shm_memory_verify(fd, bytes);
  if (error != 0)
    return error;
  uint8_t *address;
  uint64_t mapped;
  error = shm_memory_map(fd, bytes, true, false, &address, &mapped);
  if (error != 0)
    return error;
  endpoint->outbox_bytes = mapped;
  endpoint->producer = (struct shm_producer){.inbox = (struct shm_inbox *)(void *)address, .mask = entries - 1u};
  return 0;
}

void shm_inbox_close(struct shim_endpoint *endpoint) {
  if (endpoint->consumer.inbox != NULL)
    (void)munmap(endpoint->consumer.inbox, endpoint->inbox_bytes);
  if (endpoint->producer.inbox != NULL)
    (void)munmap(endpoint->producer.inbox, endpoint->outbox_bytes);
  if (endpoint->inbox_fd >= 0)
    (void)close(endpoint->inbox_fd);
  endpoint->consumer.inbox = NULL;
  endpoint->producer.inbox = NULL;
  endpoint->inbox_fd = -1;
}
