/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring without a connection around it: layouts, wrap-around, and that no wake-up is lost. Also under TSan. */
#define _GNU_SOURCE
#include "../src/common/futex.h"
#include "../src/shm/message.h"
#include "../src/shm/ring.h"
#include "rdmalib_shim.h"
#include "support/check.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#define LITMUS_ROUNDS 1000000u
#define SLEEP_ROUNDS 20000u

static struct shm_inbox *make_inbox(uint64_t entries) {
  size_t bytes = (size_t)shm_inbox_bytes(entries);
  void *memory = NULL;
  CHECK_EQUAL(posix_memalign(&memory, 4096, bytes), 0);
  memset(memory, 0, (size_t)shm_inbox_small_offset(entries));
  return memory;
}

static void layouts_are_fixed(void) {
  CHECK_EQUAL(sizeof(struct shim_capabilities), 64);
  CHECK_EQUAL(sizeof(struct shim_event), 408);
  CHECK_EQUAL(sizeof(struct shim_region_info), 64);
  CHECK_EQUAL(sizeof(struct shim_remote), 24);
  CHECK_EQUAL(sizeof(struct shim_segment), 24);
  CHECK_EQUAL(sizeof(struct shim_work), 48 + 24 * SHIM_MAX_SEGMENTS);
  CHECK_EQUAL(sizeof(struct shim_completion), 32);
  CHECK_EQUAL(sizeof(struct shim_endpoint_options), 32);
  CHECK_EQUAL(sizeof(struct shm_descriptor), 64);
  CHECK_EQUAL(offsetof(struct shm_inbox, posted), 0);
  CHECK_EQUAL(offsetof(struct shm_inbox, armed), 128);
  CHECK_EQUAL(offsetof(struct shm_inbox, ring), 256);
  CHECK_EQUAL(sizeof(struct shm_header), 8);
  CHECK_EQUAL(sizeof(struct shm_greeting), 24 + SHIM_MAX_PRIVATE_DATA);
  CHECK_EQUAL(sizeof(struct shm_map), 40);
}

/* Sends everything twice around a ring of these entries, beginning at `first`. */
static void go_around(uint64_t entries, uint64_t first) {
  struct shm_inbox *inbox = make_inbox(entries);
  for (uint64_t i = first - entries; i != first; i++) /* as an earlier lap has left them */
    inbox->ring[i & (entries - 1u)].head = (uint64_t)(uint32_t)(i + 1u) << 32;
  inbox->posted = first;
  struct shm_producer producer = {.inbox = inbox, .mask = entries - 1u, .count = first, .credit = first};
  struct shm_consumer consumer = {.inbox = inbox, .mask = entries - 1u, .count = first};
  uint64_t body;
  uint32_t immediate;
  for (uint64_t lap = 0; lap < 4; lap++) {
    CHECK_EQUAL(shm_producer_has_credit(&producer), 0);
    CHECK(!shm_consumer_take(&consumer, &body, &immediate));
    shm_consumer_grant(&consumer, first + (lap + 1u) * entries);
    for (uint64_t i = 0; i < entries; i++) {
      CHECK_EQUAL(shm_producer_has_credit(&producer), 1);
      CHECK_EQUAL(shm_producer_publish(&producer, shm_descriptor_body(SHIM_WRITE, SHIM_IMMEDIATE, (uint32_t)i), 7u), 0);
    }
    CHECK_EQUAL(shm_producer_has_credit(&producer), 0);
    for (uint64_t i = 0; i < entries; i++) {
      CHECK(shm_consumer_peek(&consumer));
      CHECK(shm_consumer_take(&consumer, &body, &immediate));
      CHECK_EQUAL(body >> 32, i);
      CHECK_EQUAL(immediate, 7);
    }
  }
  free(inbox);
}

static void rings_wrap_around(void) {
  for (uint64_t entries = 1; entries <= 64; entries *= 8) {
    go_around(entries, entries);
    go_around(entries, (1ull << 32) - entries);      /* the sequence number becomes 0 between two laps */
    go_around(entries, (1ull << 32) - entries * 2u); /* and is some laps later 1 again */
    go_around(entries, (1ull << 32) * 5u - entries / 2u - 1u);
  }
}

static void impossible_credits_are_seen(void) {
  struct shm_inbox *inbox = make_inbox(4);
  struct shm_producer producer = {.inbox = inbox, .mask = 3, .count = 10, .credit = 10};
  inbox->posted = 15;
  CHECK_EQUAL(shm_producer_has_credit(&producer), -1);
  inbox->posted = 9;
  CHECK_EQUAL(shm_producer_has_credit(&producer), -1);
  inbox->posted = 14;
  CHECK_EQUAL(shm_producer_has_credit(&producer), 1);
  free(inbox);
}

