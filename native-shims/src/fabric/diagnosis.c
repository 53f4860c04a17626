/* SPDX-License-Identifier: BSD-3-Clause */
/* Why libfabric offers nothing: no such provider, not in this version, or without something that is needed. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Every mode but the two that stand for all others. */
#define ANY_MR (~(FI_MR_BASIC | FI_MR_SCALABLE))

/* Which versions of libfabric have what providers; in errors only. Those that are not here are in all from 1.17 on. */
static const struct {
  const char *provider;
  uint32_t first; /* 0: since before 1.17 */
  uint32_t after; /* the first version without it; 0: it is there still */
  const char *note;
} versions[] = {
    {"cxi", FI_VERSION(1, 21), 0, "HPE's own builds have it since 1.15"},
    {"gni", 0, FI_VERSION(1, 21), "it must be built in"},
    {"net", 0, FI_VERSION(1, 18), "\"tcp\" is the same since"},
    {"sm2", FI_VERSION(1, 18), 0, NULL},
    {"ucx", FI_VERSION(1, 18), 0, NULL},
    {"lnx", FI_VERSION(2, 0), 0, NULL},
};
#define VERSIONS (sizeof versions / sizeof versions[0])

/* The table, in words. */
static const char *version_table(char *text, size_t bytes) {
  int used = 0;
  for (size_t i = 0; i < VERSIONS && used >= 0 && (size_t)used < bytes; i++) {
    uint32_t last = versions[i].after != 0 ? versions[i].after - 1u : 0;
    uint32_t named = last != 0 ? last : versions[i].first;
    used += snprintf(text + used, bytes - (size_t)used, "%s%s %u.%u%s", i > 0 ? ", " : "", versions[i].provider,
                     FI_MAJOR(named), FI_MINOR(named), last != 0 ? " or older" : " or newer");
  }
  return text;
}

static bool offers(const struct fabric_options *options, enum fi_ep_type type, uint64_t caps, uint64_t mode,
                   int mr_mode) {
  struct fi_info *hints = fi_allocinfo();
  struct fi_info *info = NULL;
  if (hints == NULL)
    return false;
  hints->caps = caps;
  hints->mode = mode;
  hints->ep_attr->type = type;
  hints->domain_attr->mr_mode = mr_mode;
  hints->fabric_attr->prov_name = strdup(options->provider);
  int answer = fi_getinfo(FABRIC_API, NULL, NULL, 0, hints, &info);
  fi_freeinfo(hints);
  if (info != NULL)
    fi_freeinfo(info);
  return answer == 0;
}

static int wrong_version(size_t row, const char *what, uint32_t bound, const char *table) {
  uint32_t version = fi_version();
  const char *note = versions[row].note;
  return shim_fail(ELIBACC, "libfabric %u.%u %s provider \"%s\": %u.%u %s is needed%s%s; install that. Needed are: %s",
                   FI_MAJOR(version), FI_MINOR(version), what, versions[row].provider, FI_MAJOR(bound), FI_MINOR(bound),
                   versions[row].after != 0 ? "or older" : "or newer", note != NULL ? ", " : "",
                   note != NULL ? note : "", table);
}

static int no_such_provider(const struct fabric_options *options) {
  uint32_t version = fi_version();
  char table[256];
  (void)version_table(table, sizeof table);
  for (size_t i = 0; i < VERSIONS; i++) {
    if (strcmp(versions[i].provider, options->provider) != 0)
      continue;
    if (versions[i].first != 0 && FI_VERSION_LT(version, versions[i].first))
      return wrong_version(i, "has no", versions[i].first, table);
    if (versions[i].after != 0 && FI_VERSION_GE(version, versions[i].after))
      return wrong_version(i, "has no longer a", versions[i].after - 1u, table);
  }
  return shim_fail(
      ENXIO,
      "libfabric %u.%u has no provider \"%s\" that works on this host; \"fi_info -l\" lists providers, "
      "\"fi_info -p '%s'\" says what one offers (Debian: apt-get install libfabric-bin). Not every version "
      "has each: %s",
      FI_MAJOR(version), FI_MINOR(version), options->provider, options->provider, table);
}

static int lacks(const struct fabric_options *options, const char *what) {
  return shim_fail(EPROTONOSUPPORT,
                   "libfabric's provider \"%s\" has %s here; \"fi_info -v -p '%s'\" shows what it has. Choose another "
                   "provider, or another endpoint kind",
                   options->provider, what, options->provider);
}

/* The first capability without which nothing is left. */
static int missing_capability(const struct fabric_options *options, enum fi_ep_type type) {
  static const struct {
    uint64_t caps;
    const char *what;
  } needed[] = {
      {FI_MSG, "no messages (FI_MSG)"},
      {FI_MSG | FI_RMA, "no remote memory access (FI_RMA)"},
      {FI_MSG | FI_RMA | FI_READ | FI_REMOTE_READ, "no remote reads (FI_READ)"},
      {FI_MSG | FI_RMA | FI_READ | FI_REMOTE_READ | FI_WRITE | FI_REMOTE_WRITE, "no remote writes (FI_WRITE)"},
  };
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
    if (!offers(options, type, needed[i].caps, ~UINT64_C(0), ANY_MR))
      return lacks(options, needed[i].what);
  return lacks(options, "modes or memory registration that rdmalib cannot serve");
}

int fabric_explain(const struct shim_domain *domain, int answer) {
  const struct fabric_options *options = &domain->options;
  if (answer != -FI_ENODATA && answer != -FI_ENOSYS)
    return shim_fail(-answer, "libfabric cannot say what \"%s\" offers (fi_getinfo: %s)", options->provider,
                     fi_strerror(-answer));
  if (!offers(options, FI_EP_UNSPEC, 0, ~UINT64_C(0), ANY_MR))
    return no_such_provider(options);
  if (options->domain[0] != '\0')
    return shim_fail(ENODEV, "libfabric's provider \"%s\" has no suitable domain \"%s\"; \"fi_info -p %s\" lists them",
                     options->provider, options->domain, options->provider);
  bool msg = offers(options, FI_EP_MSG, 0, ~UINT64_C(0), ANY_MR);
  bool rdm = offers(options, FI_EP_RDM, 0, ~UINT64_C(0), ANY_MR);
  if (strcmp(options->endpoint, "msg") == 0 && !msg)
    return lacks(options, "no connected endpoints (FI_EP_MSG; try endpoint=rdm)");
  if (strcmp(options->endpoint, "rdm") == 0 && !rdm)
    return lacks(options, "no reliable datagram endpoints (FI_EP_RDM; try endpoint=msg, or with \";ofi_rxm\" behind "
                          "the provider's name)");
  if (!msg && !rdm)
    return lacks(options, "neither FI_EP_MSG nor FI_EP_RDM endpoints");
  bool wants_msg = strcmp(options->endpoint, "msg") == 0 || (strcmp(options->endpoint, "auto") == 0 && !rdm);
  enum fi_ep_type type = wants_msg ? FI_EP_MSG : FI_EP_RDM;
  /* It has all that is needed, and only not there. */
  if ((options->source[0] != '\0' || options->route[0] != '\0') &&
      offers(options, type, FABRIC_NEEDED, FABRIC_MODES, (int)(wants_msg ? FABRIC_MSG_MR_MODES : FABRIC_RDM_MR_MODES)))
    return shim_fail(ENODEV, "libfabric's provider \"%s\" has nothing at %s; \"fi_info -p '%s'\" lists where it has",
                     options->provider, options->source[0] != '\0' ? options->source : options->route,
                     options->provider);
  return missing_capability(options, type);
}
