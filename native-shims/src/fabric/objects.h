/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The objects of the libfabric fabric.
 *
 * A connection has two parts. A TCP connection to the listener's host and port carries what libfabric's providers do
 * differently or not at all: the handshake with private data, the end with its reason, questions about keys. The data
 * goes over libfabric: FI_EP_MSG has an endpoint a connection, FI_EP_RDM one a domain, whose peers are told apart by
 * the number (slot) that each side gave the other in the handshake.
 *
 * A libfabric endpoint with its completion queue is a port. Completions are read from ports and put into the shim's
 * queues, whoever reads them: a provider makes progress only while somebody reads, so the bridge does when the owner
 * does not.
 *
 * One lock a domain, held for every call of libfabric and every field below but those marked (atomic).
 */
#ifndef FABRIC_OBJECTS_H
#define FABRIC_OBJECTS_H

#include "../../include/rdmalib_shim.h"
#include "../common/error-text.h"
#include "../common/events.h"
#include "../common/list.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define FABRIC_API FI_VERSION(1, 17)
#define FABRIC_NO_DEADLINE UINT64_MAX
#define FABRIC_TOKEN_BYTES 16u
#define FABRIC_NAME_BYTES 256u
#define FABRIC_PROVIDER_BYTES 64u
#define FABRIC_MOST_INLINE 256u
#define FABRIC_MOST_WAIT_FDS 8u

union fabric_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_storage storage;
  uint8_t bytes[FABRIC_NAME_BYTES]; /* of a provider with other addresses */
};

/* What the options of a domain say; options.c has their names. */
struct fabric_options {
  char provider[FABRIC_PROVIDER_BYTES];
  char endpoint[8]; /* "msg", "rdm" or "auto" */
  char source[SHIM_ADDRESS_BYTES];
  char route[SHIM_ADDRESS_BYTES];
  char domain[FABRIC_PROVIDER_BYTES]; /* libfabric's name of the device, or "" */
  uint8_t auth_key[64];
  uint32_t auth_key_bytes;
  char wait[8];             /* "sleep", where the provider can, or "poll" */
  uint32_t peer_timeout_ms; /* how long a silent host is waited for */
  uint32_t handshake_ms;
};

/* What an event of the bridge's epoll is about; the first member of what it is about. */
enum fabric_watched { FABRIC_CONTROL_FD = 1, FABRIC_PORTS, FABRIC_EQ, FABRIC_LISTENER, FABRIC_LINK };
struct fabric_watch {
  enum fabric_watched kind;
};

/* A libfabric endpoint and its completion queue. */
struct fabric_port {
  struct fid_ep *ep;
  struct fid_cq *cq;
  struct shim_domain *domain;
  struct shim_endpoint *endpoint; /* FI_EP_MSG: its connection; else NULL */
  enum fi_wait_obj waits_by;      /* FI_WAIT_NONE, FI_WAIT_FD or FI_WAIT_POLLFD */
  bool watched;                   /* its descriptors are in domain->ports_epoll; else it is busy */
  uint32_t looks;                 /* by a polling owner, since nobody slept */
  uint32_t vain;                  /* times in a row that it was found quiet, with no completion between */
  uint32_t wait_count;
  struct pollfd waits[FABRIC_MOST_WAIT_FDS];
  struct shim_list link; /* in domain->ports */
  struct shim_list busy; /* in domain->busy: to be read before anybody sleeps */
};

