/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The C ABI between @rfaas/rdmalib and a fabric.
 *
 * Every fabric (shm, verbs, libfabric) is one shared object that exports exactly the functions below, and
 * `shim_table()`, which returns the same functions as a table for C code that works over any fabric (the rFaaS
 * loops). TypeScript binds once by name; a missing fabric breaks only its own shared object.
 *
 * Conventions
 *  - A function returns 0 or a count on success and a negative errno on failure. `shim_error_text` then says in
 *    words what was attempted, on what and what came back; the text belongs to the calling thread.
 *  - No global state is set. Objects are opaque pointers, valid until their close function returns. Passing a
 *    pointer that was closed is undefined: TypeScript guards it.
 *  - An object belongs to one thread, the one that opened its domain. The exceptions are marked "any thread".
 *  - Structures have fixed layouts (asserted by tests on both sides), little-endian hosts only.
 *  - Nothing here knows what runs above it.
 */
#ifndef RDMALIB_SHIM_H
#define RDMALIB_SHIM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHIM_ABI_VERSION 2u
#define SHIM_MAX_SEGMENTS 8u
#define SHIM_MAX_PRIVATE_DATA 256u
#define SHIM_ADDRESS_BYTES 112u

struct shim_domain;   /* protection domain, its device and its bridge thread */
struct shim_region;   /* registered memory */
struct shim_queue;    /* completion queue */
struct shim_endpoint; /* one reliable channel to one peer */
struct shim_listener; /* accepts connections */
struct shim_request;  /* a connection that was neither accepted nor rejected yet */

/* ---- capabilities ------------------------------------------------------------------------------------------ */

enum shim_endpoint_kind { SHIM_CONNECTED = 0, SHIM_DATAGRAM = 1 };
enum shim_atomics { SHIM_ATOMICS_NONE = 0, SHIM_ATOMICS_NATIVE = 1, SHIM_ATOMICS_EMULATED = 2 };
enum shim_waiting { SHIM_WAIT_FD = 0, SHIM_WAIT_TIMED_POLL = 1 };

/* Facts that change what a caller may do. 16 words. */
struct shim_capabilities {
  uint32_t abi_version;
  uint32_t endpoint_kind;    /* enum shim_endpoint_kind */
  uint32_t atomics;          /* enum shim_atomics */
  uint32_t waiting;          /* enum shim_waiting */
  uint32_t max_private_data; /* bytes */
  uint32_t max_inline;       /* bytes */
  uint32_t max_segments;     /* per work request, at most SHIM_MAX_SEGMENTS */
  uint32_t crosses_hosts;    /* 0 or 1 */
  uint32_t direct_map;       /* 1: shim_endpoint_map works */
  uint32_t max_send_bytes;   /* largest payload of one send; writes are bounded by their regions only */
  uint32_t max_queue_depth;  /* largest send or receive queue of an endpoint */
  uint32_t reserved[5];
};

/* ---- events ------------------------------------------------------------------------------------------------ */

enum shim_event_type {
  SHIM_EVENT_CONNECT_REQUEST = 1, /* object = struct shim_request *, owner_id = listener's id */
  SHIM_EVENT_ESTABLISHED = 2,     /* an endpoint that connects: the peer accepted; private data is the peer's */
  SHIM_EVENT_REFUSED = 3,         /* an endpoint that connects: the peer rejected; private data is the peer's */
  SHIM_EVENT_FAILED = 4,          /* an endpoint that connects: no answer; error is a negative errno */
  SHIM_EVENT_DISCONNECTED = 5,    /* an established endpoint lost its peer; reason says how */
  SHIM_EVENT_READABLE = 6,        /* an armed completion queue may have completions; owner_id = queue's id */
  SHIM_EVENT_RESOLVED = 7         /* the peer answered what shim_endpoint_resolve asked without waiting */
};

enum shim_disconnect_reason {
  SHIM_CLOSED_BY_PEER = 1,    /* the peer disconnected in an orderly way */
  SHIM_PEER_DIED = 2,         /* the peer's process or host is gone */
  SHIM_PROTOCOL_VIOLATION = 3 /* the peer sent what this fabric does not allow; error text says what */
};

