/* The demo's audience: clients that are connected to a server and write down what it says. */

#define _GNU_SOURCE

#include "audience.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stage.h"

#define AUDIENCE_MAX 8
#define REPLY_WITHIN_MS 3000

static const char *const phrases[NOTICES] = {" has STARTED", " is DOWN", " has RECOVERED",
                                             " has ENDED"};

void client_connect(struct client *client, const char *server, int number, unsigned short port)
{
    struct sockaddr_in address;

    memset(client, 0, sizeof *client);
    client->server = server;
    client->number = number;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (client->fd < 0
        || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("client %d cannot connect to %s: %s", number, server, strerror(errno));
}

void client_close(struct client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

void client_send(struct client *client, const char *line)
{
    char text[LINE_SIZE];
    size_t len = strlen(line);

    if (len + 1 > sizeof text)
        fail("too long to be sent: %s", line);
    memcpy(text, line, len);
    text[len++] = '\n';
    if (send(client->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
        fail("%s does not take what client %d sends", client->server, client->number);
}

/* Each outage is told once: DOWN, then RECOVERED, never twice the same. */
static void check_order(struct client *client, enum notice notice, const char *line)
{
    if (notice == DOWN && client->peer_is_down)
        fail("%s told client %d one outage twice: %s", client->server, client->number, line);
    if (notice == RECOVERED && !client->peer_is_down)
        fail("%s told client %d a recovery without an outage: %s", client->server,
             client->number, line);
    if (notice == DOWN)
        client->peer_is_down = 1;
    if (notice == RECOVERED)
        client->peer_is_down = 0;
}

static void take_notice(struct client *client, const char *line)
{
    say("%-7s -> client %d: %s", client->server, client->number, line);
    for (enum notice notice = STARTED; notice < NOTICES; notice++) {
        if (strstr(line, phrases[notice]) == NULL)
            continue;
        check_order(client, notice, line);
        client->told[notice]++;
        client->told_at[notice] = stage_now();
        strcpy(client->words[notice], line); /* lines fit: see read_client */
        return;
    }
}

static void take_line(struct client *client, const char *line)
{
    size_t used = strlen(client->reply);

    if (strncmp(line, "* ", 2) == 0) {
        take_notice(client, line);
    } else if (strcmp(line, ".") == 0) {
        client->replies++;
    } else if (used + strlen(line) + 2 <= sizeof client->reply) {
        strcpy(client->reply + used, line);
        strcat(client->reply, "\n");
    }
}

static void read_client(struct client *client)
{
    size_t room = sizeof client->unread - client->unread_len;
    ssize_t got = recv(client->fd, client->unread + client->unread_len, room, MSG_DONTWAIT);
    char *start = client->unread;
    char *end;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        say("%-7s -> client %d: (connection %s)", client->server, client->number,
            got == 0 ? "closed" : "lost");
        client_close(client);
        return;
    }
    client->unread_len += (size_t)got;
    while ((end = memchr(start, '\n', client->unread_len - (size_t)(start - client->unread)))
           != NULL) {
        *end = '\0';
        take_line(client, start);
        start = end + 1;
    }
    client->unread_len -= (size_t)(start - client->unread);
    memmove(client->unread, start, client->unread_len);
    if (client->unread_len == sizeof client->unread)
        fail("%s sends lines without an end", client->server);
}

void audience_listen(struct client *const *clients, size_t count, long deadline)
{
    struct pollfd waiting[AUDIENCE_MAX];

    stage_check();
    if (count > AUDIENCE_MAX)
        fail("too large an audience");
    for (size_t i = 0; i < count; i++) {
        waiting[i].fd = clients[i]->fd; /* poll skips negative ones */
        waiting[i].events = POLLIN;
        waiting[i].revents = 0;
    }
    if (poll(waiting, (nfds_t)count, stage_slice(deadline)) < 0 && errno != EINTR)
        fail("poll: %s", strerror(errno));
    for (size_t i = 0; i < count; i++)
        if (waiting[i].revents != 0)
            read_client(clients[i]);
}

const char *client_ask(struct client *client, const char *command)
{
    int before = client->replies;
    long deadline = stage_now() + REPLY_WITHIN_MS;

    client->reply[0] = '\0';
    client_send(client, command);
    while (client->replies == before) {
        if (client->fd < 0 || stage_now() > deadline)
            fail("%s did not answer `%s` of client %d", client->server, command, client->number);
        audience_listen(&client, 1, deadline);
    }
    return client->reply;
}
