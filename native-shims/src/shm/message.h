/* SPDX-License-Identifier: BSD-3-Clause */
/* What travels over a connection's socket: fixed structures, one a packet, some with descriptors. */
#ifndef SHM_MESSAGE_H
#define SHM_MESSAGE_H

#include "../../include/rdmalib_shim.h"

#include <stdbool.h>
#include <stdint.h>

#define SHM_MAGIC 0x6d687372u /* "rshm" */
#define SHM_PROTOCOL_VERSION 1u
#define SHM_MAX_DESCRIPTORS 2u

enum shm_message_type {
  SHM_HELLO = 1,  /* connector: its inbox, its pidfd */
  SHM_ACCEPT = 2, /* acceptor: its inbox, its pidfd */
  SHM_REJECT = 3,
  SHM_ASK = 4,    /* what is the region of this key? */
  SHM_ANSWER = 5, /* its memory */
  SHM_WAKE = 6,   /* the receiver's inbox was armed and has something */
  SHM_BYE = 7     /* orderly end */
};

enum shm_reject_reason { SHM_REJECTED = 0, SHM_REJECT_VERSION = 1, SHM_REJECT_INVALID = 2 };

/* In front of every message. 8 bytes. */
struct shm_header {
  uint32_t magic;
  uint16_t version;
  uint16_t type; /* enum shm_message_type */
};

/* HELLO, ACCEPT and REJECT. 280 bytes. */
struct shm_greeting {
  struct shm_header header;
  uint32_t entries; /* of the sender's inbox */
  uint32_t reason;  /* enum shm_reject_reason */
  uint32_t private_bytes;
  uint32_t reserved;
  uint8_t private_data[SHIM_MAX_PRIVATE_DATA];
};

/* ASK and ANSWER. 40 bytes. */
struct shm_map {
  struct shm_header header;
  uint32_t id;
  int32_t status; /* 0 or a negative errno */
  uint64_t key;
  uint64_t length;
  uint32_t access;
  uint32_t guard;
};

union shm_payload {
  struct shm_header header;
  struct shm_greeting greeting;
  struct shm_map map;
};

/* A received packet; its descriptors belong to the receiver. */
struct shm_packet {
  union shm_payload payload;
  uint32_t bytes;
  bool truncated; /* payload or descriptors were cut: too long, or this process has no descriptor left */
  uint32_t fd_count;
  int fds[SHM_MAX_DESCRIPTORS];
};

struct shm_header shm_make_header(enum shm_message_type type);
/* Sends without waiting: 0 or -errno. */
int shm_send(int socket, const void *message, uint32_t bytes, const int *fds, uint32_t fd_count);
/* 1 with a packet, 0 at the end of the connection, -EAGAIN, or another -errno. */
int shm_receive(int socket, struct shm_packet *packet);
void shm_packet_close(struct shm_packet *packet);
/* Takes one descriptor out of the packet. */
int shm_packet_take(struct shm_packet *packet, uint32_t index);
/* Whether the packet is a whole message of this type and version, with `fds_least` to `fds_most` descriptors. */
bool shm_packet_is(const struct shm_packet *packet, enum shm_message_type type, uint32_t bytes, uint32_t fds_least,
                   uint32_t fds_most);

#endif