static void payloads_do_not_overlap(void) {
  struct shm_inbox *inbox = make_inbox(4);
  uint8_t *end = (uint8_t *)inbox + shm_inbox_bytes(4);
  for (uint64_t i = 0; i < 4; i++) {
    uint8_t *small = shm_inbox_payload(inbox, 3, i, SHM_SMALL_SEND_BYTES);
    uint8_t *large = shm_inbox_payload(inbox, 3, i, SHM_MAX_SEND_BYTES);
    CHECK(small >= (uint8_t *)&inbox->ring[4]);
    CHECK(small + SHM_SMALL_SEND_BYTES <= shm_inbox_payload(inbox, 3, 0, SHM_MAX_SEND_BYTES));
    CHECK(large + SHM_MAX_SEND_BYTES <= end);
    CHECK(i == 3 || large + SHM_MAX_SEND_BYTES == shm_inbox_payload(inbox, 3, i + 1u, SHM_MAX_SEND_BYTES));
  }
  free(inbox);
}

/* ---- waking -------------------------------------------------------------------------------------------------- */

static struct shm_inbox *shared_inbox;
static uint32_t round_begun;
static uint32_t round_published;
static uint32_t seen_armed;

static void wait_for(const uint32_t *word, uint32_t value) {
  for (uint32_t i = 1; __atomic_load_n(word, __ATOMIC_ACQUIRE) != value; i++)
    if (i % 512u == 0)
      (void)sched_yield();
}

static void *publish_rounds(void *unused) {
  struct shm_producer producer = {.inbox = shared_inbox, .mask = 7};
  for (uint32_t i = 1; i <= LITMUS_ROUNDS; i++) {
    wait_for(&round_begun, i);
    seen_armed = shm_producer_publish(&producer, 0, i);
    __atomic_store_n(&round_published, i, __ATOMIC_RELEASE);
  }
  return unused;
}

/* In every round one side publishes and looks at `armed` while the other arms and looks at the ring: one must see. */
static void one_of_the_two_sees_the_other(void) {
  shared_inbox = make_inbox(8);
  struct shm_consumer consumer = {.inbox = shared_inbox, .mask = 7};
  pthread_t thread;
  CHECK_EQUAL(pthread_create(&thread, NULL, publish_rounds, NULL), 0);
  uint32_t both = 0;
  uint32_t lost = 0;
  for (uint32_t i = 1; i <= LITMUS_ROUNDS; i++) {
    uint64_t body;
    uint32_t immediate;
    __atomic_store_n(&round_begun, i, __ATOMIC_RELEASE);
    for (volatile uint32_t delay = i % 64u; delay > 0; delay--) {
    }
    shm_consumer_arm(&consumer, SHM_ARMED_FUTEX);
    bool seen = shm_consumer_peek(&consumer);
    wait_for(&round_published, i);
    lost += !seen && seen_armed == 0;
    both += seen && seen_armed != 0;
    shm_consumer_arm(&consumer, 0);
    CHECK(shm_consumer_take(&consumer, &body, &immediate));
    CHECK_EQUAL(immediate, i);
  }
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  (void)printf("%u rounds: lost %u, both saw %u\n", LITMUS_ROUNDS, lost, both);
  CHECK_EQUAL(lost, 0);
  free(shared_inbox);
}

static void *publish_and_wake(void *unused) {
  struct shm_producer producer = {.inbox = shared_inbox, .mask = 7};
  for (uint32_t i = 1; i <= SLEEP_ROUNDS; i++) {
    while (shm_producer_has_credit(&producer) == 0)
      (void)sched_yield();
    if (shm_producer_publish(&producer, 0, i) != 0 && shm_producer_disarm(&producer) != 0)
      shim_futex_wake(&shared_inbox->armed);
  }
  return unused;
}

/* A sleeper without a time limit: a lost wake-up hangs the test. */
static void sleepers_are_woken(void) {
  shared_inbox = make_inbox(8);
  struct shm_consumer consumer = {.inbox = shared_inbox, .mask = 7};
  pthread_t thread;
  CHECK_EQUAL(pthread_create(&thread, NULL, publish_and_wake, NULL), 0);
  uint64_t posted = 0;
  for (uint32_t i = 1; i <= SLEEP_ROUNDS;) {
    uint64_t body;
    uint32_t immediate;
    uint64_t wanted = consumer.count + 1u + i % 3u;
    posted = wanted > posted ? wanted : posted;
    shm_consumer_grant(&consumer, posted);
    shm_consumer_arm(&consumer, SHM_ARMED_FUTEX);
    if (!shm_consumer_peek(&consumer))
      shim_futex_wait(&shared_inbox->armed, SHM_ARMED_FUTEX, UINT64_MAX);
    for (; shm_consumer_take(&consumer, &body, &immediate); i++)
      CHECK_EQUAL(immediate, i);
  }
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  free(shared_inbox);
}

int main(void) {
  RUN(layouts_are_fixed);
  RUN(rings_wrap_around);
  RUN(impossible_credits_are_seen);
  RUN(payloads_do_not_overlap);
  RUN(one_of_the_two_sees_the_other);
  RUN(sleepers_are_woken);
  return 0;
}
