/*
 * peermon.h - servers that watch one another, without a monitoring server
 *
 * Made by the build from src/ffi/ of peermon; changes belong there.
 *
 * A server calls a start hook and an end hook. The library does the rest on threads of its own: it
 * tells its peers "started, running, ended", judges from what it hears whether each peer is alive,
 * and reports through callbacks when a peer goes down or comes back. Compiles as C89 and newer, and
 * as C++98 and newer. Link with -lpeermon (pkg-config: peermon).
 *
 *     monitor_config_t *config;
 *     monitor_t *monitor;
 *
 *     monitor_config_new(&config);
 *     monitor_config_load(config, "/etc/peermon/orders.toml");
 *     monitor_init(&monitor, config);     before fork, setuid, chroot, if any
 *     monitor_config_free(config);
 *     monitor_on_event(monitor, MONITOR_EVENT_ALL, on_event, user_data);
 *     monitor_app_start(monitor);         in the process that serves
 *     ... the server serves; monitor_app_alive(monitor) once per round ...
 *     monitor_app_end(monitor);
 *     monitor_free(monitor);
 *
 *
 * Results
 *
 * 0 (MONITOR_OK) is success and negative numbers (MONITOR_ERR_*) are errors, so "if (rc)" works.
 * monitor_strerror says what a number means, monitor_last_error what went wrong in the last call on
 * this thread that failed. A call that fails has changed nothing, unless its description says
 * otherwise. Every function may return MONITOR_ERR_INTERNAL for a bug of the library.
 *
 * The library never prints (unless the configuration says log = "env"), never changes signal
 * dispositions, the locale, the environment or the working directory, raises no SIGPIPE, sends no
 * signal (but "interrupt_signal", if the configuration names one), and never ends the process,
 * except as told under "A callback must return" below.
 *
 *
 * Handles
 *
 * monitor_t and monitor_config_t are opaque; the pointers are tokens and point to nothing. NULL,
 * released, foreign or mixed up handles are errors (MONITOR_ERR_NULL, MONITOR_ERR_HANDLE) and not
 * crashes. At most 1024 handles of both kinds live at the same time.
 *
 *
 * Threads
 *
 * Every function may be called by any thread at any time, also with the same monitor_t; calls on
 * one monitor_config_t come from one thread at a time (a second one gets MONITOR_ERR_STATE). While
 * one thread releases a monitor, calls of others with the same handle finish or return an error.
 * Only monitor_app_alive, monitor_activity_alive and the functions that say so may be called by
 * signal handlers.
 *
 * monitor_app_start starts the library's threads, named "peermon-...", with all signals blocked but
 * those of crashes. Before it there are none.
 *
 *
 * The contract of every callback
 *
 * 1. It runs on a thread of the library (inside of monitor_dispatch or monitor_each_peer: on the
 *    thread that called these), one call at a time per callback, events in their order.
 * 2. The library holds no lock meanwhile: any function of this header may be called from inside,
 *    and those that would deadlock return MONITOR_ERR_IN_CALLBACK.
 * 3. Structs and strings that it is given live until it returns: copy what is needed longer.
 * 4. After it is unregistered or replaced, or monitor_free has returned, it does not run and never
 *    will: these calls wait for one that is running, except from inside of it. (monitor_each_peer
 *    is the caller's own: on another thread it finishes the call that it is in.) Once exit has
 *    begun, none begins.
 *
 * A callback that blocks delays later callbacks and nothing else: heartbeats and judgements go on.
 * If events then pile up beyond the queue, complete pairs of a peer (DOWN and RECOVERED, OVERDUE or
 * ENDED and STARTED) are dropped and counted in the "merged" of its next event; DOWN and RECOVERED
 * still alternate, and the last state is never lost. Of other kinds the last event stays, of LATE
 * none.
 *
 * A callback must return. It must not throw, leave by longjmp, or end its thread. An exception or
 * an ended thread aborts the process after a line to the log callback; longjmp cannot be detected
 * and leaves the library broken.
 *
 *
 * fork
 *
 * A monitor that was not started survives fork: parent and child may each start theirs, so
 * monitor_init may run before daemon() or in the master of a prefork server. The child's first call
 * makes its own of it (MONITOR_ERR_IO if the system refuses what that needs). A monitor that was
 * started belongs to the process that started it. In a child every call with its handle returns
 * MONITOR_ERR_FORKED, except monitor_app_start, which starts the child's own monitor under the same
 * handle (new sockets, new incarnation), and monitor_free, which lets go of the handle. Name and
 * address stay the parent's: where the parent lives on, let go, and make a monitor with others.
 * Configurations and functions without a handle work in every child. fork itself is safe at any
 * time, whatever other threads are doing in the library. The library's sockets are not inherited by
 * programs that a child executes.
 *
 *
 * No mutual exclusion
 *
 * DOWN is a judgement, not a fact about the peer: it says that nothing was heard for as long as the
 * configuration allows. A peer behind a cut cable is DOWN and may be serving all the same, and it
 * will hold this server for DOWN. Whoever takes over a resource on DOWN must have a lock or a fence
 * for it elsewhere; peermon gives none.
 *
 *
 * Versions
 *
 * Structs begin with "size", the bytes that their maker knew. New members come at the end only, so
 * read a member only if size covers it, and set size before a struct is passed in. Numbers are
 * never reused; expect kinds, reasons and states that this header does not know. Functions say
 * since which version they exist. MONITOR_VERSION_* are of this header, monitor_version() is of the
 * library.
 */

#ifndef PEERMON_H
#define PEERMON_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header. */
#define MONITOR_VERSION_MAJOR 0
#define MONITOR_VERSION_MINOR 1
#define MONITOR_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Success.
 */
#define MONITOR_OK 0

/**
 * A pointer that must not be NULL is NULL.
 */
#define MONITOR_ERR_NULL (0 - 1)

/**
 * An argument has a value that it must not have: bad UTF-8, too long, unknown bits, bad size.
 */
#define MONITOR_ERR_INVALID (0 - 2)

/**
 * The handle was freed, is of the other kind, or never was a handle of this library.
 */
#define MONITOR_ERR_HANDLE (0 - 3)

/**
 * The call does not fit the state: started twice, not started, an address already in use by
 * another monitor, a configuration that another thread is changing.
 */
#define MONITOR_ERR_STATE (0 - 4)

/**
 * The monitor was started in the parent of this process; see "fork" above.
 */
#define MONITOR_ERR_FORKED (0 - 5)

/**
 * The call would deadlock inside of a callback. Nothing was done.
 */
#define MONITOR_ERR_IN_CALLBACK (0 - 6)

/**
 * The operating system refused; monitor_last_error says what and why.
 */
#define MONITOR_ERR_IO (0 - 7)

/**
 * The configuration file is wrong, or the configuration as a whole; monitor_last_error says where.
 */
#define MONITOR_ERR_CONFIG (0 - 8)

/**
 * There is no peer of that name.
 */
#define MONITOR_ERR_UNKNOWN_PEER (0 - 9)

/**
 * A limit is reached: handles, peers, addresses.
 */
#define MONITOR_ERR_LIMIT (0 - 10)

