/* A client of a server that peermon watches others for: follows the events of its client port and
 * prints each in one line. Plain sockets, nothing to link.
 *
 *     client_watch HOST PORT
 *
 * PEERMON_TOKEN in the environment is the token, if the server wants one. (For TLS put a proxy in
 * front, or speak through the Unix socket.) Whenever the connection is lost it comes back, says
 * which event it saw last, and gets what it missed; docs/CLIENT-PORT.md has the protocol. */

#define _XOPEN_SOURCE 700

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define QUIET 40            /* seconds; the server says something at least every 15 */
#define LONGEST_WAIT 30     /* seconds between two attempts */
#define LINE_MAX_SIZE (16UL * 1024 * 1024)

struct reader {
    int fd;
    int chunked;            /* the body comes in chunks */
    unsigned long left;     /* of the chunk */
    int first;              /* no chunk has begun yet */
    size_t at, len;
    char bytes[16384];
};

struct line {
    char *text;
    size_t len, room;
};

static char last_id[64];            /* of the last message that had one: where to go on */
static char printed_epoch[32];      /* of the last event that was printed, */
static unsigned long printed;       /* and its number: the server may say it again */

static void say(const char *line)
{
    puts(line);
    fflush(stdout);
}

/* One byte as it came, or -1. */
static int raw(struct reader *in)
{
    ssize_t got;

    if (in->at == in->len) {
        do {
            got = recv(in->fd, in->bytes, sizeof in->bytes, 0);
        } while (got < 0 && errno == EINTR);
        if (got <= 0)
            return -1;
        in->at = 0;
        in->len = (size_t)got;
    }
    return (unsigned char)in->bytes[in->at++];
}

/* The size line of the next chunk; 0 if there is none. */
static int next_chunk(struct reader *in)
{
    char size[32];
    size_t len = 0;
    int byte;

    if (!in->first && (raw(in) != '\r' || raw(in) != '\n'))
        return 0;
    in->first = 0;
    while ((byte = raw(in)) >= 0 && byte != '\n')
        if (len + 1 < sizeof size)
            size[len++] = (char)byte;
    size[len] = '\0';
    in->left = strtoul(size, NULL, 16);
    return byte == '\n' && in->left > 0;
}

/* One byte of the body, or -1. */
static int body(struct reader *in)
{
    if (in->chunked) {
        if (in->left == 0 && !next_chunk(in))
            return -1;
        in->left--;
    }
    return raw(in);
}

/* A line without its end. 0 when the connection is over. */
static int read_line(struct reader *in, int (*next)(struct reader *), struct line *line)
{
    int byte;
    size_t room;
    char *more;

    line->len = 0;
    while ((byte = next(in)) >= 0) {
        if (line->len + 1 >= line->room) {
            room = line->room == 0 ? 1024 : line->room * 2;
            more = room <= LINE_MAX_SIZE ? realloc(line->text, room) : NULL;
            if (more == NULL)
                return 0;
            line->text = more;
            line->room = room;
        }
        if (byte == '\n') {
            if (line->len > 0 && line->text[line->len - 1] == '\r')
                line->len--;
            line->text[line->len] = '\0';
            return 1;
        }
        line->text[line->len++] = (char)byte;
    }
    return 0;
}

/* The text of the first "key":"..." after `json`, made fit for a terminal. Inside of a text a
 * quotation mark never stands alone, so what looks like a key is one. */
static const char *text_of(const char *json, const char *key, char *out, size_t size)
{
    char wanted[32];
    const char *at;
    size_t len = 0;

    sprintf(wanted, "\"%.24s\":\"", key);
    out[0] = '\0';
    at = strstr(json, wanted);
    if (at == NULL)
        return NULL;
    for (at += strlen(wanted); *at != '"' && *at != '\0'; at++) {
        char c = *at;

        if (c == '\\') {
            at++;
            if (*at == '\0')
                break;
            c = *at == '"' || *at == '\\' || *at == '/' ? *at : '?';
            if (*at == 'u' && strlen(at) > 4)
                at += 4;
        }
        if (len + 1 < size)
            out[len++] = (unsigned char)c < ' ' || c == 127 ? '?' : c;
    }
    out[len] = '\0';
    return at;
}

static unsigned long count(const char *text, const char *what)
{
    unsigned long found = 0;

    for (text = strstr(text, what); text != NULL; text = strstr(text + 1, what))
        found++;
    return found;
}

static void on_snapshot(const char *data)
{
    char peer[300], since[40], line[512];
    const char *at = strstr(data, "\"outages\":[");
    const char *peers = strstr(data, "\"peers\":[");

    if (at == NULL || peers == NULL)
        return;
    sprintf(line, "snapshot: %lu peers, %lu up, %lu down", count(peers, "\"state\":\""),
            count(peers, "\"state\":\"UP\""), count(peers, "\"state\":\"DOWN\""));
    say(line);
    while ((at = strchr(at, '{')) != NULL && at < peers) {
        text_of(at, "since", since, sizeof since);
        at = text_of(at, "peer", peer, sizeof peer);
        if (at == NULL)
            return;
        sprintf(line, "%s %.256s is down", since, peer);
        say(line);
    }
}

