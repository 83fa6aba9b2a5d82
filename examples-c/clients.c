/* The clients of legacy_server: sockets that never block, lines in, bounded buffers out. */

#define _XOPEN_SOURCE 600

#include "clients.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 64
#define LINE_SIZE 512       /* the longest line that a client may send, with its end */
#define OUT_SIZE 65536      /* what a client may leave unread */
#define OUT_BRAKE 16384     /* with this much unread, no more commands are taken */

struct client {
    int fd;
    int hanging_up; /* nothing more is read; closed when the output is written */
    int dropped;    /* closed at the end of the turn, whatever is unwritten */
    int skipping;   /* inside of a line that was too long */
    size_t in_len;
    size_t out_len;
    char in[LINE_SIZE];
    char out[OUT_SIZE];
};

static struct client *clients[CLIENTS_MAX]; /* NULL = free */

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int clients_listen(unsigned short port)
{
    struct sockaddr_in address;
    int on = 1;
    int saved;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0)
        return -1;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    /* Anybody may say `shutdown`: this example belongs on loopback. */
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < FD_SETSIZE && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0
        && bind(fd, (struct sockaddr *)&address, sizeof address) == 0
        && listen(fd, 16) == 0 && set_nonblocking(fd) == 0)
        return fd;
    saved = fd < FD_SETSIZE ? errno : EMFILE;
    close(fd);
    errno = saved;
    return -1;
}

unsigned short clients_port(int listener)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;

    if (getsockname(listener, (struct sockaddr *)&address, &len) != 0)
        return 0;
    return ntohs(address.sin_port);
}

static void refuse(int fd, const char *line)
{
    /* One try: a fresh socket has room for it, and nobody is owed more. */
    if (write(fd, line, strlen(line)) < 0)
        errno = 0;
    close(fd);
}

static int admit(int fd)
{
    struct client *client;
    int slot;

    for (slot = 0; slot < CLIENTS_MAX && clients[slot] != NULL; slot++)
        ;
    /* select() cannot watch a descriptor beyond its set: FD_SET would write past its end. */
    if (slot == CLIENTS_MAX || fd >= FD_SETSIZE) {
        refuse(fd, "error: too many clients\n");
        return 0;
    }
    client = (struct client *)calloc(1, sizeof *client);
    if (client == NULL || set_nonblocking(fd) != 0) {
        free(client);
        refuse(fd, "error: out of memory\n");
        return -1;
    }
    client->fd = fd;
    clients[slot] = client;
    return 0;
}

int clients_accept(int listener)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0) {
            if (admit(fd) != 0)
                return -1;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return 0;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return -1;
        }
    }
}

void clients_watch(fd_set *readable, fd_set *writable, int *highest)
{
    int slot;

    for (slot = 0; slot < CLIENTS_MAX; slot++) {
        struct client *client = clients[slot];

        if (client == NULL)
            continue;
        if (!client->hanging_up && client->out_len < OUT_BRAKE)
            FD_SET(client->fd, readable);
        if (client->out_len > 0)
            FD_SET(client->fd, writable);
        if (client->fd > *highest)
            *highest = client->fd;
    }
}

void client_say(struct client *client, const char *line)
{
    size_t len = strlen(line);

    if (client->dropped)
        return;
    if (len + 1 > OUT_SIZE - client->out_len) {
        client->dropped = 1;
        return;
    }
    memcpy(client->out + client->out_len, line, len);
    client->out[client->out_len + len] = '\n';
    client->out_len += len + 1;
}

void clients_say_all(const char *line)
{
    int slot;

    for (slot = 0; slot < CLIENTS_MAX; slot++)
        if (clients[slot] != NULL && !clients[slot]->hanging_up)
            client_say(clients[slot], line);
}

void client_hang_up(struct client *client)
{
    client->hanging_up = 1;
}

static void flush_client(struct client *client)
{
    while (client->out_len > 0 && !client->dropped) {
        ssize_t written = write(client->fd, client->out, client->out_len);

        if (written > 0) {
            client->out_len -= (size_t)written;
            memmove(client->out, client->out + written, client->out_len);
        } else if (written == 0 || errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            client->dropped = 1; /* reset by the client: nobody is left to tell */
        }
    }
}

void clients_flush(void)
{
    int slot;

    for (slot = 0; slot < CLIENTS_MAX; slot++)
        if (clients[slot] != NULL)
            flush_client(clients[slot]);
}

/* Hands out the complete lines in the buffer and keeps the incomplete rest. */
static void take_lines(struct client *client, client_line_fn on_line)
{
    size_t start = 0;
    char *end;

    while (!client->hanging_up && !client->dropped
           && (end = (char *)memchr(client->in + start, '\n', client->in_len - start)) != NULL) {
        char *line = client->in + start;

        start = (size_t)(end - client->in) + 1;
        *end = '\0';
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        if (client->skipping)
            client->skipping = 0; /* the tail of the line that was refused */
        else
            on_line(client, line);
    }
    client->in_len -= start;
    memmove(client->in, client->in + start, client->in_len);
    if (client->in_len == LINE_SIZE) {
        client->in_len = 0;
        if (!client->skipping)
            client_say(client, "error: line too long");
        client->skipping = 1;
    }
}

static void read_client(struct client *client, client_line_fn on_line)
{
    ssize_t got = read(client->fd, client->in + client->in_len, LINE_SIZE - client->in_len);

    if (got > 0) {
        client->in_len += (size_t)got;
        take_lines(client, on_line);
    } else if (got == 0) {
        client->hanging_up = 1; /* it may only have closed its sending half: answer first */
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        client->dropped = 1;
    }
}

void clients_serve(const fd_set *readable, const fd_set *writable, client_line_fn on_line)
{
    int slot;

    for (slot = 0; slot < CLIENTS_MAX; slot++) {
        struct client *client = clients[slot];

        if (client == NULL)
            continue;
        if (FD_ISSET(client->fd, readable))
            read_client(client, on_line);
        if (FD_ISSET(client->fd, writable) || client->out_len > 0)
            flush_client(client);
    }
    for (slot = 0; slot < CLIENTS_MAX; slot++) {
        struct client *client = clients[slot];

        if (client != NULL
            && (client->dropped || (client->hanging_up && client->out_len == 0))) {
            close(client->fd);
            free(client);
            clients[slot] = NULL;
        }
    }
}

void clients_close(void)
{
    int slot;

    for (slot = 0; slot < CLIENTS_MAX; slot++) {
        if (clients[slot] == NULL)
            continue;
        close(clients[slot]->fd);
        free(clients[slot]);
        clients[slot] = NULL;
    }
}
