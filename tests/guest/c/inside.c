/* Every function, called from inside of every kind of callback: a code, no deadlock, and the monitor
 * lives on.
 *
 *     inside event|dispatch|log|interrupt|peer      or: inside list */
#include "every_call.h"

static monitor_t *monitor;
static monitor_t *billing;
static struct tally done;
static volatile int calls;

static void call_everything(void)
{
  size_t i;

  if (!__sync_bool_compare_and_swap(&calls, 0, 1))
    return;
  for (i = 0; i < CALLS; i++) {
    int code = every_call[i].make(monitor);

    if (every_call[i].kind == RELEASES)
      CHECK(code == MONITOR_ERR_IN_CALLBACK);
    else if (every_call[i].kind == FREE_OF_HANDLES)
      CHECK(code == MONITOR_OK);
    else
      CHECK(code >= 0 || code == MONITOR_ERR_IN_CALLBACK || code == MONITOR_ERR_STATE);
  }
  tally_raise(&done);
}

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)event;
  (void)user_data;
  call_everything();
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  (void)user_data;
  call_everything();
}

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  (void)user_data;
  call_everything();
}

static void on_peer(const monitor_peer_status_t *status, void *user_data)
{
  (void)status;
  (void)user_data;
  call_everything();
}

int main(int argc, char **argv)
{
  monitor_config_t *config;
  char address[32];
  const char *where;
  int dispatches;

  CHECK(argc == 2);
  where = argv[1];
  if (strcmp(where, "list") == 0)
    return list_calls();
  dispatches = strcmp(where, "dispatch") == 0;
  alarm(PATIENCE_SECONDS);
  tally_init(&done);
  config = config_at("orders", 0);
  CHECK_OK(monitor_config_set(config, "watchdog_timeout", "50ms"));
  CHECK_OK(monitor_config_add_peer(config, "billing", address_of(address, 1)));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  billing = monitor_at("billing", 1, "orders", 0, "1s", "50ms");
  if (strcmp(where, "event") == 0 || dispatches)
    CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL));
  if (strcmp(where, "log") == 0)
    CHECK_OK(monitor_on_log(monitor, MONITOR_LOG_TRACE, on_log, NULL));
  if (strcmp(where, "interrupt") == 0)
    CHECK_OK(monitor_on_interrupt(monitor, on_interrupt, NULL));
  if (dispatches)
    CHECK(monitor_event_fd(monitor) >= 0);
  CHECK_OK(monitor_app_start(monitor));
  CHECK_OK(monitor_app_start(billing));
  if (strcmp(where, "peer") == 0)
    CHECK_OK(monitor_each_peer(monitor, on_peer, NULL));
  if (dispatches)
    UNTIL((monitor_dispatch(monitor, 0), tally_read(&done) == 1));
  CHECK(tally_wait(&done, 1));
  /* whatever was called: it runs, or can be started */
  if (monitor_app_start(monitor) != MONITOR_OK)
    CHECK_RC(monitor_app_start(monitor), MONITOR_ERR_STATE);
  UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
  CHECK_OK(monitor_free(monitor));
  CHECK_OK(monitor_free(billing));
  return 0;
}