/**
 * A bug of this library; monitor_last_error says where. The host is unharmed.
 */
#define MONITOR_ERR_INTERNAL (0 - 11)

/**
 * The peer runs: first contact, or again after an end, or after an overdue pause.
 */
#define MONITOR_EVENT_STARTED 1

/**
 * No heartbeat for half of the margin; once until one is in time again. It is no outage yet.
 */
#define MONITOR_EVENT_LATE 2

/**
 * The peer is judged down. An outage begins.
 */
#define MONITOR_EVENT_DOWN 4

/**
 * The outage that the last DOWN opened is over.
 */
#define MONITOR_EVENT_RECOVERED 8

/**
 * The peer ended gracefully, or was removed.
 */
#define MONITOR_EVENT_ENDED 16

/**
 * The peer was never heard within "first_contact"; once. It is no outage.
 */
#define MONITOR_EVENT_NOT_SEEN 32

/**
 * A pause that the peer announced ran out, and the peer is not back.
 */
#define MONITOR_EVENT_OVERDUE 64

/**
 * One of several paths (addresses) of the peer fell silent, while another carries.
 */
#define MONITOR_EVENT_PATH_DOWN 128

/**
 * A silent path carries again.
 */
#define MONITOR_EVENT_PATH_UP 256

/**
 * The peer goes up and down so often that its notices rest; see "flap_outages".
 */
#define MONITOR_EVENT_FLAPPING 512

/**
 * Two processes claim one name.
 */
#define MONITOR_EVENT_NAME_CONFLICT 1024

/**
 * The peer holds this server for down.
 */
#define MONITOR_EVENT_DECLARED_DOWN 2048

/**
 * This process itself stood still (stopped, starved, suspended); its peers are not blamed for it.
 */
#define MONITOR_EVENT_SELF_STALLED 4096

/**
 * This server lost its own link or route.
 */
#define MONITOR_EVENT_SELF_ISOLATED 8192

/**
 * This server's own link or route is back.
 */
#define MONITOR_EVENT_SELF_CONNECTED 16384

/**
 * An administrator asked this monitor for something through "control_socket"; the event's detail says
 * what, and who.
 */
#define MONITOR_EVENT_CONTROL 32768

/**
 * The mask of all kinds, those of later versions included.
 */
#define MONITOR_EVENT_ALL 4294967295u

/**
 * No reason applies.
 */
#define MONITOR_REASON_NONE 0

/**
 * Heartbeats stopped, and without lifelines nothing tells crash, freeze and cut apart.
 */
#define MONITOR_REASON_SILENT 1

/**
 * The peer's process ended without a graceful end.
 */
#define MONITOR_REASON_PROCESS_EXIT 2

/**
 * Neither the peer's process nor its machine answers: cut, powerless, or behind a firewall.
 */
#define MONITOR_REASON_UNREACHABLE 3

/**
 * The peer's machine answers, its process does not: frozen, stopped, starved.
 */
#define MONITOR_REASON_HUNG 4

/**
 * The peer says that its application makes no progress.
 */
#define MONITOR_REASON_APP_STALLED 5

/**
 * A new incarnation of the peer answered.
 */
#define MONITOR_REASON_RESTARTED 6

/**
 * The same incarnation answered after datagrams were lost: the path healed.
 */
#define MONITOR_REASON_RECONNECTED 7

/**
 * The peer says that it stood still.
 */
#define MONITOR_REASON_RESUMED 8

/**
 * The same incarnation answered and nothing was lost: it was only late.
 */
#define MONITOR_REASON_FALSE_ALARM 9

/**
 * The peer ended gracefully while it was held for down.
 */
#define MONITOR_REASON_ENDED_LATE 10

/**
 * The peer was removed from the configuration, here or there.
 */
#define MONITOR_REASON_REMOVED 11

/**
 * The peer's monitor, not its application, failed.
 */
#define MONITOR_REASON_MONITOR_FAILED 12

/**
 * The observer's own lateness took part in the verdict.
 */
#define MONITOR_REASON_OWN_LATENESS 13

/**
 * The event may have been delivered before: an earlier life of this process died between the
 * delivery and its note of it. The epoch and the id are those of the first delivery.
 */
#define MONITOR_EVENT_FLAG_REDELIVERED 1

/**
 * The event was delivered without being in the status file, because the disk hangs, is full or
 * cannot be written: should this process be killed now, nobody will know of it any more. Never set
 * without "status_file".
 */
#define MONITOR_EVENT_FLAG_UNRECORDED 2

/**
 * This server's own link or route towards the peer was down: it is not known how the peer is.
 */
#define MONITOR_EVENT_FLAG_OWN_LINK 4

/**
 * DOWN: nothing was heard of the peer since this server's own restart, and it was up before, by the
 * status file. It may have ended gracefully in between.
 */
#define MONITOR_EVENT_FLAG_SINCE_RESTART 8

/**
 * The outage began before this machine was booted, so that its length is a difference of dates.
 */
#define MONITOR_EVENT_FLAG_APPROXIMATE 16

/**
 * Never heard.
 */
#define MONITOR_STATE_UNKNOWN 0

/**
 * Alive, by all that is known.
 */
#define MONITOR_STATE_UP 1

/**
 * Judged down; waited for.
 */
#define MONITOR_STATE_DOWN 2

/**
 * It announced a pause: its silence means nothing.
 */
#define MONITOR_STATE_PAUSED 3

/**
 * Its announced pause ran out, and it is not back.
 */
#define MONITOR_STATE_OVERDUE 4

/**
 * It ended gracefully.
 */
#define MONITOR_STATE_ENDED 5

/**
 * The peer's interval is too long for the detection time asked for, and three intervals are in
 * force; or false alarms are more frequent than mistakes_at_most tolerates.
 */
#define MONITOR_STATUS_QOS_UNMET 1

/**
 * We hear the peer, it does not hear us; the detection time is not proven.
 */
#define MONITOR_STATUS_ONE_WAY 2

/**
 * Somebody speaks in the peer's name under another key.
 */
#define MONITOR_STATUS_KEY_MISMATCH 4

/**
 * The state is from before this monitor's own start and not confirmed yet.
 */
#define MONITOR_STATUS_UNCONFIRMED 8

/**
 * The peer holds this server for down.
 */
#define MONITOR_STATUS_HELD_DOWN 16

/**
 * Two processes claim the peer's name.
 */
#define MONITOR_STATUS_NAME_CONFLICT 32

/**
 * The peer's process ended while it was announced to pause: no event, but it will hardly be back.
 */
#define MONITOR_STATUS_EXIT_SEEN 64

/**
 * Something on the way cuts the lifelines to the peer; they are not opened until its next life. A
 * crash is known by its heartbeats alone.
 */
#define MONITOR_STATUS_LIFELINES_GIVEN_UP 128

/**
 * The judge timer: with it paused, nobody is judged.
 */
#define MONITOR_TIMER_JUDGE 1

/**
 * The heartbeat timer: with it paused, the peers are told when to expect this server back.
 */
#define MONITOR_TIMER_HEARTBEAT 2

/**
 * The application's own watchdog expired: monitor_app_alive was not called for
 * "watchdog_timeout", or an activity made no progress within its deadline. The peers are being
 * told.
 */
