/* The caller's signal mask is what it was, after a start and after one that fails. And what a signal
 * does is what it did, for all of them, through a whole life. */
#include "guest.h"

static struct sigaction before[65];

static void count(const monitor_event_t *event, void *user_data)
{
  (void)event;
  tally_raise((struct tally *)user_data);
}

static void handler(int signal) { (void)signal; }

static void remember(void)
{
  int signal;

  for (signal = 1; signal <= 64; signal++)
    sigaction(signal, NULL, &before[signal]);
}

static void is_unchanged(void)
{
  int signal;

  for (signal = 1; signal <= 64; signal++) {
    struct sigaction after;
    int other;

    if (sigaction(signal, NULL, &after) != 0)
      continue;
    CHECK(after.sa_handler == before[signal].sa_handler);
    CHECK(after.sa_flags == before[signal].sa_flags);
    for (other = 1; other <= 64; other++)
      CHECK(sigismember(&after.sa_mask, other) == sigismember(&before[signal].sa_mask, other));
  }
}

/* A mask that nobody would choose. */
static void set_mask(sigset_t *mask)
{
  sigemptyset(mask);
  sigaddset(mask, SIGUSR2);
  sigaddset(mask, SIGSEGV);
  sigaddset(mask, SIGRTMIN + 9);
  CHECK(pthread_sigmask(SIG_SETMASK, mask, NULL) == 0);
}

static void has_mask(const sigset_t *mask)
{
  sigset_t after;
  int signal;

  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &after) == 0);
  for (signal = 1; signal <= 64; signal++)
    CHECK(sigismember(&after, signal) == sigismember(mask, signal));
}

static void *start_without_threads(void *user_data)
{
  sigset_t mask;

  set_mask(&mask);
  refuse(SYS_clone3, EPERM);
  refuse(SYS_clone, EPERM);
  CHECK_RC(monitor_app_start((monitor_t *)user_data), MONITOR_ERR_IO);
  has_mask(&mask);
  return NULL;
}

static void *start_without_sockets(void *user_data)
{
  sigset_t mask;

  set_mask(&mask);
  refuse(SYS_socket, EAFNOSUPPORT);
  CHECK_RC(monitor_app_start((monitor_t *)user_data), MONITOR_ERR_IO);
  has_mask(&mask);
  return NULL;
}

int main(void)
{
  monitor_t *orders;
  monitor_t *billing;
  monitor_t *third;
  struct sigaction action;
  struct tally events;
  pthread_t thread;
  sigset_t mask;

  tally_init(&events);
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaddset(&action.sa_mask, SIGHUP);
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
  remember();
  set_mask(&mask);

  orders = monitor_at("orders", 0, "billing", 1, "1s", "50ms");
  billing = monitor_at("billing", 1, "orders", 0, "1s", "50ms");
  third = monitor_at("third", 0, "billing", 1, "1s", "50ms");
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_STARTED | MONITOR_EVENT_ENDED, count, &events));
  CHECK(pthread_create(&thread, NULL, start_without_threads, orders) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(pthread_create(&thread, NULL, start_without_sockets, orders) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK_OK(monitor_app_start(orders));
  has_mask(&mask);
  CHECK_RC(monitor_app_start(third), MONITOR_ERR_STATE);
  has_mask(&mask);
  CHECK_OK(monitor_app_start(billing));
  CHECK(tally_wait(&events, 1));
  is_unchanged();
  CHECK_OK(monitor_app_end(billing));
  CHECK(tally_wait(&events, 2));
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
  CHECK_OK(monitor_free(third));
  is_unchanged();
  has_mask(&mask);
  return 0;
}
