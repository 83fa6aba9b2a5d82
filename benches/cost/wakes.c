/* The library calls epoll_wait of the C library by name, and so finds this one first: it hands on, and
 * looks whether the call slept and what it returned with. The kernel's count of voluntary switches says
 * whether anything else put a thread to sleep. */

#define _GNU_SOURCE
#include "wakes.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

static unsigned long timers, arrivals;

/* A descriptor means something in its thread's table alone, and so do these. -1: none. */
static __thread int timer_number = -1;
static __thread int timer_is_watched;
static __thread epoll_data_t timer_data;

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        fprintf(stderr, "%s: %s\n", name, dlerror());
        abort();
    }
    return function;
}

int timerfd_create(int clock, int flags)
{
    static int (*real)(int, int);

    if (real == NULL) {
        *(void **)&real = next("timerfd_create");
    }
    return timer_number = real(clock, flags);
}

int epoll_ctl(int poller, int operation, int number, struct epoll_event *event)
{
    static int (*real)(int, int, int, struct epoll_event *);

    if (real == NULL) {
        *(void **)&real = next("epoll_ctl");
    }
    if (operation == EPOLL_CTL_ADD && number >= 0 && number == timer_number) {
        timer_is_watched = 1;
        timer_data = event->data;
    }
    return real(poller, operation, number, event);
}

static long sleeps_of_this_thread(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

int epoll_wait(int poller, struct epoll_event *events, int room, int limit)
{
    static int (*real)(int, struct epoll_event *, int, int);
    long sleeps = sleeps_of_this_thread();
    int count, at, is_arrival = 0;

    if (real == NULL) {
        *(void **)&real = next("epoll_wait");
    }
    count = real(poller, events, room, limit);
    for (at = 0; at < count; at++) {
        is_arrival |= !timer_is_watched || events[at].data.u64 != timer_data.u64;
    }
    if (sleeps_of_this_thread() != sleeps) {
        __atomic_fetch_add(is_arrival ? &arrivals : &timers, 1, __ATOMIC_SEQ_CST);
    }
    return count;
}

static unsigned long switches_of(long thread)
{
    char path[64], line[256];
    unsigned long value = 0;
    FILE *file;

    sprintf(path, "/proc/self/task/%ld/status", thread);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "voluntary_ctxt_switches: %lu", &value) == 1) {
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

struct wakes wakes(void)
{
    struct wakes account;
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;

    memset(&account, 0, sizeof account);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        long thread = atol(entry->d_name);

        if (thread > 0 && thread != (long)getpid() && account.threads < WAKES_THREADS) {
            account.thread[account.threads].id = thread;
            account.thread[account.threads++].switches = switches_of(thread);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    account.timers = __atomic_load_n(&timers, __ATOMIC_SEQ_CST);
    account.arrivals = __atomic_load_n(&arrivals, __ATOMIC_SEQ_CST);
    return account;
}

static unsigned long switches_before(const struct wakes *account, long thread)
{
    unsigned at;

    for (at = 0; at < account->threads; at++) {
        if (account->thread[at].id == thread) {
            return account->thread[at].switches;
        }
    }
    return 0;
}

unsigned long wakes_unexplained(const struct wakes *before, const struct wakes *after)
{
    unsigned long explained = after->timers - before->timers + after->arrivals - before->arrivals;
    unsigned long switches = 0;
    unsigned at;

    for (at = 0; at < after->threads; at++) {
        switches += after->thread[at].switches - switches_before(before, after->thread[at].id);
    }
    return switches > explained ? switches - explained : 0;
}
