/* fork again and again while other threads are inside of the library: no child ever hangs. */
#include "check.h"

static monitor_t *monitor;
static monitor_config_t *shared;
static volatile int stop;

static void ignore(const monitor_event_t *event, void *user_data)
{
  (void)event;
  (void)user_data;
}

static void *load(void *user_data)
{
  monitor_peer_status_t status;
  int me = *(int *)user_data;

  while (!stop) {
    monitor_config_t *config;
    monitor_result_t rc;

    status.size = sizeof status;
    CHECK_OK(monitor_peer_status(monitor, "billing", &status));
    CHECK_OK(monitor_app_alive(monitor));
    rc = monitor_config_set(shared, "name", "orders");
    CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_STATE);
    CHECK_OK(monitor_config_new(&config));
    CHECK_OK(monitor_config_free(config));
    CHECK_RC(monitor_config_free(config), MONITOR_ERR_HANDLE);
    if (me == 0)
      CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, ignore, NULL));
  }
  return NULL;
}

static void in_the_child(void)
{
  monitor_peer_status_t status;
  monitor_config_t *config;
  monitor_result_t rc;

  status.size = sizeof status;
  CHECK_RC(monitor_app_alive(monitor), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_peer_status(monitor, "billing", &status), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_on_event(monitor, MONITOR_EVENT_ALL, NULL, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_app_end(monitor), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_resume(monitor), MONITOR_ERR_FORKED);
  /* another thread may have been changing it at the fork */
  rc = monitor_config_set(shared, "name", "child");
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_STATE);
  CHECK_OK(monitor_config_free(shared));
  CHECK_OK(monitor_config_new(&config));
  CHECK_OK(monitor_config_set(config, "name", "child"));
  CHECK_OK(monitor_config_free(config));
  CHECK_OK(monitor_free(monitor));
  CHECK_RC(monitor_free(monitor), MONITOR_ERR_HANDLE);
}

int main(void)
{
  pthread_t threads[3];
  int numbers[3];
  int ports[2];
  int forks = rounds(1000);
  int i;

  free_ports(ports, 2);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  shared = config_of("orders", ports[0]);
  CHECK_OK(monitor_app_start(monitor));
  for (i = 0; i < 3; i++) {
    numbers[i] = i;
    CHECK(pthread_create(&threads[i], NULL, load, &numbers[i]) == 0);
  }
  for (i = 0; i < forks; i++) {
    pid_t child = fork();

    if (child == 0) {
      alarm(PATIENCE_SECONDS);
      in_the_child();
      leave_child();
    }
    CHECK(!child_failed(child));
  }
  stop = 1;
  for (i = 0; i < 3; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK_OK(monitor_config_free(shared));
  CHECK_OK(monitor_free(monitor));
  return 0;
}
