/* libpeermon-preload.so: peermon in a program that can be neither changed nor wrapped.

       LD_PRELOAD=/usr/local/lib/libpeermon-preload.so PEERMON_PRELOAD_PROGRAMS=memcached \
       PEERMON_CONFIG=/etc/peermon/cache.toml memcached -d ...

   The loader asks this library first for the functions below, which programs wait for input with. The
   first such wait starts the monitor: then the program has become a daemon and changed its user. From
   then on each of them costs one look at one word. docs/PRELOAD.md is the manual. */

#undef _FORTIFY_SOURCE /* the checked variants are defined here, and not to be used here */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "preload.h"

#ifdef __GLIBC__
typedef __SOCKADDR_ARG address_arg; /* a transparent union there, so that the types are the header's */
#if __GLIBC_PREREQ(2, 35)
#define HAS_EPOLL_PWAIT2
#endif
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask, size_t size);
#else
typedef struct sockaddr *restrict address_arg;
#endif

#define EXPORTED __attribute__((visibility("default")))

/* The functions that would have been called without us. */
static __typeof__(epoll_wait) *next_epoll_wait;
static __typeof__(epoll_pwait) *next_epoll_pwait;
static __typeof__(poll) *next_poll;
static __typeof__(ppoll) *next_ppoll;
static __typeof__(select) *next_select;
static __typeof__(pselect) *next_pselect;
static __typeof__(accept) *next_accept;
static __typeof__(accept4) *next_accept4;
#ifdef HAS_EPOLL_PWAIT2
static __typeof__(epoll_pwait2) *next_epoll_pwait2;
#endif
#ifdef __GLIBC__
static __typeof__(__poll_chk) *next_poll_chk;
static __typeof__(__ppoll_chk) *next_ppoll_chk;
#endif

/* POSIX's way to a function from dlsym, which C itself does not have. */
#define FIND(name) (*(void **)&next_##name = dlsym(RTLD_NEXT, #name))

/* dlsym takes the loader's lock, which a signal handler must not: so all of them at once, before the
   program's main. Only constructors of other libraries can be earlier, and find here what they need. */
static void __attribute__((constructor(101))) find_all(void)
{
    FIND(epoll_wait);
    FIND(epoll_pwait);
    FIND(poll);
    FIND(ppoll);
    FIND(select);
    FIND(pselect);
    FIND(accept);
    FIND(accept4);
#ifdef HAS_EPOLL_PWAIT2
    FIND(epoll_pwait2);
#endif
#ifdef __GLIBC__
    *(void **)&next_poll_chk = dlsym(RTLD_NEXT, "__poll_chk");
    *(void **)&next_ppoll_chk = dlsym(RTLD_NEXT, "__ppoll_chk");
#endif
}

/* Beside nothing to do, one relaxed load. */
#define ENTER(is_for_input) \
    (__atomic_load_n(&preload_state, __ATOMIC_RELAXED) != PRELOAD_IDLE && (is_for_input) \
         ? preload_enter() \
         : 0)

/* The real call between the two; as the kernel answers where the C library has no such function. */
#define WAIT(name, is_for_input, arguments) \
    do { \
        int entered, result; \
        if (next_##name == NULL) \
            find_all(); \
        if (next_##name == NULL) { \
            errno = ENOSYS; \
            return -1; \
        } \
        entered = ENTER(is_for_input); \
        result = next_##name arguments; \
        if (entered) \
            preload_leave(entered); \
        return result; \
    } while (0)

/* Whoever waits to write, or only sleeps, does not serve yet. */
static int polls_for_input(const struct pollfd *fds, nfds_t count)
{
    nfds_t at;

    for (at = 0; at < count; at++)
        if (fds[at].fd >= 0 && (fds[at].events & (POLLIN | POLLRDNORM)) != 0)
            return 1;
    return 0;
}

EXPORTED int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    WAIT(epoll_wait, 1, (epoll, events, most, timeout));
}

EXPORTED int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout,
                         const sigset_t *mask)
{
    WAIT(epoll_pwait, 1, (epoll, events, most, timeout, mask));
}

#ifdef HAS_EPOLL_PWAIT2
EXPORTED int epoll_pwait2(int epoll, struct epoll_event *events, int most,
                          const struct timespec *timeout, const sigset_t *mask)
{
    WAIT(epoll_pwait2, 1, (epoll, events, most, timeout, mask));
}
#endif

EXPORTED int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    WAIT(poll, polls_for_input(fds, count), (fds, count, timeout));
}

EXPORTED int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                   const sigset_t *mask)
{
    WAIT(ppoll, polls_for_input(fds, count), (fds, count, timeout, mask));
}

#ifdef __GLIBC__
/* What poll becomes in programs that are built with _FORTIFY_SOURCE. An array that is too short ends
   the program in there, so it is not looked at here. */
EXPORTED int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
    int fits = size / sizeof *fds >= count;

    WAIT(poll_chk, fits && polls_for_input(fds, count), (fds, count, timeout, size));
}

EXPORTED int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                         const sigset_t *mask, size_t size)
{
    int fits = size / sizeof *fds >= count;

    WAIT(ppoll_chk, fits && polls_for_input(fds, count), (fds, count, timeout, mask, size));
}
#endif

EXPORTED int select(int count, fd_set *restrict readable, fd_set *restrict writable,
                    fd_set *restrict special, struct timeval *restrict timeout)
{
    WAIT(select, count > 0 && readable != NULL, (count, readable, writable, special, timeout));
}

EXPORTED int pselect(int count, fd_set *restrict readable, fd_set *restrict writable,
                     fd_set *restrict special, const struct timespec *restrict timeout,
                     const sigset_t *restrict mask)
{
    WAIT(pselect, count > 0 && readable != NULL,
         (count, readable, writable, special, timeout, mask));
}

EXPORTED int accept(int listener, address_arg address, socklen_t *restrict length)
{
    WAIT(accept, 1, (listener, address, length));
}

EXPORTED int accept4(int listener, address_arg address, socklen_t *restrict length, int flags)
{
    WAIT(accept4, 1, (listener, address, length, flags));
}