/* 408 bytes. */
struct shim_event {
  uint32_t type;     /* enum shim_event_type */
  uint32_t owner_id; /* id of the listener, endpoint or queue, as its create function returned it */
  int32_t error;     /* negative errno, or 0 */
  uint32_t reason;   /* enum shim_disconnect_reason, for SHIM_EVENT_DISCONNECTED */
  uint64_t object;   /* pointer, see the type */
  uint32_t private_data_bytes;
  uint32_t peer_port;
  char peer[SHIM_ADDRESS_BYTES]; /* the peer as a person would name it, NUL-terminated: "10.0.0.7", "pid 4711 uid 1000"
                                  */
  uint8_t private_data[SHIM_MAX_PRIVATE_DATA];
  uint32_t reserved[2];
};

/* ---- memory ------------------------------------------------------------------------------------------------ */

enum shim_access { SHIM_LOCAL_WRITE = 1, SHIM_REMOTE_WRITE = 2, SHIM_REMOTE_READ = 4, SHIM_REMOTE_ATOMIC = 8 };

enum shim_region_flags {
  SHIM_REGION_FILE = 1, /* memory is a file: shim_region_info.fd can be loaded as a shared library */
  SHIM_REGION_GUARD = 2 /* an inaccessible page follows the last page, in this mapping and in every peer's */
};

/* 64 bytes. */
struct shim_region_info {
  uint64_t address;        /* local virtual address of the first byte, page-aligned */
  uint64_t length;         /* bytes, as asked for */
  uint64_t mapped_length;  /* bytes of address space to hand to shim_unmap, guard page included */
  uint64_t remote_address; /* what a peer puts on the wire: a virtual address, or 0 where offsets count from 0 */
  uint64_t rkey;
  int32_t fd; /* readable as /proc/self/fd/N while the region is open, or -1 */
  uint32_t access;
  uint64_t reserved[2];
};

/* What a peer needs to reach a region. 24 bytes. */
struct shim_remote {
  uint64_t address;
  uint64_t rkey;
  uint64_t length;
};

/* ---- work -------------------------------------------------------------------------------------------------- */

enum shim_opcode {
  SHIM_SEND = 1,
  SHIM_WRITE = 2,
  SHIM_READ = 3,
  SHIM_FETCH_ADD = 4,
  SHIM_COMPARE_SWAP = 5,
  SHIM_RECEIVE = 6,                /* completions only */
  SHIM_RECEIVE_WRITE_IMMEDIATE = 7 /* completions only */
};

enum shim_work_flags {
  SHIM_SIGNALED = 1,  /* complete in any case; without it only a failure completes */
  SHIM_INLINE = 2,    /* payload may be reused when shim_post returns; ignored above max_inline */
  SHIM_SOLICITED = 4, /* wake a receiver that waits for solicited completions only */
  SHIM_IMMEDIATE = 8, /* carry `immediate`; in completions: `immediate` is valid */
  SHIM_PLACED = 16    /* SHIM_WRITE where direct_map: `operand` bytes are already in the target's memory, through
                         shim_endpoint_map; no segment is copied, only the immediate and the byte length travel */
};

/* A stretch of registered local memory. 24 bytes. */
struct shim_segment {
  uint64_t region; /* struct shim_region * */
  uint64_t offset; /* bytes from the region's start */
  uint64_t length; /* bytes */
};

/* One request. 48 bytes and its segments. Reads, fetch-adds and compare-swaps place their result in the segments. */
struct shim_work {
  uint32_t opcode; /* SHIM_SEND … SHIM_COMPARE_SWAP */
  uint32_t flags;  /* enum shim_work_flags */
  uint32_t wr_id;  /* returned in the completion */
  uint32_t immediate;
  uint32_t target; /* what shim_endpoint_resolve returned; ignored by sends and by writes of no bytes */
  uint32_t segment_count;
  uint64_t target_offset; /* bytes from the start of the resolved remote memory */
  uint64_t operand;       /* the value to add, or the value to compare with */
  uint64_t swap;          /* compare-swap: the value to store on a match */
  struct shim_segment segments[SHIM_MAX_SEGMENTS];
};

