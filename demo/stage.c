/* The demo's stage: its clock, its transcript, its folder, and the curtain when a step fails. */

#define _GNU_SOURCE

#include "stage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WHOLE_DEMO_MS 55000
#define SLICE_MS 100
#define CLEANERS 4

static struct timespec zero;
static char folder[PATH_MAX];
static volatile sig_atomic_t interrupted;
static void (*cleaners[CLEANERS])(void);

static void on_signal(int number)
{
    interrupted = number;
}

void stage_open(void)
{
    const char *parent = getenv("TMPDIR");
    struct sigaction action;

    clock_gettime(CLOCK_MONOTONIC, &zero);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    action.sa_handler = SIG_IGN; /* a killed server must not end its audience */
    sigaction(SIGPIPE, &action, NULL);
    snprintf(folder, sizeof folder, "%s/peermon-demo-XXXXXX",
             parent != NULL && parent[0] == '/' ? parent : "/tmp");
    if (mkdtemp(folder) == NULL) {
        folder[0] = '\0';
        fail("no temporary folder: %s", strerror(errno));
    }
}

void stage_at_end(void (*clean)(void))
{
    for (int slot = 0; slot < CLEANERS; slot++) {
        if (cleaners[slot] == NULL) {
            cleaners[slot] = clean;
            return;
        }
    }
}

/* Calls `visit` with the path of each file in the folder. */
static void each_file(void (*visit)(const char *path))
{
    DIR *files = folder[0] != '\0' ? opendir(folder) : NULL;
    struct dirent *file;
    char path[PATH_MAX];

    if (files == NULL)
        return;
    while ((file = readdir(files)) != NULL) {
        if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
            continue;
        stage_path(path, sizeof path, file->d_name);
        visit(path);
    }
    closedir(files);
}

static void remove_file(const char *path)
{
    unlink(path);
}

static void show_log(const char *path)
{
    const char *dot = strrchr(path, '.');
    FILE *log;
    char line[1024];

    if (dot == NULL || strcmp(dot, ".log") != 0 || (log = fopen(path, "r")) == NULL)
        return;
    fprintf(stderr, "--- %s\n", strrchr(path, '/') + 1);
    while (fgets(line, sizeof line, log) != NULL)
        fputs(line, stderr);
    fclose(log);
}

void stage_close(void)
{
    for (int slot = 0; slot < CLEANERS; slot++)
        if (cleaners[slot] != NULL)
            cleaners[slot]();
    each_file(remove_file);
    if (folder[0] != '\0')
        rmdir(folder);
    folder[0] = '\0';
}

long stage_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - zero.tv_sec) * 1000 + (now.tv_nsec - zero.tv_nsec) / 1000000;
}

void say(const char *format, ...)
{
    long now = stage_now();
    va_list args;

    printf("%3ld.%03ld s  ", now / 1000, now % 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

void fail(const char *format, ...)
{
    static int failing; /* cleaning up may fail as well, and must come to an end */
    va_list args;

    if (!failing) {
        failing = 1;
        fprintf(stderr, "\nthe demo failed after %ld ms: ", stage_now());
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
        if (!interrupted)
            each_file(show_log);
        stage_close();
    }
    exit(1);
}

void stage_check(void)
{
    if (interrupted)
        fail("interrupted by signal %d", (int)interrupted);
    if (stage_now() > WHOLE_DEMO_MS)
        fail("all of it should have been over by now");
}

int stage_slice(long deadline)
{
    long left = deadline - stage_now();

    return left < 0 ? 0 : left < SLICE_MS ? (int)left : SLICE_MS;
}

void stage_path(char *out, size_t size, const char *file)
{
    if ((size_t)snprintf(out, size, "%s/%s", folder, file) >= size)
        fail("%s: the path of the temporary folder is too long", file);
}

void stage_write(const char *file, const char *content)
{
    char path[PATH_MAX];
    size_t size = strlen(content);
    int fd;

    stage_path(path, sizeof path, file);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, content, size) != (ssize_t)size || close(fd) != 0)
        fail("%s: %s", path, strerror(errno));
}