static void on_notice(const char *id, const char *data)
{
    char kind[40], reason[40], peer[300], at[40], line[512];
    const char *number = strchr(id, '-');
    unsigned long own = number == NULL ? 0 : strtoul(number + 1, NULL, 10);
    size_t epoch = number == NULL ? 0 : (size_t)(number - id);

    if (strlen(printed_epoch) == epoch && strncmp(id, printed_epoch, epoch) == 0 && own <= printed)
        return; /* it was printed already */
    if (epoch < sizeof printed_epoch) {
        memcpy(printed_epoch, id, epoch);
        printed_epoch[epoch] = '\0';
        printed = own;
    }
    text_of(data, "kind", kind, sizeof kind);
    text_of(data, "reason", reason, sizeof reason);
    text_of(data, "judged_at", at, sizeof at);
    if (text_of(data, "peer", peer, sizeof peer) == NULL)
        strcpy(peer, "this server");
    sprintf(line, "%s %.256s %s (%s)%s [%.60s]", at, peer, kind, reason,
            strstr(data, "\"redelivered\":true") != NULL ? " redelivered" : "", id);
    say(line);
}

/* Follows until the connection is over. Whether it got as far as the state of the peers. */
static int follow(struct reader *in, unsigned *wait)
{
    struct line line = {NULL, 0, 0};
    char id[64] = "", event[32] = "";
    char *data = NULL;
    int begun = 0;

    while (read_line(in, body, &line)) {
        if (strncmp(line.text, "id: ", 4) == 0 && line.len - 4 < sizeof id) {
            strcpy(id, line.text + 4);
        } else if (strncmp(line.text, "event: ", 7) == 0) {
            strncpy(event, line.text + 7, sizeof event - 1);
        } else if (strncmp(line.text, "data: ", 6) == 0) {
            free(data); /* this server never splits its data */
            data = malloc(line.len - 5);
            if (data != NULL)
                strcpy(data, line.text + 6);
        } else if (strncmp(line.text, "retry: ", 7) == 0) {
            *wait = (unsigned)(strtoul(line.text + 7, NULL, 10) / 1000 % LONGEST_WAIT);
        } else if (line.len == 0) { /* the end of a message */
            if (data != NULL && strcmp(event, "snapshot") == 0) {
                on_snapshot(data);
                begun = 1;
            } else if (data != NULL && strcmp(event, "notice") == 0) {
                on_notice(id, data);
            } else if (data != NULL && strcmp(event, "reset") == 0) {
                say("reset: what happened meanwhile is lost, the snapshot says how things are");
                printed_epoch[0] = '\0';
            }
            if (id[0] != '\0')
                strcpy(last_id, id);
            free(data);
            data = NULL;
            id[0] = event[0] = '\0';
        }
    }
    free(data);
    free(line.text);
    return begun;
}

static int dial(const char *host, const char *port)
{
    struct addrinfo hints, *found, *at;
    struct timeval quiet;
    int fd = -1;

    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    quiet.tv_sec = QUIET;
    quiet.tv_usec = 0;
    for (at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd < 0)
            continue;
        /* A connection on which nothing comes is none. */
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &quiet, sizeof quiet);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &quiet, sizeof quiet);
        if (connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* Asks, and takes the head of the answer. Its status, 0 if there is none. */
static int ask(struct reader *in, const char *host, const char *port)
{
    char request[2048];
    struct line line = {NULL, 0, 0};
    const char *token = getenv("PEERMON_TOKEN");
    int is_v6 = strchr(host, ':') != NULL; /* an address of IPv6 stands in brackets before a port */
    int status = 0, complete = 0;

    if (strlen(host) > 256 || strlen(port) > 32 || (token != NULL && strlen(token) > 1024))
        return 0;
    sprintf(request, "GET /v1/events HTTP/1.1\r\nHost: %s%s%s:%s\r\nAccept: text/event-stream\r\n",
            is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    if (token != NULL)
        sprintf(request + strlen(request), "Authorization: Bearer %s\r\n", token);
    if (last_id[0] != '\0')
        sprintf(request + strlen(request), "Last-Event-ID: %s\r\n", last_id);
    strcat(request, "\r\n");
    /* A few hundred bytes fit into the buffer of a new connection. */
    if (send(in->fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request))
        return 0;
    while (!complete && read_line(in, raw, &line)) {
        if (status == 0)
            status = line.len > 12 && strncmp(line.text, "HTTP/1.", 7) == 0 ? atoi(line.text + 9) : -1;
        else if (strcasecmp(line.text, "transfer-encoding: chunked") == 0)
            in->chunked = 1;
        complete = line.len == 0;
    }
    free(line.text);
    return complete ? status : 0;
}

int main(int argc, char **argv)
{
    static struct reader in;
    char line[512];
    unsigned wait, shortest = 1, next = 1;
    int status;

    if (argc != 3) {
        fprintf(stderr, "usage: client_watch HOST PORT\n");
        return 2;
    }
    for (;;) {
        memset(&in, 0, sizeof in);
        in.first = 1;
        in.fd = dial(argv[1], argv[2]);
        status = in.fd < 0 ? 0 : ask(&in, argv[1], argv[2]);
        if (status == 200) {
            say("connected");
            if (follow(&in, &shortest))
                next = shortest;
            say("connection lost");
        } else if (status != 0) {
            sprintf(line, "the server answers %d%s", status,
                    status == 401 ? ": set PEERMON_TOKEN to its token" : "");
            say(line);
        }
        if (in.fd >= 0)
            close(in.fd);
        wait = next;
        next = next == 0 ? 1 : next * 2 > LONGEST_WAIT ? LONGEST_WAIT : next * 2;
        sleep(wait);
    }
}
