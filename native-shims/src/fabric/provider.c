/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds the provider that the options name, with what is needed of it, and what it grants beyond that. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SEND_BYTES (64u * 1024u) /* FI_EP_RDM: what a bounce buffer takes */
#define RXM_RECEIVES "128"
#define ATOMICS_OF_VERBS FI_VERSION(2, 2)

bool fabric_provider_speaks_ip(const struct fi_info *info) {
  return info->addr_format == FI_SOCKADDR || info->addr_format == FI_SOCKADDR_IN ||
         info->addr_format == FI_SOCKADDR_IN6;
}

static struct fi_info *make_hints(const struct fabric_options *options, bool rdm, uint64_t more) {
  struct fi_info *hints = fi_allocinfo();
  if (hints == NULL)
    return NULL;
  hints->caps = FABRIC_NEEDED | more;
  hints->mode = FABRIC_MODES;
  hints->ep_attr->type = rdm ? FI_EP_RDM : FI_EP_MSG;
  hints->domain_attr->mr_mode = (int)(rdm ? FABRIC_RDM_MR_MODES : FABRIC_MSG_MR_MODES);
  hints->domain_attr->threading = FI_THREAD_DOMAIN;
  hints->domain_attr->control_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
  hints->domain_attr->resource_mgmt = FI_RM_ENABLED;
  hints->fabric_attr->prov_name = strdup(options->provider);
  if (options->domain[0] != '\0')
    hints->domain_attr->name = strdup(options->domain);
  return hints;
}

static int ask(const struct fabric_options *options, bool rdm, uint64_t more, const char *node, struct fi_info **info) {
  struct fi_info *hints = make_hints(options, rdm, more);
  if (hints == NULL)
    return -ENOMEM;
  int answer = fi_getinfo(FABRIC_API, node, NULL, node != NULL ? FI_SOURCE : 0, hints, info);
  fi_freeinfo(hints);
  return answer;
}

/* The verbs provider took the operands' addresses for the operands before that. */
static bool has_sound_atomics(const struct fabric_options *options) {
  return strncmp(options->provider, "verbs", 5) != 0 || FI_VERSION_GE(fi_version(), ATOMICS_OF_VERBS);
}

/* Atomics where they are granted: using them where they were not asked for would be the end of the process. */
static int ask_for_most(struct shim_domain *domain, bool rdm, const char *node) {
  const struct fabric_options *options = &domain->options;
  domain->has_atomics = has_sound_atomics(options);
  int answer = domain->has_atomics ? ask(options, rdm, FI_ATOMIC, node, &domain->info) : -FI_ENODATA;
  if (answer != 0) {
    domain->has_atomics = false;
    answer = ask(options, rdm, 0, node, &domain->info);
  }
  domain->is_rdm = rdm;
  return answer;
}

static int find_kind(struct shim_domain *domain, const char *node) {
  const char *kind = domain->options.endpoint;
  int answer = -FI_ENODATA;
  /* The connected endpoints of "sockets" (1.17) end the process in a thread of their own now and then. */
  if (strcmp(kind, "auto") == 0 && strcmp(domain->options.provider, "sockets") == 0)
    kind = "rdm";
  if (strcmp(kind, "rdm") != 0)
    answer = ask_for_most(domain, false, node);
  if (answer != 0 && strcmp(kind, "msg") != 0)
    answer = ask_for_most(domain, true, node);
  return answer;
}

/* The own address that the options mean, as a number in text; "" where they mean none. */
static int source_node(const struct fabric_options *options, char node[SHIM_ADDRESS_BYTES]) {
  union fabric_address source;
  int error = 0;
  node[0] = '\0';
  if (options->source[0] != '\0')
    error = fabric_lookup(options->source, 0, true, &source);
  else if (options->route[0] != '\0')
    error = fabric_source_for(options->route, &source);
  else
    return 0;
  if (error == 0)
    fabric_format_address(&source, node, SHIM_ADDRESS_BYTES);
  return error;
}

