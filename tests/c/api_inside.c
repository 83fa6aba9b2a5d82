/* Every function, called from inside of a callback: a code, no deadlock, no harm. */
#include "check.h"

static monitor_t *orders;
static monitor_t *billing;
static struct tally done;
static struct tally interrupts;

static void count_peer(const monitor_peer_status_t *status, void *user_data)
{
  CHECK(status->size >= 8);
  /* releasing the monitor whose peers are being told would leave the rest without it */
  CHECK_RC(monitor_free(orders), MONITOR_ERR_IN_CALLBACK);
  ++*(int *)user_data;
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)user_data;
  CHECK(level >= MONITOR_LOG_ERROR && level <= MONITOR_LOG_TRACE);
  CHECK(strlen(message) < 1024);
  CHECK(strchr(message, '\n') == NULL);
  CHECK_OK(monitor_app_alive(orders));
}

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)user_data;
  CHECK(interrupt->size == sizeof *interrupt);
  tally_raise(&interrupts);
}

static void without_a_started_monitor(void)
{
  monitor_config_t *config = NULL;
  monitor_t *monitor = NULL;
  int port;

  free_ports(&port, 1);
  config = config_of("third", port);
  CHECK_OK(monitor_config_add_peer(config, "fourth", "127.0.0.1:9"));
  CHECK_RC(monitor_config_load(config, "/nonexistent/x.toml"), MONITOR_ERR_IO);
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  CHECK_OK(monitor_app_start(monitor));
  CHECK_OK(monitor_app_end(monitor));
  CHECK_OK(monitor_free(monitor));
}

static void on_event(const monitor_event_t *event, void *user_data)
{
  monitor_peer_status_t status;
  monitor_statistics_t statistics;
  monitor_activity_t activity;
  monitor_result_t rc;
  char text[64];
  int peers = 0;

  if (event->kind != MONITOR_EVENT_STARTED || tally_read(&done) > 0)
    return;
  CHECK(user_data == &done);
  CHECK_RC(monitor_free(orders), MONITOR_ERR_IN_CALLBACK);
  CHECK(monitor_last_error(text, sizeof text) > 0);
  CHECK_RC(monitor_app_start(orders), MONITOR_ERR_STATE);
  CHECK_OK(monitor_app_alive(orders));
  CHECK_RC(monitor_event_fd(orders), MONITOR_ERR_STATE);
  rc = monitor_dispatch(orders, 0);
  CHECK(rc == MONITOR_ERR_IN_CALLBACK || rc == MONITOR_ERR_STATE);

  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(orders, "billing", &status));
  /* never older than the event */
  CHECK(status.state != MONITOR_STATE_UNKNOWN);
  CHECK(status.incarnation == event->incarnation);
  CHECK_OK(monitor_each_peer(orders, count_peer, &peers));
  CHECK(peers == 1);
  CHECK_OK(monitor_add_peer(orders, "extra", "127.0.0.1:9"));
  CHECK_OK(monitor_remove_peer(orders, "extra"));
  CHECK_OK(monitor_pause(orders, MONITOR_TIMER_HEARTBEAT, 1));
  CHECK_OK(monitor_resume(orders));
  statistics.size = sizeof statistics;
  CHECK_OK(monitor_statistics(orders, &statistics));
  CHECK(statistics.events >= 1 && statistics.event_callback_running > 0);
  CHECK_OK(monitor_activity_begin(orders, "inside", 60000, &activity));
  CHECK_OK(monitor_activity_alive(orders, activity));
  CHECK_OK(monitor_activity_end(orders, activity));

  rc = monitor_on_interrupt(orders, NULL, NULL);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  rc = monitor_on_interrupt(orders, on_interrupt, NULL);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  rc = monitor_on_log(orders, MONITOR_LOG_DEBUG, on_log, NULL);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  rc = monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, user_data);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  rc = monitor_on_interrupt_full(orders, on_interrupt, NULL, NULL);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  rc = monitor_on_log_full(orders, MONITOR_LOG_DEBUG, on_log, NULL, NULL);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  rc = monitor_on_event_full(orders, MONITOR_EVENT_ALL, on_event, user_data, NULL);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);

  without_a_started_monitor();
  CHECK_OK(monitor_app_alive(billing));

  /* unregistering from inside does not wait for itself; ending may be refused, not hang */
  rc = monitor_on_event(orders, MONITOR_EVENT_ALL, NULL, NULL);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  rc = monitor_app_end(orders);
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_IN_CALLBACK);
  tally_raise(&done);
}

int main(void)
{
  tally_init(&done);
  tally_init(&interrupts);
  pair_of(&orders, &billing);
  CHECK_OK(monitor_on_log(orders, MONITOR_LOG_TRACE, on_log, NULL));
  CHECK_OK(monitor_on_interrupt(orders, on_interrupt, NULL));
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, &done));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&done, 1));
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
  CHECK(tally_read(&done) == 1);
  CHECK(tally_read(&interrupts) == 0);
  return 0;
}
