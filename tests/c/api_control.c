/* Steering: peers come and go, timers pause, wrong values are refused. */
#include "check.h"

static void count(const monitor_peer_status_t *status, void *user_data)
{
  (void)status;
  ++*(int *)user_data;
}

static int peers_of(monitor_t *monitor)
{
  int peers = 0;

  CHECK_OK(monitor_each_peer(monitor, count, &peers));
  return peers;
}

static void peers_come_and_go(monitor_t *monitor)
{
  monitor_peer_status_t status;

  CHECK(peers_of(monitor) == 1);
  CHECK_OK(monitor_add_peer(monitor, "stock", "127.0.0.1:9"));
  CHECK(peers_of(monitor) == 2);
  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(monitor, "stock", &status));
  CHECK(strcmp(status.name, "stock") == 0);
  CHECK_RC(monitor_add_peer(monitor, "stock", "127.0.0.1:9"), MONITOR_ERR_INVALID);
  CHECK(monitor_add_peer(monitor, "shop", "no address") < 0);
  CHECK(monitor_add_peer(monitor, "no name", "127.0.0.1:9") < 0);
  CHECK_OK(monitor_remove_peer(monitor, "stock"));
  CHECK_RC(monitor_remove_peer(monitor, "stock"), MONITOR_ERR_UNKNOWN_PEER);
  CHECK_RC(monitor_peer_status(monitor, "stock", &status), MONITOR_ERR_UNKNOWN_PEER);
  CHECK(peers_of(monitor) == 1);
}

int main(void)
{
  monitor_t *monitor;
  int ports[2];

  free_ports(ports, 2);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  peers_come_and_go(monitor);
  CHECK_OK(monitor_app_start(monitor));
  peers_come_and_go(monitor);

  CHECK_RC(monitor_pause(monitor, 0, 1), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_pause(monitor, 4, 1), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_pause(monitor, 0xFFFFFFFF, 1), MONITOR_ERR_INVALID);
  CHECK_OK(monitor_pause(monitor, MONITOR_TIMER_JUDGE, 0));
  CHECK_OK(monitor_resume(monitor));
  CHECK_OK(monitor_pause(monitor, MONITOR_TIMER_HEARTBEAT, 1));
  CHECK_OK(monitor_pause(monitor, MONITOR_TIMER_JUDGE | MONITOR_TIMER_HEARTBEAT, 0));
  CHECK_OK(monitor_resume(monitor));
  CHECK_OK(monitor_resume(monitor));
  CHECK_OK(monitor_app_end(monitor));
  CHECK_OK(monitor_free(monitor));
  return 0;
}
