/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streaming writes over a fabric: bursts of writes with DEPTH of them under way, the last of which carries an immediate
 * that the other process answers, so that a burst ends when everything has arrived. A sample is the time of a burst,
 * answer included, divided by its writes.
 *
 *   transport_bandwidth LIBRARY PROCESSOR PROCESSOR BYTES BURST BURSTS DEPTH
 */
#define _GNU_SOURCE
#include "fabric.h"
#include "samples.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define WARM_UP 3u
#define ANSWER_BYTES 8u

struct stream {
  struct side side;
  uint64_t bytes;
  uint64_t depth;
  uint64_t under_way;
  uint64_t arrived; /* writes with an immediate */
};

/* Takes what the queue has; ends the process once the peer is gone. */
static void take(struct stream *stream) {
  struct shim_completion completions[RECEIVES];
  int count = require(fabric.table->queue_poll(stream->side.queue, completions, RECEIVES), "poll");
  for (int i = 0; i < count; i++) {
    if (completions[i].status != SHIM_SUCCESS) {
      exit(completions[i].status == SHIM_FLUSHED ? 0 : 1);
    }
    if (completions[i].opcode == SHIM_WRITE) {
      stream->under_way--;
    } else {
      stream->arrived++;
    }
  }
}

static void post_write(struct stream *stream, uint64_t bytes, uint32_t flags) {
  struct shim_work work = {
      .opcode = SHIM_WRITE, .flags = flags, .target = (uint32_t)stream->side.target, .segment_count = 1};
  work.segments[0] = (struct shim_segment){(uint64_t)(uintptr_t)stream->side.region, 0, bytes};
  require(fabric.table->post(stream->side.endpoint, &work), "write");
}

static void run_burst(struct stream *stream, uint64_t burst) {
  uint64_t answers = stream->arrived + 1;
  for (uint64_t i = 0; i < burst; i++) {
    while (stream->under_way >= stream->depth) {
      take(stream);
    }
    post_write(stream, stream->bytes, SHIM_SIGNALED | (i + 1 == burst ? SHIM_IMMEDIATE : 0u));
    stream->under_way++;
  }
  while (stream->arrived < answers) {
    take(stream);
  }
  require(fabric.table->post_receive(stream->side.endpoint, NULL, 0, 0, 0, 1), "receive");
}

static void run_peer(int port_pipe, uint64_t bytes) {
  struct stream stream = {0};
  open_side(&stream.side, bytes < ANSWER_BYTES ? ANSWER_BYTES : bytes);
  accept_peer(&stream.side, port_pipe);
  for (uint64_t answered = 0;; answered++) {
    uint32_t polls = 0;
    while (stream.arrived == answered) {
      take(&stream);
      if (++polls % 1048576 == 0 && fabric.table->endpoint_state(stream.side.endpoint) != SHIM_ESTABLISHED) {
        exit(0);
      }
    }
    post_write(&stream, ANSWER_BYTES, SHIM_IMMEDIATE | SHIM_INLINE);
    require(fabric.table->post_receive(stream.side.endpoint, NULL, 0, 0, 0, 1), "receive");
  }
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr, "usage: transport_bandwidth LIBRARY PROCESSOR PROCESSOR BYTES BURST BURSTS DEPTH\n");
    return 2;
  }
  load_fabric(argv[1]);
  int here = (int)number_argument(argv[2], "processor");
  int there = (int)number_argument(argv[3], "processor");
  uint64_t bytes = (uint64_t)number_argument(argv[4], "bytes");
  uint64_t burst = (uint64_t)number_argument(argv[5], "burst");
  uint64_t count = (uint64_t)number_argument(argv[6], "bursts");
  uint64_t depth = (uint64_t)number_argument(argv[7], "depth");
  if (depth < 1 || depth >= RECEIVES || burst < 1 || count < 1) {
    fprintf(stderr, "a burst has at least one write, and from 1 to %u are under way\n", RECEIVES - 1);
    return 2;
  }
  int port_pipe;
  pid_t other = fork_with_pipe(here, there, &port_pipe);
  if (other == 0) {
    run_peer(port_pipe, bytes);
  }
  rfaas_ticks_calibrate();
  struct stream stream = {.bytes = bytes, .depth = depth};
  open_side(&stream.side, bytes < ANSWER_BYTES ? ANSWER_BYTES : bytes);
  connect_peer(&stream.side, port_pipe);
  uint64_t *samples = calloc(count, sizeof *samples);
  for (uint64_t i = 0; samples != NULL && i < WARM_UP + count; i++) {
    uint64_t before = rfaas_ticks();
    run_burst(&stream, burst);
    uint64_t took = rfaas_ticks() - before;
    if (i >= WARM_UP) {
      samples[i - WARM_UP] = took / burst;
    }
  }
  print_samples("stream", samples, count);
  free(samples);
  require(fabric.domain_close(stream.side.domain), "close");
  (void)kill(other, SIGKILL);
  waitpid(other, NULL, 0);
  return 0;
}
