/* A host that closes the event descriptor, as daemons close everything, and opens files of its own
 * under the number: they are neither written to, nor read, nor closed, and events still come. */
#include "check.h"

#include <sys/epoll.h>

static void count(const monitor_event_t *event, void *user_data)
{
  if (event->kind == MONITOR_EVENT_STARTED || event->kind == MONITOR_EVENT_ENDED)
    ++*(int *)user_data;
}

/* Dispatches without being woken until `wanted` events have come. */
static void dispatch_until(monitor_t *monitor, const int *counter, int wanted)
{
  int tries = PATIENCE_SECONDS * 1000;

  while (*counter < wanted) {
    CHECK(tries-- > 0);
    CHECK_OK(monitor_dispatch(monitor, 0));
    poll(NULL, 0, 1);
  }
}

/* A file of the host under `number`; `kind` says which. */
static void take(int number, int kind)
{
  char name[] = "/tmp/peermon-taken-XXXXXX";
  int file;

  if (kind == 0) {
    file = mkstemp(name);
    unlink(name);
  } else {
    file = epoll_create(1);
  }
  CHECK(file >= 0);
  CHECK(dup2(file, number) == number);
  if (file != number)
    close(file);
}

static int is_untouched(int number, int kind)
{
  if (kind == 0)
    return lseek(number, 0, SEEK_END) == 0;
  return fcntl(number, F_GETFD) >= 0;
}

static void taken(int kind, int before_the_start)
{
  monitor_t *orders;
  monitor_t *billing;
  int events = 0;
  int fd;

  pair_of(&orders, &billing);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, count, &events));
  fd = monitor_event_fd(orders);
  CHECK(fd >= 0);
  if (before_the_start)
    take(fd, kind);
  CHECK_OK(monitor_app_start(orders));
  if (!before_the_start)
    take(fd, kind);
  CHECK_OK(monitor_app_start(billing));
  dispatch_until(orders, &events, 1);
  CHECK_OK(monitor_app_end(billing));
  dispatch_until(orders, &events, 2);
  CHECK_OK(monitor_app_start(billing));
  dispatch_until(orders, &events, 3);

  /* at home, where events come from the host's own calls */
  CHECK_OK(monitor_app_end(orders));
  CHECK_OK(monitor_remove_peer(orders, "billing"));
  CHECK_OK(monitor_dispatch(orders, 0));
  CHECK_OK(monitor_app_start(orders));
  CHECK(is_untouched(fd, kind));
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
  CHECK(is_untouched(fd, kind));
  close(fd);
}

int main(void)
{
  taken(0, 0);
  taken(0, 1);
  taken(1, 0);
  taken(1, 1);
  return 0;
}
