/* A peer with interrupt_on_down: the interrupt comes while the host's loop is blocked in a system call
 * and while its event callback sleeps, and the signal behind it makes the call return. */
#include "check.h"

static struct tally entered;
static struct tally leave;
static volatile sig_atomic_t signals;
static volatile int taken_over;
static uint64_t id;
static volatile sig_atomic_t reading;
static pid_t victim;
static char main_stat[64];

static void on_signal(int number)
{
  (void)number;
  signals++;
}

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  if (event->kind == MONITOR_EVENT_STARTED) {
    tally_raise(&entered);
    CHECK(tally_wait(&leave, 1));
  } else if (event->kind == MONITOR_EVENT_DOWN) {
    CHECK(event->id == id);
  }
}

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)user_data;
  if (interrupt->kind != MONITOR_INTERRUPT_TAKEOVER)
    return;
  CHECK(strcmp(interrupt->peer, "billing") == 0);
  CHECK(interrupt->activity == NULL);
  CHECK(interrupt->epoch != 0 && interrupt->event_id != 0);
  CHECK(interrupt->reason == MONITOR_REASON_PROCESS_EXIT
        || interrupt->reason == MONITOR_REASON_SILENT
        || interrupt->reason == MONITOR_REASON_UNREACHABLE);
  id = interrupt->event_id;
  taken_over = 1;
}

/* Kills the peer as soon as the main thread sleeps in its read. */
static void *kill_it(void *user_data)
{
  char line[256];
  char *state;
  FILE *stat;
  struct timespec moment;

  (void)user_data;
  moment.tv_sec = 0;
  moment.tv_nsec = 1000 * 1000;
  do {
    stat = fopen(main_stat, "r");
    CHECK(stat != NULL && fgets(line, sizeof line, stat) != NULL);
    fclose(stat);
    state = strrchr(line, ')');
    CHECK(state != NULL);
    nanosleep(&moment, NULL);
  } while (!reading || state[2] != 'S');
  CHECK(kill(victim, SIGKILL) == 0);
  return NULL;
}

int main(void)
{
  pthread_t killer;
  int ports[2];
  int ends[2];
  char peer_address[32];
  char byte;
  struct sigaction action;
  monitor_config_t *config;
  monitor_t *orders = NULL;
  monitor_t *billing;
  pid_t child;

  tally_init(&entered);
  tally_init(&leave);
  free_ports(ports, 2);
  billing = monitor_of("billing", ports[1], "orders", ports[0]);
  child = fork();
  if (child == 0) {
    alarm(2 * PATIENCE_SECONDS);
    CHECK_OK(monitor_app_start(billing));
    for (;;)
      pause();
  }
  CHECK(child > 0);

  memset(&action, 0, sizeof action);
  action.sa_handler = on_signal;
  CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
  config = config_of("orders", ports[0]);
  /* the end of the process is known by its lifelines; a busy machine is not blamed on it */
  CHECK_OK(monitor_config_set(config, "detect_within", "20s"));
  CHECK_OK(monitor_config_add_peer(config, "billing", loopback(peer_address, ports[1])));
  CHECK_RC(monitor_config_set(config, "interrupt_signal", "SIGKILL"), MONITOR_ERR_INVALID);
  CHECK_OK(monitor_config_set(config, "interrupt_signal", "SIGUSR2"));
  CHECK_OK(monitor_config_set(config, "peer.billing.interrupt_on_down", "true"));
  CHECK_OK(monitor_init(&orders, config));
  CHECK_OK(monitor_config_free(config));
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK_OK(monitor_on_interrupt(orders, on_interrupt, NULL));
  CHECK_OK(monitor_app_start(orders));
  CHECK(tally_wait(&entered, 1));
  victim = child;
  sprintf(main_stat, "/proc/self/task/%d/stat", (int)getpid());

  /* nobody ever writes to this pipe: only the signal ends the read */
  CHECK(pipe(ends) == 0);
  CHECK(pthread_create(&killer, NULL, kill_it, NULL) == 0);
  alarm(PATIENCE_SECONDS);
  reading = 1;
  CHECK(read(ends[0], &byte, 1) == -1 && errno == EINTR);
  alarm(0);
  CHECK(taken_over && signals >= 1);
  CHECK(pthread_join(killer, NULL) == 0);
  CHECK(waitpid(child, NULL, 0) == child);

  /* the event callback still sleeps in the STARTED */
  tally_raise(&leave);
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
  return 0;
}
