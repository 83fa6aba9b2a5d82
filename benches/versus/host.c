/* A server for the measurements: says every event as a line, with the instant of its callback.
 *
 *     host CONFIG [heap=MEGABYTES] [thread]
 *
 * heap: holds that much memory, all of it written to. thread: a second thread that only waits.
 * Lines out: "ready" and
 * "event NS KIND REASON PEER OUTAGE_NS INTERVAL_NS DEADLINE_NS LATENESS_NS ROUND_TRIP_NS MISSES";
 * NS is CLOCK_MONOTONIC at the entry of the callback. Lines in: "fork" and "clone" (a child that
 * lives on, made by fork or by the bare system call; answers "child PID"), "end" (a graceful end).
 * The end of the input ends it gracefully too.
 */

#define _GNU_SOURCE

#include <peermon.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Children end themselves after this many seconds, should nobody else do it. */
#define CHILD_LIVES 600

static void fail(const char *what)
{
    char why[512] = "";

    monitor_last_error(why, sizeof why);
    printf("failed %s: %s\n", what, why);
    exit(1);
}

static void on_event(const monitor_event_t *event, void *user_data)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    (void)user_data;
    printf("event %lld %s %s %s %llu %llu %llu %llu %llu %u\n",
           (long long)now.tv_sec * 1000000000LL + now.tv_nsec, monitor_event_name(event->kind),
           monitor_reason_name(event->reason), event->peer != NULL ? event->peer : "-",
           (unsigned long long)event->outage, (unsigned long long)event->interval,
           (unsigned long long)event->deadline, (unsigned long long)event->own_lateness,
           (unsigned long long)event->round_trip, (unsigned)event->misses);
}

static void *wait_for_ever(void *nothing)
{
    for (;;) {
        pause();
    }
    return nothing;
}

static void hold(size_t megabytes)
{
    static char *heap;
    size_t size = megabytes << 20, at;

    heap = malloc(size);
    if (heap == NULL) {
        printf("failed heap: no memory\n");
        exit(1);
    }
    for (at = 0; at < size; at += 4096) {
        heap[at] = 1;
    }
}

static void make_child(int bare)
{
    /* The bare call skips what the C library and pthread_atfork do in fork. */
    pid_t child = bare ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();

    if (child == 0) {
        alarm(CHILD_LIVES);
        for (;;) {
            pause();
        }
    }
    printf("child %ld\n", (long)child);
}

int main(int argc, char **argv)
{
    monitor_config_t *config = NULL;
    monitor_t *monitor = NULL;
    pthread_t other;
    char line[64];
    int i;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2) {
        return 2;
    }
    for (i = 2; i < argc; i++) {
        if (strncmp(argv[i], "heap=", 5) == 0) {
            hold((size_t)strtoul(argv[i] + 5, NULL, 10));
        } else if (strcmp(argv[i], "thread") != 0
                   || pthread_create(&other, NULL, wait_for_ever, NULL) != 0) {
            return 2;
        }
    }
    if (monitor_config_new(&config) != MONITOR_OK
        || monitor_config_load(config, argv[1]) != MONITOR_OK
        || monitor_init(&monitor, config) != MONITOR_OK
        || monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL) != MONITOR_OK
        || monitor_app_start(monitor) != MONITOR_OK) {
        fail("start");
    }
    monitor_config_free(config);
    printf("ready\n");
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "end\n") != 0) {
        if (strcmp(line, "fork\n") == 0) {
            make_child(0);
        } else if (strcmp(line, "clone\n") == 0) {
            make_child(1);
        }
    }
    if (monitor_app_end(monitor) != MONITOR_OK) {
        fail("end");
    }
    return monitor_free(monitor) == MONITOR_OK ? 0 : 1;
}