enum shim_status {
  SHIM_SUCCESS = 0,
  SHIM_LOCAL_LENGTH_ERROR = 1,     /* a payload did not fit the receive that it met */
  SHIM_LOCAL_PROTECTION_ERROR = 2, /* a segment outside its region, or without the access */
  SHIM_REMOTE_ACCESS_ERROR = 3,    /* outside the remote memory, wrong key, or access not granted */
  SHIM_REMOTE_OPERATION_ERROR = 4,
  SHIM_RECEIVER_NOT_READY = 5, /* the peer has no receive posted; nothing was written */
  SHIM_RETRY_EXCEEDED = 6,     /* the peer does not answer */
  SHIM_FLUSHED = 7,            /* the endpoint disconnected before the request ran */
  SHIM_OTHER_ERROR = 8
};

/* One completion, 8 words, read by TypeScript as a Uint32Array. */
struct shim_completion {
  uint32_t endpoint_id;
  uint32_t opcode; /* enum shim_opcode */
  uint32_t status; /* enum shim_status */
  uint32_t wr_id;  /* of the request; of the posted receive for SHIM_RECEIVE; 0 for an empty receive */
  uint32_t flags;  /* SHIM_IMMEDIATE where `immediate` is valid */
  uint32_t immediate;
  uint32_t byte_length;   /* bytes received, or written by the peer; meaningless on the sending side */
  int32_t provider_error; /* errno of the fabric, for logs */
};

enum shim_endpoint_state {
  SHIM_NEW = 0,
  SHIM_CONNECTING = 1,
  SHIM_ESTABLISHED = 2,
  SHIM_DISCONNECTED = 3,
  SHIM_FAILED = 4
};

/* 8 words. */
struct shim_endpoint_options {
  uint32_t send_depth;    /* requests outstanding, posted and not yet reaped from the queue */
  uint32_t receive_depth; /* receives posted at once */
  uint32_t inline_bytes;
  uint32_t reserved[5];
};

/* ---- the functions ----------------------------------------------------------------------------------------- */

#define SHIM_API __attribute__((visibility("default")))

/* Copies the calling thread's last error text, NUL-terminated, and returns its length. Any thread. */
SHIM_API int shim_error_text(char *text, uint32_t capacity);

/*
 * Opens a device, a protection domain on it and the domain's bridge thread. `options` is lines of "key=value"; an
 * unknown key is -EINVAL. -ENODEV, -ENOENT: no such device or library.
 *   shm: directory=PATH (default a 0700 directory of this user), uids=1000,0 (default own and root),
 *        handshake_ms=N (default 5000: a connection that has not said its hello by then is closed),
 *        direct_map=0 (as if memory could not be mapped: what other fabrics do, measured and tested on this one)
 */
SHIM_API int shim_domain_open(const char *options, struct shim_domain **domain);
/* Closes whatever of the domain is still open, joins the bridge thread, frees. Region memory stays readable zeros
 * until shim_unmap. */
SHIM_API int shim_domain_close(struct shim_domain *domain);
SHIM_API int shim_domain_capabilities(struct shim_domain *domain, struct shim_capabilities *capabilities);
/* The reading end of a pipe that polls readable while events are queued. Owned by the domain. An event loop may read
 * what is in it, if it then takes events until there are none. (A pipe, because Node itself can watch one: a callback
 * of an FFI aborts the process when it fires while a worker thread is being terminated.) */
SHIM_API int shim_domain_event_fd(struct shim_domain *domain);
/* Takes the next event: 1, or 0 when there is none (the descriptor is then no longer readable until the next one). The
 * calling thread's error text says why for REFUSED, FAILED and DISCONNECTED. */
SHIM_API int shim_domain_next_event(struct shim_domain *domain, struct shim_event *event);

