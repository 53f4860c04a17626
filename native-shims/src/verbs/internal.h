/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the verbs fabric call of each other; objects.h says what belongs to which thread. */
#ifndef VERBS_INTERNAL_H
#define VERBS_INTERNAL_H

#include "objects.h"

/* An event of rdma_cm, copied, so that it could be acknowledged at once. */
struct verbs_cm_event {
  enum rdma_cm_event_type type;
  int status;
  uint32_t owner_id;
  struct rdma_cm_id *cm;
  uint32_t private_bytes;
  uint8_t private_data[256];
  uint8_t initiator_depth;
  uint8_t responder_resources;
};

/* domain.c */
/* Once a process, before anything else of verbs: a child must not take pages from under the device. */
void verbs_prepare_forks(void);
uint32_t verbs_next_id(void);
void verbs_lock(struct shim_domain *domain);
void verbs_unlock(struct shim_domain *domain);
struct shim_endpoint *verbs_find_endpoint(const struct shim_domain *domain, uint32_t id);
int verbs_table_add(struct shim_domain *domain, struct shim_endpoint *endpoint);
void verbs_table_remove(struct shim_domain *domain, const struct shim_endpoint *endpoint);

/* options.c */
int verbs_parse_options(struct verbs_options *options, const char *text);

/* device.c: finds the device and the port that the options mean and what they can do. */
int verbs_device_open(struct shim_domain *domain);
/* diagnose.c: the negative errno of the most basic thing that is missing, with a text that says what to do; `what`
 * failed with `error`. */
int verbs_unusable(const char *what, int error);
/* probe.c */
uint32_t verbs_probe_inline(struct ibv_pd *pd);

/* address.c */
int verbs_lookup(const char *host, uint32_t port, bool passive, union verbs_address *address);
void verbs_format_address(const union verbs_address *address, char *text, uint32_t bytes);
uint32_t verbs_address_port(const union verbs_address *address);
void verbs_set_port(union verbs_address *address, uint32_t port);
socklen_t verbs_address_bytes(const union verbs_address *address);
/* The own address to reach another one from: of its family, with the longest common prefix; or NULL. */
const union verbs_address *verbs_source_for(const struct shim_domain *domain, const union verbs_address *peer);
void verbs_find_addresses(struct shim_domain *domain);
/* The device that an own address belongs to, or the one on the way to an address. 0 or -errno with text. */
int verbs_device_of(const char *host, bool own, char *device, uint32_t bytes);

/* bridge.c */
int verbs_bridge_start(struct shim_domain *domain);
void verbs_bridge_stop(struct shim_domain *domain);
void verbs_bridge_kick(struct shim_domain *domain);

/* established.c; with the lock held */
void verbs_endpoint_end(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void verbs_settle(struct shim_endpoint *endpoint, int32_t state, uint32_t event_type, int error);
void verbs_peer_is_ready(struct shim_endpoint *endpoint);
void verbs_peer_left(struct shim_endpoint *endpoint);
/* connect.c; on the bridge, with the lock held */
void verbs_connect_expired(struct shim_endpoint *endpoint);
void verbs_connect_step(struct shim_endpoint *endpoint, const struct verbs_cm_event *event);
void verbs_connect_failed(struct shim_endpoint *endpoint, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* request.c; with the lock held */
void verbs_request_arrived(struct shim_domain *domain, const struct verbs_cm_event *event);
void verbs_request_gone(struct shim_domain *domain, uint32_t id);
void verbs_requests_orphan(struct shim_listener *listener);
/* Takes the request's id out of it and frees it. */
struct rdma_cm_id *verbs_request_release(struct shim_request *request);

/* queue-pair.c */
int verbs_qp_create(struct shim_endpoint *endpoint, const struct shim_endpoint_options *options);
/* To the state in which it receives nothing yet but takes posted receives. With `cm`: with its path's key and port. */
int verbs_qp_prepare(struct shim_endpoint *endpoint, struct rdma_cm_id *cm);
/* To the state in which it sends. */
int verbs_qp_transmit(struct shim_endpoint *endpoint, struct rdma_cm_id *cm);
void verbs_qp_fail(struct shim_endpoint *endpoint);

/* mailbox.c */
#define VERBS_ACCEPT_BYTES (VERBS_PRIVATE_BYTES + 24u)
int verbs_mailbox_open(struct shim_endpoint *endpoint);
void verbs_mailbox_close(struct shim_endpoint *endpoint);
/* The answer to a request: the caller's private data and behind it where the mailbox is. */
void verbs_mailbox_announce(const struct shim_endpoint *endpoint, uint8_t answer[VERBS_ACCEPT_BYTES]);
void verbs_mailbox_learn(struct shim_endpoint *endpoint, const uint8_t *answer, uint32_t bytes);
/* On the connecting side, before anything else is sent: where the own mailbox is. */
int verbs_mailbox_introduce(struct shim_endpoint *endpoint);
/* On the accepting side, before a goodbye: waits, not for long, until the peer has finished its part of the handshake.
 * Else an end right after the beginning would look like a death to it. */
void verbs_mailbox_await_peer(struct shim_endpoint *endpoint);
bool verbs_mailbox_has_goodbye(const struct shim_endpoint *endpoint);
/* Says goodbye behind everything posted and waits, not for long, until all of it is done. */
void verbs_mailbox_goodbye(struct shim_endpoint *endpoint);

/* prepared.c */
/* A request of the fabric's own, always the last or first of an endpoint; completes silently. */
int verbs_post_own(struct shim_endpoint *endpoint, uint64_t source, uint32_t bytes, uint32_t lkey, uint64_t address,
                   uint32_t rkey);
/* deferred.c */
void verbs_deferred_drop(struct shim_endpoint *endpoint);

/* queue.c */
int verbs_queue_attach(struct shim_queue *queue, uint32_t completions);
void verbs_queue_detach(struct shim_queue *queue, const struct shim_endpoint *endpoint, uint32_t completions);
/* Takes what the device has and keeps it for the next poll. */
void verbs_queue_reap(struct shim_queue *queue);
/* A completion that no device made. */
int verbs_queue_add(struct shim_queue *queue, const struct shim_completion *completion);
/* completion.c: one completion of the device; false when nobody is to see it. */
bool verbs_translate(struct shim_queue *queue, const struct ibv_wc *wc, struct shim_completion *completion);
/* wait.c; with the lock held */
void verbs_queue_wake(struct shim_queue *queue, uint32_t notices);
void verbs_queue_give_event(struct shim_queue *queue);
/* On the bridge: the watched channel has an event. */
void verbs_channel_readable(struct shim_domain *domain, uint32_t queue_id);

/* A send's or receive's wr_id for the device. */
#define VERBS_RECEIVE_BIT (UINT64_C(1) << 63)
static inline uint64_t verbs_work_id(uint32_t endpoint_id, uint32_t low) {
  return ((uint64_t)endpoint_id << 32) | low;
}

#endif
