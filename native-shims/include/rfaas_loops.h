/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two loops that decide the speed of an invocation, written once over the function table of any fabric
 * (rdmalib_shim.h): `rfaas_invoke` on the client, `rfaas_serve` on an executor's worker thread.
 *
 * Each works on one context in memory from rfaas_context_open, which TypeScript sees as a Uint32Array and fills in
 * place, so that a call crosses the FFI with one small integer and nothing is converted or allocated. Layouts are
 * fixed: 64-bit fields at multiples of 8, checked against TypeScript through rfaas_layout.
 */
#ifndef RFAAS_LOOPS_H
#define RFAAS_LOOPS_H

#include "rdmalib_shim.h"

#define RFAAS_LOOPS_VERSION 1u
#define RFAAS_MAX_SLOTS 64u
#define RFAAS_HEADER_BYTES 32u

/*
 * In front of every input, written by the client. A slot is 64-byte aligned; its header is the second half of its first
 * 64 bytes, its input begins at byte 64, so that header and input are one contiguous write with the input aligned.
 */
struct rfaas_header {
  uint64_t result_address; /* where the output goes: address and key of registered client memory */
  uint64_t result_key;
  uint32_t input_bytes;
  uint32_t result_capacity; /* bytes at result_address that may be written */
  uint32_t invocation_id;   /* 16 bits, the same as in the immediate */
  uint32_t flags;           /* enum rfaas_header_flags */
};

enum rfaas_header_flags {
  /* result_address + result_capacity rounded up to 64 is the end of a region with a guard page: the function may write
   * through a direct mapping, and writing beyond it faults. */
  RFAAS_RESULT_GUARDED = 1
};

/* Immediates: request = id << 16 | solicited << 15 | function index; reply = id << 16 | status. */
#define RFAAS_SOLICITED 0x8000u
#define RFAAS_MAX_FUNCTIONS 0x8000u

/* Reply status. With any but OK the result holds a UTF-8 error text, cut at result_capacity. */
enum rfaas_status {
  RFAAS_OK = 0,
  RFAAS_FUNCTION_FAILED = 1,    /* threw or rejected; the text is its message */
  RFAAS_NO_SUCH_FUNCTION = 2,   /* index outside the package */
  RFAAS_OUTPUT_TOO_LARGE = 3,   /* returned a length beyond the capacity; the text has both */
  RFAAS_INVALID_REQUEST = 4,    /* header and immediate disagree, or input_bytes is larger than the slot */
  RFAAS_RESULT_UNREACHABLE = 5, /* the result memory cannot be written; no text */
  RFAAS_CANCELLED = 6           /* the executor is ending */
};

/* ---- client ------------------------------------------------------------------------------------------------ */

enum rfaas_invoke_flags {
  RFAAS_INVOKE_IN_PLACE = 1,      /* the input is already in the slot (direct mapping): only the header is written */
  RFAAS_INVOKE_SOLICITED = 2,     /* wake a sleeping worker thread */
  RFAAS_INVOKE_RESULT_GUARDED = 4 /* sets RFAAS_RESULT_GUARDED in the header */
};

enum rfaas_invoke_result {
  RFAAS_REPLIED = 0,   /* status and output_bytes are set */
  RFAAS_TIMED_OUT = 1, /* no reply yet: the slot and the result stay in use until it comes */
  RFAAS_LOST = 2       /* the connection is gone, or the request failed with shim_status in `status` */
};

