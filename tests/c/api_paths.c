/* A peer with two addresses, of which one leads nowhere: the peer is up, and the loss of the path is
 * an event that names it. Events about anything else name no path. */
#include "check.h"

struct seen {
  struct tally lost;
  struct tally started;
  char address[32];
};

static void on_event(const monitor_event_t *event, void *user_data)
{
  struct seen *seen = (struct seen *)user_data;

  CHECK(event->outages == 0);
  CHECK(event->kind != MONITOR_EVENT_DOWN);
  if (event->kind == MONITOR_EVENT_PATH_DOWN) {
    CHECK(event->path == 1);
    CHECK(event->address != NULL && strcmp(event->address, seen->address) == 0);
    CHECK(strcmp(event->peer, "billing") == 0);
    tally_raise(&seen->lost);
    return;
  }
  CHECK(event->path == MONITOR_PATH_NONE && event->address == NULL);
  if (event->kind == MONITOR_EVENT_STARTED)
    tally_raise(&seen->started);
}

int main(void)
{
  monitor_config_t *config;
  monitor_t *orders = NULL;
  monitor_t *billing;
  monitor_peer_status_t status;
  struct timespec moment;
  struct seen seen;
  char both[64];
  int ports[3];
  int tries;

  moment.tv_sec = 0;
  moment.tv_nsec = 1000000;
  free_ports(ports, 3);
  memset(&seen, 0, sizeof seen);
  tally_init(&seen.lost);
  tally_init(&seen.started);
  loopback(seen.address, ports[2]);

  config = config_of("orders", ports[0]);
  sprintf(both, "127.0.0.1:%d,127.0.0.1:%d", ports[1], ports[2]);
  CHECK_OK(monitor_config_add_peer(config, "billing", both));
  CHECK_OK(monitor_init(&orders, config));
  CHECK_OK(monitor_config_free(config));
  billing = monitor_of("billing", ports[1], "orders", ports[0]);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, &seen));

  memset(&status, 0, sizeof status);
  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(orders, "billing", &status));
  CHECK(status.paths == 2 && status.paths_up == 0 && status.paths_one_way == 0);
  CHECK(status.resting == 0);

  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&seen.started, 1));
  CHECK(tally_wait(&seen.lost, 1));
  CHECK_OK(monitor_peer_status(orders, "billing", &status));
  CHECK(status.state == MONITOR_STATE_UP);
  CHECK(status.paths == 2 && status.paths_up == 1);
  CHECK(tally_read(&seen.lost) == 1);
  /* billing has one path to orders, and it carries */
  for (tries = 0; tries < 1000; tries++) {
    status.size = sizeof status;
    CHECK_OK(monitor_peer_status(billing, "orders", &status));
    if (status.state == MONITOR_STATE_UP)
      break;
    nanosleep(&moment, NULL);
  }
  CHECK(status.paths == 1 && status.paths_up == 1 && status.paths_one_way == 0);

  CHECK_OK(monitor_free(billing));
  CHECK_OK(monitor_free(orders));
  tally_destroy(&seen.lost);
  tally_destroy(&seen.started);
  return 0;
}
