/* Remembers what of a folder's files has been flushed: loaded by LD_PRELOAD into a worker of tests/faults/power_cut.py.
 *
 * Of every regular file below POWER_CUT_FOLDER the ranges written since its last flush are noted. fsync and fdatasync
 * copy them into FILE.synced beside it, which so holds what a power cut leaves. A file's own flush is taken to keep its
 * name, too; removing a name counts at once. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FILES 64
#define SUFFIX ".synced"
#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

struct range { off_t begin, end; };
struct file { ino_t inode; struct range *dirty; size_t count, room; };

static struct file files[MOST_FILES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int is_ours(const char *path) {
    const char *folder = getenv("POWER_CUT_FOLDER");
    size_t length = strlen(path), ending = strlen(SUFFIX);
    if (!folder || strncmp(path, folder, strlen(folder)) != 0) return 0;
    return length < ending || strcmp(path + length - ending, SUFFIX) != 0;
}

/* The file behind a descriptor, or nothing when it is none of ours. */
static struct file *file_of(int fd, char path[PATH_MAX], struct stat *status) {
    char link[32];
    if (fstat(fd, status) != 0 || !S_ISREG(status->st_mode)) return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    if (!is_ours(path)) return NULL;
    for (struct file *file = files; file < files + MOST_FILES; file++) {
        if (file->inode == 0) file->inode = status->st_ino;
        if (file->inode == status->st_ino) return file;
    }
    abort();
}

static void note(int fd, off_t begin, off_t end) {
    char path[PATH_MAX];
    struct stat status;
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd, path, &status);
    if (file && begin < end) {
        if (file->count == file->room) {
            file->room = file->room ? 2 * file->room : 64;
            file->dirty = realloc(file->dirty, file->room * sizeof *file->dirty);
        }
        file->dirty[file->count++] = (struct range){begin, end};
    }
    pthread_mutex_unlock(&lock);
}

static void keep(int fd) {
    char path[PATH_MAX], bytes[4096];
    struct stat status;
    pthread_mutex_lock(&lock);
    struct file *file = file_of(fd, path, &status);
    if (file) {
        int synced = open(strcat(path, SUFFIX), O_WRONLY | O_CREAT, 0600);
        for (size_t at = 0; at < file->count; at++)
            for (off_t from = file->dirty[at].begin; from < file->dirty[at].end;) {
                off_t left = file->dirty[at].end - from;
                ssize_t got = pread(fd, bytes, left < (off_t)sizeof bytes ? (size_t)left : sizeof bytes, from);
                if (got <= 0 || REAL(pwrite)(synced, bytes, got, from) != got) break;
                from += got;
            }
        if (synced < 0 || REAL(ftruncate)(synced, status.st_size) != 0) abort();
        close(synced);
        file->count = 0;
    }
    pthread_mutex_unlock(&lock);
}

static ssize_t written(int fd, ssize_t done, off_t begin) {
    if (done > 0) note(fd, begin, begin + done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t begin) {
    return written(fd, REAL(pwrite)(fd, bytes, count, begin), begin);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t begin) {
    return written(fd, REAL(pwrite64)(fd, bytes, count, begin), begin);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    ssize_t done = REAL(write)(fd, bytes, count);
    off_t end = done > 0 ? lseek(fd, 0, SEEK_CUR) : -1;
    return end < 0 ? done : written(fd, done, end - done);
}

static int cut_short(int fd, off_t size, int (*cut)(int, off_t)) {
    struct stat before;
    int failed = fstat(fd, &before) != 0 || cut(fd, size) != 0;
    if (!failed) note(fd, size, before.st_size);
    return failed ? -1 : 0;
}

int ftruncate(int fd, off_t size) { return cut_short(fd, size, REAL(ftruncate)); }
int ftruncate64(int fd, off64_t size) { return cut_short(fd, size, REAL(ftruncate64)); }

int fsync(int fd) {
    int failed = REAL(fsync)(fd);
    if (!failed) keep(fd);
    return failed;
}

int fdatasync(int fd) {
    int failed = REAL(fdatasync)(fd);
    if (!failed) keep(fd);
    return failed;
}

int unlink(const char *path) {
    char resolved[PATH_MAX] = "";
    int ours = realpath(path, resolved) && strlen(resolved) + sizeof SUFFIX < PATH_MAX && is_ours(resolved);
    int failed = REAL(unlink)(path);
    if (!failed && ours) REAL(unlink)(strcat(resolved, SUFFIX));
    return failed;
}