/* Allocates `length` (> 0) zeroed bytes and registers them. `access` is a set of enum shim_access, `flags` of
 * enum shim_region_flags. -ENOMEM, -EMFILE, -EINVAL. */
SHIM_API int shim_region_open(struct shim_domain *domain, uint64_t length, uint32_t access, uint32_t flags,
                              struct shim_region **region);
SHIM_API int shim_region_query(struct shim_region *region, struct shim_region_info *info);
/* Deregisters and replaces the memory by zero pages at the same address: a stale view reads zeros. */
SHIM_API int shim_region_close(struct shim_region *region);
/* Gives address space back, once nothing can see it: a closed region's, or a closed endpoint's mapping. Any thread. */
SHIM_API int shim_unmap(uint64_t address, uint64_t mapped_length);

/* `solicited_only`: armed waits wake for solicited completions only, where the fabric can. Returns the queue's id (> 0,
 * unique in the process). */
SHIM_API int shim_queue_open(struct shim_domain *domain, uint32_t depth, uint32_t solicited_only,
                             struct shim_queue **queue);
/* -EBUSY while an endpoint uses it. */
SHIM_API int shim_queue_close(struct shim_queue *queue);
/* Takes at most `capacity` completions and returns at once with their number. */
SHIM_API int shim_queue_poll(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity);
/* The same, spinning up to `microseconds` for the first one. Returns 0 on time-out and after shim_queue_interrupt. */
SHIM_API int shim_queue_spin(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                             uint32_t microseconds);
/* The same, sleeping up to `milliseconds` (-1: no limit). Arms, polls again, sleeps: no completion is missed. Returns 0
 * on time-out, after shim_queue_interrupt, and early when an endpoint of the queue changed its state. */
SHIM_API int shim_queue_block(struct shim_queue *queue, struct shim_completion *completions, uint32_t capacity,
                              int32_t milliseconds);
/* For event loops: 1 when poll may find something now, else 0 and one SHIM_EVENT_READABLE will come, perhaps early,
 * never too late. */
SHIM_API int shim_queue_arm(struct shim_queue *queue);
/* Makes a spin or block that runs now, or the next one, return. Any thread; the queue must be open. */
SHIM_API int shim_queue_interrupt(struct shim_queue *queue);

/* Listens. `host` and `port` in the fabric's terms; port 0 lets the system choose. Returns the listener's id (> 0).
 * -EADDRINUSE, -EADDRNOTAVAIL, -EACCES. */
SHIM_API int shim_listener_open(struct shim_domain *domain, const char *host, uint32_t port, uint32_t backlog,
                                struct shim_listener **listener);
/* The bound port. */
SHIM_API int shim_listener_port(struct shim_listener *listener);
/* Where peers find it, NUL-terminated text: the address that it is bound to or, where it listens on all of them, one of
 * its device's; empty where a port is all there is. Returns the length. */
SHIM_API int shim_listener_host(struct shim_listener *listener, char *host, uint32_t capacity);
/* Rejects what is pending, stops listening, frees. */
SHIM_API int shim_listener_close(struct shim_listener *listener);
/* Refuses and frees the request. `bytes` at most max_private_data, else -EMSGSIZE. */
SHIM_API int shim_request_reject(struct shim_request *request, const void *private_data, uint32_t bytes);

/* A new endpoint, for shim_endpoint_connect (request NULL) or for shim_endpoint_accept. The endpoint owns the request
 * from then on. Queues may be shared and equal. Returns the endpoint's id (> 0, unique in the process). */
SHIM_API int shim_endpoint_open(struct shim_domain *domain, struct shim_request *request, struct shim_queue *send_queue,
                                struct shim_queue *receive_queue, const struct shim_endpoint_options *options,
                                struct shim_endpoint **endpoint);
/* Starts to connect and returns; ESTABLISHED, REFUSED or FAILED follows as an event, FAILED with -ETIMEDOUT after
 * `milliseconds`. Receives posted before are there before the peer can send. */
