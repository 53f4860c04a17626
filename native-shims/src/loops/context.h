/* SPDX-License-Identifier: BSD-3-Clause */
/* Contexts by index, and what the loops keep beside the part that TypeScript sees. */
#ifndef RFAAS_CONTEXT_H
#define RFAAS_CONTEXT_H

#include "rfaas_loops.h"

#include <stddef.h>

#define RFAAS_MAX_CONTEXTS 16384u
#define RFAAS_PENDING 16u
#define RFAAS_RESULTS 256u

/* Registered client memory that results were sent to, by key. */
struct serve_result_memory {
  uint64_t key;
  uint64_t reach;   /* the last byte that may be addressed, plus 1; 0: this entry is empty */
  uint64_t address; /* local address of a mapping that a guard page follows, else 0 */
  uint64_t bytes;   /* of that mapping, without the guard page */
  uint64_t mapping; /* its number, see rfaas_serve_context.request_output_mapping */
  uint32_t target;
  uint32_t reserved;
};

/* The invocation that runs, or ran last, in a slot. */
struct serve_slot {
  uint64_t output;         /* local address that the function writes to */
  uint64_t result_address; /* as the client named it */
  uint64_t repeat_at;      /* when a reply that met no receive is posted again, and when that ends, in ticks */
  uint64_t repeat_until;
  uint32_t target;
  uint32_t capacity;
  uint32_t invocation_id;
  uint32_t placed; /* 1: output is the client's memory */
  const struct serve_result_memory *memory;
  struct shim_work reply; /* kept until the slot is used again, to be repeated if it must */
};

/* A serving thread's private part. */
struct serve_state {
  struct rfaas_serve_context *context;
  const struct shim_table *table;
  struct shim_endpoint *endpoint;
  struct shim_queue *queue;
  uint64_t mark;            /* ticks: what follows is idle until work comes */
  uint64_t hot_ticks;       /* of all calls */
  uint64_t execution_ticks; /* of all calls */
  uint64_t hot_published;   /* nanoseconds that the context's counters got */
  uint64_t execution_published;
  uint64_t last_work;   /* ticks: when a function, or the giving of replies, ended */
  uint64_t served_at;   /* ticks: when requests were answered the last time, by a thread that sleeps in between */
  int in_burst;         /* the last answers followed others closely */
  uint64_t handed_over; /* ticks: when JavaScript was given the request that it runs, or 0 */
  uint64_t busy;        /* slots whose JavaScript function runs, a bit each */
  uint64_t repeating;   /* slots whose reply is to be repeated */
  uint64_t mappings;    /* numbers given out */
  uint64_t page_bytes;
  uint64_t counters_at;   /* ticks: when JavaScript is told next that counters are due */
  uint32_t owed_receives; /* 1: that of the JavaScript request handed over is not posted anew yet */
  uint32_t pending_next;  /* completions that were polled and not handled yet */
  uint32_t pending_count;
  struct shim_completion pending[RFAAS_PENDING];
  struct serve_result_memory results[RFAAS_RESULTS];
  struct serve_slot slots[RFAAS_MAX_SLOTS];
};

struct loop_context {
  uint32_t kind;             /* enum rfaas_context_kind */
  void *shared;              /* what TypeScript sees */
  struct serve_state *serve; /* for RFAAS_CONTEXT_SERVE */
};

extern struct loop_context rfaas_contexts[RFAAS_MAX_CONTEXTS];

/* The context of that index and kind, or NULL. */
static inline struct loop_context *rfaas_context(uint32_t index, uint32_t kind) {
  if (index >= RFAAS_MAX_CONTEXTS || __atomic_load_n(&rfaas_contexts[index].kind, __ATOMIC_ACQUIRE) != kind) {
    return NULL;
  }
  return &rfaas_contexts[index];
}

#endif