#define MONITOR_INTERRUPT_APP_STALLED 1

/**
 * An administrator asks the application to end, through "control_socket": it should stop its work and
 * call monitor_app_end, not from the callback itself if that would take long.
 */
#define MONITOR_INTERRUPT_STOP_REQUESTED 2

/**
 * An administrator asks the application to start again after its end: it should take up its work and
 * call monitor_app_start.
 */
#define MONITOR_INTERRUPT_START_REQUESTED 3

/**
 * An administrator asks the application to read its own configuration again.
 */
#define MONITOR_INTERRUPT_RELOAD_REQUESTED 4

/**
 * A peer with "interrupt_on_down" went down: this server may take its work over, behind a lock or
 * a fence (see "No mutual exclusion" above).
 */
#define MONITOR_INTERRUPT_TAKEOVER 5

/**
 * The monitor itself cannot go on; this server is no longer watching nor watched. The peers are
 * told, once, ENDED (MONITOR_REASON_MONITOR_FAILED), so that they do not take it for a crash.
 */
#define MONITOR_INTERRUPT_FAILED 6

/**
 * Nothing is logged.
 */
#define MONITOR_LOG_OFF 0

/**
 * Something does not work.
 */
#define MONITOR_LOG_ERROR 1

/**
 * Something works, but not as it should.
 */
#define MONITOR_LOG_WARN 2

/**
 * What an administrator wants to know.
 */
#define MONITOR_LOG_INFO 3

/**
 * What the author of a host wants to know.
 */
#define MONITOR_LOG_DEBUG 4

/**
 * What the authors of this library want to know.
 */
#define MONITOR_LOG_TRACE 5

/**
 * In monitor_event_t: the event is not about a path.
 */
#define MONITOR_PATH_NONE 4294967295u

/**
 * The room that the name of a peer needs: 64 bytes and a NUL.
 */
#define MONITOR_NAME_SIZE 65

/**
 * The room that the name of an activity needs: 63 bytes and a NUL.
 */
#define MONITOR_ACTIVITY_SIZE 64

/**
 * The monitor is started.
 */
#define MONITOR_STATISTICS_RUNNING 1

/**
 * The monitor has failed (MONITOR_INTERRUPT_FAILED).
 */
#define MONITOR_STATISTICS_FAILED 2

/**
 * The library's sockets live in descriptor tables of its own. Without this bit, while the monitor
 * runs: in the host's, because the system refused; there are no lifelines then.
 */
#define MONITOR_STATISTICS_PRIVATE_TABLE 4

/**
 * The application is stalled, by its own watchdog or by an activity, and the peers are told so.
 */
#define MONITOR_STATISTICS_APP_STALLED 8

/**
 * "thread_priority" was refused by the system.
 */
#define MONITOR_STATISTICS_PRIORITY_REFUSED 16

/**
 * "cpu_affinity" was refused by the system.
 */
#define MONITOR_STATISTICS_AFFINITY_REFUSED 32

/**
 * "lock_memory" was refused by the system, at least in part.
 */
#define MONITOR_STATISTICS_MEMORY_REFUSED 64

/**
 * The status file is in use, and what was written to it last was taken.
 */
#define MONITOR_STATISTICS_RECORDING 128

/**
 * Opaque; a pointer to it is a token and points to nothing.
 */
struct monitor;

/**
 * Opaque; a pointer to it is a token and points to nothing.
 */
struct monitor_config;

/**
 * 0 (MONITOR_OK) is success, negative numbers are MONITOR_ERR_*.
 */
typedef int32_t monitor_result_t;

/**
 * A configuration in the making: a handle, made by monitor_config_new, released by
 * monitor_config_free.
 */
typedef struct monitor_config monitor_config_t;

/**
 * A monitored application: a handle, made by monitor_init, released by monitor_free.
 */
typedef struct monitor monitor_t;

/**
 * Something that the application does, with a deadline of its own; made by monitor_activity_begin,
 * never 0, and never the same again in one process.
 */
typedef uint64_t monitor_activity_t;

/**
 * What happened, why, and the numbers behind it. (epoch, id) names an event for ever; ids increase
 * within an epoch, and a reader that meets an unknown epoch starts anew.
 *
 * The struct and the strings that it points to live until the callback returns.
 */
struct monitor_event {
  /**
   * Bytes of this struct as the library was built: fields beyond it do not exist.
   */
  uint32_t size;
  /**
   * MONITOR_EVENT_*, one bit.
   */
  uint32_t kind;
  /**
   * MONITOR_REASON_*.
   */
  uint32_t reason;
  /**
   * MONITOR_EVENT_FLAG_*, any number of bits.
   */
  uint32_t flags;
  /**
   * The life of the id counter.
   */
  uint64_t epoch;
  /**
   * The number within the epoch, from 1.
   */
  uint64_t id;
  /**
   * The name of the peer; NULL for events about this monitor itself.
   */
  const char *peer;
  /**
   * The incarnation of the peer; 0 = unknown.
   */
  uint64_t incarnation;
  /**
   * When it was judged: nanoseconds since 1970 UTC. For people; clocks may step.
   */
  int64_t judged_at;
  /**
   * When the peer was last heard: nanoseconds since 1970 UTC; 0 = never.
   */
  int64_t last_heard_at;
  /**
   * Nanoseconds: for DOWN the silence so far, for RECOVERED the length of the outage.
   */
  uint64_t outage;
  /**
   * Nanoseconds between heartbeats, as the peer announced it.
   */
  uint64_t interval;
  /**
   * Nanoseconds after the last sign of life at which the deadline lay.
   */
  uint64_t deadline;
  /**
   * Nanoseconds by which this process itself was late while it waited.
   */
  uint64_t own_lateness;
  /**
   * Nanoseconds there and back; 0 = unknown.
   */
  uint64_t round_trip;
  /**
   * Heartbeats that were due and did not arrive.
   */
  uint32_t misses;
  /**
   * Complete pairs of this peer's events (DOWN and RECOVERED, OVERDUE or ENDED and STARTED,
   * PATH_DOWN and PATH_UP) that were dropped before this one, because nobody took events off the
   * queue or because the notices of a peer that flaps rested.
   */
  uint32_t merged;
  /**
   * PATH_DOWN, PATH_UP: the number of the path, from 0, in the order of the peer's addresses.
   * MONITOR_PATH_NONE for every other kind.
   */
  uint32_t path;
  /**
   * FLAPPING: how many outages there were within "flap_window". 0 for every other kind.
   */
  uint32_t outages;
  /**
   * PATH_DOWN, PATH_UP: the address of the path and its port as text, an IPv6 one in brackets. NULL
   * for every other kind.
   */
  const char *address;
  /**
   * DOWN (APP_STALLED): the activity of the peer's application that stands still, as the peer names
   * it. NULL if it names none, and for everything else.
   */
  const char *activity;
  /**
   * CONTROL: what an administrator asked for, and who. DOWN (PROCESS_EXIT): how the process ended,
   * if somebody who saw it said so ("killed by signal 9 (SIGKILL)"). At most 160 bytes on one line;
   * NULL for everything else.
   */
  const char *detail;
};

