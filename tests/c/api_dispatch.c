/* The host's own loop: the descriptor is readable while events are queued, callbacks run in
 * monitor_dispatch and nowhere else, as many as were asked for. */
#include "check.h"

struct seen {
  pthread_t main_thread;
  monitor_t *monitor;
  int dispatching;
  int started;
  int ended;
};

static void on_event(const monitor_event_t *event, void *user_data)
{
  struct seen *seen = (struct seen *)user_data;

  CHECK(pthread_equal(pthread_self(), seen->main_thread));
  CHECK(seen->dispatching);
  CHECK_RC(monitor_dispatch(seen->monitor, 0), MONITOR_ERR_IN_CALLBACK);
  CHECK_RC(monitor_free(seen->monitor), MONITOR_ERR_IN_CALLBACK);
  if (event->kind == MONITOR_EVENT_STARTED)
    seen->started++;
  if (event->kind == MONITOR_EVENT_ENDED)
    seen->ended++;
}

static int readable(int fd, int milliseconds)
{
  struct pollfd descriptor;

  descriptor.fd = fd;
  descriptor.events = POLLIN;
  descriptor.revents = 0;
  return poll(&descriptor, 1, milliseconds) == 1;
}

static void dispatch(struct seen *seen, uint32_t most)
{
  seen->dispatching = 1;
  CHECK_OK(monitor_dispatch(seen->monitor, most));
  seen->dispatching = 0;
}

int main(void)
{
  monitor_t *orders;
  monitor_t *billing;
  struct seen seen;
  int tries;
  int fd;

  memset(&seen, 0, sizeof seen);
  pair_of(&orders, &billing);
  seen.main_thread = pthread_self();
  seen.monitor = orders;
  fd = monitor_event_fd(orders);
  CHECK(fd >= 0);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_STARTED | MONITOR_EVENT_ENDED, on_event, &seen));
  CHECK_OK(monitor_app_start(orders));
  dispatch(&seen, 0);
  CHECK(!readable(fd, 0));
  CHECK_OK(monitor_app_start(billing));

  /* level-triggered: readable until it is dispatched */
  CHECK(readable(fd, PATIENCE_SECONDS * 1000));
  CHECK(readable(fd, 0));
  CHECK(seen.started == 0);
  while (seen.started == 0) {
    CHECK(readable(fd, PATIENCE_SECONDS * 1000));
    dispatch(&seen, 1);
  }
  CHECK(seen.started == 1 && seen.ended == 0);

  /* several lives of the peer queue up, and come one by one */
  CHECK_OK(monitor_app_end(billing));
  for (tries = 0; seen.ended == 0; tries++) {
    CHECK(readable(fd, PATIENCE_SECONDS * 1000));
    dispatch(&seen, 1);
    CHECK(seen.started + seen.ended <= 2);
  }
  CHECK(seen.ended == 1);

  /* nothing left: not readable, as soon as no event comes in between */
  for (tries = 0; readable(fd, 0) && tries < 100; tries++)
    dispatch(&seen, 0);
  CHECK(!readable(fd, 0));
  CHECK_OK(monitor_free(billing));
  CHECK_OK(monitor_free(orders));
  return 0;
}
