/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting: spinning, sleeping, events for event loops; no completion is missed. */
#define _GNU_SOURCE
#include "fixture.h"

#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 2000u
#define SLEEPS 200u

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

/* A field of /proc/self/task/<thread>/status, behind its tab. */
static void thread_status(pid_t thread, const char *field, char *value, size_t capacity) {
  char line[128];
  (void)snprintf(line, sizeof line, "/proc/self/task/%d/status", (int)thread);
  FILE *status = fopen(line, "r");
  CHECK(status != NULL);
  value[0] = '\0';
  while (fgets(line, sizeof line, status) != NULL)
    if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
      (void)snprintf(value, capacity, "%s", line + strlen(field) + 2);
  CHECK_EQUAL(fclose(status), 0);
  CHECK(value[0] != '\0');
}

/* How often the bridges of this process have fallen asleep. */
static unsigned long bridge_sleeps(void) {
  unsigned long sum = 0;
  char value[128];
  DIR *threads = opendir("/proc/self/task");
  CHECK(threads != NULL);
  for (struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads)) {
    pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
    if (thread == 0)
      continue;
    thread_status(thread, "Name", value, sizeof value);
    if (strncmp(value, "rdmalib-verbs", 13) != 0)
      continue;
    thread_status(thread, "voluntary_ctxt_switches", value, sizeof value);
    sum += strtoul(value, NULL, 10);
  }
  CHECK_EQUAL(closedir(threads), 0);
  return sum;
}

static void *sleep_and_take(void *thread) {
  struct shim_completion completion;
  __atomic_store_n((pid_t *)thread, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
  for (uint32_t i = 0; i < SLEEPS; i++) {
    CHECK_EQUAL(shim_queue_block(server.queue, &completion, 1, 10000), 1);
    take_one(&server);
  }
  return NULL;
}

static void a_sleeper_alone_is_woken(void) {
  begin();
  pid_t sleeper = 0;
  pthread_t thread;
  char state[128] = "";
  struct shim_work work = ping(&client, &server);
  /* The bridge has waited for this channel before. */
  CHECK_EQUAL(shim_queue_arm(server.queue), 0);
  unsigned long before = bridge_sleeps();
  CHECK_EQUAL(pthread_create(&thread, NULL, sleep_and_take, &sleeper), 0);
  while (__atomic_load_n(&sleeper, __ATOMIC_ACQUIRE) == 0) {
  }
  for (uint32_t i = 0; i < SLEEPS; i++) {
    do
      thread_status(sleeper, "State", state, sizeof state);
    while (state[0] != 'S');
    CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  }
  CHECK_EQUAL(pthread_join(thread, NULL), 0);
  CHECK(bridge_sleeps() - before < SLEEPS / 2);
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

int main(void) {
  fixture_start();
  RUN(interrupts_end_waits);
  RUN(a_lost_peer_ends_waits);
  RUN(sleepers_miss_nothing);
  RUN(a_sleeper_alone_is_woken);
  RUN(event_loops_miss_nothing);
  return 0;
}
