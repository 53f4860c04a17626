/* SPDX-License-Identifier: BSD-3-Clause */
/* A client's and an executor thread's context joined by the fake fabric, with four slots. */
#ifndef TEST_LOOPS_FIXTURE_H
#define TEST_LOOPS_FIXTURE_H

#include "check.h"
#include "fake-fabric.h"
#include "rfaas_loops.h"

#include <sys/mman.h>

enum {
  SLOTS = 4,
  PAGE = 4096,
  STRIDE = 2 * PAGE,
  INPUT_CAPACITY = STRIDE - 64,
  OUTPUT_CAPACITY = PAGE,
  RESULT_BYTES = 4 * PAGE,
  RESULT_KEY = 77,
  GUARDED_KEY = 78,
  HEADERS = 0, /* places in fake_regions */
  INPUTS = 1,
  RESULTS = 2,
  GUARDED = 3,
  SOURCE = 4,
  OUTPUTS = 5
};

struct fixture {
  struct fake_endpoint client_end;
  struct fake_endpoint server_end;
  int client_index;
  int server_index;
  uint32_t context_bytes[2];
  struct rfaas_invoke_context *client;
  struct rfaas_serve_context *server;
  rfaas_function functions[8];
  uint32_t stop;
};

/* Whole pages with an inaccessible one behind them. */
static inline uint8_t *guarded_pages(uint64_t bytes) {
  uint8_t *pages = mmap(NULL, bytes + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  CHECK_EQUAL(mprotect(pages + bytes, PAGE, PROT_NONE), 0);
  return pages;
}

static inline void open_region(uint32_t place, uint64_t bytes, uint64_t key) {
  fake_regions[place] = (struct fake_region){.bytes = guarded_pages(bytes), .length = bytes, .key = key};
}

static inline void fixture_open(struct fixture *f) {
  memset(f, 0, sizeof *f);
  fake_connect(&f->client_end, &f->server_end);
  open_region(HEADERS, PAGE, 1);
  open_region(INPUTS, SLOTS * STRIDE, 2);
  open_region(RESULTS, RESULT_BYTES, RESULT_KEY);
  open_region(GUARDED, PAGE, GUARDED_KEY);
  fake_regions[GUARDED].mapped_length = 2 * PAGE;
  fake_regions[GUARDED].guarded = 1;
  open_region(SOURCE, PAGE, 3);
  uint64_t address = 0;
  f->client_index = rfaas_context_open(RFAAS_CONTEXT_INVOKE, &address, &f->context_bytes[0]);
  CHECK(f->client_index >= 0);
  f->client = (struct rfaas_invoke_context *)(uintptr_t)address;
  f->client->table = (uint64_t)(uintptr_t)&fake_table;
  f->client->endpoint = (uint64_t)(uintptr_t)&f->client_end;
  f->client->queue = (uint64_t)(uintptr_t)&f->client_end.queue;
  f->client->header_region = (uint64_t)(uintptr_t)&fake_regions[HEADERS];
  f->client->header_address = (uint64_t)(uintptr_t)fake_regions[HEADERS].bytes;
  f->client->slot_stride = STRIDE;
  f->client->slot_target = INPUTS;
  f->client->slot_mask = SLOTS - 1;
  f->client->input_region = (uint64_t)(uintptr_t)&fake_regions[SOURCE];
  f->client->result_key = RESULT_KEY;
  f->client->result_capacity = PAGE;
  f->client->microseconds = 20000000;
  f->server_index = rfaas_context_open(RFAAS_CONTEXT_SERVE, &address, &f->context_bytes[1]);
  CHECK(f->server_index >= 0);
  f->server = (struct rfaas_serve_context *)(uintptr_t)address;
  f->server->table = f->client->table;
  f->server->endpoint = (uint64_t)(uintptr_t)&f->server_end;
  f->server->queue = (uint64_t)(uintptr_t)&f->server_end.queue;
  f->server->input_address = (uint64_t)(uintptr_t)fake_regions[INPUTS].bytes;
  f->server->slot_stride = STRIDE;
  f->server->input_capacity = INPUT_CAPACITY;
  f->server->functions = (uint64_t)(uintptr_t)f->functions;
  f->server->stop = (uint64_t)(uintptr_t)&f->stop;
  f->server->slot_mask = SLOTS - 1;
  f->server->output_capacity = OUTPUT_CAPACITY;
  f->server->flush_microseconds = 10000000;
  for (uint32_t i = 0; i < SLOTS; i++) {
    open_region(OUTPUTS + i, OUTPUT_CAPACITY, 0);
    f->server->output_region[i] = (uint64_t)(uintptr_t)&fake_regions[OUTPUTS + i];
    f->server->output_address[i] = (uint64_t)(uintptr_t)fake_regions[OUTPUTS + i].bytes;
    f->server->output_end[i] = f->server->output_address[i] + OUTPUT_CAPACITY;
  }
  f->server_end.receives = SLOTS + 1;
}

static inline void fixture_close(struct fixture *f) {
  CHECK_EQUAL(rfaas_context_close((uint32_t)f->client_index), 0);
  CHECK_EQUAL(rfaas_context_close((uint32_t)f->server_index), 0);
  CHECK_EQUAL(rfaas_context_unmap((uint64_t)(uintptr_t)f->client, f->context_bytes[0]), 0);
  CHECK_EQUAL(rfaas_context_unmap((uint64_t)(uintptr_t)f->server, f->context_bytes[1]), 0);
  for (uint32_t i = 0; i < FAKE_REGIONS; i++) {
    if (fake_regions[i].bytes != NULL) {
      munmap(fake_regions[i].bytes, fake_regions[i].length + PAGE);
      fake_regions[i].bytes = NULL;
    }
  }
}

static inline int fixture_serve(struct fixture *f) {
  return rfaas_serve((uint32_t)f->server_index);
}

/* Posts a request of `bytes` bytes from SOURCE with its result at the id's slot of RESULTS. */
static inline int fixture_submit(struct fixture *f, uint32_t id, uint32_t function, uint32_t bytes) {
  f->client->invocation_id = id;
  f->client->function_index = function;
  f->client->input_bytes = bytes;
  f->client->result_address = (uint64_t)(id % SLOTS) * PAGE;
  return rfaas_submit((uint32_t)f->client_index);
}

static inline uint8_t *fixture_result(uint32_t id) {
  return fake_regions[RESULTS].bytes + (id % SLOTS) * PAGE;
}

/* The next reply, which must be there: its immediate, with the output's length in *bytes. */
static inline uint32_t fixture_reply(struct fixture *f, uint32_t *bytes) {
  struct shim_completion completion;
  CHECK_EQUAL(fake_queue_poll((struct shim_queue *)(void *)&f->client_end.queue, &completion, 1), 1);
  CHECK_EQUAL(completion.opcode, SHIM_RECEIVE_WRITE_IMMEDIATE);
  CHECK_EQUAL(completion.status, SHIM_SUCCESS);
  *bytes = completion.byte_length;
  return completion.immediate;
}

static inline uint32_t fixture_one_byte(void *input, uint32_t bytes, void *output) {
  *(uint8_t *)output = bytes > 0 ? *(uint8_t *)input : 0;
  return 1;
}

/* Function 0 is native, function 1 JavaScript. */
static inline void fixture_open_with_functions(struct fixture *f) {
  fixture_open(f);
  f->functions[0] = fixture_one_byte;
  f->server->function_count = 2;
}

/* A JavaScript function has ended; the next call of the loop replies. */
static inline void fixture_give_reply(struct fixture *f, uint32_t id, uint32_t status, const char *text) {
  uint32_t i = f->server->reply_count++;
  uint32_t slot = id % SLOTS;
  size_t bytes = strlen(text);
  memcpy((void *)(uintptr_t)(f->server->output_end[slot] - PAGE), text, bytes);
  f->server->replies[i].slot = slot;
  f->server->replies[i].invocation_id = id;
  f->server->replies[i].status = status;
  f->server->replies[i].output_bytes = (uint32_t)bytes;
}

#endif
