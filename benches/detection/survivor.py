"""The survivor is stopped or starved, and the peer is well: nobody may be blamed."""

import os
import random
import time

import faults
from pair import pair

LOOPS_PER_CORE = 4
# After SIGCONT: longer than detection at the default profile, twice.
SECOND_THOUGHTS = 2.5


def measure(options):
    yield stopped(options)
    yield starved(options)


def stopped(options):
    with pair() as hosts:
        rounds = [stop_once(hosts) for _ in range(options.rounds)]
    return {
        "title": f"survivor stopped for {faults.FREEZE:g} s", "asked": "no DOWN",
        "counts": {
            "rounds": len(rounds),
            "DOWN": sum("DOWN" in kinds for kinds, _ in rounds),
            "SELF_STALLED": sum("SELF_STALLED" in kinds for kinds, _ in rounds),
            "the other's recovery": tally(reason for _, reason in rounds),
        },
        "held": not any("DOWN" in kinds for kinds, _ in rounds),
    }


def stop_once(hosts):
    """The kinds of a's events, and why b held a for back again."""
    time.sleep(random.random())
    at = hosts.hosts.freeze("a")
    time.sleep(faults.FREEZE)
    hosts.hosts.thaw("a")
    time.sleep(SECOND_THOUGHTS)
    kinds = {event["kind"] for event in hosts.events("a", at)}
    back = hosts.wait(("RECOVERED",), at, node="b")
    hosts.recover()
    return kinds, "none" if back is None else back["reason"]


def starved(options):
    loops = LOOPS_PER_CORE * os.cpu_count()
    with pair('detect_within = "200ms"') as hosts:
        at = time.monotonic_ns()
        with faults.Busy(loops):
            time.sleep(options.starve)
        time.sleep(SECOND_THOUGHTS)
        downs = hosts.downs(at)
        stalls = sum(event["kind"] == "SELF_STALLED" for event in hosts.events("a", at))
    return {
        "title": f"{loops} busy loops for {options.starve:g} s, detect_within 200 ms",
        "asked": "no DOWN",
        "counts": {"DOWN at a": downs["a"], "DOWN at b": downs["b"], "SELF_STALLED": stalls},
        "held": not any(downs.values()),
    }


def tally(words):
    """How often each word came: "RESUMED 99, RECONNECTED 1"."""
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{word} {count}" for word, count in ordered)
