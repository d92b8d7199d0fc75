/* A disk that can be told to refuse, to be the last thing a process does, or to be remembered: loaded before libc.
 *
 * Only files below one folder are looked at. `refuse_arm` chooses which call is hit and how; `refuse_log` writes every
 * call down, so that what a loss of power may leave of them can be put together (power.py).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* To cut a file needs no room: a disk is never asked to refuse that, a process may be killed there. */
enum { WRITES = 1, SYNCS = 2, NAMES = 4, CUTS = 8 };

static char under[4096];
static volatile int at, count, error, kinds, stays, log_to = -1;

/* Hit call number `n` of the kinds in `mask`: with errno `number`, or, where that is 0, with SIGKILL. `all`: and all
 * that follow. */
void refuse_arm(const char *folder, int n, int number, int mask, int all) {
    strncpy(under, folder, sizeof under - 1);
    at = n; error = number; kinds = mask; stays = all; count = 0;
}
int refuse_count(void) { return count; }
void refuse_log(const char *folder, int handle) { strncpy(under, folder, sizeof under - 1); log_to = handle; }

static int below(const char *path) { return under[0] && path[0] == '/' && !strncmp(path, under, strlen(under)); }

static int path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int hit(int kind) {
    if (!(kinds & kind)) return 0;
    int n = __sync_add_and_fetch(&count, 1);
    if (!at || n < at || (n > at && !stays)) return 0;
    if (!error) kill(getpid(), SIGKILL);
    errno = error;
    return 1;
}

static void note(char what, uint64_t inode, const char *one, const char *other, int64_t offset, const void *data, uint64_t size) {
    if (log_to < 0) return;
    char head[9000];
    int length = snprintf(head, sizeof head, "%c %lu %ld %lu %s\t%s\n", what, inode, offset, size, one, other);
    syscall(SYS_write, log_to, head, length);
    if (size && data) syscall(SYS_write, log_to, data, size);
}
void refuse_mark(int n) { note('A', 0, "", "", n, 0, 0); }

static uint64_t inode_of(int fd) { struct stat s; return fstat(fd, &s) ? 0 : s.st_ino; }
static uint64_t inode_at(const char *path) { struct stat s; return lstat(path, &s) ? 0 : s.st_ino; }
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
    char path[4096];
    if (fd == log_to || !path_of(fd, path, sizeof path)) return REAL(write)(fd, data, size);
    if (hit(WRITES)) return -1;
    off_t offset = (fcntl(fd, F_GETFL) & O_APPEND) ? lseek(fd, 0, SEEK_END) : lseek(fd, 0, SEEK_CUR);
    ssize_t done = REAL(write)(fd, data, size);
    if (done > 0) note('W', inode_of(fd), path, "", offset, data, done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    char path[4096];
    if (!path_of(fd, path, sizeof path)) return REAL(pwrite)(fd, data, size, offset);
    if (hit(WRITES)) return -1;
    ssize_t done = REAL(pwrite)(fd, data, size, offset);
    if (done > 0) note('W', inode_of(fd), path, "", offset, data, done);
    return done;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return pwrite(fd, data, size, offset); }
int ftruncate(int fd, off_t size) {
    char path[4096];
    if (!path_of(fd, path, sizeof path)) return REAL(ftruncate)(fd, size);
    if (hit(CUTS)) return -1;
    int done = REAL(ftruncate)(fd, size);
    if (!done) note('T', inode_of(fd), path, "", size, 0, 0);
    return done;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }
static int synced(int fd, int (*real)(int)) {
    char path[4096];
    if (!path_of(fd, path, sizeof path)) return real(fd);
    if (hit(SYNCS)) return -1;
    int done = real(fd);
    if (!done) note('S', inode_of(fd), path, "", 0, 0, 0);
    return done;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }
static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (!(flags & O_CREAT) || !below(path)) return real(path, flags, mode);
    int fresh = inode_at(path) == 0;
    if (fresh && hit(WRITES)) return -1;
    int fd = real(path, flags, mode);
    if (fd >= 0 && fresh) note('C', inode_of(fd), path, "", 0, 0, 0);
    if (fd >= 0 && !fresh && (flags & O_TRUNC)) note('T', inode_of(fd), path, "", 0, 0, 0);
    return fd;
}
#define MODE() mode_t mode = 0; if (flags & O_CREAT) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE() return opened(REAL(open), path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE() return opened(REAL(open64), path, flags, mode); }
int rename(const char *from, const char *to) {
    if (!below(to)) return REAL(rename)(from, to);
    if (hit(NAMES)) return -1;
    uint64_t inode = inode_at(from);
    int done = REAL(rename)(from, to);
    if (!done) note('R', inode, from, to, 0, 0, 0);
    return done;
}
int unlink(const char *path) {
    if (!below(path)) return REAL(unlink)(path);
    if (hit(NAMES)) return -1;
    uint64_t inode = inode_at(path);
    int done = REAL(unlink)(path);
    if (!done) note('U', inode, path, "", 0, 0, 0);
    return done;
}
int remove(const char *path) { return unlink(path); }
