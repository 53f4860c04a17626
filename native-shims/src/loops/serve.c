/* SPDX-License-Identifier: BSD-3-Clause */
#include "results.h"
#include "ticks.h"

#include <errno.h>
#include <string.h>

/* Polls between two looks at the clock, the stop flag and the connection. */
#define POLLS_PER_LOOK 32
/* A client that invokes again at once should find awake also a thread that sleeps when there is nothing to do: after
 * requests that followed each other this closely it polls for this long first. Alone, a request costs no polling. */
#define BURST_MICROSECONDS 200u
#define LINGER_MICROSECONDS 50u

static void *pointer(uint64_t address) {
  return (void *)(uintptr_t)address;
}

/* One look at memory that the client can change at any time: what was checked is what is used. */
static struct rfaas_header read_header(const struct rfaas_serve_context *context, uint32_t slot) {
  const uint64_t *words = pointer(context->input_address + slot * context->slot_stride + RFAAS_HEADER_BYTES);
  uint64_t copy[RFAAS_HEADER_BYTES / 8];
  for (uint32_t i = 0; i < RFAAS_HEADER_BYTES / 8; i++) {
    copy[i] = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
  }
  struct rfaas_header header;
  memcpy(&header, copy, sizeof header);
  return header;
}

/* The receive that the last request used. */
static int repost_receive(struct serve_state *state) {
  state->owed_receives = 0;
  int result = state->table->post_receive(state->endpoint, NULL, 0, 0, 0, 1);
  return result == -ENOTCONN ? RFAAS_SERVE_DISCONNECTED : result;
}

static int hand_to_javascript(struct serve_state *state, uint32_t slot, uint32_t function, uint32_t input_bytes) {
  struct rfaas_serve_context *context = state->context;
  const struct serve_slot *own = &state->slots[slot];
  context->slot = slot;
  context->function_index = function;
  context->invocation_id = own->invocation_id;
  context->input_bytes = input_bytes;
  context->request_output = own->output;
  context->request_capacity = own->capacity;
  context->request_output_mapping = own->memory == NULL ? 0 : own->memory->mapping;
  context->request_mapping_address = own->memory == NULL ? 0 : own->memory->address;
  context->request_mapping_bytes = own->memory == NULL ? 0 : own->memory->bytes;
  state->busy |= 1ull << slot;
  return RFAAS_SERVE_REQUEST;
}

static int run_native(struct serve_state *state, uint32_t slot, rfaas_function function, uint32_t input_bytes) {
  const struct rfaas_serve_context *context = state->context;
  uint64_t input = context->input_address + slot * context->slot_stride + 2 * RFAAS_HEADER_BYTES;
  uint64_t begin = rfaas_ticks();
  uint32_t bytes = function(pointer(input), input_bytes, pointer(state->slots[slot].output));
  int result = rfaas_reply_output(state, slot, RFAAS_OK, bytes);
  /* The reply counts, too: the client must not wait for a look at the clock. */
  uint64_t end = rfaas_ticks();
  state->hot_ticks += begin - state->mark;
  state->execution_ticks += end - begin;
  state->mark = end;
  return result;
}

/* Runs or refuses a request, or hands it to JavaScript; the receive is not yet posted anew. */
static int run_request(struct serve_state *state, const struct shim_completion *completion) {
  const struct rfaas_serve_context *context = state->context;
  uint32_t id = completion->immediate >> 16;
  uint32_t slot = id & context->slot_mask;
  uint32_t function = completion->immediate & (RFAAS_MAX_FUNCTIONS - 1);
  struct serve_slot *own = &state->slots[slot];
  /* The lines that the client has written travel at once, and so does the one that the output went to last time. */
  const uint8_t *request = pointer(context->input_address + slot * context->slot_stride);
  __builtin_prefetch(request, 0);
  __builtin_prefetch(request + 2 * RFAAS_HEADER_BYTES, 0);
  __builtin_prefetch(pointer(own->output), 1);
  struct rfaas_header header = read_header(context, slot);
  if (__builtin_expect(completion->byte_length < RFAAS_HEADER_BYTES || header.invocation_id != id ||
                           (state->busy & 1ull << slot) != 0,
                       0)) {
    return rfaas_refuse(state, id, RFAAS_INVALID_REQUEST);
  }
  own->invocation_id = id;
  state->repeating &= ~(1ull << slot);
  if (__builtin_expect(rfaas_choose_output(state, slot, &header) != 0, 0)) {
    return rfaas_reply(state, slot, RFAAS_RESULT_UNREACHABLE, 0);
  }
  if (__builtin_expect(header.input_bytes > context->input_capacity, 0)) {
    return rfaas_reply_text(state, slot, RFAAS_INVALID_REQUEST, "an input of %u bytes, a slot holds %llu",
                            header.input_bytes, (unsigned long long)context->input_capacity);
  }
  /* The input may be in its place already; then the header alone is written. */
  uint32_t written = completion->byte_length - RFAAS_HEADER_BYTES;
  if (__builtin_expect(written != 0 && written != header.input_bytes, 0)) {
    return rfaas_reply_text(state, slot, RFAAS_INVALID_REQUEST, "an input of %u bytes was announced, %u were written",
                            header.input_bytes, written);
  }
  if (__builtin_expect(function >= context->function_count, 0)) {
    return rfaas_reply_text(state, slot, RFAAS_NO_SUCH_FUNCTION, "function %u of a package that has %u", function,
                            context->function_count);
  }
  rfaas_function *functions = pointer(context->functions);
  if (functions[function] != NULL) {
    return run_native(state, slot, functions[function], header.input_bytes);
  }
  return hand_to_javascript(state, slot, function, header.input_bytes);
}

