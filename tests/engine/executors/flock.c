/* Preloaded into a worker: a file system that grants no locks in folders of one name, as NFS without lockd. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int flock(int descriptor, int how) {
    char link[64], path[4096] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    if (readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/without locks/")) {
        errno = ENOLCK;
        return -1;
    }
    return syscall(SYS_flock, descriptor, how);
}
