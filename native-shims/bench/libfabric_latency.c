/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The raw round trip of a libfabric provider: fi_writedata there and back between two processes, by libfabric alone.
 * With `sleep` the server waits on its completion queue's descriptor for each request, and the client pauses before
 * each; with `stream` the client writes with eight requests under way, each from and to memory of its own, and a sample
 * is the time of one write, taken over every sixteen that complete.
 *
 *   libfabric_latency PROVIDER msg|rdm PROCESSOR PROCESSOR BYTES ROUND_TRIPS spin|sleep|stream
 */
#define _GNU_SOURCE
#include "samples.h"

#include <poll.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERSION FI_VERSION(1, 17)
#define WARM_UP 1000u
#define PAUSE_MICROSECONDS 500u
#define DEPTH 8u
#define STREAM_WARM_UP 64u
#define GROUP 16u /* writes of a stream whose time is taken together */
#define KEY 0x1234567890abcdefu
#define NAME_BYTES 256u

/* What each side tells the other through a pipe. */
struct card {
  uint8_t name[NAME_BYTES];
  uint64_t address;
  uint64_t key;
};

struct side {
  bool rdm;
  bool sleeps;
  int in;
  int out;
  uint64_t bytes;
  uint32_t copies; /* of so many bytes, in `memory`; writes take turns */
  uint8_t *memory;
  struct fi_info *info;
  struct fid_fabric *fabric;
  struct fid_domain *domain;
  struct fid_eq *eq;
  struct fid_av *av;
  struct fid_cq *cq;
  struct fid_ep *ep;
  struct fid_pep *pep;
  struct fid_mr *mr;
  struct card peer;
  fi_addr_t to;
  int wait_fd;
  uint32_t sent;    /* own writes that completed */
  uint32_t arrived; /* the peer's writes */
};

static void require(int64_t answer, const char *what) {
  if (answer >= 0)
    return;
  fprintf(stderr, "%s: %s\n", what, fi_strerror((int)-answer));
  exit(1);
}

static void open_domain(struct side *side, const char *provider) {
  struct fi_info *hints = fi_allocinfo();
  hints->caps = FI_MSG | FI_RMA;
  hints->mode = FI_CONTEXT | FI_CONTEXT2;
  hints->ep_attr->type = side->rdm ? FI_EP_RDM : FI_EP_MSG;
  hints->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
  hints->domain_attr->threading = FI_THREAD_DOMAIN;
  hints->domain_attr->data_progress = FI_PROGRESS_MANUAL;
  hints->fabric_attr->prov_name = strdup(provider);
  int answer = fi_getinfo(VERSION, NULL, NULL, 0, hints, &side->info);
  require(answer, "fi_getinfo");
  if (side->info->addr_format == FI_SOCKADDR_IN || side->info->addr_format == FI_SOCKADDR_IN6) {
    fi_freeinfo(side->info);
    require(fi_getinfo(VERSION, "127.0.0.1", NULL, FI_SOURCE, hints, &side->info), "fi_getinfo");
  }
  fi_freeinfo(hints);
  require(fi_fabric(side->info->fabric_attr, &side->fabric, NULL), "fi_fabric");
  require(fi_domain(side->fabric, side->info, &side->domain, NULL), "fi_domain");
  struct fi_cq_attr cq = {
      .format = FI_CQ_FORMAT_DATA, .size = 1024, .wait_obj = side->sleeps ? FI_WAIT_FD : FI_WAIT_NONE};
  require(fi_cq_open(side->domain, &cq, &side->cq, NULL), "fi_cq_open");
  if (side->sleeps)
    require(fi_control(&side->cq->fid, FI_GETWAIT, &side->wait_fd), "FI_GETWAIT");
  uint64_t length = side->bytes > 0 ? side->bytes * side->copies : 1;
  side->memory = aligned_alloc(4096, (length + 4095u) / 4096u * 4096u);
  memset(side->memory, 0, length);
  require(fi_mr_reg(side->domain, side->memory, length, FI_REMOTE_WRITE | FI_WRITE, 0, KEY, 0, &side->mr, NULL),
          "fi_mr_reg");
}

