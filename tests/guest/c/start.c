/* Before the start there is nothing, and after the release nothing is left.
 *
 *     start private|shared */
#include "guest.h"

static void on_event(const monitor_event_t *event, void *user_data)
{
  (void)event;
  (void)user_data;
}

static void on_interrupt(const monitor_interrupt_t *interrupt, void *user_data)
{
  (void)interrupt;
  (void)user_data;
}

static void on_log(int32_t level, const char *message, void *user_data)
{
  (void)level;
  (void)message;
  (void)user_data;
}

int main(int argc, char **argv)
{
  monitor_t *monitor;
  monitor_peer_status_t status;
  int descriptors = count_descriptors();
  int shared;

  CHECK(argc == 2);
  shared = is_shared(argv[1]);
  if (shared)
    refuse_private_table();
  CHECK(count_threads("") == 1);
  monitor = monitor_at("orders", 0, "billing", 1, "1s", "50ms");
  CHECK_OK(monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, NULL));
  CHECK_OK(monitor_on_interrupt(monitor, on_interrupt, NULL));
  CHECK_OK(monitor_on_log(monitor, MONITOR_LOG_TRACE, on_log, NULL));
  CHECK_OK(monitor_add_peer(monitor, "third", "127.0.0.1:9"));
  CHECK_OK(monitor_remove_peer(monitor, "third"));
  CHECK_OK(monitor_app_alive(monitor));
  status = status_of(monitor, "billing");
  CHECK(status.state == MONITOR_STATE_UNKNOWN);
  CHECK(count_threads("") == 1);
  CHECK(count_descriptors() == descriptors);

  CHECK_OK(monitor_app_start(monitor));
  /* io, work, pump, notify, interrupt; the twin only where it has a table of its own */
  UNTIL(count_threads("peermon-") == (shared ? 5 : 6));
  CHECK(count_threads("") == 1 + (shared ? 5 : 6));
  if (!shared)
    CHECK(count_descriptors() == descriptors);
  else
    CHECK(count_descriptors() > descriptors);

  CHECK_OK(monitor_free(monitor));
  UNTIL(count_threads("") == 1);
  CHECK(count_descriptors() == descriptors);
  return 0;
}