static int handle(struct serve_state *state, const struct shim_completion *completion) {
  if (__builtin_expect(completion->opcode == SHIM_RECEIVE_WRITE_IMMEDIATE && completion->status == SHIM_SUCCESS, 1)) {
    state->context->invocations++;
    state->owed_receives = 1;
    int result = run_request(state, completion);
    /* After the reply, off its path: of slots + 1 receives one may be missing for that long. That of a JavaScript
     * function is posted with the next call, after the replies. */
    if (result == RFAAS_SERVE_REQUEST) {
      return result;
    }
    int reposted = repost_receive(state);
    return result != 0 ? result : reposted;
  }
  if (completion->status == SHIM_SUCCESS) {
    return 0;
  }
  if (completion->status == SHIM_FLUSHED) {
    return RFAAS_SERVE_DISCONNECTED;
  }
  if (completion->opcode == SHIM_WRITE) {
    return rfaas_reply_failed(state, completion);
  }
  state->context->failure = completion->status;
  return RFAAS_SERVE_FAILED;
}

/* Of several requests all lines travel at the same time, not each when its turn comes. */
static void prefetch_pending(const struct serve_state *state) {
  const struct rfaas_serve_context *context = state->context;
  for (uint32_t i = 1; i < state->pending_count; i++) {
    uint32_t slot = state->pending[i].immediate >> 16 & context->slot_mask;
    const uint8_t *request = pointer(context->input_address + slot * context->slot_stride);
    __builtin_prefetch(request, 0);
    __builtin_prefetch(request + 2 * RFAAS_HEADER_BYTES, 0);
    __builtin_prefetch(pointer(state->slots[slot].output), 1);
  }
}

static int handle_pending(struct serve_state *state) {
  while (state->pending_next < state->pending_count) {
    int result = handle(state, &state->pending[state->pending_next++]);
    if (result != 0) {
      return result;
    }
  }
  return 0;
}

/* The replies of JavaScript functions that ended since the last call. */
static int post_given_replies(struct serve_state *state) {
  struct rfaas_serve_context *context = state->context;
  uint32_t count = context->reply_count;
  context->reply_count = 0;
  if (count > RFAAS_MAX_SLOTS) {
    return -EINVAL;
  }
  for (uint32_t i = 0; i < count; i++) {
    uint32_t slot = context->replies[i].slot;
    if (slot >= RFAAS_MAX_SLOTS || (state->busy & 1ull << slot) == 0 ||
        context->replies[i].invocation_id != state->slots[slot].invocation_id) {
      return -EINVAL;
    }
    state->busy &= ~(1ull << slot);
    int result =
        rfaas_reply_output(state, slot, context->replies[i].status & 0xffffu, context->replies[i].output_bytes);
    if (result != 0) {
      return result;
    }
  }
  return 0;
}

static int stopped(const struct rfaas_serve_context *context) {
  const uint32_t *stop = pointer(context->stop);
  return stop != NULL && __atomic_load_n(stop, __ATOMIC_RELAXED) != 0;
}

static int connected(const struct serve_state *state) {
  return state->table->endpoint_state(state->endpoint) == SHIM_ESTABLISHED;
}

static void count_hot(struct serve_state *state, uint64_t now) {
  state->hot_ticks += now - state->mark;
  state->mark = now;
}

/* Polls until something came (its number), or POLLS_PER_LOOK times (0). */
static int poll_some(struct serve_state *state) {
  for (int i = 0; i < POLLS_PER_LOOK; i++) {
    int count = state->table->queue_poll(state->queue, state->pending, RFAAS_PENDING);
    if (count != 0) {
      return count;
    }
  }
  return 0;
}

/* How long to sleep: once something was served no longer than until the counters are due. */
static int32_t sleep_milliseconds(const struct serve_state *state, uint64_t flush_at, int served) {
  if (state->repeating != 0) {
    return 1;
  }
  uint64_t milliseconds = state->context->wait_milliseconds;
  if (served) {
    uint64_t due = flush_at > state->mark ? rfaas_nanoseconds_of_ticks(flush_at - state->mark) / 1000000u + 1u : 0;
    milliseconds = due < milliseconds ? due : milliseconds;
  }
  return milliseconds > INT32_MAX ? INT32_MAX : (int32_t)milliseconds;
}