/**
 * What happened, why, and the numbers behind it.
 */
typedef struct monitor_event monitor_event_t;

/**
 * Takes one event. Runs on the library's delivery thread, or inside of monitor_dispatch. See "The
 * contract of every callback" above.
 */
typedef void (*monitor_event_fn)(const monitor_event_t *event, void *user_data);

/**
 * Destroys user data: called exactly once, after the last call of the callback that the data was
 * registered with. Runs on the thread that replaces or unregisters the callback or releases the
 * monitor, or where the callback itself ran if it did that from inside. See "The contract of every
 * callback" above: it must return, and monitor_free of the same monitor returns
 * MONITOR_ERR_IN_CALLBACK in it. After a fork before monitor_app_start, and if a child starts its
 * parent's monitor anew, parent and child each have the monitor and destroy their own copy of the data: what is shared all the same (a file, a
 * socket) must not be undone twice, and a lock that another thread of the parent held at the fork is
 * never released in the child.
 */
typedef void (*monitor_destroy_fn)(void *user_data);

/**
 * What must reach the application itself at once. The struct and the strings that it points to
 * live until the callback returns.
 */
struct monitor_interrupt {
  /**
   * Bytes of this struct as the library was built: fields beyond it do not exist.
   */
  uint32_t size;
  /**
   * MONITOR_INTERRUPT_*.
   */
  uint32_t kind;
  /**
   * The name of the peer; NULL unless it is about a peer.
   */
  const char *peer;
  /**
   * When it was raised: nanoseconds since 1970 UTC.
   */
  int64_t raised_at;
  /**
   * APP_STALLED: the activity that stands still. NULL for the application as a whole, and for every
   * other kind.
   */
  const char *activity;
  /**
   * TAKEOVER: the epoch of the DOWN that it follows from. 0 for every other kind.
   */
  uint64_t epoch;
  /**
   * TAKEOVER: the id of the DOWN that it follows from. 0 for every other kind.
   */
  uint64_t event_id;
  /**
   * TAKEOVER: why the peer is down, MONITOR_REASON_*.
   */
  uint32_t reason;
  /**
   * TAKEOVER: MONITOR_EVENT_FLAG_*, any number of bits; those of the DOWN.
   */
  uint32_t flags;
};

/**
 * What must reach the application itself at once.
 */
typedef struct monitor_interrupt monitor_interrupt_t;

/**
 * Takes one interrupt. Runs on a thread of the library, also while the host's own loop is blocked.
 * See "The contract of every callback" above.
 */
typedef void (*monitor_interrupt_fn)(const monitor_interrupt_t *interrupt, void *user_data);

/**
 * Takes one log line of MONITOR_LOG_* level: at most 1023 bytes, without line breaks, ended by a
 * NUL, valid until the callback returns. Runs on the library's delivery thread, also where events
 * are dispatched by the host. See "The contract of every callback" above.
 */
typedef void (*monitor_log_fn)(int32_t level, const char *message, void *user_data);

/**
 * What is known about a peer: the six fields of its status record (name, start_flag, running_a,
 * running_b, end_flag, recovery_wait), the judgement, and the numbers behind it.
 */
struct monitor_peer_record {
  /**
   * Set by the caller of monitor_peer_status to sizeof(monitor_peer_status_t); on return, and in
   * monitor_each_peer, the bytes that the library filled.
   */
  uint32_t size;
  /**
   * MONITOR_STATE_*.
   */
  uint32_t state;
  /**
   * MONITOR_REASON_*: why the state changed last.
   */
  uint32_t reason;
  /**
   * MONITOR_STATUS_*, any number of bits.
   */
  uint32_t flags;
  /**
   * The name of the peer, ended by a NUL.
   */
  char name[MONITOR_NAME_SIZE];
  /**
   * 1 = the peer said that it started.
   */
  uint8_t start_flag;
  /**
   * 1 = the peer said that it ended.
   */
  uint8_t end_flag;
  /**
   * 1 = the peer was judged down and is waited for.
   */
  uint8_t recovery_wait;
  /**
   * Heartbeats that were due and did not arrive.
   */
  uint32_t misses;
  /**
   * The value of the last heartbeat; 0 = "-", none.
   */
  uint64_t running_a;
  /**
   * The value that running_a had at the last tick of the judge timer; 0 = "-", none.
   */
  uint64_t running_b;
  /**
   * The incarnation of the peer; 0 = never heard.
   */
  uint64_t incarnation;
  /**
   * When the state changed last: nanoseconds since 1970 UTC.
   */
  int64_t since;
  /**
   * When the peer was last heard: nanoseconds since 1970 UTC; 0 = never.
   */
  int64_t last_heard_at;
  /**
   * Outages since the peer was added.
   */
  uint64_t outages;
  /**
   * Nanoseconds between heartbeats, as the peer announced it.
   */
  uint64_t interval;
  /**
   * Nanoseconds after the last sign of life at which the deadline lies.
   */
  uint64_t deadline;
  /**
   * Nanoseconds: the detection time in force, from crash to verdict.
   */
  uint64_t detect_within;
  /**
   * Nanoseconds by which this process itself was late while it waited.
   */
  uint64_t own_lateness;
  /**
   * Nanoseconds there and back; 0 = unknown.
   */
  uint64_t round_trip;
  /**
   * Nanoseconds that remain of the peer's announced pause; 0 = none.
   */
  uint64_t pause_remaining;
  /**
   * How many addresses the peer has: its paths, numbered from 0.
   */
  uint32_t paths;
  /**
   * One bit per path: it carries. 0 unless the state is UP or PAUSED.
   */
  uint32_t paths_up;
  /**
   * One bit per path: it works in one direction only. 0 unless the state is UP or PAUSED.
   */
  uint32_t paths_one_way;
  /**
   * 1 = the peer flaps: its outages are not told until its state has rested for "flap_rest".
   */
  uint32_t resting;
  /**
   * Nanoseconds: the margin in force, which the deadline leaves beyond one heartbeat; 0 with
   * detector = "interval".
   */
  uint64_t margin;
  /**
   * Nanoseconds by which heartbeats of late arrive later than they once did: detection may take
   * so much longer. Only with detector = "adaptive".
   */
  uint64_t level_rise;
  /**
   * Nanoseconds between the heartbeats that this process sends to the peer, after the peer asked
   * for what it needs.
   */
  uint64_t heartbeat_interval;
  /**
   * Nanoseconds between two false alarms that can be expected at the present margin; 0 = not
   * enough evidence yet, or no mistakes_at_most.
   */
  uint64_t mistake_interval;
  /**
   * Nanoseconds: the detection time that could be had for mistakes_at_most, or at the interval
   * of the peer; 0 = none, or not known.
   */
  uint64_t detect_within_possible;
  /**
   * How well the judgement works: 0 = well, up to 4 after late turns of this process and false
   * alarms; a clean minute takes one away.
   */
  uint32_t health;
  /**
   * How many of the two lifelines stand: a crash of the peer's process is known at once if any.
   */
  uint32_t lifelines;
  /**
   * While the peer is DOWN (APP_STALLED), the activity that stands still, as the peer names it,
   * ended by a NUL; otherwise empty.
   */
  char activity[MONITOR_ACTIVITY_SIZE];
};

