/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For a library that is preloaded and so stands between a program and libfabric: libfabric's own functions, and the
 * operations of the fabrics and domains that the program opens, of which open_domain and open_endpoint are the
 * library's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <stdlib.h>

static struct fi_ops_fabric fabric_ops;
static struct fi_ops_fabric *real_fabric_ops;
static struct fi_ops_domain domain_ops;
static struct fi_ops_domain *real_domain_ops;

/* Providers that lie on others call the same functions: those calls are libfabric's own. */
static int is_inside;

static int open_domain(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain, void *context);
static int open_endpoint(struct fid_domain *domain, struct fi_info *info, struct fid_ep **endpoint, void *context);

static void *real(const char *name) {
  static void *library;
  if (library == NULL)
    library = dlopen("libfabric.so.1", RTLD_NOW);
  void *function = library == NULL ? NULL : dlsym(library, name);
  if (function == NULL)
    abort();
  return function;
}

/* libfabric's domain, whose endpoints open_endpoint opens. */
static int open_real_domain(struct fid_fabric *fabric, struct fi_info *info, struct fid_domain **domain,
                            void *context) {
  is_inside++;
  int answer = real_fabric_ops->domain(fabric, info, domain, context);
  is_inside--;
  if (answer == 0) {
    real_domain_ops = (*domain)->ops;
    domain_ops = *real_domain_ops;
    domain_ops.endpoint = open_endpoint;
    (*domain)->ops = &domain_ops;
  }
  return answer;
}

int fi_fabric(struct fi_fabric_attr *attributes, struct fid_fabric **fabric, void *context) {
  int (*open)(struct fi_fabric_attr *, struct fid_fabric **, void *) = real("fi_fabric");
  is_inside++;
  int answer = open(attributes, fabric, context);
  is_inside--;
  if (answer == 0 && is_inside == 0) {
    real_fabric_ops = (*fabric)->ops;
    fabric_ops = *real_fabric_ops;
    fabric_ops.domain = open_domain;
    (*fabric)->ops = &fabric_ops;
  }
  return answer;
}
