/* SPDX-License-Identifier: BSD-3-Clause */
#include "context.h"
#include "ticks.h"

#include <errno.h>

/* Polls between two looks at the clock and at the connection. */
#define POLLS_PER_LOOK 32
#define POLL_BATCH 8u
#define OTHERS (2 * RFAAS_MAX_SLOTS)

static void *pointer(uint64_t address) {
  return (void *)(uintptr_t)address;
}

static int post_receive(struct rfaas_invoke_context *context, const struct shim_table *table) {
  int result = table->post_receive(pointer(context->endpoint), NULL, 0, 0, 0, 1);
  if (result == 0) {
    context->spare_receives++;
  }
  return result;
}

static void write_header(const struct rfaas_invoke_context *context, uint32_t slot) {
  struct rfaas_header *header = pointer(context->header_address + slot * 64u);
  header->result_address = context->result_address;
  header->result_key = context->result_key;
  header->input_bytes = context->input_bytes;
  header->result_capacity = context->result_capacity;
  header->invocation_id = context->invocation_id;
  header->flags = (context->flags & RFAAS_INVOKE_RESULT_GUARDED) != 0 ? RFAAS_RESULT_GUARDED : 0;
}

/* Posts the request, with a receive for its reply in place. 0 or a negative errno. */
static int post_request(struct rfaas_invoke_context *context, const struct shim_table *table) {
  uint32_t slot = context->invocation_id & context->slot_mask;
  if (slot >= RFAAS_MAX_SLOTS || context->invocation_id > UINT16_MAX ||
      context->function_index >= RFAAS_MAX_FUNCTIONS) {
    return -EINVAL;
  }
  if (context->spare_receives == 0) {
    int result = post_receive(context, table);
    if (result != 0) {
      return result;
    }
  }
  write_header(context, slot);
  struct shim_work work;
  uint32_t solicited = (context->flags & RFAAS_INVOKE_SOLICITED) != 0;
  work.opcode = SHIM_WRITE;
  work.flags = SHIM_IMMEDIATE | SHIM_INLINE | (solicited ? SHIM_SOLICITED : 0u);
  work.wr_id = context->invocation_id;
  work.immediate = context->invocation_id << 16 | (solicited ? RFAAS_SOLICITED : 0u) | context->function_index;
  work.target = context->slot_target;
  work.target_offset = context->slot_offset + slot * context->slot_stride + RFAAS_HEADER_BYTES;
  work.operand = 0;
  work.swap = 0;
  work.segment_count = 1;
  work.segments[0] = (struct shim_segment){context->header_region, slot * 64u, RFAAS_HEADER_BYTES};
  if (context->input_bytes > 0 && (context->flags & RFAAS_INVOKE_IN_PLACE) == 0) {
    work.segment_count = 2;
    work.segments[1] = (struct shim_segment){context->input_region, context->input_offset, context->input_bytes};
  }
  int result = table->post(pointer(context->endpoint), &work);
  if (result != 0) {
    return result;
  }
  context->spare_receives--;
  /* The next request's receive, while this one is travelling. Without room it is posted when it is needed. */
  if (context->spare_receives == 0) {
    (void)post_receive(context, table);
  }
  return 0;
}

/* What a completion means to the invocation that is waited for: enum rfaas_invoke_result, or -1: nothing. */
static int take(struct rfaas_invoke_context *context, const struct shim_completion *completion) {
  if (completion->opcode == SHIM_RECEIVE_WRITE_IMMEDIATE && completion->status == SHIM_SUCCESS &&
      completion->immediate >> 16 == context->invocation_id) {
    if (completion->byte_length > context->result_capacity) {
      context->status = SHIM_LOCAL_LENGTH_ERROR;
      return RFAAS_LOST;
    }
    context->status = completion->immediate & 0xffffu;
    context->output_bytes = completion->byte_length;
    return RFAAS_REPLIED;
  }
  if (completion->status != SHIM_SUCCESS && completion->opcode == SHIM_WRITE) {
    context->spare_receives++;
    if (completion->wr_id == context->invocation_id) {
      context->status = completion->status;
      return RFAAS_LOST;
    }
  }
  /* Flushed receives say no more than that the connection is gone, and there may be more of them than room. */
  if (context->other_count < OTHERS) {
    context->others[context->other_count++] = *completion;
  }
  return -1;
}

/* Takes what the queue has; *result turns from -1 into enum rfaas_invoke_result when this invocation is decided. How
 * many completions it was, or a negative errno. */
static int drain(struct rfaas_invoke_context *context, const struct shim_table *table, int *result) {
  struct shim_completion completions[POLL_BATCH];
  int count = table->queue_poll(pointer(context->queue), completions, POLL_BATCH);
  for (int i = 0; i < count; i++) {
    int taken = take(context, &completions[i]);
    if (taken >= 0 && *result < 0) {
      *result = taken;
    }
  }
  return count;
}

int rfaas_submit(uint32_t index) {
  struct loop_context *entry = rfaas_context(index, RFAAS_CONTEXT_INVOKE);
  if (entry == NULL) {
    return -EINVAL;
  }
  struct rfaas_invoke_context *context = entry->shared;
  context->other_count = 0;
  return post_request(context, pointer(context->table));
}

int rfaas_invoke(uint32_t index) {
  struct loop_context *entry = rfaas_context(index, RFAAS_CONTEXT_INVOKE);
  if (entry == NULL) {
    return -EINVAL;
  }
  struct rfaas_invoke_context *context = entry->shared;
  const struct shim_table *table = pointer(context->table);
  context->other_count = 0;
  context->status = 0;
  context->output_bytes = 0;
  int result = post_request(context, table);
  if (result != 0) {
    return result;
  }
  result = -1;
  uint64_t deadline = rfaas_ticks() + rfaas_ticks_of_microseconds(context->microseconds);
  for (;;) {
    for (int i = 0; i < POLLS_PER_LOOK; i++) {
      int count = drain(context, table, &result);
      if (result >= 0) {
        return result;
      }
      if (count < 0) {
        context->status = SHIM_OTHER_ERROR;
        return RFAAS_LOST;
      }
    }
    if (table->endpoint_state(pointer(context->endpoint)) != SHIM_ESTABLISHED) {
      /* The reply may have come before the end did. */
      while (drain(context, table, &result) > 0) {
      }
      if (result < 0) {
        context->status = SHIM_FLUSHED;
        result = RFAAS_LOST;
      }
      return result;
    }
    if (rfaas_ticks() >= deadline) {
      return RFAAS_TIMED_OUT;
    }
  }
}
