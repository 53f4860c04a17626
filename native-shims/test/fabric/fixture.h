/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the libfabric fabric share: the providers, and one side of a connection with its queue. */
#ifndef TEST_FABRIC_FIXTURE_H
#define TEST_FABRIC_FIXTURE_H

#include "../support/check.h"
#include "rdmalib_shim.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct side {
  struct shim_domain *domain;
  struct shim_queue *queue;
  struct shim_endpoint *endpoint;
  struct shim_region *region; /* 64 KiB, every access */
  struct shim_region_info info;
};

#define ALL_ACCESS (SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE | SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC)

static inline const char *fixture_error(void) {
  static char text[512];
  (void)shim_error_text(text, sizeof text);
  return text;
}

/* What the tests run on, one after the other: each that libfabric offers here. With FIXTURE_POLLS also one that could
 * sleep and is told not to. */
static const char *const fixture_providers[] = {
    "provider=tcp\nendpoint=msg\n",
    "provider=tcp;ofi_rxm\nendpoint=rdm\n",
#ifdef FIXTURE_POLLS
    "provider=tcp;ofi_rxm\nendpoint=rdm\nwait=poll\n",
#endif
    "provider=shm\nendpoint=rdm\n",
    "provider=sockets\nendpoint=rdm\n",
    "provider=verbs\nendpoint=msg\n",
    "provider=verbs;ofi_rxm\nendpoint=rdm\n",
};
static const char *fixture_provider;

/* Where both sides are: an own address of the device that the provider is to find. */
static inline const char *fixture_host(void) {
  const char *host = getenv("FABRIC_TEST_HOST");
  return host == NULL ? "127.0.0.1" : host;
}

static inline struct shim_domain *fixture_domain(const char *more) {
  char options[512];
  struct shim_domain *domain;
  (void)snprintf(options, sizeof options, "%ssource=%s\n%s", fixture_provider, fixture_host(), more);
  int error = shim_domain_open(options, &domain);
  if (error != 0)
    (void)fprintf(stderr, "%s\n", fixture_error());
  CHECK_EQUAL(error, 0);
  return domain;
}

/* Calls `run` for each provider, or for those whose line contains the program's first argument. */
static inline int fixture_for_each(int argc, char **argv, void (*run)(void)) {
  for (size_t i = 0; i < sizeof fixture_providers / sizeof fixture_providers[0]; i++) {
    struct shim_domain *domain;
    fixture_provider = fixture_providers[i];
    if (argc > 1 && strstr(fixture_provider, argv[1]) == NULL)
      continue;
    for (const char *letter = fixture_provider; *letter != '\0'; letter++)
      (void)putchar(*letter != '\n' ? *letter : letter[1] != '\0' ? ' ' : '\n');
    if (shim_domain_open(fixture_provider, &domain) != 0) {
      (void)printf("skipped: %s\n", fixture_error());
      continue;
    }
    CHECK_EQUAL(shim_domain_close(domain), 0);
    run();
  }
  return 0;
}

/* The next event, at most ten seconds from now; type 0 when there is none. */
static inline struct shim_event fixture_event(struct shim_domain *domain) {
  struct shim_event event = {.type = 0};
  struct pollfd readable = {.fd = shim_domain_event_fd(domain), .events = POLLIN};
  if (shim_domain_next_event(domain, &event) == 0 && poll(&readable, 1, 10000) == 1)
    CHECK_EQUAL(shim_domain_next_event(domain, &event), 1);
  return event;
}

static inline struct shim_event fixture_expect(struct shim_domain *domain, uint32_t type) {
  struct shim_event event = fixture_event(domain);
  if (event.type != type)
    (void)fprintf(stderr, "last text: %s\n", fixture_error());
  CHECK_EQUAL(event.type, type);
  return event;
}

static inline struct shim_region *fixture_region(struct shim_domain *domain, uint64_t bytes, uint32_t access,
                                                 uint32_t flags, struct shim_region_info *info) {
  struct shim_region *region;
  CHECK_EQUAL(shim_region_open(domain, bytes, access, flags, &region), 0);
  CHECK_EQUAL(shim_region_query(region, info), 0);
  return region;
}