SHIM_API int shim_endpoint_connect(struct shim_endpoint *endpoint, const char *host, uint32_t port,
                                   const void *private_data, uint32_t bytes, uint32_t milliseconds);
/* Answers the request; the endpoint is established when this returns 0. */
SHIM_API int shim_endpoint_accept(struct shim_endpoint *endpoint, const void *private_data, uint32_t bytes);
/* Ends the connection in an orderly way. Requests that did not run complete as SHIM_FLUSHED. Idempotent. */
SHIM_API int shim_endpoint_disconnect(struct shim_endpoint *endpoint);
/* Disconnects, replaces mapped peer memory by zero pages, frees. Completions still queued keep their endpoint id. */
SHIM_API int shim_endpoint_close(struct shim_endpoint *endpoint);
/* enum shim_endpoint_state. Any thread. */
SHIM_API int shim_endpoint_state(struct shim_endpoint *endpoint);

/* Prepares a peer's region, from `remote->address` on, as a target of this endpoint and returns its index (>= 0), the
 * same for the same key and address. Requests may use the target up to the end of the region. May ask the peer (its
 * bridge answers, whatever its threads do) and waits for at most `milliseconds`. With 0 it does not wait: -EINPROGRESS
 * says that the peer was asked; call again with the same memory once SHIM_EVENT_RESOLVED comes, or DISCONNECTED. To
 * resolve other memory in between gives that question up. -EACCES: the peer does not know the key or grants nothing;
 * -ERANGE: longer than the peer's region; -ETIMEDOUT; -ENOTCONN. */
SHIM_API int shim_endpoint_resolve(struct shim_endpoint *endpoint, const struct shim_remote *remote,
                                   uint32_t milliseconds);
/* Where direct_map: the local address of a resolved target's memory, its mapped length (guard included, for shim_unmap
 * after the endpoint closed) and whether a guard page follows it (0 or 1). Else -EOPNOTSUPP. The memory is mapped once
 * for all targets in one region: the mapped length is 0 for a target that does not begin where its region begins. A
 * mapping that this function never gave is unmapped by shim_endpoint_close. */
SHIM_API int shim_endpoint_map(struct shim_endpoint *endpoint, uint32_t target, uint64_t *address,
                               uint64_t *mapped_length);

/* Posts one request. 0; -ENOBUFS when the send queue is full; -ENOTCONN; -EINVAL for a request that is no request.
 * A request that is well-formed and cannot be done completes with a status instead. */
SHIM_API int shim_post(struct shim_endpoint *endpoint, const struct shim_work *work);
/* Posts `count` receives: into `length` bytes of the region for sends, or empty (region NULL) for immediates.
 * 0; -ENOBUFS when they do not all fit the receive queue (none is posted then). */
SHIM_API int shim_post_receive(struct shim_endpoint *endpoint, struct shim_region *region, uint64_t offset,
                               uint64_t length, uint32_t wr_id, uint32_t count);

/* The functions above as a table, for C code over any fabric. */
struct shim_table {
  uint32_t abi_version;
  uint32_t bytes; /* sizeof(struct shim_table) */
  int (*error_text)(char *, uint32_t);
  int (*queue_poll)(struct shim_queue *, struct shim_completion *, uint32_t);
  int (*queue_spin)(struct shim_queue *, struct shim_completion *, uint32_t, uint32_t);
  int (*queue_block)(struct shim_queue *, struct shim_completion *, uint32_t, int32_t);
  int (*endpoint_state)(struct shim_endpoint *);
  int (*endpoint_resolve)(struct shim_endpoint *, const struct shim_remote *, uint32_t);
  int (*endpoint_map)(struct shim_endpoint *, uint32_t, uint64_t *, uint64_t *);
  int (*region_query)(struct shim_region *, struct shim_region_info *);
  int (*post)(struct shim_endpoint *, const struct shim_work *);
  int (*post_receive)(struct shim_endpoint *, struct shim_region *, uint64_t, uint64_t, uint32_t, uint32_t);
};

SHIM_API const struct shim_table *shim_table(void);

#ifdef __cplusplus
}
#endif
#endif
