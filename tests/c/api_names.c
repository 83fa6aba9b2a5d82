/* Every number has its name, other numbers have one too, and nothing is NULL. */
#include "check.h"

struct named {
  uint32_t number;
  const char *name;
};

#define EVENT(name) { MONITOR_EVENT_##name, #name }
#define REASON(name) { MONITOR_REASON_##name, #name }

static const struct named events[] = {
  EVENT(STARTED),       EVENT(LATE),          EVENT(DOWN),          EVENT(RECOVERED),
  EVENT(ENDED),         EVENT(NOT_SEEN),      EVENT(OVERDUE),       EVENT(PATH_DOWN),
  EVENT(PATH_UP),       EVENT(FLAPPING),      EVENT(NAME_CONFLICT), EVENT(DECLARED_DOWN),
  EVENT(SELF_STALLED),  EVENT(SELF_ISOLATED), EVENT(SELF_CONNECTED),
  EVENT(CONTROL)
};

static const struct named reasons[] = {
  REASON(NONE),        REASON(SILENT),     REASON(PROCESS_EXIT),   REASON(UNREACHABLE),
  REASON(HUNG),        REASON(APP_STALLED), REASON(RESTARTED),     REASON(RECONNECTED),
  REASON(RESUMED),     REASON(FALSE_ALARM), REASON(ENDED_LATE),    REASON(REMOVED),
  REASON(MONITOR_FAILED), REASON(OWN_LATENESS)
};

int main(void)
{
  char version[64];
  size_t i;
  int code;

  CHECK(sizeof events / sizeof events[0] == 16);
  for (i = 0; i < sizeof events / sizeof events[0]; i++) {
    CHECK(events[i].number == (uint32_t)1 << i);
    CHECK(strcmp(monitor_event_name(events[i].number), events[i].name) == 0);
  }
  CHECK(sizeof reasons / sizeof reasons[0] == 14);
  for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
    CHECK(reasons[i].number == i);
    CHECK(strcmp(monitor_reason_name(reasons[i].number), reasons[i].name) == 0);
  }
  CHECK(strcmp(monitor_event_name(0), "UNKNOWN") == 0);
  CHECK(strcmp(monitor_event_name(MONITOR_EVENT_DOWN | MONITOR_EVENT_LATE), "UNKNOWN") == 0);
  CHECK(strcmp(monitor_event_name(MONITOR_EVENT_ALL), "UNKNOWN") == 0);
  CHECK(strcmp(monitor_event_name((uint32_t)1 << 31), "UNKNOWN") == 0);
  CHECK(strcmp(monitor_reason_name(14), "UNKNOWN") == 0);
  CHECK(strcmp(monitor_reason_name(MONITOR_EVENT_ALL), "UNKNOWN") == 0);
  CHECK(MONITOR_EVENT_ALL == 0xFFFFFFFF);

  CHECK(strcmp(monitor_strerror(MONITOR_OK), "success") == 0);
  for (code = -1; code >= -11; code--) {
    CHECK(strlen(monitor_strerror(code)) > 0);
    CHECK(strcmp(monitor_strerror(code), "unknown error") != 0);
  }
  CHECK(MONITOR_ERR_INTERNAL == -11);
  CHECK(strcmp(monitor_strerror(-12), "unknown error") == 0);
  CHECK(strcmp(monitor_strerror(1), "unknown error") == 0);

  sprintf(version, "%d.%d.%d", MONITOR_VERSION_MAJOR, MONITOR_VERSION_MINOR,
          MONITOR_VERSION_PATCH);
  CHECK(strcmp(monitor_version(), version) == 0);
  return 0;
}
