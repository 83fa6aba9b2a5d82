"""Silent faults against the bound: detect_within + delay + rise of the level + own lateness."""

import random
import time

import faults
from kill import WINDOW
from pair import pair

SETTINGS = {"1 s": 1.0, "300 ms": 0.3, "60 ms": 0.06}


def measure(options):
    for setting, seconds in SETTINGS.items():
        for fault in ("silent cut", "SIGSTOP"):
            row = {"title": f"{fault}, detect_within {setting}", "bound": seconds, "failed": None}
            with pair(f'detect_within = "{round(seconds * 1000)}ms"') as hosts:
                row["packets_per_second"] = faults.packet_rate(hosts.lab, WINDOW)
                row["rounds"] = [strike_once(hosts, fault, seconds) for _ in range(options.rounds)]
            yield row


def strike_once(hosts, fault, seconds):
    """One fault: the DOWN that followed, with "after" and what was left of the bound, "spare"."""
    time.sleep(random.random())
    if fault == "SIGSTOP":
        at = hosts.hosts.freeze("b")
    else:
        at = hosts.lab.set_cable(False)
    event = hosts.wait(("DOWN",), at)
    if fault == "SIGSTOP":
        hosts.hosts.thaw("b")
    else:
        hosts.lab.set_cable(True)
    hosts.recover()
    if event is None:
        return None
    after = (event["at"] - at) / 1e9
    return event | {
        "after": after, "rise": rise(event, seconds), "spare": spare(event, after, seconds),
    }


def rise(event, seconds):
    """By how much the deadline lay later than asked for, because the level had risen; seconds."""
    return max(0.0, event["deadline"] / 1e9 - seconds)


def spare(event, after, seconds):
    """What was left of the bound when the callback was entered; negative: it was missed."""
    delay = event["round_trip"] / 2 / 1e9
    return seconds + delay + rise(event, seconds) + event["own_lateness"] / 1e9 - after
