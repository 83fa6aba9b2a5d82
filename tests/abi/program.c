/* A host that uses all of yesterday's interface, and of today's what is there.
 *
 *     program CONFIG ORDERS BILLING present|absent
 *
 * CONFIG: a file with the keys that both servers share. ORDERS, BILLING: their addresses. The last
 * word: whether the library that runs has what newer.h lists. Silent unless something is wrong. C89.
 *
 * newer.h is made by the test: what the header has that it was compiled against and yesterday's has
 * not. With yesterday's header its lists are empty.
 */

#include <peermon.h>

#include "newer.h"

#include <dlfcn.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 60
#define CANARY 0x55
#define CHECK(truth)                                                          \
  do {                                                                        \
    if (!(truth)) {                                                           \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #truth);   \
      _exit(1);                                                               \
    }                                                                         \
  } while (0)
#define CHECK_OK(call) check_ok((call), #call, __LINE__)

/* Whether the struct at `s` of the library that runs has a member of this header. */
#define HAS(s, member) ((s)->size >= (char *)&(s)->member - (char *)(s) + sizeof (s)->member)

static int expects_newer;
/* Raised by callbacks, looked at by the main thread; only ever set. */
static volatile int billing_sees_start, billing_sees_stall, billing_sees_recovery, billing_sees_end;
static volatile int orders_sees_start, interrupts, log_lines;

static void check_ok(monitor_result_t rc, const char *call, int line)
{
  char why[1100] = "";

  if (rc == MONITOR_OK)
    return;
  monitor_last_error(why, sizeof why);
  fprintf(stderr, "%d: %s: %s (%s)\n", line, call, monitor_strerror(rc), why);
  _exit(1);
}

/* Reads a member that may not exist as the header asks for it. */
#define NEWER(member)                                \
  CHECK(HAS(record, member) == (expects_newer != 0)); \
  if (HAS(record, member))                           \
    memcpy(sink, &record->member, sizeof record->member < sizeof sink ? sizeof record->member : sizeof sink);

static void read_event(const monitor_event_t *record)
{
  char sink[64];

  CHECK(HAS(record, address));
  CHECK(record->kind != 0 && record->id != 0);
  CHECK(strcmp(monitor_event_name(record->kind), "UNKNOWN") != 0);
  CHECK(strcmp(monitor_reason_name(record->reason), "UNKNOWN") != 0);
  NEWER_EVENT(NEWER)
  (void)sink;
}

static void on_billing_event(const monitor_event_t *event, void *user_data)
{
  read_event(event);
  CHECK(strcmp((const char *)user_data, "billing") == 0);
  if (event->peer == NULL || strcmp(event->peer, "orders") != 0)
    return;
  billing_sees_start |= event->kind == MONITOR_EVENT_STARTED;
  billing_sees_stall |= event->kind == MONITOR_EVENT_DOWN && event->reason == MONITOR_REASON_APP_STALLED;
  billing_sees_recovery |= event->kind == MONITOR_EVENT_RECOVERED;
  billing_sees_end |= event->kind == MONITOR_EVENT_ENDED;
}

static void on_orders_event(const monitor_event_t *event, void *user_data)
{
  read_event(event);
  CHECK(strcmp((const char *)user_data, "orders") == 0);
  orders_sees_start |= event->kind == MONITOR_EVENT_STARTED && strcmp(event->peer, "billing") == 0;
}

static void on_interrupt(const monitor_interrupt_t *record, void *user_data)
{
  char sink[64];

  CHECK(HAS(record, raised_at) && record->raised_at > 0);
  CHECK(user_data == NULL);
  NEWER_INTERRUPT(NEWER)
  (void)sink;
  /* A newer library may raise what this header does not know. */
  interrupts |= record->kind == MONITOR_INTERRUPT_APP_STALLED;
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  CHECK(level >= MONITOR_LOG_ERROR && level <= MONITOR_LOG_DEBUG);
  CHECK(message[0] != '\0' && user_data == NULL);
  log_lines = 1;
}

static void read_status(const monitor_peer_status_t *record)
{
  char sink[64];

  CHECK(HAS(record, lifelines));
  CHECK(record->name[0] != '\0');
  NEWER_RECORD(NEWER)
  (void)sink;
}

static void on_peer(const monitor_peer_status_t *status, void *user_data)
{
  read_status(status);
  ++*(int *)user_data;
}

