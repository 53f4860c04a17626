/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Strangers: programs that speak to libfabric directly, without the handshake or with a false one. They reach no
 * memory, are no connection, and disturb none.
 */
#define _GNU_SOURCE
#include "../../src/fabric/link.h"
#include "fixture.h"

#include <arpa/inet.h>
#include <rdma/fi_rma.h>
#include <sys/socket.h>

static struct side client;
static struct side server;
static struct shim_listener *listener;

static void begin(void) {
  client = (struct side){.domain = fixture_domain("")};
  server = (struct side){.domain = fixture_domain("")};
  fixture_pair(&client, &server);
  CHECK(shim_listener_open(server.domain, fixture_host(), 0, 8, &listener) > 0);
}

static void end(void) {
  /* The connection that was there before works as before. */
  struct shim_work work = fixture_work(&client, SHIM_WRITE, SHIM_IMMEDIATE, fixture_target(&client, &server), 0, 64);
  work.immediate = 77;
  CHECK_EQUAL(shim_post(client.endpoint, &work), 0);
  CHECK_EQUAL(fixture_completion(server.queue).immediate, 77);
  fixture_close(&client);
  fixture_close(&server);
}

/* Anybody may call the listener and hear who it is. */
static int call(struct fabric_greeting *greeting) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)shim_listener_port(listener)),
                                .sin_addr.s_addr = inet_addr(fixture_host())};
  struct fabric_link_header header;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(fd >= 0);
  CHECK_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
  CHECK_EQUAL(recv(fd, &header, sizeof header, MSG_WAITALL), sizeof header);
  CHECK_EQUAL(header.word, FABRIC_GREETING);
  CHECK_EQUAL(recv(fd, greeting, sizeof *greeting, MSG_WAITALL), sizeof *greeting);
  return fd;
}

static bool is_closed_soon(int fd) {
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  uint8_t bytes[4096];
  for (;;) {
    if (poll(&readable, 1, 10000) != 1)
      return false;
    if (recv(fd, bytes, sizeof bytes, 0) <= 0)
      return true;
  }
}

static void expect_no_request(void) {
  struct shim_event event;
  CHECK_EQUAL(shim_domain_next_event(server.domain, &event), 0);
}

static void nonsense_is_cut_off(void) {
  const char *const nonsense[] = {"GET / HTTP/1.1\r\n\r\n", "rFfb", ""};
  begin();
  for (size_t i = 0; i < sizeof nonsense / sizeof nonsense[0]; i++) {
    struct fabric_greeting greeting;
    int fd = call(&greeting);
    CHECK(send(fd, nonsense[i], strlen(nonsense[i]), MSG_NOSIGNAL) >= 0);
    CHECK_EQUAL(shutdown(fd, SHUT_WR), 0);
    CHECK(is_closed_soon(fd));
    CHECK_EQUAL(close(fd), 0);
  }
  expect_no_request();
  end();
}