static void open_endpoint(struct side *side, struct fi_info *info) {
  require(fi_endpoint(side->domain, info, &side->ep, NULL), "fi_endpoint");
  require(fi_ep_bind(side->ep, &side->cq->fid, FI_TRANSMIT | FI_RECV), "fi_ep_bind");
  require(fi_ep_bind(side->ep, side->rdm ? &side->av->fid : &side->eq->fid, 0), "fi_ep_bind");
  require(fi_enable(side->ep), "fi_enable");
}

static void exchange(struct side *side, struct fid *named) {
  struct card own = {.key = fi_mr_key(side->mr)};
  size_t bytes = sizeof own.name;
  if (named != NULL)
    require(fi_getname(named, own.name, &bytes), "fi_getname");
  if ((side->info->domain_attr->mr_mode & FI_MR_VIRT_ADDR) != 0)
    own.address = (uint64_t)(uintptr_t)side->memory;
  if (write(side->out, &own, sizeof own) != sizeof own || read(side->in, &side->peer, sizeof side->peer) <= 0)
    exit(1);
}

static void await(struct side *side, uint32_t wanted, struct fi_eq_cm_entry *entry) {
  uint32_t event = 0;
  ssize_t got;
  do
    got = fi_eq_sread(side->eq, &event, entry, sizeof *entry, 100, 0);
  while (got == -FI_EAGAIN || got == -FI_EINTR);
  require(got, "fi_eq_sread");
  if (event != wanted)
    exit(1);
}

static void connect_sides(struct side *side, bool listens) {
  struct fi_eq_attr eq = {.wait_obj = FI_WAIT_UNSPEC};
  struct fi_eq_cm_entry entry;
  if (side->rdm) {
    struct fi_av_attr av = {.type = FI_AV_TABLE};
    require(fi_av_open(side->domain, &av, &side->av, NULL), "fi_av_open");
    open_endpoint(side, side->info);
    exchange(side, &side->ep->fid);
    require(fi_av_insert(side->av, side->peer.name, 1, &side->to, 0, NULL), "fi_av_insert");
    return;
  }
  require(fi_eq_open(side->fabric, &eq, &side->eq, NULL), "fi_eq_open");
  if (listens) {
    require(fi_passive_ep(side->fabric, side->info, &side->pep, NULL), "fi_passive_ep");
    require(fi_pep_bind(side->pep, &side->eq->fid, 0), "fi_pep_bind");
    require(fi_listen(side->pep), "fi_listen");
    exchange(side, &side->pep->fid);
    await(side, FI_CONNREQ, &entry);
    open_endpoint(side, entry.info);
    require(fi_accept(side->ep, NULL, 0), "fi_accept");
  } else {
    open_endpoint(side, side->info);
    exchange(side, NULL);
    require(fi_connect(side->ep, side->peer.name, NULL, 0), "fi_connect");
  }
  await(side, FI_CONNECTED, &entry);
}

static void take(struct side *side) {
  struct fi_cq_data_entry entries[DEPTH];
  ssize_t count = fi_cq_read(side->cq, entries, DEPTH);
  if (count == -FI_EAGAIN)
    return;
  require(count, "fi_cq_read");
  for (ssize_t i = 0; i < count; i++) {
    bool own = (entries[i].flags & FI_WRITE) != 0 || entries[i].op_context != NULL;
    side->sent += own;
    side->arrived += !own;
  }
}

static void sleep_for_one(struct side *side) {
  struct fid *fid = &side->cq->fid;
  struct pollfd readable = {.fd = side->wait_fd, .events = POLLIN};
  if (fi_trywait(side->fabric, &fid, 1) == FI_SUCCESS)
    (void)poll(&readable, 1, 10000);
}

