/* SPDX-License-Identifier: BSD-3-Clause */
/* What connections leave behind: nothing of the device, no descriptor. */
#define _GNU_SOURCE
#include "fixture.h"

#include <dirent.h>
#include <stdbool.h>

#define CONNECTIONS 1000
#define ATTEMPTS 1000 /* a device frees some of it only after the call that gave it back */

struct held {
  char resources[512]; /* "rdma resource show": what all processes have of each device */
  int descriptors;
};

static struct held look(void) {
  struct held held = {.descriptors = 0};
  FILE *output = popen("rdma resource show", "r");
  CHECK(output != NULL);
  CHECK(fread(held.resources, 1, sizeof held.resources - 1, output) > 0);
  CHECK_EQUAL(pclose(output), 0);
  DIR *directory = opendir("/proc/self/fd");
  CHECK(directory != NULL);
  while (readdir(directory) != NULL)
    held.descriptors++;
  (void)closedir(directory);
  return held;
}

static bool is_same(const struct held *a, const struct held *b) {
  return strcmp(a->resources, b->resources) == 0 && a->descriptors == b->descriptors;
}

static void check_against(const struct held *before) {
  struct held now = look();
  for (int i = 0; i < ATTEMPTS && !is_same(before, &now); i++) {
    (void)usleep(5000);
    now = look();
  }
  if (!is_same(before, &now))
    (void)fprintf(stderr, "before: %s%d descriptors\nafter: %s%d descriptors\n", before->resources, before->descriptors,
                  now.resources, now.descriptors);
  CHECK(is_same(before, &now));
}

static void connect_and_close(struct side *client, struct side *server, struct shim_listener *listener) {
  fixture_fill(client, NULL, 8);
  CHECK_EQUAL(shim_endpoint_connect(client->endpoint, "", (uint32_t)shim_listener_port(listener), "", 0, 5000), 0);
  struct shim_event event = fixture_expect(server->domain, SHIM_EVENT_CONNECT_REQUEST);
  fixture_fill(server, (struct shim_request *)(uintptr_t)event.object, 8);
  CHECK_EQUAL(shim_endpoint_accept(server->endpoint, NULL, 0), 0);
  (void)fixture_expect(client->domain, SHIM_EVENT_ESTABLISHED);
  CHECK_EQUAL(shim_endpoint_close(client->endpoint), 0);
  CHECK_EQUAL(fixture_expect(server->domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_CLOSED_BY_PEER);
  CHECK_EQUAL(shim_endpoint_close(server->endpoint), 0);
}

static void a_thousand_connections_leave_nothing_behind(void) {
  /* librdmacm keeps a context of each device as long as the process lives: it is there by now. */
  struct held before = look();
  struct side client = {.domain = fixture_domain("")};
  struct side server = {.domain = fixture_domain("")};
  struct shim_listener *listener;
  CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
  connect_and_close(&client, &server, listener);
  struct held after_one = look();
  for (int i = 1; i < CONNECTIONS; i++)
    connect_and_close(&client, &server, listener);
  check_against(&after_one);
  CHECK_EQUAL(shim_listener_close(listener), 0);
  fixture_close(&client);
  fixture_close(&server);
  check_against(&before);
}

int main(void) {
  fixture_start();
  RUN(a_thousand_connections_leave_nothing_behind);
  return 0;
}
