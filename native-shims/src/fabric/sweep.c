/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libfabric's provider shm has a file of 16 MiB an endpoint in /dev/shm, called PID:UID:NUMBER, which a killed process
 * leaves behind. Those of processes that are no more are removed whenever a domain on shm opens or closes.
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

static bool is_left_behind(int directory, const char *name) {
  int pid = 0;
  unsigned int uid = 0;
  unsigned int number = 0;
  char rest = '\0';
  struct statx file;
  if (strspn(name, "0123456789:") != strlen(name) || sscanf(name, "%d:%u:%u%c", &pid, &uid, &number, &rest) != 3 ||
      pid <= 0)
    return false;
  if (statx(directory, name, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_MODE | STATX_UID, &file) != 0 ||
      !S_ISREG(file.stx_mode) || file.stx_uid != uid)
    return false;
  if (uid != geteuid() && geteuid() != 0)
    return false;
  return kill(pid, 0) != 0 && errno == ESRCH;
}

void fabric_sweep(const struct shim_domain *domain) {
  const char *provider = domain->info != NULL ? domain->info->fabric_attr->prov_name : "";
  if (strstr(provider, "shm") == NULL || !sees_all_processes())
    return;
  DIR *files = opendir(DIRECTORY);
  if (files == NULL)
    return;
  for (const struct dirent *entry = readdir(files); entry != NULL; entry = readdir(files))
    if (is_left_behind(dirfd(files), entry->d_name))
      (void)unlinkat(dirfd(files), entry->d_name, 0);
  (void)closedir(files);
}
