/* Programs that know nothing of peermon, for libpeermon-preload.so. The first argument says which; each
   says on its output what it does, and ends with its input. */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t size);

static const struct timespec at_once = {0, 0};

static void say(const char *what, long number)
{
    printf("%s %ld\n", what, number);
    fflush(stdout);
}

static void block_until_the_input_ends(void)
{
    char byte;

    while (read(0, &byte, 1) > 0)
        ;
}

/* What a server does all day. */
static int wait_for_input(int fd, int timeout)
{
    struct pollfd watched;

    watched.fd = fd;
    watched.events = POLLIN;
    return poll(&watched, 1, timeout);
}

/* A pipe that is never written to, with both ends open. */
static int silent_pipe(void)
{
    int ends[2];

    return pipe(ends) == 0 ? ends[0] : -1;
}

static int listener(void)
{
    struct sockaddr_un address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX; /* the kernel chooses an abstract name */
    bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t));
    listen(fd, 1);
    return fd;
}

/* One wait by the function `name`; its result, and its error behind it. */
static int waits_by(const char *name)
{
    struct epoll_event event;
    struct pollfd watched;
    struct timeval none = {0, 0};
    fd_set readable;
    sigset_t mask;
    int epoll = epoll_create1(0), fd = silent_pipe(), result = -2;

    sigemptyset(&mask);
    watched.fd = fd;
    watched.events = POLLIN;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    errno = 0;
    if (strcmp(name, "epoll_wait") == 0)
        result = epoll_wait(epoll, &event, 1, 0);
    else if (strcmp(name, "epoll_pwait") == 0)
        result = epoll_pwait(epoll, &event, 1, 0, &mask);
#if __GLIBC_PREREQ(2, 35)
    else if (strcmp(name, "epoll_pwait2") == 0)
        result = epoll_pwait2(epoll, &event, 1, &at_once, &mask);
#endif
    else if (strcmp(name, "poll") == 0)
        result = poll(&watched, 1, 0);
    else if (strcmp(name, "ppoll") == 0)
        result = ppoll(&watched, 1, &at_once, &mask);
    else if (strcmp(name, "__poll_chk") == 0)
        result = __poll_chk(&watched, 1, 0, sizeof watched);
    else if (strcmp(name, "__ppoll_chk") == 0)
        result = __ppoll_chk(&watched, 1, &at_once, &mask, sizeof watched);
    else if (strcmp(name, "select") == 0)
        result = select(fd + 1, &readable, NULL, NULL, &none);
    else if (strcmp(name, "pselect") == 0)
        result = pselect(fd + 1, &readable, NULL, NULL, &at_once, &mask);
    else if (strcmp(name, "accept") == 0)
        result = accept(listener(), NULL, NULL);
    else if (strcmp(name, "accept4") == 0)
        result = accept4(listener(), NULL, NULL, SOCK_CLOEXEC);
    printf("%s %d %d\n", name, result, errno);
    fflush(stdout);
    block_until_the_input_ends();
    return 0;
}

/* It sleeps by poll and select, and waits to write: it does not serve yet. */
static int does_not_serve(void)
{
    struct timeval moment = {0, 1000};
    struct pollfd watched;

    watched.fd = 1;
    watched.events = POLLOUT;
    poll(NULL, 0, 1);
    poll(&watched, 1, 0);
    select(0, NULL, NULL, NULL, &moment);
    say("slept", 0);
    block_until_the_input_ends();
    return 0;
}

/* A master that never waits for input, and workers that do. A killed worker gets a successor. */
static int forks_workers(int count)
{
    pid_t ended = 0;
    int worker, silent = silent_pipe();

    for (worker = 0; worker < count || (ended = wait(NULL)) > 0; worker++) {
        pid_t master = getpid(), child = fork();

        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != master)
                _exit(0);
            for (;;) {
                wait_for_input(silent, 50);
                say("waited", getpid());
            }
        }
        say("worker", child);
    }
    return 0;
}

/* It waits before it becomes a daemon, in the way of old, without exit. */
static int becomes_a_daemon(void)
{
    int silent = silent_pipe();

    wait_for_input(silent, 0);
    say("parent", getpid());
    if (fork() != 0) {
        char byte;

        if (read(0, &byte, 1) == 1) /* until told */
            _exit(0);
        _exit(1);
    }
    setsid();
    say("daemon", getpid());
    for (;;)
        if (wait_for_input(silent, 50) == 0)
            say("waited", getpid());
}

/* A server with a child that is soon gone, by exit, and a helper that outlives it. */
static int has_a_helper(void)
{
    int silent = silent_pipe();
    pid_t child;

    wait_for_input(silent, 0);
    child = fork();
    if (child == 0)
        exit(0);
    waitpid(child, NULL, 0);
    child = fork();
    if (child == 0) {
        for (;;) {
            wait_for_input(silent, 100);
            say("waited", getpid());
        }
    }
    say("server", getpid());
    say("helper", child);
    for (;;)
        wait_for_input(silent, 50);
}

/* It waits for lines; at one it works, without end, until a signal says that it is done. */
static volatile sig_atomic_t is_done;

static void done(int number)
{
    (void)number;
    is_done = 1;
}

static int freezes(void)
{
    char byte;

    signal(SIGUSR1, done);
    say("ready", getpid());
    for (;;) {
        if (wait_for_input(0, -1) < 0)
            continue;
        if (read(0, &byte, 1) <= 0)
            return 0;
        if (byte != '\n')
            continue;
        say("works", getpid());
        while (!is_done)
            usleep(1000);
        is_done = 0;
    }
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";

    if (strcmp(part, "waits") == 0 && argc > 2)
        return waits_by(argv[2]);
    if (strcmp(part, "sleeps") == 0)
        return does_not_serve();
    if (strcmp(part, "workers") == 0 && argc > 2)
        return forks_workers(atoi(argv[2]));
    if (strcmp(part, "daemon") == 0)
        return becomes_a_daemon();
    if (strcmp(part, "helper") == 0)
        return has_a_helper();
    if (strcmp(part, "freezes") == 0)
        return freezes();
    return 2;
}
