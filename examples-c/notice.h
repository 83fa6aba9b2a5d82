/* The words of the example servers: events and peers as one line of text each. */

#ifndef EXAMPLE_NOTICE_H
#define EXAMPLE_NOTICE_H

#include <peermon.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Enough for any line that the functions below write. */
#define NOTICE_SIZE 512

/* Whether clients of the server want to hear of this kind; the rest is for its operator. */
int notice_is_for_clients(uint32_t kind);

/* Writes `* billing is DOWN (SILENT: ...)` without a line end, cut to `size` bytes. */
void notice_of_event(char *out, size_t size, const monitor_event_t *event);

/* Writes a line on a peer: its state, since when, and its status record. */
void notice_of_peer(char *out, size_t size, const monitor_peer_status_t *peer);

#ifdef __cplusplus
}
#endif

#endif
