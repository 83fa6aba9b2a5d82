/* The demo's troupe: server processes, each with its audience. */

#ifndef DEMO_TROUPE_H
#define DEMO_TROUPE_H

#include <limits.h>
#include <sys/types.h>

#include "audience.h"

#define SEATS 2

struct server {
    const char *name;
    char config[PATH_MAX];
    char log[PATH_MAX];
    pid_t pid; /* 0 = not running */
    unsigned short port;
    struct client clients[SEATS];
};

/* The two servers: they watch each other. */
extern struct server orders;
extern struct server billing;

/* Writes keys and configurations; `program` is the server to run. Registers the clean-up. */
void troupe_open(const char *program);

/* Starts the process, waits for its `ready` line and connects its clients. */
void server_start(struct server *server);

/* Sends a signal to the process. */
void server_signal(struct server *server, int number);

/* Waits for the end of the process and its clients' connections. `number` is the signal that it
   must have died of, or 0 for an orderly exit. */
void server_expect_end(struct server *server, int number);

/* Takes in what all clients of both servers hear until `deadline`, in one turn. */
void troupe_listen(long deadline);

#endif