/* Queue, region and endpoint in an open domain. */
static inline void fixture_fill(struct side *side, struct shim_request *request, uint32_t depth) {
  struct shim_endpoint_options options = {.send_depth = depth, .receive_depth = depth, .inline_bytes = 256};
  if (side->queue == NULL)
    CHECK(shim_queue_open(side->domain, 4u * depth, 0, &side->queue) > 0);
  if (side->region == NULL)
    side->region = fixture_region(side->domain, 65536, ALL_ACCESS, 0, &side->info);
  int id = shim_endpoint_open(side->domain, request, side->queue, side->queue, &options, &side->endpoint);
  if (id <= 0)
    (void)fprintf(stderr, "%s\n", fixture_error());
  CHECK(id > 0);
}

static inline void fixture_close(struct side *side) {
  struct shim_region_info info = side->info;
  CHECK_EQUAL(shim_domain_close(side->domain), 0);
  CHECK_EQUAL(shim_unmap(info.address, info.mapped_length), 0);
}

/* Connects two sides, each with 32 empty receives posted. */
static inline void fixture_pair_at(struct side *client, struct side *server, const char *host) {
  struct shim_listener *listener;
  int id = shim_listener_open(server->domain, host, 0, 8, &listener);
  if (id <= 0)
    (void)fprintf(stderr, "%s\n", fixture_error());
  CHECK(id > 0);
  fixture_fill(client, NULL, 64);
  CHECK_EQUAL(shim_post_receive(client->endpoint, NULL, 0, 0, 0, 32), 0);
  CHECK_EQUAL(shim_endpoint_connect(client->endpoint, host, (uint32_t)shim_listener_port(listener), "hello", 5, 5000),
              0);
  struct shim_event event = fixture_expect(server->domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK_EQUAL(event.private_data_bytes, 5);
  CHECK(memcmp(event.private_data, "hello", 5) == 0);
  fixture_fill(server, (struct shim_request *)(uintptr_t)event.object, 64);
  CHECK_EQUAL(shim_post_receive(server->endpoint, NULL, 0, 0, 0, 32), 0);
  CHECK_EQUAL(shim_endpoint_accept(server->endpoint, "welcome", 7), 0);
  event = fixture_expect(client->domain, SHIM_EVENT_ESTABLISHED);
  CHECK(event.private_data_bytes == 7 && memcmp(event.private_data, "welcome", 7) == 0);
  CHECK_EQUAL(shim_listener_close(listener), 0);
}

static inline void fixture_pair(struct side *client, struct side *server) {
  fixture_pair_at(client, server, fixture_host());
}

static inline struct shim_remote fixture_remote(const struct side *side) {
  return (struct shim_remote){
      .address = side->info.remote_address, .rkey = side->info.rkey, .length = side->info.length};
}

static inline uint32_t fixture_target(const struct side *from, const struct side *to) {
  struct shim_remote remote = fixture_remote(to);
  int target = shim_endpoint_resolve(from->endpoint, &remote, 5000);
  CHECK(target >= 0);
  return (uint32_t)target;
}

static inline struct shim_work fixture_work(const struct side *side, uint32_t opcode, uint32_t flags, uint32_t target,
                                            uint64_t offset, uint64_t length) {
  struct shim_work work = {.opcode = opcode, .flags = flags, .target = target, .target_offset = offset};
  work.segment_count = 1;
  work.segments[0] = (struct shim_segment){(uint64_t)(uintptr_t)side->region, offset, length};
  return work;
}

/* One completion, spinning up to ten seconds. */
static inline struct shim_completion fixture_completion(struct shim_queue *queue) {
  struct shim_completion completion;
  for (int i = 0; i < 10000; i++)
    if (shim_queue_spin(queue, &completion, 1, 1000) == 1)
      return completion;
  CHECK(!"a completion within ten seconds");
  return completion;
}

static inline uint8_t *fixture_bytes(const struct side *side) {
  return (uint8_t *)(uintptr_t)side->info.address;
}

#endif
