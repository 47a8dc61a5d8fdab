/* Writes down what a process changes below a folder, for power_cuts.py: preloaded with LD_PRELOAD.
 *
 * Each record is a `struct record` and two byte strings. RECORD_BELOW is the folder, RECORD_TO the
 * file. The file is opened for every record, as workers lead all descriptors of theirs nowhere. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct record {
    uint64_t operation, inode, offset, first, second; /* the last two: lengths of the strings */
};

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int is_below(const char *path) {
    const char *root = getenv("RECORD_BELOW");
    size_t length = root ? strlen(root) : 0;
    return length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

static void put(char operation, uint64_t inode, uint64_t offset, const void *first, size_t first_size,
                const void *second, size_t second_size) {
    int before = errno;
    struct record record = {(uint64_t)operation, inode, offset, first_size, second_size};
    struct iovec parts[3] = {
        {&record, sizeof record}, {(void *)first, first_size}, {(void *)second, second_size}};
    int log = syscall(SYS_openat, AT_FDCWD, getenv("RECORD_TO"), O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (log < 0 || syscall(SYS_writev, log, parts, 3) != (long)(sizeof record + first_size + second_size)) {
        fprintf(stderr, "the recorder can't write\n");
        abort();
    }
    syscall(SYS_close, log);
    errno = before;
}

/* The path that a descriptor was opened by. */
static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, descriptor == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d",
             descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static void whole(int folder, const char *name, char *path) {
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    char parent[PATH_MAX];
    path_of(folder, parent);
    if (snprintf(path, PATH_MAX, "%s/%s", parent, name) >= PATH_MAX) abort();
}

static int file_below(int descriptor, struct stat *status) {
    char path[PATH_MAX];
    int before = errno;
    int found = !fstat(descriptor, status) && (S_ISREG(status->st_mode) || S_ISDIR(status->st_mode))
                && path_of(descriptor, path) && is_below(path);
    errno = before;
    return found;
}

static void note_names(char operation, int from_folder, const char *first, int to_folder, const char *second) {
    char from[PATH_MAX], to[PATH_MAX] = "";
    whole(from_folder, first, from);
    if (second) whole(to_folder, second, to);
    if (is_below(from) || (second && is_below(to)))
        put(operation, 0, 0, from, strlen(from), to, strlen(to));
}

static void note_made(int folder, const char *name) {
    char path[PATH_MAX];
    struct stat status;
    whole(folder, name, path);
    if (is_below(path) && !lstat(path, &status)) put('M', status.st_ino, 0, path, strlen(path), "", 0);
}

static void note_opened(int descriptor, int flags) {
    char path[PATH_MAX];
    struct stat status;
    if (descriptor >= 0 && flags & (O_CREAT | O_TRUNC) && file_below(descriptor, &status)
        && path_of(descriptor, path))
        put('O', status.st_ino, (flags & O_TRUNC) != 0, path, strlen(path), "", 0);
}

static void note_written(int descriptor, const void *bytes, ssize_t count, off_t offset) {
    struct stat status;
    if (count > 0 && file_below(descriptor, &status)) {
        if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR) - count;
        put('W', status.st_ino, offset, bytes, count, "", 0);
    }
}

/* What came from another descriptor is read again. */
static void note_copied(int descriptor, ssize_t count, off_t offset) {
    struct stat status;
    if (count > 0 && file_below(descriptor, &status)) {
        if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR) - count;
        char path[PATH_MAX], *bytes = malloc(count);
        path_of(descriptor, path);
        int again = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
        if (pread(again, bytes, count, offset) != count) abort();
        put('W', status.st_ino, offset, bytes, count, "", 0);
        syscall(SYS_close, again);
        free(bytes);
    }
}

static void note_length(int descriptor, off_t length) {
    struct stat status;
    if (file_below(descriptor, &status)) put('T', status.st_ino, length, "", 0, "", 0);
}

