/* The demo: two servers watch each other, and everything that can befall one of them does.

   usage: demo LEGACY_SERVER

   Real processes on loopback. Each step is one thing that happens to one server and what the
   clients of the other one are told; a step that does not happen in time ends the demo with an
   error. Nothing is left behind: no process, no file. */

#define _GNU_SOURCE

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "stage.h"
#include "troupe.h"

/* How long a step may take, from what was done until the second client has read the notice. */
#define DOWN_WITHIN_MS 1000     /* detect_within is 500 ms */
#define STALLED_WITHIN_MS 1500  /* watchdog_timeout is another 500 ms */
#define ENDED_WITHIN_MS 1000
#define RESUMED_WITHIN_MS 2000
#define START_WITHIN_MS 8000    /* towards a dead peer START is repeated every 5 s at most */
#define HANG_MS 2000

/* What one step does, and when it was done. */
static long done_at;
static int told_before[SEATS];

static void act(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void act(const char *format, ...)
{
    char title[256];
    va_list args;

    va_start(args, format);
    vsnprintf(title, sizeof title, format, args);
    va_end(args);
    putchar('\n');
    say("== %s", title);
}

/* Lets time pass and writes down what is heard meanwhile. */
static void listen_for(long milliseconds)
{
    long end = stage_now() + milliseconds;

    while (stage_now() < end)
        troupe_listen(end);
}

/* Remembers what the clients of `server` have heard, so that `expect` waits for something new. */
static void prepare(const struct server *server, enum notice notice)
{
    for (int seat = 0; seat < SEATS; seat++)
        told_before[seat] = server->clients[seat].told[notice];
    done_at = stage_now();
}

/* Waits until each client of `server` has been told, in words that contain `why`. */
static void expect(const struct server *server, enum notice notice, const char *why, long limit)
{
    static const char *const names[NOTICES] = {"STARTED", "DOWN", "RECOVERED", "ENDED"};
    long last = 0;

    for (int seat = 0; seat < SEATS; seat++) {
        const struct client *client = &server->clients[seat];

        while (client->told[notice] == told_before[seat]) {
            if (client->fd < 0)
                fail("%s has dropped client %d", server->name, client->number);
            if (stage_now() > done_at + limit)
                fail("client %d of %s was not told %s within %ld ms", client->number,
                     server->name, names[notice], limit);
            troupe_listen(done_at + limit + 1);
        }
        if (strstr(client->words[notice], why) == NULL)
            fail("client %d of %s was told `%s`, which should contain `%s`", client->number,
                 server->name, client->words[notice], why);
        if (client->told_at[notice] - done_at > limit)
            fail("client %d of %s was told %s after %ld ms, limit %ld ms", client->number,
                 server->name, names[notice], client->told_at[notice] - done_at, limit);
        if (client->told_at[notice] > last)
            last = client->told_at[notice];
    }
    say("   both clients of %s were told %s %ld ms later (limit %ld ms)", server->name,
        names[notice], last - done_at, limit);
}

/* Waits until `server` says itself that `peer` is up: only then can it notice that it goes down. */
static void wait_until_up(struct server *server, const struct server *peer)
{
    long deadline = stage_now() + START_WITHIN_MS;
    char up[64];

    snprintf(up, sizeof up, "%s is UP", peer->name);
    while (strstr(client_ask(&server->clients[0], "status"), up) == NULL) {
        if (stage_now() > deadline)
            fail("%s does not see %s up within %d ms", server->name, peer->name,
                 START_WITHIN_MS);
        listen_for(50);
    }
}

static void wait_until_both_up(void)
{
    wait_until_up(&orders, &billing);
    wait_until_up(&billing, &orders);
    listen_for(500); /* a few heartbeats of normal life, and time to read */
}

static void show_status(struct server *server)
{
    char reply[4 * LINE_SIZE];
    char *rest = reply;
    char *line;

    snprintf(reply, sizeof reply, "%s", client_ask(&server->clients[1], "status"));
    while ((line = strsep(&rest, "\n")) != NULL)
        if (*line != '\0')
            say("%-7s -> client 2: %s", server->name, line);
}

/* --- the acts ------------------------------------------------------------------------------- */

static void start_both(void)
{
    act("orders starts, then billing; each watches the other, and nobody else watches");
    server_start(&orders);
    prepare(&orders, STARTED);
    server_start(&billing);
    expect(&orders, STARTED, "billing", START_WITHIN_MS);
    wait_until_both_up();
}

static void crash_and_restart(void)
{
    act("kill -9 billing");
    prepare(&orders, DOWN);
    server_signal(&billing, SIGKILL);
    expect(&orders, DOWN, "billing is DOWN (", DOWN_WITHIN_MS);
    server_expect_end(&billing, SIGKILL);
    listen_for(1000);
    show_status(&orders);

    act("billing is started again");
    prepare(&orders, RECOVERED);
    server_start(&billing);
    expect(&orders, RECOVERED, "billing has RECOVERED (RESTARTED", START_WITHIN_MS);
    wait_until_both_up();
}

static void end_and_start(void)
{
    int downs[SEATS];

    act("billing is stopped in good order (SIGTERM): no outage");
    for (int seat = 0; seat < SEATS; seat++)
        downs[seat] = orders.clients[seat].told[DOWN];
    prepare(&orders, ENDED);
    server_signal(&billing, SIGTERM);
    expect(&orders, ENDED, "billing has ENDED gracefully", ENDED_WITHIN_MS);
    server_expect_end(&billing, 0);
    listen_for(1500);
    for (int seat = 0; seat < SEATS; seat++)
        if (orders.clients[seat].told[DOWN] != downs[seat])
            fail("a graceful end was told as DOWN");
    say("   and nobody was told DOWN in the 1500 ms since");

    act("billing is started again");
    prepare(&orders, STARTED);
    server_start(&billing);
    expect(&orders, STARTED, "billing has STARTED", START_WITHIN_MS);
    wait_until_both_up();
}

static void freeze_and_thaw(void)
{
    int blamed[SEATS];

    act("billing freezes: its process is there and does not run (SIGSTOP)");
    for (int seat = 0; seat < SEATS; seat++)
        blamed[seat] = billing.clients[seat].told[DOWN];
    prepare(&orders, DOWN);
    server_signal(&billing, SIGSTOP);
    expect(&orders, DOWN, "billing is DOWN (", DOWN_WITHIN_MS);
    listen_for(1000);

    act("billing thaws (SIGCONT)");
    prepare(&orders, RECOVERED);
    server_signal(&billing, SIGCONT);
    expect(&orders, RECOVERED, "billing has RECOVERED (RESUMED", RESUMED_WITHIN_MS);
    wait_until_both_up();
    for (int seat = 0; seat < SEATS; seat++)
        if (billing.clients[seat].told[DOWN] != blamed[seat])
            fail("billing slept itself and blamed orders");
    say("   and billing, which had slept itself, told its clients nothing against orders");
}

static void hang_and_go_on(void)
{
    act("the other way round: the work of orders hangs, its process and its heartbeat live");
    prepare(&billing, DOWN);
    client_send(&orders.clients[0], "hang 2");
    say("client 1 -> orders : hang 2");
    expect(&billing, DOWN, "orders is DOWN (APP_STALLED", STALLED_WITHIN_MS);
    for (int seat = 0; seat < SEATS; seat++)
        told_before[seat] = billing.clients[seat].told[RECOVERED];
    expect(&billing, RECOVERED, "orders has RECOVERED", HANG_MS + RESUMED_WITHIN_MS);
    wait_until_both_up();
}

static void ask_and_end(void)
{
    act("what both say of each other");
    show_status(&orders);
    show_status(&billing);

    act("both end");
    prepare(&billing, ENDED);
    server_signal(&orders, SIGTERM);
    expect(&billing, ENDED, "orders has ENDED gracefully", ENDED_WITHIN_MS);
    server_expect_end(&orders, 0);
    server_signal(&billing, SIGTERM);
    server_expect_end(&billing, 0);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s LEGACY_SERVER\n", argv[0]);
        return 2;
    }
    stage_open();
    say("two servers, two clients each; detect_within = 500ms, watchdog_timeout = 500ms,");
    say("a key of this run's own");
    troupe_open(argv[1]);
    start_both();
    crash_and_restart();
    end_and_start();
    freeze_and_thaw();
    hang_and_go_on();
    ask_and_end();
    stage_close();
    putchar('\n');
    say("the demo is over: every notice came once and in time");
    return 0;
}
