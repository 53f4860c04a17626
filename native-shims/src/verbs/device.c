/* SPDX-License-Identifier: BSD-3-Clause */
/* Which device and port a domain uses, and what they can do. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The first active port from `wanted` on (0: of all): its number, or 0. */
static uint8_t active_port(struct ibv_context *context, uint32_t wanted) {
  struct ibv_device_attr device;
  if (ibv_query_device(context, &device) != 0)
    return 0;
  for (uint32_t port = wanted == 0 ? 1u : wanted; port <= (wanted == 0 ? device.phys_port_cnt : wanted); port++) {
    struct ibv_port_attr attributes;
    if (ibv_query_port(context, (uint8_t)port, &attributes) == 0 && attributes.state == IBV_PORT_ACTIVE)
      return (uint8_t)port;
  }
  return 0;
}

/* "rxe0, rxe1" */
static void list_names(struct ibv_context **devices, int count, bool active_only, char *text, size_t bytes) {
  size_t used = 0;
  text[0] = '\0';
  for (int i = 0; i < count && used < bytes; i++)
    if (!active_only || active_port(devices[i], 0) != 0)
      used += (size_t)snprintf(text + used, bytes - used, "%s%s", used == 0 ? "" : ", ",
                               ibv_get_device_name(devices[i]->device));
}

static int find_named(struct shim_domain *domain, struct ibv_context **devices, int count) {
  const char *name = domain->options.device;
  for (int i = 0; i < count; i++)
    if (strcmp(ibv_get_device_name(devices[i]->device), name) == 0) {
      domain->context = devices[i];
      return 0;
    }
  char names[160];
  list_names(devices, count, false, names, sizeof names);
  return shim_fail(ENODEV, "there is no RDMA device \"%s\" here; there %s %s", name, count == 1 ? "is" : "are", names);
}

static int find_only_active(struct shim_domain *domain, struct ibv_context **devices, int count) {
  int active = 0;
  for (int i = 0; i < count; i++)
    if (active_port(devices[i], domain->options.port) != 0) {
      domain->context = devices[i];
      active++;
    }
  char names[160];
  list_names(devices, count, active > 0, names, sizeof names);
  if (active == 0)
    return shim_fail(ENETDOWN, "no RDMA device is active (%s); see \"rdma link\": the network device must be up",
                     names);
  if (active > 1)
    return shim_fail(EINVAL, "several RDMA devices are active (%s); name one: device=NAME", names);
  return 0;
}

static int find_device(struct shim_domain *domain) {
  struct verbs_options *options = &domain->options;
  int error = 0;
  if (options->device[0] == '\0' && options->source[0] != '\0')
    error = verbs_device_of(options->source, true, options->device, sizeof options->device);
  else if (options->device[0] == '\0' && options->route[0] != '\0')
    error = verbs_device_of(options->route, false, options->device, sizeof options->device);
  if (error != 0)
    return error;
  int count = 0;
  struct ibv_context **devices = rdma_get_devices(&count);
  if (devices == NULL || count == 0)
    error = verbs_unusable("cannot open RDMA devices", errno);
  else
    error = options->device[0] != '\0' ? find_named(domain, devices, count) : find_only_active(domain, devices, count);
  if (devices != NULL)
    rdma_free_devices(devices);
  return error;
}

static int find_port(struct shim_domain *domain) {
  const char *name = ibv_get_device_name(domain->context->device);
  domain->port = active_port(domain->context, domain->options.port);
  if (domain->port == 0 && domain->options.port > domain->device.phys_port_cnt)
    return shim_fail(EINVAL, "RDMA device %s has %u ports, and no port %u", name, domain->device.phys_port_cnt,
                     domain->options.port);
  if (domain->port == 0)
    return shim_fail(ENETDOWN,
                     "RDMA device %s has no active port; see \"rdma link show\": its network device must be up "
                     "(ip link set NETDEV up), or its cable and subnet manager be there",
                     name);
  struct ibv_port_attr attributes;
  int error = ibv_query_port(domain->context, domain->port, &attributes);
  if (error != 0)
    return shim_fail(error, "cannot ask RDMA device %s about port %u (%s)", name, domain->port, shim_errno_name(error));
  domain->max_message = attributes.max_msg_sz;
  return 0;
}

static uint32_t smaller(uint32_t a, int b) {
  return b < 1 ? 1u : a < (uint32_t)b ? a : (uint32_t)b;
}

int verbs_device_open(struct shim_domain *domain) {
  int error = find_device(domain);
  if (error != 0)
    return error;
  const char *name = ibv_get_device_name(domain->context->device);
  error = ibv_query_device(domain->context, &domain->device);
  if (error != 0)
    return shim_fail(error, "cannot ask RDMA device %s what it can do (%s)", name, shim_errno_name(error));
  error = find_port(domain);
  if (error != 0)
    return error;
  domain->pd = ibv_alloc_pd(domain->context);
  if (domain->pd == NULL)
    return shim_fail(errno, "RDMA device %s gives no protection domain (%s)", name, shim_errno_name(errno));
  domain->max_inline = verbs_probe_inline(domain->pd);
  domain->max_segments = smaller(SHIM_MAX_SEGMENTS, domain->device.max_sge);
  verbs_find_addresses(domain);
  return 0;
}
