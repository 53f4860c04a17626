/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rdma_cm says the same of a peer that closes and of one that is killed. So each side has a small memory where the
 * other writes its goodbye. The accepting side tells its own in the answer, behind the caller's private data; the
 * connecting side writes its own into that one, before anything else. Peers of another make have none; nothing is
 * expected of them.
 */
#define _GNU_SOURCE
#include "../common/clock.h"
#include "internal.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAGIC 0x62764672u /* "rFvb" */
#define GOODBYE UINT64_C(0x6579626f6f674672)
#define AWAIT_MICROSECONDS 100u
#define LONGEST_GOODBYE (100u * (uint64_t)SHIM_NANOSECONDS_PER_MILLISECOND)

/* Behind the private data of an answer. 24 bytes. */
struct announcement {
  uint64_t address;
  uint32_t rkey;
  uint32_t magic;
  uint64_t reserved;
};

int verbs_mailbox_open(struct shim_endpoint *endpoint) {
  struct verbs_mailbox *mailbox =
      mmap(NULL, sizeof *mailbox, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mailbox == MAP_FAILED)
    return shim_fail(errno, "no memory for an endpoint (mmap: %s)", shim_errno_name(errno));
  endpoint->mailbox = mailbox;
  endpoint->mailbox_mr =
      (ibv_reg_mr)(endpoint->domain->pd, mailbox, sizeof *mailbox, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
  if (endpoint->mailbox_mr == NULL)
    return shim_fail(errno, "cannot register the mailbox of an endpoint (ibv_reg_mr: %s)%s", shim_errno_name(errno),
                     errno == ENOMEM ? "; raise the memlock limit: \"ulimit -l\"" : "");
  mailbox->outgoing_goodbye = GOODBYE;
  mailbox->outgoing_address = (uint64_t)(uintptr_t)mailbox;
  mailbox->outgoing_rkey = endpoint->mailbox_mr->rkey;
  mailbox->outgoing_magic = MAGIC;
  return 0;
}

void verbs_mailbox_close(struct shim_endpoint *endpoint) {
  if (endpoint->mailbox_mr != NULL)
    (void)ibv_dereg_mr(endpoint->mailbox_mr);
  if (endpoint->mailbox != NULL)
    (void)munmap(endpoint->mailbox, sizeof *endpoint->mailbox);
}

void verbs_mailbox_announce(const struct shim_endpoint *endpoint, uint8_t answer[VERBS_ACCEPT_BYTES]) {
  struct announcement own = {
      .address = (uint64_t)(uintptr_t)endpoint->mailbox, .rkey = endpoint->mailbox_mr->rkey, .magic = MAGIC};
  memcpy(answer + VERBS_PRIVATE_BYTES, &own, sizeof own);
}

void verbs_mailbox_learn(struct shim_endpoint *endpoint, const uint8_t *answer, uint32_t bytes) {
  struct announcement peer;
  if (bytes < VERBS_ACCEPT_BYTES)
    return;
  memcpy(&peer, answer + VERBS_PRIVATE_BYTES, sizeof peer);
  if (peer.magic != MAGIC)
    return;
  endpoint->peer_mailbox = peer.address;
  endpoint->peer_mailbox_rkey = peer.rkey;
  endpoint->has_peer_mailbox = true;
}

int verbs_mailbox_introduce(struct shim_endpoint *endpoint) {
  const struct verbs_mailbox *mailbox = endpoint->mailbox;
  if (!endpoint->has_peer_mailbox)
    return 0;
  return verbs_post_own(endpoint, (uint64_t)(uintptr_t)&mailbox->outgoing_address, 16, endpoint->mailbox_mr->lkey,
                        endpoint->peer_mailbox + offsetof(struct verbs_mailbox, peer_address),
                        endpoint->peer_mailbox_rkey);
}

/* On the accepting side the peer's mailbox is known once the peer has written it. */
static bool find_peer_mailbox(struct shim_endpoint *endpoint) {
  const struct verbs_mailbox *mailbox = endpoint->mailbox;
  if (!endpoint->has_peer_mailbox && __atomic_load_n(&mailbox->magic, __ATOMIC_ACQUIRE) == MAGIC) {
    endpoint->peer_mailbox = mailbox->peer_address;
    endpoint->peer_mailbox_rkey = mailbox->peer_rkey;
    endpoint->has_peer_mailbox = true;
  }
  return endpoint->has_peer_mailbox;
}

bool verbs_mailbox_has_goodbye(const struct shim_endpoint *endpoint) {
  bool expected = endpoint->has_peer_mailbox || __atomic_load_n(&endpoint->mailbox->magic, __ATOMIC_ACQUIRE) == MAGIC;
  return !expected || __atomic_load_n(&endpoint->mailbox->goodbye, __ATOMIC_ACQUIRE) == GOODBYE;
}

void verbs_mailbox_await_peer(struct shim_endpoint *endpoint) {
  uint64_t deadline = shim_now() + LONGEST_GOODBYE;
  while (endpoint->accepted && shim_endpoint_state(endpoint) == SHIM_ESTABLISHED &&
         (__atomic_load_n(&endpoint->ready, __ATOMIC_ACQUIRE) == 0 || !find_peer_mailbox(endpoint)) &&
         shim_now() < deadline)
    (void)usleep(AWAIT_MICROSECONDS);
}

void verbs_mailbox_goodbye(struct shim_endpoint *endpoint) {
  const struct verbs_mailbox *mailbox = endpoint->mailbox;
  int error = 0;
  if (!endpoint->said_goodbye && find_peer_mailbox(endpoint) && endpoint->state == SHIM_ESTABLISHED)
    error = verbs_post_own(endpoint, (uint64_t)(uintptr_t)&mailbox->outgoing_goodbye, 8, endpoint->mailbox_mr->lkey,
                           endpoint->peer_mailbox, endpoint->peer_mailbox_rkey);
  else if (!endpoint->said_goodbye)
    error = verbs_post_own(endpoint, 0, 0, 0, 0, 0);
  endpoint->said_goodbye = true;
  uint64_t deadline = shim_now() + LONGEST_GOODBYE;
  while (error == 0 && endpoint->done != endpoint->posted && shim_now() < deadline)
    verbs_queue_reap(endpoint->send_queue);
}
