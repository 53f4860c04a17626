/* SPDX-License-Identifier: BSD-3-Clause */
/* Peers that speak the socket's protocol by hand, and wrongly. The bridge survives each and serves the next. */
#define _GNU_SOURCE
#include "../src/shm/message.h"
#include "../src/shm/ring.h"
#include "support/shm-fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define ENTRIES 4u
#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static struct side server;
static struct shim_listener *listener;

static void begin(const char *options) {
  server = (struct side){.domain = fixture_domain(options)};
  CHECK(shim_listener_open(server.domain, "", 0, 4, &listener) > 0);
}

static int knock(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/%d.sock", fixture_directory,
                 shim_listener_port(listener));
  CHECK_EQUAL(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
  return fd;
}

static int memory(uint64_t bytes, int seals) {
  int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  CHECK_EQUAL(ftruncate(fd, (off_t)bytes), 0);
  CHECK_EQUAL(fcntl(fd, F_ADD_SEALS, seals), 0);
  return fd;
}

static struct shm_greeting hello(void) {
  return (struct shm_greeting){.header = shm_make_header(SHM_HELLO), .entries = ENTRIES};
}

/* The next packet, waiting: what shm_receive says of it. */
static int hear(int fd, struct shm_packet *packet) {
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  CHECK_EQUAL(poll(&readable, 1, 5000), 1);
  return shm_receive(fd, packet);
}

/* The server is alive and takes a connection of the well-behaved kind. */
static void expect_service(void) {
  struct side client = {.domain = fixture_domain("")};
  fixture_fill(&client, NULL, 4);
  CHECK_EQUAL(shim_endpoint_connect(client.endpoint, "", (uint32_t)shim_listener_port(listener), NULL, 0, 5000), 0);
  struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK_EQUAL(shim_request_reject((struct shim_request *)(uintptr_t)event.object, NULL, 0), 0);
  (void)fixture_expect(client.domain, SHIM_EVENT_REFUSED);
  fixture_close(&client);
}

static void end(void) {
  expect_service();
  CHECK_EQUAL(shim_domain_close(server.domain), 0);
  if (server.region != NULL)
    CHECK_EQUAL(shim_unmap(server.info.address, server.info.mapped_length), 0);
}

/* Like shm_send, with more descriptors than that one would send. */
static int send_with(int fd, const void *message, uint32_t bytes, const int *fds, uint32_t count) {
  union {
    char bytes[CMSG_SPACE(sizeof(int) * 3)];
    struct cmsghdr align;
  } control = {.bytes = {0}};
  struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = bytes};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
    (void)memcpy(CMSG_DATA(rights), fds, sizeof(int) * count);
  }
  return sendmsg(fd, &header, MSG_NOSIGNAL) == (ssize_t)bytes ? 0 : -1;
}

/* Sends this as the first message with these descriptors and expects a rejection for `reason`. Closes them. */
static void expect_rejection(const struct shm_greeting *greeting, uint32_t bytes, int *fds, uint32_t count,
                             uint32_t reason) {
  int fd = knock();
  struct shm_packet packet;
  CHECK_EQUAL(send_with(fd, greeting, bytes, fds, count), 0);
  CHECK_EQUAL(hear(fd, &packet), 1);
  CHECK_EQUAL(packet.payload.header.type, SHM_REJECT);
  CHECK_EQUAL(packet.payload.greeting.reason, reason);
  CHECK_EQUAL(packet.payload.header.version, SHM_PROTOCOL_VERSION);
  CHECK_EQUAL(hear(fd, &packet), 0);
  (void)close(fd);
  for (uint32_t i = 0; i < count; i++)
    (void)close(fds[i]);
}