/**
 * What is known about a peer.
 */
typedef struct monitor_peer_record monitor_peer_status_t;

/**
 * Takes the status of one peer. Runs inside of monitor_each_peer, on the thread that called it.
 * See "The contract of every callback" above.
 */
typedef void (*monitor_peer_fn)(const monitor_peer_status_t *status, void *user_data);

/**
 * What a monitor has counted since monitor_init, and how it is.
 */
struct monitor_counts {
  /**
   * Set by the caller to sizeof(monitor_statistics_t); on return, the bytes that the library
   * filled.
   */
  uint32_t size;
  /**
   * MONITOR_STATISTICS_*, any number of bits.
   */
  uint32_t flags;
  /**
   * Calls of the event callback.
   */
  uint64_t events;
  /**
   * Events in the queue at present, at most "event_queue".
   */
  uint64_t events_waiting;
  /**
   * Calls of the interrupt callback.
   */
  uint64_t interrupts;
  /**
   * Calls of the log callback.
   */
  uint64_t log_lines;
  /**
   * Log lines that were dropped, because nobody took them in time.
   */
  uint64_t log_lines_lost;
  /**
   * Calls of any callback that took longer than "callback_budget"; running ones are counted within
   * a second, while the monitor is started.
   */
  uint64_t slow_callbacks;
  /**
   * Nanoseconds: the longest call of the event callback that has returned.
   */
  uint64_t longest_event_callback;
  /**
   * Nanoseconds: the longest call of the interrupt callback that has returned.
   */
  uint64_t longest_interrupt_callback;
  /**
   * Nanoseconds: the longest call of the log callback that has returned.
   */
  uint64_t longest_log_callback;
  /**
   * Nanoseconds since the running call of the event callback began; 0 = none runs.
   */
  uint64_t event_callback_running;
  /**
   * Nanoseconds since the running call of the interrupt callback began; 0 = none runs.
   */
  uint64_t interrupt_callback_running;
  /**
   * Nanoseconds since the running call of the log callback began; 0 = none runs.
   */
  uint64_t log_callback_running;
  /**
   * Datagrams that were handed to the system.
   */
  uint64_t datagrams_sent;
  /**
   * Datagrams of peers that were taken.
   */
  uint64_t datagrams_accepted;
  /**
   * Datagrams that were not: damaged, forged, repeated, of strangers, or lost in the receive
   * buffer. Some of each life are usual, when peers meet.
   */
  uint64_t datagrams_rejected;
  /**
   * Turns of the library's loop: wake-ups of its main thread.
   */
  uint64_t turns;
  /**
   * While the application is stalled by one, the activity that stands still, ended by a NUL;
   * otherwise empty.
   */
  char stalled_activity[MONITOR_ACTIVITY_SIZE];
};

/**
 * What a monitor has counted since monitor_init, and how it is.
 */
typedef struct monitor_counts monitor_statistics_t;

/**
 * Makes an empty configuration: every key at its default.
 *
 * out: where the handle is stored; NULL is stored if the call fails. The caller owns the handle
 * and releases it with monitor_config_free, before or after the monitors that were made from it.
 *
 * Threads: any. From a callback: yes. In a forked child: yes.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if out is NULL; MONITOR_ERR_LIMIT if there are 1024
 * handles; MONITOR_ERR_IO if the system has no memory.
 * Since 0.1.0.
 */
monitor_result_t monitor_config_new(monitor_config_t **out);

/**
 * Reads a TOML file into the configuration, over what was set before; keys that are set afterwards
 * beat the file.
 *
 * config: a handle of monitor_config_new.
 * path: of the file, ended by a NUL; bytes as open(2) takes them, at most 4095. Copied. A relative
 * path is relative to the working directory of this call.
 *
 * Threads: any, but one at a time per configuration. From a callback: yes (it reads a file, and
 * later callbacks wait meanwhile). In a forked child: yes.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if config or path is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_INVALID if the path is too long; MONITOR_ERR_IO if the file cannot be read;
 * MONITOR_ERR_CONFIG if it is wrong (monitor_last_error names the line); MONITOR_ERR_LIMIT if it
 * is larger than 1 MiB or names too many peers; MONITOR_ERR_STATE if another thread is changing
 * this configuration.
 * Since 0.1.0.
 */
monitor_result_t monitor_config_load(monitor_config_t *config, const char *path);

/**
 * Sets one key, over what was set before.
 *
 * config: a handle of monitor_config_new.
 * key: a key of the file; dots lead into tables: "listen", "peer.billing.address". At most 256
 * bytes of UTF-8. Copied.
 * value: as in the file, without quotes: "0.0.0.0:28170", "200ms", "true". At most 65535 bytes of
 * UTF-8. Copied.
 *
 * Threads: any, but one at a time per configuration. From a callback: yes. In a forked child: yes.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_INVALID if there is no such key, the value does not fit it, or a string is too long
 * or not UTF-8; MONITOR_ERR_LIMIT if there are too many peers; MONITOR_ERR_STATE if another thread
 * is changing this configuration.
 * Since 0.1.0.
 */
monitor_result_t monitor_config_set(monitor_config_t *config, const char *key, const char *value);

/**
 * Adds a peer to watch. The order of the calls is of no meaning.
 *
 * config: a handle of monitor_config_new.
 * name: the name that the peer gives itself, [A-Za-z0-9._-], 1 to 64 bytes. Copied.
 * address: where it listens: "10.0.0.2:28170", "host.example:28170", an IPv6 address in brackets.
 * At most 1024 bytes of UTF-8. Copied. More paths to a peer: monitor_config_set with the key
 * "peer.NAME.address".
 *
 * Threads: any, but one at a time per configuration. From a callback: yes. In a forked child: yes.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_INVALID if the name or the address is wrong, or the name was added before;
 * MONITOR_ERR_LIMIT if there are too many peers; MONITOR_ERR_STATE if another thread is changing
 * this configuration.
 * Since 0.1.0.
 */
monitor_result_t monitor_config_add_peer(monitor_config_t *config,
                                         const char *name,
                                         const char *address);

/**
 * Releases a configuration. Monitors that were made from it have copies and are not affected.
 *
 * config: a handle of monitor_config_new; stale afterwards.
 *
 * Threads: any. From a callback: yes. In a forked child: yes.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if config is NULL; MONITOR_ERR_HANDLE if it was released
 * already.
 * Since 0.1.0.
 */
monitor_result_t monitor_config_free(monitor_config_t *config);

/**
 * Makes a monitor from a configuration: checks it, reads the files that it names, looks host names
 * up. Starts no thread and opens no socket, so that a server may call it with the privileges that
 * it drops later, and before it forks.
 *
 * out: where the handle is stored; NULL is stored if the call fails. The caller owns the handle
 * and releases it with monitor_free.
 * config: a handle of monitor_config_new; copied, so it may be released at once.
 *
 * Threads: any. From a callback: yes, but it may take long (files, names), and later callbacks
 * wait meanwhile. In a forked child: yes.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if out or config is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_CONFIG if the configuration is wrong or incomplete; MONITOR_ERR_IO if a file cannot
 * be read, or the system gives no random numbers; MONITOR_ERR_STATE if another thread is changing
 * the configuration; MONITOR_ERR_LIMIT if there are 1024 handles, or the key file is too large.
 * Since 0.1.0.
 */
