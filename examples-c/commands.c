/* What clients of legacy_server can ask for. */

#define _XOPEN_SOURCE 600

#include "commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "notice.h"

#define HANG_MAX_S 3600

/* Inside of monitor_each_peer, hence on our own thread. */
static void say_peer(const monitor_peer_status_t *peer, void *user_data)
{
    char text[NOTICE_SIZE];

    notice_of_peer(text, sizeof text, peer);
    client_say((struct client *)user_data, text);
}

int parse_number(const char *text, long *number, char **end)
{
    errno = 0;
    *number = strtol(text, end, 10);
    return *end != text && errno == 0 ? 0 : -1;
}

static void add(struct client *client, const char *operands)
{
    char reply[64];
    char *rest;
    long a, b;

    if (parse_number(operands, &a, &rest) != 0 || parse_number(rest, &b, &rest) != 0
        || rest[strspn(rest, " ")] != '\0') {
        client_say(client, "error: add wants two whole numbers");
    } else if ((b > 0 && a > LONG_MAX - b) || (b < 0 && a < LONG_MIN - b)) {
        client_say(client, "error: the sum is too large");
    } else {
        sprintf(reply, "= %ld", a + b);
        client_say(client, reply);
    }
}

/* What a bug does in real life: the process lives, its threads run, the work stands still. */
static void hang(struct client *client, const char *operand)
{
    struct timespec now, until;
    char *rest;
    long seconds;

    if (parse_number(operand, &seconds, &rest) != 0 || *rest != '\0' || seconds < 1
        || seconds > HANG_MAX_S) {
        client_say(client, "error: hang wants a number of seconds");
        return;
    }
    client_say(client, "ok, hanging");
    clients_flush();
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    do {
        struct timespec nap;

        nap.tv_sec = 0;
        nap.tv_nsec = 10000000;
        nanosleep(&nap, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < until.tv_sec
             || (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec));
}

/* The operand of `line` if its command is `name`, else NULL. */
static const char *operand_of(const char *line, const char *name)
{
    size_t len = strlen(name);

    if (strncmp(line, name, len) != 0 || (line[len] != '\0' && line[len] != ' '))
        return NULL;
    return line + len + strspn(line + len, " ");
}

int command(monitor_t *monitor, struct client *client, const char *line)
{
    const char *operand;

    if ((operand = operand_of(line, "add")) != NULL) {
        add(client, operand);
    } else if ((operand = operand_of(line, "echo")) != NULL) {
        client_say(client, operand);
    } else if (operand_of(line, "status") != NULL) {
        if (monitor_each_peer(monitor, say_peer, client) != MONITOR_OK)
            client_say(client, "error: no status");
        client_say(client, ".");
    } else if ((operand = operand_of(line, "hang")) != NULL) {
        hang(client, operand);
    } else if (operand_of(line, "quit") != NULL) {
        client_hang_up(client);
    } else if (operand_of(line, "shutdown") != NULL) {
        return COMMAND_STOP;
    } else if (operand_of(line, "help") != NULL) {
        client_say(client, "add A B | echo TEXT | status | hang SECONDS | quit | shutdown");
    } else {
        client_say(client, "error: unknown command, try help");
    }
    return COMMAND_DONE;
}
