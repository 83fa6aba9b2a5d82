/* The size of a struct is honoured both ways: a host with an older header gets no byte more than it
 * has, a host with a newer one learns how far the library filled. */
#include <stddef.h>

#include "check.h"

static void statistics_of(monitor_t *monitor)
{
  struct newer {
    monitor_statistics_t known;
    char more[64];
  } newer;
  size_t older;
  size_t i;

  for (older = 0; older < 8; older++) {
    newer.known.size = (uint32_t)older;
    CHECK_RC(monitor_statistics(monitor, &newer.known), MONITOR_ERR_INVALID);
    CHECK(newer.known.size == older);
  }
  for (older = 8; older <= sizeof newer; older++) {
    size_t filled = older < sizeof newer.known ? older : sizeof newer.known;

    memset(&newer, 0x55, sizeof newer);
    newer.known.size = (uint32_t)older;
    CHECK_OK(monitor_statistics(monitor, &newer.known));
    CHECK(newer.known.size == filled);
    CHECK(newer.known.flags == 0);
    for (i = filled; i < sizeof newer; i++)
      CHECK(((char *)&newer)[i] == 0x55);
  }
}

static void from_each_peer(const monitor_peer_status_t *status, void *user_data)
{
  CHECK(status->size == sizeof *status);
  CHECK(strcmp(status->name, "billing") == 0);
  ++*(int *)user_data;
}

int main(void)
{
  /* as a newer header has it */
  struct newer {
    monitor_peer_status_t known;
    char more[64];
  } newer;
  monitor_peer_status_t whole;
  unsigned char packed[sizeof(monitor_peer_status_t) + 1];
  uint32_t size = sizeof whole;
  monitor_t *monitor;
  int ports[2];
  int calls = 0;
  size_t older;
  size_t i;

  free_ports(ports, 2);
  monitor = monitor_of("orders", ports[0], "billing", ports[1]);

  memset(&whole, 0x55, sizeof whole);
  whole.size = sizeof whole;
  CHECK_OK(monitor_peer_status(monitor, "billing", &whole));
  CHECK(whole.size == sizeof whole);
  CHECK(whole.state == MONITOR_STATE_UNKNOWN);
  CHECK(strcmp(whole.name, "billing") == 0);
  CHECK(whole.start_flag == 0 && whole.end_flag == 0 && whole.recovery_wait == 0);
  CHECK(whole.running_a == 0 && whole.running_b == 0);
  CHECK(whole.last_heard_at == 0);

  /* no room for the first two members */
  for (older = 0; older < 8; older++) {
    newer.known = whole;
    newer.known.size = (uint32_t)older;
    newer.known.state = 0x55555555;
    CHECK_RC(monitor_peer_status(monitor, "billing", &newer.known), MONITOR_ERR_INVALID);
    CHECK(newer.known.size == older && newer.known.state == 0x55555555);
  }

  /* every older header */
  for (older = 8; older < sizeof whole; older++) {
    memset(&newer, 0x55, sizeof newer);
    newer.known.size = (uint32_t)older;
    CHECK_OK(monitor_peer_status(monitor, "billing", &newer.known));
    CHECK(newer.known.size == older);
    CHECK(memcmp((char *)&newer + 4, (char *)&whole + 4, older - 4) == 0);
    for (i = older; i < sizeof newer; i++)
      CHECK(((char *)&newer)[i] == 0x55);
  }

  /* newer headers */
  memset(&newer, 0x55, sizeof newer);
  newer.known.size = sizeof newer;
  CHECK_OK(monitor_peer_status(monitor, "billing", &newer.known));
  CHECK(newer.known.size == sizeof whole);
  for (i = 0; i < sizeof newer.more; i++)
    CHECK(newer.more[i] == 0x55);
  newer.known.size = 0xFFFFFFFF;
  CHECK_OK(monitor_peer_status(monitor, "billing", &newer.known));
  CHECK(newer.known.size == sizeof whole);

  /* a struct at an odd address */
  memcpy(packed + 1, &size, sizeof size);
  CHECK_OK(monitor_peer_status(monitor, "billing", (monitor_peer_status_t *)(void *)(packed + 1)));
  CHECK(memcmp(packed + 1, &whole, offsetof(monitor_peer_status_t, name)) == 0);

  CHECK_OK(monitor_each_peer(monitor, from_each_peer, &calls));
  CHECK(calls == 1);
  statistics_of(monitor);
  CHECK_OK(monitor_free(monitor));
  return 0;
}
