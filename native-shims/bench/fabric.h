/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two connected processes over any fabric, for programs that measure or test C code above it. The environment says how
 * the fabric is opened: SHIM_OPTIONS, lines of key=value, and SHIM_HOST, the address to listen on and to connect to.
 */
#ifndef BENCH_FABRIC_H
#define BENCH_FABRIC_H

#include "rdmalib_shim.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECEIVES 16u

/* The functions beside shim_table, by name. */
struct fabric {
  const struct shim_table *table;
  int (*error_text)(char *, uint32_t);
  int (*domain_open)(const char *, struct shim_domain **);
  int (*domain_close)(struct shim_domain *);
  int (*event_fd)(struct shim_domain *);
  int (*next_event)(struct shim_domain *, struct shim_event *);
  int (*region_open)(struct shim_domain *, uint64_t, uint32_t, uint32_t, struct shim_region **);
  int (*endpoint_disconnect)(struct shim_endpoint *);
  int (*queue_interrupt)(struct shim_queue *);
  int (*queue_open)(struct shim_domain *, uint32_t, uint32_t, struct shim_queue **);
  int (*listener_open)(struct shim_domain *, const char *, uint32_t, uint32_t, struct shim_listener **);
  int (*listener_port)(struct shim_listener *);
  int (*endpoint_open)(struct shim_domain *, struct shim_request *, struct shim_queue *, struct shim_queue *,
                       const struct shim_endpoint_options *, struct shim_endpoint **);
  int (*endpoint_connect)(struct shim_endpoint *, const char *, uint32_t, const void *, uint32_t, uint32_t);
  int (*endpoint_accept)(struct shim_endpoint *, const void *, uint32_t);
};

static struct fabric fabric;

/* `path` NULL: the fabric that the program itself was linked with. */
static inline void load_fabric(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  const struct shim_table *(*table)(void) = (const struct shim_table *(*)(void))dlsym(library, "shim_table");
  struct {
    const char *name;
    void *function;
  } wanted[] = {{"shim_error_text", &fabric.error_text},
                {"shim_domain_open", &fabric.domain_open},
                {"shim_domain_close", &fabric.domain_close},
                {"shim_domain_event_fd", &fabric.event_fd},
                {"shim_domain_next_event", &fabric.next_event},
                {"shim_region_open", &fabric.region_open},
                {"shim_queue_open", &fabric.queue_open},
                {"shim_listener_open", &fabric.listener_open},
                {"shim_listener_port", &fabric.listener_port},
                {"shim_endpoint_open", &fabric.endpoint_open},
                {"shim_endpoint_connect", &fabric.endpoint_connect},
                {"shim_endpoint_accept", &fabric.endpoint_accept},
                {"shim_endpoint_disconnect", &fabric.endpoint_disconnect},
                {"shim_queue_interrupt", &fabric.queue_interrupt}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    void *symbol = dlsym(library, wanted[i].name);
    if (symbol == NULL || table == NULL) {
      fprintf(stderr, "%s has no function %s\n", path == NULL ? "this program" : path, wanted[i].name);
      exit(1);
    }
    memcpy(wanted[i].function, &symbol, sizeof symbol);
  }
  fabric.table = table();
}

static inline int require(int result, const char *what) {
  if (result < 0) {
    char text[512] = "";
    (void)fabric.error_text(text, sizeof text);
    fprintf(stderr, "%s: %s (%d)\n", what, text, result);
    exit(1);
  }
  return result;
}

/* One side of the connection: what it has and what it may write to. */
struct side {
  struct shim_domain *domain;
  struct shim_region *region;
  struct shim_queue *queue;
  struct shim_endpoint *endpoint;
  uint64_t address; /* of the region */
  struct shim_remote own;
  int target;
};

static inline struct shim_region *open_region(struct side *side, uint64_t bytes, uint32_t flags,
                                              struct shim_region_info *info) {
  struct shim_region *region = NULL;
  require(fabric.region_open(side->domain, bytes, SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE, flags, &region), "region");
  require(fabric.table->region_query(region, info), "region");
  return region;
}

/* Opens a side with a region of `bytes` bytes. */
static inline void open_side(struct side *side, uint64_t bytes) {
  struct shim_region_info info;
  const char *options = getenv("SHIM_OPTIONS");
  require(fabric.domain_open(options == NULL ? "" : options, &side->domain), "domain");
  side->region = open_region(side, bytes > 0 ? bytes : 1, 0, &info);
  side->address = info.address;
  side->own = (struct shim_remote){info.remote_address, info.rkey, info.length};
  require(fabric.queue_open(side->domain, 2 * RECEIVES, 0, &side->queue), "queue");
}

static inline void open_endpoint(struct side *side, struct shim_request *request) {
  struct shim_endpoint_options options = {.send_depth = RECEIVES, .receive_depth = RECEIVES, .inline_bytes = 256};
  require(fabric.endpoint_open(side->domain, request, side->queue, side->queue, &options, &side->endpoint), "endpoint");
  require(fabric.table->post_receive(side->endpoint, NULL, 0, 0, 0, RECEIVES / 2), "receives");
}

static inline struct shim_event await_event(struct side *side, uint32_t type) {
  struct shim_event event;
  while (require(fabric.next_event(side->domain, &event), "event") == 0) {
    struct pollfd wait = {.fd = fabric.event_fd(side->domain), .events = POLLIN};
    if (poll(&wait, 1, 10000) == 0) {
      fprintf(stderr, "no event of type %u within 10 s\n", type);
      exit(1);
    }
  }
  if (event.type != type) {
    fprintf(stderr, "event %u instead of %u\n", event.type, type);
    exit(1);
  }
  return event;
}

static inline void resolve_peer(struct side *side, const struct shim_event *event) {
  struct shim_remote remote;
  memcpy(&remote, event->private_data, sizeof remote);
  side->target = require(fabric.table->endpoint_resolve(side->endpoint, &remote, 1000), "resolve");
}

static inline const char *fabric_host(void) {
  const char *host = getenv("SHIM_HOST");
  return host == NULL ? "" : host;
}

/* Listens, tells the port through `port_pipe`, and accepts one connection. */
static inline void accept_peer(struct side *side, int port_pipe) {
  struct shim_listener *listener;
  require(fabric.listener_open(side->domain, fabric_host(), 0, 4, &listener), "listen");
  int port = require(fabric.listener_port(listener), "port");
  if (write(port_pipe, &port, sizeof port) != sizeof port) {
    exit(1);
  }
  struct shim_event event = await_event(side, SHIM_EVENT_CONNECT_REQUEST);
  open_endpoint(side, (struct shim_request *)(uintptr_t)event.object);
  require(fabric.endpoint_accept(side->endpoint, &side->own, sizeof side->own), "accept");
  resolve_peer(side, &event);
}

/* Connects to the port that the other end of `port_pipe` tells. */
static inline void connect_peer(struct side *side, int port_pipe) {
  int port = 0;
  if (read(port_pipe, &port, sizeof port) != sizeof port) {
    fprintf(stderr, "the peer ended before it listened\n");
    exit(1);
  }
  open_endpoint(side, NULL);
  require(fabric.endpoint_connect(side->endpoint, fabric_host(), (uint32_t)port, &side->own, sizeof side->own, 5000),
          "connect");
  struct shim_event event = await_event(side, SHIM_EVENT_ESTABLISHED);
  resolve_peer(side, &event);
}

#endif
