/* A server in a process of its own that watches the host, and says what it was told. */
#ifndef WATCHER_H
#define WATCHER_H

#include "guest.h"

struct account {
  /* the status of the host now */
  uint32_t state;
  uint32_t lifelines;
  uint64_t incarnation;
  uint64_t beat;
  uint64_t outages;
  /* the events about it until now */
  int32_t started;
  int32_t downs;
  int32_t recoveries;
  int32_t ends;
  /* of the last DOWN and of the last RECOVERED */
  uint32_t down_reason;
  uint32_t recovery_reason;
  int64_t down_at;
};

struct watcher {
  pid_t process;
  int ask;
  int answer;
};

static struct account watched;
static pthread_mutex_t watched_lock = PTHREAD_MUTEX_INITIALIZER;

static UNUSED void keep_account(const monitor_event_t *event, void *user_data)
{
  (void)user_data;
  pthread_mutex_lock(&watched_lock);
  switch (event->kind) {
  case MONITOR_EVENT_STARTED: watched.started++; break;
  case MONITOR_EVENT_ENDED: watched.ends++; break;
  case MONITOR_EVENT_DOWN:
    watched.downs++;
    watched.down_reason = event->reason;
    watched.down_at = now();
    break;
  case MONITOR_EVENT_RECOVERED:
    watched.recoveries++;
    watched.recovery_reason = event->reason;
    break;
  default: break;
  }
  pthread_mutex_unlock(&watched_lock);
}

/* Serves until its parent is gone: 'q' asks for the account, 'l' for a new life of the watcher. */
static UNUSED void watcher_serve(monitor_t *monitor, const char *peer, int ask, int answer)
{
  char what;

  while (read(ask, &what, 1) == 1) {
    if (what == 'l') {
      CHECK_OK(monitor_app_end(monitor));
      CHECK_OK(monitor_app_start(monitor));
      CHECK(write(answer, &what, 1) == 1);
    } else {
      monitor_peer_status_t status = status_of(monitor, peer);
      struct account account;

      pthread_mutex_lock(&watched_lock);
      account = watched;
      pthread_mutex_unlock(&watched_lock);
      account.state = status.state;
      account.lifelines = status.lifelines;
      account.incarnation = status.incarnation;
      account.beat = status.running_a;
      account.outages = status.outages;
      CHECK(write(answer, &account, sizeof account) == (ssize_t)sizeof account);
    }
  }
  CHECK_OK(monitor_free(monitor));
  _exit(0);
}

/* Starts a server at address `number` that watches `peer`; to be called while this process has no
 * other thread. */
static UNUSED void watcher_start(struct watcher *watcher, const char *name, int number,
                                 const char *peer, int peer_number, const char *detect,
                                 const char *interval)
{
  char address[32];
  int ask[2];
  int answer[2];

  address_of(address, number);
  CHECK(pipe2(ask, O_CLOEXEC) == 0 && pipe2(answer, O_CLOEXEC) == 0);
  watcher->process = fork();
  CHECK(watcher->process >= 0);
  if (watcher->process == 0) {
    monitor_t *monitor = monitor_at(name, number, peer, peer_number, detect, interval);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(ask[1]);
    close(answer[0]);
    CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, keep_account, NULL));
    CHECK_OK(monitor_app_start(monitor));
    watcher_serve(monitor, peer, ask[0], answer[1]);
  }
  close(ask[0]);
  close(answer[1]);
  watcher->ask = ask[1];
  watcher->answer = answer[0];
}

static UNUSED struct account watcher_account(const struct watcher *watcher)
{
  struct account account;

  CHECK(write(watcher->ask, "q", 1) == 1);
  CHECK(read(watcher->answer, &account, sizeof account) == (ssize_t)sizeof account);
  return account;
}

/* The watcher ends and begins a new life: an ENDED and a STARTED for the host. */
static UNUSED void watcher_live_again(const struct watcher *watcher)
{
  char what;

  CHECK(write(watcher->ask, "l", 1) == 1);
  CHECK(read(watcher->answer, &what, 1) == 1);
}

/* Waits for something in the account of `watcher`. */
#define UNTIL_ACCOUNT(watcher, condition)                                        \
  do {                                                                           \
    struct account account;                                                      \
    UNTIL((account = watcher_account(watcher), condition));                      \
  } while (0)

static UNUSED void watcher_stop(struct watcher *watcher)
{
  close(watcher->ask);
  CHECK(!child_failed(watcher->process));
  close(watcher->answer);
}

#endif
