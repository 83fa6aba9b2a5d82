/* The monitor of libpeermon-preload.so: whether this program is meant, when it starts, when it ends.
   Whatever goes wrong goes into the log, and the program runs as without it. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <peermon.h>

#include "preload.h"
#include "preload_turn.h"

/* Tried again after 1 s, 2 s, ... if the system or the address refuses, and while another process has
   the turn, every second. */
#define PATIENCE 64

/* Loaded only by programs that are meant: where it is missing, the others, and this one too, start all
   the same. */
#define LIBRARY "libpeermon.so.0"

#define FUNCTIONS(DO) \
    DO(monitor_config_new) \
    DO(monitor_config_load) \
    DO(monitor_config_set) \
    DO(monitor_config_free) \
    DO(monitor_init) \
    DO(monitor_on_log) \
    DO(monitor_app_start) \
    DO(monitor_app_alive) \
    DO(monitor_app_end) \
    DO(monitor_free) \
    DO(monitor_last_error)

#define DECLARE(name) __typeof__(name) *name;
static struct {
    FUNCTIONS(DECLARE)
} peermon;

int preload_state = PRELOAD_IDLE;

static monitor_t *monitor;
static int runs;          /* in this process */
static time_t next_try;   /* of the coarse clock */
static time_t patience;   /* after the next failure */
static long watchdog;     /* seconds; 0 = off */
static int is_waiting;    /* the watched thread, or there is none any more */
static pthread_key_t end_of_thread;
static __thread int is_watched;

static void set_state(int state)
{
    __atomic_store_n(&preload_state, state, __ATOMIC_RELEASE);
}

static time_t coarse_now(void)
{
    struct timespec now = {0, 0};

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec;
}

static void complain(const char *what)
{
    char why[768] = "";

    peermon.monitor_last_error(why, sizeof why);
    preload_log(PRELOAD_ERR, "%s: %s", what, why);
}

/* On a thread of the library, in the program's descriptor table. */
static void on_log(int32_t level, const char *message, void *user_data)
{
    (void)user_data;
    preload_log(level <= MONITOR_LOG_ERROR  ? PRELOAD_ERR
                : level <= MONITOR_LOG_WARN ? PRELOAD_WARNING
                                            : PRELOAD_INFO,
                "%s", message);
}

/* --- the watchdog --------------------------------------------------------------------------- */

/* A program that waits for input has nothing to do and is not stalled, however long it waits. So this
   thread of ours gives the pulse meanwhile; between two waits nobody does. */
static void *pulse(void *unused)
{
    struct timespec period;

    period.tv_sec = watchdog / 4;
    period.tv_nsec = watchdog % 4 * 250000000L;
    while (__atomic_load_n(&runs, __ATOMIC_ACQUIRE)) {
        if (__atomic_load_n(&is_waiting, __ATOMIC_ACQUIRE))
            peermon.monitor_app_alive(monitor);
        nanosleep(&period, NULL);
    }
    return unused;
}

/* The watched thread is over: nothing is known of the program's progress from here on. */
static void thread_ended(void *unused)
{
    (void)unused;
    if (is_watched)
        __atomic_store_n(&is_waiting, 1, __ATOMIC_RELEASE);
}

