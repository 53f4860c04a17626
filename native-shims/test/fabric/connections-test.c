/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections: how they begin, who refuses them, and how their end is told. */
#define _GNU_SOURCE
#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

static void open_both(struct side *client, struct side *server) {
  *client = (struct side){.domain = fixture_domain("")};
  *server = (struct side){.domain = fixture_domain("")};
}

static void nobody_listens(void) {
  struct side client = {.domain = fixture_domain("")};
  fixture_fill(&client, NULL, 8);
  CHECK_EQUAL(shim_endpoint_connect(client.endpoint, fixture_host(), 1, NULL, 0, 5000), 0);
  struct shim_event event = fixture_expect(client.domain, SHIM_EVENT_FAILED);
  CHECK_EQUAL(event.error, -ECONNREFUSED);
  CHECK(strstr(fixture_error(), "nothing listens") != NULL);
  fixture_close(&client);
}

static void a_rejection_carries_private_data(void) {
  struct side client;
  struct side server;
  struct shim_listener *listener;
  open_both(&client, &server);
  CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
  fixture_fill(&client, NULL, 8);
  CHECK_EQUAL(
      shim_endpoint_connect(client.endpoint, fixture_host(), (uint32_t)shim_listener_port(listener), "who", 3, 5000),
      0);
  struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK_EQUAL(shim_request_reject((struct shim_request *)(uintptr_t)event.object, "never", 5), 0);
  event = fixture_expect(client.domain, SHIM_EVENT_REFUSED);
  CHECK(memcmp(event.private_data, "never", 5) == 0);
  CHECK_EQUAL(shim_endpoint_state(client.endpoint), SHIM_FAILED);
  fixture_close(&client);
  fixture_close(&(struct side){.domain = server.domain});
}

static void an_unanswered_request_times_out(void) {
  struct side client;
  struct side server;
  struct shim_listener *listener;
  open_both(&client, &server);
  CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
  fixture_fill(&client, NULL, 8);
  CHECK_EQUAL(
      shim_endpoint_connect(client.endpoint, fixture_host(), (uint32_t)shim_listener_port(listener), "", 0, 300), 0);
  struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  CHECK_EQUAL(fixture_expect(client.domain, SHIM_EVENT_FAILED).error, -ETIMEDOUT);
  CHECK_EQUAL(shim_request_reject((struct shim_request *)(uintptr_t)event.object, NULL, 0), 0);
  fixture_close(&client);
  fixture_close(&(struct side){.domain = server.domain});
}

/* The accepting side may send at once; what it sends early waits for the peer and is not lost, payload included. */
static void an_acceptor_may_send_at_once(void) {
  for (int round = 0; round < 20; round++) {
    struct side client;
    struct side server;
    struct shim_listener *listener;
    open_both(&client, &server);
    CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
    fixture_fill(&client, NULL, 8);
    CHECK_EQUAL(shim_post_receive(client.endpoint, client.region, 0, 1024, 1, 2), 0);
    CHECK_EQUAL(
        shim_endpoint_connect(client.endpoint, fixture_host(), (uint32_t)shim_listener_port(listener), "", 0, 5000), 0);
    struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
    fixture_fill(&server, (struct shim_request *)(uintptr_t)event.object, 8);
    CHECK_EQUAL(shim_endpoint_accept(server.endpoint, NULL, 0), 0);
    struct shim_work work = fixture_work(&server, SHIM_SEND, SHIM_INLINE | SHIM_SIGNALED, 0, 0, 6);
    memcpy(fixture_bytes(&server), "early", 6);
    CHECK_EQUAL(shim_post(server.endpoint, &work), 0);
    memcpy(fixture_bytes(&server), "later", 6);
    struct shim_completion completion = fixture_completion(client.queue);
    CHECK_EQUAL(completion.byte_length, 6);
    CHECK(memcmp(fixture_bytes(&client), "early", 6) == 0);
    CHECK_EQUAL(fixture_completion(server.queue).status, SHIM_SUCCESS);
    (void)fixture_expect(client.domain, SHIM_EVENT_ESTABLISHED);
    fixture_close(&client);
    fixture_close(&server);
  }
}

static void an_orderly_end_is_told(void) {
  for (int connector_ends = 0; connector_ends < 2; connector_ends++) {
    struct side client;
    struct side server;
    struct shim_completion completion;
    open_both(&client, &server);
    fixture_pair(&client, &server);
    struct side *ends = connector_ends ? &client : &server;
    struct side *stays = connector_ends ? &server : &client;
    /* The last words before the end arrive. */
    struct shim_work work = fixture_work(ends, SHIM_WRITE, SHIM_IMMEDIATE, fixture_target(ends, stays), 0, 32);
    for (uint32_t i = 0; i < 20; i++)
      CHECK_EQUAL(shim_post(ends->endpoint, &work), 0);
    CHECK_EQUAL(shim_endpoint_disconnect(ends->endpoint), 0);
    struct shim_event event = fixture_expect(stays->domain, SHIM_EVENT_DISCONNECTED);
    CHECK_EQUAL(event.reason, SHIM_CLOSED_BY_PEER);
    for (uint32_t i = 0; i < 20; i++)
      CHECK_EQUAL(fixture_completion(stays->queue).status, SHIM_SUCCESS);
    for (uint32_t i = 0; i < 12; i++) {
      completion = fixture_completion(stays->queue);
      CHECK_EQUAL(completion.status, SHIM_FLUSHED);
      CHECK_EQUAL(completion.opcode, SHIM_RECEIVE);
    }
    fixture_close(&client);
    fixture_close(&server);
  }
}

