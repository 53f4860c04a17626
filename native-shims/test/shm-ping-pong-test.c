/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes with immediates to and fro: first in one process, then between two. Prints the round trip between pinned ones.
 */
#define _GNU_SOURCE
#include "support/shm-fixture.h"

#include <sched.h>
#include <sys/wait.h>
#include <time.h>

#define ROUNDS 200000u

static uint64_t now(void) {
  struct timespec time;
  (void)clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void ping(struct side *side, uint32_t target, uint32_t immediate) {
  struct shim_work work = fixture_work(side, SHIM_WRITE, SHIM_IMMEDIATE, target, 0, 64);
  work.immediate = immediate;
  CHECK_EQUAL(shim_post(side->endpoint, &work), 0);
}

static uint32_t take(struct side *side) {
  struct shim_completion completion = fixture_completion(side->queue);
  CHECK_EQUAL(completion.opcode, SHIM_RECEIVE_WRITE_IMMEDIATE);
  CHECK_EQUAL(completion.status, SHIM_SUCCESS);
  CHECK_EQUAL(completion.byte_length, 64);
  CHECK_EQUAL(shim_post_receive(side->endpoint, NULL, 0, 0, 0, 1), 0);
  return completion.immediate;
}

static void in_one_process(void) {
  struct side client = {.domain = fixture_domain("")};
  struct side server = {.domain = fixture_domain("")};
  fixture_pair(&client, &server);
  struct shim_remote to_server = fixture_remote(&server);
  struct shim_remote to_client = fixture_remote(&client);
  int forth = shim_endpoint_resolve(client.endpoint, &to_server, 5000);
  int back = shim_endpoint_resolve(server.endpoint, &to_client, 5000);
  CHECK(forth >= 0 && back >= 0);
  for (uint32_t i = 0; i < 1000; i++) {
    ((uint32_t *)(uintptr_t)client.info.address)[0] = i;
    ping(&client, (uint32_t)forth, i);
    CHECK_EQUAL(take(&server), i);
    CHECK_EQUAL(((uint32_t *)(uintptr_t)server.info.address)[0], i);
    ping(&server, (uint32_t)back, i + 1u);
    CHECK_EQUAL(take(&client), i + 1u);
  }
  fixture_close(&client);
  fixture_close(&server);
}

static void pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)processor, &set);
  /* One processor only: slower, and right all the same. */
  (void)sched_setaffinity(0, sizeof set, &set);
}

static int connect_to(struct side *side, uint32_t port) {
  fixture_fill(side, NULL, 64);
  CHECK_EQUAL(shim_post_receive(side->endpoint, NULL, 0, 0, 0, 32), 0);
  struct shim_remote own = fixture_remote(side);
  CHECK_EQUAL(shim_endpoint_connect(side->endpoint, "", port, &own, sizeof own, 5000), 0);
  struct shim_event event = fixture_expect(side->domain, SHIM_EVENT_ESTABLISHED);
  struct shim_remote peer;
  memcpy(&peer, event.private_data, sizeof peer);
  return shim_endpoint_resolve(side->endpoint, &peer, 5000);
}

/* What both processes do: nothing but the fabric's calls, so that they are what the time is spent on. */
static void echo(struct side *side, struct shim_work *work, uint32_t expected) {
  struct shim_completion completion;
  int taken = 0;
  for (int i = 0; i < 5000 && taken == 0; i++)
    taken = shim_queue_spin(side->queue, &completion, 1, 1000);
  CHECK(taken == 1 && completion.immediate == expected);
  CHECK_EQUAL(shim_post_receive(side->endpoint, NULL, 0, 0, 0, 1), 0);
  work->immediate = expected + 1u;
}

static void run_client(uint32_t port) {
  struct side side = {.domain = fixture_domain("")};
  int target = connect_to(&side, port);
  CHECK(target >= 0);
  pin(1);
  struct shim_work work = fixture_work(&side, SHIM_WRITE, SHIM_IMMEDIATE, (uint32_t)target, 0, 64);
  for (uint32_t i = 0; i < ROUNDS; i++) {
    echo(&side, &work, 2u * i);
    CHECK_EQUAL(shim_post(side.endpoint, &work), 0);
  }
  CHECK_EQUAL(fixture_expect(side.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_CLOSED_BY_PEER);
  fixture_close(&side);
}

static void run_server(struct side *side, struct shim_listener *listener) {
  struct shim_event event = fixture_expect(side->domain, SHIM_EVENT_CONNECT_REQUEST);
  struct shim_remote peer;
  memcpy(&peer, event.private_data, sizeof peer);
  fixture_fill(side, (struct shim_request *)(uintptr_t)event.object, 64);
  CHECK_EQUAL(shim_post_receive(side->endpoint, NULL, 0, 0, 0, 32), 0);
  struct shim_remote own = fixture_remote(side);
  CHECK_EQUAL(shim_endpoint_accept(side->endpoint, &own, sizeof own), 0);
  int target = shim_endpoint_resolve(side->endpoint, &peer, 5000);
  CHECK(target >= 0);
  pin(0);
  uint64_t best = UINT64_MAX;
  uint64_t begin = now();
  struct shim_work work = fixture_work(side, SHIM_WRITE, SHIM_IMMEDIATE, (uint32_t)target, 0, 64);
  for (uint32_t i = 0; i < ROUNDS; i++) {
    CHECK_EQUAL(shim_post(side->endpoint, &work), 0);
    echo(side, &work, 2u * i + 1u);
    if (i % 1000u == 999u) {
      uint64_t end = now();
      best = end - begin < best ? end - begin : best;
      begin = end;
    }
  }
  (void)printf("64 bytes to and fro: %.0f ns (best thousand of %u)\n", (double)best / 1000.0, ROUNDS);
  CHECK_EQUAL(shim_listener_close(listener), 0);
}

static void in_two_processes(void) {
  int ports[2];
  CHECK_EQUAL(pipe(ports), 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    uint32_t port;
    CHECK_EQUAL(read(ports[0], &port, sizeof port), sizeof port);
    run_client(port);
    _exit(0);
  }
  struct side side = {.domain = fixture_domain("")};
  struct shim_listener *listener;
  CHECK(shim_listener_open(side.domain, "", 0, 8, &listener) > 0);
  uint32_t port = (uint32_t)shim_listener_port(listener);
  CHECK_EQUAL(write(ports[1], &port, sizeof port), sizeof port);
  run_server(&side, listener);
  fixture_close(&side);
  int status;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
}

int main(void) {
  fixture_start();
  in_one_process();
  in_two_processes();
  return 0;
}