monitor_result_t monitor_init(monitor_t **out, const monitor_config_t *config);

/**
 * The application begins its work: opens the sockets, starts the threads, tells the peers START
 * and returns without waiting for them. To be called in the process that serves, after it has
 * forked, changed its user and its root.
 *
 * monitor: a handle of monitor_init; not started yet, or ended. After an end this is a new life (a
 * new incarnation) for the peers. In a forked child, a monitor that the parent started starts
 * anew, with the parent's configuration, peers and callbacks, its own sockets and a new
 * incarnation. A descriptor of monitor_event_fd keeps its number and becomes the child's own.
 *
 * With "interrupt_signal", the thread that calls this is the one that the signal goes to. The first
 * start opens the "status_file" and takes over what an earlier life left in it, which takes as long
 * as the disk does, five seconds at most; a file that cannot be used costs a warning and what it
 * would have remembered.
 *
 * Threads: any. From a callback: yes. In a forked child: yes.
 * Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_STATE if it is started
 * already, has failed (MONITOR_INTERRUPT_FAILED), is being released, or the address or the status
 * file is in use;
 * MONITOR_ERR_IO if a socket or a thread is refused: the host may go on, and try again later.
 * Since 0.1.0.
 */
monitor_result_t monitor_app_start(monitor_t *monitor);

/**
 * The application makes progress: the pulse of the watchdog. With "watchdog_timeout" set, peers
 * judge this server DOWN (APP_STALLED) if the pulse stays away for that long. Without it, and
 * while the monitor is not started, the call does nothing. It takes a few nanoseconds: call it
 * from the main loop, once per round.
 *
 * monitor: a handle of monitor_init.
 *
 * Threads: any. From a callback and from a signal handler: yes. In a forked child:
 * MONITOR_ERR_FORKED for a monitor that the parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED. It leaves the text
 * of monitor_last_error alone, because signal handlers may call it.
 * Since 0.1.0.
 */
monitor_result_t monitor_app_alive(monitor_t *monitor);

/**
 * The application ends its work gracefully: tells the peers END, so that they report ENDED and not
 * DOWN. Waits for their acknowledgements, at most "end_linger" (200 ms), and returns MONITOR_OK
 * also without them. Then the end is noted in the "status_file", which a disk that hangs may delay by
 * a third of a second. Events that happened before are still delivered; monitor_app_start may
 * follow.
 *
 * monitor: a started handle.
 *
 * Threads: any. From a callback: yes (later callbacks wait meanwhile). In a forked child:
 * MONITOR_ERR_FORKED for a monitor that the parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED; MONITOR_ERR_STATE
 * if it is not started, has ended, or has failed (MONITOR_INTERRUPT_FAILED).
 * Since 0.1.0.
 */
monitor_result_t monitor_app_end(monitor_t *monitor);

/**
 * Releases a monitor. A started one is ended first, as by monitor_app_end; events that are queued
 * for the library's own thread are still delivered, for at most a second. The channels (client port,
 * mail, command) stop side by side, within two seconds; what they have to do still is in the
 * "status_file", for the next life. On return no callback of it runs or will run, its threads and
 * sockets are gone (only what hangs in the system's resolver, in a disk or in a relay is left to end
 * on its own), and the handle is stale. Other threads may be inside of
 * functions with the same handle: they finish or get an error.
 *
 * monitor: a handle of monitor_init. It is released if and only if MONITOR_OK is returned.
 *
 * Threads: any. From a callback of the same monitor: MONITOR_ERR_IN_CALLBACK, and the handle stays
 * valid; from one of another monitor: yes. In a forked child: yes; of a monitor that the parent
 * started, the child lets go without touching its sockets.
 * Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE if it was released already;
 * MONITOR_ERR_IN_CALLBACK.
 * Since 0.1.0.
 */
monitor_result_t monitor_free(monitor_t *monitor);

/**
 * Begins an activity: something that the application does and that must not stand still, such as
 * the work of one worker thread, a nightly run, a request. If neither monitor_activity_alive nor
 * monitor_activity_end is called within the deadline, the application counts as stalled: the peers
 * judge this server DOWN (APP_STALLED) and name the activity, and the interrupt callback is called
 * (MONITOR_INTERRUPT_APP_STALLED). It counts as moving again when the activity is
 * alive or ends, and nothing else stands still. Works beside "watchdog_timeout" or without it.
 *
 * monitor: a handle of monitor_init, started or not. Deadlines run while it is started.
 * name: for people, 1 to 63 bytes of UTF-8 without control characters. Several activities may have
 * the same. Copied.
 * deadline_ms: milliseconds, 20 to 86400000 (24 h). It is looked at as often as heartbeats are sent:
 * the peers learn of it at most one heartbeat interval (or a second) after the deadline.
 * out: where the activity is stored; 0 is stored if the call fails.
 *
 * Threads: any; it takes a lock, so not from a signal handler. From a callback: yes. In a forked
 * child: MONITOR_ERR_FORKED for a monitor that the parent started; activities that were begun
 * before the fork are the parent's, and mean nothing in the child.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if the name or the deadline is wrong; MONITOR_ERR_LIMIT
 * if there are 256 already.
 * Since 0.1.0.
 */
monitor_result_t monitor_activity_begin(monitor_t *monitor,
                                        const char *name,
                                        uint32_t deadline_ms,
                                        monitor_activity_t *out);

/**
 * The activity makes progress: its deadline begins anew. Takes a few nanoseconds and no lock.
 *
 * monitor: the handle that the activity was begun with.
 * activity: of monitor_activity_begin.
 *
 * Threads: any. From a callback and from a signal handler: yes. In a forked child:
 * MONITOR_ERR_FORKED for a monitor that the parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
 * MONITOR_ERR_INVALID if there is no such activity. It leaves the text of monitor_last_error alone,
 * because signal handlers may call it.
 * Since 0.1.0.
 */
monitor_result_t monitor_activity_alive(monitor_t *monitor, monitor_activity_t activity);

/**
 * The activity is over, and watched no longer.
 *
 * monitor: the handle that the activity was begun with.
 * activity: of monitor_activity_begin.
 *
 * Threads: any; it takes a lock, so not from a signal handler. From a callback: yes. In a forked
 * child: MONITOR_ERR_FORKED for a monitor that the parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
 * MONITOR_ERR_INVALID if there is no such activity, or it has ended.
 * Since 0.1.0.
 */
monitor_result_t monitor_activity_end(monitor_t *monitor, monitor_activity_t activity);

