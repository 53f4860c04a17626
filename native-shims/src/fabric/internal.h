/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the libfabric fabric call of each other; objects.h says what belongs to which thread. */
#ifndef FABRIC_INTERNAL_H
#define FABRIC_INTERNAL_H

#include "link.h"
#include "objects.h"

/* domain.c */
uint32_t fabric_next_id(void);
void fabric_lock(struct shim_domain *domain);
void fabric_unlock(struct shim_domain *domain);
/* Random bytes for keys and tokens. */
void fabric_random(void *bytes, uint32_t count);
/* -errno with text; `call` is what libfabric answered with a negative number of its own. */
int fabric_fail(const struct shim_domain *domain, const char *call, int64_t result, const char *attempt);

/* sweep.c: removes the files that dead processes left, and at its exit those of this one, where the provider has such.
 */
void fabric_sweep(const struct shim_domain *domain);

/* What rdmalib wants of a provider. */
#define FABRIC_NEEDED (FI_MSG | FI_RMA | FI_READ | FI_WRITE | FI_REMOTE_READ | FI_REMOTE_WRITE | FI_SEND | FI_RECV)
/* What it can serve. */
#define FABRIC_MODES (FI_CONTEXT | FI_CONTEXT2 | FI_RX_CQ_DATA)
#define FABRIC_MSG_MR_MODES (FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY)
/* With FI_MR_ENDPOINT a memory region belongs to one endpoint, and only FI_EP_RDM has just one. */
#define FABRIC_RDM_MR_MODES (FABRIC_MSG_MR_MODES | FI_MR_ENDPOINT)

/* options.c */
int fabric_parse_options(struct fabric_options *options, const char *text);
/* provider.c: finds what the options mean. */
int fabric_find_provider(struct shim_domain *domain);
/* diagnosis.c: why libfabric offers nothing: -errno with text. */
int fabric_explain(const struct shim_domain *domain, int answer);
bool fabric_provider_speaks_ip(const struct fi_info *info);

/* address.c */
int fabric_lookup(const char *host, uint32_t port, bool passive, union fabric_address *address);
void fabric_format_address(const union fabric_address *address, char *text, uint32_t bytes);
uint32_t fabric_address_port(const union fabric_address *address);
void fabric_set_port(union fabric_address *address, uint32_t port);
socklen_t fabric_address_bytes(const union fabric_address *address);
bool fabric_is_wildcard(const union fabric_address *address);
/* Puts an own address in the place of "all of them": one that other hosts reach, if there is one. */
bool fabric_own_address(union fabric_address *address);
/* The own address from which another one is reached. 0 or -errno. */
int fabric_source_for(const char *host, union fabric_address *source);
/* A peer's name, with the host of its TCP connection where it says none. */
void fabric_complete_name(uint8_t *name, uint32_t bytes, const union fabric_address *host);

/* bridge.c */
int fabric_bridge_start(struct shim_domain *domain);
void fabric_bridge_stop(struct shim_domain *domain);
void fabric_bridge_kick(struct shim_domain *domain);
int fabric_watch_add(struct shim_domain *domain, int fd, uint32_t events, struct fabric_watch *watch);
void fabric_watch_change(struct shim_domain *domain, int fd, uint32_t events, struct fabric_watch *watch);
/* Whether the bridge sleeps on the ports. */
void fabric_watch_ports(struct shim_domain *domain, bool on);

/* expire.c: lets what took too long fail; milliseconds that may be slept, -1: any time. */
int fabric_expire(struct shim_domain *domain);
/* listener.c: peers connect. */
void fabric_listener_ready(struct shim_listener *listener);

/* port.c */
int fabric_port_open(struct fabric_port *port, struct shim_domain *domain, struct fi_info *info, uint32_t completions);
void fabric_port_close(struct fabric_port *port);
static inline void fabric_port_touch(struct fabric_port *port) {
  if (shim_list_is_empty(&port->busy))
    shim_list_append(&port->domain->busy, &port->busy);
}

/* descriptors.c */
/* Opens the port's queue with descriptors to sleep on, if the provider has such. 0 or a negative number of libfabric.
 */
int fabric_port_open_queue(struct fabric_port *port, struct fi_cq_attr *attributes);
/* Puts its descriptors where sleepers see them: false where there are none, or no more of them fit. */
bool fabric_port_watch(struct fabric_port *port);
/* After reading: true when its descriptors tell of everything that comes. */
bool fabric_port_is_quiet(struct fabric_port *port);
/* Takes them out. Every packet would wake them, which takes as long as a system call: who polls does without. */
void fabric_port_unwatch(struct fabric_port *port);

