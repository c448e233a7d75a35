/* A disk that fails where it is told to, for one process and what that starts: LD_PRELOAD of the storage faults.
 *
 * FAULTY_CALL     read, flip (a bit of the first read), stall (before a read), write, close, fsync, rename, open, mkdir (several
 *                 with commas), renamed (after it), append (half of a line, then SIGKILL), or flock
 * FAULTY_PATH     a part of the path that is concerned
 * FAULTY_ERRNO    the error; 0: SIGKILL to the whole group; -1: a short write
 * FAULTY_COUNTER  a file of 8 bytes in which the calls are counted, by all processes together
 * FAULTY_AT       with a counter: which of them fails; every one without
 *
 * A file that is open for reading alone is not concerned when it is opened or closed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

static const char *setting(const char *name) {
    const char *found = getenv(name);
    return found ? found : "";
}

static int is_call(const char *call) {
    size_t size = strlen(call);
    for (const char *at = setting("FAULTY_CALL"); *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, call, size) == 0 && (at[size] == 0 || at[size] == ',')) return 1;
    return 0;
}

static int concerns(const char *path) { return *setting("FAULTY_PATH") && strstr(path, setting("FAULTY_PATH")); }

static int concerns_fd(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = 0;
    return size > 0 && concerns(path);
}

/* Count a call that is concerned; say whether it is the one that fails. */
static int is_met(void) {
    const char *name = setting("FAULTY_COUNTER");
    if (!*name) return 1;
    int before = errno, fd = REAL(int (*)(const char *, int, ...), "open64")(name, O_RDWR | O_CLOEXEC);
    if (fd < 0) abort();
    long *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (count == MAP_FAILED) abort();
    long now = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
    munmap(count, sizeof *count);
    REAL(int (*)(int), "close")(fd);
    errno = before;
    return now == atol(setting("FAULTY_AT"));
}

static int fail(void) {
    int number = atoi(setting("FAULTY_ERRNO"));
    if (number == 0) {
        kill(0, SIGKILL);
        pause();
    }
    errno = number;
    return -1;
}

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = REAL(ssize_t(*)(int, const void *, size_t), "write");
    if (is_call("append") && concerns_fd(fd) && is_met()) {
        real(fd, data, size / 2);
        return fail();
    }
    if (is_call("write") && concerns_fd(fd) && is_met()) {
        if (atoi(setting("FAULTY_ERRNO")) < 0) return real(fd, data, size > 100 ? 100 : size);
        return fail();
    }
    return real(fd, data, size);
}

ssize_t read(int fd, void *data, size_t size) {
    static int is_flipped = 0;
    if (is_call("read") && concerns_fd(fd)) return fail();
    if (is_call("stall") && concerns_fd(fd)) sleep(60);
    ssize_t count = REAL(ssize_t(*)(int, void *, size_t), "read")(fd, data, size);
    if (is_call("flip") && count > 0 && !is_flipped && concerns_fd(fd)) {
        is_flipped = 1;
        ((char *)data)[count - 1] ^= 1;
    }
    return count;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = REAL(ssize_t(*)(int, const void *, size_t, off_t), "pwrite64");
    if (is_call("write") && concerns_fd(fd) && is_met()) {
        if (atoi(setting("FAULTY_ERRNO")) < 0) return real(fd, data, size > 100 ? 100 : size, at);
        return fail();
    }
    return real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

static int opened(const char *call, int folder, const char *path, int flags, mode_t mode) {
    if (flags & (O_WRONLY | O_RDWR | O_CREAT) && is_call("open") && concerns(path) && is_met()) return fail();
    if (strstr(call, "at")) return REAL(int (*)(int, const char *, int, ...), call)(folder, path, flags, mode);
    return REAL(int (*)(const char *, int, ...), call)(path, flags, mode);
}

static mode_t mode_of(int flags, va_list more) {
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
    va_end(more);
    return mode;
}

#define OPEN(name)                                               \
    int name(const char *path, int flags, ...) {                 \
        va_list more;                                            \
        va_start(more, flags);                                   \
        return opened(#name, 0, path, flags, mode_of(flags, more)); \
    }
#define OPENAT(name)                                                  \
    int name(int folder, const char *path, int flags, ...) {          \
        va_list more;                                                 \
        va_start(more, flags);                                        \
        return opened(#name, folder, path, flags, mode_of(flags, more)); \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    int flags = is_call("close") ? fcntl(fd, F_GETFL) : O_RDONLY;
    int fails = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && concerns_fd(fd) && is_met();
    int result = REAL(int (*)(int), "close")(fd);
    return fails ? fail() : result;
}

int fsync(int fd) {
    if (is_call("fsync") && concerns_fd(fd) && is_met()) return fail();
    return REAL(int (*)(int), "fsync")(fd);
}

int syncfs(int fd) {
    if (is_call("fsync") && concerns_fd(fd) && is_met()) return fail();
    return REAL(int (*)(int), "syncfs")(fd);
}

int rename(const char *from, const char *to) {
    if (is_call("rename") && concerns(to) && is_met()) return fail();
    int result = REAL(int (*)(const char *, const char *), "rename")(from, to);
    if (is_call("renamed") && concerns(to) && is_met()) return fail();
    return result;
}

int mkdir(const char *path, mode_t mode) {
    if (is_call("mkdir") && concerns(path) && is_met()) return fail();
    return REAL(int (*)(const char *, mode_t), "mkdir")(path, mode);
}

int flock(int fd, int operation) {
    if (is_call("flock")) return 0;
    return REAL(int (*)(int, int), "flock")(fd, operation);
}
