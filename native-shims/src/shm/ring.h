/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inbox: shared memory through which one peer (the producer) tells the other (the consumer, who made and owns the
 * inbox) that a receive was used up. One descriptor is one cache line, and the consumer polls nothing else: a
 * descriptor is valid when it carries the sequence number that the consumer expects.
 *
 * Space. Every descriptor uses up one posted receive, receives are posted only while fewer than the ring's entries are
 * outstanding, and a receive counts as outstanding until its descriptor was taken: so a producer with credit has space.
 *
 * Waking. The producer publishes, then looks at `armed`; the consumer arms, then looks at the ring. Both publish with a
 * sequentially consistent exchange and look with a sequentially consistent load, so at least one of the two sees the
 * other. With release and acquire both can miss, and a wake-up is lost.
 *
 * Trust. Each side copies what it reads once and validates the copy; indices are its own.
 */
#ifndef SHM_RING_H
#define SHM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHM_MAX_ENTRIES 4096u
#define SHM_SMALL_SEND_BYTES 512u
#define SHM_MAX_SEND_BYTES 65536u
#define SHM_AREA_ALIGNMENT 4096u

/* How a consumer waits: in `armed`. */
#define SHM_ARMED_FUTEX 1u     /* asleep on the word itself */
#define SHM_ARMED_SOCKET 2u    /* wants a wake message on the connection's socket */
#define SHM_ARMED_SOLICITED 4u /* only for solicited descriptors */

/* 64 bytes. */
struct shm_descriptor {
  uint64_t head; /* sequence number << 32 | immediate; written last */
  uint64_t body; /* length << 32 | flags << 8 | opcode */
  uint64_t unused[6];
};

struct shm_inbox {
  _Alignas(128) uint64_t posted; /* receives ever posted; written by the consumer */
  _Alignas(128) uint32_t armed;  /* set by the consumer, taken by the producer that wakes it */
  _Alignas(128) struct shm_descriptor ring[];
  /* Behind the ring: for each entry a small and a large place for the payload of a send. */
};

struct shm_producer {
  struct shm_inbox *inbox;
  uint64_t mask;
  uint64_t count;  /* descriptors ever published */
  uint64_t credit; /* `posted` as last read */
};

struct shm_consumer {
  struct shm_inbox *inbox;
  uint64_t mask;
  uint64_t count; /* descriptors ever taken */
};

static inline uint64_t shm_round_up(uint64_t bytes, uint64_t alignment) {
  return (bytes + alignment - 1u) & ~(alignment - 1u);
}

static inline uint64_t shm_inbox_small_offset(uint64_t entries) {
  return shm_round_up(sizeof(struct shm_inbox) + entries * sizeof(struct shm_descriptor), SHM_AREA_ALIGNMENT);
}

static inline uint64_t shm_inbox_large_offset(uint64_t entries) {
  return shm_round_up(shm_inbox_small_offset(entries) + entries * SHM_SMALL_SEND_BYTES, SHM_AREA_ALIGNMENT);
}

static inline uint64_t shm_inbox_bytes(uint64_t entries) {
  return shm_inbox_large_offset(entries) + entries * SHM_MAX_SEND_BYTES;
}

/* Where the payload of a send of `length` bytes lies that is announced by descriptor number `count`. */
static inline uint8_t *shm_inbox_payload(struct shm_inbox *inbox, uint64_t mask, uint64_t count, uint32_t length) {
  uint64_t index = count & mask;
  uint64_t offset = length <= SHM_SMALL_SEND_BYTES ? shm_inbox_small_offset(mask + 1u) + index * SHM_SMALL_SEND_BYTES
                                                   : shm_inbox_large_offset(mask + 1u) + index * SHM_MAX_SEND_BYTES;
  return (uint8_t *)inbox + offset;
}

static inline uint64_t shm_descriptor_body(uint32_t opcode, uint32_t flags, uint32_t length) {
  return (uint64_t)length << 32 | (uint64_t)(flags & 0xffffffu) << 8 | (opcode & 0xffu);
}

/* Credits as the consumer's word says now: 1 some, 0 none, -1 when the word is not possible. */
static inline int shm_producer_refresh(struct shm_producer *producer) {
  uint64_t posted = __atomic_load_n(&producer->inbox->posted, __ATOMIC_ACQUIRE);
  if (posted - producer->count > producer->mask + 1u)
    return -1;
  producer->credit = posted;
  return posted != producer->count;
}

static inline int shm_producer_has_credit(struct shm_producer *producer) {
  if (__builtin_expect(producer->count != producer->credit, 1))
    return 1;
  return shm_producer_refresh(producer);
}

/* Publishes one descriptor, for which there must be credit. Returns how the consumer is armed. */
static inline uint32_t shm_producer_publish(struct shm_producer *producer, uint64_t body, uint32_t immediate) {
  struct shm_inbox *inbox = producer->inbox;
  struct shm_descriptor *descriptor = &inbox->ring[producer->count & producer->mask];
  uint64_t next = producer->count + 1u;
  __atomic_store_n(&descriptor->body, body, __ATOMIC_RELAXED);
  (void)__atomic_exchange_n(&descriptor->head, (uint64_t)(uint32_t)next << 32 | immediate, __ATOMIC_SEQ_CST);
  producer->count = next;
  uint32_t armed = __atomic_load_n(&inbox->armed, __ATOMIC_SEQ_CST);
  return armed;
}

/* Takes the right to wake the consumer: what it was armed with, 0 when another wake-up came first. */
static inline uint32_t shm_producer_disarm(struct shm_producer *producer) {
  return __atomic_exchange_n(&producer->inbox->armed, 0, __ATOMIC_SEQ_CST);
}

static inline bool shm_head_is(uint64_t head, uint64_t count) {
  return (uint32_t)(head >> 32) == (uint32_t)(count + 1u);
}

/* Whether a descriptor is there. Sequentially consistent, for the look after arming. */
static inline bool shm_consumer_peek(const struct shm_consumer *consumer) {
  const struct shm_descriptor *descriptor = &consumer->inbox->ring[consumer->count & consumer->mask];
  return shm_head_is(__atomic_load_n(&descriptor->head, __ATOMIC_SEQ_CST), consumer->count);
}

/* Copies the next descriptor, if it is there. */
static inline bool shm_consumer_take(struct shm_consumer *consumer, uint64_t *body, uint32_t *immediate) {
  const struct shm_descriptor *descriptor = &consumer->inbox->ring[consumer->count & consumer->mask];
  uint64_t head = __atomic_load_n(&descriptor->head, __ATOMIC_ACQUIRE);
  if (!shm_head_is(head, consumer->count))
    return false;
  *immediate = (uint32_t)head;
  *body = __atomic_load_n(&descriptor->body, __ATOMIC_RELAXED);
  consumer->count++;
  return true;
}

/* Asks for the line of a descriptor some places on. */
static inline void shm_consumer_prefetch(const struct shm_consumer *consumer) {
  __builtin_prefetch(&consumer->inbox->ring[(consumer->count + 2u) & consumer->mask], 0);
}

/* Tells the producer how many receives were ever posted. */
static inline void shm_consumer_grant(struct shm_consumer *consumer, uint64_t posted) {
  __atomic_store_n(&consumer->inbox->posted, posted, __ATOMIC_RELEASE);
}

static inline void shm_consumer_arm(struct shm_consumer *consumer, uint32_t how) {
  (void)__atomic_exchange_n(&consumer->inbox->armed, how, __ATOMIC_SEQ_CST);
}

#endif
