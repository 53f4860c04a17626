/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The objects of the verbs fabric.
 *
 * An endpoint is a reliable-connected queue pair, brought through its states by hand, so that receives can be posted
 * before there is a connection and every timer is chosen; rdma_cm finds the way to the peer and carries the handshake.
 *
 * Threads. The owner (the thread that opened the domain) makes, uses and closes objects. The bridge (one thread a
 * domain) takes rdma_cm's events and, for event loops, those of completion channels. Both hold domain->lock when they
 * touch a list, an event, an rdma_cm id or a field marked (lock). The data path holds no lock: its fields are the
 * owner's, but for those marked (atomic); before an endpoint is `ready` its send queue belongs to whoever holds the
 * lock.
 */
#ifndef VERBS_OBJECTS_H
#define VERBS_OBJECTS_H

#include "../../include/rdmalib_shim.h"
#include "../common/error-text.h"
#include "../common/events.h"
#include "../common/list.h"

#include <infiniband/verbs.h>
#include <netinet/in.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <sys/socket.h>

#define VERBS_PRIVATE_BYTES 56u /* what rdma_cm carries with a request */
#define VERBS_MAX_ADDRESSES 16u
#define VERBS_NO_DEADLINE UINT64_MAX

union verbs_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_storage storage;
};

/* What the options of a domain say; see options.c for their names. */
struct verbs_options {
  char device[IBV_SYSFS_NAME_MAX];
  char source[SHIM_ADDRESS_BYTES]; /* an own address, or "" */
  char route[SHIM_ADDRESS_BYTES];  /* an address whose way there chooses the device, or "" */
  uint32_t port;                   /* of the device; 0: the first active one */
  uint32_t ack_timeout;            /* 4.096 µs × 2^ack_timeout until a packet is sent again */
  uint32_t retry_count;
  uint32_t rnr_retry;
  uint32_t min_rnr_timer; /* in the InfiniBand specification's code */
};

struct shim_domain {
  pthread_mutex_t lock;
  struct verbs_options options;
  int epoll;
  int control;   /* eventfd that makes the bridge look at `stopping` and deadlines anew */
  bool stopping; /* (lock) */
  pthread_t bridge;
  struct rdma_event_channel *channel;
  struct ibv_context *context; /* librdmacm's: one a device and process */
  struct ibv_pd *pd;
  struct ibv_device_attr device;
  uint8_t port;
  uint32_t max_message;
  uint32_t max_inline;
  uint32_t max_segments;
  union verbs_address addresses[VERBS_MAX_ADDRESSES]; /* of the device */
  uint32_t address_count;
  struct shim_endpoint **table; /* endpoints by id, open addressing; the owner's */
  uint32_t table_mask;
  uint32_t table_used;
  struct shim_event_queue events; /* (lock) */
  struct shim_list regions;       /* (lock) */
  struct shim_list queues;        /* (lock) */
  struct shim_list endpoints;     /* (lock) */
  struct shim_list listeners;     /* (lock) */
  struct shim_list requests;      /* (lock) neither accepted nor rejected, nor owned by an endpoint */
};

struct shim_region {
  struct shim_domain *domain;
  uint8_t *address;
  uint64_t length;
  uint32_t access;
  uint32_t lkey;
  struct ibv_mr *mr;
  uint64_t pages; /* bytes of whole pages, without the guard */
  uint64_t mapped_length;
  int fd;
  struct shim_list link;
};

enum verbs_notice { VERBS_NOTICE_INTERRUPT = 1, VERBS_NOTICE_STATE = 2 };

struct shim_queue {
  struct ibv_cq *cq;
  struct shim_endpoint *last;      /* the endpoint that the last completion named, or NULL */
  struct shim_completion *pending; /* completions taken from the device or made here, before they are polled */
  uint32_t pending_head;
  uint32_t pending_count;
  uint32_t pending_capacity;
  uint32_t notices;  /* (atomic) enum verbs_notice */
  uint32_t sleeping; /* (atomic) 1 while a thread sleeps in block */
  bool notified;     /* (lock) the device was asked for an event that was not taken yet */
  bool owed;         /* (lock) a READABLE event is owed */
  bool watched;      /* (lock) the bridge waits for an event of the channel */
  bool registered;   /* (lock) the channel is in the bridge's epoll: watched, or it was until its event came */
  bool solicited_only;
  int timer_fd;      /* timerfd that ends a sleep: at its time-out, or at once */
  int sleep_fd;      /* epoll of the channel and the timer */
  uint64_t timer_at; /* when the timer fires, by shim_now, if nobody lets it fire before; or VERBS_NO_DEADLINE */
  struct ibv_comp_channel *channel;
  struct shim_domain *domain;
  uint32_t id;
  uint32_t depth;    /* as asked for */
  uint32_t promised; /* completions that its endpoints can have outstanding */
  uint32_t users;
  struct shim_list link;
  struct shim_event_node readable;
};

