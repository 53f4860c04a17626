/* SPDX-License-Identifier: BSD-3-Clause */
/* Why libfabric offers nothing: no such provider, not in this version, or without something that is needed. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Every mode but the two that stand for all others. */
#define ANY_MR (~(FI_MR_BASIC | FI_MR_SCALABLE))

/* Which version of libfabric has a provider; named in errors only. */
static const struct {
  const char *provider;
  uint32_t first; /* 0: since before 1.17 */
  uint32_t after; /* the first version without it; 0: it is there still */
  const char *instead;
} versions[] = {
    {"net", 0, FI_VERSION(1, 18), "its endpoints are in \"tcp\" since"},
    {"gni", 0, FI_VERSION(1, 21), "Cray Aries needs libfabric 1.20 or older"},
    {"cxi", FI_VERSION(1, 20), 0, "HPE's own builds of libfabric 1.15 have it too"},
    {"lnx", FI_VERSION(2, 0), 0, NULL},
};

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

static int no_such_provider(const struct fabric_options *options) {
  uint32_t version = fi_version();
  for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
    if (strcmp(versions[i].provider, options->provider) != 0)
      continue;
    const char *more = versions[i].instead != NULL ? versions[i].instead : "";
    if (versions[i].first != 0 && FI_VERSION_LT(version, versions[i].first))
      return shim_fail(ELIBACC, "libfabric %u.%u has no provider \"%s\": it came with %u.%u; use a newer one. %s",
                       FI_MAJOR(version), FI_MINOR(version), options->provider, FI_MAJOR(versions[i].first),
                       FI_MINOR(versions[i].first), more);
    if (versions[i].after != 0 && FI_VERSION_GE(version, versions[i].after))
      return shim_fail(ELIBACC, "libfabric %u.%u has no provider \"%s\" any more: it left with %u.%u; %s",
                       FI_MAJOR(version), FI_MINOR(version), options->provider, FI_MAJOR(versions[i].after),
                       FI_MINOR(versions[i].after), more);
  }
  return shim_fail(ENODEV,
                   "libfabric %u.%u has no provider \"%s\" that works on this host; \"fi_info -l\" lists providers, "
                   "\"fi_info -p %s\" says what one offers (Debian: apt-get install libfabric-bin)",
                   FI_MAJOR(version), FI_MINOR(version), options->provider, options->provider);
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
  if (options->source[0] != '\0' || options->route[0] != '\0') {
    struct fabric_options elsewhere = *options;
    elsewhere.source[0] = elsewhere.route[0] = '\0';
    if (offers(&elsewhere, wants_msg ? FI_EP_MSG : FI_EP_RDM, FI_MSG | FI_RMA, ~UINT64_C(0), ANY_MR))
      return shim_fail(ENODEV, "libfabric's provider \"%s\" has nothing at %s; \"fi_info -p '%s'\" lists where it has",
                       options->provider, options->source[0] != '\0' ? options->source : options->route,
                       options->provider);
  }
  return missing_capability(options, wants_msg ? FI_EP_MSG : FI_EP_RDM);
}
