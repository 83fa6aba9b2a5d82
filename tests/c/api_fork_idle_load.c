/* fork again and again while other threads use a monitor that was never started: the child may use
 * and start it, whatever those threads were doing at the fork. */
#include "check.h"

static monitor_t *monitor;
static volatile int stop;

static void ignore(const monitor_event_t *event, void *user_data)
{
  (void)event;
  (void)user_data;
}

static void ignore_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  (void)user_data;
}

static void *load(void *user_data)
{
  monitor_peer_status_t status;
  int me = *(int *)user_data;

  while (!stop) {
    status.size = sizeof status;
    CHECK_OK(monitor_peer_status(monitor, "billing", &status));
    if (me == 0) {
      CHECK_OK(monitor_add_peer(monitor, "extra", "127.0.0.1:9"));
      CHECK_OK(monitor_remove_peer(monitor, "extra"));
    } else {
      CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, ignore, NULL));
      CHECK_OK(monitor_on_interrupt(monitor, ignore_interrupt, NULL));
    }
  }
  return NULL;
}

static void in_the_child(int number)
{
  monitor_peer_status_t status;
  monitor_result_t rc;

  status.size = sizeof status;
  CHECK_OK(monitor_app_alive(monitor));
  CHECK_OK(monitor_peer_status(monitor, "billing", &status));
  /* another thread of the parent may have been adding it */
  rc = monitor_add_peer(monitor, "extra", "127.0.0.1:9");
  CHECK(rc == MONITOR_OK || rc == MONITOR_ERR_INVALID);
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, NULL, NULL));
  CHECK_OK(monitor_on_interrupt(monitor, NULL, NULL));
  if (number % 10 == 0) {
    CHECK_OK(monitor_app_start(monitor));
    CHECK_OK(monitor_app_end(monitor));
  }
  CHECK_OK(monitor_free(monitor));
  CHECK_RC(monitor_app_alive(monitor), MONITOR_ERR_HANDLE);
}

int main(void)
{
  pthread_t threads[2];
  int numbers[2];
  int ports[2];
  int forks = rounds(300);
  int i;

  free_ports(ports, 2);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  for (i = 0; i < 2; i++) {
    numbers[i] = i;
    CHECK(pthread_create(&threads[i], NULL, load, &numbers[i]) == 0);
  }
  for (i = 0; i < forks; i++) {
    pid_t child = fork();

    if (child == 0) {
      alarm(PATIENCE_SECONDS);
      in_the_child(i);
      leave_child();
    }
    CHECK(!child_failed(child));
  }
  stop = 1;
  for (i = 0; i < 2; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK_OK(monitor_free(monitor));
  return 0;
}
