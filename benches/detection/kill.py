"""kill -9 of the peer's process: from just before kill(2) to the entry of the callback."""

import random
import signal
import time

import faults
from pair import pair
from process import strike

PATIENCE = 20.0
# Seconds over which packets are counted.
WINDOW = 5.0
# What the machine keeps besides the heap of the victim, in megabytes.
RESERVE = 2048


def variants(options):
    """(title, arguments of the victim, the child that it makes)"""
    heap = [f"heap={options.heap}", "thread"]
    return [
        ("kill -9", [], None),
        ("kill -9, a forked child lives on", [], "fork"),
        ("kill -9, a child of a bare clone lives on", [], "clone"),
        (f"kill -9, {options.heap} MB of dirty heap, one more thread", heap, None),
    ]


def measure(options):
    for title, arguments, child in variants(options):
        row = {"title": title, "rounds": [], "failed": None}
        if arguments and available_memory() < options.heap + RESERVE:
            row["failed"] = f"needs {options.heap + RESERVE} MB of free memory"
        else:
            with pair(arguments=arguments) as hosts:
                row["packets_per_second"] = faults.packet_rate(hosts.lab, WINDOW)
                row["rounds"] = [strike_once(hosts, child) for _ in range(options.rounds)]
        yield row


def strike_once(hosts, child):
    """One kill: the DOWN that followed, with "after", seconds since the kill."""
    victim = hosts.hosts.daemon("b")
    born = []
    if child is not None:
        seen = len(victim.lines)
        victim.tell(child)
        _, text = victim.expect(lambda line: line.startswith("child "), PATIENCE, seen)
        born = [int(text.split()[1])]
        if born[0] <= 0:
            raise RuntimeError(f"no {child}: {text}")
    time.sleep(random.random())
    at = strike([victim.pid], signal.SIGKILL)
    event = hosts.wait(("DOWN",), at)
    # Only now: while it lived, it held whatever it had inherited.
    strike(born, signal.SIGKILL)
    victim.reap()
    hosts.hosts.restart("b")
    hosts.recover()
    return None if event is None else event | {"after": (event["at"] - at) / 1e9}


def available_memory():
    """Megabytes."""
    with open("/proc/meminfo", encoding="ascii") as table:
        for line in table:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) // 1024
    return 0
