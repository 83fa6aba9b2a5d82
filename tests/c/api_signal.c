/* A signal handler may give the pulse, whatever the thread that it interrupts is doing. */
#include "check.h"

static monitor_t *monitor;
static monitor_t *released;
static volatile sig_atomic_t pulses;
static volatile sig_atomic_t wrong;

static void on_alarm(int number)
{
  int saved = errno;

  (void)number;
  if (monitor_app_alive(monitor) != MONITOR_OK)
    wrong = 1;
  if (monitor_app_alive(released) != MONITOR_ERR_HANDLE)
    wrong = 1;
  if (monitor_app_alive(NULL) != MONITOR_ERR_NULL)
    wrong = 1;
  pulses++;
  errno = saved;
}

int main(void)
{
  struct sigaction action;
  struct itimerval every;
  int ports[2];
  int wanted = rounds(2000);

  free_ports(ports, 2);
  released = monitor_of("released", ports[0], "billing", ports[1]);
  CHECK_OK(monitor_free(released));
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);
  CHECK_OK(monitor_app_start(monitor));

  memset(&action, 0, sizeof action);
  action.sa_handler = on_alarm;
  action.sa_flags = SA_RESTART;
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  memset(&every, 0, sizeof every);
  every.it_interval.tv_usec = 200;
  every.it_value.tv_usec = 200;
  CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);

  /* the registry's lock, the allocator, errors and the pulse itself are interrupted */
  while (pulses < wanted) {
    monitor_peer_status_t status;
    monitor_config_t *config;

    CHECK_OK(monitor_config_new(&config));
    CHECK_OK(monitor_config_set(config, "name", "orders"));
    CHECK_OK(monitor_config_free(config));
    CHECK_RC(monitor_config_free(config), MONITOR_ERR_HANDLE);
    CHECK_OK(monitor_app_alive(monitor));
    status.size = sizeof status;
    CHECK_OK(monitor_peer_status(monitor, "billing", &status));
  }
  memset(&every, 0, sizeof every);
  CHECK(setitimer(ITIMER_REAL, &every, NULL) == 0);
  CHECK(!wrong);

  /* the library did not touch the disposition */
  CHECK(sigaction(SIGALRM, NULL, &action) == 0);
  CHECK(action.sa_handler == on_alarm);
  CHECK_OK(monitor_free(monitor));
  return 0;
}
