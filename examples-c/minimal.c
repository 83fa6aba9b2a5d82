/* The smallest host: watches the peers of its configuration until its input ends (Ctrl-D). */

#include <peermon.h>
#include <stdio.h>

/* Runs on a thread of the library; `event` and its strings live until we return. */
static void on_event(const monitor_event_t *event, void *user_data)
{
    (void)user_data;
    printf("%s: %s (%s)\n", event->peer != NULL ? event->peer : "this server",
           monitor_event_name(event->kind), monitor_reason_name(event->reason));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    monitor_config_t *config = NULL;
    monitor_t *monitor = NULL;
    char why[256] = "";

    if (monitor_config_new(&config) != MONITOR_OK
        || monitor_config_load(config, argc > 1 ? argv[1] : "peermon.toml") != MONITOR_OK
        || monitor_init(&monitor, config) != MONITOR_OK
        || monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL) != MONITOR_OK
        || monitor_app_start(monitor) != MONITOR_OK) {
        monitor_last_error(why, sizeof why);
        fprintf(stderr, "peermon: %s\n", why);
        return 1;
    }
    monitor_config_free(config); /* monitor_init has copied it */

    while (getchar() != EOF) {
        /* the server's work */
    }

    monitor_app_end(monitor); /* a graceful end: the peers hear ENDED, not DOWN */
    monitor_free(monitor);
    return 0;
}
