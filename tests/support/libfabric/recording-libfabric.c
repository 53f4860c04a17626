/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded, it stands between rdmalib and libfabric: it writes what libfabric is asked for to the file
 * $RECORDED_LIBFABRIC, and lets "tcp;ofi_rxm" play the providers cxi and gni, which no machine without their network
 * has. Both have FI_EP_RDM only. Their authorization keys go no further: tcp knows none.
 */
#include "interposition.h"

#include <rdma/fi_errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void record(const char *format, ...) {
  FILE *log = fopen(getenv("RECORDED_LIBFABRIC"), "a");
  va_list arguments;
  va_start(arguments, format);
  if (log == NULL || vfprintf(log, format, arguments) < 0 || fclose(log) != 0)
    abort();
  va_end(arguments);
}

static void record_key(const char *call, const uint8_t *key, size_t bytes) {
  char digits[2 * 64 + 1] = "none";
  for (size_t i = 0; i < bytes && i < 64; i++)
    (void)sprintf(digits + 2 * i, "%02x", key[i]);
  record("%s auth_key=%s\n", call, digits);
}

int fi_getinfo(uint32_t version, const char *node, const char *service, uint64_t flags, const struct fi_info *hints,
               struct fi_info **info) {
  int (*ask)(uint32_t, const char *, const char *, uint64_t, const struct fi_info *, struct fi_info **) =
      real("fi_getinfo");
  const char *provider = hints == NULL || hints->fabric_attr == NULL ? NULL : hints->fabric_attr->prov_name;
  if (provider == NULL || (strcmp(provider, "cxi") != 0 && strcmp(provider, "gni") != 0))
    return ask(version, node, service, flags, hints, info);
  const char *domain = hints->domain_attr->name == NULL ? "any" : hints->domain_attr->name;
  record("fi_getinfo provider=%s endpoint=%s domain=%s\n", provider, hints->ep_attr->type == FI_EP_RDM ? "rdm" : "msg",
         domain);
  if (hints->ep_attr->type != FI_EP_RDM)
    return -FI_ENODATA;
  struct fi_info *others = fi_dupinfo(hints);
  free(others->fabric_attr->prov_name);
  free(others->domain_attr->name);
  others->fabric_attr->prov_name = strdup("tcp;ofi_rxm");
  others->domain_attr->name = NULL;
  int answer = ask(version, node, service, flags, others, info);
  fi_freeinfo(others);
  return answer;
}

static int open_endpoint(struct fid_domain *domain, struct fi_info *info, struct fid_ep **endpoint, void *context) {
  struct fi_ep_attr told = *info->ep_attr;
  record_key("endpoint", told.auth_key, told.auth_key_size);
  info->ep_attr->auth_key = NULL;
  info->ep_attr->auth_key_size = 0;
  int answer = real_domain_ops->endpoint(domain, info, endpoint, context);
  info->ep_attr->auth_key = told.auth_key;
  info->ep_attr->auth_key_size = told.auth_key_size;
  return answer;
}

static int open_domain(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain, void *context) {
  struct fi_domain_attr told = *info->domain_attr;
  record_key("domain", told.auth_key, told.auth_key_size);
  info->domain_attr->auth_key = NULL;
  info->domain_attr->auth_key_size = 0;
  int answer = open_real_domain(fabric, info, domain, context);
  info->domain_attr->auth_key = told.auth_key;
  info->domain_attr->auth_key_size = told.auth_key_size;
  return answer;
}