/**
 * Registers the callback for events, in place of the one before. To lose no event, register before
 * monitor_app_start.
 *
 * monitor: a handle of monitor_init.
 * event_mask: the kinds wanted, MONITOR_EVENT_* joined by "|", or MONITOR_EVENT_ALL. Unknown bits
 * are allowed: they are kinds of later versions.
 * callback: NULL unregisters.
 * user_data: handed to the callback as it is, and never looked at. The host owns it and may
 * release it once the callback is unregistered, replaced or the monitor released.
 *
 * On return the former callback does not run and never will. If it is running on another thread,
 * the call waits for it; from inside of it, it does not wait.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if the handle is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_IN_CALLBACK if waiting would deadlock; MONITOR_ERR_STATE if the
 * monitor is being released.
 * Since 0.1.0.
 */
monitor_result_t monitor_on_event(monitor_t *monitor,
                                  uint32_t event_mask,
                                  monitor_event_fn callback,
                                  void *user_data);

/**
 * As monitor_on_event, with user data that the library destroys: `destroy` is called with it exactly
 * once, after the last call of the callback, when that is replaced or unregistered or the monitor
 * is released. Not if this call fails (the data stays the host's then), not at the end of
 * the process, and not in a forked child that lets go of a monitor which its parent started.
 *
 * monitor: a handle of monitor_init.
 * event_mask: the kinds wanted, as in monitor_on_event.
 * callback: NULL unregisters; user_data and destroy are not used then.
 * user_data: handed to the callback as it is, and to destroy at the end.
 * destroy: NULL, and the call is that of monitor_on_event. Otherwise see monitor_destroy_fn.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns what monitor_on_event returns.
 * Since 0.1.0.
 */
monitor_result_t monitor_on_event_full(monitor_t *monitor,
                                       uint32_t event_mask,
                                       monitor_event_fn callback,
                                       void *user_data,
                                       monitor_destroy_fn destroy);

/**
 * Registers the callback for interrupts (MONITOR_INTERRUPT_*), in place of the one before. They
 * are delivered at once on a thread of their own, also while the host's loop or an event callback
 * blocks; with "interrupt_signal", that signal follows each. While one waits for the callback, another
 * that says the same does not queue up: of TAKEOVERs of one peer the latest stays, of stalls at most
 * 256 wait. The peer may be back by the time of the call: monitor_peer_status knows. Without a
 * callback, interrupts are only logged.
 *
 * monitor: a handle of monitor_init.
 * callback: NULL unregisters.
 * user_data: as in monitor_on_event.
 *
 * On return the former callback does not run and never will. If it is running on another thread,
 * the call waits for it; from inside of it, it does not wait.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if the handle is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_IN_CALLBACK if waiting would deadlock; MONITOR_ERR_STATE if the
 * monitor is being released; MONITOR_ERR_IO if its thread is refused by the system.
 * Since 0.1.0.
 */
monitor_result_t monitor_on_interrupt(monitor_t *monitor,
                                      monitor_interrupt_fn callback,
                                      void *user_data);

/**
 * As monitor_on_interrupt, with user data that the library destroys: `destroy` is called with it exactly
 * once, after the last call of the callback, when that is replaced or unregistered or the monitor
 * is released. Not if this call fails (the data stays the host's then), not at the end of
 * the process, and not in a forked child that lets go of a monitor which its parent started.
 *
 * monitor: a handle of monitor_init.
 * callback: NULL unregisters; user_data and destroy are not used then.
 * user_data: handed to the callback as it is, and to destroy at the end.
 * destroy: NULL, and the call is that of monitor_on_interrupt. Otherwise see monitor_destroy_fn.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns what monitor_on_interrupt returns.
 * Since 0.1.0.
 */
monitor_result_t monitor_on_interrupt_full(monitor_t *monitor,
                                           monitor_interrupt_fn callback,
                                           void *user_data,
                                           monitor_destroy_fn destroy);

/**
 * Registers the callback for log lines, in place of the one before. Without one nothing is logged,
 * and nothing is printed, unless the configuration says log = "env".
 *
 * monitor: a handle of monitor_init.
 * max_level: MONITOR_LOG_ERROR to MONITOR_LOG_TRACE; lines of higher levels are not made.
 * MONITOR_LOG_OFF: none.
 * callback: NULL unregisters.
 * user_data: as in monitor_on_event.
 *
 * On return the former callback does not run and never will. If it is running on another thread,
 * the call waits for it; from inside of it, it does not wait.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if the handle is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if there is no such level; MONITOR_ERR_IN_CALLBACK if
 * waiting would deadlock; MONITOR_ERR_STATE if the monitor is being released.
 * Since 0.1.0.
 */
monitor_result_t monitor_on_log(monitor_t *monitor,
                                int32_t max_level,
                                monitor_log_fn callback,
                                void *user_data);

/**
 * As monitor_on_log, with user data that the library destroys: `destroy` is called with it exactly
 * once, after the last call of the callback, when that is replaced or unregistered or the monitor
 * is released. Not if this call fails (the data stays the host's then), not at the end of
 * the process, and not in a forked child that lets go of a monitor which its parent started.
 *
 * monitor: a handle of monitor_init.
 * max_level: the highest level wanted, as in monitor_on_log.
 * callback: NULL unregisters; user_data and destroy are not used then.
 * user_data: handed to the callback as it is, and to destroy at the end.
 * destroy: NULL, and the call is that of monitor_on_log. Otherwise see monitor_destroy_fn.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns what monitor_on_log returns.
 * Since 0.1.0.
 */
monitor_result_t monitor_on_log_full(monitor_t *monitor,
                                     int32_t max_level,
                                     monitor_log_fn callback,
                                     void *user_data,
                                     monitor_destroy_fn destroy);

/**
 * Chooses the host's own loop for the delivery of events: returns a descriptor that is readable
 * (level-triggered) while events are queued. Watch it with poll, select or epoll, and call
 * monitor_dispatch when it is readable; event callbacks run in there, and on no other thread.
 *
 * monitor: a handle of monitor_init that was never started. Asked again, also later, it returns
 * the same descriptor. Ask in the process that starts the monitor: processes that share a
 * descriptor wake each other.
 *
 * The library owns the descriptor: the host neither reads from it nor closes it (a host that does
 * close it only loses its wake-ups). monitor_free closes it.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns the descriptor (0 or more); MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
 * MONITOR_ERR_STATE if the monitor was started without, or is being released; MONITOR_ERR_IO if
 * there are no descriptors left.
 * Since 0.1.0.
 */
int monitor_event_fd(monitor_t *monitor);

/**
 * Calls the event callback for queued events, in order, on this thread, and returns without
 * waiting for more.
 *
 * monitor: a handle whose monitor_event_fd was asked for.
 * max_events: how many at most; 0 = all that are queued.
 *
 * Threads: any; calls on several threads deliver one after the other. From a callback of the same
 * monitor: MONITOR_ERR_IN_CALLBACK. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK, also if nothing was queued; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_IN_CALLBACK; MONITOR_ERR_STATE if monitor_event_fd was not asked
 * for, or the monitor is being released.
 * Since 0.1.0.
 */
monitor_result_t monitor_dispatch(monitor_t *monitor, uint32_t max_events);