static void wrong_first_messages_are_rejected(void) {
  begin("");
  struct shm_greeting greeting = hello();
  uint64_t bytes = shm_inbox_bytes(ENTRIES);
  int fds[3] = {memory(bytes - 4096, SIZE_SEALS)};
  expect_rejection(&greeting, sizeof greeting, fds, 1, SHM_REJECT_INVALID); /* too short */
  fds[0] = memory(bytes + 4096, SIZE_SEALS);
  expect_rejection(&greeting, sizeof greeting, fds, 1, SHM_REJECT_INVALID); /* too long */
  fds[0] = memory(bytes, F_SEAL_GROW | F_SEAL_SEAL);
  expect_rejection(&greeting, sizeof greeting, fds, 1, SHM_REJECT_INVALID); /* could be truncated later */
  fds[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
  expect_rejection(&greeting, sizeof greeting, fds, 1, SHM_REJECT_INVALID); /* no memory file */
  expect_rejection(&greeting, sizeof greeting, fds, 0, SHM_REJECT_INVALID); /* no descriptor */
  for (int i = 0; i < 3; i++)
    fds[i] = memory(bytes, SIZE_SEALS);
  expect_rejection(&greeting, sizeof greeting, fds, 3, SHM_REJECT_INVALID); /* too many */
  fds[0] = memory(bytes, SIZE_SEALS);
  fds[1] = memory(bytes, SIZE_SEALS);
  expect_rejection(&greeting, sizeof greeting, fds, 2, SHM_REJECT_INVALID); /* the second is no pidfd */
  fds[0] = memory(bytes, SIZE_SEALS);
  fds[1] = (int)syscall(SYS_pidfd_open, getppid(), 0);
  if (fds[1] >= 0)
    expect_rejection(&greeting, sizeof greeting, fds, 2, SHM_REJECT_INVALID); /* another process's */
  static const uint32_t entries[] = {0, 3, 8192, UINT32_MAX};
  for (size_t i = 0; i < 4; i++) {
    greeting.entries = entries[i];
    fds[0] = memory(bytes, SIZE_SEALS);
    expect_rejection(&greeting, sizeof greeting, fds, 1, SHM_REJECT_INVALID);
  }
  greeting = hello();
  greeting.private_bytes = SHIM_MAX_PRIVATE_DATA + 1u;
  fds[0] = memory(bytes, SIZE_SEALS);
  expect_rejection(&greeting, sizeof greeting, fds, 1, SHM_REJECT_INVALID);
  greeting = hello();
  expect_rejection(&greeting, sizeof greeting - 1u, fds, 0, SHM_REJECT_INVALID);
  greeting.header.type = SHM_ACCEPT;
  expect_rejection(&greeting, sizeof greeting, fds, 0, SHM_REJECT_INVALID);
  greeting.header.type = SHM_HELLO;
  greeting.header.version = 2;
  expect_rejection(&greeting, sizeof greeting, fds, 0, SHM_REJECT_VERSION);
  (void)memset(&greeting, 0xa5, sizeof greeting);
  expect_rejection(&greeting, sizeof greeting, fds, 0, SHM_REJECT_INVALID);
  expect_rejection(&greeting, 1, fds, 0, SHM_REJECT_INVALID);
  end();
}

static void silent_connections_are_closed(void) {
  begin("handshake_ms=60");
  int silent[8]; /* twice the backlog: the second half gets its turn when the first is closed */
  struct shm_packet packet;
  for (int i = 0; i < 8; i++)
    silent[i] = knock();
  for (int i = 0; i < 8; i++)
    CHECK_EQUAL(hear(silent[i], &packet), 0);
  for (int i = 0; i < 8; i++)
    (void)close(silent[i]);
  end();
}

/* A hand-made connection: its socket, its own inbox and the server's. */
struct impostor {
  int socket;
  struct shm_inbox *inbox;
  struct shm_inbox *outbox;
  uint64_t outbox_bytes;
};

static struct impostor join(void) {
  struct impostor impostor = {.socket = knock()};
  struct shm_greeting greeting = hello();
  struct shm_packet packet;
  int fd = memory(shm_inbox_bytes(ENTRIES), SIZE_SEALS);
  CHECK_EQUAL(shm_send(impostor.socket, &greeting, sizeof greeting, &fd, 1), 0);
  impostor.inbox = mmap(NULL, shm_inbox_bytes(ENTRIES), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(impostor.inbox != MAP_FAILED);
  (void)close(fd);
  struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  fixture_fill(&server, (struct shim_request *)(uintptr_t)event.object, ENTRIES);
  CHECK_EQUAL(shim_post_receive(server.endpoint, NULL, 0, 0, 0, 2), 0);
  CHECK_EQUAL(shim_endpoint_accept(server.endpoint, NULL, 0), 0);
  CHECK_EQUAL(hear(impostor.socket, &packet), 1);
  CHECK_EQUAL(packet.payload.header.type, SHM_ACCEPT);
  impostor.outbox_bytes = shm_inbox_bytes(packet.payload.greeting.entries);
  impostor.outbox = mmap(NULL, impostor.outbox_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, packet.fds[0], 0);
  CHECK(impostor.outbox != MAP_FAILED);
  shm_packet_close(&packet);
  return impostor;
}

static void leave(struct impostor *impostor) {
  CHECK_EQUAL(munmap(impostor->inbox, shm_inbox_bytes(ENTRIES)), 0);
  CHECK_EQUAL(munmap(impostor->outbox, impostor->outbox_bytes), 0);
  (void)close(impostor->socket);
  CHECK_EQUAL(shim_endpoint_close(server.endpoint), 0);
}

/* Publishes this descriptor to the server and expects the connection to be ended for it. */
static void expect_violation(uint64_t body, uint32_t count) {
  struct impostor impostor = join();
  struct shim_completion completions[8];
  struct shm_producer producer = {.inbox = impostor.outbox, .mask = ENTRIES - 1u};
  for (uint32_t i = 0; i < count; i++)
    (void)shm_producer_publish(&producer, body, 1);
  uint32_t flushed = 0;
  for (int i = 0; i < 4; i++) {
    int taken = shim_queue_poll(server.queue, completions, 8);
    for (int k = 0; k < taken; k++)
      flushed += completions[k].status == SHIM_FLUSHED;
  }
  CHECK_EQUAL(fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_PROTOCOL_VIOLATION);
  CHECK(strstr(fixture_error(), "disconnected pid") != NULL);
  CHECK_EQUAL(flushed, count > 2 ? 0 : 2);
  leave(&impostor);
}

static void lying_descriptors_end_the_connection(void) {
  begin("");
  expect_violation(shm_descriptor_body(9, 0, 0), 1);
  expect_violation(shm_descriptor_body(SHIM_WRITE, 0, 0), 1);
  expect_violation(shm_descriptor_body(SHIM_READ, SHIM_IMMEDIATE, 0), 1);
  expect_violation(shm_descriptor_body(SHIM_SEND, 0, SHM_MAX_SEND_BYTES + 1u), 1);
  expect_violation(shm_descriptor_body(SHIM_SEND, 0, UINT32_MAX), 1);
  expect_violation(shm_descriptor_body(SHIM_SEND, SHIM_PLACED, 1), 1);
  expect_violation(UINT64_MAX, 1);
  expect_violation(shm_descriptor_body(SHIM_WRITE, SHIM_IMMEDIATE, 0), 3); /* two receives were posted */
  end();
}

static void lying_credits_end_the_connection(void) {
  begin("");
  struct impostor impostor = join();
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_IMMEDIATE};
  CHECK_EQUAL(shim_post(server.endpoint, &work), 0);
  CHECK_EQUAL(fixture_completion(server.queue).status, SHIM_RECEIVER_NOT_READY);
  impostor.inbox->posted = ENTRIES + 1u;
  CHECK_EQUAL(shim_post(server.endpoint, &work), 0);
  CHECK_EQUAL(fixture_completion(server.queue).status, SHIM_FLUSHED);
  CHECK_EQUAL(fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_PROTOCOL_VIOLATION);
  leave(&impostor);
  end();
}

static void wrong_messages_end_the_connection(void) {
  begin("");
  for (uint16_t type = 0; type < 12; type++) {
    struct impostor impostor = join();
    struct shm_map message = {.header = shm_make_header(SHM_HELLO), .key = 12345};
    message.header.type = type;
    bool harmless = type == SHM_ASK || type == SHM_ANSWER;
    CHECK_EQUAL(shm_send(impostor.socket, &message, sizeof message, NULL, 0), 0);
    if (harmless)
      CHECK_EQUAL(shm_send(impostor.socket, "x", 1, NULL, 0), 0);
    struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED);
    CHECK_EQUAL(event.reason, SHIM_PROTOCOL_VIOLATION);
    leave(&impostor);
  }
  end();
}

