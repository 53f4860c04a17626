/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The raw round trip of a fabric: a write with immediate there and one back, between two processes that spin, with no
 * function, no header and no JavaScript.
 *
 *   transport_latency LIBRARY PROCESSOR PROCESSOR BYTES ROUND_TRIPS
 */
#define _GNU_SOURCE
#include "fabric.h"
#include "samples.h"

#include <sys/wait.h>
#include <unistd.h>

#define MOST_WARM_UP 10000u /* as many as are measured, at most so many */

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
  open_side(&side, bytes);
  accept_peer(&side, port_pipe);
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
  int port_pipe;
  pid_t other = fork_with_pipe(here, there, &port_pipe);
  if (other == 0) {
    run_peer(port_pipe, bytes);
  }
  rfaas_ticks_calibrate();
  struct side side;
  open_side(&side, bytes);
  connect_peer(&side, port_pipe);
  uint64_t warm_up = count < MOST_WARM_UP ? count : MOST_WARM_UP;
  uint64_t *samples = calloc(count, sizeof *samples);
  uint64_t before = rfaas_ticks();
  for (uint64_t i = 0; samples != NULL && i < warm_up + count; i++) {
    write_once(&side, bytes);
    repost(&side);
    await_write(&side);
    uint64_t now = rfaas_ticks();
    if (i >= warm_up) {
      samples[i - warm_up] = now - before;
    }
    before = now;
  }
  print_samples("transport", samples, count);
  free(samples);
  require(fabric.domain_close(side.domain), "close");
  waitpid(other, NULL, 0);
  return 0;
}
