/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a function's output is written, and how its reply goes out. */
#ifndef RFAAS_RESULTS_H
#define RFAAS_RESULTS_H

#include "context.h"

/*
 * Chooses the memory that the slot's function writes to: the client's own where the header says that it ends in a guard
 * page and it is mapped here, else the slot's output, both so that what follows the capacity (rounded up to 64) faults.
 * 0, or a negative errno when the result memory cannot be reached.
 */
int rfaas_choose_output(struct serve_state *state, uint32_t slot, const struct rfaas_header *header);

/* The functions below return 0, or what rfaas_serve shall return: enum rfaas_serve_result or a negative errno. */

/* Sends the slot's reply with `bytes` bytes of its output. */
int rfaas_reply(struct serve_state *state, uint32_t slot, uint32_t status, uint32_t bytes);
/* Sends a reply without output that owns no slot: the slot runs another invocation. */
int rfaas_refuse(struct serve_state *state, uint32_t invocation_id, uint32_t status);
/* Sends the slot's reply with a text made from `format`, cut at the capacity. */
__attribute__((format(printf, 4, 5))) int rfaas_reply_text(struct serve_state *state, uint32_t slot, uint32_t status,
                                                           const char *format, ...);
/* Ends an invocation that returned a length: checks it against the capacity and replies. */
int rfaas_reply_output(struct serve_state *state, uint32_t slot, uint32_t status, uint32_t bytes);
/* Deals with a reply that the fabric could not deliver. */
int rfaas_reply_failed(struct serve_state *state, const struct shim_completion *completion);
/* Posts again what waits for the client's receives. */
int rfaas_repeat_replies(struct serve_state *state);

#endif
