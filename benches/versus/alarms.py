"""False alarms: both sides are well, the path between them is not."""

import time

from faults import await_up, blames
from lab import OTHER

# The commands of the relay, by the name of the path in the table.
PATHS = {
    "loss 10 %": "loss 0.1",
    # 25 % in bursts of 3.3 frames in the mean.
    "correlated loss 25 %": "gilbert 0.1 0.3",
    "jitter 20 ± 15 ms": "jitter 0.020 0.015",
}
PATIENCE = 10.0


def over_path(contestant, relay, path, seconds):
    """Alarms of both sides in so many seconds, and the share of time a peer was thought down."""
    watchers = list(OTHER) if contestant.mutual else ["a"]
    began = command(relay, PATHS[path])
    time.sleep(seconds)
    ended = command(relay, "clean")
    told = {node: contestant.notices(node, began) for node in watchers}
    within = {
        node: [notice for notice in notices if notice.at <= ended]
        for node, notices in told.items()
    }
    result = {
        "alarms": sum(blames(notices) for notices in within.values()),
        "share_down": sum(
            down_for(notices, ended) for notices in within.values()
        ) / (ended - began) / len(watchers),
        "watchers": len(watchers),
        "seconds": (ended - began) / 1e9,
    }
    await_up(contestant)
    time.sleep(contestant.settle)
    return result


def down_for(notices, until):
    """Nanoseconds that a peer, up before them, was thought down by these notices."""
    total, since = 0, None
    for notice in notices:
        if notice.kind == "up":
            total += 0 if since is None else notice.at - since
            since = None
        elif since is None:
            since = notice.at
    return total + (0 if since is None else until - since)


def command(relay, text):
    """Tells the relay; returns the instant of its obedience (ns)."""
    seen = len(relay.lines)
    relay.tell(text)
    _, answer = relay.expect(lambda line: line.startswith("ok "), PATIENCE, seen)
    return int(answer.split()[1])
