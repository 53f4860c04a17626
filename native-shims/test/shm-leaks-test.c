/* SPDX-License-Identifier: BSD-3-Clause */
/* Nothing stays behind, and exhausted descriptors are errors. */
#define _GNU_SOURCE
#include "support/shm-fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

#define CONNECTS 1000

static int count_descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  int count = 0;
  while (readdir(directory) != NULL)
    count++;
  (void)closedir(directory);
  return count;
}

/* Of memory files, all that the transport maps: what else is mapped is up to the libraries and the sanitizers. */
static int count_mappings(void) {
  FILE *maps = fopen("/proc/self/maps", "re");
  int count = 0;
  for (char line[1024]; fgets(line, sizeof line, maps) != NULL;)
    count += strstr(line, "memfd:") != NULL;
  (void)fclose(maps);
  return count;
}

/* One connection with a resolved and a handed-out target, ended by one side or the other. */
static void connect_once(struct side *client, struct side *server, struct shim_listener *listener, int round) {
  fixture_fill(client, NULL, 8);
  uint32_t port = (uint32_t)shim_listener_port(listener);
  CHECK_EQUAL(shim_endpoint_connect(client->endpoint, "", port, NULL, 0, 5000), 0);
  struct shim_event event = fixture_expect(server->domain, SHIM_EVENT_CONNECT_REQUEST);
  fixture_fill(server, (struct shim_request *)(uintptr_t)event.object, 8);
  CHECK_EQUAL(shim_endpoint_accept(server->endpoint, NULL, 0), 0);
  (void)fixture_expect(client->domain, SHIM_EVENT_ESTABLISHED);
  struct shim_remote remote = fixture_remote(server);
  int target = shim_endpoint_resolve(client->endpoint, &remote, 5000);
  CHECK(target >= 0);
  CHECK_EQUAL(shim_endpoint_resolve(client->endpoint, &remote, 0), target);
  uint64_t address = 0;
  uint64_t mapped = 0;
  if (round % 3 == 0)
    CHECK_EQUAL(shim_endpoint_map(client->endpoint, (uint32_t)target, &address, &mapped), 0);
  struct side *first = round % 2 == 0 ? client : server;
  struct side *second = first == client ? server : client;
  CHECK_EQUAL(shim_endpoint_close(first->endpoint), 0);
  (void)fixture_expect(second->domain, SHIM_EVENT_DISCONNECTED);
  CHECK_EQUAL(shim_endpoint_close(second->endpoint), 0);
  CHECK_EQUAL(shim_unmap(address, mapped), 0);
}

static void connections_leave_nothing(void) {
  struct side client = {.domain = fixture_domain("")};
  struct side server = {.domain = fixture_domain("")};
  struct shim_listener *listener;
  CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
  connect_once(&client, &server, listener, 0);
  int descriptors = count_descriptors();
  int mappings = count_mappings();
  CHECK(mappings > 0);
  for (int i = 0; i < CONNECTS; i++)
    connect_once(&client, &server, listener, i);
  CHECK_EQUAL(count_descriptors(), descriptors);
  CHECK_EQUAL(count_mappings(), mappings);
  fixture_close(&client);
  fixture_close(&server);
}

static void domains_leave_nothing(void) {
  int descriptors = 0;
  int mappings = 0;
  for (int i = 0; i < 60; i++) {
    struct side client = {.domain = fixture_domain("")};
    struct side server = {.domain = fixture_domain("")};
    fixture_pair(&client, &server);
    fixture_close(&client);
    fixture_close(&server);
    if (i == 9) {
      descriptors = count_descriptors();
      mappings = count_mappings();
    }
  }
  CHECK_EQUAL(count_descriptors(), descriptors);
  CHECK_EQUAL(count_mappings(), mappings);
}

/* With every number of free descriptors from none on, connecting fails with an error or works, and never hangs. */
static void exhausted_descriptors_are_errors(void) {
  struct rlimit limit;
  struct rlimit low;
  CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
  struct side server = {.domain = fixture_domain("")};
  struct side client = {.domain = fixture_domain("")};
  struct shim_listener *listener;
  CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
  uint32_t port = (uint32_t)shim_listener_port(listener);
  fixture_fill(&client, NULL, 8);
  CHECK_EQUAL(shim_endpoint_close(client.endpoint), 0);
  fixture_fill(&server, NULL, 8);
  CHECK_EQUAL(shim_endpoint_close(server.endpoint), 0);
  int free_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  (void)close(free_fd);
  struct shim_endpoint_options options = {.send_depth = 8, .receive_depth = 8};
  int worked = 0;
  int failed = 0;
  for (int more = 0; more < 12; more++) {
    low = (struct rlimit){.rlim_cur = (rlim_t)(free_fd + more), .rlim_max = limit.rlim_max};
    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct shim_region *region;
    int error = shim_region_open(server.domain, 4096, SHIM_REMOTE_READ, 0, &region);
    if (more == 0)
      CHECK_EQUAL(error, -EMFILE);
    if (error == 0) {
      struct shim_region_info info;
      CHECK_EQUAL(shim_region_query(region, &info), 0);
      CHECK_EQUAL(shim_region_close(region), 0);
      CHECK_EQUAL(shim_unmap(info.address, info.mapped_length), 0);
    }
    struct shim_endpoint *endpoint;
    error = shim_endpoint_open(client.domain, NULL, client.queue, client.queue, &options, &endpoint);
    if (error > 0) {
      error = shim_endpoint_connect(endpoint, "", port, NULL, 0, 200);
      struct shim_event event = {.type = 0};
      while (error == 0 && event.type == 0) {
        event = (struct shim_event){.type = 0};
        struct pollfd readable[2] = {{.fd = shim_domain_event_fd(client.domain), .events = POLLIN},
                                     {.fd = shim_domain_event_fd(server.domain), .events = POLLIN}};
        CHECK(poll(readable, 2, 5000) > 0);
        struct shim_event request;
        if (shim_domain_next_event(server.domain, &request) == 1 && request.type == SHIM_EVENT_CONNECT_REQUEST)
          CHECK_EQUAL(shim_request_reject((struct shim_request *)(uintptr_t)request.object, NULL, 0), 0);
        (void)shim_domain_next_event(client.domain, &event);
      }
      worked += event.type == SHIM_EVENT_REFUSED;
      failed += event.type != SHIM_EVENT_REFUSED;
      CHECK_EQUAL(shim_endpoint_close(endpoint), 0);
    } else {
      CHECK_EQUAL(error, -EMFILE);
      CHECK(strstr(fixture_error(), "ulimit") != NULL);
      failed++;
    }
  }
  CHECK(worked > 0 && failed > 0);
  CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
  fixture_close(&client);
  fixture_close(&server);
}

int main(void) {
  fixture_start();
  RUN(connections_leave_nothing);
  RUN(domains_leave_nothing);
  RUN(exhausted_descriptors_are_errors);
  return 0;
}