static int with_auth_key(struct shim_domain *domain) {
  const struct fabric_options *options = &domain->options;
  if (options->auth_key_bytes == 0)
    return 0;
  uint8_t *keys[2];
  for (size_t i = 0; i < 2; i++) {
    keys[i] = malloc(options->auth_key_bytes); /* freed by fi_freeinfo */
    if (keys[i] == NULL)
      return shim_fail(ENOMEM, "no memory for an authorization key");
    memcpy(keys[i], options->auth_key, options->auth_key_bytes);
  }
  domain->info->domain_attr->auth_key = keys[0];
  domain->info->domain_attr->auth_key_size = options->auth_key_bytes;
  domain->info->ep_attr->auth_key = keys[1];
  domain->info->ep_attr->auth_key_size = options->auth_key_bytes;
  return 0;
}

static uint32_t smaller(size_t a, size_t b) {
  return (uint32_t)(a < b ? a : b);
}

static int learn(struct shim_domain *domain) {
  const struct fi_info *info = domain->info;
  domain->ip = fabric_provider_speaks_ip(info);
  domain->local_mr = (info->domain_attr->mr_mode & FI_MR_LOCAL) != 0;
  domain->needs_endpoint_mr = (info->domain_attr->mr_mode & FI_MR_ENDPOINT) != 0;
  domain->consumes_receives = (info->mode & FI_RX_CQ_DATA) != 0;
  domain->reports_length = !domain->is_rdm && info->domain_attr->cq_data_size < 8u;
  domain->by_message = domain->is_rdm && info->domain_attr->cq_data_size < 8u;
  domain->max_segments = smaller(info->tx_attr->iov_limit, SHIM_MAX_SEGMENTS);
  domain->max_send = smaller(info->ep_attr->max_msg_size, INT32_MAX);
  domain->max_inject = smaller(info->tx_attr->inject_size, FABRIC_MOST_INLINE);
  if (domain->is_rdm) {
    /* One stretch of each message is the header. */
    domain->max_segments = domain->max_segments > 1 ? domain->max_segments - 1u : 1u;
    domain->max_send = smaller(domain->max_send - sizeof(struct fabric_header), MOST_SEND_BYTES);
  }
  if (!domain->is_rdm && info->domain_attr->cq_data_size < 4u)
    return shim_fail(EPROTONOSUPPORT,
                     "libfabric's provider %s cannot send immediates (%zu bytes of completion data, 4 are needed); try "
                     "endpoint=rdm",
                     info->fabric_attr->prov_name, info->domain_attr->cq_data_size);
  return with_auth_key(domain);
}

/* Libfabric reads its settings at the first call, which comes after this. What the environment says already counts.
 *
 * On tcp ofi_rxm fills 4096 receives of 16 KiB before the first message comes, in every domain: 68 MiB, where writes
 * need none of them. With 128, its default elsewhere, it takes memory for 1024.
 *
 * A cache of registrations, which verbs has, would keep memory open to peers after its region is closed. And to learn
 * of memory that is unmapped, libfabric writes jumps over the C library's mmap and munmap whenever a domain opens,
 * while other threads are in them: those end in a segmentation fault now and then. Regions live long, and need no
 * cache. */
static __attribute__((constructor)) void choose_settings(void) {
  (void)setenv("FI_OFI_RXM_MSG_RX_SIZE", RXM_RECEIVES, 0);
  (void)setenv("FI_MR_CACHE_MONITOR", "disabled", 0);
}

int fabric_find_provider(struct shim_domain *domain) {
  char node[SHIM_ADDRESS_BYTES];
  if (FI_VERSION_LT(fi_version(), FABRIC_API))
    return shim_fail(ELIBACC,
                     "libfabric %u.%u is too old: 1.17 or newer is needed (Debian: apt-get install libfabric1)",
                     FI_MAJOR(fi_version()), FI_MINOR(fi_version()));
  int error = source_node(&domain->options, node);
  if (error != 0)
    return error;
  int answer = find_kind(domain, NULL);
  if (answer == 0 && fabric_provider_speaks_ip(domain->info) && node[0] != '\0') {
    fi_freeinfo(domain->info);
    domain->info = NULL;
    answer = find_kind(domain, node);
  }
  if (answer != 0)
    return fabric_explain(domain, answer);
  return learn(domain);
}
