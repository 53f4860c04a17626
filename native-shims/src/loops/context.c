/* SPDX-License-Identifier: BSD-3-Clause */
#include "context.h"
#include "ticks.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct loop_context rfaas_contexts[RFAAS_MAX_CONTEXTS];

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static const uint32_t invoke_layout[] = {
#define FIELD(name) (uint32_t) offsetof(struct rfaas_invoke_context, name)
    FIELD(table),
    FIELD(endpoint),
    FIELD(queue),
    FIELD(header_region),
    FIELD(header_address),
    FIELD(slot_offset),
    FIELD(slot_stride),
    FIELD(slot_target),
    FIELD(slot_mask),
    FIELD(input_region),
    FIELD(input_offset),
    FIELD(result_address),
    FIELD(result_key),
    FIELD(input_bytes),
    FIELD(result_capacity),
    FIELD(invocation_id),
    FIELD(function_index),
    FIELD(flags),
    FIELD(microseconds),
    FIELD(status),
    FIELD(output_bytes),
    FIELD(other_count),
    FIELD(spare_receives),
    FIELD(others),
#undef FIELD
    (uint32_t)sizeof(struct rfaas_invoke_context)};

static const uint32_t serve_layout[] = {
#define FIELD(name) (uint32_t) offsetof(struct rfaas_serve_context, name)
    FIELD(table),
    FIELD(endpoint),
    FIELD(queue),
    FIELD(input_address),
    FIELD(slot_stride),
    FIELD(input_capacity),
    FIELD(functions),
    FIELD(stop),
    FIELD(slot_mask),
    FIELD(function_count),
    FIELD(output_capacity),
    FIELD(output_region),
    FIELD(output_address),
    FIELD(output_end),
    FIELD(spin_microseconds),
    FIELD(flush_microseconds),
    FIELD(wait_milliseconds),
    FIELD(reply_count),
    FIELD(replies),
    FIELD(slot),
    FIELD(function_index),
    FIELD(invocation_id),
    FIELD(input_bytes),
    FIELD(request_output),
    FIELD(request_capacity),
    FIELD(failure),
    FIELD(request_output_mapping),
    FIELD(hot_nanoseconds),
    FIELD(execution_nanoseconds),
    FIELD(invocations),
    FIELD(request_mapping_address),
    FIELD(request_mapping_bytes),
    FIELD(idle_nanoseconds),
    FIELD(counters_due),
    FIELD(reserved),
#undef FIELD
    (uint32_t)sizeof(struct rfaas_serve_context)};

_Static_assert(sizeof(struct rfaas_header) == RFAAS_HEADER_BYTES, "the invocation header is 32 bytes on the wire");

int rfaas_layout(uint32_t kind, uint32_t *offsets, uint32_t capacity) {
  const uint32_t *layout = kind == RFAAS_CONTEXT_INVOKE ? invoke_layout : serve_layout;
  uint32_t count = kind == RFAAS_CONTEXT_INVOKE ? (uint32_t)(sizeof invoke_layout / sizeof *invoke_layout)
                                                : (uint32_t)(sizeof serve_layout / sizeof *serve_layout);
  if ((kind != RFAAS_CONTEXT_INVOKE && kind != RFAAS_CONTEXT_SERVE) || (offsets == NULL && capacity > 0)) {
    return -EINVAL;
  }
  for (uint32_t i = 0; i < count && i < capacity; i++) {
    offsets[i] = layout[i];
  }
  return (int)count;
}

static size_t mapped_bytes(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return (bytes + page - 1) / page * page;
}

/* An index that is free, or -1. */
static int free_index(void) {
  for (uint32_t i = 0; i < RFAAS_MAX_CONTEXTS; i++) {
    if (rfaas_contexts[i].kind == 0) {
      return (int)i;
    }
  }
  return -1;
}

int rfaas_context_open(uint32_t kind, uint64_t *address, uint32_t *bytes) {
  if ((kind != RFAAS_CONTEXT_INVOKE && kind != RFAAS_CONTEXT_SERVE) || address == NULL || bytes == NULL) {
    return -EINVAL;
  }
  rfaas_ticks_calibrate();
  size_t size = kind == RFAAS_CONTEXT_INVOKE ? sizeof(struct rfaas_invoke_context) : sizeof(struct rfaas_serve_context);
  void *shared = mmap(NULL, mapped_bytes(size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    return -ENOMEM;
  }
  struct serve_state *serve = NULL;
  if (kind == RFAAS_CONTEXT_SERVE) {
    serve = calloc(1, sizeof *serve);
    if (serve == NULL) {
      munmap(shared, mapped_bytes(size));
      return -ENOMEM;
    }
    serve->context = shared;
    serve->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
  }
  pthread_mutex_lock(&opening);
  int index = free_index();
  if (index >= 0) {
    rfaas_contexts[index].shared = shared;
    rfaas_contexts[index].serve = serve;
    __atomic_store_n(&rfaas_contexts[index].kind, kind, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&opening);
  if (index < 0) {
    free(serve);
    munmap(shared, mapped_bytes(size));
    return -ENFILE;
  }
  *address = (uint64_t)(uintptr_t)shared;
  *bytes = (uint32_t)size;
  return index;
}

int rfaas_context_close(uint32_t context) {
  int result = -EINVAL;
  pthread_mutex_lock(&opening);
  if (context < RFAAS_MAX_CONTEXTS && rfaas_contexts[context].kind != 0) {
    free(rfaas_contexts[context].serve);
    rfaas_contexts[context].serve = NULL;
    rfaas_contexts[context].shared = NULL;
    __atomic_store_n(&rfaas_contexts[context].kind, 0, __ATOMIC_RELEASE);
    result = 0;
  }
  pthread_mutex_unlock(&opening);
  return result;
}

int rfaas_context_unmap(uint64_t address, uint32_t bytes) {
  return munmap((void *)(uintptr_t)address, mapped_bytes(bytes)) == 0 ? 0 : -errno;
}
