/* A disk that fails where it is told to, for one process and what that starts: LD_PRELOAD of the storage faults.
 *
 * FAULTY_CALL   read, flip (a bit of the first read), stall (before a read), write, close, fsync, rename,
 *               renamed (after it), append (half of a line, then SIGKILL), or flock
 * FAULTY_PATH   a part of the path that is concerned
 * FAULTY_ERRNO  the error; 0: SIGKILL to the whole group; -1: a short write
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *setting(const char *name) {
    const char *found = getenv(name);
    return found ? found : "";
}

static int is_call(const char *call) { return strcmp(setting("FAULTY_CALL"), call) == 0; }

static int concerns(const char *path) { return strstr(path, setting("FAULTY_PATH")) != NULL; }

static int concerns_fd(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size < 0 ? 0 : size] = 0;
    return size > 0 && concerns(path);
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

#define REAL(type, name) ((type)dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *data, size_t size) {
    ssize_t (*real)(int, const void *, size_t) = REAL(ssize_t(*)(int, const void *, size_t), "write");
    if (is_call("append") && concerns_fd(fd)) {
        real(fd, data, size / 2);
        return fail();
    }
    if (is_call("write") && concerns_fd(fd)) {
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
    if (is_call("write") && concerns_fd(fd)) {
        if (atoi(setting("FAULTY_ERRNO")) < 0) return real(fd, data, size > 100 ? 100 : size, at);
        return fail();
    }
    return real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }

int close(int fd) {
    int is_met = is_call("close") && concerns_fd(fd);
    int result = REAL(int (*)(int), "close")(fd);
    return is_met ? fail() : result;
}

int fsync(int fd) {
    if (is_call("fsync") && concerns_fd(fd)) return fail();
    return REAL(int (*)(int), "fsync")(fd);
}

int rename(const char *from, const char *to) {
    if (is_call("rename") && concerns(to)) return fail();
    int result = REAL(int (*)(const char *, const char *), "rename")(from, to);
    if (is_call("renamed") && concerns(to)) return fail();
    return result;
}

int flock(int fd, int operation) {
    if (is_call("flock")) return 0;
    return REAL(int (*)(int, int), "flock")(fd, operation);
}