/* What was posted at a position of a send queue. */
struct verbs_sent {
  uint32_t wr_id;
  uint8_t opcode;
  bool signaled; /* the caller wants a completion */
  bool last;     /* of the requests that the caller's one was split into */
};

struct verbs_target {
  uint64_t address;
  uint64_t length;
  uint32_t rkey;
};

/* A page that the peer may write. Its goodbye tells an orderly end from a death. */
struct verbs_mailbox {
  uint64_t goodbye;
  uint64_t peer_address; /* of the peer's mailbox, where the peer connected */
  uint32_t peer_rkey;
  uint32_t magic;
  uint64_t outgoing_goodbye; /* the source of the write into the peer's mailbox */
  uint64_t outgoing_address;
  uint32_t outgoing_rkey;
  uint32_t outgoing_magic;
};

struct shim_endpoint {
  struct ibv_qp *qp;
  int32_t state;  /* (atomic) enum shim_endpoint_state */
  uint32_t ready; /* (atomic) 1 once the peer can take what is posted */
  uint32_t id;
  /* Sending. */
  struct verbs_sent *sent; /* by position */
  uint32_t sent_mask;
  uint32_t posted; /* position of the next request */
  uint32_t done;   /* position of the oldest request not known to be done */
  uint32_t slots;  /* requests that the device's queue holds, without the one that is kept for the last */
  uint32_t signal_every;
  uint32_t since_signal;
  uint32_t unreaped;     /* signaled requests whose completion the caller did not take */
  uint32_t split_status; /* enum shim_status of the first failure among the parts of the oldest request */
  uint32_t send_depth;
  uint32_t max_inline;
  struct verbs_target *targets;
  uint32_t target_count;
  uint32_t target_capacity;
  struct shim_queue *send_queue;
  struct shim_domain *domain;
  /* Receiving. */
  uint32_t receive_outstanding;
  uint32_t receive_depth;
  struct shim_queue *receive_queue;
  /* The rest is not on the data path. */
  struct rdma_cm_id *cm;        /* (lock) */
  struct shim_request *request; /* not answered yet */
  uint32_t promised_sends;
  uint32_t promised_receives;
  bool accepted;  /* by this side: the peer connected */
  bool transmits; /* the queue pair reached the state in which it sends */
  bool said_goodbye;
  struct shim_list deferred; /* (lock) requests of deferred.c */
  uint32_t deferred_count;   /* (lock) */
  struct verbs_mailbox *mailbox;
  struct ibv_mr *mailbox_mr;
  uint64_t peer_mailbox;
  uint32_t peer_mailbox_rkey;
  bool has_peer_mailbox;
  uint64_t deadline; /* (lock) of connecting */
  const char *step;  /* (lock) of connecting, in words */
  uint8_t initiator_depth;
  uint8_t responder_resources;
  char peer[SHIM_ADDRESS_BYTES];
  uint32_t peer_port;
  uint8_t private_data[VERBS_PRIVATE_BYTES];
  uint32_t private_bytes;
  struct shim_list link;
  struct shim_event_node outcome; /* ESTABLISHED, REFUSED or FAILED */
  struct shim_event_node end;     /* DISCONNECTED */
};

struct shim_listener {
  struct shim_domain *domain;
  uint32_t id;
  struct rdma_cm_id *cm;
  struct shim_list link;
};

struct shim_request {
  struct shim_domain *domain;
  uint32_t id;
  uint32_t listener_id;
  bool gone; /* (lock) the peer gave up */
  struct rdma_cm_id *cm;
  uint8_t initiator_depth;
  uint8_t responder_resources;
  char peer[SHIM_ADDRESS_BYTES];
  uint32_t peer_port;
  struct shim_list link;
  struct shim_event_node arrival;
};

#endif