static void unknown_keys_are_answered_with_nothing(void) {
  begin("");
  struct impostor impostor = join();
  struct shm_packet packet;
  struct shm_map ask = {.header = shm_make_header(SHM_ASK), .id = 3, .key = server.info.rkey ^ 1u};
  CHECK_EQUAL(shm_send(impostor.socket, &ask, sizeof ask, NULL, 0), 0);
  CHECK_EQUAL(hear(impostor.socket, &packet), 1);
  CHECK(packet.payload.map.status == -EACCES && packet.fd_count == 0 && packet.payload.map.length == 0);
  CHECK_EQUAL(packet.payload.map.id, 3);
  ask.key = server.info.rkey;
  CHECK_EQUAL(shm_send(impostor.socket, &ask, sizeof ask, NULL, 0), 0);
  CHECK_EQUAL(hear(impostor.socket, &packet), 1);
  CHECK(packet.payload.map.status == 0 && packet.fd_count == 1);
  CHECK_EQUAL(ftruncate(packet.fds[0], 0), -1);
  CHECK_EQUAL(errno, EPERM);
  shm_packet_close(&packet);
  leave(&impostor);
  end();
}

/* A peer that answers a question for a key with this memory. */
static void expect_no_mapping(int fd, uint64_t length, int expected) {
  struct impostor impostor = join();
  struct shm_map answer = {
      .header = shm_make_header(SHM_ANSWER), .id = 99, .key = 7, .length = length, .access = SHIM_REMOTE_READ};
  /* The answer waits in the socket before the question: the bridge drops it, as nobody asked yet. */
  CHECK_EQUAL(shm_send(impostor.socket, &answer, sizeof answer, NULL, 0), 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    struct shm_packet packet;
    bool asked = hear(impostor.socket, &packet) == 1 && packet.payload.header.type == SHM_ASK;
    answer.id = packet.payload.map.id;
    _exit(asked && shm_send(impostor.socket, &answer, sizeof answer, &fd, fd >= 0 ? 1 : 0) == 0 ? 0 : 1);
  }
  struct shim_remote remote = {.rkey = 7, .length = 1};
  CHECK_EQUAL(shim_endpoint_resolve(server.endpoint, &remote, 5000), expected);
  if (fd >= 0)
    (void)close(fd);
  int status;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK_EQUAL(status, 0);
  leave(&impostor);
}

static void lying_answers_map_nothing(void) {
  begin("");
  expect_no_mapping(memory(4096, SIZE_SEALS), 8192, -EPROTO);
  expect_no_mapping(memory(8192, F_SEAL_GROW), 8192, -EPROTO);
  expect_no_mapping(memory(8192, SIZE_SEALS), UINT64_MAX, -EPROTO);
  expect_no_mapping(memory(8192, SIZE_SEALS), 0, -EPROTO);
  expect_no_mapping(-1, 8192, -EMFILE);
  end();
}

int main(void) {
  fixture_start();
  RUN(wrong_first_messages_are_rejected);
  RUN(silent_connections_are_closed);
  RUN(lying_descriptors_end_the_connection);
  RUN(lying_credits_end_the_connection);
  RUN(wrong_messages_end_the_connection);
  RUN(unknown_keys_are_answered_with_nothing);
  RUN(lying_answers_map_nothing);
  return 0;
}
