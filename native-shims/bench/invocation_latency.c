/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole hot invocation in C: both loops over a fabric, an echo function, two processes, no JavaScript. What an SDK
 * adds is the difference to this.
 *
 *   invocation_latency LIBRARY PROCESSOR PROCESSOR BYTES INVOCATIONS [mapped|asleep]
 *
 * mapped: the function writes its result where the client reads it. asleep: the server sleeps until each invocation,
 * and the client pauses before it, so that it does.
 */
#define _GNU_SOURCE
#include "invocation_pair.h"
#include "samples.h"

#include <sys/wait.h>

#define MOST_WARM_UP 10000u /* as many as are measured, at most so many */
#define MOST_WARM_UP_ASLEEP 500u
#define PAUSE_MICROSECONDS 500u

static uint32_t echo(void *input, uint32_t bytes, void *output) {
  memcpy(output, input, bytes);
  return bytes;
}

static const rfaas_function functions[] = {echo};

static void run_server(int port_pipe, uint64_t bytes, int sleeps) {
  struct pair_server server;
  open_server(&server, bytes, port_pipe, functions, 1);
  if (sleeps) {
    server.context->spin_microseconds = 0;
    server.context->wait_milliseconds = 1000;
  }
  int result = RFAAS_SERVE_IDLE;
  while (result == RFAAS_SERVE_IDLE) {
    result = rfaas_serve(server.index);
  }
  exit(result == RFAAS_SERVE_DISCONNECTED ? 0 : 1);
}

int main(int argc, char **argv) {
  if (argc < 6 || argc > 7) {
    fprintf(stderr, "usage: invocation_latency LIBRARY PROCESSOR PROCESSOR BYTES INVOCATIONS [mapped|asleep]\n");
    return 2;
  }
  int mapped = argc == 7 && strcmp(argv[6], "mapped") == 0;
  int sleeps = argc == 7 && strcmp(argv[6], "asleep") == 0;
  load_fabric(argv[1]);
  int here = (int)number_argument(argv[2], "processor");
  int there = (int)number_argument(argv[3], "processor");
  uint64_t bytes = (uint64_t)number_argument(argv[4], "bytes");
  uint64_t count = (uint64_t)number_argument(argv[5], "invocations") + 1;
  int port_pipe;
  pid_t other = fork_with_pipe(here, there, &port_pipe);
  if (other == 0) {
    run_server(port_pipe, bytes, sleeps);
  }
  struct pair_client client;
  open_client(&client, bytes, port_pipe, mapped);
  uint64_t most = sleeps ? MOST_WARM_UP_ASLEEP : MOST_WARM_UP;
  uint64_t warm_up = count < most ? count : most;
  uint64_t *samples = calloc(count, sizeof *samples);
  uint64_t before = rfaas_ticks();
  for (uint64_t i = 0; samples != NULL && i < warm_up + count; i++) {
    if (sleeps) {
      (void)usleep(PAUSE_MICROSECONDS);
      before = rfaas_ticks();
    }
    client.context->invocation_id = (uint32_t)(i * PAIR_SLOTS) & 0xffffu;
    int result = rfaas_invoke(client.index);
    if (result != RFAAS_REPLIED || client.context->status != RFAAS_OK) {
      fprintf(stderr, "invocation %llu: result %d, status %u\n", (unsigned long long)i, result, client.context->status);
      return 1;
    }
    uint64_t now = rfaas_ticks();
    if (i >= warm_up) {
      samples[i - warm_up] = now - before;
    }
    before = now;
  }
  print_samples(sleeps ? "invocation, server sleeps" : "invocation", samples, count);
  free(samples);
  require(fabric.domain_close(client.side.domain), "close");
  waitpid(other, NULL, 0);
  return 0;
}
