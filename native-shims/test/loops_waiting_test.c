/* SPDX-License-Identifier: BSD-3-Clause */
/* The loops over a fake fabric: spinning, sleeping, being woken and stopped, and when counters are due. */
#define _GNU_SOURCE
#include "support/loops-fixture.h"

#include <pthread.h>
#include <time.h>

/* A loop that sleeps when there is nothing to do, in a thread of its own. */
struct sleeper {
  struct fixture *f;
  pthread_t thread;
  int result; /* of the loop; -1 until it returns */
};

static void *serve_once(void *argument) {
  struct sleeper *sleeper = argument;
  sleeper->result = fixture_serve(sleeper->f);
  return NULL;
}

static void start(struct sleeper *sleeper, struct fixture *f) {
  f->server->wait_milliseconds = 20000;
  *sleeper = (struct sleeper){.f = f, .result = -1};
  CHECK_EQUAL(pthread_create(&sleeper->thread, NULL, serve_once, sleeper), 0);
}

static void stop(struct sleeper *sleeper) {
  __atomic_store_n(&sleeper->f->stop, 1, __ATOMIC_RELAXED);
  fake_interrupt(&sleeper->f->server_end);
  CHECK_EQUAL(pthread_join(sleeper->thread, NULL), 0);
  CHECK_EQUAL(sleeper->result, RFAAS_SERVE_STOPPED);
  __atomic_store_n(&sleeper->f->stop, 0, __ATOMIC_RELAXED);
}

/* The immediate of the next reply, once it comes. */
static uint32_t await_reply(struct fixture *f) {
  struct shim_completion completion;
  while (fake_queue_poll((struct shim_queue *)(void *)&f->client_end.queue, &completion, 1) == 0) {
  }
  return completion.immediate;
}

static void invoke(struct fixture *f, uint32_t id) {
  CHECK_EQUAL(fixture_submit(f, id, 0, 1), 0);
  CHECK_EQUAL(await_reply(f), id << 16);
}

static void a_sleeping_loop_is_woken(void) {
  struct fixture f;
  struct sleeper sleeper;
  uint32_t bytes = 0;
  fixture_open_with_functions(&f);
  start(&sleeper, &f);
  /* It sleeps again after the work, without a return in between. */
  for (uint32_t id = 1; id <= 2; id++) {
    invoke(&f, id);
    CHECK_EQUAL(sleeper.result, -1);
  }
  stop(&sleeper);
  /* Only counters that are due end that. */
  f.server->flush_microseconds = 50000;
  CHECK_EQUAL(fixture_submit(&f, 3, 0, 1), 0);
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(&f, &bytes), 3u << 16);
  start(&sleeper, &f);
  stop(&sleeper);
  CHECK(f.server->hot_nanoseconds < 10000000000u);
  fixture_close(&f);
}

static uint64_t nanoseconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t milliseconds_now(void) {
  return nanoseconds_now() / 1000000u;
}

/* Longer than one look at the queue takes, shorter than the loop lingers. */
#define CLIENT_NANOSECONDS 10000u

static void a_burst_finds_a_sleeping_loop_awake(void) {
  struct fixture f;
  struct sleeper sleeper;
  fixture_open_with_functions(&f);
  start(&sleeper, &f);
  const uint32_t *sleeps = &f.server_end.queue.sleeps;
  uint32_t awake = 0;
  uint32_t id = 1;
  /* On a busy machine the loop may lose its processor in between, hence as often as it takes. */
  for (; awake < 20; id++) {
    CHECK(id < 30000);
    uint32_t before = __atomic_load_n(sleeps, __ATOMIC_SEQ_CST);
    uint64_t sent_at = nanoseconds_now() + CLIENT_NANOSECONDS;
    while (nanoseconds_now() < sent_at) {
    }
    awake = __atomic_load_n(sleeps, __ATOMIC_SEQ_CST) == before ? awake + 1 : 0;
    invoke(&f, id);
  }
  /* And then it sleeps. */
  uint32_t before = __atomic_load_n(sleeps, __ATOMIC_SEQ_CST);
  invoke(&f, id);
  while (__atomic_load_n(sleeps, __ATOMIC_SEQ_CST) == before) {
  }
  stop(&sleeper);
  fixture_close(&f);
}

static void spinning_takes_as_long_as_asked(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  uint64_t begin = milliseconds_now();
  f.server->spin_microseconds = 20000;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  uint64_t spun = milliseconds_now() - begin;
  CHECK(spun >= 19);
  CHECK(f.server->hot_nanoseconds >= 19000000u && f.server->hot_nanoseconds <= (spun + 2) * 1000000u);
  CHECK_EQUAL(f.server->execution_nanoseconds, 0);
  f.server->spin_microseconds = 10000000;
  f.server->flush_microseconds = 5000;
  CHECK_EQUAL(fixture_serve(&f), RFAAS_SERVE_IDLE);
  CHECK(f.server->hot_nanoseconds >= 24000000u);
  fixture_close(&f);
}

/* One JavaScript request and its reply: whether counters were due. */
static uint32_t due_with_request(struct fixture *f, uint32_t id) {
  uint32_t bytes = 0;
  CHECK_EQUAL(fixture_submit(f, id, 1, 1), 0);
  CHECK_EQUAL(fixture_serve(f), RFAAS_SERVE_REQUEST);
  uint32_t due = f->server->counters_due;
  f->server->counters_due = 0;
  fixture_give_reply(f, id, RFAAS_OK, "x");
  CHECK_EQUAL(fixture_serve(f), RFAAS_SERVE_IDLE);
  CHECK_EQUAL(fixture_reply(f, &bytes), id << 16);
  return due;
}

static void counters_are_due_once_in_their_time(void) {
  struct fixture f;
  fixture_open_with_functions(&f);
  f.server->flush_microseconds = 1000;
  CHECK_EQUAL(due_with_request(&f, 0), 1);
  uint64_t begin = milliseconds_now();
  while (milliseconds_now() - begin < 2) {
  }
  f.server->flush_microseconds = 100000000;
  CHECK_EQUAL(due_with_request(&f, 1), 1);
  CHECK(f.server->execution_nanoseconds > 0);
  CHECK_EQUAL(due_with_request(&f, 2), 0);
  CHECK_EQUAL(due_with_request(&f, 3), 0);
  fixture_close(&f);
}

int main(void) {
  RUN(a_sleeping_loop_is_woken);
  RUN(a_burst_finds_a_sleeping_loop_awake);
  RUN(spinning_takes_as_long_as_asked);
  RUN(counters_are_due_once_in_their_time);
  return 0;
}