static int watch_this_thread(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    int error;

    __atomic_store_n(&is_waiting, 1, __ATOMIC_RELEASE);
    pthread_setspecific(end_of_thread, &watchdog);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* every signal is the program's */
    error = pthread_create(&thread, &attributes, pulse, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    is_watched = error == 0;
    return error;
}

/* --- the start ------------------------------------------------------------------------------ */

/* In the process whose turn it is. */
static int start(void)
{
    int error;

    if (peermon.monitor_app_start(monitor) != MONITOR_OK) {
        complain("the monitor does not start");
        return PRELOAD_ARMED;
    }
    __atomic_store_n(&runs, 1, __ATOMIC_RELEASE);
    if (watchdog == 0)
        return PRELOAD_IDLE;
    error = watch_this_thread();
    if (error == 0)
        return PRELOAD_WATCHED;
    /* Without the pulse the peers would hold a sound program for stalled. */
    preload_log(PRELOAD_ERR, "no thread for the watchdog, so no monitor: %s", strerror(error));
    __atomic_store_n(&runs, 0, __ATOMIC_RELEASE);
    peermon.monitor_app_end(monitor);
    return PRELOAD_ARMED;
}

static void begin(void)
{
    int armed = PRELOAD_ARMED, state = PRELOAD_ARMED, saved = errno, cancel;
    time_t now = coarse_now();

    if (now < __atomic_load_n(&next_try, __ATOMIC_RELAXED)
        || !__atomic_compare_exchange_n(&preload_state, &armed, PRELOAD_STARTING, 0,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    if (!preload_turn_is_known() || !preload_turn_take()) {
        __atomic_store_n(&next_try, now + 1, __ATOMIC_RELAXED);
    } else {
        state = start();
        patience = patience < PATIENCE ? patience * 2 : PATIENCE;
        __atomic_store_n(&next_try, now + patience / 2, __ATOMIC_RELAXED);
    }
    set_state(state);
    pthread_setcancelstate(cancel, NULL);
    errno = saved;
}

int preload_enter(void)
{
    if (__atomic_load_n(&preload_state, __ATOMIC_ACQUIRE) == PRELOAD_ARMED)
        begin();
    if (!is_watched || __atomic_load_n(&preload_state, __ATOMIC_ACQUIRE) != PRELOAD_WATCHED)
        return 0;
    peermon.monitor_app_alive(monitor);
    __atomic_store_n(&is_waiting, 1, __ATOMIC_RELEASE);
    return 1;
}

void preload_leave(int entered)
{
    (void)entered;
    __atomic_store_n(&is_waiting, 0, __ATOMIC_RELEASE);
}

/* --- the beginning and the end of the process ------------------------------------------------ */

/* Async-signal-safe, as it must be. The child has none of its parent's threads: it is armed anew. */
static void forked(void)
{
    preload_turn_forked();
    is_watched = 0;
    runs = 0;
    next_try = 0;
    patience = 1;
    set_state(PRELOAD_ARMED);
}

static int is_entry(const char *entry, size_t length, const char *name, size_t most)
{
    size_t compared = length < most ? length : most;

    return strlen(name) == compared && memcmp(entry, name, compared) == 0;
}

/* By the name that it was called by, or by that of its file (a script's, if it is one), of which the
   kernel keeps 15 bytes. */
static int is_named(const char *programs)
{
    char file[16] = "";

    prctl(PR_GET_NAME, file);
    while (*programs != '\0') {
        size_t length;

        programs += strspn(programs, ", ");
        length = strcspn(programs, ", ");
        if (length > 0
            && (is_entry(programs, length, program_invocation_short_name, length)
                || is_entry(programs, length, file, sizeof file - 1)))
            return 1;
        programs += length;
    }
    return 0;
}

static int load_library(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        preload_log(PRELOAD_ERR, "%s", dlerror());
        return -1;
    }
#define LOOK_UP(name) \
    *(void **)&peermon.name = dlsym(library, #name); \
    if (peermon.name == NULL) { \
        preload_log(PRELOAD_ERR, LIBRARY " has no " #name); \
        return -1; \
    }
    FUNCTIONS(LOOK_UP)
    return 0;
}

/* Nobody would give the pulse that the file asks for, and every peer would hold this one for stalled. */
static int has_watchdog_of_its_own(const char *path)
{
    static const char key[] = "watchdog_timeout";
    char line[1024];
    int found = 0;
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return 0;
    while (!found && fgets(line, sizeof line, file) != NULL)
        found = strncmp(line + strspn(line, " \t\"'"), key, sizeof key - 1) == 0;
    fclose(file);
    return found;
}

static int read_watchdog(const char *text)
{
    char *rest;

    if (text == NULL || *text == '\0')
        return 0;
    errno = 0;
    watchdog = strtol(text, &rest, 10);
    if (errno == 0 && rest != text && *rest == '\0' && watchdog >= 0 && watchdog <= 86400)
        return 0;
    preload_log(PRELOAD_ERR, "PEERMON_PRELOAD_WATCHDOG=%.32s: write seconds, 1 to 86400", text);
    return -1;
}

/* Reads files and names, with the privileges that the program may drop; no thread, no socket. */
static int make_monitor(const char *path)
{
    monitor_config_t *config = NULL;
    char seconds[32];
    int failed;

    if (watchdog == 0 && has_watchdog_of_its_own(path)) {
        preload_log(PRELOAD_ERR, "%s: instead of watchdog_timeout set PEERMON_PRELOAD_WATCHDOG", path);
        return -1;
    }
    snprintf(seconds, sizeof seconds, "%lds", watchdog);
    failed = peermon.monitor_config_new(&config) != MONITOR_OK
             || peermon.monitor_config_load(config, path) != MONITOR_OK
             || (watchdog > 0
                 && peermon.monitor_config_set(config, "watchdog_timeout", seconds) != MONITOR_OK)
             || peermon.monitor_init(&monitor, config) != MONITOR_OK
             || peermon.monitor_on_log(monitor, MONITOR_LOG_INFO, on_log, NULL) != MONITOR_OK;
    if (failed)
        complain("no monitor");
    if (config != NULL)
        peermon.monitor_config_free(config);
    return failed ? -1 : 0;
}

static void prepare(const char *config)
{
    preload_log_init();
    if (config == NULL || *config == '\0') {
        preload_log(PRELOAD_ERR, "PEERMON_CONFIG names no configuration");
        return;
    }
    if (read_watchdog(secure_getenv("PEERMON_PRELOAD_WATCHDOG")) != 0 || load_library() != 0
        || make_monitor(config) != 0)
        return;
    if (preload_turn_init() != 0 || pthread_key_create(&end_of_thread, thread_ended) != 0
        || pthread_atfork(NULL, NULL, forked) != 0) {
        preload_log(PRELOAD_ERR, "no monitor: the system has no memory for it");
        return;
    }
    patience = 1;
    set_state(PRELOAD_ARMED);
}

static void __attribute__((constructor)) loaded(void)
{
    const char *programs = secure_getenv("PEERMON_PRELOAD_PROGRAMS");
    int saved = errno;

    if (programs != NULL && is_named(programs))
        prepare(secure_getenv("PEERMON_CONFIG"));
    errno = saved;
}

/* The program ends by exit, or returns from main: a graceful end. A child that leaves so is none. */
static void __attribute__((destructor)) ended(void)
{
    if (!__atomic_exchange_n(&runs, 0, __ATOMIC_ACQ_REL) || !preload_turn_is_known())
        return;
    set_state(PRELOAD_IDLE);
    peermon.monitor_app_end(monitor);
    peermon.monitor_free(monitor);
}
