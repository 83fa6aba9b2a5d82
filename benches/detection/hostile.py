"""Middleboxes and firewalls: what they do must not look like a crash, nor like a silent peer."""

import shutil
import time

import alarms
from lab import run
from pair import pair
from survivor import tally

RESET_EVERY = 10.0
# b's firewall lets nothing in, and says so; nothing but its ICMP gets out.
FIREWALL = """
table inet versus {
  chain input { type filter hook input priority 0;
    iifname "eth0" meta l4proto { tcp, udp } reject with icmpx port-unreachable; }
  chain output { type filter hook output priority 0;
    oifname "eth0" meta l4proto { tcp, udp } drop; }
}
"""


def measure(options):
    yield resets(options)
    yield rejects(options)
    yield isolation(options)


def resets(options):
    """UDP passes; every ten seconds a RST is forged to both ends of each TCP connection."""
    with pair(relayed=True) as hosts:
        relay = hosts.lab.use_relay()
        at, end = time.monotonic_ns(), time.monotonic() + options.reset
        forged = 0
        while True:
            seen = len(relay.lines)
            relay.tell("reset")
            _, answer = relay.expect(lambda line: line.startswith("ok "), alarms.PATIENCE, seen)
            forged += int(answer.split()[2])
            if time.monotonic() + RESET_EVERY > end:
                break
            time.sleep(RESET_EVERY)
        time.sleep(RESET_EVERY / 2)
        downs = hosts.downs(at)
    return {
        "title": f"a middlebox resets every TCP connection each {RESET_EVERY:g} s for "
                 f"{options.reset:g} s", "asked": "no DOWN",
        "counts": {"forged RSTs": forged, "DOWN at a": downs["a"], "DOWN at b": downs["b"]},
        # Without a connection to reset nothing was shown.
        "held": not any(downs.values()) and forged > 0,
    }


def rejects(options):
    title = "b's firewall rejects everything with ICMP port unreachable"
    if shutil.which("nft") is None:
        return {"title": title, "asked": "UNREACHABLE", "failed": "not installed: nft"}
    reasons, times = [], []
    with pair() as hosts:
        path = hosts.lab.folder / "firewall"
        path.write_text(FIREWALL, encoding="ascii")
        for _ in range(options.few):
            at = time.monotonic_ns()
            run(*hosts.lab.command("b", ["nft", "-f", str(path)]))
            event = hosts.wait(("DOWN",), at)
            run(*hosts.lab.command("b", ["nft", "delete", "table", "inet", "versus"]))
            hosts.recover()
            reasons.append("none" if event is None else event["reason"])
            times.append(None if event is None else (event["at"] - at) / 1e9)
    return {
        "title": title, "asked": "DOWN (UNREACHABLE)",
        "counts": {"reasons": tally(reasons), "slowest, ms": slowest(times)},
        "held": set(reasons) == {"UNREACHABLE"},
    }


def isolation(options):
    """a's own link goes down: it says so of itself, and of b only that it cannot be reached."""
    stories, times = [], []
    with pair() as hosts:
        link = ["ip", "-n", hosts.lab.space("a"), "link", "set", "eth0"]
        for _ in range(options.few):
            at = time.monotonic_ns()
            run(*link, "down")
            down = hosts.wait(("DOWN",), at)
            told = [event for event in hosts.events("a", at) if event["kind"] in WORTH_TELLING]
            run(*link, "up")
            hosts.recover()
            stories.append(" then ".join(f"{event['kind']} {event['reason']}" for event in told))
            times.append(None if down is None else (down["at"] - at) / 1e9)
    return {
        "title": "a's own link goes down", "asked": "SELF_ISOLATED, then DOWN (UNREACHABLE)",
        "counts": {"told": tally(stories), "slowest DOWN, ms": slowest(times)},
        "held": all(
            story.startswith("SELF_ISOLATED") and story.endswith("DOWN UNREACHABLE")
            for story in stories
        ),
    }


WORTH_TELLING = ("SELF_ISOLATED", "DOWN")


def slowest(times):
    known = [time for time in times if time is not None]
    return round(max(known) * 1000) if known else "none"
