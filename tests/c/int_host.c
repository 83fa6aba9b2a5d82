/* A host for the tests with real processes: says every event as a line, takes commands as lines.
 *
 *     int_host CONFIG
 *
 * Lines out: "ready", "event KIND REASON PEER EPOCH ID OUTAGE_MS LATENESS_MS FLAGS", "record ...".
 * Lines in: "status PEER", "hang" (no more pulses), "go" (pulses again), "pause SECONDS",
 * "resume", "end" (graceful, then exit). The end of the input ends it gracefully too.
 */

#include <peermon.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PULSE_MS 20

/* How long the callback of a DOWN takes: INT_HOST_CALLBACK_MS. */
static int callback_ms;

static void fail(const char *what)
{
    char why[512] = "";

    monitor_last_error(why, sizeof why);
    printf("failed %s: %s\n", what, why);
    fflush(stdout);
    exit(1);
}

static void on_event(const monitor_event_t *event, void *user_data)
{
    (void)user_data;
    printf("event %s %s %s %lu %lu %lu %lu %lu\n", monitor_event_name(event->kind),
           monitor_reason_name(event->reason), event->peer != NULL ? event->peer : "-",
           (unsigned long)event->epoch, (unsigned long)event->id,
           (unsigned long)(event->outage / 1000000), (unsigned long)(event->own_lateness / 1000000),
           (unsigned long)event->flags);
    fflush(stdout);
    if (callback_ms > 0 && event->kind == MONITOR_EVENT_DOWN) {
        poll(NULL, 0, callback_ms);
    }
}

static void say_status(monitor_t *monitor, const char *peer)
{
    monitor_peer_status_t status;

    memset(&status, 0, sizeof status);
    status.size = sizeof status;
    if (monitor_peer_status(monitor, peer, &status) != MONITOR_OK) {
        fail("status");
    }
    printf("record %u %u %lu %lu %u %u %lu lines %u\n", (unsigned)status.state,
           (unsigned)status.start_flag, (unsigned long)status.running_a,
           (unsigned long)status.running_b, (unsigned)status.end_flag,
           (unsigned)status.recovery_wait, (unsigned long)status.flags,
           (unsigned)status.lifelines);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    monitor_config_t *config = NULL;
    monitor_t *monitor = NULL;
    struct pollfd input;
    char line[128];
    size_t length = 0;
    int pulsing = 1;

    if (argc != 2) {
        return 2;
    }
    if (getenv("INT_HOST_CALLBACK_MS") != NULL) {
        callback_ms = atoi(getenv("INT_HOST_CALLBACK_MS"));
    }
    if (monitor_config_new(&config) != MONITOR_OK
        || monitor_config_load(config, argv[1]) != MONITOR_OK
        || monitor_init(&monitor, config) != MONITOR_OK
        || monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL) != MONITOR_OK
        || monitor_app_start(monitor) != MONITOR_OK) {
        fail("start");
    }
    monitor_config_free(config);
    printf("ready\n");
    fflush(stdout);

    input.fd = 0;
    input.events = POLLIN;
    for (;;) {
        char byte;

        if (pulsing) {
            monitor_app_alive(monitor);
        }
        input.revents = 0;
        if (poll(&input, 1, PULSE_MS) <= 0) {
            continue;
        }
        if (read(0, &byte, 1) != 1) {
            break;
        }
        if (byte != '\n') {
            if (length + 1 < sizeof line) {
                line[length++] = byte;
            }
            continue;
        }
        line[length] = '\0';
        length = 0;
        if (strncmp(line, "status ", 7) == 0) {
            say_status(monitor, line + 7);
        } else if (strcmp(line, "hang") == 0) {
            pulsing = 0;
        } else if (strcmp(line, "go") == 0) {
            pulsing = 1;
        } else if (strncmp(line, "pause ", 6) == 0) {
            if (monitor_pause(monitor, MONITOR_TIMER_HEARTBEAT, (unsigned)atoi(line + 6)) != MONITOR_OK) {
                fail("pause");
            }
        } else if (strcmp(line, "resume") == 0) {
            if (monitor_resume(monitor) != MONITOR_OK) {
                fail("resume");
            }
        } else if (strcmp(line, "end") == 0) {
            break;
        }
    }
    if (monitor_app_end(monitor) != MONITOR_OK) {
        fail("end");
    }
    return monitor_free(monitor) == MONITOR_OK ? 0 : 1;
}
