/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fabric inside one process, for the loops alone: two endpoints, whose writes are copies under one lock, and faults
 * to order. It keeps the ABI's promises about receives, immediates, failures and disconnects.
 */
#ifndef TEST_FAKE_FABRIC_H
#define TEST_FAKE_FABRIC_H

#include "rdmalib_shim.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define FAKE_QUEUE 1024u
#define FAKE_REGIONS 16u

/* Registered memory of either side. */
struct fake_region {
  uint8_t *bytes;
  uint64_t length;
  uint64_t key;
  uint64_t mapped_length; /* 0: cannot be mapped by the peer */
  int guarded;
  int refuses_writes; /* a write to it completes with SHIM_REMOTE_ACCESS_ERROR */
};

struct fake_queue {
  struct shim_completion entries[FAKE_QUEUE];
  uint32_t head;
  uint32_t count;
  int interrupted;
  uint32_t sleeps; /* (atomic) how often a thread fell asleep for want of completions */
};

struct fake_endpoint {
  struct fake_endpoint *peer;
  struct fake_queue queue;
  int state;
  uint32_t receives;
  uint32_t posts;
  /* Faults: how many of the next posts meet a full queue, or no receive. */
  uint32_t full;
  uint32_t not_ready;
};

static pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t fake_change = PTHREAD_COND_INITIALIZER;
static struct fake_region fake_regions[FAKE_REGIONS];

static inline void fake_push(struct fake_queue *queue, struct shim_completion completion) {
  if (queue->count == FAKE_QUEUE) {
    abort();
  }
  queue->entries[(queue->head + queue->count++) % FAKE_QUEUE] = completion;
  pthread_cond_broadcast(&fake_change);
}

static inline int fake_error_text(char *text, uint32_t capacity) {
  (void)text;
  (void)capacity;
  return 0;
}

static inline int fake_take(struct fake_queue *queue, struct shim_completion *completions, uint32_t capacity) {
  uint32_t taken = 0;
  while (taken < capacity && queue->count > 0) {
    completions[taken++] = queue->entries[queue->head];
    queue->head = (queue->head + 1) % FAKE_QUEUE;
    queue->count--;
  }
  return (int)taken;
}

static inline int fake_queue_poll(struct shim_queue *opaque, struct shim_completion *completions, uint32_t capacity) {
  struct fake_queue *queue = (struct fake_queue *)(void *)opaque;
  pthread_mutex_lock(&fake_lock);
  int taken = fake_take(queue, completions, capacity);
  pthread_mutex_unlock(&fake_lock);
  return taken;
}

static inline int fake_queue_spin(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                                  uint32_t microseconds) {
  (void)microseconds;
  return fake_queue_poll(queue, completions, capacity);
}

/* Returns early only for completions, interrupts and changes of state, which broadcast. */
static inline int fake_queue_block(struct shim_queue *opaque, struct shim_completion *completions, uint32_t capacity,
                                   int32_t milliseconds) {
  struct fake_queue *queue = (struct fake_queue *)(void *)opaque;
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += milliseconds / 1000;
  until.tv_nsec += milliseconds % 1000 * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_nsec -= 1000000000L;
    until.tv_sec++;
  }
  pthread_mutex_lock(&fake_lock);
  if (queue->count == 0 && !queue->interrupted) {
    (void)__atomic_fetch_add(&queue->sleeps, 1, __ATOMIC_SEQ_CST);
    (void)pthread_cond_timedwait(&fake_change, &fake_lock, &until);
  }
  queue->interrupted = 0;
  int taken = fake_take(queue, completions, capacity);
  pthread_mutex_unlock(&fake_lock);
  return taken;
}

static inline void fake_interrupt(struct fake_endpoint *endpoint) {
  pthread_mutex_lock(&fake_lock);
  endpoint->queue.interrupted = 1;
  pthread_cond_broadcast(&fake_change);
  pthread_mutex_unlock(&fake_lock);
}

static inline int fake_endpoint_state(struct shim_endpoint *endpoint) {
  return __atomic_load_n(&((struct fake_endpoint *)(void *)endpoint)->state, __ATOMIC_ACQUIRE);
}

static inline int fake_endpoint_resolve(struct shim_endpoint *endpoint, const struct shim_remote *remote,
                                        uint32_t milliseconds) {
  (void)endpoint;
  (void)milliseconds;
  for (int i = 0; i < (int)FAKE_REGIONS; i++) {
    if (fake_regions[i].key == remote->rkey && fake_regions[i].bytes != NULL) {
      return remote->length > fake_regions[i].length ? -ERANGE : i;
    }
  }
  return -EACCES;
}

static inline int fake_endpoint_map(struct shim_endpoint *endpoint, uint32_t target, uint64_t *address,
                                    uint64_t *mapped_length) {
  (void)endpoint;
  const struct fake_region *region = &fake_regions[target];
  if (region->mapped_length == 0) {
    return -EOPNOTSUPP;
  }
  *address = (uint64_t)(uintptr_t)region->bytes;
  *mapped_length = region->mapped_length;
  return region->guarded;
}

