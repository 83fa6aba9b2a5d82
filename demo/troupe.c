/* The demo's troupe: server processes, each with its audience. */

#define _GNU_SOURCE

#include "troupe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define READY_WITHIN_MS 5000
#define END_WITHIN_MS 3000
#define KEY_BYTES 32

struct server orders = {.name = "orders"};
struct server billing = {.name = "billing"};

static struct server *const servers[] = {&orders, &billing};
static const char *server_program;

/* --- files and ports ------------------------------------------------------------------------ */

static void write_key(void)
{
    unsigned char key[KEY_BYTES];
    char hex[2 * KEY_BYTES + 2];

    if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
        fail("no random numbers: %s", strerror(errno));
    for (size_t i = 0; i < sizeof key; i++)
        snprintf(hex + 2 * i, 3, "%02x", key[i]);
    strcat(hex, "\n");
    stage_write("key", hex);
}

static int bind_loopback(int type, unsigned short *port)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(*port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        fail("no socket: %s", strerror(errno));
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0
        || getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

/* Finds a port that is free for UDP and TCP, and holds it through both descriptors. */
static unsigned short find_port(int held[2])
{
    for (int attempt = 0; attempt < 32; attempt++) {
        unsigned short port = 0;

        held[0] = bind_loopback(SOCK_DGRAM, &port);
        if (held[0] < 0)
            break;
        held[1] = bind_loopback(SOCK_STREAM, &port);
        if (held[1] >= 0)
            return port;
        close(held[0]);
    }
    fail("no free port on loopback");
}

static void write_config(struct server *server, unsigned short port, const char *peer,
                         unsigned short peer_port)
{
    char file[64];
    char key[PATH_MAX];
    char text[PATH_MAX + 512];

    stage_path(key, sizeof key, "key");
    snprintf(text, sizeof text,
             "name = \"%s\"\n"
             "listen = \"127.0.0.1:%u\"\n"
             "key_file = \"%s\"\n"
             "detect_within = \"500ms\"\n"
             "watchdog_timeout = \"500ms\"\n"
             "\n"
             "[[peer]]\n"
             "name = \"%s\"\n"
             "address = [\"127.0.0.1:%u\"]\n",
             server->name, (unsigned)port, key, peer, (unsigned)peer_port);
    snprintf(file, sizeof file, "%s.toml", server->name);
    stage_write(file, text);
    stage_path(server->config, sizeof server->config, file);
    snprintf(file, sizeof file, "%s.log", server->name);
    stage_path(server->log, sizeof server->log, file);
}

/* --- processes ------------------------------------------------------------------------------ */

static void kill_all(void)
{
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        if (servers[i]->pid <= 0)
            continue;
        kill(servers[i]->pid, SIGKILL); /* also ends a stopped process */
        while (waitpid(servers[i]->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        servers[i]->pid = 0;
    }
}

void troupe_open(const char *program)
{
    int held[4];
    unsigned short orders_port, billing_port;

    if (access(program, X_OK) != 0)
        fail("%s: %s", program, strerror(errno));
    server_program = program;
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++)
        for (int seat = 0; seat < SEATS; seat++)
            servers[i]->clients[seat].fd = -1;
    stage_at_end(kill_all);
    write_key();
    orders_port = find_port(held);
    billing_port = find_port(held + 2);
    write_config(&orders, orders_port, "billing", billing_port);
    write_config(&billing, billing_port, "orders", orders_port);
    for (int i = 0; i < 4; i++)
        close(held[i]);
}

/* In the child: becomes the server. Only async-signal-safe calls until exec. */
static void become(const struct server *server, pid_t parent, int out)
{
    int log = open(server->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int null = open("/dev/null", O_RDONLY);

    /* If the demo itself is killed, nobody else would end its servers. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    signal(SIGPIPE, SIG_DFL); /* ignoring is inherited; the server decides for itself */
    if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    execl(server_program, server_program, server->config, (char *)NULL);
    _exit(127);
}

/* Reads `ready PORT` from the server's standard output. */
static unsigned short read_port(const struct server *server, int out)
{
    char text[128];
    size_t len = 0;
    long deadline = stage_now() + READY_WITHIN_MS;
    unsigned port = 0;

    for (;;) {
        struct pollfd waiting = {.fd = out, .events = POLLIN};
        ssize_t got;

        stage_check();
        if (stage_now() > deadline)
            fail("%s is not ready after %d ms", server->name, READY_WITHIN_MS);
        if (poll(&waiting, 1, stage_slice(deadline)) <= 0)
            continue;
        got = read(out, text + len, sizeof text - 1 - len);
        if (got <= 0)
            fail("%s ended before it was ready", server->name);
        len += (size_t)got;
        text[len] = '\0';
        if (strchr(text, '\n') == NULL && len < sizeof text - 1)
            continue;
        if (sscanf(text, "ready %u\n", &port) != 1 || port == 0 || port > 65535)
            fail("%s should have said `ready PORT` and said: %s", server->name, text);
        return (unsigned short)port;
    }
}

void server_start(struct server *server)
{
    pid_t self = getpid();
    int out[2];

    if (pipe2(out, O_CLOEXEC) != 0)
        fail("pipe: %s", strerror(errno));
    server->pid = fork();
    if (server->pid < 0)
        fail("fork: %s", strerror(errno));
    if (server->pid == 0)
        become(server, self, out[1]);
    close(out[1]);
    server->port = read_port(server, out[0]);
    close(out[0]);
    say("%-7s runs as process %ld, its clients at port %u", server->name, (long)server->pid,
        (unsigned)server->port);
    for (int seat = 0; seat < SEATS; seat++) {
        client_close(&server->clients[seat]);
        client_connect(&server->clients[seat], server->name, seat + 1, server->port);
    }
}

void server_signal(struct server *server, int number)
{
    if (server->pid <= 0 || kill(server->pid, number) != 0)
        fail("%s cannot be sent signal %d", server->name, number);
}

static int is_connected(const struct server *server)
{
    for (int seat = 0; seat < SEATS; seat++)
        if (server->clients[seat].fd >= 0)
            return 1;
    return 0;
}

void server_expect_end(struct server *server, int number)
{
    long deadline = stage_now() + END_WITHIN_MS;
    int status = 0;
    pid_t ended;

    while ((ended = waitpid(server->pid, &status, WNOHANG)) != server->pid) {
        if (ended < 0 && errno != EINTR)
            fail("%s cannot be waited for: %s", server->name, strerror(errno));
        if (stage_now() > deadline)
            fail("%s still runs after %d ms", server->name, END_WITHIN_MS);
        troupe_listen(stage_now() + 10);
    }
    server->pid = 0;
    while (is_connected(server)) {
        if (stage_now() > deadline)
            fail("%s is gone and its clients are still connected", server->name);
        troupe_listen(deadline);
    }
    if (number != 0 ? !WIFSIGNALED(status) || WTERMSIG(status) != number
                    : !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("%s ended with status 0x%x", server->name, (unsigned)status);
}

void troupe_listen(long deadline)
{
    struct client *all[2 * SEATS];

    for (int seat = 0; seat < SEATS; seat++) {
        all[seat] = &orders.clients[seat];
        all[SEATS + seat] = &billing.clients[seat];
    }
    audience_listen(all, 2 * SEATS, deadline);
}
