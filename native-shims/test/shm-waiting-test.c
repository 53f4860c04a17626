/* SPDX-License-Identifier: BSD-3-Clause */
/* Sleeping on queues of one and of several endpoints, owed events, interrupts, solicited wake-ups, ends. */
#define _GNU_SOURCE
#include "support/shm-fixture.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

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

static void tell(struct shim_endpoint *endpoint, uint32_t immediate, uint32_t flags) {
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_IMMEDIATE | flags, .immediate = immediate};
  CHECK_EQUAL(shim_post(endpoint, &work), 0);
}

static uint64_t milliseconds_now(void) {
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000u + (uint64_t)time.tv_nsec / 1000000u;
}

/* Echoes immediates, sleeping in between, until it gets 0. The queue may have any number of endpoints. */
struct echo {
  struct side *side;
  struct shim_endpoint *endpoints[2];
  uint32_t ids[2];
};

static void *echo(void *argument) {
  struct echo *self = argument;
  for (;;) {
    struct shim_completion completion;
    int taken = shim_queue_block(self->side->queue, &completion, 1, 5000);
    if (taken == 0)
      continue; /* a state changed */
    CHECK_EQUAL(taken, 1);
    struct shim_endpoint *endpoint = self->endpoints[completion.endpoint_id == self->ids[1] ? 1 : 0];
    if (completion.immediate == 0)
      return NULL;
    CHECK_EQUAL(shim_post_receive(endpoint, NULL, 0, 0, 0, 1), 0);
    tell(endpoint, completion.immediate + 1u, 0);
  }
}

static void sleepers_echo(uint32_t rounds, struct echo *other, struct shim_endpoint *mine[2]) {
  pthread_t thread;
  CHECK_EQUAL(pthread_create(&thread, NULL, echo, other), 0);
  for (uint32_t i = 1; i <= rounds; i++) {
    struct shim_endpoint *endpoint = mine[i % 2u];
    struct shim_completion completion;
    tell(endpoint, i, 0);
    uint64_t limit = milliseconds_now() + 5000u;
    int taken = 0;
    while (taken == 0 && milliseconds_now() < limit)
      taken = shim_queue_block(client.queue, &completion, 1, 5000);
    CHECK_EQUAL(taken, 1);
    CHECK_EQUAL(completion.immediate, i + 1u);
    CHECK_EQUAL(shim_post_receive(endpoint, NULL, 0, 0, 0, 1), 0);
  }
  tell(mine[0], 0, 0);
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
}

static void one_endpoint_wakes_a_sleeper(void) {
  begin();
  struct echo other = {.side = &server, .endpoints = {server.endpoint, server.endpoint}};
  struct shim_endpoint *mine[2] = {client.endpoint, client.endpoint};
  sleepers_echo(5000, &other, mine);
  end();
}

static void several_endpoints_wake_a_sleeper(void) {
  begin();
  struct echo other = {.side = &server, .endpoints = {server.endpoint}};
  struct shim_endpoint *mine[2] = {client.endpoint};
  fixture_pair(&client, &server);
  other.endpoints[1] = server.endpoint;
  mine[1] = client.endpoint;
  /* Ids as a completion names them. */
  struct shim_completion completion;
  tell(mine[1], 5, 0);
  completion = fixture_completion(server.queue);
  CHECK_EQUAL(completion.immediate, 5);
  other.ids[1] = completion.endpoint_id;
  sleepers_echo(5000, &other, mine);
  end();
}

static void an_owed_event_comes_once(void) {
  begin();
  struct shim_completion completion;
  struct shim_event event;
  CHECK_EQUAL(shim_queue_arm(server.queue), 0);
  tell(client.endpoint, 1, 0);
  tell(client.endpoint, 2, 0);
  event = fixture_expect(server.domain, SHIM_EVENT_READABLE);
  CHECK(event.owner_id > 0 && event.object == (uint64_t)(uintptr_t)server.queue);
  CHECK_EQUAL(fixture_completion(server.queue).immediate, 1);
  CHECK_EQUAL(shim_queue_arm(server.queue), 1);
  CHECK_EQUAL(fixture_completion(server.queue).immediate, 2);
  CHECK_EQUAL(shim_queue_poll(server.queue, &completion, 1), 0);
  CHECK_EQUAL(shim_domain_next_event(server.domain, &event), 0);
  /* An own request completes: the event is owed for that, too. */
  (void)shim_queue_arm(client.queue); /* takes the notice of the connection */
  CHECK_EQUAL(shim_queue_arm(client.queue), 0);
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_SIGNALED};
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  (void)fixture_expect(client.domain, SHIM_EVENT_READABLE);
  CHECK_EQUAL(fixture_completion(client.queue).opcode, SHIM_WRITE);
  /* And when the peer goes away. */
  CHECK_EQUAL(shim_queue_arm(server.queue), 0);
  CHECK_EQUAL(shim_endpoint_disconnect(client.endpoint), 0);
  (void)fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED);
  (void)fixture_expect(server.domain, SHIM_EVENT_READABLE);
  end();
}

