/* A host that closes every descriptor, as daemons do, and opens files of its own, which get the
 * numbers: no byte goes into them, none of them is closed or watched, and heartbeats go on.
 *
 *     taken private|shared
 *
 * In the host's table the library's own numbers are taken, first each by itself, then all of them;
 * in a private table there are none, and everything from 3 up is taken. */
#include "guest.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#define PERIOD (250 * MILLISECOND)
#define MOST 256

enum kind { TCP, UDP, STREAM, DATAGRAM, PIPE, EVENTFD, EPOLL, REGULAR, KINDS };

static const char *const kinds[] = { "tcp",  "udp",     "stream", "datagram",
                                     "pipe", "eventfd", "epoll",  "file" };

/* A file of the host, and where it shows what was written into it. */
struct file {
  enum kind kind;
  int number;
  int other;
  struct stat identity;
};

static struct watcher watcher;
static monitor_t *monitor;
static int events;

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  events += event->kind == MONITOR_EVENT_STARTED;
}

/* Two sockets of the loopback, connected with each other. */
static void connect_two(int type, int *two)
{
  struct sockaddr_in at;
  socklen_t length = sizeof at;
  int listening = socket(AF_INET, type, 0);

  memset(&at, 0, sizeof at);
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(listening >= 0 && bind(listening, (struct sockaddr *)&at, sizeof at) == 0);
  CHECK(getsockname(listening, (struct sockaddr *)&at, &length) == 0);
  two[0] = socket(AF_INET, type, 0);
  CHECK(two[0] >= 0);
  if (type == SOCK_DGRAM) {
    CHECK(connect(two[0], (struct sockaddr *)&at, sizeof at) == 0);
    CHECK(getsockname(two[0], (struct sockaddr *)&at, &length) == 0);
    CHECK(connect(listening, (struct sockaddr *)&at, sizeof at) == 0);
    two[1] = listening;
    return;
  }
  CHECK(listen(listening, 1) == 0);
  CHECK(connect(two[0], (struct sockaddr *)&at, sizeof at) == 0);
  two[1] = accept(listening, NULL, NULL);
  CHECK(two[1] >= 0);
  leave_no_trace(two[0]);
  leave_no_trace(two[1]);
  close(listening);
}

static struct file open_file(enum kind kind)
{
  struct file file;
  int two[2] = { -1, -1 };
  char name[] = "/tmp/peermon-guest-XXXXXX";
  struct epoll_event interest;

  switch (kind) {
  case TCP: connect_two(SOCK_STREAM, two); break;
  case UDP: connect_two(SOCK_DGRAM, two); break;
  case STREAM: CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, two) == 0); break;
  case DATAGRAM: CHECK(socketpair(AF_UNIX, SOCK_DGRAM, 0, two) == 0); break;
  case PIPE:
    CHECK(pipe(two) == 0);
    two[0] ^= two[1];
    two[1] ^= two[0];
    two[0] ^= two[1];
    break;
  case EVENTFD: two[0] = eventfd(7, EFD_NONBLOCK); break;
  case EPOLL:
    two[0] = epoll_create1(0);
    two[1] = eventfd(0, EFD_NONBLOCK);
    interest.events = EPOLLIN;
    interest.data.u64 = 1;
    CHECK(epoll_ctl(two[0], EPOLL_CTL_ADD, two[1], &interest) == 0);
    break;
  default:
    two[0] = mkstemp(name);
    unlink(name);
  }
  CHECK(two[0] >= 0);
  file.kind = kind;
  file.number = two[0];
  file.other = two[1];
  if (file.other >= 0) {
    /* out of the way of the numbers that are taken */
    file.other = fcntl(two[1], F_DUPFD_CLOEXEC, 2000);
    CHECK(file.other >= 2000);
    close(two[1]);
  }
  CHECK(fstat(file.number, &file.identity) == 0);
  return file;
}

static void is_untouched(const struct file *file)
{
  struct stat identity;
  struct epoll_event event;
  uint64_t count = 0;
  int waiting = 0;

  CHECK(fstat(file->number, &identity) == 0);
  CHECK(identity.st_ino == file->identity.st_ino && identity.st_dev == file->identity.st_dev);
  switch (file->kind) {
  case TCP:
  case UDP:
  case STREAM:
  case DATAGRAM:
  case PIPE:
    CHECK(ioctl(file->other, FIONREAD, &waiting) == 0);
    CHECK(waiting == 0);
    if (file->kind == PIPE)
      break;
    /* what the host was sent is there for the host to read */
    CHECK(ioctl(file->number, FIONREAD, &waiting) == 0);
    CHECK(waiting == 4);
    break;
  case EVENTFD:
    CHECK(read(file->number, &count, sizeof count) == (ssize_t)sizeof count);
    CHECK(count == 7);
    break;
  case EPOLL:
    /* what the host watches, and nothing else */
    CHECK(epoll_wait(file->number, &event, 1, 0) == 0);
    count = 1;
    CHECK(write(file->other, &count, sizeof count) == (ssize_t)sizeof count);
    CHECK(epoll_wait(file->number, &event, 1, 0) == 1 && event.data.u64 == 1);
    break;
  default: CHECK(lseek(file->number, 0, SEEK_END) == 0);
  }
}

static void close_file(const struct file *file)
{
  CHECK(close(file->number) == 0);
  if (file->other >= 0)
    close(file->other);
}

/* Opens a file of the host under `number`, whatever was there. */
static struct file take(int number, enum kind kind)
{
  struct file file = open_file(kind);

  if (file.number != number) {
    CHECK(dup2(file.number, number) == number);
    close(file.number);
    file.number = number;
  }
  return file;
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
  CHECK(watcher_account(&watcher).downs == 0);
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
  CHECK(watcher_account(&watcher).downs == 0);
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
  int shared;

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
