/* SPDX-License-Identifier: BSD-3-Clause */
/* What each message of the TCP connection means. Everything in it was written by somebody else. */
#include "internal.h"
#include "prepared.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool take(void *to, size_t wanted, const uint8_t *body, uint32_t bytes) {
  if (bytes != wanted)
    return false;
  memcpy(to, body, wanted);
  return true;
}

static bool greeted(struct fabric_link *link, struct fabric_greeting *greeting) {
  struct shim_endpoint *endpoint = link->endpoint;
  struct shim_domain *domain = link->domain;
  greeting->provider[sizeof greeting->provider - 1u] = '\0';
  if (greeting->version != FABRIC_LINK_VERSION || greeting->name_bytes > FABRIC_NAME_BYTES ||
      (greeting->is_rdm != 0) != domain->is_rdm ||
      strcmp(greeting->provider, domain->info->fabric_attr->prov_name) != 0) {
    fabric_connect_failed(endpoint, EPROTO,
                          "it listens with libfabric's provider %s and %s endpoints (version %u), this side has %s and "
                          "%s (version %u); use the same URL on both sides",
                          greeting->provider, greeting->is_rdm != 0 ? "rdm" : "msg", greeting->version,
                          domain->info->fabric_attr->prov_name, domain->is_rdm ? "rdm" : "msg", FABRIC_LINK_VERSION);
    return true;
  }
  memcpy(&endpoint->secret, greeting->token, sizeof endpoint->secret);
  memcpy(link->token, greeting->token, sizeof link->token);
  if (domain->ip)
    fabric_complete_name(greeting->name, greeting->name_bytes, &link->peer);
  int error = fabric_dial(endpoint, greeting->name, greeting->name_bytes, greeting->token);
  if (error != 0) {
    char text[SHIM_ERROR_TEXT_BYTES - 170];
    (void)shim_copy_error_text(text, sizeof text);
    fabric_connect_failed(endpoint, -error, "%s", text);
    return true;
  }
  struct fabric_hello hello = {.contact = fabric_contact_of(domain, endpoint),
                               .private_bytes = endpoint->private_bytes};
  memcpy(hello.token, greeting->token, sizeof hello.token);
  memcpy(hello.private_data, endpoint->private_data, endpoint->private_bytes);
  size_t name_bytes = sizeof hello.name;
  if (domain->is_rdm && fi_getname(&domain->port.ep->fid, hello.name, &name_bytes) == 0)
    hello.name_bytes = (uint32_t)name_bytes;
  link->state = FABRIC_LINK_ASKED;
  endpoint->step = "the listener's owner had not answered";
  fabric_link_send(link, FABRIC_HELLO, &hello, sizeof hello);
  return true;
}

static bool heard(struct fabric_link *link) {
  struct fabric_hello *hello = &link->hello;
  if (memcmp(hello->token, link->token, sizeof link->token) != 0 || hello->name_bytes > FABRIC_NAME_BYTES ||
      hello->private_bytes > SHIM_MAX_PRIVATE_DATA)
    return false;
  link->state = FABRIC_LINK_HEARD;
  if (link->domain->ip)
    fabric_complete_name(hello->name, hello->name_bytes, &link->peer);
  if (link->domain->is_rdm || link->info != NULL)
    fabric_request_complete(link);
  return true;
}

static void take_contact(struct shim_endpoint *endpoint, const struct fabric_contact *contact) {
  endpoint->landing = (struct fabric_target){.address = contact->landing_address, .rkey = contact->landing_key};
  endpoint->peer_slot = contact->slot;
}

