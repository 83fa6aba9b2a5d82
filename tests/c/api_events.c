/* Two servers in one process: each reports the other's start, end and new start, in order, on a
 * thread that is not the host's. */
#include "check.h"

struct seen {
  struct tally started;
  struct tally ended;
  pthread_t main_thread;
  uint64_t epoch;
  uint64_t last_id;
  uint64_t incarnation;
  int last_kind;
  const char *peer;
};

static void on_event(const monitor_event_t *event, void *user_data)
{
  struct seen *seen = (struct seen *)user_data;

  CHECK(event->size == sizeof *event);
  CHECK(!pthread_equal(pthread_self(), seen->main_thread));
  CHECK(event->peer != NULL && strcmp(event->peer, seen->peer) == 0);
  CHECK(event->judged_at > 0);
  CHECK(seen->epoch == 0 || event->epoch == seen->epoch);
  CHECK(event->id > seen->last_id);
  seen->epoch = event->epoch;
  seen->last_id = event->id;
  CHECK(strcmp(monitor_event_name(event->kind), "UNKNOWN") != 0);
  CHECK(strcmp(monitor_reason_name(event->reason), "UNKNOWN") != 0);
  CHECK((event->flags & ~(uint32_t)(MONITOR_EVENT_FLAG_REDELIVERED |
                                    MONITOR_EVENT_FLAG_UNRECORDED)) == 0);
  if (event->kind == MONITOR_EVENT_STARTED) {
    CHECK(seen->last_kind != MONITOR_EVENT_STARTED);
    CHECK(event->incarnation != 0);
    seen->incarnation = event->incarnation;
    seen->last_kind = MONITOR_EVENT_STARTED;
    tally_raise(&seen->started);
  } else if (event->kind == MONITOR_EVENT_ENDED) {
    CHECK(seen->last_kind == MONITOR_EVENT_STARTED);
    CHECK(event->incarnation == seen->incarnation);
    seen->last_kind = MONITOR_EVENT_ENDED;
    tally_raise(&seen->ended);
  } else {
    CHECK(!"another kind than the mask allows");
  }
}

static void watch(monitor_t *monitor, struct seen *seen, const char *peer)
{
  memset(seen, 0, sizeof *seen);
  tally_init(&seen->started);
  tally_init(&seen->ended);
  seen->main_thread = pthread_self();
  seen->peer = peer;
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_STARTED | MONITOR_EVENT_ENDED, on_event, seen));
}

static monitor_peer_status_t status_of(monitor_t *monitor, const char *peer)
{
  monitor_peer_status_t status;

  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(monitor, peer, &status));
  return status;
}

int main(void)
{
  monitor_t *orders;
  monitor_t *billing;
  struct seen by_orders;
  struct seen by_billing;

  pair_of(&orders, &billing);
  watch(orders, &by_orders, "billing");
  watch(billing, &by_billing, "orders");
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&by_orders.started, 1));
  CHECK(tally_wait(&by_billing.started, 1));
  CHECK(status_of(orders, "billing").incarnation == by_orders.incarnation);
  CHECK(tally_read(&by_orders.ended) == 0);

  CHECK_OK(monitor_app_end(billing));
  CHECK(tally_wait(&by_orders.ended, 1));
  CHECK(status_of(orders, "billing").state == MONITOR_STATE_ENDED);

  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&by_orders.started, 2));
  CHECK(status_of(orders, "billing").incarnation == by_orders.incarnation);

  /* releasing a started monitor ends it first */
  CHECK_OK(monitor_free(billing));
  CHECK(tally_wait(&by_orders.ended, 2));
  CHECK_OK(monitor_free(orders));
  CHECK(tally_read(&by_orders.started) == 2 && tally_read(&by_orders.ended) == 2);
  return 0;
}