/* A program of its own: what is opened of verbs does not outlive a fork. */
static int run_child(uint32_t port) {
  struct side side = {.domain = fixture_domain("")};
  fixture_fill(&side, NULL, 8);
  CHECK_EQUAL(shim_endpoint_connect(side.endpoint, fixture_host(), port, "", 0, 5000), 0);
  (void)fixture_expect(side.domain, SHIM_EVENT_ESTABLISHED);
  (void)pause();
  return 0;
}

static void a_killed_peer_is_told_apart(void) {
  struct side server = {.domain = fixture_domain("")};
  struct shim_listener *listener;
  CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
  char port[12];
  (void)snprintf(port, sizeof port, "%d", shim_listener_port(listener));
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    (void)execl("/proc/self/exe", "connections-test", "child", fixture_provider, port, NULL);
    _exit(127);
  }
  struct shim_event event = fixture_expect(server.domain, SHIM_EVENT_CONNECT_REQUEST);
  fixture_fill(&server, (struct shim_request *)(uintptr_t)event.object, 8);
  CHECK_EQUAL(shim_post_receive(server.endpoint, NULL, 0, 0, 0, 4), 0);
  CHECK_EQUAL(shim_endpoint_accept(server.endpoint, NULL, 0), 0);
  /* A write that is answered proves that the child knows itself connected. */
  struct shim_work work = {.opcode = SHIM_WRITE, .flags = SHIM_SIGNALED};
  CHECK_EQUAL(shim_post(server.endpoint, &work), 0);
  CHECK_EQUAL(fixture_completion(server.queue).status, SHIM_SUCCESS);
  CHECK_EQUAL(kill(child, SIGKILL), 0);
  CHECK_EQUAL(fixture_expect(server.domain, SHIM_EVENT_DISCONNECTED).reason, SHIM_PEER_DIED);
  CHECK_EQUAL(waitpid(child, NULL, 0), child);
  fixture_close(&server);
}

static void a_listener_that_closes_rejects(void) {
  struct side client;
  struct side server;
  struct shim_listener *listener;
  open_both(&client, &server);
  CHECK(shim_listener_open(server.domain, "", 0, 8, &listener) > 0);
  fixture_fill(&client, NULL, 8);
  CHECK_EQUAL(
      shim_endpoint_connect(client.endpoint, fixture_host(), (uint32_t)shim_listener_port(listener), "", 0, 5000), 0);
  struct pollfd readable = {.fd = shim_domain_event_fd(server.domain), .events = POLLIN};
  CHECK_EQUAL(poll(&readable, 1, 5000), 1);
  CHECK_EQUAL(shim_listener_close(listener), 0);
  struct shim_event event;
  CHECK_EQUAL(shim_domain_next_event(server.domain, &event), 0);
  CHECK_EQUAL(fixture_event(client.domain).type, SHIM_EVENT_REFUSED);
  fixture_close(&client);
  fixture_close(&(struct side){.domain = server.domain});
}

static void what_cannot_be_opened_says_why(void) {
  struct shim_domain *domain;
  CHECK_EQUAL(shim_domain_open("", &domain), -EINVAL);
  CHECK_EQUAL(shim_domain_open("provider=tcp\ncolour=blue", &domain), -EINVAL);
  CHECK(strstr(fixture_error(), "colour") != NULL);
  CHECK_EQUAL(shim_domain_open("provider=nonesuch", &domain), -ENXIO);
  CHECK(strstr(fixture_error(), "fi_info -p 'nonesuch'") != NULL);
  CHECK_EQUAL(shim_domain_open("provider=shm\nendpoint=msg", &domain), -EPROTONOSUPPORT);
  CHECK(strstr(fixture_error(), "FI_EP_MSG") != NULL);
  CHECK_EQUAL(shim_domain_open("provider=tcp\nauth_key=xyz", &domain), -EINVAL);
  CHECK(strstr(fixture_error(), "xyz") == NULL);
  domain = fixture_domain("");
  struct shim_listener *listener;
  CHECK(shim_listener_open(domain, "203.0.113.9", 0, 1, &listener) < 0);
  CHECK(strstr(fixture_error(), "203.0.113.9") != NULL);
  CHECK_EQUAL(shim_domain_close(domain), 0);
}

static void run(void) {
  RUN(nobody_listens);
  RUN(a_rejection_carries_private_data);
  RUN(an_unanswered_request_times_out);
  RUN(an_acceptor_may_send_at_once);
  RUN(an_orderly_end_is_told);
  RUN(a_listener_that_closes_rejects);
  RUN(what_cannot_be_opened_says_why);
  RUN(a_killed_peer_is_told_apart);
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "child") == 0) {
    fixture_provider = argv[2];
    return run_child((uint32_t)atoi(argv[3]));
  }
  return fixture_for_each(argc, argv, run);
}
