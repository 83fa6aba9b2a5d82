/* A child that starts its parent's monitor is a new life of that server: the callback that the
 * parent registered runs in the child, and the other servers see an end and a new start. */
#include "check.h"

static struct tally started;
static struct tally ended;

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  if (event->kind == MONITOR_EVENT_STARTED)
    tally_raise(&started);
  if (event->kind == MONITOR_EVENT_ENDED)
    tally_raise(&ended);
}

int main(void)
{
  monitor_t *orders;
  monitor_t *billing;
  int go[2];
  char byte;
  pid_t child;

  tally_init(&started);
  tally_init(&ended);
  CHECK(pipe(go) == 0);
  pair_of(&orders, &billing);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK_OK(monitor_app_start(orders));
  child = fork();
  if (child == 0) {
    alarm(PATIENCE_SECONDS);
    close(go[1]);
    CHECK(read(go[0], &byte, 1) == 0);
    CHECK_OK(monitor_app_start(orders));
    /* billing lives in the parent */
    CHECK(tally_wait(&started, 1));
    CHECK_OK(monitor_app_end(orders));
    CHECK_OK(monitor_free(orders));
    leave_child();
  }
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_on_event(billing, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK_OK(monitor_app_start(billing));
  close(go[0]);
  close(go[1]);
  CHECK(tally_wait(&started, 1));
  CHECK(tally_wait(&ended, 1));
  CHECK(!child_failed(child));
  CHECK_OK(monitor_free(billing));
  return 0;
}
