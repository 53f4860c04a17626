/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A slow, lossy cable between two network interfaces: cable A B DELAY_US LOSS_PER_MILLION. Every frame that comes in at
 * one goes out at the other, later or never. Frames keep their offload header, so that large segments and unfinished
 * checksums stay what they are. Which frames are lost is the same in every run.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES (128u * 1024u)
#define BUFFER_BYTES (16 * 1024 * 1024)
#define MILLION 1000000u

struct frame {
  struct frame *next;
  uint64_t due_ns;
  size_t length;
  uint8_t bytes[];
};

/* One end, and what is on its way to it. */
struct end {
  int socket;
  struct frame *first;
  struct frame **last;
};

static uint64_t random_state = 88172645463325252u;

static uint32_t random_per_million(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state % MILLION);
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void open_end(struct end *end, const char *name) {
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  struct packet_mreq all = {.mr_type = PACKET_MR_PROMISC};
  int on = 1, bytes = BUFFER_BYTES;
  address.sll_ifindex = (int)if_nametoindex(name);
  all.mr_ifindex = address.sll_ifindex;
  end->first = NULL;
  end->last = &end->first;
  end->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (end->socket < 0 || address.sll_ifindex == 0 ||
      setsockopt(end->socket, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) < 0 ||
      setsockopt(end->socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
      setsockopt(end->socket, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0 ||
      setsockopt(end->socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0 ||
      setsockopt(end->socket, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0 ||
      bind(end->socket, (struct sockaddr *)&address, sizeof address) < 0)
    fail(name);
}

/* Takes what came in at one end on its way to the other. */
static void take(struct end *from, struct end *to, uint64_t delay_ns, uint32_t loss) {
  static uint8_t buffer[FRAME_BYTES];
  ssize_t length;
  while ((length = recv(from->socket, buffer, sizeof buffer, 0)) > 0) {
    struct frame *frame;
    if (random_per_million() < loss)
      continue;
    frame = malloc(sizeof *frame + (size_t)length);
    if (frame == NULL)
      fail("malloc");
    frame->next = NULL;
    frame->due_ns = now_ns() + delay_ns;
    frame->length = (size_t)length;
    memcpy(frame->bytes, buffer, frame->length);
    *to->last = frame;
    to->last = &frame->next;
  }
  /* ENETDOWN: somebody cut the cable. */
  if (length < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN)
    fail("recv");
}

/* Delivers what is due. */
static void deliver(struct end *to) {
  while (to->first != NULL && to->first->due_ns <= now_ns()) {
    struct frame *frame = to->first;
    ssize_t sent = send(to->socket, frame->bytes, frame->length, 0);
    /* A full interface, or one that is down, loses frames, as real ones do. */
    if (sent < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ENETDOWN && errno != EINTR)
      fail("send");
    to->first = frame->next;
    if (to->first == NULL)
      to->last = &to->first;
    free(frame);
  }
}

static uint64_t wait_ns(const struct end *end, uint64_t now, uint64_t longest) {
  if (end->first == NULL)
    return longest;
  if (end->first->due_ns <= now)
    return 0;
  return end->first->due_ns - now < longest ? end->first->due_ns - now : longest;
}

int main(int argc, char **argv) {
  struct end ends[2];
  if (argc != 5) {
    fprintf(stderr, "usage: %s A B DELAY_US LOSS_PER_MILLION\n", argv[0]);
    return 2;
  }
  open_end(&ends[0], argv[1]);
  open_end(&ends[1], argv[2]);
  uint64_t delay_ns = strtoull(argv[3], NULL, 10) * 1000u;
  uint32_t loss = (uint32_t)strtoul(argv[4], NULL, 10);
  if (write(STDOUT_FILENO, "ready\n", 6) != 6)
    fail("write");
  for (;;) {
    struct pollfd ready[2] = {{.fd = ends[0].socket, .events = POLLIN}, {.fd = ends[1].socket, .events = POLLIN}};
    uint64_t now = now_ns();
    uint64_t wait = wait_ns(&ends[0], now, wait_ns(&ends[1], now, 1000000000u));
    struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    if (ppoll(ready, 2, &timeout, NULL) < 0 && errno != EINTR)
      fail("poll");
    take(&ends[0], &ends[1], delay_ns, loss);
    take(&ends[1], &ends[0], delay_ns, loss);
    deliver(&ends[0]);
    deliver(&ends[1]);
  }
}
