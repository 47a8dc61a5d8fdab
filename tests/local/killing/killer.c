/* Kills a process at one of its system calls, for soak.py: preloaded with LD_PRELOAD.
 *
 * `arm` is called in the process that becomes the host of a job; what it forks are its workers. The
 * calls of all workers count as those of one. A call that writes is cut off in its middle. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { HOST, WORKER };
struct shared {
    atomic_long calls[2]; /* so far, of the host and of its workers */
    atomic_long at;       /* the call that is the last one */
    int who, both;
};
static struct shared *shared;
static pid_t host;

/* Kill the host or a worker at its call `at`, with `both` a worker and its host. */
void arm(long at, int who, int both) {
    shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    host = getpid();
    shared->at = at;
    shared->who = who;
    shared->both = both;
}

/* The calls so far of the host, or of its workers. */
long calls(int who) { return shared->calls[who]; }

static int is_the_last(void) {
    if (!shared) return 0;
    int who = getpid() == host ? HOST : WORKER;
    return atomic_fetch_add(&shared->calls[who], 1) + 1 == shared->at && who == shared->who;
}

static void die(void) {
    if (shared->both) syscall(SYS_kill, host, SIGKILL);
    syscall(SYS_kill, getpid(), SIGKILL);
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define CALL(type, name, parameters, arguments, ...) \
    type name parameters { \
        REAL(type, name, __VA_ARGS__); \
        if (is_the_last()) die(); \
        return real arguments; \
    }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        if (is_the_last()) die(); \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define WRITE(name, parameters, whole, half, ...) \
    ssize_t name parameters { \
        REAL(ssize_t, name, __VA_ARGS__); \
        if (is_the_last()) { \
            if (count > 1) half; \
            die(); \
        } \
        return whole; \
    }
WRITE(write, (int to, const void *bytes, size_t count), real(to, bytes, count),
      real(to, bytes, count / 2), int, const void *, size_t)
WRITE(pwrite, (int to, const void *bytes, size_t count, off_t at), real(to, bytes, count, at),
      real(to, bytes, count / 2, at), int, const void *, size_t, off_t)
WRITE(pwrite64, (int to, const void *bytes, size_t count, off_t at), real(to, bytes, count, at),
      real(to, bytes, count / 2, at), int, const void *, size_t, off_t)
WRITE(send, (int to, const void *bytes, size_t count, int flags), real(to, bytes, count, flags),
      real(to, bytes, count / 2, flags), int, const void *, size_t, int)

CALL(ssize_t, read, (int from, void *bytes, size_t count), (from, bytes, count), int, void *, size_t)
CALL(int, close, (int given), (given), int)
CALL(int, fsync, (int given), (given), int)
CALL(int, fdatasync, (int given), (given), int)
CALL(int, ftruncate, (int given, off_t length), (given, length), int, off_t)
CALL(int, ftruncate64, (int given, off_t length), (given, length), int, off_t)
CALL(int, rename, (const char *from, const char *to), (from, to), const char *, const char *)
CALL(int, link, (const char *from, const char *to), (from, to), const char *, const char *)
CALL(int, unlink, (const char *given), (given), const char *)
CALL(int, unlinkat, (int folder, const char *given, int flags), (folder, given, flags), int,
     const char *, int)
CALL(int, rmdir, (const char *given), (given), const char *)
CALL(int, mkdir, (const char *given, mode_t mode), (given, mode), const char *, mode_t)
CALL(int, kill, (pid_t given, int number), (given, number), pid_t, int)
CALL(int, killpg, (pid_t given, int number), (given, number), pid_t, int)
CALL(pid_t, fork, (void), (), void)
CALL(pid_t, waitpid, (pid_t given, int *status, int options), (given, status, options), pid_t, int *,
     int)
