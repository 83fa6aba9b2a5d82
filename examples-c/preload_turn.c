/* Whose turn it is: of a program and the children that it forks, one process at a time has the
   monitor, because they would all speak under one name at one address.

   A page that all of them share holds the number of the process that has it, with the time at which
   that began, since numbers come again. It belongs to the first process that waits for input. When that
   one is gone, it is taken over

   - in another session: that is the daemon, whose parent waited before it forked and went;
   - by a process whose parent still lives: a worker beside the one that is gone, or after it.

   A helper that outlives its server is neither, and must not pass for it. */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload_turn.h"

struct page {
    uint64_t holder; /* 0 = nobody yet; otherwise the number, and above it its beginning */
    int32_t session; /* the holder's */
};

static struct page *page;
static pid_t own;    /* this process, as the handler of fork left it */
static pid_t parent; /* who forked it */

/* What /proc says of a process: 0 if it ended, -1 if /proc says nothing. One that is not reaped yet has
   ended when its last thread has: only then are its sockets closed, and its address free. */
static int look_up(pid_t process, uint32_t *beginning)
{
    enum { STATE = 3, THREADS = 20, BEGINNING = 22 };
    char path[64], text[512], state, *at;
    long threads = 0;
    ssize_t length;
    int fd, field;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return -1;
    text[length] = '\0';
    at = strrchr(text, ')'); /* the name before it may hold anything */
    if (at == NULL || at[1] != ' ' || at[2] == '\0')
        return -1;
    at += 2;
    state = *at;
    for (field = STATE; field < BEGINNING; field++) {
        at = strchr(at, ' ');
        if (at == NULL)
            return -1;
        at++;
        if (field + 1 == THREADS)
            threads = strtol(at, NULL, 10);
    }
    if ((state == 'Z' || state == 'X') && threads <= 1)
        return 0;
    *beginning = (uint32_t)strtoull(at, NULL, 10);
    return 1;
}

static uint64_t identity(pid_t process)
{
    uint32_t beginning = 0;

    look_up(process, &beginning);
    return (uint64_t)beginning << 32 | (uint32_t)process;
}

/* In doubt it lives: nobody is replaced by mistake. */
static int is_alive(uint64_t holder)
{
    pid_t process = (pid_t)(uint32_t)holder;
    uint32_t beginning = 0;

    if (kill(process, 0) != 0 && errno == ESRCH)
        return 0;
    switch (look_up(process, &beginning)) {
    case 0:
        return 0;
    case 1:
        return holder >> 32 == 0 || beginning == (uint32_t)(holder >> 32);
    default:
        return 1;
    }
}

int preload_turn_init(void)
{
    void *shared =
        mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return -1;
    page = shared;
    own = getpid();
    parent = getppid();
    return 0;
}

void preload_turn_forked(void)
{
    parent = own;
    own = getpid();
}

int preload_turn_is_known(void)
{
    return getpid() == own;
}

int preload_turn_take(void)
{
    uint64_t mine = identity(own), holder = __atomic_load_n(&page->holder, __ATOMIC_ACQUIRE);

    if (holder == mine)
        return 1;
    if (holder != 0) {
        int has_own_session = getsid(0) != __atomic_load_n(&page->session, __ATOMIC_ACQUIRE);

        if (is_alive(holder) || (!has_own_session && getppid() != parent))
            return 0;
    }
    if (!__atomic_compare_exchange_n(&page->holder, &holder, mine, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return 0;
    __atomic_store_n(&page->session, (int32_t)getsid(0), __ATOMIC_RELEASE);
    return 1;
}
