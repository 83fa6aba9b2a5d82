// A callback that throws or ends its thread: a defined abort, after a line to the log callback. The
// one case in which the library ends the process.
#include <sys/resource.h>

#include "check.h"

static int log_pipe[2];

static void on_log(int32_t level, const char *message, void *)
{
  if (level == MONITOR_LOG_ERROR) {
    ssize_t written = write(log_pipe[1], message, strlen(message));
    (void)written;
  }
}

static void throwing_log(int32_t, const char *, void *) { throw 1; }

static void throwing_event(const monitor_event_t *, void *) { throw 1; }

static void ending_event(const monitor_event_t *, void *) { pthread_exit(NULL); }

static void throwing_peer(const monitor_peer_status_t *, void *) { throw 1; }

static void by_event(monitor_event_fn callback, monitor_log_fn log)
{
  monitor_t *orders;
  monitor_t *billing;

  pair_of(&orders, &billing);
  CHECK_OK(monitor_on_log(orders, MONITOR_LOG_ERROR, log, NULL));
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, callback, NULL));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  alarm(PATIENCE_SECONDS);
  for (;;)
    pause();
}

static void by_thrown_event() { by_event(throwing_event, on_log); }

static void by_ended_thread() { by_event(ending_event, on_log); }

static void by_thrown_event_and_log() { by_event(throwing_event, throwing_log); }

static void by_dispatch()
{
  monitor_t *orders;
  monitor_t *billing;
  struct pollfd descriptor;

  pair_of(&orders, &billing);
  descriptor.fd = monitor_event_fd(orders);
  descriptor.events = POLLIN;
  CHECK_OK(monitor_on_log(orders, MONITOR_LOG_ERROR, on_log, NULL));
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, throwing_event, NULL));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  alarm(PATIENCE_SECONDS);
  for (;;) {
    CHECK(poll(&descriptor, 1, PATIENCE_SECONDS * 1000) == 1);
    monitor_dispatch(orders, 0);
  }
}

static void by_each_peer()
{
  monitor_t *orders;
  monitor_t *billing;

  pair_of(&orders, &billing);
  CHECK_OK(monitor_on_log(orders, MONITOR_LOG_ERROR, on_log, NULL));
  try {
    monitor_each_peer(orders, throwing_peer, NULL);
  } catch (...) {
    _exit(3);
  }
  _exit(4);
}

static void aborts_after_a_line(void (*scene)(), bool with_line)
{
  char line[1024];
  ssize_t length = 0;
  ssize_t got;
  int status = 0;

  CHECK(pipe(log_pipe) == 0);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    struct rlimit none = { 0, 0 };

    setrlimit(RLIMIT_CORE, &none);
    close(log_pipe[0]);
    scene();
    _exit(5);
  }
  close(log_pipe[1]);
  while ((got = read(log_pipe[0], line + length, sizeof line - 1 - length)) > 0)
    length += got;
  line[length] = '\0';
  close(log_pipe[0]);
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  CHECK((strstr(line, "callback threw") != NULL) == with_line);
}

int main()
{
  aborts_after_a_line(by_each_peer, true);
  aborts_after_a_line(by_thrown_event, true);
  aborts_after_a_line(by_ended_thread, true);
  aborts_after_a_line(by_dispatch, true);
  aborts_after_a_line(by_thrown_event_and_log, false);
  return 0;
}
