/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The objects of the shm fabric and what its files call of each other.
 *
 * Threads. The owner (the thread that opened the domain) makes, uses and closes objects. The bridge (one thread a
 * domain) accepts, shakes hands and reads the sockets. Both hold domain->lock when they touch a list, a watch, an event
 * or a field marked (lock). The data path holds no lock: its fields are the owner's, but for those marked (atomic). The
 * bridge never unmaps memory and never closes a descriptor that the owner may be using.
 */
#ifndef SHM_INTERNAL_H
#define SHM_INTERNAL_H

#include "../../include/rdmalib_shim.h"
#include "../common/error-text.h"
#include "../common/events.h"
#include "../common/list.h"
#include "ring.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#define SHM_MAX_UIDS 16u
#define SHM_DIRECTORY_BYTES 90u /* with "/65535.sock" below what a socket address holds */
#define SHM_MAX_TARGETS 65536u
#define SHM_LAST_PORT 65535u
#define SHM_NO_DEADLINE UINT64_MAX
#define SHM_NO_WATCH UINT64_MAX

enum shm_watch_kind { SHM_WATCH_CONTROL, SHM_WATCH_LISTENER, SHM_WATCH_HANDSHAKE, SHM_WATCH_SOCKET, SHM_WATCH_PIDFD };

struct shm_watch {
  enum shm_watch_kind kind;
  uint32_t generation;
  void *object; /* NULL: free */
};

struct shm_peer {
  pid_t pid;
  uid_t uid;
};

struct shim_domain {
  pthread_mutex_t lock;
  int epoll;
  int control;    /* eventfd that makes the bridge look at `stopping` and deadlines anew */
  int self_pidfd; /* -1 where the kernel has none */
  bool stopping;  /* (lock) */
  pthread_t bridge;
  uint32_t handshake_ms;
  uint32_t direct_map; /* 0: neither hands out mappings nor says that it could */
  uint32_t uid_count;
  uid_t uids[SHM_MAX_UIDS];
  char directory[SHM_DIRECTORY_BYTES];
  struct shm_watch *watches; /* (lock) */
  uint32_t watch_count;
  struct shim_event_queue events; /* (lock) */
  struct shim_list regions;       /* (lock) */
  struct shim_list queues;        /* (lock) */
  struct shim_list endpoints;     /* (lock) */
  struct shim_list listeners;     /* (lock) */
  struct shim_list handshakes;    /* (lock) accepted sockets without their hello */
  struct shim_list requests;      /* (lock) neither accepted nor rejected, nor owned by an endpoint */
};

struct shim_region {
  struct shim_domain *domain;
  uint8_t *address;
  uint64_t length;
  uint32_t access;
  uint32_t flags;
  uint64_t pages; /* bytes of whole pages, without the guard */
  uint64_t mapped_length;
  uint64_t rkey;
  int fd;
  struct shim_list link;
};

/* A completion of an own request, until it is polled. */
struct shm_local_completion {
  struct shim_completion completion;
  struct shim_endpoint *endpoint; /* NULL once closed */
};

enum shm_notice { SHM_NOTICE_INTERRUPT = 1, SHM_NOTICE_STATE = 2 };

struct shim_queue {
  struct shim_endpoint **active; /* endpoints that receive here, but those that were drained after their end */
  uint32_t active_count;         /* (lock for writing) */
  uint32_t active_capacity;
  uint32_t next;    /* where the next poll begins */
  uint32_t notices; /* (atomic) enum shm_notice */
  uint32_t depth;
  uint32_t local_mask;
  uint32_t local_head;
  uint32_t local_tail;
  struct shm_local_completion *local;
  uint32_t wake;        /* (atomic) 1 while a thread sleeps on this word */
  uint32_t event_armed; /* (atomic) 1 while a READABLE event is owed */
  uint32_t *sleeping;   /* (atomic) the armed word of a ring that a thread sleeps on, or NULL */
  struct shim_domain *domain;
  uint32_t id;
  uint32_t users; /* endpoints that send or receive here */
  bool solicited_only;
  struct shim_list link;
  struct shim_event_node readable;
};

/* A run of equal receives. */
struct shm_receive {
  struct shim_region *region; /* NULL: empty, or closed since */
  uint8_t *address;
  uint32_t length;
  uint32_t wr_id;
  uint32_t count;
  bool closed; /* the buffer's region was closed */
};

struct shm_target {
  uint8_t *address;
  uint64_t length;
  uint32_t access;
  uint32_t mapping;
  uint64_t key;
  uint64_t offset; /* of `address` in the region */
};

