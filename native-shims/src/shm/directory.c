/* SPDX-License-Identifier: BSD-3-Clause */
/* The directory of the listeners' sockets. Abstract socket names can be squatted by anybody; a directory has an owner.
 */
#define _GNU_SOURCE
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether XDG_RUNTIME_DIR names a directory that is this user's and fits. */
static bool usable_runtime_directory(const char *path) {
  struct statx status;
  return path != NULL && path[0] == '/' && strlen(path) + sizeof "/rdmalib-shm" <= SHM_DIRECTORY_BYTES &&
         statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_UID, &status) == 0 && S_ISDIR(status.stx_mode) &&
         status.stx_uid == geteuid() && access(path, W_OK | X_OK) == 0;
}

int shm_directory_default(struct shim_domain *domain) {
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  if (usable_runtime_directory(runtime))
    (void)snprintf(domain->directory, sizeof domain->directory, "%s/rdmalib-shm", runtime);
  else
    (void)snprintf(domain->directory, sizeof domain->directory, "/tmp/rdmalib-shm-%u", (unsigned)geteuid());
  return 0;
}

int shm_directory_prepare(struct shim_domain *domain, bool is_default) {
  const char *path = domain->directory;
  if (mkdir(path, 0700) != 0 && errno != EEXIST)
    return shim_fail(errno, "cannot make the socket directory %s (mkdir: %s); name another with option directory=PATH",
                     path, shim_errno_name(errno));
  struct statx status;
  if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_MODE | STATX_UID, &status) != 0)
    return shim_fail(errno, "cannot look at the socket directory %s (statx: %s)", path, shim_errno_name(errno));
  if (!S_ISDIR(status.stx_mode))
    return shim_fail(ENOTDIR,
                     "the socket directory %s is a link or no directory; name another with option "
                     "directory=PATH",
                     path);
  /* In the default place nobody else has business; elsewhere the allowed users may share, but nobody else may write. */
  bool owner_is_right = status.stx_uid == geteuid() || (!is_default && shm_uid_allowed(domain, status.stx_uid));
  if (!owner_is_right)
    return shim_fail(EACCES,
                     "the socket directory %s belongs to uid %u, which is not allowed; remove it, or name "
                     "another with option directory=PATH",
                     path, status.stx_uid);
  unsigned forbidden = is_default ? 077u : 022u;
  if ((status.stx_mode & forbidden) != 0)
    return shim_fail(EACCES, "the socket directory %s has mode %04o, which lets others in; run \"chmod %s %s\"", path,
                     (unsigned)status.stx_mode & 07777u, is_default ? "700" : "go-w", path);
  return 0;
}
