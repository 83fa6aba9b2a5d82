/* Calls in the wrong order are errors, and the right order still works after them. */
#include "check.h"

static int threads_of_this_process(void)
{
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  int threads = -1;

  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL)
    sscanf(line, "Threads: %d", &threads);
  fclose(file);
  return threads;
}

/* A joined thread is counted by the kernel for a moment longer. */
static void wait_for_one_thread(void)
{
  int tries = PATIENCE_SECONDS * 1000;

  while (threads_of_this_process() != 1) {
    CHECK(tries-- > 0);
    poll(NULL, 0, 1);
  }
}

int main(void)
{
  monitor_t *monitor;
  monitor_t *other;
  monitor_config_t *config;
  monitor_peer_status_t status;
  int ports[3];
  int fd;

  free_ports(ports, 3);

  /* a configuration that lacks something makes no monitor */
  CHECK_OK(monitor_config_new(&config));
  CHECK_RC(monitor_init(&monitor, config), MONITOR_ERR_CONFIG);
  CHECK(monitor == NULL);
  CHECK_OK(monitor_config_free(config));

  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  CHECK(threads_of_this_process() == 1);

  /* before the start */
  CHECK_RC(monitor_app_end(monitor), MONITOR_ERR_STATE);
  CHECK_RC(monitor_dispatch(monitor, 0), MONITOR_ERR_STATE);
  CHECK_RC(monitor_pause(monitor, MONITOR_TIMER_HEARTBEAT, 1), MONITOR_ERR_STATE);
  CHECK_RC(monitor_resume(monitor), MONITOR_ERR_STATE);
  CHECK_OK(monitor_app_alive(monitor));
  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(monitor, "billing", &status));
  CHECK(status.state == MONITOR_STATE_UNKNOWN);
  CHECK(strcmp(status.name, "billing") == 0);

  /* started: not again, and it is too late for the descriptor */
  CHECK_OK(monitor_app_start(monitor));
  CHECK_RC(monitor_app_start(monitor), MONITOR_ERR_STATE);
  CHECK_RC(monitor_event_fd(monitor), MONITOR_ERR_STATE);
  CHECK_RC(monitor_dispatch(monitor, 0), MONITOR_ERR_STATE);
  CHECK_OK(monitor_app_alive(monitor));

  /* ended: not again, but started again */
  CHECK_OK(monitor_app_end(monitor));
  CHECK_RC(monitor_app_end(monitor), MONITOR_ERR_STATE);
  CHECK_OK(monitor_app_alive(monitor));
  CHECK_OK(monitor_app_start(monitor));
  CHECK_OK(monitor_app_end(monitor));
  CHECK_OK(monitor_free(monitor));
  wait_for_one_thread();

  /* the descriptor before the start: the same one whenever it is asked for */
  other = monitor_of("orders", ports[0], "billing", ports[1]);
  fd = monitor_event_fd(other);
  CHECK(fd >= 0);
  CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(monitor_event_fd(other) == fd);
  CHECK_OK(monitor_app_start(other));
  CHECK(monitor_event_fd(other) == fd);
  CHECK_OK(monitor_dispatch(other, 0));
  CHECK_OK(monitor_free(other));
  CHECK(fcntl(fd, F_GETFD) == -1 && errno == EBADF);
  return 0;
}