/* A peer's region, mapped once whatever number of targets begin in it. */
struct shm_mapping {
  uint8_t *address;
  uint64_t length;
  uint64_t pages;
  uint64_t mapped_length;
  uint64_t key;
  uint32_t access;
  bool guard;
  bool handed_out;
};

enum shm_ask_state { SHM_ASK_IDLE = 0, SHM_ASK_WAITING = 1, SHM_ASK_ANSWERED = 2, SHM_ASK_LOST = 3 };

struct shim_endpoint {
  /* Receiving. */
  struct shm_consumer consumer;
  int32_t state; /* (atomic) enum shim_endpoint_state */
  uint32_t id;
  struct shm_receive *receives; /* a ring of runs, the oldest at receive_head */
  uint32_t receive_mask;
  uint32_t receive_head;
  uint32_t receive_tail;
  uint32_t receive_outstanding;
  uint32_t receive_depth;
  uint64_t receives_posted;
  /* Sending. */
  _Alignas(64) struct shm_producer producer;
  struct shm_target *targets;
  uint32_t target_count;
  uint32_t send_outstanding;
  uint32_t send_depth;
  struct shim_queue *send_queue;
  struct shim_domain *domain;
  int socket;
  /* The rest is not on the data path. */
  struct shim_queue *receive_queue;
  bool active; /* in receive_queue->active */
  uint32_t target_capacity;
  uint32_t *target_index; /* open addressing by key and offset: target + 1 */
  uint32_t target_index_mask;
  struct shm_mapping *mappings;
  uint32_t mapping_count;
  uint32_t mapping_capacity;
  uint64_t inbox_bytes;
  uint64_t outbox_bytes;
  int inbox_fd; /* until the peer has it */
  int peer_pidfd;
  struct shm_peer peer;
  uint64_t socket_watch;
  uint64_t pidfd_watch;
  uint64_t deadline; /* (lock) of connecting */
  bool retry;        /* (lock) the listener's backlog was full */
  uint32_t port;
  struct shim_request *request; /* not answered yet */
  uint8_t private_data[SHIM_MAX_PRIVATE_DATA];
  uint32_t private_bytes;
  uint32_t ask_state; /* (atomic) enum shm_ask_state */
  uint32_t ask_id;    /* (lock) this and the answer's fields */
  uint64_t asked_key;
  bool ask_tells; /* nobody waits for the answer: an event tells of it */
  int32_t answer_status;
  int answer_fd;
  uint64_t answer_length;
  uint32_t answer_access;
  uint32_t answer_guard;
  struct shim_list link;
  struct shim_event_node outcome; /* ESTABLISHED, REFUSED or FAILED */
  struct shim_event_node end;     /* DISCONNECTED */
  struct shim_event_node answer;  /* RESOLVED */
};

struct shim_listener {
  struct shim_domain *domain;
  uint32_t id;
  uint32_t port;
  int socket;
  int lock_fd;
  uint32_t backlog;
  uint32_t pending; /* (lock) handshakes and unanswered requests */
  bool paused;      /* (lock) */
  uint64_t resume;  /* (lock) when to accept again after descriptors ran out, or SHM_NO_DEADLINE */
  uint64_t watch;
  struct shim_list link;
};

struct shm_handshake {
  struct shim_listener *listener;
  int socket;
  uint64_t watch;
  uint64_t deadline;
  struct shm_peer peer;
  struct shim_list link;
};

struct shim_request {
  struct shim_domain *domain;
  struct shim_listener *listener; /* NULL once closed */
  int socket;
  int inbox_fd;
  int pidfd; /* or -1 */
  uint32_t entries;
  struct shm_peer peer;
  struct shim_list link;
  struct shim_event_node arrival;
};

/* domain.c */
uint32_t shm_next_id(void);
void shm_lock(struct shim_domain *domain);
void shm_unlock(struct shim_domain *domain);
int shm_parse_options(struct shim_domain *domain, const char *options);
bool shm_uid_allowed(const struct shim_domain *domain, uid_t uid);

/* port.c */
struct sockaddr_un;
void shm_port_path(const struct shim_domain *domain, uint32_t port, const char *suffix, struct sockaddr_un *address);
/* Takes the port: the lock's descriptor or -errno with text. */
int shm_port_lock(const struct shim_domain *domain, uint32_t port);
/* Takes a free port that the system chooses. */
int shm_port_lock_any(struct shim_domain *domain, uint32_t *port);
void shm_port_unlock(const struct shim_domain *domain, uint32_t port, int fd);
/* Removes the files of ports whose owners are gone. */
void shm_ports_clear(const struct shim_domain *domain);

