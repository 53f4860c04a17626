/* SPDX-License-Identifier: BSD-3-Clause */
#include "results.h"
#include "ticks.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The client's bridge thread answers in microseconds, over a cable that loses packets in seconds; one that does not
 * answer at all holds up only its own executor. */
#define RESOLVE_MILLISECONDS 10000u
/* Below this a copy into the work request is cheaper than the fabric's look at the memory. */
#define INLINE_BYTES 256u
#define REPEAT_MICROSECONDS 50u
#define REPEAT_FOR_MICROSECONDS 1000000u
/* The request of a reply without a slot. Its failure is nobody's. */
#define NO_SLOT RFAAS_MAX_SLOTS
#define TEXT_BYTES 256

static uint64_t round_up_64(uint64_t bytes) {
  return (bytes + 63u) & ~(uint64_t)63u;
}

/* Where direct_map, a wire address counts from the region's start, so that it is an offset into the mapping, too. */
static void note_mapping(struct serve_state *state, struct serve_result_memory *memory) {
  uint64_t address = 0;
  uint64_t mapped = 0;
  int guarded = state->table->endpoint_map(state->endpoint, memory->target, &address, &mapped);
  if (guarded == 1 && mapped > state->page_bytes) {
    uint64_t bytes = mapped - state->page_bytes;
    if (memory->address != address || memory->bytes != bytes) {
      memory->mapping = ++state->mappings;
    }
    memory->address = address;
    memory->bytes = bytes;
  } else {
    memory->address = 0;
    memory->bytes = 0;
  }
}

/* The memory that a header names, resolved at its first use; NULL when the client does not grant it. */
static const struct serve_result_memory *find_memory(struct serve_state *state, const struct rfaas_header *header) {
  uint64_t reach = header->result_address + header->result_capacity;
  if (reach < header->result_address) {
    return NULL;
  }
  uint64_t hash = header->result_key * 0x9e3779b97f4a7c15u;
  struct serve_result_memory *memory = &state->results[hash >> 56];
  if (__builtin_expect(memory->reach >= reach && memory->key == header->result_key && memory->reach != 0, 1)) {
    return memory;
  }
  /* Only the key names the memory. An address of 0 makes the target's offsets wire addresses, whatever the fabric. */
  struct shim_remote remote = {.address = 0, .rkey = header->result_key, .length = reach};
  int target = state->table->endpoint_resolve(state->endpoint, &remote, RESOLVE_MILLISECONDS);
  if (target < 0) {
    return NULL;
  }
  if (memory->reach == 0 || memory->key != header->result_key) {
    memory->address = 0;
    memory->bytes = 0;
  }
  memory->key = header->result_key;
  memory->reach = reach;
  memory->target = (uint32_t)target;
  note_mapping(state, memory);
  return memory;
}

int rfaas_choose_output(struct serve_state *state, uint32_t slot, const struct rfaas_header *header) {
  const struct rfaas_serve_context *context = state->context;
  struct serve_slot *own = &state->slots[slot];
  own->placed = 0;
  own->memory = NULL;
  own->target = 0;
  own->result_address = header->result_address;
  own->capacity = header->result_capacity;
  if (own->capacity > 0) {
    const struct serve_result_memory *memory = find_memory(state, header);
    if (memory == NULL) {
      own->capacity = 0;
      return -EACCES;
    }
    own->target = memory->target;
    if ((header->flags & RFAAS_RESULT_GUARDED) != 0 && memory->address != 0 &&
        header->result_address + round_up_64(own->capacity) == memory->bytes) {
      own->placed = 1;
      own->memory = memory;
      own->output = memory->address + header->result_address;
      return 0;
    }
    if (own->capacity > context->output_capacity) {
      own->capacity = (uint32_t)context->output_capacity;
    }
  }
  own->output = context->output_end[slot] - round_up_64(own->capacity);
  return 0;
}

static void repeat_later(struct serve_state *state, uint32_t slot) {
  struct serve_slot *own = &state->slots[slot];
  uint64_t now = rfaas_ticks();
  uint64_t bit = 1ull << slot;
  if (own->repeat_until == 0) {
    own->repeat_until = now + rfaas_ticks_of_microseconds(REPEAT_FOR_MICROSECONDS);
  }
  own->repeat_at = now + rfaas_ticks_of_microseconds(REPEAT_MICROSECONDS);
  state->repeating |= bit;
}

static int failed(struct serve_state *state, uint32_t status) {
  state->context->failure = status;
  return RFAAS_SERVE_FAILED;
}

