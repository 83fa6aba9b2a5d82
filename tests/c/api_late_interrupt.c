/* The interrupt callback may be registered while another thread starts the monitor: it is called. */
#include "check.h"

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  CHECK(interrupt->kind == MONITOR_INTERRUPT_APP_STALLED);
  tally_raise((struct tally *)user_data);
}

static void *start(void *monitor)
{
  CHECK_OK(monitor_app_start((monitor_t *)monitor));
  return NULL;
}

int main(void)
{
  int i;

  for (i = rounds(200); i > 0; i--) {
    struct tally raised;
    monitor_config_t *config;
    monitor_t *monitor;
    pthread_t thread;
    int port;

    tally_init(&raised);
    free_ports(&port, 1);
    config = config_of("orders", port);
    CHECK_OK(monitor_config_set(config, "watchdog_timeout", "20ms"));
    CHECK_OK(monitor_config_set(config, "lifeline_max_peers", "0"));
    CHECK_OK(monitor_init(&monitor, config));
    CHECK_OK(monitor_config_free(config));
    CHECK(pthread_create(&thread, NULL, start, monitor) == 0);
    CHECK_OK(monitor_on_interrupt(monitor, on_interrupt, &raised));
    CHECK(pthread_join(thread, NULL) == 0);
    /* A slow machine may have told of a stall before, when there was nobody to hear it. */
    CHECK_OK(monitor_app_alive(monitor));
    CHECK(tally_wait(&raised, 1));
    CHECK_OK(monitor_free(monitor));
    tally_destroy(&raised);
  }
  return 0;
}
