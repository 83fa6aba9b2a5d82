/* Who woke the threads of this process: a timer, or something that arrived. */
#ifndef WAKES_H
#define WAKES_H

/* The most threads that are looked at. */
#define WAKES_THREADS 64

struct wakes {
    unsigned long timers;   /* sleeps in epoll_wait that ended because time was up, or by a timerfd */
    unsigned long arrivals; /* sleeps in epoll_wait that ended by anything else */
    unsigned threads;
    struct {
        long id;
        unsigned long switches; /* voluntary: one per sleep of any kind */
    } thread[WAKES_THREADS];
};

/* The accounts so far; the main thread's sleeps are not counted. */
struct wakes wakes(void);

/* How many sleeps of other threads there were that epoll_wait does not explain. */
unsigned long wakes_unexplained(const struct wakes *before, const struct wakes *after);

#endif
