/* fork again and again while other threads are inside of every function, callbacks run and
 * heartbeats come and go. Every child calls every function.
 *
 *     forks COUNT       or: forks list
 */
#include "every_call.h"
#include "watcher.h"

#define LOADS 2

static monitor_t *monitor;
static volatile int stop;
static volatile int logged;

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  (void)user_data;
  logged++;
}

/* Every function but those that would end the monitor. */
static void *load(void *user_data)
{
  int me = *(int *)user_data;
  size_t i;

  while (!stop) {
    for (i = 0; i < CALLS; i++) {
      const struct call *call = &every_call[i];

      if (call->make == call_end || call->make == call_free || call->make == call_start)
        continue;
      /* waiting for a running callback; one at a time is enough */
      if (call->make == call_on_event && me != 0)
        continue;
      if (call->make == call_on_log || call->make == call_event_fd || call->make == call_dispatch)
        continue;
      if (call->make(monitor) < 0)
        CHECK(!"a call under load failed");
    }
  }
  return NULL;
}

/* Keeps the lock of all handles busy, which a fork must not catch in the hands of another thread. */
static void *hammer(void *unused)
{
  int turn;

  (void)unused;
  while (!stop) {
    for (turn = 0; turn < 200; turn++) {
      monitor_config_t *config;

      CHECK_OK(monitor_config_new(&config));
      CHECK_OK(monitor_config_free(config));
    }
    poll(NULL, 0, 1);
  }
  return NULL;
}

static void in_the_child(int number)
{
  monitor_t *own;
  size_t i;
  int code;

  for (i = 0; i < CALLS; i++) {
    const struct call *call = &every_call[i];

    switch (call->kind) {
    case FREE_OF_HANDLES: CHECK_OK(call->make(NULL)); break;
    case WITH_MONITOR: CHECK_RC(call->make(monitor), MONITOR_ERR_FORKED); break;
    case STARTS:
      if (number % 50 != 0)
        break;
      /* the parent has the address */
      code = call->make(monitor);
      CHECK(code == MONITOR_ERR_STATE);
      break;
    default:
      CHECK_OK(call->make(monitor));
      CHECK_RC(call->make(monitor), MONITOR_ERR_HANDLE);
    }
  }
  if (number % 50 == 0) {
    own = monitor_at("child", 2 + number / 50 % 200, "orders", 0, "1s", "200ms");
    CHECK_OK(monitor_app_start(own));
    CHECK_OK(monitor_app_alive(own));
    CHECK_OK(monitor_app_end(own));
    CHECK_OK(monitor_free(own));
  }
}

int main(int argc, char **argv)
{
  struct watcher watcher;
  struct account account;
  pthread_t threads[LOADS + 1];
  int numbers[LOADS];
  int forks;
  int i;
  int64_t begun = now();

  CHECK(argc == 2);
  if (strcmp(argv[1], "list") == 0)
    return list_calls();
  forks = atoi(argv[1]);
  /* a minute: the load of this test may not pass for an outage */
  watcher_start(&watcher, "billing", 1, "orders", 0, "60s", "20ms");
  monitor = monitor_at("orders", 0, "billing", 1, "60s", "20ms");
  CHECK_OK(monitor_on_log(monitor, MONITOR_LOG_TRACE, on_log, NULL));
  CHECK_OK(monitor_app_start(monitor));
  UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
  for (i = 0; i < LOADS; i++) {
    numbers[i] = i;
    CHECK(pthread_create(&threads[i], NULL, load, &numbers[i]) == 0);
  }
  CHECK(pthread_create(&threads[LOADS], NULL, hammer, NULL) == 0);
  for (i = 0; i < forks; i++) {
    pid_t child = fork();

    if (child == 0) {
      alarm(PATIENCE_SECONDS);
      in_the_child(i);
      _exit(0);
    }
    CHECK(!child_failed(child));
  }
  stop = 1;
  for (i = 0; i <= LOADS; i++)
    CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(logged > 0);
  account = watcher_account(&watcher);
  CHECK(account.state == MONITOR_STATE_UP && account.downs == 0 && account.started == 1);
  CHECK_OK(monitor_free(monitor));
  watcher_stop(&watcher);
  printf("measured forks %d in_ms %ld\n", forks, (long)((now() - begun) / MILLISECOND));
  return 0;
}
