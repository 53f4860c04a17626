/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The raw round trip of an RDMA device: a write with immediate there and one back between two processes, by libibverbs
 * and librdmacm alone. The client spins; the server spins (spin), or waits for the event of each request, which the
 * client sends at once (events) or after a pause (pauses).
 *
 *   verbs_latency ADDRESS PROCESSOR PROCESSOR BYTES ROUND_TRIPS spin|events|pauses
 */
#define _GNU_SOURCE
#include "samples.h"

#include <arpa/inet.h>
#include <rdma/rdma_cma.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEPTH 32
#define INLINE_BYTES 256
#define WARM_UP 500u
#define PAUSE_MICROSECONDS 500u
#define RNR_TIMER 7 /* 0.12 ms; what rdma_cm leaves is 655 ms */

enum mode { SPIN, EVENTS, PAUSES, MODES };
static const char *const mode_names[MODES] = {[SPIN] = "spin", [EVENTS] = "events", [PAUSES] = "pauses"};

struct memory {
  uint64_t address;
  uint32_t rkey;
  uint32_t reserved;
};

struct side {
  struct rdma_cm_id *id;
  struct ibv_mr *mr;
  struct ibv_cq *cq;
  struct ibv_comp_channel *channel;
  struct memory peer;
  uint32_t bytes;
};

static void require(int is_fine, const char *what) {
  if (!is_fine) {
    perror(what);
    exit(1);
  }
}

static void post_receives(const struct side *side, int count) {
  struct ibv_recv_wr wr = {0};
  struct ibv_recv_wr *bad;
  for (int i = 0; i < count; i++)
    require(ibv_post_recv(side->id->qp, &wr, &bad) == 0, "ibv_post_recv");
}

static struct memory open_side(struct side *side, struct rdma_cm_id *id, uint32_t bytes) {
  side->id = id;
  side->bytes = bytes;
  side->channel = ibv_create_comp_channel(id->verbs);
  side->cq = ibv_create_cq(id->verbs, 2 * DEPTH, NULL, side->channel, 0);
  require(side->cq != NULL, "ibv_create_cq");
  struct ibv_qp_init_attr attributes = {
      .send_cq = side->cq,
      .recv_cq = side->cq,
      .qp_type = IBV_QPT_RC,
      .cap = {.max_send_wr = DEPTH,
              .max_recv_wr = DEPTH,
              .max_send_sge = 1,
              .max_recv_sge = 1,
              .max_inline_data = INLINE_BYTES},
  };
  require(rdma_create_qp(id, NULL, &attributes) == 0, "rdma_create_qp");
  void *buffer = calloc(1, bytes);
  side->mr =
      buffer == NULL ? NULL : ibv_reg_mr(id->pd, buffer, bytes, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
  require(side->mr != NULL, "ibv_reg_mr");
  post_receives(side, DEPTH / 2);
  return (struct memory){(uint64_t)(uintptr_t)buffer, side->mr->rkey, 0};
}

static void set_rnr_timer(const struct side *side) {
  struct ibv_qp_attr attributes = {.min_rnr_timer = RNR_TIMER};
  require(ibv_modify_qp(side->id->qp, &attributes, IBV_QP_MIN_RNR_TIMER) == 0, "ibv_modify_qp");
}

static struct rdma_conn_param parameters_with(const struct memory *own) {
  return (struct rdma_conn_param){.private_data = own,
                                  .private_data_len = sizeof *own,
                                  .responder_resources = 1,
                                  .initiator_depth = 1,
                                  .retry_count = 7,
                                  .rnr_retry_count = 7};
}

/* Every DEPTH / 4th write is signaled, so that the send queue never fills. */
static void write_once(const struct side *side, uint64_t number) {
  struct ibv_sge from = {(uint64_t)(uintptr_t)side->mr->addr, side->bytes, side->mr->lkey};
  struct ibv_send_wr wr = {
      .sg_list = &from,
      .num_sge = 1,
      .opcode = IBV_WR_RDMA_WRITE_WITH_IMM,
      .send_flags = (number % (DEPTH / 4) == 0 ? (unsigned)IBV_SEND_SIGNALED : 0u) |
                    (side->bytes <= INLINE_BYTES ? (unsigned)IBV_SEND_INLINE : 0u),
      .wr.rdma = {.remote_addr = side->peer.address, .rkey = side->peer.rkey},
  };
  struct ibv_send_wr *bad;
  require(ibv_post_send(side->id->qp, &wr, &bad) == 0, "ibv_post_send");
}

/* 1: the peer's write came; 0: nothing yet. Ends the process when the connection has ended. */
static int poll_once(const struct side *side) {
  struct ibv_wc wc;
  int came = 0;
  while (came == 0 && ibv_poll_cq(side->cq, 1, &wc) > 0) {
    if (wc.status != IBV_WC_SUCCESS)
      exit(wc.status == IBV_WC_WR_FLUSH_ERR ? 0 : 1);
    came = (wc.opcode & IBV_WC_RECV) != 0;
  }
  return came;
}

/* Arms, polls again, sleeps: no completion is missed. */
static void sleep_until_write(const struct side *side) {
  for (;;) {
    require(ibv_req_notify_cq(side->cq, 0) == 0, "ibv_req_notify_cq");
    if (poll_once(side))
      return;
    struct ibv_cq *cq;
    void *context;
    require(ibv_get_cq_event(side->channel, &cq, &context) == 0, "ibv_get_cq_event");
    ibv_ack_cq_events(cq, 1);
    if (poll_once(side))
      return;
  }
}

static void resolve(const char *host, uint16_t port, struct sockaddr_storage *address) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
  } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
  } else {
    fprintf(stderr, "%s: not an address\n", host);
    exit(2);
  }
}

