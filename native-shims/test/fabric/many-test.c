/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thousand connections at once to one listener: all are served, and what each costs the listening side is bounded.
 * The connecting side is a process of its own with a few domains, as so many threads would be.
 */
#define _GNU_SOURCE
#include "fixture.h"

#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CONNECTIONS 1000u
#define CLIENTS 4u
#define DESCRIPTORS (8u * CONNECTIONS)
#define MOST_BYTES (1u << 20) /* of memory a connection */

static uint64_t resident_bytes(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL);
  CHECK_EQUAL(fscanf(file, "%*u %lu", &pages), 1);
  (void)fclose(file);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Connects all, says one word on each, and stays until it is killed. */
static void run_clients(uint32_t port) {
  struct side sides[CLIENTS] = {0};
  static struct shim_endpoint *endpoints[CONNECTIONS];
  struct shim_endpoint_options options = {.send_depth = 4, .receive_depth = 4};
  struct shim_completion completion;
  for (uint32_t i = 0; i < CLIENTS; i++) {
    sides[i].domain = fixture_domain("");
    CHECK(shim_queue_open(sides[i].domain, 4u * CONNECTIONS, 0, &sides[i].queue) > 0);
  }
  for (uint32_t i = 0; i < CONNECTIONS; i++) {
    struct side *side = &sides[i % CLIENTS];
    CHECK(shim_endpoint_open(side->domain, NULL, side->queue, side->queue, &options, &endpoints[i]) > 0);
    CHECK_EQUAL(shim_endpoint_connect(endpoints[i], fixture_host(), port, "hello", 5, 60000), 0);
  }
  for (uint32_t i = 0; i < CONNECTIONS; i++)
    (void)fixture_expect(sides[i % CLIENTS].domain, SHIM_EVENT_ESTABLISHED);
  for (uint32_t i = 0; i < CONNECTIONS; i++) {
    struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_IMMEDIATE | SHIM_SIGNALED, .immediate = i};
    CHECK_EQUAL(shim_post(endpoints[i], &work), 0);
  }
  for (;;)
    for (uint32_t i = 0; i < CLIENTS; i++)
      (void)shim_queue_block(sides[i].queue, &completion, 1, 20);
}

static void accept_all(struct side *server) {
  struct shim_endpoint_options options = {.send_depth = 4, .receive_depth = 4};
  for (uint32_t i = 0; i < CONNECTIONS; i++) {
    struct shim_event event = fixture_expect(server->domain, SHIM_EVENT_CONNECT_REQUEST);
    struct shim_endpoint *endpoint;
    int id = shim_endpoint_open(server->domain, (struct shim_request *)(uintptr_t)event.object, server->queue,
                                server->queue, &options, &endpoint);
    if (id <= 0)
      (void)fprintf(stderr, "connection %u: %s\n", i, fixture_error());
    CHECK(id > 0);
    CHECK_EQUAL(shim_post_receive(endpoint, NULL, 0, 0, 0, 4), 0);
    CHECK_EQUAL(shim_endpoint_accept(endpoint, NULL, 0), 0);
  }
}

static void all_are_served(void) {
  static bool heard[CONNECTIONS];
  struct side server = {.domain = fixture_domain("")};
  struct shim_listener *listener;
  (void)memset(heard, 0, sizeof heard);
  CHECK(shim_queue_open(server.domain, 8u * CONNECTIONS, 0, &server.queue) > 0);
  CHECK(shim_listener_open(server.domain, fixture_host(), 0, 1024, &listener) > 0);
  (void)malloc_trim(0); /* what earlier connections used and freed would hide what these use */
  uint64_t before = resident_bytes();
  char port[12];
  (void)snprintf(port, sizeof port, "%d", shim_listener_port(listener));
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)execl("/proc/self/exe", "many-test", "child", fixture_provider, port, NULL);
    _exit(127);
  }
  accept_all(&server);
  for (uint32_t i = 0; i < CONNECTIONS; i++) {
    struct shim_completion completion = fixture_completion(server.queue);
    CHECK_EQUAL(completion.opcode, SHIM_RECEIVE_WRITE_IMMEDIATE);
    CHECK(completion.immediate < CONNECTIONS && !heard[completion.immediate]);
    heard[completion.immediate] = true;
  }
  uint64_t after = resident_bytes();
  /* The kernel may have taken pages away meanwhile that nothing touched. */
  uint64_t each = after > before ? (after - before) / CONNECTIONS : 0;
  (void)printf("%u connections, %llu KiB of memory each\n", CONNECTIONS, (unsigned long long)each / 1024u);
  CHECK(each < MOST_BYTES);
  CHECK_EQUAL(kill(child, SIGKILL), 0);
  for (uint32_t i = 0; i < CONNECTIONS; i++)
    CHECK_EQUAL(fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_PEER_DIED);
  CHECK_EQUAL(waitpid(child, NULL, 0), child);
  CHECK_EQUAL(shim_domain_close(server.domain), 0);
}

static void run(void) {
  /* The deprecated provider's own threads take minutes for so many, and shm is not for crowds. */
  if (strstr(fixture_provider, "tcp") != NULL)
    RUN(all_are_served);
}

int main(int argc, char **argv) {
  struct rlimit limit;
  CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < DESCRIPTORS) {
    (void)printf("skipped: %u connections need %u descriptors, and \"ulimit -n\" allows %llu\n", CONNECTIONS,
                 DESCRIPTORS, (unsigned long long)limit.rlim_max);
    return 0;
  }
  if (argc == 4 && strcmp(argv[1], "child") == 0) {
    fixture_provider = argv[2];
    run_clients((uint32_t)atoi(argv[3]));
  }
  return fixture_for_each(argc, argv, run);
}
