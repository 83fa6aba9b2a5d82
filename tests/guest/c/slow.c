/* A callback that does not come back for several detection times: the peer sees no death, and what
 * happens meanwhile is told afterwards, all of it and in order.
 *
 *     slow event|dispatch|log
 *
 * As long as a callback of a minute is in its effect: nothing waits for it but later callbacks. */
#include "watcher.h"

#define DETECT "2s"
#define BLOCK (5 * SECOND)
#define LIVES 3

static struct tally entered;
static struct tally released;
static struct tally done;
static volatile int blocks;
static int started;
static int ended;
static uint64_t last_id;

static void block_once(void)
{
  if (!__sync_bool_compare_and_swap(&blocks, 1, 0))
    return;
  tally_raise(&entered);
  CHECK(tally_wait(&released, 1));
}

static void on_event(const monitor_event_t *event, void *user_data)
{
  int blocking = *(const int *)user_data;

  CHECK(event->id > last_id);
  last_id = event->id;
  if (event->kind == MONITOR_EVENT_STARTED) {
    CHECK(event->merged == 0);
    CHECK(started == ended);
    started++;
    if (blocking)
      block_once();
    tally_raise(&done);
  } else if (event->kind == MONITOR_EVENT_ENDED) {
    CHECK(started == ended + 1);
    ended++;
    tally_raise(&done);
  } else {
    CHECK(event->kind != MONITOR_EVENT_DOWN);
  }
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  (void)user_data;
  block_once();
}

/* The host's own loop, which is what blocks with "dispatch". */
static void *loop(void *user_data)
{
  monitor_t *monitor = (monitor_t *)user_data;

  while (tally_read(&done) < 1 + 2 * LIVES) {
    CHECK_OK(monitor_dispatch(monitor, 0));
    poll(NULL, 0, 1);
  }
  return NULL;
}

int main(int argc, char **argv)
{
  struct watcher watcher;
  struct account before;
  monitor_config_t *config;
  monitor_t *monitor;
  pthread_t thread;
  char address[32];
  int64_t begun;
  int in_event;
  int dispatches;
  int i;

  CHECK(argc == 2);
  dispatches = strcmp(argv[1], "dispatch") == 0;
  in_event = dispatches || strcmp(argv[1], "event") == 0;
  tally_init(&entered);
  tally_init(&released);
  tally_init(&done);
  watcher_start(&watcher, "billing", 1, "orders", 0, DETECT, "100ms");
  config = config_at("orders", 0);
  CHECK_OK(monitor_config_set(config, "detect_within", DETECT));
  CHECK_OK(monitor_config_set(config, "heartbeat_interval", "100ms"));
  CHECK_OK(monitor_config_add_peer(config, "billing", address_of(address, 1)));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  blocks = 1;
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_STARTED | MONITOR_EVENT_ENDED | MONITOR_EVENT_DOWN,
                            on_event, &in_event));
  if (strcmp(argv[1], "log") == 0)
    CHECK_OK(monitor_on_log(monitor, MONITOR_LOG_INFO, on_log, NULL));
  if (dispatches)
    CHECK(monitor_event_fd(monitor) >= 0);
  CHECK_OK(monitor_app_start(monitor));
  if (dispatches)
    CHECK(pthread_create(&thread, NULL, loop, monitor) == 0);
  CHECK(tally_wait(&entered, 1));
  UNTIL_ACCOUNT(&watcher, account.state == MONITOR_STATE_UP);

  begun = now();
  before = watcher_account(&watcher);
  for (i = 0; i < LIVES; i++) {
    watcher_live_again(&watcher);
    UNTIL(status_of(monitor, "billing").state == MONITOR_STATE_UP);
  }
  UNTIL(now() - begun > BLOCK);
  CHECK(tally_read(&entered) == 1);
  CHECK(tally_read(&done) == 0);
  CHECK(watcher_account(&watcher).beat != before.beat);
  CHECK(watcher_account(&watcher).downs == 0);
  tally_raise(&released);

  CHECK(tally_wait(&done, 1 + 2 * LIVES));
  CHECK(started == 1 + LIVES && ended == LIVES);
  if (dispatches)
    CHECK(pthread_join(thread, NULL) == 0);
  CHECK(watcher_account(&watcher).downs == 0);
  CHECK(status_of(monitor, "billing").outages == 0);
  CHECK_OK(monitor_free(monitor));
  watcher_stop(&watcher);
  return 0;
}
