/* The clients of legacy_server: sockets that never block, lines in, bounded buffers out. */

#ifndef EXAMPLE_CLIENTS_H
#define EXAMPLE_CLIENTS_H

#include <sys/select.h>

struct client;

/* Called with each complete line, without its line end. It may say things and hang up. */
typedef void (*client_line_fn)(struct client *client, char *line);

/* Listens on 127.0.0.1; port 0 picks a free one. Returns the descriptor, or -1 with errno. */
int clients_listen(unsigned short port);

/* The port that `listener` got, or 0. */
unsigned short clients_port(int listener);

/* Takes every connection that waits at `listener`. Returns 0, or -1 if the process has run out of
   descriptors or memory: then the caller should look away from the listener for a while. */
int clients_accept(int listener);

/* Adds the clients to the sets for select(); raises `*highest` as needed. */
void clients_watch(fd_set *readable, fd_set *writable, int *highest);

/* Reads, calls `on_line`, writes and buries, after select() has answered. */
void clients_serve(const fd_set *readable, const fd_set *writable, client_line_fn on_line);

/* Queues a line; a client that does not read its lines is dropped when its buffer is full. */
void client_say(struct client *client, const char *line);

/* The same to everybody. */
void clients_say_all(const char *line);

/* Writes what the kernel takes now, without waiting. */
void clients_flush(void);

/* Reads no more from this client and closes it as soon as its lines are written. */
void client_hang_up(struct client *client);

/* Closes every client at once. */
void clients_close(void);

#endif
