/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting: spinning, sleeping, events for event loops; no completion is missed. */
#define _GNU_SOURCE
#define FIXTURE_POLLS
#include "fixture.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#define ROUNDS 2000u

static struct side client;
static struct side server;

static void begin(void) {
  client = (struct side){.domain = fixture_domain("")};
  server = (struct side){.domain = fixture_domain("")};
  fixture_pair(&client, &server);
}

static void end(void) {
  fixture_close(&client);
  fixture_close(&server);
}

static struct shim_work ping(struct side *from, const struct side *to) {
  struct shim_work work =
      fixture_work(from, SHIM_WRITE, SHIM_IMMEDIATE | SHIM_SOLICITED, fixture_target(from, to), 0, 16);
  return work;
}

static void take_one(struct side *side) {
  CHECK_EQUAL(shim_post_receive(side->endpoint, NULL, 0, 0, 0, 1), 0);
}

static void *answer_sleeping(void *unused) {
  struct shim_completion completion;
  struct shim_work work = ping(&server, &client);
  for (uint32_t i = 0; i < ROUNDS; i++) {
    CHECK_EQUAL(shim_queue_block(server.queue, &completion, 1, 10000), 1);
    CHECK_EQUAL(completion.immediate, i);
    take_one(&server);
    work.immediate = i;
    CHECK_EQUAL(shim_post(server.endpoint, &work), 0);
  }
  return unused;
}

static void sleepers_miss_nothing(void) {
  begin();
  pthread_t thread;
  struct shim_work work = ping(&client, &server);
  CHECK_EQUAL(pthread_create(&thread, NULL, answer_sleeping, NULL), 0);
  for (uint32_t i = 0; i < ROUNDS; i++) {
    work.immediate = i;
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
    CHECK_EQUAL(fixture_completion(client.queue).immediate, i);
    take_one(&client);
  }
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  end();
}

static void event_loops_miss_nothing(void) {
  begin();
  struct shim_completion completion;
  struct shim_work work = ping(&client, &server);
  for (uint32_t i = 0; i < ROUNDS; i++) {
    bool early = i % 2u == 0;
    work.immediate = i;
    if (early)
      CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
    int armed = shim_queue_arm(server.queue);
    if (!early)
      CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
    while (shim_queue_poll(server.queue, &completion, 1) == 0)
      if (armed == 1 || fixture_expect(server.domain, SHIM_EVENT_READABLE).type != 0)
        armed = shim_queue_arm(server.queue);
    CHECK_EQUAL(completion.immediate, i);
    take_one(&server);
  }
  end();
}

static void *interrupt(void *queue) {
  struct timespec pause = {.tv_nsec = 50000000};
  (void)nanosleep(&pause, NULL);
  CHECK_EQUAL(shim_queue_interrupt(queue), 0);
  return NULL;
}

static void interrupts_end_waits(void) {
  begin();
  struct shim_completion completion;
  pthread_t thread;
  CHECK_EQUAL(pthread_create(&thread, NULL, interrupt, server.queue), 0);
  CHECK_EQUAL(shim_queue_block(server.queue, &completion, 1, -1), 0);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  CHECK_EQUAL(pthread_create(&thread, NULL, interrupt, server.queue), 0);
  CHECK_EQUAL(shim_queue_spin(server.queue, &completion, 1, 10000000), 0);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  CHECK_EQUAL(shim_queue_block(server.queue, &completion, 1, 20), 0);
  CHECK_EQUAL(shim_queue_arm(server.queue), 0);
  CHECK_EQUAL(shim_queue_interrupt(server.queue), 0);
  (void)fixture_expect(server.domain, SHIM_EVENT_READABLE);
  CHECK_EQUAL(shim_queue_arm(server.queue), 1);
  end();
}

static void a_lost_peer_ends_waits(void) {
  begin();
  struct shim_completion completion;
  CHECK_EQUAL(shim_endpoint_disconnect(client.endpoint), 0);
  int taken = shim_queue_block(server.queue, &completion, 1, 10000);
  CHECK(taken == 0 || completion.status == SHIM_FLUSHED);
  CHECK_EQUAL(fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_CLOSED_BY_PEER);
  end();
}

/* Whoever has polled in vain and turned to something else is looked after by the bridge again. */
static void who_stops_polling_is_still_served(void) {
  begin();
  for (uint32_t round = 0; round < 5; round++) {
    struct shim_completion completion;
    /* Time for the bridge to fall asleep: if it does not, this round finds out nothing. */
    (void)nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    for (int i = 0; i < 5000; i++)
      CHECK_EQUAL(shim_queue_poll(server.queue, &completion, 1), 0);
    struct shim_work work = fixture_work(&client, SHIM_READ, SHIM_SIGNALED, fixture_target(&client, &server), 0, 16);
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
    CHECK_EQUAL(fixture_completion(client.queue).status, SHIM_SUCCESS);
  }
  end();
}

static void run(void) {
  RUN(interrupts_end_waits);
  RUN(a_lost_peer_ends_waits);
  RUN(sleepers_miss_nothing);
  RUN(event_loops_miss_nothing);
  RUN(who_stops_polling_is_still_served);
}

int main(int argc, char **argv) {
  return fixture_for_each(argc, argv, run);
}