static bool answered(struct fabric_link *link, const struct fabric_answer *answer) {
  struct shim_endpoint *endpoint = link->endpoint;
  bool too_early = link->state != FABRIC_LINK_ASKED && answer->accepted != 0;
  if (answer->private_bytes > SHIM_MAX_PRIVATE_DATA || too_early)
    return false;
  struct shim_event *event = &endpoint->outcome.event;
  event->private_data_bytes = answer->private_bytes;
  memcpy(event->private_data, answer->private_data, answer->private_bytes);
  if (answer->accepted == 0) {
    (void)snprintf(endpoint->outcome.text, sizeof endpoint->outcome.text, "%s port %u rejected the connection",
                   endpoint->peer, endpoint->peer_port);
    fabric_link_leave(endpoint, false);
    fabric_settle(endpoint, SHIM_FAILED, SHIM_EVENT_REFUSED, ECONNREFUSED);
    fabric_flush(endpoint);
    return true;
  }
  take_contact(endpoint, &answer->contact);
  link->state = FABRIC_LINK_OPEN;
  endpoint->answered = true;
  endpoint->step = "the connection was accepted and libfabric's was not there";
  if (link->domain->is_rdm) {
    endpoint->ready = true;
    int64_t result = fabric_issue_fence(endpoint);
    if (result != 0)
      fabric_connect_failed(endpoint, EIO, "libfabric refuses to read from it (%s)", fi_strerror((int)-result));
    return true;
  }
  fabric_connect_step(endpoint);
  return true;
}

static void query(struct fabric_link *link, const struct fabric_query *asked) {
  struct shim_domain *domain = link->domain;
  const uint32_t remote = SHIM_REMOTE_WRITE | SHIM_REMOTE_READ | SHIM_REMOTE_ATOMIC;
  struct fabric_reply reply = {.id = asked->id, .status = EACCES};
  for (struct shim_list *node = domain->regions.next; node != &domain->regions; node = node->next) {
    const struct shim_region *region = SHIM_CONTAINER(node, struct shim_region, link);
    if (fi_mr_key(region->mr) != asked->key || (region->access & remote) == 0)
      continue;
    reply.start = region->remote_address;
    reply.end = region->remote_address + region->length;
    reply.status = asked->address <= reply.end && asked->length <= reply.end - asked->address ? 0 : ERANGE;
    reply.access = region->access & remote;
    break;
  }
  fabric_link_send(link, FABRIC_REPLY, &reply, sizeof reply);
}

static void said_goodbye(struct fabric_link *link) {
  struct shim_endpoint *endpoint = link->endpoint;
  /* Whatever it sent before has arrived, and waits to be read. */
  while (endpoint->port->cq != NULL && fabric_port_read(endpoint->port) > 0)
    continue;
  fabric_endpoint_end(endpoint, SHIM_CLOSED_BY_PEER, "%s port %u disconnected", endpoint->peer, endpoint->peer_port);
}

bool fabric_link_word(struct fabric_link *link, enum fabric_word word, const uint8_t *body, uint32_t bytes) {
  struct fabric_greeting greeting;
  struct fabric_answer answer;
  struct fabric_query asked;
  bool open = link->state == FABRIC_LINK_OPEN && link->endpoint != NULL;
  if (link->state == FABRIC_LINK_CLOSED)
    return true; /* what it says does not matter any more */
  switch (word) {
  case FABRIC_GREETING:
    return link->state == FABRIC_LINK_GREETED && take(&greeting, sizeof greeting, body, bytes) &&
           greeted(link, &greeting);
  case FABRIC_HELLO:
    return link->state == FABRIC_LINK_GREETS && take(&link->hello, sizeof link->hello, body, bytes) && heard(link);
  case FABRIC_ANSWER:
    return (link->state == FABRIC_LINK_ASKED || link->state == FABRIC_LINK_GREETED) &&
           take(&answer, sizeof answer, body, bytes) && answered(link, &answer);
  case FABRIC_QUERY:
    if (!take(&asked, sizeof asked, body, bytes))
      return false;
    if (open)
      query(link, &asked);
    return open;
  case FABRIC_REPLY:
    link->reply_came = take(&link->reply, sizeof link->reply, body, bytes);
    (void)pthread_cond_broadcast(&link->domain->changed);
    if (open && link->endpoint->asking)
      fabric_tell_resolved(link->endpoint);
    return link->reply_came;
  case FABRIC_GOODBYE:
    if (open)
      said_goodbye(link);
    return true;
  default:
    return false;
  }
}
