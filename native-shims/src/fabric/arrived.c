/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What peers sent: immediates use up posted receives, messages of FI_EP_RDM land in them. What comes before its receive
 * is kept, up to a limit.
 */
#include "internal.h"
#include "prepared.h"

#include <stdlib.h>
#include <string.h>

#define MOST_EARLY 65536u
#define MOST_EARLY_BYTES (4u << 20)

static void deliver_immediate(struct shim_endpoint *endpoint, uint32_t immediate, uint64_t bytes) {
  struct shim_completion completion = {.endpoint_id = endpoint->id,
                                       .opcode = SHIM_RECEIVE_WRITE_IMMEDIATE,
                                       .flags = SHIM_IMMEDIATE,
                                       .immediate = immediate,
                                       .byte_length = (uint32_t)bytes};
  endpoint->empty_receives--;
  (void)fabric_queue_add(endpoint->receive_queue, endpoint, &completion);
}

static void deliver_message(struct shim_endpoint *endpoint, const struct fabric_header *header,
                            const uint8_t *payload) {
  struct fabric_receive *receive = SHIM_CONTAINER(endpoint->receives.next, struct fabric_receive, link);
  struct shim_completion completion = {.endpoint_id = endpoint->id,
                                       .opcode = SHIM_RECEIVE,
                                       .wr_id = receive->wr_id,
                                       .flags = header->flags & SHIM_IMMEDIATE,
                                       .immediate = header->immediate,
                                       .byte_length = (uint32_t)header->bytes};
  bool fits = header->bytes <= receive->length;
  if (fits && header->bytes > 0 && receive->region != NULL)
    memcpy(receive->region->address + receive->offset, payload, header->bytes);
  if (!fits)
    completion.status = SHIM_LOCAL_LENGTH_ERROR;
  else if (receive->region == NULL)
    completion.status = SHIM_LOCAL_PROTECTION_ERROR;
  fabric_receive_free(endpoint, receive);
  (void)fabric_queue_add(endpoint->receive_queue, endpoint, &completion);
  if (!fits)
    fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION, "a send of %llu bytes did not fit the receive that it met",
                         (unsigned long long)header->bytes);
}

static void keep(struct shim_endpoint *endpoint, const struct fabric_header *header, const uint8_t *payload,
                 uint64_t bytes) {
  struct fabric_early *early = endpoint->early_count < MOST_EARLY && endpoint->early_bytes + bytes <= MOST_EARLY_BYTES
                                   ? malloc(sizeof *early + bytes)
                                   : NULL;
  if (early == NULL) {
    fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION,
                         "the peer sent %u messages for which no receive is posted, and more than that are not kept",
                         endpoint->early_count);
    return;
  }
  early->header = *header;
  if (bytes > 0)
    memcpy(early->payload, payload, bytes);
  shim_list_init(&early->link);
  shim_list_append(&endpoint->early, &early->link);
  endpoint->early_count++;
  endpoint->early_bytes += bytes;
}

static bool has_receive(const struct shim_endpoint *endpoint, uint32_t kind) {
  return kind == FABRIC_WRITTEN ? endpoint->empty_receives > 0 : !shim_list_is_empty(&endpoint->receives);
}

/* In order: nothing overtakes what waits for a receive of its kind. */
static bool waits(const struct shim_endpoint *endpoint, uint32_t kind) {
  for (struct shim_list *node = endpoint->early.next; node != &endpoint->early; node = node->next)
    if (SHIM_CONTAINER(node, struct fabric_early, link)->header.kind == kind)
      return true;
  return false;
}

void fabric_immediate_came(struct shim_endpoint *endpoint, uint32_t immediate, uint64_t bytes) {
  if (__builtin_expect(endpoint->empty_receives > 0 && shim_list_is_empty(&endpoint->early), 1)) {
    deliver_immediate(endpoint, immediate, bytes);
    return;
  }
  if (endpoint->state > SHIM_ESTABLISHED)
    return;
  struct fabric_header header = {.kind = FABRIC_WRITTEN, .immediate = immediate, .bytes = bytes};
  if (endpoint->empty_receives > 0 && !waits(endpoint, FABRIC_WRITTEN))
    deliver_immediate(endpoint, immediate, bytes);
  else
    keep(endpoint, &header, NULL, 0);
}

void fabric_data_came(struct shim_domain *domain, uint64_t data) {
  uint32_t slot = (uint32_t)(data >> FABRIC_LENGTH_BITS) & (FABRIC_MOST_SLOTS - 1u);
  struct shim_endpoint *endpoint = slot < domain->slot_capacity ? domain->slots[slot] : NULL;
  /* A slot that nobody has any more, or never had: said too late, or by a stranger. */
  if (endpoint != NULL)
    fabric_immediate_came(endpoint, (uint32_t)(data >> 32), data & FABRIC_MOST_BYTES);
}

void fabric_message_came(struct shim_domain *domain, const uint8_t *message, uint64_t bytes) {
  struct fabric_header header;
  if (bytes < sizeof header)
    return;
  memcpy(&header, message, sizeof header);
  struct shim_endpoint *endpoint = header.slot < domain->slot_capacity ? domain->slots[header.slot] : NULL;
  /* A stranger knows no secret. */
  if (endpoint == NULL || endpoint->secret != header.secret || endpoint->state > SHIM_ESTABLISHED)
    return;
  if (header.kind == FABRIC_WRITTEN) {
    fabric_immediate_came(endpoint, header.immediate, header.bytes);
    return;
  }
  uint64_t payload = bytes - sizeof header;
  if (header.kind != FABRIC_SEND || header.bytes != payload) {
    fabric_endpoint_doom(endpoint, SHIM_PROTOCOL_VIOLATION, "the peer sent a message of kind %u that makes no sense",
                         header.kind);
    return;
  }
  if (has_receive(endpoint, FABRIC_SEND) && !waits(endpoint, FABRIC_SEND))
    deliver_message(endpoint, &header, message + sizeof header);
  else
    keep(endpoint, &header, message + sizeof header, payload);
}

static void forget(struct shim_endpoint *endpoint, struct fabric_early *early) {
  shim_list_remove(&early->link);
  endpoint->early_count--;
  endpoint->early_bytes -= early->header.kind == FABRIC_SEND ? early->header.bytes : 0;
  free(early);
}

void fabric_match_early(struct shim_endpoint *endpoint) {
  for (struct shim_list *node = endpoint->early.next, *next; node != &endpoint->early; node = next) {
    struct fabric_early *early = SHIM_CONTAINER(node, struct fabric_early, link);
    next = node->next;
    if (!has_receive(endpoint, early->header.kind))
      continue;
    if (early->header.kind == FABRIC_WRITTEN)
      deliver_immediate(endpoint, early->header.immediate, early->header.bytes);
    else
      deliver_message(endpoint, &early->header, early->payload);
    forget(endpoint, early);
  }
}

void fabric_drop_early(struct shim_endpoint *endpoint) {
  while (!shim_list_is_empty(&endpoint->early))
    forget(endpoint, SHIM_CONTAINER(endpoint->early.next, struct fabric_early, link));
}