struct shim_domain {
  pthread_mutex_t lock;
  pthread_cond_t changed; /* an answer or an end came that the owner waits for */
  struct fabric_options options;
  /* What libfabric gave. */
  struct fi_info *info;
  struct fid_fabric *fabric;
  struct fid_domain *domain;
  struct fid_eq *eq;         /* FI_EP_MSG */
  struct fid_av *av;         /* FI_EP_RDM */
  struct fabric_port port;   /* FI_EP_RDM: of all connections */
  struct shim_list passives; /* FI_EP_MSG: of struct fabric_passive */
  struct shim_list peers;    /* FI_EP_RDM: of struct fabric_peer */
  bool is_rdm;
  bool has_atomics;
  bool reports_length;    /* FI_EP_MSG with 4-byte CQ data: the provider says how long a write was */
  bool consumes_receives; /* FI_RX_CQ_DATA: a write with data takes a posted receive */
  bool by_message;        /* FI_EP_RDM without 8-byte data of writes: every immediate travels as a message */
  bool local_mr;
  bool needs_endpoint_mr;
  bool ip; /* addresses are those of IP */
  uint32_t max_segments;
  uint64_t max_send;
  uint64_t max_inject;         /* bytes that a write with an immediate may have to be forgotten when it was posted */
  struct shim_region *landing; /* 64 bytes that peers may write and read: for writes of no bytes and for fences */
  /* Threads. */
  int epoll;
  int control; /* eventfd that wakes the bridge */
  struct fabric_watch control_watch;
  struct fabric_watch ports_watch;
  struct fabric_watch eq_watch;
  int eq_fd;
  int ports_epoll; /* of the watched ports' descriptors, and wake_fd */
  int wake_fd;     /* eventfd that ends the owner's sleep */
  bool stopping;
  bool watching;     /* the bridge sleeps on ports_epoll too */
  bool bridge_idle;  /* the owner sleeps in block: the bridge looks after nothing until it is kicked */
  bool sleeping;     /* the owner sleeps in block */
  uint32_t owed;     /* queues that owe an event loop an event */
  uint32_t wanted;   /* (atomic) the bridge waits for the lock */
  uint32_t patience; /* milliseconds until the bridge looks again whether the owner polls */
  uint32_t poll_ms;  /* between two looks of the bridge at what has no descriptors */
  uint32_t vain_polls;
  uint64_t came;     /* counts completions */
  uint64_t activity; /* counts the owner's polls */
  uint64_t activity_seen;
  uint64_t activity_armed; /* when the owner armed a queue last */
  pthread_t bridge;
  /* Objects. */
  struct shim_list ports;
  struct shim_list busy;
  struct shim_event_queue events;
  struct shim_list regions;
  struct shim_list queues;
  struct shim_list endpoints;
  struct shim_list listeners;
  struct shim_list closed_listeners;
  struct shim_list requests;
  struct shim_list links;  /* of struct fabric_link */
  struct shim_list graves; /* links that are over; the bridge frees them */
  struct shim_list stuck;  /* endpoints with kept requests */
  struct shim_list doomed; /* endpoints to be ended once no port is being read */
  struct shim_list free_ops;
  struct fabric_slab *slabs;
  struct shim_endpoint **slots; /* FI_EP_RDM: connections by the number that their peers know */
  uint32_t slot_capacity;
  uint32_t last_slot;
};

struct shim_region {
  struct shim_domain *domain;
  uint8_t *address;
  uint64_t length;
  uint32_t access;
  void *desc;
  struct fid_mr *mr;
  uint64_t remote_address;
  uint64_t pages; /* bytes of whole pages, without the guard */
  uint64_t mapped_length;
  int fd;
  struct shim_list link;
};

enum fabric_notice { FABRIC_NOTICE_INTERRUPT = 1, FABRIC_NOTICE_STATE = 2 };

struct fabric_pending {
  struct shim_completion completion;
  struct shim_endpoint *endpoint; /* NULL once it is closed */
};

struct shim_queue {
  struct shim_domain *domain;
  struct fabric_pending *pending; /* a ring */
  uint32_t pending_head;
  uint32_t pending_count; /* (atomic) */
  uint32_t pending_capacity;
  uint32_t notices; /* (atomic) enum fabric_notice */
  uint32_t polls;
  bool owed; /* a READABLE event is owed */
  bool solicited_only;
  struct fabric_port *only; /* the port of its one endpoint, where it has one */
  uint32_t id;
  uint32_t depth;
  uint32_t users;
  struct shim_list link;
  struct shim_event_node readable;
};

/* In front of every message between FI_EP_RDM endpoints. 32 bytes. */
struct fabric_header {
  uint64_t secret; /* of the connection */
  uint32_t slot;   /* of the receiver */
  uint32_t kind;   /* enum fabric_message */
  uint32_t immediate;
  uint32_t flags; /* SHIM_IMMEDIATE */
  uint64_t bytes; /* of the payload, or of the write that it tells of */
};
enum fabric_message { FABRIC_SEND = 1, FABRIC_WRITTEN = 2 };

enum fabric_op_kind { FABRIC_WORK = 1, FABRIC_RECEIVE, FABRIC_BOUNCE, FABRIC_OWN };

/* Something that libfabric was asked to do. Its memory is the provider's until the completion. */
struct fabric_op {
  struct fi_context2 context;     /* first: libfabric's op_context */
  struct shim_endpoint *endpoint; /* NULL: nobody waits any more */
  struct shim_list link;          /* of the endpoint's outstanding ones, in the order of posting */
  uint32_t wr_id;
  uint8_t kind; /* enum fabric_op_kind */
  uint8_t opcode;
  bool signaled;
  bool half_done; /* while it is handed over: the write is under way, the message about it could not follow */
  void *desc;     /* of the memory below */
  struct fabric_header header;
  uint8_t payload[FABRIC_MOST_INLINE]; /* behind the header: of an inline request */
  uint64_t operand;
  uint64_t compare;
  uint8_t *bounce; /* FABRIC_BOUNCE: where the message lands */
};

