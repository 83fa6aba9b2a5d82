/* fork: what the child may do with a monitor that its parent started, and with one that was not. */
#include "check.h"

static void never(const monitor_peer_status_t *status, void *user_data)
{
  (void)status;
  (void)user_data;
  CHECK(!"called");
}

static void every_function_says_forked(monitor_t *monitor)
{
  monitor_peer_status_t status;
  monitor_statistics_t statistics;
  monitor_activity_t activity;

  status.size = sizeof status;
  CHECK_RC(monitor_app_alive(monitor), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_app_end(monitor), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_on_event(monitor, MONITOR_EVENT_ALL, NULL, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_on_interrupt(monitor, NULL, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_on_log(monitor, MONITOR_LOG_INFO, NULL, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_event_fd(monitor), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_dispatch(monitor, 0), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_peer_status(monitor, "billing", &status), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_each_peer(monitor, never, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_add_peer(monitor, "x", "127.0.0.1:1"), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_remove_peer(monitor, "billing"), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_pause(monitor, MONITOR_TIMER_JUDGE, 1), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_resume(monitor), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_on_event_full(monitor, 1, NULL, NULL, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_on_interrupt_full(monitor, NULL, NULL, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_on_log_full(monitor, MONITOR_LOG_INFO, NULL, NULL, NULL), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_activity_begin(monitor, "x", 1000, &activity), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_activity_alive(monitor, 1), MONITOR_ERR_FORKED);
  CHECK_RC(monitor_activity_end(monitor, 1), MONITOR_ERR_FORKED);
  statistics.size = sizeof statistics;
  CHECK_RC(monitor_statistics(monitor, &statistics), MONITOR_ERR_FORKED);
}

static void every_function_works(monitor_t *monitor)
{
  monitor_peer_status_t status;

  status.size = sizeof status;
  CHECK_OK(monitor_app_alive(monitor));
  CHECK_OK(monitor_peer_status(monitor, "billing", &status));
  CHECK_OK(monitor_add_peer(monitor, "x", "127.0.0.1:9"));
  CHECK_OK(monitor_remove_peer(monitor, "x"));
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, NULL, NULL));
}

/* The parent lives on; the child lets go, and starts a monitor of its own. */
static void a_child_of_a_started_monitor(void)
{
  monitor_t *monitor;
  monitor_t *own;
  monitor_config_t *config;
  int ports[3];
  pid_t child;

  free_ports(ports, 3);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  config = config_of("orders", ports[0]);
  CHECK_OK(monitor_app_start(monitor));
  child = fork();
  if (child == 0) {
    alarm(PATIENCE_SECONDS);
    every_function_says_forked(monitor);
    CHECK_OK(monitor_free(monitor));
    CHECK_RC(monitor_app_alive(monitor), MONITOR_ERR_HANDLE);
    CHECK_RC(monitor_free(monitor), MONITOR_ERR_HANDLE);
    CHECK_OK(monitor_config_set(config, "name", "child"));
    CHECK_OK(monitor_config_free(config));
    own = monitor_of("child", ports[2], "billing", ports[1]);
    CHECK_OK(monitor_app_start(own));
    every_function_works(own);
    /* a child of the child */
    child = fork();
    if (child == 0) {
      every_function_says_forked(own);
      CHECK_OK(monitor_free(own));
      leave_child();
    }
    CHECK(!child_failed(child));
    CHECK_OK(monitor_free(own));
    leave_child();
  }
  CHECK(!child_failed(child));
  every_function_works(monitor);
  CHECK_OK(monitor_config_free(config));
  CHECK_OK(monitor_free(monitor));
}

/* daemon(3) after the start: the parent goes, and the child starts the same handle anew. */
static void a_child_that_starts_its_parents_monitor(void)
{
  monitor_t *monitor;
  int ports[2];
  int ended[2];
  char byte;
  pid_t child;

  free_ports(ports, 2);
  CHECK(pipe(ended) == 0);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  CHECK_OK(monitor_app_start(monitor));
  child = fork();
  if (child == 0) {
    alarm(PATIENCE_SECONDS);
    close(ended[1]);
    CHECK(read(ended[0], &byte, 1) == 0);
    every_function_says_forked(monitor);
    CHECK_OK(monitor_app_start(monitor));
    every_function_works(monitor);
    CHECK_RC(monitor_app_start(monitor), MONITOR_ERR_STATE);
    CHECK_OK(monitor_app_end(monitor));
    CHECK_OK(monitor_app_start(monitor));
    CHECK_OK(monitor_free(monitor));
    leave_child();
  }
  CHECK_OK(monitor_free(monitor));
  close(ended[0]);
  close(ended[1]);
  CHECK(!child_failed(child));
}

/* init -> daemon(3) -> start, and the master of a prefork server. */
static void a_monitor_that_was_not_started_survives(void)
{
  monitor_t *monitor;
  int ports[2];
  pid_t child;

  free_ports(ports, 2);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  child = fork();
  if (child == 0) {
    alarm(PATIENCE_SECONDS);
    every_function_works(monitor);
    CHECK_OK(monitor_app_start(monitor));
    every_function_works(monitor);
    CHECK_OK(monitor_free(monitor));
    leave_child();
  }
  CHECK(!child_failed(child));
  every_function_works(monitor);
  CHECK_OK(monitor_app_start(monitor));
  every_function_works(monitor);
  CHECK_OK(monitor_free(monitor));
}

int main(void)
{
  a_child_of_a_started_monitor();
  a_child_that_starts_its_parents_monitor();
  a_monitor_that_was_not_started_survives();
  return 0;
}
