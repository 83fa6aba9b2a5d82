// The ways to leave a process while callbacks are busy: none of them touches what static destructors
// have destroyed, hangs or crashes.
//
//     leave return|exit|quick_exit|_exit|abort|callback|stuck
//
// "callback" leaves from inside of a callback, "stuck" while one never returns.
#include "guest.h"

#include <sys/mman.h>

#include <cstdlib>

static const unsigned char FRESH = 0xa5;
static const unsigned char DESTROYED = 0xdd;

// What outlives the process: what the callbacks saw.
struct Seen {
  volatile int calls;
  volatile int late;
  volatile int destroyed;
  volatile int running_at_destruction;
  volatile int inside;
};

static Seen *seen;

// Stands for whatever the callbacks of a server use.
struct Global {
  volatile unsigned char bytes[4096];

  Global()
  {
    for (size_t i = 0; i < sizeof bytes; i++)
      bytes[i] = FRESH;
  }

  ~Global()
  {
    if (seen == NULL)
      return;
    seen->running_at_destruction = seen->inside;
    seen->destroyed = 1;
    for (size_t i = 0; i < sizeof bytes; i++)
      bytes[i] = DESTROYED;
    // other objects are destroyed too, and that takes time, in which events come in
    poll(NULL, 0, 150);
  }
};

static Global global;

static const char *way;
static tally entered;
static monitor_t *orders;
static monitor_t *billing;
static volatile int stop;

static void leave()
{
  if (strcmp(way, "exit") == 0 || strcmp(way, "callback") == 0 || strcmp(way, "stuck") == 0)
    exit(0);
  if (strcmp(way, "quick_exit") == 0)
    quick_exit(0);
  if (strcmp(way, "_exit") == 0)
    _exit(0);
  if (strcmp(way, "abort") == 0)
    abort();
}

extern "C" {

static void on_log(int32_t, const char *, void *)
{
  __sync_fetch_and_add(&seen->calls, 1);
  __sync_fetch_and_add(&seen->inside, 1);
  if (global.bytes[7] != FRESH)
    seen->late = 1;
  for (size_t i = 0; i < sizeof global.bytes; i++) {
    if (global.bytes[i] == DESTROYED)
      seen->late = 1;
  }
  __sync_fetch_and_sub(&seen->inside, 1);
}

static void on_event(const monitor_event_t *, void *)
{
  __sync_fetch_and_add(&seen->calls, 1);
  __sync_fetch_and_add(&seen->inside, 1);
  tally_raise(&entered);
  if (strcmp(way, "callback") == 0)
    leave();
  if (strcmp(way, "stuck") == 0)
    for (;;)
      pause();
  // long enough that the exit comes in the middle of one, and shorter than what it waits
  for (int i = 0; i < 20; i++) {
    poll(NULL, 0, 1);
    if (global.bytes[i] != FRESH)
      seen->late = 1;
  }
  __sync_fetch_and_sub(&seen->inside, 1);
}

static void *come_and_go(void *)
{
  while (!stop) {
    if (monitor_app_end(billing) == MONITOR_OK)
      monitor_app_start(billing);
  }
  return NULL;
}

} // extern "C"

static void be_busy()
{
  pthread_t thread;

  orders = monitor_at("orders", 0, "billing", 1, "1s", "20ms");
  billing = monitor_at("billing", 1, "orders", 0, "1s", "20ms");
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_event, NULL));
  if (strcmp(way, "stuck") != 0)
    CHECK_OK(monitor_on_log(orders, MONITOR_LOG_TRACE, on_log, NULL));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));
  CHECK(pthread_create(&thread, NULL, come_and_go, NULL) == 0);
  CHECK(tally_wait(&entered, strcmp(way, "stuck") == 0 ? 1 : 3));
}

int main(int argc, char **argv)
{
  CHECK(argc == 2);
  way = argv[1];
  seen = static_cast<Seen *>(
    mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  CHECK(seen != MAP_FAILED);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    struct rlimit none = { 0, 0 };

    // a hang ends here, and shows as SIGALRM
    alarm(PATIENCE_SECONDS);
    setrlimit(RLIMIT_CORE, &none);
    tally_init(&entered);
    be_busy();
    if (strcmp(way, "callback") == 0)
      for (;;)
        pause();
    leave();
    return 0;
  }
  int status = 0;

  CHECK(waitpid(child, &status, 0) == child);
  if (strcmp(way, "abort") == 0)
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  else
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(seen->calls > 0);
  // by return, exit and from a callback, and by no other way
  bool destroys = strcmp(way, "return") == 0 || strcmp(way, "exit") == 0
                  || strcmp(way, "callback") == 0 || strcmp(way, "stuck") == 0;

  CHECK(seen->destroyed == (destroys ? 1 : 0));
  CHECK(seen->late == 0);
  // one that runs is waited for; one that does not return is not, for ever
  if (strcmp(way, "return") == 0 || strcmp(way, "exit") == 0)
    CHECK(seen->running_at_destruction == 0);
  seen = NULL;
  return 0;
}