struct rfaas_invoke_context {
  /* Set once per connection. */
  uint64_t table;          /* const struct shim_table * */
  uint64_t endpoint;       /* struct shim_endpoint * */
  uint64_t queue;          /* struct shim_queue *, this endpoint's receive and send completions */
  uint64_t header_region;  /* struct shim_region * of 64 bytes a slot, for the outgoing headers */
  uint64_t header_address; /* its local address */
  uint64_t slot_offset;    /* bytes from the target's start to slot 0 */
  uint64_t slot_stride;    /* bytes from slot to slot */
  uint32_t slot_target;    /* shim_endpoint_resolve of the executor's input memory */
  uint32_t slot_mask;      /* slots - 1; slots is a power of two, at most RFAAS_MAX_SLOTS */
  /* Set for every call. */
  uint64_t input_region; /* struct shim_region *; ignored with IN_PLACE or no bytes */
  uint64_t input_offset;
  uint64_t result_address; /* as the executor shall address it */
  uint64_t result_key;
  uint32_t input_bytes;
  uint32_t result_capacity;
  uint32_t invocation_id; /* slot = id & slot_mask, which the caller knows to be free */
  uint32_t function_index;
  uint32_t flags;        /* enum rfaas_invoke_flags */
  uint32_t microseconds; /* how long rfaas_invoke may spin */
  /* Set by the call. */
  uint32_t status; /* enum rfaas_status, or shim_status with RFAAS_LOST */
  uint32_t output_bytes;
  /* Completions of this queue that the call took and that are not its own: other invocations' replies, failed
   * requests. The caller handles them after the call; room is for every slot's reply and request. */
  uint32_t other_count;
  /* Receives posted beyond those that a reply is on its way for. The calls keep one ahead, posted while a request is
   * travelling, so that none is posted in front of a request: receive_depth must be slots + 1 at least. Whoever takes
   * the failed completion of a request (opcode SHIM_WRITE) from the queue adds one, since its reply will never come;
   * the calls do so for what they put into others. */
  uint32_t spare_receives;
  struct shim_completion others[2 * RFAAS_MAX_SLOTS];
};

/* Posts the receive for the reply and the request (wr_id = invocation id), then spins until this invocation's reply, a
 * loss or the time is up: enum rfaas_invoke_result, or a negative errno if the request was not posted (-ENOBUFS,
 * -ENOTCONN, -EINVAL). Sets other_count. */
SHIM_API int rfaas_invoke(uint32_t context);
/* Posts the same and returns at once: 0 or a negative errno. The reply comes through the queue, and so does the failure
 * of the request: opcode SHIM_WRITE, status not 0, wr_id = invocation id. */
SHIM_API int rfaas_submit(uint32_t context);

/* ---- executor ---------------------------------------------------------------------------------------------- */

typedef uint32_t (*rfaas_function)(void *args, uint32_t size, void *res);

enum rfaas_serve_result {
  RFAAS_SERVE_IDLE = 0,         /* nothing came for `microseconds`, or counters are due: see flush_microseconds */
  RFAAS_SERVE_REQUEST = 1,      /* a JavaScript function must run: request fields are set */
  RFAAS_SERVE_STOPPED = 2,      /* *stop is not 0 */
  RFAAS_SERVE_DISCONNECTED = 3, /* the client is gone */
  RFAAS_SERVE_FAILED = 4        /* an own request failed: shim_status in `failure` */
};

