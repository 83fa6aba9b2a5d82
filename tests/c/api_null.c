/* NULL is an error in every place where a pointer goes in, and never a crash. */
#include "check.h"

static void never(const monitor_peer_status_t *status, void *user_data)
{
  (void)status;
  (void)user_data;
  CHECK(!"called");
}

int main(void)
{
  monitor_config_t *config = NULL;
  monitor_t *monitor = NULL;
  monitor_peer_status_t status;
  monitor_statistics_t statistics;
  monitor_activity_t activity;
  int ports[2];

  /* before anything else was called */
  CHECK_RC(monitor_app_alive(NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_free(NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_free(NULL), MONITOR_ERR_NULL);

  CHECK_RC(monitor_config_new(NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_load(NULL, "x"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_set(NULL, "name", "x"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_add_peer(NULL, "x", "127.0.0.1:1"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_init(&monitor, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_app_start(NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_app_end(NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_on_event(NULL, MONITOR_EVENT_ALL, NULL, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_on_interrupt(NULL, NULL, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_on_log(NULL, MONITOR_LOG_INFO, NULL, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_event_fd(NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_dispatch(NULL, 0), MONITOR_ERR_NULL);
  CHECK_RC(monitor_each_peer(NULL, never, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_add_peer(NULL, "x", "127.0.0.1:1"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_remove_peer(NULL, "x"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_pause(NULL, MONITOR_TIMER_JUDGE, 1), MONITOR_ERR_NULL);
  CHECK_RC(monitor_resume(NULL), MONITOR_ERR_NULL);
  status.size = sizeof status;
  CHECK_RC(monitor_peer_status(NULL, "x", &status), MONITOR_ERR_NULL);
  CHECK_RC(monitor_on_event_full(NULL, 1, NULL, NULL, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_on_interrupt_full(NULL, NULL, NULL, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_on_log_full(NULL, MONITOR_LOG_INFO, NULL, NULL, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_activity_begin(NULL, "x", 1000, &activity), MONITOR_ERR_NULL);
  CHECK_RC(monitor_activity_alive(NULL, 1), MONITOR_ERR_NULL);
  CHECK_RC(monitor_activity_end(NULL, 1), MONITOR_ERR_NULL);
  statistics.size = sizeof statistics;
  CHECK_RC(monitor_statistics(NULL, &statistics), MONITOR_ERR_NULL);

  free_ports(ports, 2);
  config = config_of("orders", ports[0]);
  CHECK_RC(monitor_config_load(config, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_set(config, NULL, "x"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_set(config, "name", NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_add_peer(config, NULL, "127.0.0.1:1"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_config_add_peer(config, "x", NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_init(NULL, config), MONITOR_ERR_NULL);
  CHECK_OK(monitor_config_free(config));

  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  CHECK_RC(monitor_peer_status(monitor, NULL, &status), MONITOR_ERR_NULL);
  CHECK_RC(monitor_peer_status(monitor, "billing", NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_each_peer(monitor, NULL, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_add_peer(monitor, NULL, "127.0.0.1:1"), MONITOR_ERR_NULL);
  CHECK_RC(monitor_add_peer(monitor, "x", NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_remove_peer(monitor, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_activity_begin(monitor, NULL, 1000, &activity), MONITOR_ERR_NULL);
  CHECK_RC(monitor_activity_begin(monitor, "x", 1000, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_statistics(monitor, NULL), MONITOR_ERR_NULL);
  /* here NULL has a meaning: unregister */
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, NULL, NULL));
  CHECK_OK(monitor_on_interrupt(monitor, NULL, NULL));
  CHECK_OK(monitor_on_log(monitor, MONITOR_LOG_TRACE, NULL, NULL));
  CHECK_OK(monitor_on_event_full(monitor, MONITOR_EVENT_ALL, NULL, NULL, NULL));
  CHECK_OK(monitor_on_interrupt_full(monitor, NULL, NULL, NULL));
  CHECK_OK(monitor_on_log_full(monitor, MONITOR_LOG_TRACE, NULL, NULL, NULL));
  CHECK_OK(monitor_free(monitor));

  /* a failed call leaves no handle behind */
  monitor = (monitor_t *)&status;
  CHECK_RC(monitor_init(&monitor, NULL), MONITOR_ERR_NULL);
  CHECK(monitor == NULL);
  return 0;
}
