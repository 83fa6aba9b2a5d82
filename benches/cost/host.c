/* A host that says what the library in it costs, by the kernel's own accounts.
 *
 *     host watch LIBRARY NAME ADDRESS INTERVAL SECONDS PEER ADDRESS...   counts itself
 *     host quiet LIBRARY NAME ADDRESS INTERVAL SECONDS PEER ADDRESS...   does nothing at all meanwhile
 *     host serve LIBRARY HUB ADDRESS INTERVAL NAME ADDRESS...            is all these peers of the hub
 *     host control                                                       calls the system where it must not
 *
 * LIBRARY is libpeermon.so, or the null module, with which the same host does the same. "watch" waits
 * until its peers are up, lets things settle and prints one line of NAME=NUMBER after SECONDS. "quiet"
 * and "control" do their work under a filter that kills for the first system call. All but these end
 * when their input ends.
 */

#define _GNU_SOURCE
#include "module.h"
#include "wakes.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_SECONDS 3
#define PATIENCE_SECONDS 60

static void fail(const char *what)
{
    char why[512] = "";

    if (module.last_error != NULL) {
        module.last_error(why, sizeof why);
    }
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void wait_seconds(double seconds)
{
    struct timespec span;

    span.tv_sec = (time_t)seconds;
    span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
    nanosleep(&span, NULL);
}

static monitor_t *start(const char *name, const char *listen, const char *interval, char **peers)
{
    monitor_config_t *config = NULL;
    monitor_t *monitor = NULL;
    unsigned at;

    if (module.config_new(&config) || module.config_set(config, "name", name)
        || module.config_set(config, "listen", listen)
        || module.config_set(config, "heartbeat_interval", interval)) {
        fail(name);
    }
    for (at = 0; peers[at] != NULL; at += 2) {
        if (module.config_add_peer(config, peers[at], peers[at + 1])) {
            fail(peers[at]);
        }
    }
    if (module.init(&monitor, config) || module.app_start(monitor)) {
        fail(name);
    }
    module.config_free(config);
    return monitor;
}

static void count_up(const monitor_peer_status_t *status, void *user_data)
{
    *(unsigned *)user_data += status->state == MONITOR_STATE_UP;
}

/* The null module knows no peers, and nobody waits for them. */
static void await_peers(monitor_t *monitor, unsigned wanted)
{
    unsigned up = 0, tenths;

    for (tenths = 0; tenths < 10 * PATIENCE_SECONDS; tenths++) {
        up = 0;
        module.each_peer(monitor, count_up, &up);
        if (up == wanted || module.is_null) {
            return;
        }
        wait_seconds(0.1);
    }
    fprintf(stderr, "%u of %u peers are up\n", up, wanted);
    exit(1);
}

static unsigned long private_dirty(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    unsigned long value = 0;
    int found = 0;

    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = sscanf(line, "Private_Dirty: %lu", &value) == 1;
    }
    if (!found) {
        fail("smaps_rollup");
    }
    fclose(file);
    return value;
}

static unsigned entries(const char *path)
{
    DIR *folder = opendir(path);
    unsigned count = 0;

    if (folder == NULL) {
        fail(path);
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void watch(monitor_t *monitor, double seconds, unsigned peers)
{
    struct wakes before, after;
    double processor, begun;

    await_peers(monitor, peers);
    wait_seconds(SETTLE_SECONDS);
    before = wakes();
    processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    begun = seconds_of(CLOCK_MONOTONIC);
    wait_seconds(seconds);
    after = wakes();
    processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor;
    begun = seconds_of(CLOCK_MONOTONIC) - begun;
    printf("seconds=%.6f processor=%.6f timers=%lu arrivals=%lu unexplained=%lu threads=%u descriptors=%u dirty=%lu\n",
           begun, processor, after.timers - before.timers, after.arrivals - before.arrivals,
           wakes_unexplained(&before, &after), entries("/proc/self/task"), entries("/proc/self/fd"),
           private_dirty());
    fflush(stdout);
}

/* This thread, and no other, dies of its next system call, and the process with it; without a core. */
static void forbid_system_calls(void)
{
    struct sock_filter kill = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program;

    program.len = 1;
    program.filter = &kill;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("seccomp");
        _exit(3);
    }
}

static void *leave_later(void *seconds)
{
    wait_seconds(*(double *)seconds);
    _exit(0);
}

/* The main thread works on memory alone; another one, which may call the system, ends the process. */
static void stay_quiet(double seconds)
{
    static volatile unsigned long rounds;
    pthread_t other;

    if (pthread_create(&other, NULL, leave_later, &seconds) != 0) {
        fail("a thread");
    }
    forbid_system_calls();
    for (;;) {
        rounds++;
    }
}

static void serve(char **arguments)
{
    char *hub[3] = {arguments[0], arguments[1], NULL};
    unsigned at;

    for (at = 3; arguments[at] != NULL; at += 2) {
        start(arguments[at], arguments[at + 1], arguments[2], hub);
    }
    printf("ready\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "control") == 0) {
        forbid_system_calls();
        return getppid() < 0;
    }
    if (argc < 8 || argc % 2 != (strcmp(argv[1], "serve") == 0 ? 0 : 1)) {
        fprintf(stderr, "see the beginning of the source\n");
        return 2;
    }
    module_load(argv[2]);
    if (strcmp(argv[1], "serve") == 0) {
        serve(argv + 3);
    } else {
        monitor_t *monitor = start(argv[3], argv[4], argv[5], argv + 7);
        double seconds = atof(argv[6]);

        if (strcmp(argv[1], "quiet") == 0) {
            await_peers(monitor, (unsigned)(argc - 7) / 2);
            stay_quiet(seconds);
        }
        watch(monitor, seconds, (unsigned)(argc - 7) / 2);
    }
    while (getchar() != EOF) {
        /* until the test lets go */
    }
    return 0;
}
