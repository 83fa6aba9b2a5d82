/* The demo's audience: clients that are connected to a server and write down what it says. */

#ifndef DEMO_AUDIENCE_H
#define DEMO_AUDIENCE_H

#include <stddef.h>

#define LINE_SIZE 1024

/* What servers tell unasked. */
enum notice { STARTED, DOWN, RECOVERED, ENDED, NOTICES };

struct client {
    const char *server; /* the name of the server that it is connected to */
    int number;
    int fd;                         /* -1 = not connected */
    int peer_is_down;               /* by what it was told */
    int told[NOTICES];              /* how often */
    long told_at[NOTICES];          /* when last */
    char words[NOTICES][LINE_SIZE]; /* how last */
    int replies;                    /* ends of replies (`.`) that were seen */
    char reply[4 * LINE_SIZE];      /* the lines that are no notices, since client_ask */
    char unread[LINE_SIZE];
    size_t unread_len;
};

/* Connects to a server's port on loopback. */
void client_connect(struct client *client, const char *server, int number, unsigned short port);

void client_close(struct client *client);

/* Sends a line. */
void client_send(struct client *client, const char *line);

/* Sends a command whose reply ends with `.` and returns the reply, which is not written down. */
const char *client_ask(struct client *client, const char *command);

/* Takes in what arrives at any of the clients until `deadline` (one turn, may return earlier).
   Fails if DOWN and RECOVERED do not alternate. */
void audience_listen(struct client *const *clients, size_t count, long deadline);

#endif