static void *tell_soon(void *unused) {
  tell(client.endpoint, 1, 0);
  return unused;
}

static void a_sleep_does_not_swallow_an_owed_event(void) {
  begin();
  struct shim_completion completion;
  pthread_t thread;
  for (uint32_t i = 0; i < 20; i++) {
    (void)shim_queue_arm(server.queue); /* takes the notice of the connection */
    CHECK_EQUAL(shim_queue_arm(server.queue), 0);
    CHECK_EQUAL(pthread_create(&thread, NULL, tell_soon, NULL), 0);
    CHECK_EQUAL(shim_queue_block(server.queue, &completion, 1, 5000), 1);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    tell(client.endpoint, 2, 0);
    (void)fixture_expect(server.domain, SHIM_EVENT_READABLE);
    CHECK_EQUAL(fixture_completion(server.queue).immediate, 2);
    CHECK_EQUAL(shim_post_receive(server.endpoint, NULL, 0, 0, 0, 2), 0);
  }
  end();
}

static void *interrupt(void *queue) {
  CHECK_EQUAL(shim_queue_interrupt(queue), 0);
  return NULL;
}

static void interrupts_are_kept_and_wake(void) {
  begin();
  struct shim_completion completion;
  (void)shim_queue_block(server.queue, &completion, 1, 0); /* takes the notice of the connection */
  uint64_t began = milliseconds_now();
  CHECK_EQUAL(shim_queue_interrupt(server.queue), 0);
  CHECK_EQUAL(shim_queue_block(server.queue, &completion, 1, 20000), 0);
  CHECK_EQUAL(shim_queue_interrupt(server.queue), 0);
  CHECK_EQUAL(shim_queue_spin(server.queue, &completion, 1, 20000000), 0);
  for (int i = 0; i < 200; i++) {
    pthread_t thread;
    CHECK_EQUAL(pthread_create(&thread, NULL, interrupt, server.queue), 0);
    CHECK_EQUAL(i % 2 == 0 ? shim_queue_block(server.queue, &completion, 1, 20000)
                           : shim_queue_spin(server.queue, &completion, 1, 20000000),
                0);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
  }
  CHECK(milliseconds_now() - began < 15000u);
  CHECK_EQUAL(shim_queue_block(server.queue, &completion, 1, 20), 0);
  CHECK(milliseconds_now() - began >= 20u);
  end();
}

static void only_solicited_ones_wake_who_asked_so(void) {
  begin();
  struct shim_queue *own = server.queue;
  CHECK(shim_queue_open(server.domain, 64, 1, &server.queue) > 0);
  fixture_pair(&client, &server);
  struct shim_completion completion;
  struct shim_event event;
  (void)shim_queue_block(server.queue, &completion, 1, 0);
  CHECK_EQUAL(shim_queue_arm(server.queue), 0);
  tell(client.endpoint, 1, 0);
  uint64_t began = milliseconds_now();
  CHECK_EQUAL(shim_domain_next_event(server.domain, &event), 0);
  tell(client.endpoint, 2, SHIM_SOLICITED);
  (void)fixture_expect(server.domain, SHIM_EVENT_READABLE);
  CHECK(milliseconds_now() - began < 5000u);
  CHECK_EQUAL(fixture_completion(server.queue).immediate, 1);
  CHECK_EQUAL(fixture_completion(server.queue).immediate, 2);
  CHECK(own != server.queue);
  end();
}

