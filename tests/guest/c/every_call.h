/* Every function of the library once. A test compares the names with tests/exports.txt. */
#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include "guest.h"

enum { FREE_OF_HANDLES, WITH_MONITOR, STARTS, RELEASES };

struct call {
  const char *name;
  /* what it needs */
  int kind;
  int (*make)(monitor_t *monitor);
};

static void no_event(const monitor_event_t *event, void *user_data)
{
  (void)event;
  (void)user_data;
}

static void no_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  (void)user_data;
}

static void no_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  (void)user_data;
}

static void no_peer(const monitor_peer_status_t *status, void *user_data)
{
  (void)status;
  (void)user_data;
}

static int call_add_peer(monitor_t *m)
{
  int code = monitor_add_peer(m, "extra", "127.0.0.1:9");

  /* another caller may have added it */
  return code == MONITOR_ERR_INVALID ? MONITOR_OK : code;
}

static int call_remove_peer(monitor_t *m)
{
  int code = monitor_remove_peer(m, "extra");

  return code == MONITOR_ERR_UNKNOWN_PEER ? MONITOR_OK : code;
}

static int call_peer_status(monitor_t *m)
{
  monitor_peer_status_t status;
  int code;

  status.size = sizeof status;
  code = monitor_peer_status(m, "billing", &status);
  return code == MONITOR_ERR_UNKNOWN_PEER ? MONITOR_OK : code;
}

static int call_alive(monitor_t *m) { return monitor_app_alive(m); }
static int call_end(monitor_t *m) { return monitor_app_end(m); }
static int call_start(monitor_t *m) { return monitor_app_start(m); }
static int call_free(monitor_t *m) { return monitor_free(m); }
static int call_dispatch(monitor_t *m) { return monitor_dispatch(m, 0); }
static int call_each_peer(monitor_t *m) { return monitor_each_peer(m, no_peer, NULL); }
static int call_event_fd(monitor_t *m) { return monitor_event_fd(m); }
static int call_on_event(monitor_t *m) { return monitor_on_event(m, MONITOR_EVENT_ALL, no_event, NULL); }
static int call_on_interrupt(monitor_t *m) { return monitor_on_interrupt(m, no_interrupt, NULL); }
static int call_on_log(monitor_t *m) { return monitor_on_log(m, MONITOR_LOG_TRACE, no_log, NULL); }
static int call_pause(monitor_t *m) { return monitor_pause(m, MONITOR_TIMER_JUDGE, 1); }
static int call_resume(monitor_t *m) { return monitor_resume(m); }

static void no_destroy(void *user_data) { (void)user_data; }

static int call_on_event_full(monitor_t *m)
{
  return monitor_on_event_full(m, MONITOR_EVENT_ALL, no_event, NULL, no_destroy);
}

static int call_on_interrupt_full(monitor_t *m)
{
  return monitor_on_interrupt_full(m, no_interrupt, NULL, no_destroy);
}

static int call_on_log_full(monitor_t *m)
{
  return monitor_on_log_full(m, MONITOR_LOG_TRACE, no_log, NULL, no_destroy);
}

/* Begins, lives, ends: whichever of the three fails says how. */
static int call_activity(monitor_t *m)
{
  monitor_activity_t activity;
  int code = monitor_activity_begin(m, "one of many", 60000, &activity);

  if (code != MONITOR_OK) {
    CHECK_RC(monitor_activity_alive(m, 1), code);
    CHECK_RC(monitor_activity_end(m, 1), code);
    return code;
  }
  CHECK_OK(monitor_activity_alive(m, activity));
  return monitor_activity_end(m, activity);
}

static int call_statistics(monitor_t *m)
{
  monitor_statistics_t statistics;

  statistics.size = sizeof statistics;
  return monitor_statistics(m, &statistics);
}

static int call_config_new(monitor_t *m)
{
  monitor_config_t *config = NULL;
  int code = monitor_config_new(&config);

  (void)m;
  return code == MONITOR_OK ? monitor_config_free(config) : code;
}