static void note_synced(int descriptor) {
    struct stat status;
    if (file_below(descriptor, &status)) {
        uint64_t modified = status.st_mtim.tv_sec * 1000000000ull + status.st_mtim.tv_nsec;
        put('F', status.st_ino, modified, "", 0, "", 0);
    }
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, name, const char *, int, ...); \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        int descriptor = real(path, flags, mode); \
        note_opened(descriptor, flags); \
        return descriptor; \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(int, name, int, const char *, int, ...); \
        va_list rest; va_start(rest, flags); mode_t mode = va_arg(rest, mode_t); va_end(rest); \
        int descriptor = real(folder, path, flags, mode); \
        note_opened(descriptor, flags); \
        return descriptor; \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int descriptor, const void *bytes, size_t count) {
    REAL(ssize_t, write, int, const void *, size_t);
    ssize_t done = real(descriptor, bytes, count);
    note_written(descriptor, bytes, done, -1);
    return done;
}

#define PWRITE(name) \
    ssize_t name(int descriptor, const void *bytes, size_t count, off_t offset) { \
        REAL(ssize_t, name, int, const void *, size_t, off_t); \
        ssize_t done = real(descriptor, bytes, count, offset); \
        note_written(descriptor, bytes, done, offset); \
        return done; \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    ssize_t done = real(descriptor, parts, count);
    note_copied(descriptor, done, -1);
    return done;
}

#define SENDFILE(name) \
    ssize_t name(int to, int from, off_t *offset, size_t count) { \
        REAL(ssize_t, name, int, int, off_t *, size_t); \
        ssize_t done = real(to, from, offset, count); \
        note_copied(to, done, -1); \
        return done; \
    }
SENDFILE(sendfile)
SENDFILE(sendfile64)

ssize_t copy_file_range(int from, off64_t *begin, int to, off64_t *offset, size_t count,
                        unsigned flags) {
    REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned);
    ssize_t done = real(from, begin, to, offset, count, flags);
    note_copied(to, done, offset ? *offset - done : -1);
    return done;
}

#define ONE(type, name, argument, noting) \
    int name(argument) { \
        REAL(int, name, argument); \
        int result = real(given); \
        if (!result) noting; \
        return result; \
    }
#define DESCRIPTOR int given
#define PATH const char *given
ONE(int, fsync, DESCRIPTOR, note_synced(given))
ONE(int, fdatasync, DESCRIPTOR, note_synced(given))
ONE(int, syncfs, DESCRIPTOR, put('Y', 0, 0, "", 0, "", 0))
ONE(int, unlink, PATH, note_names('U', AT_FDCWD, given, 0, NULL))
ONE(int, rmdir, PATH, note_names('U', AT_FDCWD, given, 0, NULL))

#define TRUNCATE(name) \
    int name(int descriptor, off_t length) { \
        REAL(int, name, int, off_t); \
        int result = real(descriptor, length); \
        if (!result) note_length(descriptor, length); \
        return result; \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    int result = real(from, to);
    if (!result) note_names('R', AT_FDCWD, from, AT_FDCWD, to);
    return result;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    REAL(int, renameat, int, const char *, int, const char *);
    int result = real(from_folder, from, to_folder, to);
    if (!result) note_names('R', from_folder, from, to_folder, to);
    return result;
}

int link(const char *from, const char *to) {
    REAL(int, link, const char *, const char *);
    int result = real(from, to);
    if (!result) note_names('L', AT_FDCWD, from, AT_FDCWD, to);
    return result;
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(int, linkat, int, const char *, int, const char *, int);
    int result = real(from_folder, from, to_folder, to, flags);
    if (!result) note_names('L', from_folder, from, to_folder, to);
    return result;
}

int unlinkat(int folder, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char before[PATH_MAX];
    whole(folder, path, before);
    int result = real(folder, path, flags);
    if (!result) note_names('U', AT_FDCWD, before, 0, NULL);
    return result;
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    int result = real(path, mode);
    if (!result) note_made(AT_FDCWD, path);
    return result;
}

int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(int, mkdirat, int, const char *, mode_t);
    int result = real(folder, path, mode);
    if (!result) note_made(folder, path);
    return result;
}
