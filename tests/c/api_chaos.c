/* Several threads call whatever they like, in any order, on monitors that come and go: every call
 * returns, nothing is used after it was destroyed, and all that was handed over is destroyed once. */
#include "check.h"

enum { MONITORS = 3, THREADS = 6 };

struct slot {
  monitor_t *monitor;
  monitor_activity_t activity;
  int port;
};

/* What goes with a registered callback. */
struct data {
  int alive;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[MONITORS];
static int registered;
static int destroyed;
static int calls_left;
/* In a forked child nobody releases what other threads had locked: a host must not lock there, nor in a
 * destructor that runs there. */
static int in_child;

static void count(int *counter)
{
  pthread_mutex_lock(&lock);
  ++*counter;
  pthread_mutex_unlock(&lock);
}

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)event;
  CHECK(((struct data *)user_data)->alive == 0x600d);
}

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  CHECK(((struct data *)user_data)->alive == 0x600d);
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  CHECK(((struct data *)user_data)->alive == 0x600d);
}

static void destroy(void *user_data)
{
  struct data *data = (struct data *)user_data;

  CHECK(data->alive == 0x600d);
  data->alive = 0;
  free(data);
  if (!in_child)
    count(&destroyed);
}

static struct data *fresh(void)
{
  struct data *data = (struct data *)malloc(sizeof *data);

  CHECK(data != NULL);
  data->alive = 0x600d;
  return data;
}

/* What was refused stays ours. */
static void settle(monitor_result_t code, struct data *data)
{
  if (code == MONITOR_OK)
    count(&registered);
  else
    free(data);
}

static monitor_t *fresh_monitor(int index)
{
  monitor_config_t *config = config_of("orders", slots[index].port);
  monitor_t *monitor = NULL;
  char address[32];

  CHECK_OK(monitor_config_set(config, "end_linger", "0s"));
  CHECK_OK(monitor_config_set(config, "watchdog_timeout", "20ms"));
  CHECK_OK(monitor_config_add_peer(config, "billing", loopback(address, 9)));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  return monitor;
}

/* Puts a new monitor in the place of an old one, which is released. */
static void replace(int index)
{
  monitor_t *mine = fresh_monitor(index);
  monitor_t *old;

  pthread_mutex_lock(&lock);
  old = slots[index].monitor;
  slots[index].monitor = mine;
  pthread_mutex_unlock(&lock);
  CHECK_OK(monitor_free(old));
}

/* A child may be forked at any moment, and must come to an end by itself. */
static void in_a_child(monitor_t *monitor)
{
  pid_t child = fork();

  if (child == 0) {
    monitor_statistics_t statistics;

    in_child = 1;
    alarm(PATIENCE_SECONDS);
    statistics.size = sizeof statistics;
    monitor_statistics(monitor, &statistics);
    monitor_app_alive(monitor);
    monitor_free(monitor);
    leave_child();
  }
  CHECK(!child_failed(child));
}

static void call(unsigned choice, int index)
{
  struct slot slot;
  struct data *data;
  monitor_statistics_t statistics;
  monitor_activity_t activity;

  pthread_mutex_lock(&lock);
  slot = slots[index];
  pthread_mutex_unlock(&lock);
  switch (choice) {
  case 0:
    replace(index);
    break;
  case 1:
  case 2:
    monitor_app_start(slot.monitor);
    break;
  case 3:
    monitor_app_end(slot.monitor);
    break;
  case 4:
  case 5:
    data = fresh();
    settle(monitor_on_event_full(slot.monitor, MONITOR_EVENT_ALL, on_event, data, destroy), data);
    break;
  case 6:
    data = fresh();
    settle(monitor_on_interrupt_full(slot.monitor, on_interrupt, data, destroy), data);
    break;
  case 7:
    data = fresh();
    settle(monitor_on_log_full(slot.monitor, MONITOR_LOG_TRACE, on_log, data, destroy), data);
    break;
  case 8:
    monitor_on_event(slot.monitor, MONITOR_EVENT_ALL, NULL, NULL);
    monitor_on_log(slot.monitor, MONITOR_LOG_OFF, NULL, NULL);
    break;
  case 9:
    if (monitor_activity_begin(slot.monitor, "chaos", 20, &activity) == MONITOR_OK) {
      pthread_mutex_lock(&lock);
      slots[index].activity = activity;
      pthread_mutex_unlock(&lock);
    }
    break;
  case 10:
    monitor_activity_alive(slot.monitor, slot.activity);
    break;
  case 11:
    monitor_activity_end(slot.monitor, slot.activity);
    break;
  case 12:
    in_a_child(slot.monitor);
    break;
  default:
    statistics.size = sizeof statistics;
    monitor_statistics(slot.monitor, &statistics);
    monitor_add_peer(slot.monitor, "extra", "127.0.0.1:9");
    monitor_remove_peer(slot.monitor, "extra");
  }
}

static void *caller(void *seed)
{
  unsigned state = *(unsigned *)seed;
  int left;

  for (;;) {
    pthread_mutex_lock(&lock);
    left = calls_left--;
    pthread_mutex_unlock(&lock);
    if (left <= 0)
      return NULL;
    state = state * 1103515245u + 12345u;
    call(state >> 16 & 15, (int)(state >> 24) % MONITORS);
  }
}

int main(void)
{
  pthread_t threads[THREADS];
  unsigned seeds[THREADS];
  int ports[MONITORS];
  int i;

  free_ports(ports, MONITORS);
  for (i = 0; i < MONITORS; i++) {
    slots[i].port = ports[i];
    slots[i].monitor = fresh_monitor(i);
  }
  calls_left = rounds(20000);
  for (i = 0; i < THREADS; i++) {
    seeds[i] = (unsigned)getpid() * 31 + (unsigned)i;
    CHECK(pthread_create(&threads[i], NULL, caller, &seeds[i]) == 0);
  }
  for (i = 0; i < THREADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  for (i = 0; i < MONITORS; i++)
    CHECK_OK(monitor_free(slots[i].monitor));
  CHECK(registered == destroyed);
  return 0;
}
