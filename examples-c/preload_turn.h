#ifndef PRELOAD_TURN_H
#define PRELOAD_TURN_H

/* Before the program's main. 0, or -1 if the system gives no page. */
int preload_turn_init(void);

/* In every forked child, from the handler of fork: async-signal-safe. */
void preload_turn_forked(void);

/* Whether this process was made by fork, or never: one of vfork, or of a raw clone, is not known. */
int preload_turn_is_known(void);

/* Whether this process may have the monitor, which it then has until it ends. */
int preload_turn_take(void);

#endif