static void post(struct side *side, uint64_t bytes, bool tells) {
  static struct fi_context2 contexts[64];
  static uint32_t next;
  ssize_t answer;
  do {
    void *context = &contexts[next % 64u];
    uint64_t offset = next % side->copies * side->bytes;
    answer = tells ? fi_writedata(side->ep, side->memory + offset, bytes, fi_mr_desc(side->mr), 7, side->to,
                                  side->peer.address + offset, side->peer.key, context)
                   : fi_write(side->ep, side->memory + offset, bytes, fi_mr_desc(side->mr), side->to,
                              side->peer.address + offset, side->peer.key, context);
    if (answer == -FI_EAGAIN)
      take(side);
  } while (answer == -FI_EAGAIN);
  require(answer, "fi_write");
  next++;
}

static void serve(struct side *side, uint64_t count, bool stream) {
  for (uint32_t i = 1; i <= count; i++) {
    while (side->arrived < i) {
      take(side);
      if (side->arrived < i && side->sleeps)
        sleep_for_one(side);
    }
    post(side, stream ? 8 : side->bytes, true);
  }
  while (side->sent < count)
    take(side);
}

static void measure(struct side *side, uint64_t count, bool pauses) {
  uint64_t *samples = calloc(count, sizeof *samples);
  for (uint32_t i = 1; samples != NULL && i <= WARM_UP + count; i++) {
    if (pauses)
      usleep(PAUSE_MICROSECONDS);
    uint64_t before = rfaas_ticks();
    post(side, side->bytes, true);
    while (side->arrived < i)
      take(side);
    uint64_t after = rfaas_ticks();
    if (i > WARM_UP)
      samples[i - WARM_UP - 1u] = after - before;
  }
  print_samples("libfabric", samples, count);
  free(samples);
}

/* Eight writes under way; one that tells at the end, and its answer. */
static void measure_stream(struct side *side, uint64_t count) {
  uint64_t groups = count / GROUP;
  uint64_t *samples = calloc(groups + 1u, sizeof *samples);
  uint64_t before = 0;
  uint32_t posted = 0;
  for (uint64_t group = 0; samples != NULL && group <= groups; group++) {
    uint32_t until = STREAM_WARM_UP + (uint32_t)group * GROUP;
    while (side->sent < until) {
      if (posted - side->sent < DEPTH) {
        post(side, side->bytes, false);
        posted++;
      } else {
        take(side);
      }
    }
    uint64_t now = rfaas_ticks();
    if (group > 0)
      samples[group - 1u] = (now - before) / GROUP;
    before = now;
  }
  post(side, 8, true);
  while (side->arrived == 0)
    take(side);
  print_samples("libfabric stream", samples, groups);
  free(samples);
}

int main(int argc, char **argv) {
  if (argc != 8) {
    fprintf(stderr,
            "usage: libfabric_latency PROVIDER msg|rdm PROCESSOR PROCESSOR BYTES ROUND_TRIPS spin|sleep|stream\n");
    return 2;
  }
  bool stream = strcmp(argv[7], "stream") == 0;
  bool sleeps = strcmp(argv[7], "sleep") == 0;
  struct side side = {.rdm = strcmp(argv[2], "rdm") == 0,
                      .bytes = (uint64_t)number_argument(argv[5], "bytes"),
                      .copies = stream ? DEPTH : 1u};
  uint64_t count = (uint64_t)number_argument(argv[6], "round trips") + 1u;
  int forth[2];
  int back[2];
  if (pipe(forth) != 0 || pipe(back) != 0)
    return 1;
  pid_t other = fork_pinned((int)number_argument(argv[3], "processor"), (int)number_argument(argv[4], "processor"));
  if (other == 0) {
    side.sleeps = sleeps;
    side.in = forth[0];
    side.out = back[1];
    open_domain(&side, argv[1]);
    connect_sides(&side, true);
    serve(&side, stream ? 1 : WARM_UP + count, stream);
    _exit(0);
  }
  rfaas_ticks_calibrate();
  side.in = back[0];
  side.out = forth[1];
  open_domain(&side, argv[1]);
  connect_sides(&side, false);
  if (stream)
    measure_stream(&side, count);
  else
    measure(&side, count, sleeps);
  (void)kill(other, SIGKILL);
  (void)waitpid(other, NULL, 0);
  return 0;
}