/* Sets, adds and loads; the file is none. */
static int call_config(monitor_t *m)
{
  monitor_config_t *config = NULL;
  int code = monitor_config_new(&config);

  (void)m;
  if (code != MONITOR_OK)
    return code;
  CHECK_OK(monitor_config_set(config, "name", "another"));
  CHECK_OK(monitor_config_add_peer(config, "extra", "127.0.0.1:9"));
  CHECK_RC(monitor_config_load(config, "/nonexistent/peermon.toml"), MONITOR_ERR_IO);
  return monitor_config_free(config);
}

static int call_init(monitor_t *m)
{
  monitor_config_t *config = NULL;
  monitor_t *other = NULL;
  int code = monitor_config_new(&config);

  (void)m;
  if (code != MONITOR_OK)
    return code;
  CHECK_OK(monitor_config_set(config, "name", "another"));
  code = monitor_init(&other, config);
  CHECK_OK(monitor_config_free(config));
  return code == MONITOR_OK ? monitor_free(other) : code;
}

static int call_event_name(monitor_t *m)
{
  (void)m;
  return strcmp(monitor_event_name(MONITOR_EVENT_DOWN), "DOWN") != 0;
}

static int call_reason_name(monitor_t *m)
{
  (void)m;
  return strcmp(monitor_reason_name(MONITOR_REASON_SILENT), "SILENT") != 0;
}

static int call_strerror(monitor_t *m)
{
  (void)m;
  return monitor_strerror(MONITOR_ERR_FORKED)[0] == '\0';
}

static int call_version(monitor_t *m)
{
  (void)m;
  return monitor_version()[0] == '\0';
}

static int call_last_error(monitor_t *m)
{
  char text[64];

  (void)m;
  return monitor_last_error(text, sizeof text) > 1024;
}

/* In an order that a monitor survives until it is released. */
static const struct call every_call[] = {
  { "monitor_app_alive", WITH_MONITOR, call_alive },
  { "monitor_add_peer", WITH_MONITOR, call_add_peer },
  { "monitor_remove_peer", WITH_MONITOR, call_remove_peer },
  { "monitor_peer_status", WITH_MONITOR, call_peer_status },
  { "monitor_each_peer", WITH_MONITOR, call_each_peer },
  { "monitor_event_fd", WITH_MONITOR, call_event_fd },
  { "monitor_dispatch", WITH_MONITOR, call_dispatch },
  { "monitor_on_event", WITH_MONITOR, call_on_event },
  { "monitor_on_interrupt", WITH_MONITOR, call_on_interrupt },
  { "monitor_on_log", WITH_MONITOR, call_on_log },
  { "monitor_on_event_full", WITH_MONITOR, call_on_event_full },
  { "monitor_on_interrupt_full", WITH_MONITOR, call_on_interrupt_full },
  { "monitor_on_log_full", WITH_MONITOR, call_on_log_full },
  { "monitor_activity_begin", WITH_MONITOR, call_activity },
  { "monitor_activity_alive", WITH_MONITOR, call_activity },
  { "monitor_activity_end", WITH_MONITOR, call_activity },
  { "monitor_statistics", WITH_MONITOR, call_statistics },
  { "monitor_pause", WITH_MONITOR, call_pause },
  { "monitor_resume", WITH_MONITOR, call_resume },
  { "monitor_app_end", WITH_MONITOR, call_end },
  { "monitor_config_new", FREE_OF_HANDLES, call_config_new },
  { "monitor_config_set", FREE_OF_HANDLES, call_config },
  { "monitor_config_add_peer", FREE_OF_HANDLES, call_config },
  { "monitor_config_load", FREE_OF_HANDLES, call_config },
  { "monitor_config_free", FREE_OF_HANDLES, call_config_new },
  { "monitor_init", FREE_OF_HANDLES, call_init },
  { "monitor_event_name", FREE_OF_HANDLES, call_event_name },
  { "monitor_reason_name", FREE_OF_HANDLES, call_reason_name },
  { "monitor_strerror", FREE_OF_HANDLES, call_strerror },
  { "monitor_version", FREE_OF_HANDLES, call_version },
  { "monitor_last_error", FREE_OF_HANDLES, call_last_error },
  { "monitor_app_start", STARTS, call_start },
  { "monitor_free", RELEASES, call_free },
};

#define CALLS (sizeof every_call / sizeof every_call[0])

static UNUSED int list_calls(void)
{
  size_t i;

  for (i = 0; i < CALLS; i++)
    printf("measured %s\n", every_call[i].name);
  return 0;
}

#endif