/* Offsets count from `address`, which may lie before the region; what they come to must lie in it. */
struct fabric_target {
  uint64_t address;
  uint64_t rkey;
  uint64_t start;
  uint64_t end;
  uint32_t access;
};

/* A receive that waits for a send. */
struct fabric_receive {
  struct shim_list link;
  bool is_empty;              /* for an immediate */
  struct shim_region *region; /* NULL where it is empty, and once the region is closed */
  uint64_t offset;
  uint64_t length;
  uint32_t wr_id;
  struct fabric_op *op; /* FI_EP_MSG: once libfabric has it */
};

/* What arrived before there was a receive for it. */
struct fabric_early {
  struct shim_list link;
  struct fabric_header header;
  uint8_t payload[];
};

struct shim_endpoint {
  struct shim_domain *domain;
  int32_t state; /* (atomic) enum shim_endpoint_state */
  uint32_t id;
  bool ready; /* what is posted can go out */
  struct fabric_port *port;
  fi_addr_t address;              /* FI_EP_RDM */
  struct fabric_peer *peer_entry; /* FI_EP_RDM: whose address it is */
  /* Sending. */
  uint32_t in_flight; /* on `outstanding` or kept */
  uint32_t unreaped;  /* signaled requests whose completion the caller did not take */
  uint32_t send_depth;
  uint32_t max_segments;
  uint64_t max_send;
  uint32_t peer_slot;
  uint64_t secret;
  struct fabric_target *targets;
  uint32_t target_count;
  uint32_t target_capacity;
  struct fabric_target landing; /* of the peer */
  struct shim_list outstanding; /* of fabric_op */
  struct shim_list kept;        /* of fabric_kept: to be posted, in order */
  struct shim_list stuck;       /* in domain->stuck */
  struct shim_list doomed;      /* in domain->doomed */
  uint32_t doom;                /* enum shim_disconnect_reason */
  struct shim_queue *send_queue;
  /* Receiving. */
  struct shim_queue *receive_queue;
  uint32_t receive_depth;
  uint32_t empty_receives;
  uint32_t buffer_receives;
  bool receives_wait;        /* the provider had no room for some */
  struct shim_list receives; /* of fabric_receive */
  struct shim_list early;    /* of fabric_early */
  uint32_t early_count;
  uint64_t early_bytes;
  uint32_t slot; /* FI_EP_RDM */
  /* The rest is not on the data path. */
  struct fabric_port own_port; /* FI_EP_MSG */
  struct fabric_link *tcp;
  struct shim_request *request; /* not answered yet */
  bool connected;               /* FI_EP_MSG: libfabric says so; FI_EP_RDM: the first fence came back */
  bool answered;                /* the peer accepted */
  bool fenced;                  /* a fence came back */
  bool peer_said_goodbye;
  bool libfabric_ended; /* FI_SHUTDOWN */
  uint32_t queries;
  struct shim_remote asked; /* what the last query was about */
  bool asking;              /* nobody waits for its answer: an event tells of it */
  uint64_t deadline;        /* of connecting, or of the peer's word after libfabric ended */
  const char *step;
  union fabric_address peer_address;
  char peer[SHIM_ADDRESS_BYTES];
  uint32_t peer_port;
  uint8_t private_data[SHIM_MAX_PRIVATE_DATA];
  uint32_t private_bytes;
  struct shim_list link;
  struct shim_event_node outcome; /* ESTABLISHED, REFUSED or FAILED */
  struct shim_event_node end;     /* DISCONNECTED */
  struct shim_event_node answer;  /* RESOLVED */
};

struct shim_listener {
  struct fabric_watch watch;
  struct shim_domain *domain;
  struct fabric_passive *passive;
  uint32_t id;
  int fd;
  union fabric_address address;
  struct shim_list link;
};

/* What FI_EP_MSG connections to an own address come to. Lives as long as its domain: listeners come and go. */
struct fabric_passive {
  struct shim_list link;
  struct fid_pep *pep;
  union fabric_address host;
  uint8_t name[FABRIC_NAME_BYTES];
  uint32_t name_bytes;
};

struct shim_request {
  struct shim_domain *domain;
  uint32_t id;
  uint32_t listener_id;
  struct fabric_link *tcp;
  struct fi_info *info; /* FI_EP_MSG: of the connection that libfabric brought */
  struct fid_pep *pep;
  char peer[SHIM_ADDRESS_BYTES];
  uint32_t peer_port;
  struct shim_list link;
  struct shim_event_node arrival;
};

#endif
