/* The layout that hosts were compiled with: it never moves. */
#include <stddef.h>

#include "check.h"

#define AT(type, member, offset) CHECK(offsetof(type, member) == (offset))

int main(void)
{
  if (sizeof(void *) != 8)
    return 0;
  AT(monitor_event_t, size, 0);
  AT(monitor_event_t, kind, 4);
  AT(monitor_event_t, reason, 8);
  AT(monitor_event_t, flags, 12);
  AT(monitor_event_t, epoch, 16);
  AT(monitor_event_t, id, 24);
  AT(monitor_event_t, peer, 32);
  AT(monitor_event_t, incarnation, 40);
  AT(monitor_event_t, judged_at, 48);
  AT(monitor_event_t, last_heard_at, 56);
  AT(monitor_event_t, outage, 64);
  AT(monitor_event_t, interval, 72);
  AT(monitor_event_t, deadline, 80);
  AT(monitor_event_t, own_lateness, 88);
  AT(monitor_event_t, round_trip, 96);
  AT(monitor_event_t, misses, 104);
  AT(monitor_event_t, merged, 108);
  AT(monitor_event_t, path, 112);
  AT(monitor_event_t, outages, 116);
  AT(monitor_event_t, address, 120);
  AT(monitor_event_t, activity, 128);
  AT(monitor_event_t, detail, 136);

  AT(monitor_peer_status_t, size, 0);
  AT(monitor_peer_status_t, state, 4);
  AT(monitor_peer_status_t, reason, 8);
  AT(monitor_peer_status_t, flags, 12);
  AT(monitor_peer_status_t, name, 16);
  AT(monitor_peer_status_t, start_flag, 81);
  AT(monitor_peer_status_t, end_flag, 82);
  AT(monitor_peer_status_t, recovery_wait, 83);
  AT(monitor_peer_status_t, misses, 84);
  AT(monitor_peer_status_t, running_a, 88);
  AT(monitor_peer_status_t, running_b, 96);
  AT(monitor_peer_status_t, incarnation, 104);
  AT(monitor_peer_status_t, since, 112);
  AT(monitor_peer_status_t, last_heard_at, 120);
  AT(monitor_peer_status_t, outages, 128);
  AT(monitor_peer_status_t, interval, 136);
  AT(monitor_peer_status_t, deadline, 144);
  AT(monitor_peer_status_t, detect_within, 152);
  AT(monitor_peer_status_t, own_lateness, 160);
  AT(monitor_peer_status_t, round_trip, 168);
  AT(monitor_peer_status_t, pause_remaining, 176);
  AT(monitor_peer_status_t, paths, 184);
  AT(monitor_peer_status_t, paths_up, 188);
  AT(monitor_peer_status_t, paths_one_way, 192);
  AT(monitor_peer_status_t, resting, 196);
  AT(monitor_peer_status_t, margin, 200);
  AT(monitor_peer_status_t, level_rise, 208);
  AT(monitor_peer_status_t, heartbeat_interval, 216);
  AT(monitor_peer_status_t, mistake_interval, 224);
  AT(monitor_peer_status_t, detect_within_possible, 232);
  AT(monitor_peer_status_t, health, 240);
  AT(monitor_peer_status_t, lifelines, 244);
  AT(monitor_peer_status_t, activity, 248);

  AT(monitor_interrupt_t, size, 0);
  AT(monitor_interrupt_t, kind, 4);
  AT(monitor_interrupt_t, peer, 8);
  AT(monitor_interrupt_t, raised_at, 16);
  AT(monitor_interrupt_t, activity, 24);
  AT(monitor_interrupt_t, epoch, 32);
  AT(monitor_interrupt_t, event_id, 40);
  AT(monitor_interrupt_t, reason, 48);
  AT(monitor_interrupt_t, flags, 52);

  AT(monitor_statistics_t, size, 0);
  AT(monitor_statistics_t, flags, 4);
  AT(monitor_statistics_t, events, 8);
  AT(monitor_statistics_t, events_waiting, 16);
  AT(monitor_statistics_t, interrupts, 24);
  AT(monitor_statistics_t, log_lines, 32);
  AT(monitor_statistics_t, log_lines_lost, 40);
  AT(monitor_statistics_t, slow_callbacks, 48);
  AT(monitor_statistics_t, longest_event_callback, 56);
  AT(monitor_statistics_t, longest_interrupt_callback, 64);
  AT(monitor_statistics_t, longest_log_callback, 72);
  AT(monitor_statistics_t, event_callback_running, 80);
  AT(monitor_statistics_t, interrupt_callback_running, 88);
  AT(monitor_statistics_t, log_callback_running, 96);
  AT(monitor_statistics_t, datagrams_sent, 104);
  AT(monitor_statistics_t, datagrams_accepted, 112);
  AT(monitor_statistics_t, datagrams_rejected, 120);
  AT(monitor_statistics_t, turns, 128);
  AT(monitor_statistics_t, stalled_activity, 136);

  CHECK(sizeof(monitor_event_t) >= 136);
  CHECK(sizeof(monitor_peer_status_t) >= 312);
  CHECK(sizeof(monitor_interrupt_t) >= 56);
  CHECK(sizeof(monitor_statistics_t) >= 200);
  CHECK(sizeof(monitor_activity_t) == 8);
  CHECK(sizeof(monitor_result_t) == 4);
  CHECK(MONITOR_NAME_SIZE == 65);
  CHECK(MONITOR_ACTIVITY_SIZE == 64);
  return 0;
}
