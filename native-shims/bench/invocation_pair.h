/* SPDX-License-Identifier: BSD-3-Clause */
/* A client and an executor thread in two processes, joined by a fabric: the contexts of both loops, filled in. */
#ifndef BENCH_INVOCATION_PAIR_H
#define BENCH_INVOCATION_PAIR_H

#include "fabric.h"
#include "rfaas_loops.h"

enum { PAIR_SLOTS = 4, PAIR_PAGE = 4096 };

struct pair_client {
  struct side side;
  struct rfaas_invoke_context *context;
  uint32_t index;
  uint8_t *input;        /* registered, of the slots' input size */
  uint8_t *result;       /* guarded, of the slots' input size, one result at its end */
  uint64_t result_bytes; /* of its region */
};

struct pair_server {
  struct side side;
  struct rfaas_serve_context *context;
  uint32_t index;
  uint32_t stop;
};

static inline uint64_t pair_stride(uint64_t input_bytes) {
  return (64 + input_bytes + PAIR_PAGE - 1) / PAIR_PAGE * PAIR_PAGE;
}

static inline void *pair_context(uint32_t kind, uint32_t *index) {
  uint64_t address = 0;
  uint32_t bytes = 0;
  *index = (uint32_t)require(rfaas_context_open(kind, &address, &bytes), "context");
  return (void *)(uintptr_t)address;
}

/* Serves `functions`, with slots for inputs and outputs of `bytes` bytes. */
static inline void open_server(struct pair_server *server, uint64_t bytes, int port_pipe,
                               const rfaas_function *functions, uint32_t function_count) {
  uint64_t stride = pair_stride(bytes);
  memset(server, 0, sizeof *server);
  open_side(&server->side, PAIR_SLOTS * stride);
  struct rfaas_serve_context *context = pair_context(RFAAS_CONTEXT_SERVE, &server->index);
  server->context = context;
  context->table = (uint64_t)(uintptr_t)fabric.table;
  context->queue = (uint64_t)(uintptr_t)server->side.queue;
  context->input_address = server->side.address;
  context->slot_stride = stride;
  context->input_capacity = stride - 64;
  context->functions = (uint64_t)(uintptr_t)functions;
  context->function_count = function_count;
  context->stop = (uint64_t)(uintptr_t)&server->stop;
  context->slot_mask = PAIR_SLOTS - 1;
  context->output_capacity = stride;
  context->spin_microseconds = 1000000;
  context->flush_microseconds = 100000;
  for (uint32_t i = 0; i < PAIR_SLOTS; i++) {
    struct shim_region_info info;
    context->output_region[i] = (uint64_t)(uintptr_t)open_region(&server->side, stride, SHIM_REGION_GUARD, &info);
    context->output_address[i] = info.address;
    context->output_end[i] = info.address + stride;
  }
  accept_peer(&server->side, port_pipe);
  context->endpoint = (uint64_t)(uintptr_t)server->side.endpoint;
}

/* Connects with inputs and results of `bytes` bytes; `mapped`: the executor writes results where they are. */
static inline void open_client(struct pair_client *client, uint64_t bytes, int port_pipe, int mapped) {
  struct shim_region_info info;
  uint64_t stride = pair_stride(bytes);
  memset(client, 0, sizeof *client);
  open_side(&client->side, PAIR_SLOTS * 64);
  struct rfaas_invoke_context *context = pair_context(RFAAS_CONTEXT_INVOKE, &client->index);
  client->context = context;
  context->table = (uint64_t)(uintptr_t)fabric.table;
  context->queue = (uint64_t)(uintptr_t)client->side.queue;
  context->header_region = (uint64_t)(uintptr_t)client->side.region;
  context->header_address = client->side.address;
  context->slot_stride = stride;
  context->slot_mask = PAIR_SLOTS - 1;
  context->input_region = (uint64_t)(uintptr_t)open_region(&client->side, stride, 0, &info);
  client->input = (uint8_t *)(uintptr_t)info.address;
  (void)open_region(&client->side, stride, SHIM_REGION_GUARD, &info);
  client->result_bytes = stride;
  uint64_t offset = stride - (bytes + 63) / 64 * 64;
  client->result = (uint8_t *)(uintptr_t)info.address + offset;
  context->result_address = info.remote_address + offset;
  context->result_key = info.rkey;
  context->result_capacity = (uint32_t)bytes;
  context->input_bytes = (uint32_t)bytes;
  context->flags = mapped ? RFAAS_INVOKE_RESULT_GUARDED : 0;
  context->microseconds = 5000000;
  connect_peer(&client->side, port_pipe);
  context->endpoint = (uint64_t)(uintptr_t)client->side.endpoint;
  context->slot_target = (uint32_t)client->side.target;
}

#endif
