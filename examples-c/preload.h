/* What the two halves of libpeermon-preload.so know of each other: preload.c stands in the way of the
   calls that wait, preload_monitor.c has the monitor, preload_log.c says what went wrong. */

#ifndef PRELOAD_H
#define PRELOAD_H

/* Something may have to be done at a wait. The one word that is looked at when there is nothing. */
#define PRELOAD_IDLE 0     /* nothing: not meant, or it runs and needs nothing more */
#define PRELOAD_ARMED 1    /* the next wait for input may start the monitor */
#define PRELOAD_STARTING 2 /* a thread does that now; waits of others, and of the library, pass */
#define PRELOAD_WATCHED 4  /* the monitor runs, and one thread of the program is watched */

extern int preload_state;

/* Before a wait for input, if preload_state is not idle. Returns what preload_leave must be given. */
int preload_enter(void);

/* After it. Leaves errno alone. */
void preload_leave(int entered);

/* Severities of syslog(3). */
#define PRELOAD_ERR 3
#define PRELOAD_WARNING 4
#define PRELOAD_INFO 6

/* Reads where lines go; before the program changes its environment. */
void preload_log_init(void);

/* One line for the administrator, never on the program's own streams. Leaves errno alone. */
void preload_log(int severity, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
