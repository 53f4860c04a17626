/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libfabric's provider shm has a file of 16 MiB an endpoint in /dev/shm, called PID:UID:NUMBER, which a killed process
 * leaves behind. Those of processes that are no more are removed whenever a domain on shm opens or closes, and those of
 * this one when it exits: a worker thread that was terminated has closed nothing.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY "/dev/shm"
/* Files are looked at by statx: the stat of a new glibc does not load with an old one. */
/* PROC_PID_INIT_INO of the kernel: the machine's own process numbers. */
#define MACHINE_PID_NAMESPACE 0xEFFFFFFCu

/* In a container numbers of other containers' processes mean nothing, and their files may be seen all the same. */
static bool sees_all_processes(void) {
  struct statx own;
  return statx(AT_FDCWD, "/proc/self/ns/pid", 0, STATX_INO, &own) == 0 && own.stx_ino == MACHINE_PID_NAMESPACE;
}

/* A file of an endpoint of this user's (root: of anybody's), and which process opened it. */
static bool is_region(int directory, const char *name, int *pid) {
  unsigned int uid = 0;
  unsigned int number = 0;
  char rest = '\0';
  struct statx file;
  if (strspn(name, "0123456789:") != strlen(name) || sscanf(name, "%d:%u:%u%c", pid, &uid, &number, &rest) != 3 ||
      *pid <= 0)
    return false;
  if (statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_MODE | STATX_UID, &file) != 0 ||
      !S_ISREG(file.stx_mode) || file.stx_uid != uid)
    return false;
  return uid == geteuid() || geteuid() == 0;
}

static bool is_of_nobody(int pid) {
  return kill(pid, 0) != 0 && errno == ESRCH;
}

static bool is_own(int pid) {
  return pid == getpid();
}

static void sweep(bool (*is_wanted)(int pid)) {
  int pid = 0;
  DIR *files = opendir(DIRECTORY);
  if (files == NULL)
    return;
  for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files))
    if (is_region(dirfd(files), entry->d_name, &pid) && is_wanted(pid))
      (void)unlinkat(dirfd(files), entry->d_name, 0);
  (void)closedir(files);
}

/* The process that has had a domain on shm: not one that it forks. */
static pid_t user;

static __attribute__((destructor)) void sweep_own(void) {
  if (user == getpid())
    sweep(is_own);
}

void fabric_sweep(const struct shim_domain *domain) {
  const char *provider = domain->info != NULL ? domain->info->fabric_attr->prov_name : "";
  if (strstr(provider, "shm") == NULL || !sees_all_processes())
    return;
  __atomic_store_n(&user, getpid(), __ATOMIC_RELAXED);
  sweep(is_of_nobody);
}
