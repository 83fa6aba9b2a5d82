/* A host that closes every descriptor, as daemons do, and opens files of its own, which get the
 * numbers: no byte goes into them, none of them is closed or watched, and heartbeats go on.
 *
 *     taken private|shared
 *
 * In the host's table the library's own numbers are taken, first each by itself, then all of them;
 * in a private table there are none, and everything from 3 up is taken. */
#include "files.h"
#include "watcher.h"

#define PERIOD (250 * MILLISECOND)
#define MOST 256

static struct watcher watcher;
static monitor_t *monitor;
static int events;
static int shared;

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  events += event->kind == MONITOR_EVENT_STARTED;
}

/* What a host does meanwhile: all of it goes through the library's own wake-ups. */
static void be_busy(void)
{
  CHECK_OK(monitor_add_peer(monitor, "extra", "127.0.0.1:9"));
  CHECK_OK(monitor_app_alive(monitor));
  CHECK_OK(monitor_pause(monitor, MONITOR_TIMER_JUDGE, 1));
  CHECK_OK(monitor_resume(monitor));
  CHECK_OK(monitor_remove_peer(monitor, "extra"));
  CHECK_OK(monitor_dispatch(monitor, 0));
}

/* Nanoseconds until two heartbeats have arrived at the watcher, the second of them surely sent after
 * this call began. */
static int64_t two_heartbeats(void)
{
  int64_t begun = now();
  int i;

  for (i = 0; i < 2; i++) {
    uint64_t beat = watcher_account(&watcher).beat;

    UNTIL_ACCOUNT(&watcher, account.beat != beat);
  }
  return now() - begun;
}

/* Nobody was told down. In the host's table the port is closed for the moment that it takes to open it
 * anew; on a busy machine that moment may be long enough for a peer to be refused, but not longer. */
static void is_watched(void)
{
  if (shared)
    UNTIL_ACCOUNT(&watcher, account.state == MONITOR_STATE_UP && account.downs == account.recoveries);
  else
    CHECK(watcher_account(&watcher).downs == 0);
}

/* The host has these numbers now. */
static void live_on(const char *what, enum kind kind, const int *numbers, int count)
{
  static struct file files[MOST];
  int64_t took;
  int heard = events;
  int i;

  for (i = 0; i < count; i++) {
    files[i] = take(numbers[i], kind);
    if (kind <= DATAGRAM)
      CHECK(send(files[i].other, "mine", 4, 0) == 4);
  }
  be_busy();
  took = two_heartbeats();
  be_busy();
  /* events come in as well as heartbeats go out */
  watcher_live_again(&watcher);
  UNTIL((monitor_dispatch(monitor, 0), events > heard));
  for (i = 0; i < count; i++)
    is_untouched(&files[i]);
  is_watched();
  CHECK(status_of(monitor, "billing").outages == 0);
  printf("measured %s %s two_beats_ms %ld\n", what, kinds[kind], (long)(took / MILLISECOND));
  /* two periods, and as long again for a machine that has other things to do */
  CHECK(took < 4 * PERIOD);
  CHECK_OK(monitor_app_end(monitor));
  for (i = 0; i < count; i++) {
    struct stat identity;

    CHECK(fstat(files[i].number, &identity) == 0);
    CHECK(identity.st_ino == files[i].identity.st_ino);
    close_file(&files[i]);
  }
}

static void start(void)
{
  CHECK_OK(monitor_app_start(monitor));
  UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
  UNTIL_ACCOUNT(&watcher, account.state == MONITOR_STATE_UP);
  /* while they get acquainted heartbeats are more frequent */
  while (two_heartbeats() < PERIOD) {
  }
}

/* The numbers that a start adds to the table of the host. */
static int numbers_of_ours(int *ours)
{
  static int before[MOST];
  static int after[MOST];
  int count_before = open_numbers(before, MOST);
  int count_after;
  int count = 0;
  int i;
  int j;

  start();
  count_after = open_numbers(after, MOST);
  for (i = 0; i < count_after; i++) {
    for (j = 0; j < count_before && before[j] != after[i]; j++) {
    }
    if (j == count_before)
      ours[count++] = after[i];
  }
  return count;
}

static void in_the_hosts_table(void)
{
  static int ours[MOST];
  int count = numbers_of_ours(ours);
  int kind;
  int i;

  CHECK(count >= 2);
  for (i = 0; i < count; i++) {
    char path[64];
    char what[128];
    ssize_t length;
    int again;

    CHECK(ours[i] > 255);
    sprintf(path, "/proc/self/fd/%d", ours[i]);
    length = readlink(path, what, sizeof what - 1);
    CHECK(length > 0);
    what[length] = '\0';
    what[strcspn(what, ":")] = '\0';
    live_on(what, DATAGRAM, &ours[i], 1);
    again = numbers_of_ours(ours);
    CHECK(again == count);
  }
  for (kind = 0; kind < KINDS; kind++) {
    live_on("all", (enum kind)kind, ours, count);
    CHECK(numbers_of_ours(ours) == count);
  }
  /* closed, and nothing in their place */
  for (i = 0; i < count; i++)
    close(ours[i]);
  CHECK(two_heartbeats() < 4 * PERIOD);
  is_watched();
}

static void in_a_private_table(void)
{
  static int numbers[100];
  int count = 0;
  int kind;
  int number;

  for (number = 3; count < 100; number++) {
    if (number != watcher.ask && number != watcher.answer)
      numbers[count++] = number;
  }
  for (kind = 0; kind < KINDS; kind++) {
    start();
    /* the descriptor of monitor_event_fd is taken too */
    for (number = 3; number < 1024; number++) {
      if (number != watcher.ask && number != watcher.answer)
        close(number);
    }
    live_on("all", (enum kind)kind, numbers, 100);
  }
}

int main(int argc, char **argv)
{
  int number;

  CHECK(argc == 2);
  shared = is_shared(argv[1]);
  for (number = 3; number < 1024; number++)
    close(number);
  watcher_start(&watcher, "billing", 1, "orders", 0, "60s", "250ms");
  if (shared)
    refuse_private_table();
  monitor = monitor_at("orders", 0, "billing", 1, "60s", "250ms");
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK(monitor_event_fd(monitor) >= 0);
  if (shared)
    in_the_hosts_table();
  else
    in_a_private_table();
  CHECK_OK(monitor_free(monitor));
  watcher_stop(&watcher);
  return 0;
}
