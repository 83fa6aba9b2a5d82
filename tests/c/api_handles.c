/* Released, foreign and mixed up handles are errors, whatever is done with them. */
#include "check.h"

static void never(const monitor_peer_status_t *status, void *user_data)
{
  (void)status;
  (void)user_data;
  CHECK(!"called");
}

static void every_function_refuses(monitor_t *monitor)
{
  monitor_peer_status_t status;

  status.size = sizeof status;
  CHECK_RC(monitor_app_start(monitor), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_app_alive(monitor), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_app_end(monitor), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_on_event(monitor, MONITOR_EVENT_ALL, NULL, NULL), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_on_interrupt(monitor, NULL, NULL), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_on_log(monitor, MONITOR_LOG_INFO, NULL, NULL), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_event_fd(monitor), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_dispatch(monitor, 0), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_peer_status(monitor, "billing", &status), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_each_peer(monitor, never, NULL), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_add_peer(monitor, "x", "127.0.0.1:1"), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_remove_peer(monitor, "billing"), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_pause(monitor, MONITOR_TIMER_JUDGE, 1), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_resume(monitor), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_free(monitor), MONITOR_ERR_HANDLE);
}

static void every_config_function_refuses(monitor_config_t *config)
{
  monitor_t *monitor = NULL;

  CHECK_RC(monitor_config_load(config, "/nonexistent"), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_config_set(config, "name", "x"), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_config_add_peer(config, "x", "127.0.0.1:1"), MONITOR_ERR_HANDLE);
  CHECK_RC(monitor_init(&monitor, config), MONITOR_ERR_HANDLE);
  CHECK(monitor == NULL);
  CHECK_RC(monitor_config_free(config), MONITOR_ERR_HANDLE);
}

int main(void)
{
  monitor_config_t *configs[1100];
  monitor_config_t *config;
  monitor_t *monitor;
  monitor_t *again;
  int ports[2];
  int local = 7;
  int count = 0;
  int i;
  void *heap = malloc(64);

  free_ports(ports, 2);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  config = config_of("orders", ports[0]);

  /* never were handles */
  every_function_refuses((monitor_t *)&local);
  every_function_refuses((monitor_t *)heap);
  every_function_refuses((monitor_t *)1);
  every_function_refuses((monitor_t *)-1);
  every_config_function_refuses((monitor_config_t *)&local);
  every_config_function_refuses((monitor_config_t *)heap);

  /* of the other kind */
  every_function_refuses((monitor_t *)config);
  every_config_function_refuses((monitor_config_t *)monitor);

  /* neighbours of a real one */
  every_function_refuses((monitor_t *)((char *)monitor + 64));
  every_function_refuses((monitor_t *)((char *)monitor + 65536));

  /* released, and released again, also after the slot went to others */
  CHECK_OK(monitor_config_free(config));
  every_config_function_refuses(config);
  CHECK_OK(monitor_free(monitor));
  every_function_refuses(monitor);
  again = monitor_of("orders", ports[0], "billing", ports[1]);
  CHECK(again != monitor);
  every_function_refuses(monitor);
  CHECK_OK(monitor_app_alive(again));

  /* started and released without an end */
  CHECK_OK(monitor_app_start(again));
  CHECK_OK(monitor_free(again));
  every_function_refuses(again);

  /* the table is full at some time, and then has room again */
  while (count < 1100 && monitor_config_new(&configs[count]) == MONITOR_OK)
    count++;
  CHECK(count == 1024);
  CHECK(configs[count] == NULL);
  CHECK_RC(monitor_config_new(&configs[count]), MONITOR_ERR_LIMIT);
  every_config_function_refuses(config);
  for (i = 0; i < count; i++)
    CHECK_OK(monitor_config_free(configs[i]));
  CHECK_OK(monitor_config_new(&config));
  CHECK_OK(monitor_config_free(config));

  free(heap);
  return 0;
}