/* progress.c */
/* Reads what a port has: completions read, or 0. */
uint32_t fabric_port_read(struct fabric_port *port);
/* What was read of it. */
void fabric_port_take(struct fabric_port *port, const struct fi_cq_data_entry *entries, ssize_t count);
/* Reads every port that may have something. */
void fabric_progress(struct shim_domain *domain);
/* After progress: true when nothing can be missed by sleeping on ports_epoll. */
bool fabric_may_sleep(struct shim_domain *domain);
/* arrived.c */
void fabric_immediate_came(struct shim_endpoint *endpoint, uint32_t immediate, uint64_t bytes);
/* FI_EP_RDM: data of a remote write, or a message in a bounce buffer. */
void fabric_data_came(struct shim_domain *domain, uint64_t data);
void fabric_message_came(struct shim_domain *domain, const uint8_t *message, uint64_t bytes);
/* What came early and has a receive now. */
void fabric_match_early(struct shim_endpoint *endpoint);
void fabric_drop_early(struct shim_endpoint *endpoint);

/* ops.c */
struct fabric_op *fabric_op_take(struct shim_domain *domain);
void fabric_op_give(struct shim_domain *domain, struct fabric_op *op);
void fabric_ops_free(struct shim_domain *domain);
/* FI_EP_RDM: the buffers that messages of all peers land in. */
int fabric_bounces_open(struct shim_domain *domain);
int fabric_bounce_post(struct shim_domain *domain, struct fabric_op *op);

/* region.c: registers memory under a random key. 0 or a negative number of libfabric. */
int fabric_register(struct shim_domain *domain, void *memory, uint64_t bytes, uint64_t access, struct fid_mr **mr);

/* queue.c */
int fabric_queue_add(struct shim_queue *queue, struct shim_endpoint *endpoint,
                     const struct shim_completion *completion);
uint32_t fabric_queue_take(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity);
void fabric_queue_attach(struct shim_queue *queue);
void fabric_queue_detach(struct shim_queue *queue, const struct shim_endpoint *endpoint);
/* An endpoint of the queue got its port or lost it. */
void fabric_queue_ports_changed(struct shim_queue *queue);
/* wait.c */
void fabric_queue_wake(struct shim_queue *queue, uint32_t notices);
void fabric_queue_give_event(struct shim_queue *queue);
/* One look at a queue's ports. */
void fabric_queue_progress(struct shim_queue *queue);

/* established.c */
void fabric_endpoint_end(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, once no port is being read. */
void fabric_endpoint_doom(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void fabric_doom_fulfil(struct shim_domain *domain);
/* libfabric's connection is no more: the peer's last word on the TCP connection is waited for, a while. */
void fabric_libfabric_ended(struct shim_endpoint *endpoint);
void fabric_settle(struct shim_endpoint *endpoint, int32_t state, uint32_t event_type, int error);
void fabric_connect_failed(struct shim_endpoint *endpoint, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A step of the handshake is done: is all of it? */
void fabric_connect_step(struct shim_endpoint *endpoint);
/* The peer has answered a query that nobody waits for. */
void fabric_tell_resolved(struct shim_endpoint *endpoint);
/* What was posted completes as flushed, and libfabric's endpoint is closed (FI_EP_MSG). */
void fabric_flush(struct shim_endpoint *endpoint);
void fabric_wake_queues(struct shim_endpoint *endpoint);
/* dial.c: FI_EP_MSG: makes the endpoint and connects it; FI_EP_RDM: learns the peer's address. 0 or -errno with text.
 */
int fabric_dial(struct shim_endpoint *endpoint, uint8_t *name, uint32_t bytes, const uint8_t *token);
int fabric_endpoint_make(struct shim_endpoint *endpoint, struct fi_info *info);
/* peers.c */
int fabric_peer_take(struct shim_endpoint *endpoint, const uint8_t *name, uint32_t bytes);
void fabric_peer_give(struct shim_endpoint *endpoint);
/* eq.c: everything that the event queue has. */
void fabric_eq_read(struct shim_domain *domain);
int fabric_passive_for(struct shim_domain *domain, const union fabric_address *host, struct fabric_passive **passive);
/* slots.c */
int fabric_slot_take(struct shim_endpoint *endpoint);
void fabric_slot_give(struct shim_endpoint *endpoint);

/* handshake.c: the endpoint parts from its TCP connection, which lives on until the peer heard the goodbye. */
void fabric_link_leave(struct shim_endpoint *endpoint, bool goodbye);

/* request.c */
void fabric_request_free(struct shim_request *request, bool reject, const void *private_data, uint32_t bytes);
struct shim_listener *fabric_find_listener(struct shim_domain *domain, uint32_t id);

/* receive.c: hands the posted receives to libfabric (FI_EP_MSG). 0 or -errno with text. */
int fabric_receives_post(struct shim_endpoint *endpoint);
void fabric_receives_forget(struct shim_endpoint *endpoint, const struct shim_region *region);
void fabric_receive_free(struct shim_endpoint *endpoint, struct fabric_receive *receive);

#endif