struct rfaas_serve_context {
  /* Set once. */
  uint64_t table;
  uint64_t endpoint;
  uint64_t queue;         /* this endpoint's receive and send completions */
  uint64_t input_address; /* local address of slot 0 */
  uint64_t slot_stride;
  uint64_t input_capacity; /* bytes of input a slot holds */
  uint64_t functions;      /* rfaas_function[function_count]; NULL entries are JavaScript functions */
  uint64_t stop;           /* uint32_t *, read between polls */
  uint32_t slot_mask;
  uint32_t function_count;
  uint64_t output_capacity;                 /* bytes of each local output */
  uint64_t output_region[RFAAS_MAX_SLOTS];  /* one guarded region a slot, used where the result is not mapped */
  uint64_t output_address[RFAAS_MAX_SLOTS]; /* local address of its first byte */
  uint64_t output_end[RFAAS_MAX_SLOTS];     /* local address of its guard page */
  /* Set for every call. */
  uint32_t spin_microseconds;  /* how long to spin since the last work; 0 polls once */
  uint32_t flush_microseconds; /* return IDLE at the latest after this long, also under load, for accounting and stop */
  uint32_t wait_milliseconds;  /* > 0: sleep until the first work instead of spinning for it; interrupts and state
                                  changes wake, too (IDLE). After the work, spin_microseconds counts as always; where
                                  it is 0, the loop sleeps again, until the counters are due at the longest. */
  uint32_t reply_count;        /* replies of JavaScript functions to post first; the call sets it to 0 */
  struct {
    uint32_t slot;
    uint32_t invocation_id;
    uint32_t status;       /* enum rfaas_status */
    uint32_t output_bytes; /* bytes at the output address that RFAAS_SERVE_REQUEST named, for this slot */
  } replies[RFAAS_MAX_SLOTS];
  /* Set by the call. */
  uint32_t slot;
  uint32_t function_index;
  uint32_t invocation_id;
  uint32_t input_bytes;    /* of that JavaScript request, whose slot is busy until its reply is given: input is at
                              input_address + slot * slot_stride + 64 */
  uint64_t request_output; /* local address for the function's output: mapped result memory, or the slot's output */
  uint32_t request_capacity;
  uint32_t failure;
  uint64_t request_output_mapping; /* 0: request_output is in the slot's own output. Else it is in mapped client memory,
                                      and this number names the mapping: the same number, the same memory, for ever */
  /* Counted by the call, never reset. With RFAAS_SERVE_REQUEST the times are up to date only where counters_due. */
  uint64_t hot_nanoseconds;       /* spinning without work */
  uint64_t execution_nanoseconds; /* inside native functions and their replies, and between RFAAS_SERVE_REQUEST and the
                                     next call */
  uint64_t invocations;           /* requests taken, of both kinds */
  /* Set by the call, with RFAAS_SERVE_REQUEST. */
  uint64_t request_mapping_address; /* with request_output_mapping not 0: the mapping's first byte */
  uint64_t request_mapping_bytes;   /* and its bytes up to the guard page, for a view that is made once */
  uint64_t
      idle_nanoseconds;  /* since the last work of any call: a function, or replies that were given; set by the call */
  uint32_t counters_due; /* with RFAAS_SERVE_REQUEST: 1 once in flush_microseconds, the counters are up to date then;
                            the caller sets it to 0 */
  uint32_t reserved;
};

/*
 * Posts pending replies, then polls, reposts the receive, runs native functions and posts their replies, until one of
 * enum rfaas_serve_result or a negative errno (-EINVAL: a reply for a slot that runs no such invocation). The caller
 * posts the first receives itself: slots + 1 at least, since the used one is posted anew right after the reply went
 * out. A reply's memory is the slot's until the client uses the slot again. A reply that meets no receive is repeated
 * for up to a second, then the call returns RFAAS_SERVE_FAILED; one whose result memory refuses it is replaced by
 * RFAAS_RESULT_UNREACHABLE.
 */
SHIM_API int rfaas_serve(uint32_t context);

/* ---- contexts ---------------------------------------------------------------------------------------------- */

enum rfaas_context_kind { RFAAS_CONTEXT_INVOKE = 1, RFAAS_CONTEXT_SERVE = 2 };

/* A zeroed context (64-byte aligned): its small index (>= 0), and its address for TypeScript to view. Any thread. */
SHIM_API int rfaas_context_open(uint32_t kind, uint64_t *address, uint32_t *bytes);
/* The index may be given out again; the memory of a viewed context is unmapped by rfaas_context_unmap, once the view is
 * collected. */
SHIM_API int rfaas_context_close(uint32_t context);
SHIM_API int rfaas_context_unmap(uint64_t address, uint32_t bytes);
/* Byte offsets of the fields of a context kind in the order of declaration (arrays and nested structures once), then
 * the size of the structure: how many, for a comparison with TypeScript's table at load. */
SHIM_API int rfaas_layout(uint32_t kind, uint32_t *offsets, uint32_t capacity);

#endif
