/* SIGKILL of a server whose child lives on.
 *
 *     kill fork|clone HEAP_MB private|shared
 *
 * With a private table the watcher knows it by the lifelines: it has a minute to detect otherwise.
 * With the host's table it knows it by heartbeats: a forked child has let go of the port, so that
 * nobody listens there and another server may; a raw clone has it still, and the deadline passes. */
#include "watcher.h"

#include <sys/mman.h>

#define DETECT_SHARED "2s"

/* A child that lives, and proves it by answering. */
static void start_child(const char *way, int ask, int answer)
{
  pid_t child;
  char byte;

  /* a raw clone without CLONE_FILES runs no fork handler */
  if (strcmp(way, "clone") == 0)
    child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  else
    child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    while (read(ask, &byte, 1) == 1) {
      if (write(answer, &byte, 1) != 1)
        break;
    }
    _exit(0);
  }
}

static void dirty(size_t megabytes)
{
  size_t length = megabytes << 20;
  size_t at;
  char *memory;

  if (length == 0)
    return;
  memory = (char *)mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  /* pages one by one are what takes long to free */
  madvise(memory, length, MADV_NOHUGEPAGE);
  for (at = 0; at < length; at += 4096)
    memory[at] = 1;
}

static void serve(const char *way, size_t megabytes, int shared, int report, int ask, int answer)
{
  monitor_t *monitor;
  char byte = 'x';

  /* it goes with this test, and its children do not */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (shared)
    refuse_private_table();
  monitor = monitor_at("billing", 1, "orders", 0, shared ? DETECT_SHARED : "60s", "50ms");
  CHECK_OK(monitor_app_start(monitor));
  UNTIL(status_of(monitor, "orders").state == MONITOR_STATE_UP);
  if (!shared)
    UNTIL(status_of(monitor, "orders").lifelines == 2);
  dirty(megabytes);
  start_child(way, ask, answer);
  CHECK(write(report, &byte, 1) == 1);
  for (;;)
    pause();
}

static int is_alive(int ask, int answer)
{
  char byte = 'x';

  return write(ask, &byte, 1) == 1 && read(answer, &byte, 1) == 1;
}

int main(int argc, char **argv)
{
  struct watcher watcher;
  struct account account;
  int64_t killed;
  int64_t reaped;
  int report[2];
  int ask[2];
  int answer[2];
  int shared;
  int status;
  char byte;
  pid_t server;

  CHECK(argc == 4);
  shared = is_shared(argv[3]);
  watcher_start(&watcher, "orders", 0, "billing", 1, shared ? DETECT_SHARED : "60s", "50ms");
  CHECK(pipe(report) == 0 && pipe(ask) == 0 && pipe(answer) == 0);
  server = fork();
  if (server == 0) {
    close(ask[1]);
    serve(argv[1], (size_t)atoi(argv[2]), shared, report[1], ask[0], answer[1]);
  }
  close(ask[0]);
  close(answer[1]);
  close(report[1]);
  CHECK(read(report[0], &byte, 1) == 1);
  UNTIL_ACCOUNT(&watcher, account.state == MONITOR_STATE_UP
                            && (shared || account.lifelines == 2));
  /* while both live, nobody is told down: over many heartbeats after the fork */
  account = watcher_account(&watcher);
  killed = now();
  UNTIL(now() - killed > (shared ? 3 : 1) * SECOND);
  CHECK(watcher_account(&watcher).beat != account.beat);
  CHECK(watcher_account(&watcher).downs == 0);
  CHECK(watcher_account(&watcher).lifelines == (shared ? 0u : 2u));

  killed = now();
  CHECK(kill(server, SIGKILL) == 0);
  CHECK(waitpid(server, &status, 0) == server);
  reaped = now();
  UNTIL_ACCOUNT(&watcher, account.downs > 0);
  account = watcher_account(&watcher);
  CHECK(account.downs == 1);
  CHECK(is_alive(ask[1], answer[0]));
  if (shared) {
    int forked = strcmp(argv[1], "fork") == 0;
    monitor_t *successor;

    /* the last heartbeat was sent at most an interval and a half before */
    CHECK(forked || account.down_at - killed > 1500 * MILLISECOND);
    CHECK(forked || account.down_reason != MONITOR_REASON_PROCESS_EXIT);
    CHECK(account.down_at - killed < 10 * SECOND);
    successor = monitor_at("billing", 1, "orders", 0, DETECT_SHARED, "50ms");
    CHECK_RC(monitor_app_start(successor), forked ? MONITOR_OK : MONITOR_ERR_STATE);
    if (forked) {
      UNTIL_ACCOUNT(&watcher, account.recoveries == 1);
      CHECK(is_alive(ask[1], answer[0]));
    }
    CHECK_OK(monitor_free(successor));
  } else {
    CHECK(account.down_reason == MONITOR_REASON_PROCESS_EXIT);
    /* only a lifeline knows within seconds what heartbeats show within a minute */
    CHECK(account.down_at - killed < 10 * SECOND);
  }
  printf("measured down_us %ld gone_us %ld\n", (long)((account.down_at - killed) / 1000),
         (long)((reaped - killed) / 1000));
  close(ask[1]);
  watcher_stop(&watcher);
  return 0;
}
