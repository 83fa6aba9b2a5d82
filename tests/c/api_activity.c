/* Activities: the peers, the interrupt callback and the statistics name the one that stands still. */
#include "check.h"

static struct tally down;
static struct tally recovered;
static struct tally stalled;
static char in_event[MONITOR_ACTIVITY_SIZE];
static char in_interrupt[MONITOR_ACTIVITY_SIZE];

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  if (event->kind == MONITOR_EVENT_DOWN) {
    CHECK(event->reason == MONITOR_REASON_APP_STALLED);
    CHECK(event->activity != NULL);
    strcpy(in_event, event->activity);
    tally_raise(&down);
  } else {
    CHECK(event->activity == NULL);
    if (event->kind == MONITOR_EVENT_RECOVERED) {
      CHECK(event->reason == MONITOR_REASON_RESUMED);
      tally_raise(&recovered);
    }
  }
}

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)user_data;
  CHECK(interrupt->size == sizeof *interrupt);
  CHECK(interrupt->kind == MONITOR_INTERRUPT_APP_STALLED);
  CHECK(interrupt->peer == NULL && interrupt->activity != NULL);
  strcpy(in_interrupt, interrupt->activity);
  tally_raise(&stalled);
}

/* Two that blame nobody for a busy machine: only what a peer says makes it down. */
static void patient_pair(monitor_t **orders, monitor_t **billing)
{
  static const char *const names[2] = {"orders", "billing"};
  monitor_t **monitors[2];
  int ports[2];
  int i;

  monitors[0] = orders;
  monitors[1] = billing;
  free_ports(ports, 2);
  for (i = 0; i < 2; i++) {
    monitor_config_t *config = config_of(names[i], ports[i]);
    char address[32];

    CHECK_OK(monitor_config_set(config, "detect_within", "60s"));
    CHECK_OK(monitor_config_set(config, "heartbeat_interval", "200ms"));
    CHECK_OK(monitor_config_add_peer(config, names[1 - i], loopback(address, ports[1 - i])));
    CHECK_OK(monitor_init(monitors[i], config));
    CHECK_OK(monitor_config_free(config));
  }
}

static void arguments(monitor_t *monitor)
{
  monitor_activity_t activity = 77;
  monitor_activity_t all[256];
  char longest[MONITOR_ACTIVITY_SIZE + 1];
  int i;

  memset(longest, 'n', sizeof longest);
  longest[MONITOR_ACTIVITY_SIZE] = '\0';
  CHECK_RC(monitor_activity_begin(NULL, "x", 100, &activity), MONITOR_ERR_NULL);
  CHECK(activity == 0);
  CHECK_RC(monitor_activity_begin(monitor, "x", 100, NULL), MONITOR_ERR_NULL);
  CHECK_RC(monitor_activity_begin(monitor, NULL, 100, &activity), MONITOR_ERR_NULL);
  CHECK_RC(monitor_activity_begin(monitor, "", 100, &activity), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_activity_begin(monitor, "a\nb", 100, &activity), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_activity_begin(monitor, longest, 100, &activity), MONITOR_ERR_INVALID);
  longest[MONITOR_ACTIVITY_SIZE - 1] = '\0';
  CHECK_RC(monitor_activity_begin(monitor, "x", 19, &activity), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_activity_begin(monitor, "x", 86400001, &activity), MONITOR_ERR_INVALID);
  CHECK_OK(monitor_activity_begin(monitor, longest, 86400000, &activity));
  CHECK_OK(monitor_activity_alive(monitor, activity));
  CHECK_OK(monitor_activity_end(monitor, activity));
  CHECK_RC(monitor_activity_end(monitor, activity), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_activity_alive(monitor, activity), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_activity_alive(monitor, 0), MONITOR_ERR_INVALID);
  CHECK_RC(monitor_activity_alive(NULL, activity), MONITOR_ERR_NULL);
  for (i = 0; i < 256; i++)
    CHECK_OK(monitor_activity_begin(monitor, "worker", 60000, &all[i]));
  CHECK_RC(monitor_activity_begin(monitor, "x", 100, &activity), MONITOR_ERR_LIMIT);
  for (i = 0; i < 256; i++)
    CHECK_OK(monitor_activity_end(monitor, all[i]));
}

int main(void)
{
  monitor_t *orders;
  monitor_t *billing;
  monitor_activity_t run, worker;
  monitor_peer_status_t status;
  monitor_statistics_t statistics;
  pid_t child;

  tally_init(&down);
  tally_init(&recovered);
  tally_init(&stalled);
  patient_pair(&orders, &billing);
  arguments(billing);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK_OK(monitor_on_interrupt(billing, on_interrupt, NULL));
  /* before the start: its deadline runs from there on */
  CHECK_OK(monitor_activity_begin(billing, "nightly run", 60000, &run));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));

  child = fork();
  if (child == 0) {
    CHECK_RC(monitor_activity_alive(billing, run), MONITOR_ERR_FORKED);
    CHECK_RC(monitor_activity_end(billing, run), MONITOR_ERR_FORKED);
    leave_child();
  }
  CHECK(!child_failed(child));

  CHECK_OK(monitor_activity_begin(billing, "worker 3", 50, &worker));
  CHECK(tally_wait(&down, 1));
  CHECK(tally_wait(&stalled, 1));
  CHECK(strcmp(in_event, "worker 3") == 0);
  CHECK(strcmp(in_interrupt, "worker 3") == 0);
  status.size = sizeof status;
  CHECK_OK(monitor_peer_status(orders, "billing", &status));
  CHECK(strcmp(status.activity, "worker 3") == 0);
  do {
    statistics.size = sizeof statistics;
    CHECK_OK(monitor_statistics(billing, &statistics));
    CHECK(statistics.size == sizeof statistics);
  } while (!(statistics.flags & MONITOR_STATISTICS_APP_STALLED));
  CHECK(strcmp(statistics.stalled_activity, "worker 3") == 0);
  CHECK(statistics.flags & MONITOR_STATISTICS_RUNNING);
  CHECK(statistics.datagrams_sent > 0 && statistics.datagrams_accepted > 0);
  CHECK(statistics.turns > 0 && statistics.interrupts == 1);

  CHECK_OK(monitor_activity_end(billing, worker));
  CHECK(tally_wait(&recovered, 1));
  CHECK_OK(monitor_peer_status(orders, "billing", &status));
  CHECK(status.activity[0] == '\0');
  CHECK_OK(monitor_activity_alive(billing, run));
  CHECK_OK(monitor_activity_end(billing, run));
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
  CHECK(tally_read(&down) == 1);
  return 0;
}
