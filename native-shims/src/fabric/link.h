/* SPDX-License-Identifier: BSD-3-Clause */
/* The TCP connection beside each connection, and what travels on it. Everything with the lock held. */
#ifndef FABRIC_LINK_H
#define FABRIC_LINK_H

#include "objects.h"

#define FABRIC_LINK_MAGIC 0x62664672u /* "rFfb" */
#define FABRIC_LINK_VERSION 1u
#define FABRIC_LINK_IN 2048u

enum fabric_word {
  FABRIC_GREETING = 1, /* listener's side: who it is and where */
  FABRIC_HELLO,        /* connecting side: who asks */
  FABRIC_ANSWER,
  FABRIC_GOODBYE,
  FABRIC_QUERY, /* do you know this key? */
  FABRIC_REPLY
};

struct fabric_link_header {
  uint32_t magic;
  uint16_t word;
  uint16_t bytes; /* of what follows */
};

struct fabric_greeting {
  uint32_t version;
  uint32_t is_rdm;
  uint8_t token[FABRIC_TOKEN_BYTES];
  char provider[FABRIC_PROVIDER_BYTES];
  uint32_t address_format;
  uint32_t name_bytes;
  uint8_t name[FABRIC_NAME_BYTES];
};

/* Where a peer may write and read 64 bytes, and what it puts into the data of its writes. */
struct fabric_contact {
  uint64_t landing_address;
  uint64_t landing_key;
  uint32_t slot;
  uint32_t reserved;
};

struct fabric_hello {
  uint8_t token[FABRIC_TOKEN_BYTES];
  struct fabric_contact contact;
  uint32_t name_bytes;
  uint32_t private_bytes;
  uint8_t name[FABRIC_NAME_BYTES];
  uint8_t private_data[SHIM_MAX_PRIVATE_DATA];
};

struct fabric_answer {
  struct fabric_contact contact;
  uint32_t accepted;
  uint32_t private_bytes;
  uint8_t private_data[SHIM_MAX_PRIVATE_DATA];
};

struct fabric_query {
  uint32_t id;
  uint32_t reserved;
  uint64_t key;
  uint64_t address;
  uint64_t length;
};

struct fabric_reply {
  uint32_t id;
  int32_t status; /* 0 or an errno */
  uint64_t start; /* of the region, as addresses on the wire count */
  uint64_t end;
  uint32_t access;
  uint32_t reserved;
};

enum fabric_link_state {
  FABRIC_LINK_DIALS,   /* TCP connects */
  FABRIC_LINK_GREETED, /* the connecting side waits for the greeting */
  FABRIC_LINK_ASKED,   /* it waits for the answer */
  FABRIC_LINK_GREETS,  /* the listening side waits for the hello */
  FABRIC_LINK_HEARD,   /* it has the hello and, for FI_EP_MSG, waits for libfabric's connection */
  FABRIC_LINK_PENDING, /* the owner has the request */
  FABRIC_LINK_OPEN,
  FABRIC_LINK_CLOSED
};

struct fabric_link {
  struct fabric_watch watch;
  enum fabric_link_state state;
  int fd;
  struct shim_domain *domain;
  struct shim_endpoint *endpoint;
  struct shim_request *request;
  uint32_t listener_id;
  uint8_t token[FABRIC_TOKEN_BYTES];
  struct fabric_hello hello; /* the listening side keeps it */
  struct fi_info *info;      /* the connection that libfabric brought, before there is a request */
  struct fid_pep *pep;
  struct fabric_reply reply; /* the last one */
  bool reply_came;
  uint64_t deadline;
  union fabric_address peer;
  uint32_t in_used;
  uint8_t in[FABRIC_LINK_IN];
  uint8_t *out; /* what TCP did not take yet */
  uint32_t out_used;
  struct shim_list link;
};

/* link.c */
struct fabric_link *fabric_link_open(struct shim_domain *domain, int fd, enum fabric_link_state state);
/* Sends, or keeps for when TCP takes it. A link that cannot is closed by the bridge. */
void fabric_link_send(struct fabric_link *link, enum fabric_word word, const void *body, uint32_t bytes);
/* Closes the socket; the bridge frees the rest. */
void fabric_link_close(struct fabric_link *link);
void fabric_link_ready(struct fabric_link *link, uint32_t events);
void fabric_graves_empty(struct shim_domain *domain);
/* words.c: a whole message came; false: it makes no sense, text says why. */
bool fabric_link_word(struct fabric_link *link, enum fabric_word word, const uint8_t *body, uint32_t bytes);
/* handshake.c: the peer is gone; `why` in words, NULL: it closed. */
void fabric_link_lost(struct fabric_link *link, int error, const char *why);
/* Says no more and waits, not for long, until the peer closes. */
void fabric_link_linger(struct fabric_link *link);
/* The listening side's no. */
void fabric_link_refuse(struct fabric_link *link, const void *private_data, uint32_t bytes);
/* FI_EP_MSG: libfabric brought a connection, with its private data. */
void fabric_connection_came(struct shim_domain *domain, struct fi_info *info, struct fid_pep *pep, const uint8_t *token,
                            size_t bytes);
/* The listening side: hello and libfabric's connection are there. */
void fabric_request_complete(struct fabric_link *link);
struct fabric_contact fabric_contact_of(const struct shim_domain *domain, const struct shim_endpoint *endpoint);

#endif
