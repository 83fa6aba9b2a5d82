/* A host with a select loop and a thousand clients: every number fits into its fd_set, though the
 * library runs, and every byte comes back. The host has so many other files that the clients take the
 * last number that fits: with one more of ours there would be one too many.
 *
 *     select private|shared */
#include "watcher.h"

#include <sys/select.h>

#define CLIENTS 1000
#define ROUNDS 5

static int started;

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  started += event->kind == MONITOR_EVENT_STARTED;
}

/* The clients live elsewhere: their numbers are not the host's. */
static void be_clients(const struct sockaddr_in *to)
{
  static int numbers[CLIENTS];
  int round;
  int i;

  for (i = 0; i < CLIENTS; i++) {
    numbers[i] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(numbers[i] >= 0);
    leave_no_trace(numbers[i]);
    CHECK(connect(numbers[i], (const struct sockaddr *)to, sizeof *to) == 0);
  }
  for (round = 0; round < ROUNDS; round++) {
    for (i = 0; i < CLIENTS; i++) {
      int32_t word = round * CLIENTS + i;

      CHECK(send(numbers[i], &word, sizeof word, MSG_NOSIGNAL) == (ssize_t)sizeof word);
    }
    for (i = 0; i < CLIENTS; i++) {
      int32_t word = -1;

      CHECK(recv(numbers[i], &word, sizeof word, MSG_WAITALL) == (ssize_t)sizeof word);
      CHECK(word == round * CLIENTS + i);
    }
  }
  for (i = 0; i < CLIENTS; i++)
    close(numbers[i]);
  _exit(0);
}

static int listener(struct sockaddr_in *at)
{
  socklen_t length = sizeof *at;
  int number = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  memset(at, 0, sizeof *at);
  at->sin_family = AF_INET;
  at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(number >= 0);
  CHECK(bind(number, (struct sockaddr *)at, sizeof *at) == 0);
  CHECK(listen(number, CLIENTS) == 0);
  CHECK(getsockname(number, (struct sockaddr *)at, &length) == 0);
  return number;
}

static void echo(int number, fd_set *set, int *serving)
{
  char bytes[64];
  ssize_t length = recv(number, bytes, sizeof bytes, 0);

  if (length > 0) {
    CHECK(send(number, bytes, (size_t)length, MSG_NOSIGNAL) == length);
    return;
  }
  FD_CLR(number, set);
  close(number);
  --*serving;
}

int main(int argc, char **argv)
{
  struct rlimit limit;
  struct watcher watcher;
  struct sockaddr_in at;
  monitor_t *monitor;
  fd_set set;
  pid_t clients;
  int highest;
  int accepted = 0;
  int serving = 0;
  int filler;
  int listening;
  int events;

  CHECK(argc == 2);
  for (filler = 3; filler < 256; filler++)
    close(filler);
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  watcher_start(&watcher, "billing", 1, "orders", 0, "60s", "50ms");
  listening = listener(&at);
  clients = fork();
  if (clients == 0) {
    alarm(120);
    close(listening);
    be_clients(&at);
  }
  if (is_shared(argv[1]))
    refuse_private_table();
  monitor = monitor_at("orders", 0, "billing", 1, "60s", "50ms");
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL));
  events = monitor_event_fd(monitor);
  CHECK(events >= 0 && events < FD_SETSIZE);
  do {
    filler = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(filler >= 0);
  } while (filler < FD_SETSIZE - CLIENTS - 1);
  CHECK(filler == FD_SETSIZE - CLIENTS - 1);
  CHECK_OK(monitor_app_start(monitor));
  alarm(120);

  FD_ZERO(&set);
  FD_SET(listening, &set);
  FD_SET(events, &set);
  highest = listening > events ? listening : events;
  while (accepted < CLIENTS || serving > 0 || started < 2) {
    fd_set ready = set;
    int number;

    CHECK(select(highest + 1, &ready, NULL, NULL, NULL) > 0);
    for (number = 0; number <= highest; number++) {
      if (!FD_ISSET(number, &ready))
        continue;
      if (number == events) {
        CHECK_OK(monitor_dispatch(monitor, 0));
      } else if (number == listening) {
        int client = accept(listening, NULL, NULL);

        CHECK(client >= 0);
        /* what kills a select host */
        CHECK(client < FD_SETSIZE);
        FD_SET(client, &set);
        highest = client > highest ? client : highest;
        serving++;
        accepted++;
        if (accepted == CLIENTS)
          watcher_live_again(&watcher);
      } else {
        echo(number, &set, &serving);
      }
    }
  }
  CHECK(!child_failed(clients));
  CHECK(accepted == CLIENTS && highest == FD_SETSIZE - 1);
  CHECK(watcher_account(&watcher).downs == 0);
  CHECK_OK(monitor_free(monitor));
  watcher_stop(&watcher);
  return 0;
}
