/* One thread releases a monitor while others are calling functions with the same handle. */
#include "check.h"

static monitor_t *monitor;
static struct tally running;

static void any(const monitor_peer_status_t *status, void *user_data)
{
  (void)user_data;
  CHECK(strcmp(status->name, "billing") == 0);
}

static void ok_or_gone(monitor_result_t rc)
{
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_HANDLE || rc == MONITOR_ERR_STATE);
}

static void *caller(void *user_data)
{
  monitor_result_t rc;

  (void)user_data;
  tally_raise(&running);
  do {
    monitor_peer_status_t status;

    status.size = sizeof status;
    rc = monitor_app_alive(monitor);
    ok_or_gone(rc);
    ok_or_gone(monitor_peer_status(monitor, "billing", &status));
    ok_or_gone(monitor_each_peer(monitor, any, NULL));
    ok_or_gone(monitor_on_event(monitor, MONITOR_EVENT_ALL, NULL, NULL));
    ok_or_gone(monitor_resume(monitor));
  } while (rc != MONITOR_ERR_HANDLE);
  return NULL;
}

static void *releaser(void *user_data)
{
  monitor_result_t *rc = (monitor_result_t *)user_data;

  *rc = monitor_free(monitor);
  return NULL;
}

int main(void)
{
  int round;
  int count = rounds(50);

  tally_init(&running);
  for (round = 0; round < count; round++) {
    pthread_t callers[3];
    pthread_t releasers[2];
    monitor_result_t codes[2];
    int ports[2];
    int i;

    free_ports(ports, 2);
    monitor = monitor_of("orders", ports[0], "billing", ports[1]);
    CHECK_OK(monitor_app_start(monitor));
    for (i = 0; i < 3; i++)
      CHECK(pthread_create(&callers[i], NULL, caller, NULL) == 0);
    CHECK(tally_wait(&running, 3 * (round + 1)));
    for (i = 0; i < 2; i++)
      CHECK(pthread_create(&releasers[i], NULL, releaser, &codes[i]) == 0);
    for (i = 0; i < 2; i++)
      CHECK(pthread_join(releasers[i], NULL) == 0);
    for (i = 0; i < 3; i++)
      CHECK(pthread_join(callers[i], NULL) == 0);
    /* exactly one of them released it */
    CHECK((codes[0] == MONITOR_OK) != (codes[1] == MONITOR_OK));
  }
  return 0;
}
