/* A server in the old style: one thread, one select loop, its own clients, a line protocol.

   What peermon adds to it: a descriptor in the select loop (monitor_event_fd), whose events are
   handed out on this one thread (monitor_dispatch), and a pulse from the loop (monitor_app_alive).
   No lock is needed: the event callback runs inside of monitor_dispatch.

   The commands of clients are in commands.c. Lines that begin with `*` come unasked. */

#define _XOPEN_SOURCE 600

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include <peermon.h>

#include "clients.h"
#include "commands.h"
#include "notice.h"

/* The longest that the loop sleeps, hence the pause between two pulses. The configuration's
   `watchdog_timeout` should be at least three times as long. */
#define TICK_MS 100

static monitor_t *monitor;
static int wake_pipe[2] = {-1, -1};
static int stopping;

/* --- what peermon tells us ------------------------------------------------------------------ */

/* On our own thread, inside of monitor_dispatch. */
static void on_event(const monitor_event_t *event, void *user_data)
{
    char text[NOTICE_SIZE];

    (void)user_data;
    notice_of_event(text, sizeof text, event);
    fprintf(stderr, "%s\n", text);
    if (notice_is_for_clients(event->kind))
        clients_say_all(text);
}

/* On a thread of the library, even while our loop hangs: only stdio, which has its own locks. */
static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
    (void)user_data;
    if (interrupt->kind == MONITOR_INTERRUPT_APP_STALLED)
        fprintf(stderr, "my own work makes no progress; my peers are told\n");
    else if (interrupt->kind == MONITOR_INTERRUPT_FAILED)
        fprintf(stderr, "the monitor cannot go on; my work does\n");
}

/* On a thread of the library. */
static void on_log(int32_t level, const char *message, void *user_data)
{
    (void)user_data;
    fprintf(stderr, "peermon[%d]: %s\n", (int)level, message);
}

/* --- the loop ------------------------------------------------------------------------------- */

static void on_line(struct client *client, char *line)
{
    if (command(monitor, client, line) == COMMAND_STOP)
        stopping = 1;
}

/* Async-signal-safe: wakes the loop, which does the rest. */
static void on_signal(int number)
{
    int saved = errno;

    (void)number;
    if (write(wake_pipe[1], "", 1) < 0)
        errno = 0; /* the pipe is full: the loop will wake anyway */
    errno = saved;
}

static int set_up_signals(void)
{
    struct sigaction action;
    int end;

    if (pipe(wake_pipe) != 0 || wake_pipe[0] >= FD_SETSIZE)
        return -1;
    for (end = 0; end < 2; end++)
        if (fcntl(wake_pipe[end], F_SETFL, O_NONBLOCK) != 0)
            return -1;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0)
        return -1;
    action.sa_handler = SIG_IGN; /* a client that is gone is an error of write(), not our death */
    return sigaction(SIGPIPE, &action, NULL);
}

static void watch(int fd, fd_set *readable, int *highest)
{
    FD_SET(fd, readable);
    if (fd > *highest)
        *highest = fd;
}

/* Serves until somebody asks for the end. Returns 0, or -1 if select() fails. */
static int run(int listener, int events)
{
    int look_away = 0; /* from the listener, for one turn */

    while (!stopping) {
        fd_set readable, writable;
        struct timeval tick;
        int highest = -1;

        FD_ZERO(&readable);
        FD_ZERO(&writable);
        watch(wake_pipe[0], &readable, &highest);
        watch(events, &readable, &highest);
        if (!look_away)
            watch(listener, &readable, &highest);
        clients_watch(&readable, &writable, &highest);
        tick.tv_sec = 0;
        tick.tv_usec = TICK_MS * 1000;
        monitor_app_alive(monitor);
        if (select(highest + 1, &readable, &writable, NULL, &tick) < 0) {
            if (errno == EINTR)
                continue;
            perror("select");
            return -1;
        }
        look_away = 0;
        if (FD_ISSET(wake_pipe[0], &readable))
            stopping = 1;
        if (FD_ISSET(events, &readable))
            monitor_dispatch(monitor, 0);
        clients_serve(&readable, &writable, on_line);
        if (FD_ISSET(listener, &readable))
            look_away = clients_accept(listener) != 0;
    }
    return 0;
}

/* --- beginning and end ---------------------------------------------------------------------- */

static int complain(const char *what)
{
    char why[512] = "";

    monitor_last_error(why, sizeof why);
    fprintf(stderr, "%s: %s\n", what, why);
    return -1;
}

/* Makes the monitor and returns its descriptor, or -1. Nothing is sent before monitor_app_start. */
static int set_up_monitor(const char *path)
{
    monitor_config_t *config = NULL;
    int events;

    if (monitor_config_new(&config) != MONITOR_OK)
        return complain("configuration");
    if (monitor_config_load(config, path) != MONITOR_OK
        || monitor_init(&monitor, config) != MONITOR_OK) {
        complain(path);
        monitor_config_free(config);
        return -1;
    }
    monitor_config_free(config);
    if (monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL) != MONITOR_OK
        || monitor_on_interrupt(monitor, on_interrupt, NULL) != MONITOR_OK
        || monitor_on_log(monitor, MONITOR_LOG_WARN, on_log, NULL) != MONITOR_OK)
        return complain("callbacks");
    events = monitor_event_fd(monitor);
    if (events < 0)
        return complain("event descriptor");
    if (events >= FD_SETSIZE) {
        fprintf(stderr, "event descriptor: too large for select\n");
        return -1;
    }
    return events;
}

static int usage(const char *program)
{
    fprintf(stderr, "usage: %s [-p CLIENT_PORT] CONFIGURATION\n", program);
    return 2;
}

int main(int argc, char **argv)
{
    long port = 0;
    int option, listener, events, failed;
    char *rest;

    while ((option = getopt(argc, argv, "p:")) != -1)
        if (option != 'p' || parse_number(optarg, &port, &rest) != 0 || *rest != '\0' || port < 0
            || port > 65535)
            return usage(argv[0]);
    if (optind + 1 != argc)
        return usage(argv[0]);

    if (set_up_signals() != 0 || (listener = clients_listen((unsigned short)port)) < 0) {
        perror("cannot serve");
        return 1;
    }
    events = set_up_monitor(argv[optind]);
    failed = events < 0;
    if (!failed && monitor_app_start(monitor) != MONITOR_OK)
        failed = complain("start") != 0;
    if (!failed) {
        printf("ready %u\n", (unsigned)clients_port(listener));
        fflush(stdout);
        failed = run(listener, events) != 0;
        clients_say_all("* this server ends");
        clients_flush();
        monitor_app_end(monitor); /* the peers hear ENDED; waits for them a moment at most */
    }
    monitor_free(monitor); /* harmless if there is none */
    clients_close();
    close(listener);
    return failed ? 1 : 0;
}