static int post_reply(struct serve_state *state, uint32_t slot) {
  int result = state->table->post(state->endpoint, &state->slots[slot].reply);
  if (__builtin_expect(result == 0, 1)) {
    return 0;
  }
  if (result == -ENOBUFS) {
    repeat_later(state, slot);
    return 0;
  }
  return result == -ENOTCONN ? RFAAS_SERVE_DISCONNECTED : result;
}

int rfaas_reply(struct serve_state *state, uint32_t slot, uint32_t status, uint32_t bytes) {
  struct serve_slot *own = &state->slots[slot];
  struct shim_work *work = &own->reply;
  own->repeat_until = 0;
  work->opcode = SHIM_WRITE;
  work->flags = SHIM_IMMEDIATE | SHIM_SOLICITED;
  work->wr_id = slot;
  work->immediate = own->invocation_id << 16 | status;
  work->target = own->target;
  work->target_offset = own->result_address;
  work->segment_count = 0;
  work->operand = 0;
  if (bytes > 0 && own->placed != 0) {
    work->flags |= SHIM_PLACED;
    work->operand = bytes;
  } else if (bytes > 0) {
    work->flags |= bytes <= INLINE_BYTES ? SHIM_INLINE : 0u;
    work->segment_count = 1;
    work->segments[0].region = state->context->output_region[slot];
    work->segments[0].offset = own->output - state->context->output_address[slot];
    work->segments[0].length = bytes;
  }
  return post_reply(state, slot);
}

int rfaas_refuse(struct serve_state *state, uint32_t invocation_id, uint32_t status) {
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_IMMEDIATE | SHIM_SOLICITED, .wr_id = NO_SLOT};
  work.immediate = invocation_id << 16 | status;
  int result = state->table->post(state->endpoint, &work);
  if (result == -ENOTCONN) {
    return RFAAS_SERVE_DISCONNECTED;
  }
  return result == -ENOBUFS ? 0 : result;
}

int rfaas_reply_text(struct serve_state *state, uint32_t slot, uint32_t status, const char *format, ...) {
  struct serve_slot *own = &state->slots[slot];
  char text[TEXT_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  uint32_t bytes = length < 0 ? 0 : (uint32_t)length;
  bytes = bytes < sizeof text - 1 ? bytes : (uint32_t)sizeof text - 1;
  bytes = bytes < own->capacity ? bytes : own->capacity;
  memcpy((void *)(uintptr_t)own->output, text, bytes);
  return rfaas_reply(state, slot, status, bytes);
}

int rfaas_reply_output(struct serve_state *state, uint32_t slot, uint32_t status, uint32_t bytes) {
  const struct serve_slot *own = &state->slots[slot];
  if (__builtin_expect(bytes > own->capacity, 0)) {
    return rfaas_reply_text(state, slot, RFAAS_OUTPUT_TOO_LARGE,
                            "the function returned %u bytes of output, its result holds %u", bytes, own->capacity);
  }
  return rfaas_reply(state, slot, status, bytes);
}

int rfaas_reply_failed(struct serve_state *state, const struct shim_completion *completion) {
  uint32_t slot = completion->wr_id;
  if (slot == NO_SLOT) {
    return 0;
  }
  if (slot > state->context->slot_mask) {
    return failed(state, completion->status);
  }
  struct serve_slot *own = &state->slots[slot];
  if (completion->status == SHIM_RECEIVER_NOT_READY) {
    if (own->repeat_until != 0 && rfaas_ticks() >= own->repeat_until) {
      return failed(state, completion->status);
    }
    repeat_later(state, slot);
    return 0;
  }
  int had_output = own->reply.segment_count > 0 || (own->reply.flags & SHIM_PLACED) != 0;
  if (had_output &&
      (completion->status == SHIM_REMOTE_ACCESS_ERROR || completion->status == SHIM_REMOTE_OPERATION_ERROR)) {
    return rfaas_reply(state, slot, RFAAS_RESULT_UNREACHABLE, 0);
  }
  return failed(state, completion->status);
}

int rfaas_repeat_replies(struct serve_state *state) {
  uint64_t now = rfaas_ticks();
  for (uint64_t rest = state->repeating; rest != 0; rest &= rest - 1) {
    uint32_t slot = (uint32_t)__builtin_ctzll(rest);
    struct serve_slot *own = &state->slots[slot];
    if (now < own->repeat_at) {
      continue;
    }
    if (now >= own->repeat_until) {
      return failed(state, SHIM_RECEIVER_NOT_READY);
    }
    state->repeating &= ~(1ull << slot);
    int result = post_reply(state, slot);
    if (result != 0) {
      return result;
    }
  }
  return 0;
}