/* directory.c */
int shm_directory_prepare(struct shim_domain *domain, bool is_default);
int shm_directory_default(struct shim_domain *domain);

/* bridge.c */
int shm_bridge_start(struct shim_domain *domain);
void shm_bridge_stop(struct shim_domain *domain);
void shm_bridge_kick(struct shim_domain *domain);
/* watch.c; with the lock held */
int shm_watch_add(struct shim_domain *domain, int fd, enum shm_watch_kind kind, void *object, uint64_t *watch);
void shm_watch_remove(struct shim_domain *domain, int fd, uint64_t *watch);
struct shm_watch *shm_watch_find(struct shim_domain *domain, uint64_t watch);

/* handshake.c; on the bridge, with the lock held */
void shm_listener_readable(struct shim_listener *listener);
void shm_handshake_readable(struct shm_handshake *handshake);
void shm_handshake_drop(struct shm_handshake *handshake);
void shm_listener_pause(struct shim_listener *listener, uint64_t resume);
void shm_listener_resume(struct shim_listener *listener);
/* One of the listener's handshakes or requests is done with. */
void shm_listener_answered(struct shim_listener *listener);
void shm_send_rejection(int socket, uint32_t reason, const void *private_data, uint32_t bytes);

/* peer.c */
int shm_peer_of(int socket, struct shm_peer *peer);
/* Says who it is, in words. */
void shm_event_peer(struct shim_event *event, const struct shm_peer *peer);
/* Whether the descriptor is a pidfd of this process. */
bool shm_pidfd_names(int pidfd, pid_t pid);
bool shm_host_is_here(const char *host);

/* request.c; with the lock held */
/* Rejects requests of a closing listener that nobody took yet; those that were taken stay valid. */
void shm_requests_orphan(struct shim_listener *listener);
/* Forgets the request and frees it. Its descriptors are the caller's. */
void shm_request_release(struct shim_request *request);

/* connect.c; on the bridge, with the lock held */
void shm_connect_reply(struct shim_endpoint *endpoint);
void shm_connect_retry(struct shim_endpoint *endpoint);
void shm_connect_failed(struct shim_endpoint *endpoint, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* established.c; with the lock held */
void shm_socket_readable(struct shim_endpoint *endpoint);
void shm_peer_exited(struct shim_endpoint *endpoint);
void shm_endpoint_end(struct shim_endpoint *endpoint, uint32_t reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void shm_endpoint_unwatch(struct shim_endpoint *endpoint);
int shm_endpoint_watch(struct shim_endpoint *endpoint);
/* On the owner, without the lock: the peer did what this fabric does not allow. */
void shm_endpoint_violation(struct shim_endpoint *endpoint, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold, noinline));

/* inbox.c */
int shm_inbox_open(struct shim_endpoint *endpoint);
void shm_inbox_close(struct shim_endpoint *endpoint);
int shm_outbox_map(struct shim_endpoint *endpoint, int fd, uint32_t entries);
bool shm_entries_valid(uint32_t entries);

/* resolve.c */
void shm_targets_close(struct shim_endpoint *endpoint);

/* receive.c */
void shm_receives_forget_region(struct shim_endpoint *endpoint, const struct shim_region *region);
/* Completes a descriptor that is no write with an immediate. False: it is none at all, and the connection is ended. */
bool shm_receive_complete(struct shim_endpoint *endpoint, uint64_t body, uint32_t immediate,
                          struct shim_completion *completion);
/* Completes the receives of an ended connection as flushed. */
uint32_t shm_receives_flush(struct shim_endpoint *endpoint, struct shim_completion *completions, uint32_t capacity);

/* queue.c */
int shm_queue_attach(struct shim_queue *queue, struct shim_endpoint *endpoint);
void shm_queue_detach(struct shim_queue *queue, struct shim_endpoint *endpoint);
/* Completions of own requests. */
uint32_t shm_local_take(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity);
/* Every endpoint's in turn, beginning behind the one that filled the last poll. */
uint32_t shm_take_in_turn(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity);
/* Completions of the endpoint stay queued, but no longer point to it. */
void shm_local_forget(struct shim_queue *queue, const struct shim_endpoint *endpoint);
void shm_queue_deactivate(struct shim_queue *queue, struct shim_endpoint *endpoint);
/* wait.c; with the lock held */
void shm_queue_wake(struct shim_queue *queue, uint32_t notices);
uint32_t shm_queue_arming(const struct shim_queue *queue, uint32_t how);
/* post.c: wakes the consumer of the endpoint's peer, armed like `armed` says. */
void shm_wake_peer(struct shim_endpoint *endpoint, uint32_t armed, bool solicited);

#endif
