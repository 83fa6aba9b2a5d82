/* Another Rust library in the same process: its panics, its hook and its threads are its own, and
 * ours are ours, whoever came first.
 *
 *     neighbour NEIGHBOUR first|second hook|none */
#include "guest.h"

#include <dlfcn.h>

static void (*set_hook)(void);
static unsigned (*hook_calls)(void);
static int (*panic_and_catch)(void);
static int (*panic_on_threads)(unsigned);

static struct tally events;
static volatile int from_callbacks;

static void load(const char *neighbour)
{
  void *handle = dlopen(neighbour, RTLD_NOW | RTLD_LOCAL);

  CHECK(handle != NULL);
  *(void **)&set_hook = dlsym(handle, "neighbour_set_hook");
  *(void **)&hook_calls = dlsym(handle, "neighbour_hook_calls");
  *(void **)&panic_and_catch = dlsym(handle, "neighbour_panic_and_catch");
  *(void **)&panic_on_threads = dlsym(handle, "neighbour_panic_on_threads");
  CHECK(set_hook && hook_calls && panic_and_catch && panic_on_threads);
}

/* Its panics on threads of ours. */
static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)event;
  (void)user_data;
  if (from_callbacks >= 0) {
    CHECK(panic_and_catch() == 1);
    from_callbacks++;
  }
  tally_raise(&events);
}

static void live(int panics)
{
  monitor_t *orders = monitor_at("orders", 0, "billing", 1, "1s", "20ms");
  monitor_t *billing = monitor_at("billing", 1, "orders", 0, "1s", "20ms");
  int before;
  int i;

  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_STARTED | MONITOR_EVENT_ENDED, on_event, NULL));
  CHECK_OK(monitor_app_start(orders));
  for (i = 0; i < 5; i++) {
    before = tally_read(&events);
    CHECK_OK(monitor_app_start(billing));
    if (panics)
      CHECK(panic_on_threads(4) == 4);
    CHECK_RC(monitor_app_start(billing), MONITOR_ERR_STATE);
    CHECK(tally_wait(&events, before + 1));
    CHECK_OK(monitor_app_end(billing));
    CHECK(tally_wait(&events, before + 2));
  }
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
}

int main(int argc, char **argv)
{
  unsigned expected;

  CHECK(argc == 4);
  tally_init(&events);
  if (strcmp(argv[2], "first") != 0) {
    /* our hook is there, and threads of ours have run */
    from_callbacks = -1;
    live(0);
    from_callbacks = 0;
  }
  load(argv[1]);
  if (strcmp(argv[3], "hook") == 0)
    set_hook();
  else
    /* its default hook prints on stderr, where the test looks for it */
    return panic_and_catch() == 1 ? 0 : 1;
  CHECK(panic_and_catch() == 1);
  CHECK(hook_calls() == 1);
  live(1);
  CHECK(panic_and_catch() == 1);
  /* each of its panics came to its hook, once, and nothing of ours did */
  expected = 1 + 5 * 4 + (unsigned)from_callbacks + 1;
  CHECK(from_callbacks == 10);
  CHECK(hook_calls() == expected);
  /* an error of ours is still a code, and our own threads are gone */
  CHECK_RC(monitor_free((monitor_t *)&expected), MONITOR_ERR_HANDLE);
  UNTIL(count_threads("peermon-") == 0);
  return 0;
}
