"""Which item of the header is on which page of section 3.

A name belongs to the most specific pattern that fits it. A name that none fits is an error, so
that nothing new in the header stays without a page. A page without a function is not made.
"""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from blocks import Unclear


@dataclass
class Group:
    page: str
    about: str
    functions: list
    types: list = field(default_factory=list)
    # Of the names of constants, with the heading that they stand under.
    constants: dict = field(default_factory=dict)


GROUPS = [
    Group(
        "monitor_config",
        "configure a monitor",
        ["monitor_config_*"],
        types=["monitor_config", "monitor_config_t"],
    ),
    Group(
        "monitor_init",
        "the life of a monitored application",
        ["monitor_init", "monitor_app_*", "monitor_free"],
        types=["monitor", "monitor_t"],
    ),
    Group(
        "monitor_on_event",
        "be called when something happens to a peer",
        ["monitor_on_event*"],
        types=["monitor_event", "monitor_event_*", "monitor_destroy_fn"],
        constants={
            "MONITOR_EVENT_*": "Kinds of events",
            "MONITOR_REASON_*": "Reasons",
            "MONITOR_EVENT_FLAG_*": "Flags of an event",
            "MONITOR_PATH_*": "Paths",
        },
    ),
    Group(
        "monitor_on_interrupt",
        "be called at once when this server itself is concerned",
        ["monitor_on_interrupt*"],
        types=["monitor_interrupt", "monitor_interrupt_*"],
        constants={"MONITOR_INTERRUPT_*": "Kinds of interrupts"},
    ),
    Group(
        "monitor_on_log",
        "be called with the log lines of a monitor",
        ["monitor_on_log*"],
        types=["monitor_log_*"],
        constants={"MONITOR_LOG_*": "Levels"},
    ),
    Group(
        "monitor_event_fd",
        "take events in a loop of the host's own",
        ["monitor_event_fd", "monitor_dispatch*"],
    ),
    Group(
        "monitor_peer_status",
        "what is known about the peers",
        ["monitor_peer_status*", "monitor_each_peer*"],
        types=["monitor_peer_*"],
        constants={
            "MONITOR_STATE_*": "States",
            "MONITOR_STATUS_*": "Flags of a status",
            "MONITOR_NAME_SIZE": "Sizes",
        },
    ),
    Group(
        "monitor_add_peer",
        "add and remove peers while a monitor runs",
        ["monitor_add_peer*", "monitor_remove_peer*"],
    ),
    Group(
        "monitor_pause",
        "pause monitoring for maintenance",
        ["monitor_pause*", "monitor_resume*"],
        constants={"MONITOR_TIMER_*": "Timers"},
    ),
    Group(
        "monitor_activity",
        "watch the progress of single activities",
        ["monitor_activity_*"],
        types=["monitor_activity", "monitor_activity_*"],
        constants={"MONITOR_ACTIVITY_*": "Activities"},
    ),
    Group(
        "monitor_statistics",
        "what a monitor has counted",
        ["monitor_statistics*"],
        types=["monitor_counts", "monitor_statistics_*"],
        constants={"MONITOR_STATISTICS_*": "Statistics"},
    ),
    Group(
        "monitor_strerror",
        "results, names and versions in words",
        ["monitor_strerror", "monitor_last_error", "monitor_*_name", "monitor_version"],
        types=["monitor_result_t"],
        constants={
            "MONITOR_OK": "Results",
            "MONITOR_ERR_*": "Results",
            "MONITOR_VERSION_*": "Versions",
        },
    ),
]


def group_of(name, what, groups=GROUPS):
    """The group and the pattern of `name`; `what` is "functions", "types" or "constants"."""
    fitting = [
        (len(pattern.replace("*", "")), pattern, group)
        for group in groups
        for pattern in getattr(group, what)
        if fnmatchcase(name, pattern)
    ]
    if not fitting:
        raise Unclear(
            f"peermon.h: {name} belongs to no page: add it to {what} of a group in groups.py"
        )
    best = max(size for size, _, _ in fitting)
    first, *others = [(group, pattern) for size, pattern, group in fitting if size == best]
    if others:
        raise Unclear(f"peermon.h: {name} belongs to {first[0].page} and {others[0][0].page}")
    return first