/**
 * Copies what is known about one peer. Inside of an event callback it shows what the event tells,
 * or something newer. (One exception: a thread that asks for a status and is kept from going on
 * for a tenth of a second in the middle of it. Events do not wait longer for it.)
 *
 * monitor: a handle of monitor_init, started or not.
 * peer: the name of the peer, at most 64 bytes of UTF-8.
 * out: where the status is copied to. The caller sets out->size to sizeof(monitor_peer_status_t)
 * before; the library fills at most that many bytes, and sets out->size to the bytes that it
 * filled. Bytes beyond are left as they are. Nothing is written if the call fails.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_UNKNOWN_PEER; MONITOR_ERR_INVALID if out->size has no room for
 * "size" and "state" (8 bytes), or the name is too long or not UTF-8.
 * Since 0.1.0.
 */
monitor_result_t monitor_peer_status(monitor_t *monitor,
                                     const char *peer,
                                     monitor_peer_status_t *out);

/**
 * Calls a function once for every peer, with copies that were all taken at the same moment, in no
 * particular order, before it returns.
 *
 * monitor: a handle of monitor_init, started or not.
 * callback: called on this thread, with no lock held. The struct and its strings live until it
 * returns; status->size says how many bytes of it exist. Must not be NULL.
 * user_data: handed to the callback as it is.
 *
 * If another thread releases the monitor meanwhile, the remaining peers are left out.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK, also if there are no peers; MONITOR_ERR_NULL if the handle or the callback
 * is NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED.
 * Since 0.1.0.
 */
monitor_result_t monitor_each_peer(monitor_t *monitor, monitor_peer_fn callback, void *user_data);

/**
 * Copies what a monitor has counted since monitor_init, and how it is.
 *
 * monitor: a handle of monitor_init, started or not.
 * out: where it is copied to. The caller sets out->size to sizeof(monitor_statistics_t) before; the
 * library fills at most that many bytes, and sets out->size to the bytes that it filled. Bytes
 * beyond are left as they are. Nothing is written if the call fails.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if out->size has no room for "size" and "flags" (8
 * bytes).
 * Since 0.1.0.
 */
monitor_result_t monitor_statistics(monitor_t *monitor, monitor_statistics_t *out);

/**
 * Watches one more peer, with the defaults of the configuration. The peer must watch this server
 * too.
 *
 * monitor: a handle of monitor_init, started or not.
 * name: the name that the peer gives itself, [A-Za-z0-9._-], 1 to 64 bytes. Copied.
 * address: where it listens, as in monitor_config_add_peer. Copied. A host name is looked up
 * later, on a thread of the library (before the start: in this call).
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED for a monitor that the
 * parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if the name or the address is wrong or forbidden, or if
 * there is a peer of that name; MONITOR_ERR_STATE if the monitor is being released;
 * MONITOR_ERR_LIMIT if there are 10,000 already.
 * Since 0.1.0.
 */
monitor_result_t monitor_add_peer(monitor_t *monitor, const char *name, const char *address);

/**
 * Watches a peer no longer, and tells it so. An open outage of it is closed: RECOVERED (REMOVED),
 * then ENDED (REMOVED); after these nothing of that name is reported until it is added again.
 *
 * monitor: a handle of monitor_init, started or not.
 * name: the name of the peer, at most 64 bytes.
 *
 * Threads: any. From a callback: yes; events that are queued already are still delivered. In a
 * forked child: MONITOR_ERR_FORKED for a monitor that the parent started.
 * Returns MONITOR_OK; MONITOR_ERR_NULL if an argument is NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_INVALID if the name is too long or not UTF-8;
 * MONITOR_ERR_UNKNOWN_PEER; MONITOR_ERR_STATE if the monitor is being released.
 * Since 0.1.0.
 */
monitor_result_t monitor_remove_peer(monitor_t *monitor, const char *name);

/**
 * Pauses timers, for maintenance: with the heartbeat paused, the peers are told when to expect
 * this server back, and its silence means nothing until then (OVERDUE afterwards); with the judge
 * paused, this server judges nobody.
 *
 * monitor: a started handle.
 * timers: MONITOR_TIMER_JUDGE, MONITOR_TIMER_HEARTBEAT, or both joined by "|".
 * seconds: how long; 0 means "pause_max" of the configuration (1 hour), which is also the longest
 * that is granted. The judge timer alone pauses until monitor_resume, whatever this says.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED.
 * Returns MONITOR_OK; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE; MONITOR_ERR_FORKED;
 * MONITOR_ERR_INVALID if timers is 0 or has other bits; MONITOR_ERR_STATE if the monitor is not
 * started.
 * Since 0.1.0.
 */
monitor_result_t monitor_pause(monitor_t *monitor, uint32_t timers, uint32_t seconds);

/**
 * Ends every pause at once.
 *
 * monitor: a started handle.
 *
 * Threads: any. From a callback: yes. In a forked child: MONITOR_ERR_FORKED.
 * Returns MONITOR_OK, also if nothing was paused; MONITOR_ERR_NULL; MONITOR_ERR_HANDLE;
 * MONITOR_ERR_FORKED; MONITOR_ERR_STATE if the monitor is not started.
 * Since 0.1.0.
 */
monitor_result_t monitor_resume(monitor_t *monitor);

/**
 * What an error code means, in words. For what exactly went wrong, see monitor_last_error.
 *
 * Returns a string that lives as long as the process; never NULL, also for unknown codes.
 * Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
 * Since 0.1.0.
 */
const char *monitor_strerror(monitor_result_t code);

/**
 * The name of an event kind without its prefix: "DOWN" for MONITOR_EVENT_DOWN. "UNKNOWN" for other
 * numbers, and for several kinds joined.
 *
 * Returns a string that lives as long as the process; never NULL.
 * Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
 * Since 0.1.0.
 */
const char *monitor_event_name(uint32_t kind);

/**
 * The name of a reason without its prefix: "SILENT" for MONITOR_REASON_SILENT. "UNKNOWN" for other
 * numbers.
 *
 * Returns a string that lives as long as the process; never NULL.
 * Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
 * Since 0.1.0.
 */
const char *monitor_reason_name(uint32_t reason);

/**
 * What exactly went wrong in the last call on this thread that failed. Calls that succeed leave it
 * as it is, and so do monitor_app_alive, monitor_activity_alive and this function; at first it is
 * empty.
 *
 * buf: where the text (UTF-8, one sentence) is copied to, always ended by a NUL; a text that does
 * not fit is cut between characters. NULL is allowed if len is 0.
 * len: the bytes at buf. 0: nothing is written.
 *
 * Returns the bytes that the whole text has without its NUL (at most 1024), whatever was copied:
 * a buffer of one byte more holds it. 0 if there is no error, or if buf is NULL and len is not 0.
 * Threads: any; every thread has its own text. From a callback: yes. In a forked child: yes.
 * Allocates nothing, and works in the destructors of thread-local objects too.
 * Since 0.1.0.
 */
size_t monitor_last_error(char *buf, size_t len);

/**
 * The version of the library that is loaded, "major.minor.patch". Compare with
 * MONITOR_VERSION_MAJOR and its companions, which are those of this header.
 *
 * Returns a string that lives as long as the process; never NULL.
 * Threads: any. From a callback and from a signal handler: yes. In a forked child: yes.
 * Since 0.1.0.
 */
const char *monitor_version(void);

#ifdef __cplusplus
}
#endif

#endif /* PEERMON_H */
