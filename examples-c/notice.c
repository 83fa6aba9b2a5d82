/* The words of the example servers: events and peers as one line of text each. */

#define _XOPEN_SOURCE 600

#include "notice.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000

/* C89 prints no 64-bit numbers; even 32 bits of milliseconds last for 49 days. */
static unsigned long ms(uint64_t nanoseconds)
{
    return (unsigned long)(nanoseconds / NS_PER_MS);
}

/* How long ago a moment of the wall clock was; never negative, since that clock may be set back. */
static uint64_t ago(int64_t moment)
{
    struct timeval now;
    int64_t elapsed;

    gettimeofday(&now, NULL);
    elapsed = (int64_t)now.tv_sec * NS_PER_S + (int64_t)now.tv_usec * 1000 - moment;
    return elapsed > 0 ? (uint64_t)elapsed : 0;
}

/* Appends to the text in `out` and cuts what does not fit. */
static void append(char *out, size_t size, const char *format, ...)
{
    size_t used = strlen(out);
    va_list args;

    va_start(args, format);
    vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

static void append_why_down(char *out, size_t size, const monitor_event_t *event)
{
    append(out, size, " (%s: ", monitor_reason_name(event->reason));
    switch (event->reason) {
    case MONITOR_REASON_SILENT:
        append(out, size, "nothing heard for %lu ms, it announces every %lu ms",
               ms(event->outage), ms(event->interval));
        break;
    case MONITOR_REASON_PROCESS_EXIT:
        append(out, size, "its process is gone, last heard %lu ms ago", ms(event->outage));
        break;
    case MONITOR_REASON_UNREACHABLE:
        append(out, size, "no way to reach it, last heard %lu ms ago", ms(event->outage));
        break;
    case MONITOR_REASON_HUNG:
        append(out, size, "its kernel answers and its process does not, last heard %lu ms ago",
               ms(event->outage));
        break;
    case MONITOR_REASON_APP_STALLED:
        append(out, size, "its process lives, its work makes no progress");
        break;
    default:
        append(out, size, "last heard %lu ms ago", ms(event->outage));
        break;
    }
    if (event->own_lateness >= NS_PER_MS)
        append(out, size, "; this server itself was %lu ms late", ms(event->own_lateness));
    append(out, size, ")");
}

static void append_why_ended(char *out, size_t size, const monitor_event_t *event)
{
    switch (event->reason) {
    case MONITOR_REASON_NONE:
        append(out, size, " gracefully");
        break;
    case MONITOR_REASON_REMOVED:
        append(out, size, " (REMOVED: no longer watched)");
        break;
    case MONITOR_REASON_MONITOR_FAILED:
        append(out, size, " (MONITOR_FAILED: its monitor gave up, its work may go on)");
        break;
    default:
        append(out, size, " (%s)", monitor_reason_name(event->reason));
        break;
    }
}

int notice_is_for_clients(uint32_t kind)
{
    return (kind
            & (MONITOR_EVENT_STARTED | MONITOR_EVENT_DOWN | MONITOR_EVENT_RECOVERED
               | MONITOR_EVENT_ENDED | MONITOR_EVENT_OVERDUE))
        != 0;
}

void notice_of_event(char *out, size_t size, const monitor_event_t *event)
{
    const char *name = event->peer != NULL ? event->peer : "this server";

    out[0] = '\0';
    append(out, size, "* %s ", name);
    switch (event->kind) {
    case MONITOR_EVENT_DOWN:
        append(out, size, "is DOWN");
        append_why_down(out, size, event);
        break;
    case MONITOR_EVENT_RECOVERED:
        append(out, size, "has RECOVERED (%s: it was out for %lu ms)",
               monitor_reason_name(event->reason), ms(event->outage));
        break;
    case MONITOR_EVENT_ENDED:
        append(out, size, "has ENDED");
        append_why_ended(out, size, event);
        break;
    case MONITOR_EVENT_STARTED:
        append(out, size, "has STARTED");
        if (event->reason != MONITOR_REASON_NONE)
            append(out, size, " (%s)", monitor_reason_name(event->reason));
        break;
    default:
        append(out, size, "%s", monitor_event_name(event->kind));
        if (event->reason != MONITOR_REASON_NONE)
            append(out, size, " (%s)", monitor_reason_name(event->reason));
        break;
    }
    if (event->merged != 0)
        append(out, size, " [after %lu outages that nobody took in time]",
               (unsigned long)event->merged);
    if ((event->flags & MONITOR_EVENT_FLAG_REDELIVERED) != 0)
        append(out, size, " [perhaps told before]");
}

static const char *state_name(uint32_t state)
{
    switch (state) {
    case MONITOR_STATE_UP:
        return "UP";
    case MONITOR_STATE_DOWN:
        return "DOWN";
    case MONITOR_STATE_PAUSED:
        return "PAUSED";
    case MONITOR_STATE_OVERDUE:
        return "OVERDUE";
    case MONITOR_STATE_ENDED:
        return "ENDED";
    default:
        return "UNKNOWN"; /* also for states of a newer library */
    }
}

/* A value of the record's running status; 0 stands for "none". */
static void append_running(char *out, size_t size, const char *label, uint64_t value)
{
    if (value == 0)
        append(out, size, " %s -", label);
    else
        append(out, size, " %s %lu", label, (unsigned long)value);
}

void notice_of_peer(char *out, size_t size, const monitor_peer_status_t *peer)
{
    out[0] = '\0';
    append(out, size, "%s is %s", peer->name, state_name(peer->state));
    if (peer->reason != MONITOR_REASON_NONE)
        append(out, size, " (%s)", monitor_reason_name(peer->reason));
    if (peer->since != 0)
        append(out, size, " for %lu ms", ms(ago(peer->since)));
    if (peer->last_heard_at != 0)
        append(out, size, ", heard %lu ms ago", ms(ago(peer->last_heard_at)));
    if (peer->interval != 0)
        append(out, size, ", announces every %lu ms", ms(peer->interval));
    append(out, size, ", outages %lu; record: start %u", (unsigned long)peer->outages,
           (unsigned)peer->start_flag);
    append_running(out, size, "A", peer->running_a);
    append_running(out, size, "B", peer->running_b);
    append(out, size, " end %u recovery-wait %u", (unsigned)peer->end_flag,
           (unsigned)peer->recovery_wait);
}
