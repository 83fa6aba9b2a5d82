/* return from main with a started monitor: once static objects are being destroyed, no callback
 * begins any more, whatever happens; the functions still answer. */
#include "check.h"

static monitor_t *orders;
static monitor_t *billing;
static struct tally started;
static volatile int destroyed;

extern "C" {

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  CHECK(!destroyed);
  if (event->kind == MONITOR_EVENT_STARTED)
    tally_raise(&started);
}

} /* extern "C" */

static uint32_t state_of(monitor_t *monitor, const char *peer)
{
  monitor_peer_status_t status;

  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(monitor, peer, &status));
  return status.state;
}

static void wait_for(uint32_t state)
{
  int tries = PATIENCE_SECONDS * 1000;

  while (state_of(orders, "billing") != state) {
    CHECK(tries-- > 0);
    poll(NULL, 0, 1);
  }
}

/* Stands for whatever the callback of a server uses. */
struct Global {
  ~Global()
  {
    destroyed = 1;
    CHECK_OK(monitor_app_end(billing));
    wait_for(MONITOR_STATE_ENDED);
    CHECK_OK(monitor_app_start(billing));
    wait_for(MONITOR_STATE_UP);
    /* the events are queued by now; a thread that would deliver them has all the time it needs */
    poll(NULL, 0, 50);
    CHECK_OK(monitor_free(billing));
    CHECK_OK(monitor_free(orders));
  }
};

static Global global;

int main()
{
  tally_init(&started);
  pair_of(&orders, &billing);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&started, 1));
  return 0;
}
