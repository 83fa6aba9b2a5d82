"""One contestant, every fault: when the survivor noticed, what it said, and how it recovered."""

import random
import subprocess
import sys
import time

from lab import OTHER

# A pair that is not up after this long will not come up: FRR takes 12 s.
UP_WITHIN = 60.0
# After it may run again, a frozen survivor has this long to blame its peer.
SECOND_THOUGHTS = 5.0
FREEZE = 2.0

FAULTS = ("kill", "frozen", "cut", "graceful")


def bring_up(contestant, lab):
    """Starts both sides and waits until they believe in one another."""
    for node in OTHER:
        contestant.start(lab, node)
    await_up(contestant)
    time.sleep(contestant.settle)


def await_up(contestant):
    """Waits until all who watch believe their peer up; raises if they do not."""
    deadline = time.monotonic() + UP_WITHIN
    for node in "ab" if contestant.mutual else "a":
        while contestant.believes(node) != "up":
            for daemon in (contestant.daemon(either) for either in OTHER):
                if not daemon.is_running():
                    said = daemon.lines[-1][1] if daemon.lines else "nothing"
                    raise RuntimeError(f"{daemon.name} ended by itself; last it said: {said}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{node} does not see its peer within {UP_WITHIN:g} s")
            time.sleep(0.01)


def packet_rate(lab, window):
    """Frames per second that both sides send together, over `window` seconds without a fault."""
    before, at = lab.frames(), time.monotonic()
    time.sleep(window)
    after, span = lab.frames(), time.monotonic() - at
    return sum(after[node] - before[node] for node in after) / span


def strike_once(contestant, lab, fault):
    """One fault of b and its end: detection and recovery in seconds (None: none), and the word."""
    # A random phase between fault and heartbeat.
    time.sleep(random.random())
    if fault == "kill":
        at = contestant.kill("b")
    elif fault == "frozen":
        at = contestant.freeze("b")
    elif fault == "cut":
        at = lab.set_cable(False)
    else:
        at = contestant.end("b")
    notice = contestant.wait("a", ("down", "ended"), at)
    if fault in ("kill", "graceful"):
        back = contestant.restart("b")
    elif fault == "frozen":
        back = contestant.thaw("b")
    else:
        back = lab.set_cable(True)
    result = {
        "detected": None if notice is None else (notice.at - at) / 1e9,
        "kind": None if notice is None else notice.kind,
        "text": None if notice is None else notice.text,
        "recovered": None,
    }
    if notice is not None:
        again = contestant.wait("a", ("up",), back, UP_WITHIN)
        result["recovered"] = None if again is None else (again.at - back) / 1e9
    await_up(contestant)
    time.sleep(contestant.settle)
    return result


def freeze_survivor(contestant):
    """Stops a for two seconds; b is well. How often a then says that b is not."""
    time.sleep(random.random())
    at = contestant.freeze("a")
    time.sleep(FREEZE)
    contestant.thaw("a")
    time.sleep(SECOND_THOUGHTS)
    blamed = blames(contestant.notices("a", at))
    await_up(contestant)
    time.sleep(contestant.settle)
    return blamed


def starve_survivor(contestant, seconds, loops):
    """Busy loops on every core for some time; how often a says that b is down."""
    at = time.monotonic_ns()
    with Busy(loops):
        time.sleep(seconds)
    time.sleep(contestant.settle)
    return blames(contestant.notices("a", at))


def blames(notices):
    return sum(notice.kind in ("down", "ended") for notice in notices)


class Busy:
    """Processes that do nothing but that, for as long as the context lasts."""

    def __init__(self, number):
        self.number = number
        self.loops = []

    def __enter__(self):
        try:
            for _ in range(self.number):
                # Should the harness be killed, an hour is the bound.
                self.loops.append(subprocess.Popen(
                    [sys.executable, "-c",
                     "import signal\nsignal.alarm(3600)\nwhile True: pass"],
                ))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception):
        for loop in self.loops:
            loop.kill()
            loop.wait()
