/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct shm_header shm_make_header(enum shm_message_type type) {
  return (struct shm_header){.magic = SHM_MAGIC, .version = SHM_PROTOCOL_VERSION, .type = (uint16_t)type};
}

union control {
  char bytes[CMSG_SPACE(sizeof(int) * SHM_MAX_DESCRIPTORS)];
  struct cmsghdr align;
};

int shm_send(int socket, const void *message, uint32_t bytes, const int *fds, uint32_t fd_count) {
  struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = bytes};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  union control control;
  if (fd_count > 0) {
    memset(&control, 0, sizeof control);
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
    memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
  }
  for (;;) {
    if (sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
      return 0;
    if (errno != EINTR)
      return -errno;
  }
}

static void take_descriptors(struct msghdr *header, struct shm_packet *packet) {
  for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
      continue;
    size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      if (packet->fd_count < SHM_MAX_DESCRIPTORS) {
        packet->fds[packet->fd_count++] = fd;
      } else {
        packet->truncated = true;
        (void)close(fd);
      }
    }
  }
}

int shm_receive(int socket, struct shm_packet *packet) {
  union control control;
  struct iovec part = {.iov_base = &packet->payload, .iov_len = sizeof packet->payload};
  struct msghdr header = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  packet->fd_count = 0;
  packet->truncated = false;
  memset(&packet->payload, 0, sizeof packet->payload);
  ssize_t received;
  do
    received = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received < 0)
    return errno == ECONNRESET ? 0 : -errno;
  take_descriptors(&header, packet);
  packet->truncated = packet->truncated || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  packet->bytes = (uint32_t)received;
  if (received == 0) {
    shm_packet_close(packet);
    return 0;
  }
  return 1;
}

void shm_packet_close(struct shm_packet *packet) {
  for (uint32_t i = 0; i < packet->fd_count; i++)
    if (packet->fds[i] >= 0)
      (void)close(packet->fds[i]);
  packet->fd_count = 0;
}

int shm_packet_take(struct shm_packet *packet, uint32_t index) {
  if (index >= packet->fd_count)
    return -1;
  int fd = packet->fds[index];
  packet->fds[index] = -1;
  return fd;
}

bool shm_packet_is(const struct shm_packet *packet, enum shm_message_type type, uint32_t bytes, uint32_t fds_least,
                   uint32_t fds_most) {
  return !packet->truncated && packet->bytes == bytes && packet->payload.header.magic == SHM_MAGIC &&
         packet->payload.header.version == SHM_PROTOCOL_VERSION && packet->payload.header.type == type &&
         packet->fd_count >= fds_least && packet->fd_count <= fds_most;
}