static inline int fake_region_query(struct shim_region *region, struct shim_region_info *info) {
  (void)region;
  (void)info;
  return -EOPNOTSUPP;
}

/* SHIM_SUCCESS and the bytes that the peer shall see, or why not. */
static inline uint32_t fake_write(struct fake_endpoint *endpoint, const struct shim_work *work, uint32_t *bytes) {
  uint64_t at = work->target_offset;
  *bytes = (work->flags & SHIM_PLACED) != 0 ? (uint32_t)work->operand : 0;
  if (endpoint->peer->receives == 0 || endpoint->not_ready > 0) {
    endpoint->not_ready -= endpoint->not_ready > 0;
    return SHIM_RECEIVER_NOT_READY;
  }
  const struct fake_region *target = &fake_regions[work->target % FAKE_REGIONS];
  if ((work->segment_count > 0 || *bytes > 0) && target->refuses_writes) {
    return SHIM_REMOTE_ACCESS_ERROR;
  }
  for (uint32_t i = 0; i < work->segment_count; i++) {
    const struct shim_segment *segment = &work->segments[i];
    const struct fake_region *source = (const struct fake_region *)(uintptr_t)segment->region;
    if (segment->offset + segment->length > source->length) {
      return SHIM_LOCAL_PROTECTION_ERROR;
    }
    if (at + segment->length > target->length) {
      return SHIM_REMOTE_ACCESS_ERROR;
    }
    memcpy(target->bytes + at, source->bytes + segment->offset, segment->length);
    at += segment->length;
    *bytes += (uint32_t)segment->length;
  }
  return SHIM_SUCCESS;
}

static inline int fake_post(struct shim_endpoint *opaque, const struct shim_work *work) {
  struct fake_endpoint *endpoint = (struct fake_endpoint *)(void *)opaque;
  if (fake_endpoint_state(opaque) != SHIM_ESTABLISHED) {
    return -ENOTCONN;
  }
  pthread_mutex_lock(&fake_lock);
  endpoint->posts++;
  if (endpoint->full > 0) {
    endpoint->full--;
    pthread_mutex_unlock(&fake_lock);
    return -ENOBUFS;
  }
  uint32_t bytes = 0;
  uint32_t status = fake_write(endpoint, work, &bytes);
  if (status != SHIM_SUCCESS) {
    fake_push(&endpoint->queue,
              (struct shim_completion){.opcode = work->opcode, .status = status, .wr_id = work->wr_id});
  } else {
    endpoint->peer->receives--;
    fake_push(&endpoint->peer->queue, (struct shim_completion){.opcode = SHIM_RECEIVE_WRITE_IMMEDIATE,
                                                               .flags = SHIM_IMMEDIATE,
                                                               .immediate = work->immediate,
                                                               .byte_length = bytes});
  }
  pthread_mutex_unlock(&fake_lock);
  return 0;
}

static inline int fake_post_receive(struct shim_endpoint *opaque, struct shim_region *region, uint64_t offset,
                                    uint64_t length, uint32_t wr_id, uint32_t count) {
  (void)region;
  (void)offset;
  (void)length;
  (void)wr_id;
  if (fake_endpoint_state(opaque) != SHIM_ESTABLISHED) {
    return -ENOTCONN;
  }
  pthread_mutex_lock(&fake_lock);
  ((struct fake_endpoint *)(void *)opaque)->receives += count;
  pthread_mutex_unlock(&fake_lock);
  return 0;
}

static const struct shim_table fake_table = {
    .abi_version = SHIM_ABI_VERSION,
    .bytes = sizeof(struct shim_table),
    .error_text = fake_error_text,
    .queue_poll = fake_queue_poll,
    .queue_spin = fake_queue_spin,
    .queue_block = fake_queue_block,
    .endpoint_state = fake_endpoint_state,
    .endpoint_resolve = fake_endpoint_resolve,
    .endpoint_map = fake_endpoint_map,
    .region_query = fake_region_query,
    .post = fake_post,
    .post_receive = fake_post_receive,
};

static inline void fake_connect(struct fake_endpoint *one, struct fake_endpoint *other) {
  memset(one, 0, sizeof *one);
  memset(other, 0, sizeof *other);
  one->peer = other;
  other->peer = one;
  one->state = SHIM_ESTABLISHED;
  other->state = SHIM_ESTABLISHED;
}

static inline void fake_disconnect(struct fake_endpoint *endpoint) {
  pthread_mutex_lock(&fake_lock);
  __atomic_store_n(&endpoint->state, SHIM_DISCONNECTED, __ATOMIC_RELEASE);
  __atomic_store_n(&endpoint->peer->state, SHIM_DISCONNECTED, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&fake_change);
  pthread_mutex_unlock(&fake_lock);
}

#endif