static void run_server(const char *host, uint32_t bytes, int port_pipe, enum mode mode) {
  struct sockaddr_storage address;
  struct rdma_cm_id *listener;
  struct rdma_cm_id *id;
  struct side side;
  resolve(host, 0, &address);
  require(rdma_create_id(NULL, &listener, NULL, RDMA_PS_TCP) == 0, "rdma_create_id");
  require(rdma_bind_addr(listener, (struct sockaddr *)&address) == 0, "rdma_bind_addr");
  require(rdma_listen(listener, 1) == 0, "rdma_listen");
  uint16_t port = ntohs(rdma_get_src_port(listener));
  require(write(port_pipe, &port, sizeof port) == sizeof port, "pipe");
  require(rdma_get_request(listener, &id) == 0, "rdma_get_request");
  memcpy(&side.peer, id->event->param.conn.private_data, sizeof side.peer);
  struct memory own = open_side(&side, id, bytes);
  struct rdma_conn_param parameters = parameters_with(&own);
  require(rdma_accept(id, &parameters) == 0, "rdma_accept");
  set_rnr_timer(&side);
  for (uint64_t number = 0;; number++) {
    if (mode != SPIN)
      sleep_until_write(&side);
    else
      while (!poll_once(&side)) {
      }
    write_once(&side, number);
    post_receives(&side, 1);
  }
}

static void run_client(const char *host, uint32_t bytes, int port_pipe, uint64_t count, enum mode mode) {
  struct sockaddr_storage address;
  struct sockaddr_storage source;
  struct rdma_cm_id *id;
  struct side side;
  uint16_t port;
  require(read(port_pipe, &port, sizeof port) == sizeof port, "pipe");
  resolve(host, port, &address);
  resolve(host, 0, &source);
  require(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP) == 0, "rdma_create_id");
  require(rdma_resolve_addr(id, (struct sockaddr *)&source, (struct sockaddr *)&address, 2000) == 0, "resolve_addr");
  require(rdma_resolve_route(id, 2000) == 0, "rdma_resolve_route");
  struct memory own = open_side(&side, id, bytes);
  struct rdma_conn_param parameters = parameters_with(&own);
  require(rdma_connect(id, &parameters) == 0, "rdma_connect");
  memcpy(&side.peer, id->event->param.conn.private_data, sizeof side.peer);
  set_rnr_timer(&side);
  uint64_t *samples = calloc(count, sizeof *samples);
  require(samples != NULL, "calloc");
  uint64_t before = rfaas_ticks();
  for (uint64_t i = 0; i < WARM_UP + count; i++) {
    if (mode == PAUSES) {
      (void)usleep(PAUSE_MICROSECONDS);
      before = rfaas_ticks();
    }
    write_once(&side, i);
    post_receives(&side, 1);
    while (!poll_once(&side)) {
    }
    uint64_t now = rfaas_ticks();
    if (i >= WARM_UP)
      samples[i - WARM_UP] = now - before;
    before = now;
  }
  print_samples("raw verbs", samples, count);
  free(samples);
}

int main(int argc, char **argv) {
  enum mode mode = SPIN;
  while (argc == 7 && mode < MODES && strcmp(argv[6], mode_names[mode]) != 0)
    mode++;
  if (argc != 7 || mode == MODES) {
    fprintf(stderr, "usage: verbs_latency ADDRESS PROCESSOR PROCESSOR BYTES ROUND_TRIPS spin|events|pauses\n");
    return 2;
  }
  int here = (int)number_argument(argv[2], "processor");
  int there = (int)number_argument(argv[3], "processor");
  uint32_t bytes = (uint32_t)number_argument(argv[4], "bytes");
  uint64_t count = (uint64_t)number_argument(argv[5], "round trips");
  int port_pipe;
  pid_t other = fork_with_pipe(here, there, &port_pipe);
  if (other == 0) {
    run_server(argv[1], bytes, port_pipe, mode);
  }
  rfaas_ticks_calibrate();
  run_client(argv[1], bytes, port_pipe, count, mode);
  (void)kill(other, SIGKILL);
  (void)waitpid(other, NULL, 0);
  return 0;
}
