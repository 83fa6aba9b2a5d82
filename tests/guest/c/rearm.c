/* A server that forks and goes on in the child.
 *
 *     rearm daemon      init, daemon(3), start
 *     rearm killed      start, fork, the parent is killed, the child starts the same handle
 */
#include "watcher.h"

static void go_on(monitor_t *monitor, int tell, int stay)
{
  pid_t me = getpid();
  char byte;

  CHECK_OK(monitor_app_start(monitor));
  CHECK(write(tell, &me, sizeof me) == (ssize_t)sizeof me);
  CHECK(read(stay, &byte, 1) == 0);
  CHECK_OK(monitor_app_end(monitor));
  CHECK_OK(monitor_free(monitor));
  _exit(0);
}

static void serve(int daemonises, int ready, int go, int tell, int stay)
{
  monitor_t *monitor = monitor_at("billing", 1, "orders", 0, "60s", "50ms");
  char byte = 'x';

  if (daemonises) {
    CHECK(daemon(1, 1) == 0);
    alarm(PATIENCE_SECONDS);
    go_on(monitor, tell, stay);
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  CHECK_OK(monitor_app_start(monitor));
  if (fork() == 0) {
    alarm(PATIENCE_SECONDS);
    CHECK(read(go, &byte, 1) == 1);
    CHECK_RC(monitor_app_alive(monitor), MONITOR_ERR_FORKED);
    go_on(monitor, tell, stay);
  }
  CHECK(write(ready, &byte, 1) == 1);
  for (;;)
    pause();
}

int main(int argc, char **argv)
{
  struct watcher watcher;
  struct account first;
  struct account second;
  int daemonises;
  int ready[2];
  int go[2];
  int tell[2];
  int stay[2];
  int status;
  char byte;
  pid_t server;
  pid_t heir;

  CHECK(argc == 2);
  daemonises = strcmp(argv[1], "daemon") == 0;
  watcher_start(&watcher, "orders", 0, "billing", 1, "60s", "50ms");
  CHECK(pipe(ready) == 0 && pipe(go) == 0 && pipe(tell) == 0 && pipe(stay) == 0);
  server = fork();
  if (server == 0) {
    close(stay[1]);
    serve(daemonises, ready[1], go[0], tell[1], stay[0]);
  }
  close(stay[0]);
  if (daemonises) {
    CHECK(!child_failed(server));
    CHECK(read(tell[0], &heir, sizeof heir) == (ssize_t)sizeof heir);
    CHECK(heir != server);
    UNTIL_ACCOUNT(&watcher, account.started == 1 && account.lifelines == 2);
  } else {
    CHECK(read(ready[0], &byte, 1) == 1);
    UNTIL_ACCOUNT(&watcher, account.started == 1 && account.lifelines == 2);
    first = watcher_account(&watcher);
    CHECK(kill(server, SIGKILL) == 0);
    CHECK(waitpid(server, &status, 0) == server);
    UNTIL_ACCOUNT(&watcher, account.downs == 1);
    CHECK(watcher_account(&watcher).down_reason == MONITOR_REASON_PROCESS_EXIT);
    CHECK(write(go[1], "x", 1) == 1);
    CHECK(read(tell[0], &heir, sizeof heir) == (ssize_t)sizeof heir);
    UNTIL_ACCOUNT(&watcher, account.recoveries == 1 && account.lifelines == 2);
    second = watcher_account(&watcher);
    CHECK(second.recovery_reason == MONITOR_REASON_RESTARTED);
    CHECK(second.incarnation != first.incarnation && second.incarnation != 0);
  }
  close(stay[1]);
  UNTIL_ACCOUNT(&watcher, account.ends == 1);
  CHECK(watcher_account(&watcher).downs == (daemonises ? 0 : 1));
  watcher_stop(&watcher);
  return 0;
}
