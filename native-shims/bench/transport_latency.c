/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The raw round trip of a fabric: a write with immediate there and one back, between two processes that spin, with no
 * function, no header and no JavaScript.
 *
 *   transport_latency LIBRARY PROCESSOR PROCESSOR BYTES ROUND_TRIPS
 */
#define _GNU_SOURCE
#include "rdmalib_shim.h"
#include "samples.h"

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP 10000u
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
  int (*queue_open)(struct shim_domain *, uint32_t, uint32_t, struct shim_queue **);
  int (*listener_open)(struct shim_domain *, const char *, uint32_t, uint32_t, struct shim_listener **);
  int (*listener_port)(struct shim_listener *);
  int (*endpoint_open)(struct shim_domain *, struct shim_request *, struct shim_queue *, struct shim_queue *,
                       const struct shim_endpoint_options *, struct shim_endpoint **);
  int (*endpoint_connect)(struct shim_endpoint *, const char *, uint32_t, const void *, uint32_t, uint32_t);
  int (*endpoint_accept)(struct shim_endpoint *, const void *, uint32_t);
};

static struct fabric fabric;

static void load_fabric(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  const struct shim_table *(*table)(void) = (const struct shim_table *(*)(void))dlsym(library, "shim_table");
  struct {
    const char *name;
    void *function;
  } wanted[] = {{"shim_error_text", &fabric.error_text},       {"shim_domain_open", &fabric.domain_open},
                {"shim_domain_close", &fabric.domain_close},   {"shim_domain_event_fd", &fabric.event_fd},
                {"shim_domain_next_event", &fabric.next_event}, {"shim_region_open", &fabric.region_open},
                {"shim_queue_open", &fabric.queue_open},       {"shim_listener_open", &fabric.listener_open},
                {"shim_listener_port", &fabric.listener_port}, {"shim_endpoint_open", &fabric.endpoint_open},
                {"shim_endpoint_connect", &fabric.endpoint_connect}, {"shim_endpoint_accept", &fabric.endpoint_accept}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    void *symbol = dlsym(library, wanted[i].name);
    if (symbol == NULL || table == NULL) {
      fprintf(stderr, "%s has no function %s\n", path, wanted[i].name);
      exit(1);
    }
    memcpy(wanted[i].function, &symbol, sizeof symbol);
  }
  fabric.table = table();
}

static int require(int result, const char *what) {
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
  struct shim_remote own;
  int target;
};

static void open_side(struct side *side, uint64_t bytes) {
  struct shim_region_info info;
  require(fabric.domain_open("", &side->domain), "domain");
  require(fabric.region_open(side->domain, bytes > 0 ? bytes : 1, SHIM_LOCAL_WRITE | SHIM_REMOTE_WRITE, 0, &side->region),
          "region");
  require(fabric.table->region_query(side->region, &info), "region");
  side->own = (struct shim_remote){info.remote_address, info.rkey, info.length};
  require(fabric.queue_open(side->domain, 2 * RECEIVES, 0, &side->queue), "queue");
}

static void open_endpoint(struct side *side, struct shim_request *request) {
  struct shim_endpoint_options options = {.send_depth = RECEIVES, .receive_depth = RECEIVES, .inline_bytes = 64};
  require(fabric.endpoint_open(side->domain, request, side->queue, side->queue, &options, &side->endpoint), "endpoint");
  require(fabric.table->post_receive(side->endpoint, NULL, 0, 0, 0, RECEIVES / 2), "receives");
}

static struct shim_event await_event(struct side *side, uint32_t type) {
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

static void resolve_peer(struct side *side, const struct shim_event *event) {
  struct shim_remote remote;
  memcpy(&remote, event->private_data, sizeof remote);
  side->target = require(fabric.table->endpoint_resolve(side->endpoint, &remote, 1000), "resolve");
}

static void write_once(const struct side *side, uint64_t bytes) {
  struct shim_work work = {.opcode = SHIM_WRITE,
                           .flags = SHIM_IMMEDIATE | (bytes <= 64 ? SHIM_INLINE : 0u),
                           .target = (uint32_t)side->target,
                           .segment_count = bytes > 0};
  work.segments[0] = (struct shim_segment){(uint64_t)(uintptr_t)side->region, 0, bytes};
  require(fabric.table->post(side->endpoint, &work), "write");
}

static void await_write(const struct side *side) {
  struct shim_completion completion;
  uint32_t polls = 0;
  while (fabric.table->queue_poll(side->queue, &completion, 1) == 0) {
    if (++polls % 1048576 == 0 && fabric.table->endpoint_state(side->endpoint) != SHIM_ESTABLISHED) {
      exit(0);
    }
  }
  if (completion.status != SHIM_SUCCESS) {
    exit(completion.status == SHIM_FLUSHED ? 0 : 1);
  }
}

static void repost(const struct side *side) {
  require(fabric.table->post_receive(side->endpoint, NULL, 0, 0, 0, 1), "receive");
}

static void run_peer(int port_pipe, uint64_t bytes) {
  struct side side;
  struct shim_listener *listener;
  open_side(&side, bytes);
  require(fabric.listener_open(side.domain, "", 0, 4, &listener), "listen");
  int port = require(fabric.listener_port(listener), "port");
  if (write(port_pipe, &port, sizeof port) != sizeof port) {
    exit(1);
  }
  struct shim_event event = await_event(&side, SHIM_EVENT_CONNECT_REQUEST);
  open_endpoint(&side, (struct shim_request *)(uintptr_t)event.object);
  require(fabric.endpoint_accept(side.endpoint, &side.own, sizeof side.own), "accept");
  resolve_peer(&side, &event);
  for (;;) {
    await_write(&side);
    write_once(&side, bytes);
    repost(&side);
  }
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: transport_latency LIBRARY PROCESSOR PROCESSOR BYTES ROUND_TRIPS\n");
    return 2;
  }
  load_fabric(argv[1]);
  int here = (int)number_argument(argv[2], "processor");
  int there = (int)number_argument(argv[3], "processor");
  uint64_t bytes = (uint64_t)number_argument(argv[4], "bytes");
  uint64_t count = (uint64_t)number_argument(argv[5], "round trips") + 1;
  int ports[2];
  if (pipe(ports) != 0) {
    perror("pipe");
    return 1;
  }
  pid_t other = fork();
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin_to(there);
    run_peer(ports[1], bytes);
  }
  close(ports[1]);
  pin_to(here);
  rfaas_ticks_calibrate();
  int port = 0;
  if (read(ports[0], &port, sizeof port) != sizeof port) {
    fprintf(stderr, "the peer ended before it listened\n");
    return 1;
  }
  struct side side;
  open_side(&side, bytes);
  open_endpoint(&side, NULL);
  require(fabric.endpoint_connect(side.endpoint, "", (uint32_t)port, &side.own, sizeof side.own, 5000), "connect");
  struct shim_event event = await_event(&side, SHIM_EVENT_ESTABLISHED);
  resolve_peer(&side, &event);
  uint64_t *samples = calloc(count, sizeof *samples);
  uint64_t before = rfaas_ticks();
  for (uint64_t i = 0; samples != NULL && i < WARM_UP + count; i++) {
    write_once(&side, bytes);
    repost(&side);
    await_write(&side);
    uint64_t now = rfaas_ticks();
    if (i >= WARM_UP) {
      samples[i - WARM_UP] = now - before;
    }
    before = now;
  }
  print_samples("transport", samples, count);
  free(samples);
  require(fabric.domain_close(side.domain), "close");
  waitpid(other, NULL, 0);
  return 0;
}