static void the_end_wakes_and_flushes(void) {
  begin();
  struct shim_completion completions[64];
  tell(client.endpoint, 1, 0);
  CHECK_EQUAL(shim_endpoint_disconnect(client.endpoint), 0);
  CHECK_EQUAL(shim_endpoint_disconnect(client.endpoint), 0);
  struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED);
  CHECK_EQUAL(event.reason, SHIM_CLOSED_BY_PEER);
  /* What was published before comes first, then the receives that nothing will use. */
  CHECK_EQUAL(shim_queue_block(server.queue, completions, 64, 5000), 32);
  CHECK_EQUAL(completions[0].immediate, 1);
  for (int i = 1; i < 32; i++)
    CHECK_EQUAL(completions[i].status, SHIM_FLUSHED);
  CHECK_EQUAL(shim_queue_poll(server.queue, completions, 64), 0);
  struct shim_work work = {.opcode = SHIM_WRITE};
  CHECK_EQUAL(shim_post(server.endpoint, &work), -ENOTCONN);
  CHECK_EQUAL(shim_post_receive(server.endpoint, NULL, 0, 0, 0, 1), -ENOTCONN);
  CHECK_EQUAL(shim_endpoint_state(server.endpoint), SHIM_DISCONNECTED);
  CHECK_EQUAL(shim_queue_poll(client.queue, completions, 64), 32);
  CHECK_EQUAL(shim_queue_close(client.queue), -EBUSY);
  end();
}

static void refusals_and_absent_listeners_are_events(void) {
  client = (struct side){.domain = fixture_domain("")};
  server = (struct side){.domain = fixture_domain("")};
  struct shim_listener *listener;
  CHECK(shim_listener_open(server.domain, "localhost", 0, 1, &listener) > 0);
  uint32_t port = (uint32_t)shim_listener_port(listener);
  struct shim_listener *second;
  CHECK_EQUAL(shim_listener_open(client.domain, "", port, 1, &second), -EADDRINUSE);
  CHECK_EQUAL(shim_listener_open(client.domain, "10.1.2.3", 0, 1, &second), -EADDRNOTAVAIL);
  fixture_fill(&client, NULL, 4);
  CHECK_EQUAL(shim_endpoint_connect(client.endpoint, "", port, "x", 1, 5000), 0);
  struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK_EQUAL(shim_request_reject((struct shim_request *)(uintptr_t)event.object, "no", 2), 0);
  event = fixture_expect(client.domain, SHIM_EVENT_REFUSED);
  CHECK(event.private_data_bytes == 2 && memcmp(event.private_data, "no", 2) == 0);
  CHECK_EQUAL(shim_endpoint_state(client.endpoint), SHIM_FAILED);
  /* Never answered: the connector's own time-out. */
  fixture_fill(&client, NULL, 4);
  CHECK_EQUAL(shim_endpoint_connect(client.endpoint, "", port, NULL, 0, 50), 0);
  CHECK_EQUAL(fixture_expect(client.domain, SHIM_EVENT_FAILED).error, -ETIMEDOUT);
  /* The backlog of one is used up by the request that nobody answers: the next waits, and gets its turn. */
  fixture_fill(&client, NULL, 4);
  CHECK_EQUAL(shim_endpoint_connect(client.endpoint, "", port, "y", 1, 5000), 0);
  event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK_EQUAL(shim_request_reject((struct shim_request *)(uintptr_t)event.object, NULL, 0), 0);
  event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK_EQUAL(event.private_data[0], 'y');
  /* An endpoint that is closed without having accepted refuses. */
  fixture_fill(&server, (struct shim_request *)(uintptr_t)event.object, 4);
  CHECK_EQUAL(shim_endpoint_close(server.endpoint), 0);
  (void)fixture_expect(client.domain, SHIM_EVENT_REFUSED);
  CHECK_EQUAL(shim_listener_close(listener), 0);
  fixture_fill(&client, NULL, 4);
  CHECK_EQUAL(shim_endpoint_connect(client.endpoint, "", port, NULL, 0, 5000), 0);
  CHECK_EQUAL(fixture_expect(client.domain, SHIM_EVENT_FAILED).error, -ECONNREFUSED);
  CHECK(strstr(fixture_error(), "no listener") != NULL);
  end();
}

int main(void) {
  fixture_start();
  RUN(one_endpoint_wakes_a_sleeper);
  RUN(several_endpoints_wake_a_sleeper);
  RUN(an_owed_event_comes_once);
  RUN(a_sleep_does_not_swallow_an_owed_event);
  RUN(interrupts_are_kept_and_wake);
  RUN(only_solicited_ones_wake_who_asked_so);
  RUN(the_end_wakes_and_flushes);
  RUN(refusals_and_absent_listeners_are_events);
  return 0;
}