static void a_hello_with_a_false_token_is_no_request(void) {
  struct fabric_greeting greeting;
  struct fabric_hello hello = {.private_bytes = 4};
  struct fabric_link_header header = {FABRIC_LINK_MAGIC, FABRIC_HELLO, sizeof hello};
  begin();
  int fd = call(&greeting);
  memcpy(hello.token, greeting.token, sizeof hello.token);
  hello.token[7] ^= 1u;
  CHECK_EQUAL(send(fd, &header, sizeof header, MSG_NOSIGNAL), sizeof header);
  CHECK_EQUAL(send(fd, &hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
  CHECK(is_closed_soon(fd));
  CHECK_EQUAL(close(fd), 0);
  expect_no_request();
  end();
}

struct raw {
  struct fi_info *info;
  struct fid_fabric *fabric;
  struct fid_domain *domain;
  struct fid_eq *eq;
  struct fid_av *av;
  struct fid_cq *cq;
  struct fid_ep *ep;
  fi_addr_t address;
};

/* FI_EP_MSG: verbs wants to know already when an endpoint opens whom it will connect. */
static void aim_at(struct fi_info *info, const struct fabric_greeting *greeting) {
  info->dest_addr = malloc(greeting->name_bytes);
  CHECK(info->dest_addr != NULL);
  memcpy(info->dest_addr, greeting->name, greeting->name_bytes);
  info->dest_addrlen = greeting->name_bytes;
}

static void open_raw(struct raw *raw, const struct fabric_greeting *greeting) {
  struct fi_info *hints = fi_allocinfo();
  bool ip = greeting->address_format == FI_SOCKADDR_IN || greeting->address_format == FI_SOCKADDR_IN6;
  CHECK(hints != NULL);
  hints->caps = FI_MSG | FI_RMA;
  hints->ep_attr->type = greeting->is_rdm ? FI_EP_RDM : FI_EP_MSG;
  hints->mode = FI_CONTEXT | FI_RX_CQ_DATA;
  hints->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY | FI_MR_LOCAL;
  hints->fabric_attr->prov_name = strdup(greeting->provider);
  CHECK_EQUAL(fi_getinfo(FABRIC_API, ip ? fixture_host() : NULL, NULL, ip ? FI_SOURCE : 0, hints, &raw->info), 0);
  fi_freeinfo(hints);
  if (!greeting->is_rdm)
    aim_at(raw->info, greeting);
  CHECK_EQUAL(fi_fabric(raw->info->fabric_attr, &raw->fabric, NULL), 0);
  CHECK_EQUAL(fi_domain(raw->fabric, raw->info, &raw->domain, NULL), 0);
  struct fi_cq_attr cq = {.format = FI_CQ_FORMAT_DATA, .size = 64};
  CHECK_EQUAL(fi_cq_open(raw->domain, &cq, &raw->cq, NULL), 0);
  CHECK_EQUAL(fi_endpoint(raw->domain, raw->info, &raw->ep, NULL), 0);
  CHECK_EQUAL(fi_ep_bind(raw->ep, &raw->cq->fid, FI_TRANSMIT | FI_RECV), 0);
  if (greeting->is_rdm) {
    struct fi_av_attr av = {.type = FI_AV_TABLE};
    CHECK_EQUAL(fi_av_open(raw->domain, &av, &raw->av, NULL), 0);
    CHECK_EQUAL(fi_ep_bind(raw->ep, &raw->av->fid, 0), 0);
  } else {
    struct fi_eq_attr eq = {.size = 16, .wait_obj = FI_WAIT_UNSPEC};
    CHECK_EQUAL(fi_eq_open(raw->fabric, &eq, &raw->eq, NULL), 0);
    CHECK_EQUAL(fi_ep_bind(raw->ep, &raw->eq->fid, 0), 0);
  }
  CHECK_EQUAL(fi_enable(raw->ep), 0);
}

static void close_raw(struct raw *raw) {
  CHECK_EQUAL(fi_close(&raw->ep->fid), 0);
  if (raw->av != NULL)
    (void)fi_close(&raw->av->fid);
  if (raw->eq != NULL)
    (void)fi_close(&raw->eq->fid);
  (void)fi_close(&raw->cq->fid);
  (void)fi_close(&raw->domain->fid);
  (void)fi_close(&raw->fabric->fid);
  fi_freeinfo(raw->info);
}

/* FI_EP_MSG: connects with a token that no listener gave. */
static void connect_falsely(struct raw *raw, const struct fabric_greeting *greeting) {
  uint8_t token[FABRIC_TOKEN_BYTES] = {1, 2, 3};
  struct fi_eq_cm_entry entry;
  struct fi_eq_err_entry error = {0};
  uint32_t event = 0;
  CHECK_EQUAL(fi_connect(raw->ep, greeting->name, token, sizeof token), 0);
  ssize_t got = -FI_EAGAIN;
  for (int i = 0; i < 10000 && got == -FI_EAGAIN; i++) {
    got = fi_eq_sread(raw->eq, &event, &entry, sizeof entry, 10, 0);
    if (got == -FI_EINTR)
      got = -FI_EAGAIN;
  }
  CHECK_EQUAL(got, -FI_EAVAIL);
  CHECK(fi_eq_readerr(raw->eq, &error, 0) > 0);
  CHECK_EQUAL(error.err, FI_ECONNREFUSED);
}

/*
 * FI_EP_RDM: writes under guessed keys and sends what looks like messages. "shm" is a different matter: it writes with
 * process_vm_writev and asks for no key; there the kernel decides, which lets a user's processes do that in any case.
 */
static void write_falsely(struct raw *raw, const struct fabric_greeting *greeting) {
  static uint8_t bytes[64];
  static struct fabric_header message;
  static struct fi_context contexts[2];
  struct fid_mr *registered[2];
  const uint64_t keys[] = {0, 1, 2, 3, server.info.rkey ^ 1u, server.info.rkey + 1u};
  struct fi_cq_data_entry entry;
  struct fi_cq_err_entry error;
  (void)memset(bytes, 'x', sizeof bytes);
  message = (struct fabric_header){.kind = FABRIC_WRITTEN, .immediate = 4711};
  CHECK_EQUAL(fi_mr_reg(raw->domain, bytes, sizeof bytes, FI_WRITE, 0, 1, 0, &registered[0], NULL), 0);
  CHECK_EQUAL(fi_mr_reg(raw->domain, &message, sizeof message, FI_SEND, 0, 2, 0, &registered[1], NULL), 0);
  CHECK_EQUAL(fi_av_insert(raw->av, greeting->name, 1, &raw->address, 0, NULL), 1);
  for (uint32_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    for (int k = 0; k < 1000 && strcmp(greeting->provider, "shm") != 0; k++) {
      if (fi_write(raw->ep, bytes, sizeof bytes, fi_mr_desc(registered[0]), raw->address, server.info.remote_address,
                   keys[i], &contexts[0]) == 0)
        break;
      if (fi_cq_read(raw->cq, &entry, 1) == -FI_EAVAIL)
        (void)fi_cq_readerr(raw->cq, &error, 0);
      usleep(1000);
    }
    message.slot = i % 2u;
    (void)fi_send(raw->ep, &message, sizeof message, fi_mr_desc(registered[1]), raw->address, &contexts[1]);
    for (int k = 0; k < 50; k++) {
      if (fi_cq_read(raw->cq, &entry, 1) == -FI_EAVAIL) {
        error = (struct fi_cq_err_entry){0};
        (void)fi_cq_readerr(raw->cq, &error, 0);
      }
      usleep(200);
    }
  }
  CHECK_EQUAL(fi_close(&registered[0]->fid), 0);
  CHECK_EQUAL(fi_close(&registered[1]->fid), 0);
}

static void who_bypasses_the_handshake_reaches_no_memory(void) {
  struct fabric_greeting greeting;
  struct raw raw = {0};
  begin();
  int fd = call(&greeting);
  open_raw(&raw, &greeting);
  if (greeting.is_rdm)
    write_falsely(&raw, &greeting);
  else
    connect_falsely(&raw, &greeting);
  for (uint32_t i = 0; i < 65536; i++)
    CHECK_EQUAL(fixture_bytes(&server)[i], 0);
  struct shim_completion completion;
  CHECK_EQUAL(shim_queue_poll(server.queue, &completion, 1), 0);
  expect_no_request();
  CHECK_EQUAL(shim_endpoint_state(server.endpoint), SHIM_ESTABLISHED);
  close_raw(&raw);
  CHECK_EQUAL(close(fd), 0);
  end();
}

static void run(void) {
  RUN(nonsense_is_cut_off);
  RUN(a_hello_with_a_false_token_is_no_request);
  RUN(who_bypasses_the_handshake_reaches_no_memory);
}

int main(int argc, char **argv) {
  return fixture_for_each(argc, argv, run);
}