/* Sleeps until something came (its number), or a time-out, an interrupt, a change (0). Not counted as hot polling. */
static int sleep_for_some(struct serve_state *state, uint64_t flush_at, int served) {
  count_hot(state, rfaas_ticks());
  state->in_burst = 0;
  int32_t milliseconds = sleep_milliseconds(state, flush_at, served);
  int count = state->table->queue_block(state->queue, state->pending, RFAAS_PENDING, milliseconds);
  state->mark = rfaas_ticks();
  return count;
}

/* After a thread that sleeps when there is nothing to do answered requests. */
static void note_served(struct serve_state *state) {
  state->in_burst = state->mark - state->served_at < rfaas_ticks_of_microseconds(BURST_MICROSECONDS);
  state->served_at = state->mark;
}

/* `served`: something was, since the counters were looked at. */
static int serve(struct serve_state *state, int served) {
  const struct rfaas_serve_context *context = state->context;
  uint64_t spin = rfaas_ticks_of_microseconds(context->spin_microseconds);
  uint64_t linger = rfaas_ticks_of_microseconds(LINGER_MICROSECONDS);
  uint64_t flush_at = state->mark + rfaas_ticks_of_microseconds(context->flush_microseconds);
  uint64_t idle_since = state->mark;
  int asleep = context->wait_milliseconds > 0;
  int result = 0;
  while (result == 0) {
    if (state->pending_next == state->pending_count) {
      state->pending_next = 0;
      state->pending_count = 0;
      int count = poll_some(state);
      if (count == 0 && asleep && !stopped(context) && !(state->in_burst && rfaas_ticks() - idle_since < linger)) {
        count = sleep_for_some(state, flush_at, served);
        if (count == 0 && state->repeating == 0) {
          return !connected(state)  ? RFAAS_SERVE_DISCONNECTED
                 : stopped(context) ? RFAAS_SERVE_STOPPED
                                    : RFAAS_SERVE_IDLE;
        }
      }
      if (count < 0) {
        return count;
      }
      state->pending_count = (uint32_t)count;
    }
    if (state->pending_count > 0) {
      asleep = asleep && spin == 0;
      served = 1;
      prefetch_pending(state);
      result = handle_pending(state);
      if (asleep && result == 0) {
        note_served(state);
      }
      idle_since = state->mark;
      state->last_work = state->mark;
    }
    if (__builtin_expect(state->repeating != 0 && result == 0, 0)) {
      result = rfaas_repeat_replies(state);
    }
    if (result != 0) {
      return result;
    }
    if (stopped(context)) {
      return RFAAS_SERVE_STOPPED;
    }
    uint64_t now = state->pending_count > 0 ? state->mark : rfaas_ticks();
    if (now >= flush_at || (!asleep && state->pending_count == 0 && now - idle_since >= spin)) {
      return RFAAS_SERVE_IDLE;
    }
    if (state->pending_count == 0 && !connected(state)) {
      return RFAAS_SERVE_DISCONNECTED;
    }
  }
  return result;
}

/* Brings the context's counters up to date. */
static void publish(struct serve_state *state) {
  struct rfaas_serve_context *context = state->context;
  uint64_t hot = rfaas_nanoseconds_of_ticks(state->hot_ticks);
  uint64_t execution = rfaas_nanoseconds_of_ticks(state->execution_ticks);
  context->hot_nanoseconds += hot - state->hot_published;
  context->execution_nanoseconds += execution - state->execution_published;
  context->idle_nanoseconds = rfaas_nanoseconds_of_ticks(state->mark - state->last_work);
  state->hot_published = hot;
  state->execution_published = execution;
}

int rfaas_serve(uint32_t index) {
  struct loop_context *entry = rfaas_context(index, RFAAS_CONTEXT_SERVE);
  if (entry == NULL) {
    return -EINVAL;
  }
  struct serve_state *state = entry->serve;
  struct rfaas_serve_context *context = state->context;
  if (context->slot_mask >= RFAAS_MAX_SLOTS || context->table == 0) {
    return -EINVAL;
  }
  state->table = pointer(context->table);
  state->endpoint = pointer(context->endpoint);
  state->queue = pointer(context->queue);
  /* Replies first: their clients are waiting. */
  uint32_t given = context->reply_count;
  int result = post_given_replies(state);
  if (state->owed_receives > 0) {
    int reposted = repost_receive(state);
    result = result != 0 ? result : reposted;
  }
  state->mark = rfaas_ticks();
  if (state->handed_over != 0) {
    state->execution_ticks += state->mark - state->handed_over;
    state->handed_over = 0;
  }
  if (given > 0 && context->wait_milliseconds > 0) {
    note_served(state);
  }
  state->last_work = given > 0 || state->last_work == 0 ? state->mark : state->last_work;
  result = result == 0 ? serve(state, given > 0) : result;
  count_hot(state, rfaas_ticks());
  if (result == RFAAS_SERVE_REQUEST) {
    state->last_work = state->mark;
    state->handed_over = state->mark;
    if (state->mark < state->counters_at) {
      return result;
    }
    state->counters_at = state->mark + rfaas_ticks_of_microseconds(context->flush_microseconds);
    context->counters_due = 1;
  }
  publish(state);
  return result;
}