/* The library writes what it knows of the struct, and no byte behind. */
static void check_status(monitor_t *monitor, const char *peer)
{
  struct {
    monitor_peer_status_t status;
    unsigned char behind[64];
  } room;
  const unsigned char *bytes = (const unsigned char *)&room;
  size_t at;

  memset(&room, CANARY, sizeof room);
  room.status.size = sizeof room.status;
  CHECK_OK(monitor_peer_status(monitor, peer, &room.status));
  CHECK(strcmp(room.status.name, peer) == 0);
  CHECK(room.status.size <= sizeof room.status);
  CHECK((room.status.size == sizeof room.status) || !expects_newer);
  for (at = room.status.size; at < sizeof room; at++)
    CHECK(bytes[at] == CANARY);
  read_status(&room.status);
}

static monitor_t *make(const char *config_file, const char *name, const char *listen_at)
{
  monitor_config_t *config = NULL;
  monitor_t *monitor = NULL;

  CHECK_OK(monitor_config_new(&config));
  CHECK_OK(monitor_config_load(config, config_file));
  CHECK_OK(monitor_config_set(config, "name", name));
  CHECK_OK(monitor_config_set(config, "listen", listen_at));
  if (strcmp(name, "orders") == 0)
    CHECK_OK(monitor_config_set(config, "watchdog_timeout", "2s"));
  else
    CHECK_OK(monitor_config_add_peer(config, "archive", "127.0.0.1:9"));
  CHECK_OK(monitor_init(&monitor, config));
  CHECK_OK(monitor_config_free(config));
  return monitor;
}

/* Serves the loop of "orders" until `seen`, with a pulse or without. */
static void await(monitor_t *orders, const volatile int *seen, int with_pulse, const char *what)
{
  struct pollfd ready;
  time_t until = time(NULL) + PATIENCE_SECONDS;

  ready.fd = monitor_event_fd(orders);
  ready.events = POLLIN;
  CHECK(ready.fd >= 0);
  while (!*seen) {
    if (with_pulse)
      CHECK_OK(monitor_app_alive(orders));
    poll(&ready, 1, 20);
    CHECK_OK(monitor_dispatch(orders, 0));
    if (time(NULL) > until) {
      fprintf(stderr, "waited in vain until %s\n", what);
      _exit(1);
    }
  }
}

#define NEWER_FUNCTION_IS_THERE(name) CHECK((dlsym(RTLD_DEFAULT, #name) != NULL) == (expects_newer != 0));

int main(int argc, char **argv)
{
  monitor_t *orders, *billing;
  char text[8];
  int peers = 0;

  CHECK(argc == 5);
  expects_newer = strcmp(argv[4], "present") == 0;
  NEWER_FUNCTIONS(NEWER_FUNCTION_IS_THERE)
  CHECK(strncmp(monitor_version(), "0.", 2) == 0);

  orders = make(argv[1], "orders", argv[2]);
  billing = make(argv[1], "billing", argv[3]);
  CHECK(monitor_event_fd(orders) >= 0);
  CHECK_OK(monitor_on_event(orders, MONITOR_EVENT_ALL, on_orders_event, (void *)"orders"));
  CHECK_OK(monitor_on_interrupt(orders, on_interrupt, NULL));
  CHECK_OK(monitor_on_event(billing, MONITOR_EVENT_ALL, on_billing_event, (void *)"billing"));
  CHECK_OK(monitor_on_log(billing, MONITOR_LOG_DEBUG, on_log, NULL));
  CHECK_OK(monitor_add_peer(orders, "billing", argv[3]));
  CHECK_OK(monitor_add_peer(billing, "orders", argv[2]));
  CHECK_OK(monitor_remove_peer(billing, "archive"));
  CHECK_OK(monitor_app_start(orders));
  CHECK_OK(monitor_app_start(billing));

  await(orders, &orders_sees_start, 1, "orders sees billing");
  await(orders, &billing_sees_start, 1, "billing sees orders");
  check_status(orders, "billing");
  check_status(billing, "orders");
  CHECK_OK(monitor_each_peer(orders, on_peer, &peers));
  CHECK(peers == 1);
  CHECK_OK(monitor_pause(billing, MONITOR_TIMER_HEARTBEAT, 1));
  CHECK_OK(monitor_resume(billing));

  CHECK(monitor_remove_peer(orders, "nobody") == MONITOR_ERR_UNKNOWN_PEER);
  CHECK(monitor_last_error(text, sizeof text) >= sizeof text && strlen(text) == sizeof text - 1);

  await(orders, &interrupts, 0, "the watchdog of orders barks");
  await(orders, &billing_sees_stall, 0, "billing sees that orders hangs");
  await(orders, &billing_sees_recovery, 1, "billing sees that orders goes on");
  CHECK_OK(monitor_app_end(orders));
  await(orders, &billing_sees_end, 0, "billing sees the end of orders");
  CHECK_OK(monitor_free(orders));
  CHECK_OK(monitor_free(billing));
  CHECK(log_lines);
  return 0;
}
